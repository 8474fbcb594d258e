"""The same elements in other places: axes, diagonals, triangles, mirrored and shifted, repeated by broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.autograd import record
from gemmule.errors import received
from gemmule.ops import arrays
from gemmule.ops.arrays import give
from gemmule.ops.gather import take
from gemmule.ops.indexing import getitem
from gemmule.ops.logic import where
from gemmule.ops.reduce import sum
from gemmule.ops.registry import op
from gemmule.ops.reshaping import expand_dims, pad, reshape, transpose
from gemmule.ops.shapes import as_tensor, broadcast_shapes, normalize_axes, normalize_axis
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def ravel(x: Any) -> Tensor:
    """All elements in one dimension, in row-major order. (`flatten` keeps the batch.)

    Args:
        x: a tensor, array or list.

    Returns:
        A tensor that shares the memory of `x`.

    Example:
        >>> gm.ops.ravel([[1, 2], [3, 4]]).numpy()
        array([1, 2, 3, 4], dtype=int32)
    """
    x = as_tensor(x)
    return reshape(x, (x.size,))


@op
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes in each other's place.

    Args:
        x: a tensor, array or list.
        axis1: one of them.
        axis2: the other.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> gm.ops.swapaxes(gm.ops.zeros((2, 3, 4)), 0, -1).shape
        (4, 3, 2)
    """
    x = as_tensor(x)
    first, second = (normalize_axis("swapaxes", axis, x.ndim) for axis in (axis1, axis2))
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return x if first == second else transpose(x, order)


@op
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Axes moved to other places; the others keep their order.

    Args:
        x: a tensor, array or list.
        source: the axis, or several.
        destination: where it, or each of them, stands afterwards.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if an axis does not exist or is named twice, or the numbers of axes differ.

    Example:
        >>> gm.ops.moveaxis(gm.ops.zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    x = as_tensor(x)
    places = []
    for axes in (source, destination):
        listed = list(axes) if isinstance(axes, (tuple, list)) else [axes]
        normalize_axes("moveaxis", listed, x.ndim)
        places.append([normalize_axis("moveaxis", axis, x.ndim) for axis in listed])
    if len(places[0]) != len(places[1]):
        raise ValueError(
            f"{at('moveaxis')}: as many axes must go as arrive.{received(source=source, destination=destination)}"
        )
    order = [axis for axis in range(x.ndim) if axis not in places[0]]
    for to, axis in sorted(zip(places[1], places[0])):
        order.insert(to, axis)
    return x if order == list(range(x.ndim)) else transpose(x, order)


@op
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """The tensor repeated along new axes and along axes of length one.

    Args:
        x: a tensor, array, number or list.
        shape: the shape of the result.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if `x` does not broadcast to the shape.

    Example:
        >>> gm.ops.broadcast_to([1, 2], (2, 2)).numpy()
        array([[1, 2],
               [1, 2]], dtype=int32)
    """
    x = as_tensor(x)
    full = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)
    if broadcast_shapes("broadcast_to", x.shape, full) != full:
        raise ValueError(f"{at('broadcast_to')}: the shape is too small.{received(x=x, shape=full)}")
    before = x.shape
    y = Tensor(arrays.broadcast_to(arrays.frozen(x), full))
    return record(y, (x,), lambda grad: give(grad, 0, grad.d, before), "broadcast_to")


