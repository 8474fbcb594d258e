"""Cross-entropies: losses of classification.

They look for the scores a softmax or sigmoid was computed from and use the kernels fused with it, so that
`from_logits=False` costs neither accuracy nor time. Other probabilities are kept away from 0 and 1, as in Keras.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import GemmuleWarning, received
from gemmule.losses.checks import Shape, check_binary, check_class_shapes, check_classes, check_one_hot
from gemmule.losses.loss import Loss, SameShapeLoss, float_pair
from gemmule.ops.shapes import as_float, as_tensor, normalize_axis
from gemmule.tensor import Tensor

EPSILON = 1e-7


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """`-mean(t * log(p) + (1 - t) * log(1 - p))` over an axis, the last by default.

    Args:
        y_true: targets between 0 and 1, shape `(..., d)`.
        y_pred: probabilities, or scores with `from_logits`, the same shape.
        from_logits: whether `y_pred` are scores before a sigmoid.
        label_smoothing: moves targets this far towards one half.
        axis: the axis averaged over.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.binary_crossentropy([[1.0]], [[0.0]], from_logits=True).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "binary_crossentropy"
    t, p = float_pair(name, y_true, y_pred)
    losses = binary_values(name, smoothed_binary(t, label_smoothing), p, from_logits)
    return ops.squeeze(losses, axis) if losses.shape[axis] == 1 else ops.mean(losses, axis=axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """`-sum(t * log(p))` over the last axis.

    Args:
        y_true: one-hot targets or probabilities, shape `(..., classes)`.
        y_pred: probabilities (normalised here), or scores with `from_logits`, the same shape.
        from_logits: whether `y_pred` are scores before a softmax.
        label_smoothing: moves targets this far towards the uniform distribution.
        axis: the axis of the classes.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "categorical_crossentropy"
    t, p = one_hot_pair(name, y_true, y_pred, label_smoothing, axis)
    return ops.softmax_crossentropy(class_scores(name, p, from_logits), t)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """`-log(p[label])` over the last axis.

    Args:
        y_true: class numbers, shape `(...)` or `(..., 1)`.
        y_pred: probabilities (normalised here), or scores with `from_logits`, shape `(..., classes)`.
        from_logits: whether `y_pred` are scores before a softmax.
        ignore_class: targets of this number give 0.
        axis: the axis of the classes.

    Returns:
        Shape `(...)`. A label that is no class gives NaN.

    Example:
        >>> gm.losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "sparse_categorical_crossentropy"
    p, labels = as_float(y_pred), as_tensor(as_tensor(y_true), "int32")
    if labels.ndim == p.ndim:
        labels = moved(labels, axis)
    p = moved(p, axis)
    check_class_shapes(name, labels.shape, p.shape)
    if labels.ndim == p.ndim:
        labels = ops.squeeze(labels, -1)
    scores = class_scores(name, p, from_logits)
    if ignore_class is None:
        return ops.sparse_softmax_crossentropy(scores, labels)
    counts = ops.not_equal(labels, ignore_class)
    return ops.where(counts, ops.sparse_softmax_crossentropy(scores, ops.where(counts, labels, 0)), 0.0)


class BinaryCrossentropy(SameShapeLoss):
    """Cross-entropy of yes-or-no targets, `-mean(t * log(p) + (1 - t) * log(1 - p))` over the last axis.

    Args:
        from_logits: whether predictions are scores, to be put through a sigmoid, instead of probabilities.
        label_smoothing: moves targets this far towards one half: `t * (1 - s) + s / 2`.
        axis: the axis averaged over.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `label_smoothing` is not between 0 and 1.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2; label smoothing: Szegedy et al., 2016.

    Example:
        >>> round(float(gm.losses.BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]])), 4)
        0.6931
    """

    function = staticmethod(binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        smoothing = check_smoothing(label_smoothing)
        super().__init__(reduction, name, dtype, from_logits=bool(from_logits), label_smoothing=smoothing, axis=axis)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        super().check_targets(y, output_shape)
        check_binary(self.name, y)


class CategoricalCrossentropy(SameShapeLoss):
    """Cross-entropy of one-hot targets (or probabilities of classes), `-sum(t * log(p))` over the last axis.

    Args:
        from_logits: whether predictions are scores, to be put through a softmax, instead of probabilities.
        label_smoothing: moves targets this far towards the uniform distribution: `t * (1 - s) + s / classes`.
        axis: the axis of the classes.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `label_smoothing` is not between 0 and 1.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2; label smoothing: Szegedy et al., 2016.

    Example:
        >>> round(float(gm.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    function = staticmethod(categorical_crossentropy)
    axis: int

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        smoothing = check_smoothing(label_smoothing)
        super().__init__(reduction, name, dtype, from_logits=bool(from_logits), label_smoothing=smoothing, axis=axis)

    def _check_shapes(self, targets: Shape, outputs: Shape) -> None:
        check_one_hot(self.name, moved_shape(targets, self.axis), moved_shape(outputs, self.axis))


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of class numbers, `-log(p[label])`.

    Args:
        from_logits: whether predictions are scores, to be put through a softmax, instead of probabilities.
        ignore_class: targets of this number, such as -1 or 255, count nothing: the mean is over the others.
        reduction: see `Loss`.
        axis: the axis of the classes.
        name: its name.
        dtype: only `None`.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.

    Example:
        >>> round(float(gm.losses.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    wants_class_numbers = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits, self.ignore_class, self.axis = bool(from_logits), ignore_class, axis

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:  # noqa: D102
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)

    def mask(self, y_true: Any, values: Tensor) -> Tensor | None:  # noqa: D102
        if self.ignore_class is None:
            return None
        counts = ops.not_equal(as_tensor(as_tensor(y_true), "int32"), self.ignore_class)
        return ops.reshape(ops.cast(counts, values.dtype), values.shape)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        if y.ndim == len(output_shape) > 0:
            y = np.moveaxis(y, self.axis, -1)
        if self.ignore_class is not None:
            y = np.where(y == self.ignore_class, 0, y)
        check_classes(self.name, y, moved_shape((None, *output_shape[1:]), self.axis))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        own = {"from_logits": self.from_logits, "ignore_class": self.ignore_class, "axis": self.axis}
        return super().get_config() | own


def _logits(name: str, y_pred: Tensor, from_logits: bool, op: str) -> Tensor | None:
    """The scores to use, when the predictions are scores or known to come from them by `op`."""
    if not from_logits:
        return y_pred.logits if y_pred.logits_op == op else None
    if y_pred.logits is not None:
        warnings.warn(
            f"{name} was made with from_logits=True, but the predictions have gone through a {y_pred.logits_op} and "
            "are probabilities. Remove that activation from the last layer, or use from_logits=False.",
            GemmuleWarning,
            stacklevel=4,
        )
    return y_pred


def class_scores(name: str, y_pred: Tensor, from_logits: bool) -> Tensor:
    """Scores whose softmax are the predicted probabilities."""
    logits = _logits(name, y_pred, from_logits, "softmax")
    return ops.log(ops.clip(y_pred, EPSILON, 1 - EPSILON)) if logits is None else logits


def binary_values(name: str, t: Tensor, p: Tensor, from_logits: bool) -> Tensor:
    """The cross-entropy of each yes-or-no target."""
    logits = _logits(name, p, from_logits, "sigmoid")
    if logits is not None:
        return ops.sigmoid_crossentropy(logits, t)
    p = ops.clip(p, EPSILON, 1 - EPSILON)
    return -(t * ops.log(p) + (1 - t) * ops.log(1 - p))


def one_hot_pair(name: str, y_true: Any, y_pred: Any, label_smoothing: float, axis: int) -> tuple[Tensor, Tensor]:
    """Smoothed targets and predictions, their classes along the last axis."""
    p = moved(as_float(y_pred), axis)
    t = moved(as_tensor(as_tensor(y_true), p.dtype), axis)
    check_one_hot(name, t.shape, p.shape)
    if label_smoothing := check_smoothing(label_smoothing):
        t = t * (1 - label_smoothing) + label_smoothing / t.shape[-1]
    return t, p


def smoothed_binary(t: Tensor, label_smoothing: float) -> Tensor:
    """Targets that far towards one half."""
    smoothing = check_smoothing(label_smoothing)
    return t * (1 - smoothing) + smoothing / 2 if smoothing else t


def moved(x: Tensor, axis: int) -> Tensor:
    """`x` with that axis last."""
    return x if axis == -1 else ops.transpose(x, moved_shape(tuple(range(x.ndim)), axis))


def moved_shape(shape: Shape, axis: int) -> Shape:
    """The shape with that axis last."""
    axis = normalize_axis("axis of the classes", axis, len(shape))
    return (*shape[:axis], *shape[axis + 1 :], shape[axis])


def check_smoothing(value: Any) -> float:
    """A label smoothing as a number.

    Raises:
        ValueError: if it is not between 0 and 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ValueError(f"label_smoothing must be a number from 0 to 1.{received(label_smoothing=value)}")
    return float(value)
