"""Everyday words of NumPy and Keras that are a line or two of other ops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gemmule.config import epsilon
from gemmule.errors import received
from gemmule.ops.arranging import flip
from gemmule.ops.comparing import isnan
from gemmule.ops.contraction import tensordot
from gemmule.ops.elementwise import add, clip, divide, maximum, minimum, multiply, subtract
from gemmule.ops.logic import equal, logical_not, where
from gemmule.ops.loss import sigmoid_crossentropy
from gemmule.ops.reduce import Axis, all, max, mean, min, sum
from gemmule.ops.registry import op
from gemmule.ops.regular import empty
from gemmule.ops.reshaping import cast, reshape, transpose
from gemmule.ops.shapes import as_float, as_tensor, as_tensors
from gemmule.ops.softmax import log_softmax
from gemmule.ops.sort import quantile
from gemmule.ops.unary import abs, log, negative, sqrt, square
from gemmule.scope import where as at
from gemmule.tensor import Tensor

# ---- Reductions that leave out NaN -----------------------------------------------------------------------------------


@op
def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over axes of the elements that are not NaN.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Example:
        >>> float(gm.ops.nansum([1.0, float("nan"), 2.0]))
        3.0
    """
    x = as_float(x)
    return sum(where(isnan(x), 0.0, x), axis, keepdims)


@op
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean over axes of the elements that are not NaN; NaN where there are none.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Example:
        >>> float(gm.ops.nanmean([1.0, float("nan"), 2.0]))
        1.5
    """
    x = as_float(x)
    return divide(nansum(x, axis, keepdims), sum(cast(logical_not(isnan(x)), x.dtype), axis, keepdims))


@op
def nanvar(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance over axes of the elements that are not NaN.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Example:
        >>> float(gm.ops.nanvar([1.0, float("nan"), 2.0]))
        0.25
    """
    x = as_float(x)
    return nanmean(square(subtract(x, nanmean(x, axis, keepdims=True))), axis, keepdims)


