"""`x[...]`: slices, integers, `None`, `...`, arrays of integers and masks."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.elementwise import add, multiply
from gemmule.ops.gather import check_range, index_tensor, take
from gemmule.ops.logic import greater_equal, less, logical_and, where
from gemmule.ops.registry import op
from gemmule.ops.reshaping import reshape
from gemmule.ops.shapes import as_tensor, empty
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def getitem(x: Any, key: Any) -> Tensor:
    """What `x[key]` gives: NumPy's indexing, differentiable.

    Args:
        x: a tensor, array or list.
        key: integers, slices, `None`, `...`, arrays or tensors of integers, boolean masks, or a tuple of these. Arrays
            have to stand side by side. The size of a mask's result depends on values, so a step that uses one runs
            eagerly; `gm.ops.where` does not have that drawback.

    Returns:
        A tensor of the type of `x`.

    Raises:
        IndexError: if an index is out of range or of an unsupported kind, or there are too many.

    Example:
        >>> x = gm.ops.convert_to_tensor([[0, 1, 2], [3, 4, 5]])
        >>> x[1, ::2].numpy()
        array([3, 5], dtype=int32)
    """
    x = as_tensor(x)
    entries = _without_masks(x, _complete(x, key if isinstance(key, tuple) else (key,)))
    if sum(isinstance(e, np.ndarray | Tensor) for e in entries):
        _check_neighbours(entries)
    cuts = _cuts(x, entries)
    y = _sliced(x, cuts)
    shape, arrays, position = _layout(entries, [count for _, _, count in cuts])
    y = y if y.shape == shape else reshape(y, shape)
    return _gathered(y, arrays, position) if arrays else y


def _complete(x: Tensor, key: tuple[Any, ...]) -> list[Any]:
    """The key with arrays in place of lists, and whole slices in place of `...` and of what is left out."""
    entries = [_entry(value) for value in key]
    used = sum(_axes_of(e) for e in entries)
    if used > x.ndim or sum(e is Ellipsis for e in entries) > 1:
        raise IndexError(
            f"{at('getitem')}: too many indices for a tensor of {x.ndim} dimensions, or more than one '...'."
            f"{received(indices=used, shape=x.shape)}"
        )
    rest = [slice(None)] * (x.ndim - used)
    if not any(e is Ellipsis for e in entries):
        return entries + rest
    place = next(i for i, e in enumerate(entries) if e is Ellipsis)
    return entries[:place] + rest + entries[place + 1 :]


def _entry(value: Any) -> Any:
    if value is None or value is Ellipsis or isinstance(value, slice | Tensor):
        return value
    array = np.asarray(value)
    if isinstance(value, list) and not value:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub" or (array.dtype == bool and not array.ndim):
        raise IndexError(
            f"{at('getitem')}: an index is an integer, a slice, None, '...', or an array of integers or booleans."
            f"{received(index=value)}"
        )
    return array if array.ndim else int(array)


def _axes_of(entry: Any) -> int:
    if entry is None or entry is Ellipsis:
        return 0
    return entry.ndim if isinstance(entry, np.ndarray | Tensor) and entry.dtype == bool else 1


def _without_masks(x: Tensor, entries: list[Any]) -> list[Any]:
    """The entries with every mask replaced by the indices of its true elements, one array for each of its axes."""
    result: list[Any] = []
    axis = 0
    for entry in entries:
        width = _axes_of(entry)
        if isinstance(entry, np.ndarray | Tensor) and entry.dtype == bool:
            if entry.shape != x.shape[axis : axis + width]:
                raise IndexError(
                    f"{at('getitem')}: a mask must have the shape of the axes it selects from, "
                    f"{x.shape[axis : axis + width]}.{received(mask=entry)}"
                )
            result.extend(np.nonzero(np.asarray(entry)))
        else:
            result.append(entry)
        axis += width
    return result


def _check_neighbours(entries: list[Any]) -> None:
    """NumPy moves the axes of arrays that do not stand side by side to the front, which surprises everybody."""
    places = [i for i, e in enumerate(entries) if isinstance(e, int | np.ndarray | Tensor)]
    if places != list(range(places[0], places[-1] + 1)):
        raise IndexError(
            f"{at('getitem')}: arrays and integers with a slice, None or '...' between them are not supported; "
            "index in two steps."
        )


def _cuts(x: Tensor, entries: list[Any]) -> list[tuple[int, int, int]]:
    """(start, step, count) for each axis; whole for axes an array selects from."""
    cuts = []
    for axis, entry in enumerate(e for e in entries if e is not None):
        length = x.shape[axis]
        if isinstance(entry, slice):
            picked = range(*entry.indices(length))
            cuts.append((picked.start if len(picked) else 0, picked.step, len(picked)))
        elif isinstance(entry, int):
            check_range("getitem", np.asarray(entry), length, axis)
            cuts.append((entry % length, 1, 1))
        else:
            if isinstance(entry, np.ndarray):
                check_range("getitem", entry, length, axis)
            cuts.append((0, 1, length))
    return cuts


def _sliced(x: Tensor, cuts: list[tuple[int, int, int]]) -> Tensor:
    if all(cut == (0, 1, length) for cut, length in zip(cuts, x.shape)):
        return x
    start, step, count = (tuple(values) for values in zip(*cuts))
    y = empty(count, x.dtype)
    execute("slice", [y.array], [x.array], start=start, step=step)

    def backward(grad: Gradients) -> None:
        execute("slice_backward", [grad.buffer(0)], [grad.d], start=start, step=step)

    return record(y, (x,), backward, "getitem")


def _layout(entries: list[Any], counts: list[int]) -> tuple[tuple[int, ...], list[Any], int]:
    """Shape after slicing, with `None` axes in and integer axes out; the index arrays and the first one's axis."""
    shape: list[int] = []
    arrays: list[Any] = []
    position = 0
    lengths = iter(counts)
    for entry in entries:
        length = 1 if entry is None else next(lengths)
        if isinstance(entry, int):
            continue
        if isinstance(entry, np.ndarray | Tensor):
            position = len(shape) if not arrays else position
            arrays.append(entry)
        shape.append(length)
    return tuple(shape), arrays, position


def _gathered(y: Tensor, arrays: list[Any], position: int) -> Tensor:
    """Entries at the given indices along neighbouring axes from `position` on."""
    numbers = [index_tensor("getitem", a) for a in arrays]
    if len(arrays) == 1:
        return take(y, numbers[0], position)
    lengths = y.shape[position : position + len(arrays)]
    merged = reshape(y, (*y.shape[:position], prod(lengths), *y.shape[position + len(arrays) :]))
    return take(merged, linear_index(numbers, lengths), position)


def linear_index(numbers: list[Tensor], lengths: tuple[int, ...]) -> Tensor:
    """Numbers of the entries in row-major order; behind the end when one of the indices is out of range."""
    linear, inside = as_tensor(0, "int64"), as_tensor(True)
    for number, length in zip(numbers, lengths):
        number = as_tensor(number, "int64")
        number = where(less(number, 0), add(number, length), number)
        inside = logical_and(inside, logical_and(greater_equal(number, 0), less(number, length)))
        linear = add(multiply(linear, length), number)
    return where(inside, linear, prod(lengths))
