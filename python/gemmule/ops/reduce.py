"""Sums, means, extremes and products over axes.

Functions here carry the names of Python's built-ins, as in `keras.ops`; the built-ins themselves are not used below.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod as count_elements
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.config import floatx, standardize_dtype
from gemmule.errors import received
from gemmule.ops.arrays import Stage, cast_array, compute, constant, reduce_stages
from gemmule.ops.registry import OPS, op
from gemmule.ops.shapes import as_tensor, normalize_axes, normalize_axis
from gemmule.scope import where
from gemmule.tensor import Tensor

Axis = int | tuple[int, ...] | list[int] | None


@op
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum of the elements over axes.

    Args:
        x: a tensor, array or list; booleans are counted.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A tensor of the type of `x` (int32 for booleans and uint8).

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> gm.ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
        array([4., 6.], dtype=float32)
    """
    return _linear_fold("sum", _summable(as_tensor(x)), axis, keepdims)


@op
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean of the elements over axes: their sum divided by their number.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor. The mean of nothing is NaN.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> float(gm.ops.mean([1.0, 2.0, 6.0]))
        3.0
    """
    x = as_tensor(x)
    return _linear_fold("mean", x if x.dtype.kind == "f" else as_tensor(x, floatx()), axis, keepdims)


@op
def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Largest element over axes. NaN wins; the gradient is shared equally among equal largest elements.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.
        initial: a number that is compared, too; with it there may be no elements.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if an axis does not exist, or there is nothing to choose from.

    Example:
        >>> float(gm.ops.max([1.0, 3.0, 2.0]))
        3.0
    """
    return _extremum("max", x, axis, keepdims, initial)


@op
def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Smallest element over axes. NaN wins; the gradient is shared equally among equal smallest elements.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.
        initial: a number that is compared, too; with it there may be no elements.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if an axis does not exist, or there is nothing to choose from.

    Example:
        >>> float(gm.ops.min([1.0, 3.0, 2.0]))
        1.0
    """
    return _extremum("min", x, axis, keepdims, initial)


@op
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Product of the elements over axes. Its gradient is right where elements are zero, too.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.
        dtype: type to compute in; that of `x` by default.

    Returns:
        A tensor of the type of `x` (int32 for booleans and uint8). The product of nothing is 1; integer products are
        exact up to 2**53.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> float(gm.ops.prod([2.0, 3.0, 4.0]))
        24.0
    """
    x = _summable(as_tensor(as_tensor(x), None if dtype is None else standardize_dtype(dtype)))
    if x.dtype.kind != "f":
        return as_tensor(prod(as_tensor(x, "float64"), axis, keepdims), x.dtype)
    return _fold("prod", x, axis, keepdims, _prod_backward)


@op
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element is true (not zero) over axes.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> bool(gm.ops.any([False, True]))
        True
    """
    found = _linear_fold("sum", as_tensor(as_tensor(as_tensor(x), "bool"), "int64"), axis, keepdims)
    return as_tensor(found, "bool")


@op
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true (not zero) over axes.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> bool(gm.ops.all([False, True]))
        False
    """
    x = as_tensor(as_tensor(x), "bool")
    is_false = Tensor(compute("logical_not", x.array, shape=x.shape, dtype=bool))
    exception = any(is_false, axis, keepdims)
    return Tensor(compute("logical_not", exception.array, shape=exception.shape, dtype=bool))


@op
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the largest element along an axis; the first of equals, NaN before numbers.

    Args:
        x: a tensor, array or list.
        axis: the axis, or `None` to count through the flattened tensor.
        keepdims: whether the reduced axis stays, with length one.

    Returns:
        An int32 tensor, without gradient.

    Raises:
        ValueError: if the axis does not exist, or there is nothing to choose from.

    Example:
        >>> gm.ops.argmax([[1.0, 3.0], [5.0, 2.0]], axis=-1).numpy()
        array([1, 0], dtype=int32)
    """
    return _arg_extremum("argmax", x, axis, keepdims)


@op
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the smallest element along an axis; the first of equals, NaN before numbers.

    Args:
        x: a tensor, array or list.
        axis: the axis, or `None` to count through the flattened tensor.
        keepdims: whether the reduced axis stays, with length one.

    Returns:
        An int32 tensor, without gradient.

    Raises:
        ValueError: if the axis does not exist, or there is nothing to choose from.

    Example:
        >>> gm.ops.argmin([[1.0, 3.0], [5.0, 2.0]], axis=-1).numpy()
        array([0, 1], dtype=int32)
    """
    return _arg_extremum("argmin", x, axis, keepdims)


def _summable(x: Tensor) -> Tensor:
    return as_tensor(x, "int32") if x.dtype.name in ("bool", "uint8") else x


def _reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    if keepdims:
        return tuple(1 if axis in axes else length for axis, length in enumerate(shape))
    return tuple(length for axis, length in enumerate(shape) if axis not in axes)