@op
def nanstd(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes of the elements that are not NaN.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Example:
        >>> float(gm.ops.nanstd([1.0, float("nan"), 2.0]))
        0.5
    """
    return sqrt(nanvar(x, axis, keepdims))


def _extremum(reduce: Any, bound: float, x: Any, axis: Axis, keepdims: bool) -> Tensor:
    x = as_float(x)
    gaps = isnan(x)
    found = reduce(where(gaps, bound, x), axis, keepdims)
    return where(all(gaps, axis, keepdims), math.nan, found)


@op
def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest of the elements that are not NaN; NaN where there are none.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Example:
        >>> float(gm.ops.nanmax([1.0, float("nan"), 2.0]))
        2.0
    """
    return _extremum(max, -math.inf, x, axis, keepdims)


@op
def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest of the elements that are not NaN; NaN where there are none.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor.

    Example:
        >>> float(gm.ops.nanmin([1.0, float("nan"), 2.0]))
        1.0
    """
    return _extremum(min, math.inf, x, axis, keepdims)


# ---- Numbers and shapes ----------------------------------------------------------------------------------------------


@op
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`quantile` with q from 0 to 100.

    Args:
        x: a tensor, array or list.
        q: one number from 0 to 100, or a list of them.
        axis: one axis, several, or `None` for all.
        method: see `quantile`.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor; with several q, they are its first axis.

    Example:
        >>> float(gm.ops.percentile([1.0, 2.0, 3.0], 50))
        2.0
    """
    return quantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


@op
def hypot(x1: Any, x2: Any) -> Tensor:
    """`sqrt(x1² + x2²)`, without overflow in between.

    Args:
        x1: a tensor, array or list.
        x2: likewise.

    Returns:
        A floating tensor of their common shape.

    Example:
        >>> float(gm.ops.hypot(3.0, 4.0))
        5.0
    """
    a, b = (abs(as_float(t)) for t in as_tensors(x1, x2))
    large, small = maximum(a, b), minimum(a, b)
    share = divide(small, where(equal(large, 0.0), 1.0, large))
    return multiply(large, sqrt(add(1.0, square(share))))


@op
def deg2rad(x: Any) -> Tensor:
    """Degrees as radians.

    Args:
        x: a tensor, array or list.

    Returns:
        A floating tensor.

    Example:
        >>> round(float(gm.ops.deg2rad(180.0)), 4)
        3.1416
    """
    return multiply(as_float(x), math.pi / 180)


@op
def rad2deg(x: Any) -> Tensor:
    """Radians as degrees.

    Args:
        x: a tensor, array or list.

    Returns:
        A floating tensor.

    Example:
        >>> round(float(gm.ops.rad2deg(3.14159265)), 3)
        180.0
    """
    return multiply(as_float(x), 180 / math.pi)


@op
def fliplr(x: Any) -> Tensor:
    """The columns in the opposite order: `flip(x, axis=1)`.

    Args:
        x: a tensor, array or list.

    Returns:
        A tensor of the same shape.

    Example:
        >>> gm.ops.fliplr([[1, 2]]).numpy()
        array([[2, 1]], dtype=int32)
    """
    return flip(x, axis=1)


@op
def flipud(x: Any) -> Tensor:
    """The rows in the opposite order: `flip(x, axis=0)`.

    Args:
        x: a tensor, array or list.

    Returns:
        A tensor of the same shape.

    Example:
        >>> gm.ops.flipud([1, 2]).numpy()
        array([2, 1], dtype=int32)
    """
    return flip(x, axis=0)


@op
def kron(x1: Any, x2: Any) -> Tensor:
    """Kronecker product: `x2`, times each element of `x1`, as blocks.

    Args:
        x1: a tensor, array or list.
        x2: likewise.

    Returns:
        A tensor whose axes are as long as the products of theirs.

    Example:
        >>> gm.ops.kron([1.0, 10.0], [1.0, 2.0]).numpy()
        array([ 1.,  2., 10., 20.], dtype=float32)
    """
    a, b = as_tensors(x1, x2)
    n = a.ndim if a.ndim > b.ndim else b.ndim
    a, b = (reshape(t, (1,) * (n - t.ndim) + t.shape) for t in (a, b))
    places = [i for pair in zip(range(n), range(n, 2 * n)) for i in pair]
    return reshape(transpose(tensordot(a, b, axes=0), places), [i * j for i, j in zip(a.shape, b.shape)])


@op
def corrcoef(x: Any) -> Tensor:
    """Pearson's correlations of the rows of a matrix.

    Args:
        x: `(variables, observations)`.

    Returns:
        A matrix, `(variables, variables)`.

    Raises:
        ValueError: for another number of dimensions.

    Example:
        >>> gm.ops.corrcoef([[1.0, 2.0, 4.0], [-1.0, -2.0, -4.0]]).numpy().round(3)
        array([[ 1., -1.],
               [-1.,  1.]], dtype=float32)
    """
    x = as_float(x)
    if x.ndim != 2:
        raise ValueError(f"{at('corrcoef')}: takes a matrix, one variable a row.{received(x=x)}")
    x = subtract(x, mean(x, axis=1, keepdims=True))
    x = divide(x, sqrt(sum(square(x), axis=1, keepdims=True)))
    return tensordot(x, x, axes=[[1], [1]])


@op
def empty_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros in the shape of `x`, to be filled.

    Args:
        x: a tensor, array or list.
        dtype: another type than its own.

    Returns:
        The tensor.

    Example:
        >>> gm.ops.empty_like([1.0, 2.0]).shape
        (2,)
    """
    x = as_tensor(x)
    return empty(x.shape, x.dtype if dtype is None else dtype)


# ---- Cross-entropies, one number for each element or row -------------------------------------------------------------


@op
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """`-t log p - (1 - t) log(1 - p)` of each element; `losses.binary_crossentropy` averages, as Keras does there.

    Args:
        target: probabilities.
        output: probabilities, kept 1e-7 away from 0 and 1, or what sigmoid makes them of.
        from_logits: which of both.

    Returns:
        A tensor of their shape.

    Raises:
        ValueError: if shapes differ.

    Example:
        >>> gm.ops.binary_crossentropy([1.0], [0.5]).numpy().round(3)
        array([0.693], dtype=float32)
    """
    p, t = _pair("binary_crossentropy", target, output)
    if from_logits:
        return sigmoid_crossentropy(p, t)
    p = clip(p, epsilon(), 1 - epsilon())
    return negative(add(multiply(t, log(p)), multiply(subtract(1.0, t), log(subtract(1.0, p)))))


@op
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """`-Σ t log p` over the classes.

    Args:
        target: probabilities of the classes.
        output: positive numbers, divided by their sum and kept 1e-7 away from 0 and 1, or what softmax is taken of.
        from_logits: which of both.
        axis: that of the classes.

    Returns:
        A tensor without that axis.

    Raises:
        ValueError: if shapes differ.

    Example:
        >>> gm.ops.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(3)
        array([0.693], dtype=float32)
    """
    p, t = _pair("categorical_crossentropy", target, output)
    if from_logits:
        return negative(sum(multiply(t, log_softmax(p, axis)), axis))
    p = clip(divide(p, sum(p, axis, keepdims=True)), epsilon(), 1 - epsilon())
    return negative(sum(multiply(t, log(p)), axis))


def _pair(name: str, target: Any, output: Any) -> tuple[Tensor, Tensor]:
    t, p = (as_float(one) for one in as_tensors(target, output))
    if t.shape != p.shape:
        raise ValueError(f"{at(name)}: target and output must have one shape.{received(target=t, output=p)}")
    return p, t
