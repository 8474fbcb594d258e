"""Running sums and products, and differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.config import standardize_dtype
from gemmule.errors import received
from gemmule.ops.arrays import compute
from gemmule.ops.elementwise import divide, multiply, subtract
from gemmule.ops.indexing import getitem
from gemmule.ops.logic import equal, logical_and, where
from gemmule.ops.registry import op
from gemmule.ops.reshaping import reshape
from gemmule.ops.shapes import as_tensor, normalize_axis
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sum `y[i] = x[0] + ... + x[i]` along an axis.

    Args:
        x: a tensor, array or list.
        axis: the axis; by default `x` is flattened.
        dtype: type to compute in; that of `x` by default (int32 for bool and uint8).

    Returns:
        A tensor.

    Raises:
        ValueError: if the axis does not exist.

    Example:
        >>> gm.ops.cumsum([1.0, 2.0, 3.0]).numpy()
        array([1., 3., 6.], dtype=float32)
    """
    x, axis = _prepared("cumsum", x, axis, dtype)
    y = running(x.array, axis)
    return record(Tensor(y), (x,), lambda grad: grad.alias(0, running(grad.d, axis, reverse=True)), "cumsum")


@op
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running product `y[i] = x[0] * ... * x[i]` along an axis. Its gradient is right where elements are zero, too.

    Args:
        x: a tensor, array or list.
        axis: the axis; by default `x` is flattened.
        dtype: type to compute in; that of `x` by default (int32 for bool and uint8).

    Returns:
        A tensor.

    Raises:
        ValueError: if the axis does not exist.

    Example:
        >>> gm.ops.cumprod([1.0, 2.0, 3.0]).numpy()
        array([1., 2., 6.], dtype=float32)
    """
    x, axis = _prepared("cumprod", x, axis, dtype)
    x_array, y = x.array, running(x.array, axis, product=True)

    def backward(grad: Gradients) -> None:
        grad.alias(0, _cumprod_slope(Tensor(x_array), Tensor(y), Tensor(grad.d), axis).array)

    return record(Tensor(y), (x,), backward, "cumprod")


def _cumprod_slope(x: Tensor, y: Tensor, d: Tensor, axis: int) -> Tensor:
    """`dx[i] = Σ_{j >= i} d[j] y[j] / x[i]` before the first zero; there, the same with 1 in its place; 0 behind it."""
    zeros = running(as_tensor(equal(x, 0), x.dtype).array, axis)  # so far
    first = logical_and(equal(x, 0), equal(Tensor(zeros), 1))
    filled = where(first, 1.0, x)
    at_first = running(multiply(d, Tensor(running(filled.array, axis, product=True))).array, axis, reverse=True)
    before = running(multiply(d, y).array, axis, reverse=True)
    elsewhere = where(equal(Tensor(zeros), 0), divide(Tensor(before), where(equal(x, 0), 1.0, x)), 0.0)
    return where(first, Tensor(at_first), elsewhere)


def _prepared(name: str, x: Any, axis: int | None, dtype: Any) -> tuple[Tensor, int]:
    x = as_tensor(as_tensor(x), None if dtype is None else standardize_dtype(dtype))
    x = as_tensor(x, "int32") if x.dtype.name in ("bool", "uint8") else x
    if axis is None:
        x, axis = reshape(x, (x.size,)), 0
    return x, normalize_axis(name, axis, x.ndim)


def running(x: np.ndarray, axis: int, reverse: bool = False, product: bool = False) -> np.ndarray:
    """The running sum or product of a raw array; int32 wraps around like int64."""
    wide = x if x.dtype != np.int32 else compute("copy", x, shape=x.shape, dtype=np.int64)
    y = compute("cumulative", wide, shape=x.shape, dtype=wide.dtype, axis=axis, reverse=reverse, product=product)
    return y if y.dtype == x.dtype else compute("copy", y, shape=x.shape, dtype=x.dtype)


@op
def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbours, `y[i] = a[i + 1] - a[i]`, taken n times.

    Args:
        a: a tensor, array or list.
        n: how often.
        axis: the axis, which gets shorter by n.

    Returns:
        A tensor of the type of `a`.

    Raises:
        ValueError: if the axis does not exist or n is negative.

    Example:
        >>> gm.ops.diff([1, 4, 9]).numpy()
        array([3, 5], dtype=int32)
    """
    y = as_tensor(a)
    axis = normalize_axis("diff", axis, y.ndim)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise ValueError(f"{at('diff')}: n must be a non-negative integer.{received(n=n)}")
    whole = (slice(None),) * axis
    for _ in range(n):
        y = subtract(getitem(y, (*whole, slice(1, None))), getitem(y, (*whole, slice(None, -1))))
    return y
