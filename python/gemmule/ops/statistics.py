"""Spread, norms, weighted means, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.ops.arranging import broadcast_to, flip
from gemmule.ops.conv2d import conv1d
from gemmule.ops.counting import bincount
from gemmule.ops.creation import stop_gradient
from gemmule.ops.elementwise import add, divide, maximum, multiply, power, subtract
from gemmule.ops.logic import equal, less, logical_and, not_equal, where
from gemmule.ops.reduce import Axis, max, mean, min, sum
from gemmule.ops.registry import op, reading_op
from gemmule.ops.reshaping import expand_dims, pad, reshape
from gemmule.ops.shapes import as_float, as_tensor, as_tensors, normalize_axes
from gemmule.ops.sort import searchsorted
from gemmule.ops.unary import abs, exp, log, sqrt, square
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance over axes: mean square of the distances from the mean. (PyTorch divides by n - 1 by default.)

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> float(gm.ops.var([1.0, 3.0]))
        1.0
    """
    x = as_float(x)
    return mean(square(subtract(x, mean(x, axis, keepdims=True))), axis, keepdims)


@op
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes: root of `var`. Its slope is infinite where all elements are equal.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> float(gm.ops.std([1.0, 3.0]))
        1.0
    """
    return sqrt(var(x, axis, keepdims))


@op
def moments(x: Any, axes: Axis, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        axes: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        The two floating tensors.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> [float(moment) for moment in gm.ops.moments([1.0, 3.0], None)]
        [2.0, 1.0]
    """
    return mean(x, axes, keepdims), var(x, axes, keepdims)


@op
def average(x: Any, axis: Axis = None, weights: Any = None) -> Tensor:
    """Weighted mean over axes, `Σ w x / Σ w`.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        weights: like `x`, or one for each entry of the axis; all equal by default.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if axis or weights do not fit.

    Example:
        >>> float(gm.ops.average([1.0, 5.0], weights=[3.0, 1.0]))
        2.0
    """
    if weights is None:
        return mean(x, axis)
    x, w = (as_float(t) for t in as_tensors(x, weights))
    axes = normalize_axes("average", axis, x.ndim)
    if w.ndim == 1 != x.ndim and len(axes) == 1 and w.size == x.shape[axes[0]]:
        w = reshape(w, [w.size if i in axes else 1 for i in range(x.ndim)])
    elif w.shape != x.shape:
        raise ValueError(
            f"{at('average')}: weights have the shape of x, or one entry for each along the axis."
            f"{received(x=x, weights=w, axis=axis)}"
        )
    w = broadcast_to(w, x.shape)
    return divide(sum(multiply(x, w), axis), sum(w, axis))


@op
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`log(Σ exp(x))` over axes, without overflow.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if an axis does not exist, or there are no elements.

    Example:
        >>> round(float(gm.ops.logsumexp([1000.0, 1000.0])), 3)
        1000.693
    """
    x = as_float(x)
    axes = normalize_axes("logsumexp", axis, x.ndim)
    if 0 in [x.shape[i] for i in axes]:
        raise ValueError(f"{at('logsumexp')}: there is no logarithm of a sum of nothing.{received(x=x, axis=axis)}")
    largest = stop_gradient(max(x, axes, keepdims=True))
    shift = where(equal(subtract(largest, largest), 0), largest, 0.0)  # infinities stay where they are
    y = add(log(sum(exp(subtract(x, shift)), axes, keepdims=True)), shift)
    return y if keepdims else reshape(y, [n for i, n in enumerate(x.shape) if i not in axes])


@op
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Length of vectors: root of the sum of squares, or another norm. The gradient at the zero vector is NaN.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        ord: `None`, 2 or `"fro"`: root of the sum of squares; 1: sum of magnitudes; `inf`, `-inf`: largest, smallest
            magnitude; 0: how many are not zero; p: `(Σ |x|**p) ** (1 / p)`.
        axis: one axis; two for a matrix, whose norm may be `None`, `"fro"`, 1, -1, `inf` or `-inf` (largest and
            smallest sums of columns and rows); `None` for all elements.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if the axis does not exist or there is no such norm. Those by singular values are not there.

    Example:
        >>> float(gm.ops.norm([3.0, 4.0]))
        5.0
    """
    x = as_float(x)
    axes = tuple(range(x.ndim)) if axis is None else tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    normalize_axes("norm", axes, x.ndim)
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return sqrt(sum(square(x), axes, keepdims))
    if isinstance(ord, str) or len(axes) > 2 or (len(axes) == 2 and ord not in (1, -1, np.inf, -np.inf)):
        raise ValueError(f"{at('norm')}: there is no such norm.{received(ord=ord, axis=axis, shape=x.shape)}")
    sizes = abs(x)
    if len(axes) == 2:
        rows, columns = axes[:: 1 if ord in (1, -1) else -1]
        sizes = sum(sizes, rows, keepdims=True)
        y = (max if ord > 0 else min)(sizes, columns, keepdims=True)
        return y if keepdims else reshape(y, sum(x, axes).shape)
    if ord in (np.inf, -np.inf):
        return (max if ord > 0 else min)(sizes, axes, keepdims)
    if ord == 0:
        return sum(as_tensor(not_equal(x, 0), x.dtype), axes, keepdims)
    return sum(sizes, axes, keepdims) if ord == 1 else power(sum(power(sizes, ord), axes, keepdims), 1 / ord)


