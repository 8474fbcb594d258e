"""Accuracies: the share of examples whose predicted class is the true one."""

from __future__ import annotations

from typing import Any

from gemmule import ops
from gemmule.config import floatx
from gemmule.losses.checks import check_class_shapes, check_one_hot, check_same_shape
from gemmule.metrics.counts import check_k
from gemmule.metrics.metric import MeanMetricWrapper
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor


class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.Accuracy()
        >>> m.update_state([[1], [2]], [[1], [0]])
        >>> float(m.result())
        0.5
    """

    direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions lie on the side of the threshold that the targets, 0 or 1, say.

    Args:
        name: its name.
        dtype: only `None`.
        threshold: predictions above it mean 1.

    Example:
        >>> m = gm.metrics.BinaryAccuracy()
        >>> m.update_state([[1], [0]], [[0.8], [0.6]])
        >>> float(m.result())
        0.5
    """

    direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"BinaryAccuracy: threshold must lie between 0 and 1. Received: threshold={threshold}.")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction stands where the one-hot target has its largest value.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.CategoricalAccuracy()
        >>> m.update_state([[0, 1], [1, 0]], [[0.1, 0.9], [0.4, 0.6]])
        >>> float(m.result())
        0.5
    """

    direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction stands at the position the class number says.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.SparseCategoricalAccuracy()
        >>> m.update_state([1, 0], [[0.1, 0.9], [0.4, 0.6]])
        >>> float(m.result())
        0.5
    """

    direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of the one-hot target is among the `k` largest predictions.

    Args:
        k: how many.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `k` is not a positive integer.

    Example:
        >>> m = gm.metrics.TopKCategoricalAccuracy(k=2)
        >>> m.update_state([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.5, 0.1, 0.2]])
        >>> float(m.result())
        0.5
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=check_k(type(self).__name__, "k", k))


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class number of the target is among the `k` largest predictions.

    Args:
        k: how many.
        name: its name.
        dtype: only `None`.
        from_sorted_ids: whether predictions are class numbers, the best first, instead of one score for each class.

    Raises:
        ValueError: if `k` is not a positive integer.

    Example:
        >>> m = gm.metrics.SparseTopKCategoricalAccuracy(k=2)
        >>> m.update_state([2, 1], [[0.1, 0.9, 0.8], [0.5, 0.1, 0.2]])
        >>> float(m.result())
        0.5
    """

    direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        k = check_k(type(self).__name__, "k", k)
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=bool(from_sorted_ids))


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where `y_true == y_pred`, else 0, averaged over the last axis.

    Args:
        y_true: targets, shape `(n, ...)`.
        y_pred: predictions, the same shape.

    Returns:
        Shape `(n, ...)` without the last axis; `(n,)` for shape `(n,)`.
    """
    y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
    check_same_shape("accuracy", y_true.shape, y_pred.shape)
    return _share(ops.equal(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where `y_true == (y_pred > threshold)`, else 0, averaged over the last axis.

    Args:
        y_true: targets, 0 or 1, shape `(n, ...)`.
        y_pred: predictions, the same shape.
        threshold: predictions above it mean 1.

    Returns:
        Shape `(n, ...)` without the last axis; `(n,)` for shape `(n,)`.
    """
    y_pred = as_float(y_pred)
    y_true = as_tensor(as_tensor(y_true), y_pred.dtype)
    check_same_shape("binary_accuracy", y_true.shape, y_pred.shape)
    return _share(ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), y_pred.dtype)))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction and the largest target share their position, else 0.

    Args:
        y_true: one-hot targets, shape `(..., classes)`.
        y_pred: predictions, the same shape.

    Returns:
        Shape `(...)`.
    """
    y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
    check_one_hot("categorical_accuracy", y_true.shape, y_pred.shape)
    return ops.cast(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)), floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction stands at position `y_true`, else 0.

    Args:
        y_true: class numbers, shape `(...)` or `(..., 1)`.
        y_pred: predictions, shape `(..., classes)`.

    Returns:
        Shape `(...)`.
    """
    y_pred, labels = as_tensor(y_pred), as_tensor(as_tensor(y_true), "int32")
    check_class_shapes("sparse_categorical_accuracy", labels.shape, y_pred.shape)
    if labels.ndim == y_pred.ndim:
        labels = ops.squeeze(labels, -1)
    return ops.cast(ops.equal(labels, ops.argmax(y_pred, axis=-1)), floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the largest target is among the `k` largest predictions, else 0.

    Args:
        y_true: one-hot targets, shape `(..., classes)`.
        y_pred: predictions, the same shape.
        k: how many.

    Returns:
        Shape `(...)`.
    """
    y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
    check_one_hot("top_k_categorical_accuracy", y_true.shape, y_pred.shape)
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    """1 where the prediction at position `y_true` is among the `k` largest, else 0.

    Args:
        y_true: class numbers, shape `(...)` or `(..., 1)`. One that is no class is not found, nor is an infinite score.
        y_pred: predictions, shape `(..., classes)`. All that equal the k-th largest count as large as it.
        k: how many.
        from_sorted_ids: whether `y_pred` are class numbers, the best first.

    Returns:
        Shape `(...)`.
    """
    y_pred, labels = as_tensor(y_pred), as_tensor(as_tensor(y_true), "int32")
    check_class_shapes("sparse_top_k_categorical_accuracy", labels.shape, y_pred.shape)
    shape = y_pred.shape[:-1]
    if from_sorted_ids:
        ids = ops.cast(y_pred, "int32")[..., :k]
        return ops.cast(ops.any(ops.equal(ids, ops.reshape(labels, (*shape, 1))), axis=-1), floatx())
    found = ops.in_top_k(ops.ravel(labels), ops.reshape(y_pred, (-1, y_pred.shape[-1])), k)
    return ops.cast(ops.reshape(found, shape), floatx())


def _share(hits: Tensor) -> Tensor:
    """Booleans averaged over the last axis; a tensor of one axis has one value for each example already."""
    ones = ops.cast(hits, floatx())
    if ones.ndim < 2:
        return ones
    return ops.squeeze(ones, -1) if ones.shape[-1] == 1 else ops.mean(ones, axis=-1)
