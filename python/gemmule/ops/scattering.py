"""Reading and writing entries by number: along an axis, at coordinates and by windows."""

from __future__ import annotations

from builtins import slice as span
from math import prod
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.errors import received
from gemmule.ops.arrays import compute
from gemmule.ops.elementwise import add
from gemmule.ops.gather import check_range, index_tensor, take
from gemmule.ops.indexing import getitem, linear_index
from gemmule.ops.logic import equal, less, where
from gemmule.ops.registry import op
from gemmule.ops.reshaping import reshape
from gemmule.ops.shapes import as_tensor, as_tensors, broadcast_shapes, normalize_axis
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """One entry of `x` along an axis for each index: `y[i, j] = x[i, indices[i, j]]` with the last axis.

    Args:
        x: a tensor, array or list.
        indices: integers, as many dimensions as `x`; other axes are broadcast. Negative ones count from the end. In a
            tensor, a number outside gives NaN (0 for integers); in an array or list it raises.
        axis: the axis; `None` flattens both.

    Returns:
        A tensor of the type of `x`. PyTorch: `gather`.

    Raises:
        TypeError: if the indices are no integers.
        ValueError: if shapes or axis do not fit.
        IndexError: if an index in an array or list is out of range.

    Example:
        >>> gm.ops.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1).numpy()
        array([[2],
               [3]], dtype=int32)
    """
    x, numbers = as_tensor(x), index_tensor("take_along_axis", indices)
    if axis is None:
        return take(x, indices if not isinstance(indices, Tensor) else reshape(numbers, (numbers.size,)))
    axis = normalize_axis("take_along_axis", axis, x.ndim)
    if numbers.ndim != x.ndim:
        raise ValueError(
            f"{at('take_along_axis')}: x and indices must have as many dimensions.{received(x=x, indices=numbers)}"
        )
    if not isinstance(indices, Tensor):
        check_range("take_along_axis", numbers.array, x.shape[axis], axis)
    others = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
    broadcast_shapes("take_along_axis", others, tuple(1 if i == axis else n for i, n in enumerate(numbers.shape)))
    places = [
        numbers if i == axis else Tensor(np.arange(n).reshape([n if j == i else 1 for j in range(x.ndim)]))
        for i, n in enumerate(x.shape)
    ]
    return take(reshape(x, (x.size,)), linear_index(places, x.shape), 0)


# --- coordinates -----------------------------------------------------------------------------------------------------


