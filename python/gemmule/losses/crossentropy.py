"""Cross-entropies: losses of classification.

They look for the scores a softmax or sigmoid was computed from and use the kernels fused with it, so that
`from_logits=False` costs neither accuracy nor time. Other probabilities are kept away from 0 and 1, as in Keras.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import GemmuleWarning, not_yet, received
from gemmule.losses.checks import check_binary, check_class_shapes, check_classes, check_one_hot
from gemmule.losses.loss import Loss, SameShapeLoss, float_pair
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor

EPSILON = 1e-7


class BinaryCrossentropy(SameShapeLoss):
    """Cross-entropy of yes-or-no targets, `-mean(t * log(p) + (1 - t) * log(1 - p))` over the last axis.

    Args:
        from_logits: whether predictions are scores, to be put through a sigmoid, instead of probabilities.
        label_smoothing: moves targets this far towards one half: `t * (1 - s) + s / 2`.
        axis: only -1.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `label_smoothing` is not between 0 and 1.

    Example:
        >>> round(float(gm.losses.BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        _require_last_axis(self.name, axis)
        self.from_logits, self.label_smoothing = bool(from_logits), _smoothing(label_smoothing)

    def _rows(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        super().check_targets(y, output_shape)
        check_binary(self.name, y)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


class CategoricalCrossentropy(Loss):
    """Cross-entropy of one-hot targets (or probabilities of classes), `-sum(t * log(p))` over the last axis.

    Args:
        from_logits: whether predictions are scores, to be put through a softmax, instead of probabilities.
        label_smoothing: moves targets this far towards the uniform distribution: `t * (1 - s) + s / classes`.
        axis: only -1.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `label_smoothing` is not between 0 and 1.

    Example:
        >>> round(float(gm.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        _require_last_axis(self.name, axis)
        self.from_logits, self.label_smoothing = bool(from_logits), _smoothing(label_smoothing)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:  # noqa: D102
        check_one_hot(self.name, y_true.shape, y_pred.shape)
        return categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        check_one_hot(self.name, y.shape, (None, *output_shape[1:]))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of class numbers, `-log(p[label])`.

    Args:
        from_logits: whether predictions are scores, to be put through a softmax, instead of probabilities.
        ignore_class: only `None`.
        reduction: see `Loss`.
        axis: only -1.
        name: its name.
        dtype: only `None`.

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
        _require_last_axis(self.name, axis)
        if ignore_class is not None:
            raise not_yet("SparseCategoricalCrossentropy(ignore_class=...)")
        self.from_logits = bool(from_logits)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:  # noqa: D102
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        check_classes(self.name, y, (None, *output_shape[1:]))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"from_logits": self.from_logits}


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """`-mean(t * log(p) + (1 - t) * log(1 - p))` over the last axis.

    Args:
        y_true: targets between 0 and 1, shape `(..., d)`.
        y_pred: probabilities, or scores with `from_logits`, the same shape.
        from_logits: whether `y_pred` are scores before a sigmoid.
        label_smoothing: moves targets this far towards one half.
        axis: only -1.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.binary_crossentropy([[1.0]], [[0.0]], from_logits=True).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "binary_crossentropy"
    _require_last_axis(name, axis)
    t, p = float_pair(name, y_true, y_pred)
    if label_smoothing := _smoothing(label_smoothing):
        t = t * (1 - label_smoothing) + label_smoothing / 2
    logits = _logits(name, p, from_logits, "sigmoid")
    if logits is not None:
        losses = ops.sigmoid_crossentropy(logits, t)
    else:
        p = ops.clip(p, EPSILON, 1 - EPSILON)
        losses = -(t * ops.log(p) + (1 - t) * ops.log(1 - p))
    return ops.squeeze(losses, -1) if losses.shape[-1] == 1 else ops.mean(losses, axis=-1)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """`-sum(t * log(p))` over the last axis.

    Args:
        y_true: one-hot targets or probabilities, shape `(..., classes)`.
        y_pred: probabilities (normalised here), or scores with `from_logits`, the same shape.
        from_logits: whether `y_pred` are scores before a softmax.
        label_smoothing: moves targets this far towards the uniform distribution.
        axis: only -1.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "categorical_crossentropy"
    _require_last_axis(name, axis)
    p = as_float(y_pred)
    t = as_tensor(as_tensor(y_true), p.dtype)
    check_one_hot(name, t.shape, p.shape)
    if label_smoothing := _smoothing(label_smoothing):
        t = t * (1 - label_smoothing) + label_smoothing / t.shape[-1]
    return ops.softmax_crossentropy(_class_scores(name, p, from_logits), t)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """`-log(p[label])` over the last axis.

    Args:
        y_true: class numbers, shape `(...)` or `(..., 1)`.
        y_pred: probabilities (normalised here), or scores with `from_logits`, shape `(..., classes)`.
        from_logits: whether `y_pred` are scores before a softmax.
        ignore_class: only `None`.
        axis: only -1.

    Returns:
        Shape `(...)`. A label that is no class gives NaN.

    Example:
        >>> gm.losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "sparse_categorical_crossentropy"
    _require_last_axis(name, axis)
    if ignore_class is not None:
        raise not_yet("sparse_categorical_crossentropy(ignore_class=...)")
    p, labels = as_float(y_pred), as_tensor(as_tensor(y_true), "int32")
    check_class_shapes(name, labels.shape, p.shape)
    if labels.ndim == p.ndim:
        labels = ops.squeeze(labels, -1)
    return ops.sparse_softmax_crossentropy(_class_scores(name, p, from_logits), labels)


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


def _class_scores(name: str, y_pred: Tensor, from_logits: bool) -> Tensor:
    """Scores whose softmax are the predicted probabilities."""
    logits = _logits(name, y_pred, from_logits, "softmax")
    return ops.log(ops.clip(y_pred, EPSILON, 1 - EPSILON)) if logits is None else logits


def _require_last_axis(name: str, axis: int) -> None:
    if axis != -1:
        raise not_yet(f"{name}(axis={axis})")


def _smoothing(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ValueError(f"label_smoothing must be a number from 0 to 1.{received(label_smoothing=value)}")
    return float(value)
