"""Focal cross-entropies: examples that are predicted well count little (Lin et al. 2017, "Focal Loss")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.losses.checks import Shape, check_binary, check_one_hot
from gemmule.losses.crossentropy import (
    EPSILON,
    binary_values,
    check_smoothing,
    class_scores,
    moved_shape,
    one_hot_pair,
    smoothed_binary,
)
from gemmule.losses.loss import SameShapeLoss, float_pair
from gemmule.tensor import Tensor


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """`mean((1 - q)**gamma * crossentropy)`, where `q = t * p + (1 - t) * (1 - p)`.

    Args:
        y_true: targets between 0 and 1.
        y_pred: probabilities, or scores with `from_logits`, the same shape.
        apply_class_balancing: whether to multiply by `alpha` where the target is 1 and by `1 - alpha` where it is 0.
        alpha: see there.
        gamma: how little what is predicted well counts; 0 is the plain cross-entropy.
        from_logits: whether `y_pred` are scores before a sigmoid.
        label_smoothing: moves targets this far towards one half.
        axis: the axis averaged over.

    Returns:
        The shape without the axis.

    Example:
        >>> gm.losses.binary_focal_crossentropy([[1.0]], [[0.5]]).numpy().round(4)
        array([0.1733], dtype=float32)
    """
    name = "binary_focal_crossentropy"
    t, p = float_pair(name, y_true, y_pred)
    t = smoothed_binary(t, label_smoothing)
    losses = binary_values(name, t, p, from_logits)
    p = ops.sigmoid(p) if from_logits else p
    losses = _modulation(t * p + (1 - t) * (1 - p), gamma) * losses
    if apply_class_balancing:
        losses = (t * alpha + (1 - t) * (1 - alpha)) * losses
    return ops.mean(losses, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """`-sum(alpha * (1 - p)**gamma * t * log(p))` over the axis of the classes.

    Args:
        y_true: one-hot targets.
        y_pred: probabilities (normalised here), or scores with `from_logits`, the same shape.
        alpha: a factor for all classes, or one for each.
        gamma: how little what is predicted well counts.
        from_logits: whether `y_pred` are scores before a softmax.
        label_smoothing: moves targets this far towards the uniform distribution.
        axis: the axis of the classes.

    Returns:
        The shape without the axis.

    Example:
        >>> gm.losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
        array([0.0433], dtype=float32)
    """
    name = "categorical_focal_crossentropy"
    t, p = one_hot_pair(name, y_true, y_pred, label_smoothing, axis)
    logs = ops.log_softmax(class_scores(name, p, from_logits))
    factor = _modulation(ops.exp(logs), gamma) * np.asarray(alpha, p.dtype)
    return ops.sum(-factor * t * logs, axis=-1)


class BinaryFocalCrossentropy(SameShapeLoss):
    """Cross-entropy of yes-or-no targets times `(1 - q)**gamma`, q the probability given to the truth.

    Args:
        apply_class_balancing: whether to multiply by `alpha` where the target is 1 and by `1 - alpha` where it is 0.
        alpha: see there.
        gamma: how little what is predicted well counts; 0 is the plain cross-entropy.
        from_logits: whether predictions are scores, to be put through a sigmoid.
        label_smoothing: moves targets this far towards one half.
        axis: the axis averaged over.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `gamma` is negative or `label_smoothing` not between 0 and 1.

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Example:
        >>> round(float(gm.losses.BinaryFocalCrossentropy()([[1.0]], [[0.5]])), 4)
        0.1733
    """

    function = staticmethod(binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        settings = {"alpha": alpha, "gamma": _check_gamma(gamma), "from_logits": bool(from_logits)}
        settings |= {"label_smoothing": check_smoothing(label_smoothing), "axis": axis}
        super().__init__(reduction, name, dtype, apply_class_balancing=bool(apply_class_balancing), **settings)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        super().check_targets(y, output_shape)
        check_binary(self.name, y)


class CategoricalFocalCrossentropy(SameShapeLoss):
    """Cross-entropy of one-hot targets times `alpha * (1 - p)**gamma`.

    Args:
        alpha: a factor for all classes, or one for each.
        gamma: how little what is predicted well counts.
        from_logits: whether predictions are scores, to be put through a softmax.
        label_smoothing: moves targets this far towards the uniform distribution.
        axis: the axis of the classes.
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: if `gamma` is negative or `label_smoothing` not between 0 and 1.

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Example:
        >>> round(float(gm.losses.CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.0433
    """

    function = staticmethod(categorical_focal_crossentropy)
    axis: int

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        settings = {"gamma": _check_gamma(gamma), "from_logits": bool(from_logits)}
        settings |= {"label_smoothing": check_smoothing(label_smoothing), "axis": axis}
        super().__init__(reduction, name, dtype, alpha=alpha, **settings)

    def _check_shapes(self, targets: Shape, outputs: Shape) -> None:
        check_one_hot(self.name, moved_shape(targets, self.axis), moved_shape(outputs, self.axis))


def _modulation(probability: Tensor, gamma: float) -> Tensor:
    """`(1 - q)**gamma`; the root of a fractional power is kept away from 0, where its slope is infinite."""
    return ops.power(ops.maximum(1.0 - probability, EPSILON**2), gamma)


def _check_gamma(gamma: Any) -> float:
    if not gamma >= 0:
        raise ValueError(f"gamma of a focal cross-entropy must not be negative.{received(gamma=gamma)}")
    return float(gamma)