@op
def flip(x: Any, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Elements in reverse order along axes.

    Args:
        x: a tensor, array or list.
        axis: one axis, several, or `None` for all.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if an axis does not exist.

    Example:
        >>> gm.ops.flip([1, 2, 3]).numpy()
        array([3, 2, 1], dtype=int32)
    """
    x = as_tensor(x)
    axes = normalize_axes("flip", axis, x.ndim)
    return getitem(x, tuple(slice(None, None, -1 if i in axes else 1) for i in range(x.ndim)))


@op
def roll(x: Any, shift: int | tuple[int, ...], axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Elements shifted along axes; what leaves at one end comes in at the other.

    Args:
        x: a tensor, array or list.
        shift: how far, or how far along each axis.
        axis: one axis or several; by default the flattened tensor is shifted.

    Returns:
        A tensor of the type and shape of `x`.

    Raises:
        ValueError: if an axis does not exist, or the numbers of shifts and axes differ.

    Example:
        >>> gm.ops.roll([1, 2, 3], 1).numpy()
        array([3, 1, 2], dtype=int32)
    """
    x = as_tensor(x)
    if axis is None:
        return reshape(roll(reshape(x, (x.size,)), shift, 0), x.shape)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(shifts) != len(axes) or not all(isinstance(s, (int, np.integer)) for s in shifts):
        raise ValueError(f"{at('roll')}: give one integer, or one for each axis.{received(shift=shift, axis=axis)}")
    for one, by in zip(axes, shifts):
        place = normalize_axis("roll", one, x.ndim)
        x = take(x, np.roll(np.arange(x.shape[place]), by), place)
    return x


@op
def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Quarter turns in the plane of two axes, from the first towards the second.

    Args:
        array: a tensor, array or list of at least two dimensions.
        k: how many.
        axes: the plane.

    Returns:
        A tensor of the type of `array`.

    Raises:
        ValueError: if the axes do not exist or are equal.

    Example:
        >>> gm.ops.rot90([[1, 2], [3, 4]]).numpy()
        array([[2, 4],
               [1, 3]], dtype=int32)
    """
    x = as_tensor(array)
    first, second = (normalize_axis("rot90", axis, x.ndim) for axis in axes)
    if first == second:
        raise ValueError(f"{at('rot90')}: a plane has two axes.{received(axes=axes)}")
    if k % 4 == 0:
        return x
    if k % 4 == 2:
        return flip(x, (first, second))
    return flip(swapaxes(x, first, second), first) if k % 4 == 1 else swapaxes(flip(x, first), first, second)


# --- diagonals and triangles -----------------------------------------------------------------------------------------


@op
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of each matrix in two axes, as the last axis of the result.

    Args:
        x: a tensor, array or list of at least two dimensions.
        offset: how far above the main diagonal; negative: below it.
        axis1: the rows.
        axis2: the columns.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if the axes do not exist or are equal.

    Example:
        >>> gm.ops.diagonal([[1, 2], [3, 4]]).numpy()
        array([1, 4], dtype=int32)
    """
    x = as_tensor(x)
    first, second = (normalize_axis("diagonal", axis, x.ndim) for axis in (axis1, axis2))
    if first == second:
        raise ValueError(f"{at('diagonal')}: a matrix has two axes.{received(axis1=axis1, axis2=axis2)}")
    x = moveaxis(x, (first, second), (-2, -1))
    *lead, rows, columns = x.shape
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    begin = offset if offset >= 0 else -offset * columns
    key = slice(begin, begin + (count - 1) * (columns + 1) + 1, columns + 1) if count else slice(0, 0)
    return getitem(reshape(x, (*lead, rows * columns)), (..., key))


@op
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum of the diagonal of each matrix in two axes.

    Args:
        x: a tensor, array or list of at least two dimensions.
        offset: how far above the main diagonal; negative: below it.
        axis1: the rows.
        axis2: the columns.

    Returns:
        A tensor of the type of `x` (int32 for booleans and uint8).

    Raises:
        ValueError: if the axes do not exist or are equal.

    Example:
        >>> int(gm.ops.trace([[1, 2], [3, 4]]))
        5
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@op
def diag(x: Any, k: int = 0) -> Tensor:
    """A matrix with the given diagonal; of a matrix, its diagonal.

    Args:
        x: one dimension or two.
        k: how far above the main diagonal; negative: below it.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: for another number of dimensions.

    Example:
        >>> gm.ops.diag([1, 2]).numpy()
        array([[1, 0],
               [0, 2]], dtype=int32)
    """
    x = as_tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"{at('diag')}: x has one dimension or two.{received(x=x)}")
    n = x.size + abs(k)
    padded = expand_dims(pad(x, (0, abs(k))), 1 if k >= 0 else 0)
    return where(np.eye(n, k=k, dtype=bool), padded, as_tensor(0, x.dtype))


@op
def tril(x: Any, k: int = 0) -> Tensor:
    """The lower triangle of each matrix in the last two axes, 0 elsewhere.

    Args:
        x: a tensor, array or list of at least two dimensions.
        k: the last diagonal that stays: 0 is the main one, positive ones lie above it.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if `x` has fewer than two dimensions.

    Example:
        >>> gm.ops.tril([[1, 2], [3, 4]]).numpy()
        array([[1, 0],
               [3, 4]], dtype=int32)
    """
    return _triangle("tril", x, k, lambda rows, columns: np.tri(rows, columns, k, bool))


@op
def triu(x: Any, k: int = 0) -> Tensor:
    """The upper triangle of each matrix in the last two axes, 0 elsewhere.

    Args:
        x: a tensor, array or list of at least two dimensions.
        k: the first diagonal that stays: 0 is the main one, positive ones lie above it.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if `x` has fewer than two dimensions.

    Example:
        >>> gm.ops.triu([[1, 2], [3, 4]]).numpy()
        array([[1, 2],
               [0, 4]], dtype=int32)
    """
    return _triangle("triu", x, k, lambda rows, columns: ~np.tri(rows, columns, k - 1, bool))


def _triangle(name: str, x: Any, k: int, mask: Any) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2 or not isinstance(k, (int, np.integer)):
        raise ValueError(f"{at(name)}: x needs two dimensions or more, k is an integer.{received(x=x, k=k)}")
    return where(mask(*x.shape[-2:]), x, as_tensor(0, x.dtype))
