"""Losses of regression. Each is a class and a function; the function gives one value for each row."""

from __future__ import annotations

from typing import Any

from gemmule import ops
from gemmule.errors import received
from gemmule.losses.loss import SameShapeLoss, float_pair
from gemmule.tensor import Tensor

EPSILON = 1e-7


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


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """`100 * mean(|y_true - y_pred| / max(|y_true|, 1e-7))` over the last axis; arguments as `mean_absolute_error`.

    Example:
        >>> gm.losses.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).numpy()
        array([25.], dtype=float32)
    """
    t, p = float_pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * ops.mean(ops.abs(t - p) / ops.maximum(ops.abs(t), EPSILON), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """`mean((log(1 + y_true) - log(1 + y_pred))²)` over the last axis; arguments as `mean_squared_error`.

    Numbers below 1e-7 count as 1e-7, and the gradient of such predictions is 0, as in Keras.

    Example:
        >>> gm.losses.mean_squared_logarithmic_error([[0.0]], [[1.0]]).numpy().round(4)
        array([0.4805], dtype=float32)
    """
    t, p = float_pair("mean_squared_logarithmic_error", y_true, y_pred)
    logs = [ops.log(ops.maximum(x, EPSILON) + 1.0) for x in (p, t)]
    return ops.mean(ops.square(logs[0] - logs[1]), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """With the error e: `mean(e² / 2 if |e| <= delta else delta * |e| - delta² / 2)` over the last axis.

    Args:
        y_true: targets, shape `(..., d)`.
        y_pred: predictions, the same shape.
        delta: where the square goes over into a line.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.huber([[0.0]], [[3.0]]).numpy()
        array([2.5], dtype=float32)
    """
    t, p = float_pair("huber", y_true, y_pred)
    error = ops.abs(p - t)
    return ops.mean(ops.where(error <= delta, ops.square(error) / 2, delta * error - delta**2 / 2), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """`mean(log(cosh(y_pred - y_true)))` over the last axis; arguments as `mean_squared_error`.

    Computed as `|e| + softplus(-2|e|) - log(2)`, which does not overflow.

    Example:
        >>> gm.losses.log_cosh([[0.0]], [[1.0]]).numpy().round(4)
        array([0.4338], dtype=float32)
    """
    t, p = float_pair("log_cosh", y_true, y_pred)
    error = ops.abs(p - t)
    return ops.mean(error + ops.softplus(error * -2.0) - 0.6931471805599453, axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between targets and predictions: -1 where they point the same way.

    Args:
        y_true: targets.
        y_pred: predictions, the same shape.
        axis: along which the vectors lie.

    Returns:
        The shape without the axis. Vectors shorter than 1e-7 count less; their gradients are finite.

    Example:
        >>> gm.losses.cosine_similarity([[0.0, 2.0]], [[1.0, 1.0]]).numpy().round(4)
        array([-0.7071], dtype=float32)
    """
    t, p = float_pair("cosine_similarity", y_true, y_pred)
    return -ops.sum(ops.normalize(t, axis) * ops.normalize(p, axis), axis=axis)


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

    function = staticmethod(mean_squared_error)


class MeanAbsoluteError(SameShapeLoss):
    """Mean of the absolute differences, `mean(|y_true - y_pred|)` over the last axis; arguments as `MeanSquaredError`.

    Example:
        >>> float(gm.losses.MeanAbsoluteError()([[1.0, 1.0]], [[1.0, 3.0]]))
        1.0
    """

    function = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(SameShapeLoss):
    """See `mean_absolute_percentage_error`; arguments as `MeanSquaredError`.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006.

    Example:
        >>> float(gm.losses.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
        25.0
    """

    function = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(SameShapeLoss):
    """See `mean_squared_logarithmic_error`; arguments as `MeanSquaredError`.

    Example:
        >>> round(float(gm.losses.MeanSquaredLogarithmicError()([[0.0]], [[1.0]])), 4)
        0.4805
    """

    function = staticmethod(mean_squared_logarithmic_error)


class Huber(SameShapeLoss):
    """A square near the target, a line beyond `delta` (Huber 1964), so that outliers count less.

    PyTorch's `HuberLoss` is the same; its `SmoothL1Loss` is this divided by `delta`.

    Args:
        delta: where the square goes over into a line.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `delta` is not positive.

    Example:
        >>> float(gm.losses.Huber()([[0.0]], [[3.0]]))
        2.5
    """

    function = staticmethod(huber)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        if not delta > 0:
            raise ValueError(f"Huber: delta must be positive.{received(delta=delta)}")
        super().__init__(reduction, name, dtype, delta=float(delta))


class LogCosh(SameShapeLoss):
    """`mean(log(cosh(error)))`: like half the square of small errors, like the size of large ones.

    Arguments as `MeanSquaredError`.

    Source: Green, "Bayesian Reconstructions from Emission Tomography Data", 1990.

    Example:
        >>> round(float(gm.losses.LogCosh()([[0.0]], [[1.0]])), 4)
        0.4338
    """

    function = staticmethod(log_cosh)


class CosineSimilarity(SameShapeLoss):
    """Minus the cosine of the angle between targets and predictions, from -1 (same direction) to 1.

    PyTorch's `CosineEmbeddingLoss` is one more than this.

    Args:
        axis: along which the vectors lie.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, ch. 6.

    Example:
        >>> round(float(gm.losses.CosineSimilarity()([[0.0, 2.0]], [[1.0, 1.0]])), 4)
        -0.7071
    """

    function = staticmethod(cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, axis=axis)