@op
def normalize(x: Any, axis: int = -1, order: Any = 2, epsilon: float | None = None) -> Tensor:
    """Vectors divided by their norm, so that they have length 1.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        axis: the axis of the vectors.
        order: which `norm`.
        epsilon: least number to divide by; 1e-7 by default.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if the axis does not exist or there is no such norm.

    Example:
        >>> gm.ops.normalize([3.0, 4.0]).numpy()
        array([0.6, 0.8], dtype=float32)
    """
    x = as_float(x)
    least = 1e-7 if epsilon is None else epsilon
    if order == 2:  # below the root, so that the gradient of zeros exists
        return divide(x, sqrt(maximum(sum(square(x), axis, keepdims=True), least**2)))
    return divide(x, maximum(norm(x, order, axis, keepdims=True), least))


@op
def count_nonzero(x: Any, axis: Axis = None) -> Tensor:
    """How many elements are not zero, over axes.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.

    Returns:
        An int32 tensor, without gradient.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> int(gm.ops.count_nonzero([0, 3, 0, 4]))
        2
    """
    return sum(as_tensor(not_equal(as_tensor(x), 0), "int32"), axis)


@reading_op
def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple[Tensor, Tensor]:
    """How many elements fall into each of equally wide bins. Values are read: a step that asks runs eagerly.

    Args:
        x: a tensor, array or list; flattened.
        bins: how many bins.
        range: lowest and highest limit; those of the elements by default. What lies outside is not counted.

    Returns:
        The counts, int32, and the limits, one more.

    Raises:
        ValueError: if `bins` is not a positive integer or the range is empty.

    Example:
        >>> gm.ops.histogram([1.0, 2.0, 2.5, 5.0], 2)[0].numpy()
        array([3, 1], dtype=int32)
    """
    x = as_float(x)
    flat = reshape(x, (x.size,))
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise ValueError(f"{at('histogram')}: bins is a positive integer.{received(bins=bins)}")
    low, high = (float(v) for v in (range or ((min(flat), max(flat)) if x.size else (0, 1))))
    if not low <= high:
        raise ValueError(f"{at('histogram')}: the range ends before it begins, or is NaN.{received(range=(low, high))}")
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    limits = as_tensor(np.linspace(low, high, int(bins) + 1).astype(x.dtype))
    places = searchsorted(limits, flat, side="right")
    places = where(equal(flat, limits[-1]), int(bins), places)  # the last bin includes its end
    inside = logical_and(less(0, places), less(places, int(bins) + 1))
    return bincount(where(inside, places, 0), minlength=int(bins) + 1)[1:], limits


@op
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Tensor:
    """Cross-correlation of two sequences: `y[k] = Σ x1[n + k] x2[n]`.

    Args:
        x1: one dimension.
        x2: one dimension.
        mode: `"valid"`: where they overlap fully; `"same"`: as long as the longer one; `"full"`: wherever they meet.

    Returns:
        A floating tensor.

    Raises:
        ValueError: for another number of dimensions, an empty sequence or another mode.

    Example:
        >>> gm.ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0]).numpy()
        array([2., 3.], dtype=float32)
    """
    a, b = (as_float(t) for t in as_tensors(x1, x2))
    if a.ndim != 1 or b.ndim != 1 or not a.size or not b.size or mode not in ("valid", "same", "full"):
        raise ValueError(
            f"{at('correlate')}: takes two sequences, and mode is 'valid', 'same' or 'full'."
            f"{received(x1=a, x2=b, mode=mode)}"
        )
    if a.size < b.size:
        return flip(correlate(b, a, mode))
    around = {"valid": (0, 0), "same": (b.size // 2, (b.size - 1) // 2), "full": (b.size - 1,) * 2}[mode]
    sequence = reshape(pad(a, around), (1, -1, 1))
    return reshape(conv1d(sequence, expand_dims(b, (1, 2))), (-1,))