def _coordinates(name: str, indices: Any, shape: tuple[int, ...], values: Tensor) -> Tensor:
    """Row numbers of coordinates `(..., k)` in a tensor whose first k axes are seen as one."""
    numbers = index_tensor(name, indices)
    k = numbers.shape[-1] if numbers.ndim else 0
    if not 0 < k <= len(shape) or values.shape != (*numbers.shape[:-1], *shape[k:]):
        raise ValueError(
            f"{at(name)}: coordinates of shape (..., k) go with values of shape (..., *shape[k:])."
            f"{received(indices=numbers, values=values, shape=shape)}"
        )
    if not isinstance(indices, Tensor):
        for axis in range(k):
            check_range(name, numbers.array[..., axis], shape[axis], axis)
    return reshape(
        linear_index([getitem(numbers, (..., axis)) for axis in range(k)], shape[:k]),
        (values.size // prod(shape[k:]) if prod(shape[k:]) else 0,),
    )


def _added(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """`y[rows[i]] += values[i]`, differentiable; rows outside are left out."""
    if values.dtype.kind != "f":
        return as_tensor(_added(as_tensor(values, "float64"), rows, count), values.dtype)
    index, shape = rows.array, values.shape
    y = Tensor(compute("take_backward", values.array, index, shape=(count, *shape[1:]), dtype=values.dtype, axis=0))

    def backward(grad: Gradients) -> None:
        arrived = take(Tensor(grad.d), Tensor(index), 0)
        inside = reshape(less(Tensor(index), count), (-1, *(1,) * (len(shape) - 1)))
        grad.alias(0, where(inside, arrived, as_tensor(0, arrived.dtype)).array)  # what lies outside had no effect

    return record(y, (values,), backward, "scatter")


@op
def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros with values added at coordinates; several at one place are summed.

    Args:
        indices: integer coordinates `(..., k)` of the first k axes of the result.
        values: `(..., *shape[k:])`.
        shape: the shape of the result.

    Returns:
        A tensor of the type of `values`.

    Raises:
        TypeError: if the indices are no integers.
        ValueError: if the shapes do not fit.
        IndexError: if a coordinate in an array or list is out of range.

    Example:
        >>> gm.ops.scatter([[0], [2]], [1.0, 2.0], (4,)).numpy()
        array([1., 0., 2., 0.], dtype=float32)
    """
    values, full = as_tensor(values), tuple(int(n) for n in shape)
    rows = _coordinates("scatter", indices, full, values)
    k = as_tensor(indices).shape[-1]
    flat = reshape(values, (rows.size, *full[k:]))
    return reshape(_added(flat, rows, prod(full[:k])), full)


@op
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """A tensor with other values at coordinates. Nothing is changed in place.

    Args:
        inputs: a tensor, array or list.
        indices: integer coordinates `(..., k)` of the first k axes.
        updates: `(..., *inputs.shape[k:])`. Of several for one place the last one counts.
        reduction: `None` replaces, `"add"` adds.

    Returns:
        A tensor of the shape of `inputs`.

    Raises:
        TypeError: if the indices are no integers.
        ValueError: if the shapes do not fit, or for another reduction.
        IndexError: if a coordinate in an array or list is out of range.

    Example:
        >>> gm.ops.scatter_update([1.0, 2.0, 3.0], [[1]], [9.0]).numpy()
        array([1., 9., 3.], dtype=float32)
    """
    x, values = as_tensors(inputs, updates)
    if reduction not in (None, "add"):
        raise ValueError(f"{at('scatter_update')}: reduction is None or 'add'.{received(reduction=reduction)}")
    if reduction == "add":
        return add(x, scatter(indices, values, x.shape))
    rows = _coordinates("scatter_update", indices, x.shape, values)
    k = as_tensor(indices).shape[-1]
    flat_shape = (prod(x.shape[:k]), *x.shape[k:])
    flat = reshape(values, (rows.size, *x.shape[k:]))
    return reshape(_put(reshape(x, flat_shape), rows, flat), x.shape)


def _put(x: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    """`x` with `values[i]` in row `rows[i]`, differentiable."""
    y = Tensor(compute("put", x.array, rows.array, values.array, shape=x.shape, dtype=x.dtype))
    index, count = rows.array, len(x)

    def backward(grad: Gradients) -> None:
        d, numbers = grad.d, np.arange(index.size, dtype=np.int32)
        if grad.needs(0):
            zeros = np.zeros(values.shape, d.dtype)
            grad.alias(0, compute("put", d, index, zeros, shape=d.shape, dtype=d.dtype))
        if grad.needs(1):  # an update that was overwritten had no effect
            nobody = np.full(count, -1, np.int32)
            owner = compute("put", nobody, index, numbers, shape=nobody.shape, dtype=np.int32)
            stayed = equal(take(Tensor(owner), Tensor(index), 0), numbers)
            arrived = take(Tensor(d), Tensor(index), 0)
            column = reshape(stayed, (-1, *(1,) * (d.ndim - 1)))
            grad.alias(1, where(column, arrived, as_tensor(0, d.dtype)).array)

    return record(y, (x, values), backward, "scatter_update")


# --- windows ---------------------------------------------------------------------------------------------------------


@op
def slice(inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """A window of a tensor; also written `x[a:b, c:d]`.

    Args:
        inputs: a tensor, array or list.
        start_indices: where the window begins along each axis: integers, or integer tensors, which may change from
            step to step.
        shape: how long it is along each axis; -1 behind an integer start: to the end.

    Returns:
        A tensor of the type of `inputs`; NaN (0 for integers) where a tensor's start leads outside.

    Raises:
        ValueError: if the window does not fit.

    Example:
        >>> gm.ops.slice([1, 2, 3, 4], [1], [2]).numpy()
        array([2, 3], dtype=int32)
    """
    x = as_tensor(inputs)
    for axis, (start, length) in enumerate(_window("slice", x, start_indices, shape)):
        if isinstance(start, Tensor):
            x = take(x, add(start, np.arange(length, dtype=np.int32)), axis)
        elif length != x.shape[axis]:
            x = getitem(x, (span(None),) * axis + (span(start, start + length),))
    return x


@op
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """A tensor with a window replaced. Nothing is changed in place.

    Args:
        inputs: a tensor, array or list.
        start_indices: where the window begins along each axis: integers, or integer tensors.
        updates: the new contents of the window.

    Returns:
        A tensor of the shape of `inputs`.

    Raises:
        ValueError: if the window does not fit.

    Example:
        >>> gm.ops.slice_update([1, 2, 3, 4], [1], [8, 9]).numpy()
        array([1, 8, 9, 4], dtype=int32)
    """
    x, window = as_tensors(inputs, updates)
    numbers = as_tensor(np.arange(x.size, dtype=np.int32).reshape(x.shape))
    places = slice(numbers, start_indices, window.shape)
    flat = _put(reshape(x, (x.size,)), reshape(places, (places.size,)), reshape(window, (window.size,)))
    return reshape(flat, x.shape)


def _window(name: str, x: Tensor, starts: Any, shape: Any) -> list[tuple[Any, int]]:
    """Start and length for each axis; a start is an integer or a tensor."""
    if isinstance(starts, Tensor) and starts.ndim == 1:
        starts = [getitem(starts, axis) for axis in range(starts.size)]
    if len(shape) != x.ndim or len(starts) != x.ndim:
        raise ValueError(
            f"{at(name)}: give one start and one length for each of the {x.ndim} axes."
            f"{received(start_indices=starts, shape=shape)}"
        )
    result: list[tuple[Any, int]] = []
    for start, length, size in zip(starts, shape, x.shape):
        if isinstance(start, Tensor):
            result.append((index_tensor(name, start), int(length)))
            continue
        start, length = int(start), size - int(start) if length == -1 else int(length)
        if not 0 <= start <= start + length <= size:
            raise ValueError(
                f"{at(name)}: the window does not fit into {x.shape}.{received(start_indices=starts, shape=shape)}"
            )
        result.append((start, length))
    return result


# --- segments and classes --------------------------------------------------------------------------------------------
