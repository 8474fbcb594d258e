"""Losses of regression."""

from __future__ import annotations

from typing import Any

from gemmule import ops
from gemmule.losses.loss import SameShapeLoss, float_pair
from gemmule.tensor import Tensor


class MeanSquaredError(SameShapeLoss):
    """Mean of the squared differences, `mean((y_true - y_pred)²)` over the last axis.

    Args:
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Example:
        >>> float(gm.losses.MeanSquaredError()([[1.0, 1.0]], [[1.0, 3.0]]))
        2.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def _rows(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return mean_squared_error(y_true, y_pred)


class MeanAbsoluteError(SameShapeLoss):
    """Mean of the absolute differences, `mean(|y_true - y_pred|)` over the last axis.

    Args:
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Example:
        >>> float(gm.losses.MeanAbsoluteError()([[1.0, 1.0]], [[1.0, 3.0]]))
        1.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def _rows(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return mean_absolute_error(y_true, y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """`mean((y_true - y_pred)²)` over the last axis.

    Args:
        y_true: targets, shape `(..., d)`.
        y_pred: predictions, the same shape.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.mean_squared_error([[1.0, 1.0]], [[1.0, 3.0]]).numpy()
        array([2.], dtype=float32)
    """
    y_true, y_pred = float_pair("mean_squared_error", y_true, y_pred)
    return ops.mean_squared_error(y_pred, y_true)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """`mean(|y_true - y_pred|)` over the last axis.

    Args:
        y_true: targets, shape `(..., d)`.
        y_pred: predictions, the same shape.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.mean_absolute_error([[1.0, 1.0]], [[1.0, 3.0]]).numpy()
        array([1.], dtype=float32)
    """
    y_true, y_pred = float_pair("mean_absolute_error", y_true, y_pred)
    return ops.mean_absolute_error(y_pred, y_true)
