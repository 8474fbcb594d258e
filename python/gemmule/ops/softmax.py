"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.registry import op
from gemmule.ops.reshaping import reshape, transpose
from gemmule.ops.shapes import as_float, empty_like, normalize_axes, normalize_axis
from gemmule.scope import where
from gemmule.tensor import Tensor


@op
def softmax(x: Any, axis: int | Sequence[int] = -1) -> Tensor:
    """Probabilities from scores: `y = exp(x) / sum(exp(x))` along an axis, computed as `exp(x - max(x))`.

    Over the last axis, the result remembers `x`, from which losses are computed stably.

    Args:
        x: a tensor, array or list with at least one dimension.
        axis: the axis that sums to one, or several that do so together.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `axis` does not exist.

    Example:
        >>> gm.ops.softmax([0.0, 0.0]).numpy()
        array([0.5, 0.5], dtype=float32)
    """
    return _along(softmax, "softmax", x, axis)


@op
def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Tensor:
    """Logarithm of the softmax: `y = x - max(x) - log(sum(exp(x - max(x))))`, without overflow.

    Args:
        x: a tensor, array or list with at least one dimension.
        axis: the axis, or the axes together, along which `exp(y)` sums to one.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `axis` does not exist.

    Example:
        >>> gm.ops.log_softmax([0.0, 0.0]).numpy()
        array([-0.6931472, -0.6931472], dtype=float32)
    """
    return _along(log_softmax, "log_softmax", x, axis)


def _along(function: Any, name: str, x: Any, axis: int | Sequence[int]) -> Tensor:
    x = as_float(x)
    if x.ndim == 0:
        raise ValueError(f"{where(name)}: needs at least one dimension.{received(x=x)}")
    if isinstance(axis, (list, tuple)) and len(axis) != 1:
        return _along_several(function, name, x, axis)
    axis = normalize_axis(name, axis[0] if isinstance(axis, (list, tuple)) else axis, x.ndim)
    if axis == x.ndim - 1:
        return _last_axis(name, x)
    swapped = list(range(x.ndim))
    swapped[axis], swapped[-1] = swapped[-1], swapped[axis]
    return transpose(function(transpose(x, swapped)), swapped)


def _along_several(function: Any, name: str, x: Tensor, axis: Sequence[int]) -> Tensor:
    if not axis:
        raise ValueError(f"{where(name)}: needs at least one axis.{received(axis=axis)}")
    axes = normalize_axes(name, axis, x.ndim)
    order = [a for a in range(x.ndim) if a not in axes] + list(axes)
    moved = transpose(x, order)
    flat = reshape(moved, (*moved.shape[: -len(axes)], prod(moved.shape[-len(axes) :])))
    return transpose(reshape(function(flat), moved.shape), [order.index(a) for a in range(x.ndim)])


def _last_axis(name: str, x: Tensor) -> Tensor:
    y = empty_like(x)
    execute(f"{name}_forward", [y.array], [x.array])

    def backward(grad: Gradients) -> None:
        execute(f"{name}_backward", [grad.buffer(0)], [grad.d, y.array])

    if name == "softmax":
        y.logits, y.logits_op = x, "softmax"
    return record(y, (x,), backward, name)
