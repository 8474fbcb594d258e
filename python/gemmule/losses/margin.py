"""Losses with a margin: what support vector machines minimise. Predictions are scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.losses.checks import check_class_shapes, check_classes, check_one_hot
from gemmule.losses.loss import Loss, SameShapeLoss, float_pair
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """`mean(max(1 - y_true * y_pred, 0))` over the last axis.

    Args:
        y_true: -1 or 1, shape `(..., d)`. Targets that are all 0 or 1 are taken for -1 and 1.
        y_pred: scores, the same shape.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.hinge([[1.0, -1.0]], [[0.5, -2.0]]).numpy()
        array([0.25], dtype=float32)
    """
    return ops.mean(_margins("hinge", y_true, y_pred), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """`mean(max(1 - y_true * y_pred, 0)²)` over the last axis; arguments as `hinge`.

    Example:
        >>> gm.losses.squared_hinge([[1.0, -1.0]], [[0.5, -2.0]]).numpy()
        array([0.125], dtype=float32)
    """
    return ops.mean(ops.square(_margins("squared_hinge", y_true, y_pred)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """`max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0)` over the last axis.

    Args:
        y_true: one-hot targets, shape `(..., classes)`.
        y_pred: scores, the same shape. The "largest other score" is at least 0, as in Keras.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.categorical_hinge([[0.0, 1.0]], [[0.75, 1.0]]).numpy()
        array([0.75], dtype=float32)
    """
    p = as_float(y_pred)
    t = as_tensor(as_tensor(y_true), p.dtype)
    check_one_hot("categorical_hinge", t.shape, p.shape)
    other = ops.max((1.0 - t) * p, axis=-1)
    return ops.maximum(other - ops.sum(t * p, axis=-1) + 1.0, 0.0)


def multiclass_hinge(y_true: Any, y_pred: Any, margin: float = 1.0) -> Tensor:
    """`sum(max(s[j] - s[label] + margin, 0) for j != label)` over the last axis.

    Args:
        y_true: class numbers, shape `(...)` or `(..., 1)`.
        y_pred: scores, shape `(..., classes)`.
        margin: by how much the label's score should exceed the others.

    Returns:
        Shape `(...)`. A label that is no class gives NaN.

    Example:
        >>> gm.losses.multiclass_hinge([0], [[3.0, 5.0, -2.0]]).numpy()
        array([3.], dtype=float32)
    """
    scores, labels = as_float(y_pred), as_tensor(as_tensor(y_true), "int32")
    check_class_shapes("multiclass_hinge", labels.shape, scores.shape)
    if labels.ndim == scores.ndim:
        labels = ops.squeeze(labels, -1)
    here = ops.one_hot(labels, scores.shape[-1], dtype=scores.dtype)
    found = ops.sum(here, axis=-1, keepdims=True)
    own = ops.sum(here * scores, axis=-1, keepdims=True) * ops.where(ops.equal(found, 1.0), 1.0, np.nan)
    return ops.sum(ops.maximum(scores - own + margin, 0.0) * (1.0 - here), axis=-1)


class Hinge(SameShapeLoss):
    """Hinge loss of targets -1 and 1, `mean(max(1 - y_true * y_pred, 0))`: a linear support vector machine.

    Args:
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Source: Cortes and Vapnik, "Support-Vector Networks", 1995.

    Example:
        >>> float(gm.losses.Hinge()([[1.0, -1.0]], [[0.5, -2.0]]))
        0.25
    """

    function = staticmethod(hinge)
    allowed = (-1, 1, "Targets of this loss are -1 and 1, or 0 and 1. For class numbers use multiclass_hinge.")


class SquaredHinge(SameShapeLoss):
    """As `Hinge`, with the margins squared.

    Source: Tang, "Deep Learning using Linear Support Vector Machines", 2013.

    Example:
        >>> float(gm.losses.SquaredHinge()([[1.0, -1.0]], [[0.5, -2.0]]))
        0.125
    """

    function = staticmethod(squared_hinge)
    allowed = Hinge.allowed


class CategoricalHinge(SameShapeLoss):
    """By how much the largest other score comes too near to that of the one-hot target; see `categorical_hinge`.

    The margin is 1; Crammer and Singer (2001), but for the 0 among the other scores. Arguments as `Hinge`.

    Example:
        >>> float(gm.losses.CategoricalHinge()([[0.0, 1.0]], [[0.75, 1.0]]))
        0.75
    """

    function = staticmethod(categorical_hinge)

    def _check_shapes(self, targets: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        check_one_hot(self.name, targets, outputs)


class MulticlassHinge(Loss):
    """Multi-class support vector machine: `sum(max(s[j] - s[label] + margin, 0) for j != label)`.

    The sum of margins of Weston and Watkins (1999) as taught in CS231n. Keras has no name for it; PyTorch's
    `MultiMarginLoss` divides it by the number of classes.

    Args:
        margin: by how much the label's score should exceed the others.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `margin` is negative.

    Example:
        >>> float(gm.losses.MulticlassHinge()([0], [[3.0, 5.0, -2.0]]))
        3.0
    """

    wants_class_numbers = True

    def __init__(
        self,
        margin: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "multiclass_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        if not margin >= 0:
            raise ValueError(f"MulticlassHinge: margin must not be negative.{received(margin=margin)}")
        self.margin = float(margin)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:  # noqa: D102
        return multiclass_hinge(y_true, y_pred, self.margin)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        check_classes(self.name, y, (None, *output_shape[1:]))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"margin": self.margin}


def _margins(name: str, y_true: Any, y_pred: Any) -> Tensor:
    t, p = float_pair(name, y_true, y_pred)
    binary = ops.all(ops.logical_or(ops.equal(t, 0.0), ops.equal(t, 1.0)))
    return ops.maximum(1.0 - ops.where(binary, 2.0 * t - 1.0, t) * p, 0.0)