def _fold(
    name: str,
    x: Tensor,
    axis: Axis,
    keepdims: bool,
    back: Callable[[list[Stage], np.ndarray, np.ndarray], None],
) -> Tensor:
    """Folds `x`; `back(stages, dy, dx)` carries the gradient from the result to `dx`."""
    axes = normalize_axes(name, axis, x.ndim)
    stages = reduce_stages(name, x.array, axes)
    y = Tensor(stages[-1].y.reshape(_reduced_shape(x.shape, axes, keepdims)))

    def backward(grad: Gradients) -> None:
        dx = grad.buffer(0)
        if dx is not None:
            back(stages, grad.d, dx)

    return record(y, (x,), backward, name)


def _linear_fold(name: str, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    """Sum and mean: the gradient is the incoming one, repeated along the folded axes."""

    def back(stages: list[Stage], dy: np.ndarray, dx: np.ndarray) -> None:
        for stage in reversed(stages):
            scale = 1.0 if name == "sum" else 1.0 / stage.x.shape[1] if stage.x.shape[1] else 1.0
            place = dx if stage is stages[0] else np.empty(stage.x.shape, dx.dtype)
            execute(
                "broadcast", [place.reshape(stage.x.shape)], [dy.reshape(stage.y.shape)], axis=stage.axis, scale=scale
            )
            dy = place

    return _fold(name, x, axis, keepdims, back)


def _extremum(name: str, x: Any, axis: Axis, keepdims: bool, initial: float | None = None) -> Tensor:
    x = _summable(as_tensor(x))
    if initial is not None:
        axes = normalize_axes(name, axis, x.ndim)
        if 0 in [x.shape[i] for i in axes]:
            return OPS["full"](_reduced_shape(x.shape, axes, keepdims), initial, x.dtype)
        return OPS[f"{name}imum"](_extremum(name, x, axis, keepdims), initial)
    _refuse_nothing(name, x, normalize_axes(name, axis, x.ndim))

    def back(stages: list[Stage], dy: np.ndarray, dx: np.ndarray) -> None:
        for stage in reversed(stages):
            place = dx if stage is stages[0] else np.empty(stage.x.shape, dx.dtype)
            inputs = [dy.reshape(stage.y.shape), stage.x, stage.y]
            execute("extremum_backward", [place.reshape(stage.x.shape)], inputs, axis=stage.axis)
            dy = place

    return _fold(name, x, axis, keepdims, back)


def _prod_backward(stages: list[Stage], dy: np.ndarray, dx: np.ndarray) -> None:
    for stage in reversed(stages):
        outer, n, inner = stage.x.shape
        place = dx if stage is stages[0] else np.empty(stage.x.shape, dx.dtype)
        columns = stage.y.reshape(outer, 1, inner), dy.reshape(outer, 1, inner)
        execute("multiply", [place.reshape(outer, n, inner)], [columns[1], _others(stage.x, columns[0])])
        dy = place


def _others(x: np.ndarray, product: np.ndarray) -> np.ndarray:
    """For each element the product of all others along the middle axis: product / x unless there are zeros.

    With one zero, only that element has a nonzero product of others; with more, none has.
    """
    zero, one = constant(0, x), constant(1, x)
    is_zero = compute("equal", x, zero, shape=x.shape, dtype=bool)
    filled = compute("where", is_zero, one, x, shape=x.shape, dtype=x.dtype)  # zeros replaced by ones
    rest = reduce_stages("prod", filled, (1,))[-1].y.reshape(product.shape)
    zeros = reduce_stages("sum", cast_array(is_zero, x.dtype), (1,))[-1].y.reshape(product.shape)
    single = compute("equal", zeros, one, shape=zeros.shape, dtype=bool)
    at_zero = compute("where", single, rest, zero, shape=zeros.shape, dtype=x.dtype)
    elsewhere = compute("divide", product, filled, shape=x.shape, dtype=x.dtype)
    return compute("where", is_zero, at_zero, elsewhere, shape=x.shape, dtype=x.dtype)


def _arg_extremum(name: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = as_tensor(x)
    if x.dtype.kind != "f":
        x = as_tensor(x, "float64")  # exact for int32, and for int64 up to 2**53
    axes = tuple(range(x.ndim)) if axis is None else (normalize_axis(name, axis, x.ndim),)
    _refuse_nothing(name, x, axes)
    index = reduce_stages(name, x.array, axes, np.int32)[-1].y
    return Tensor(index.reshape(_reduced_shape(x.shape, axes, keepdims)))


def _refuse_nothing(name: str, x: Tensor, axes: tuple[int, ...]) -> None:
    if count_elements(x.shape[axis] for axis in axes) == 0:
        raise ValueError(f"{where(name)}: there is no {name[-3:]} of zero elements.{received(x=x)}")
