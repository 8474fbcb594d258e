"""Changing type, shape and order of elements. Reshapes are views: they cost nothing, forth and back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.config import standardize_dtype
from gemmule.errors import received
from gemmule.ops.arrays import frozen
from gemmule.ops.registry import OPS, op
from gemmule.ops.shapes import as_tensor, empty, normalize_axes, normalize_axis, result_dtype
from gemmule.scope import where
from gemmule.tensor import Tensor


@op
def cast(x: Any, dtype: Any) -> Tensor:
    """The values in another type. Floats lose their fraction when they become integers; bool means "not zero".

    Args:
        x: a tensor, array, number or list.
        dtype: `"float32"`, `"float64"`, `"int32"`, `"int64"`, `"uint8"` or `"bool"`.

    Returns:
        A tensor; `x` itself when it has the type. The gradient passes between floating types.

    Raises:
        ValueError: for another type.

    Example:
        >>> gm.ops.cast([1.7, 0.0], "int32").numpy()
        array([1, 0], dtype=int32)
    """
    x, dtype = as_tensor(x), np.dtype(standardize_dtype(dtype))
    if x.dtype == dtype:
        return x
    y = empty(x.shape, dtype)
    execute("copy", [y.array], [x.array])
    if x.dtype.kind != "f" or dtype.kind != "f":
        return y
    return record(y, (x,), lambda grad: execute("copy", [grad.buffer(0)], [grad.d]), "cast")


@op
def reshape(x: Any, newshape: Any) -> Tensor:
    """The same elements, in row-major order, under another shape.

    Args:
        x: a tensor, array or list.
        newshape: the shape; one dimension may be -1 and is computed from the others.

    Returns:
        A tensor that shares the memory of `x`.

    Raises:
        ValueError: if the number of elements differs.

    Example:
        >>> gm.ops.reshape([1, 2, 3, 4], (2, -1)).numpy()
        array([[1, 2],
               [3, 4]], dtype=int32)
    """
    x = as_tensor(x)
    return _view("reshape", x, complete_shape("reshape", x.shape, newshape))


def complete_shape(name: str, shape: tuple[int, ...], newshape: Any) -> tuple[int, ...]:
    """`newshape` with its -1 filled in.

    Raises:
        ValueError: if it cannot hold the elements of `shape`.
    """
    wanted = (newshape,) if isinstance(newshape, (int, np.integer)) else tuple(newshape)
    evidence = f" Received: x.shape={shape}, newshape={wanted}."
    if not all(isinstance(n, (int, np.integer)) and n >= -1 for n in wanted) or wanted.count(-1) > 1:
        raise ValueError(f"{where(name)}: a shape consists of non-negative integers and at most one -1.{evidence}")
    size, known = prod(shape), prod(n for n in wanted if n != -1)
    if -1 in wanted and known == 0:
        raise ValueError(f"{where(name)}: -1 beside a dimension of 0 has no unique meaning; write it out.{evidence}")
    if size % known if -1 in wanted else size != known:
        raise ValueError(f"{where(name)}: {size} elements do not fit into the shape {wanted}.{evidence}")
    return tuple(size // known if n == -1 else int(n) for n in wanted)


@op
def flatten(x: Any) -> Tensor:
    """All axes but the first merged into one: `(n, a, b)` becomes `(n, a * b)`.

    Args:
        x: a tensor, array or list with at least one dimension.

    Returns:
        A tensor with two dimensions that shares the memory of `x`.

    Raises:
        ValueError: if `x` has no dimensions.

    Example:
        >>> gm.ops.flatten(np.zeros((2, 3, 4))).shape
        (2, 12)
    """
    x = as_tensor(x)
    if x.ndim == 0:
        raise ValueError(f"{where('flatten')}: needs at least one dimension, the batch.{received(x=x)}")
    return _view("flatten", x, (x.shape[0], prod(x.shape[1:])))


@op
def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Tensor:
    """New axes of length one.

    Args:
        x: a tensor, array or list.
        axis: where the new axis, or each of several, stands in the result.

    Returns:
        A tensor that shares the memory of `x`.

    Raises:
        ValueError: if an axis is outside the result.

    Example:
        >>> gm.ops.expand_dims([1.0, 2.0], 0).shape
        (1, 2)
    """
    x = as_tensor(x)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    axes = normalize_axes("expand_dims", axis, x.ndim + count)
    lengths = iter(x.shape)
    return _view("expand_dims", x, tuple(1 if i in axes else next(lengths) for i in range(x.ndim + count)))


@op
def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Without axes of length one.

    Args:
        x: a tensor, array or list.
        axis: which of them; all by default.

    Returns:
        A tensor that shares the memory of `x`.

    Raises:
        ValueError: if a named axis does not have length one.

    Example:
        >>> gm.ops.squeeze([[1.0, 2.0]]).shape
        (2,)
    """
    x = as_tensor(x)
    if axis is None:
        axes = tuple(i for i, length in enumerate(x.shape) if length == 1)
    else:
        axes = normalize_axes("squeeze", axis, x.ndim)
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(f"{where('squeeze')}: only axes of length 1 can go.{received(axis=axis, shape=x.shape)}")
    return _view("squeeze", x, tuple(length for i, length in enumerate(x.shape) if i not in axes))


def _view(name: str, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    y = Tensor(frozen(x).reshape(shape))
    before = x.shape
    return record(y, (x,), lambda grad: grad.alias(0, grad.d.reshape(before)), name)


@op
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Axes in another order.

    Args:
        x: a tensor, array or list.
        axes: a permutation of the axes; reversed by default.

    Returns:
        A new tensor, with its elements moved.

    Raises:
        ValueError: if `axes` is not a permutation.

    Example:
        >>> gm.ops.transpose([[1, 2], [3, 4]]).numpy()
        array([[1, 3],
               [2, 4]], dtype=int32)
    """
    x = as_tensor(x)
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(normalize_axis("transpose", a, x.ndim) for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(
            f"{where('transpose')}: axes must name each of the {x.ndim} axes once.{received(axes=axes, shape=x.shape)}"
        )
    y = empty((x.shape[a] for a in order), x.dtype)
    execute("transpose", [y.array], [x.array], axes=order)
    inverse = tuple(int(a) for a in np.argsort(order))
    return record(y, (x,), lambda grad: execute("transpose", [grad.buffer(0)], [grad.d], axes=inverse), "transpose")


@op
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """Entries around a tensor: zeros, another number, or what stands near the edge.

    Args:
        x: a tensor, array or list.
        pad_width: how many entries before and behind each axis: `((before, after), ...)`, one pair for all axes, or one
            number for both ends of all axes.
        mode: `"constant"`; or `"edge"` (the last entry again), `"reflect"` (mirrored at it), `"symmetric"` (mirrored
            behind it) or `"wrap"` (from the other end), as in NumPy.
        constant_values: the number for `"constant"`; 0 by default.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if `pad_width` does not fit the axes, a number is negative, or for another mode.

    Example:
        >>> gm.ops.pad([1.0, 2.0], (1, 2)).numpy()
        array([0., 1., 2., 0., 0.], dtype=float32)
    """
    x = as_tensor(x)
    modes = ("constant", "edge", "reflect", "symmetric", "wrap")
    if mode not in modes or (mode != "constant" and constant_values is not None):
        raise ValueError(
            f"{where('pad')}: mode is one of {', '.join(modes)}, and constant_values belongs to 'constant'."
            f"{received(mode=mode, constant_values=constant_values)}"
        )
    pairs = _pad_pairs(pad_width, x)
    if mode != "constant":
        for axis, (n, pair) in enumerate(zip(x.shape, pairs)):
            if any(pair) and not n:
                raise ValueError(f"{where('pad')}: an axis without entries has no edge.{received(x=x, mode=mode)}")
            if any(pair):
                x = OPS["take"](x, np.pad(np.arange(n), pair, mode), axis)  # type: ignore[call-overload]
        return x
    if constant_values not in (None, 0):
        inside = np.pad(np.ones(x.shape, bool), pairs)
        return OPS["where"](inside, pad(x, pairs), OPS["cast"](constant_values, x.dtype))
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, pairs, strict=True))
    start, step = tuple(before for before, _ in pairs), (1,) * x.ndim
    y = empty(shape, x.dtype, "pad")
    execute("slice_backward", [y.array], [x.array], start=start, step=step)

    def backward(grad: Gradients) -> None:
        if (dx := grad.buffer(0)) is not None:
            execute("slice", [dx], [grad.d], start=start, step=step)

    return record(y, (x,), backward, "pad")


def _pad_pairs(pad_width: Any, x: Tensor) -> list[tuple[int, int]]:
    """(before, after) for each axis."""
    widths = np.asarray(pad_width)
    fits = widths.shape in ((), (1,), (2,), (1, 2), (x.ndim, 2))
    if not fits or widths.dtype.kind not in "iu" or (widths < 0).any():
        raise ValueError(
            f"{where('pad')}: pad_width is a non-negative integer, a pair of them, or a pair for each axis."
            f"{received(pad_width=pad_width, shape=x.shape)}"
        )
    return [(int(before), int(after)) for before, after in np.broadcast_to(widths, (x.ndim, 2))]


_MOST_JOINED = 28  # arrays that one call of the kernel takes


@op
def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors joined along an axis.

    Args:
        xs: at least one tensor, array or list; of equal shape except along the axis.
        axis: the axis; the first one by default.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if there is nothing to join, or the shapes do not fit.

    Example:
        >>> gm.ops.concatenate([[1.0], [2.0, 3.0]]).numpy()
        array([1., 2., 3.], dtype=float32)
    """
    tensors = _joinable(xs)
    axis = normalize_axis("concatenate", axis, tensors[0].ndim)
    if len(tensors) > _MOST_JOINED:
        groups = [tensors[i : i + _MOST_JOINED] for i in range(0, len(tensors), _MOST_JOINED)]
        return concatenate([concatenate(group, axis) for group in groups], axis)
    first = tensors[0].shape
    for t in tensors:
        if t.ndim != len(first) or any(a != b for i, (a, b) in enumerate(zip(t.shape, first)) if i != axis):
            shapes = ", ".join(str(other.shape) for other in tensors)
            raise ValueError(
                f"{where('concatenate')}: shapes must be equal except along the axis. "
                f"Received: shapes {shapes}, axis={axis}."
            )
    lengths = [t.shape[axis] for t in tensors]
    y = empty((*first[:axis], sum(lengths), *first[axis + 1 :]), tensors[0].dtype)
    execute("concatenate", [y.array], [t.array for t in tensors], axis=axis)

    def backward(grad: Gradients) -> None:
        offset = 0
        for index, length in enumerate(lengths):
            if (place := grad.buffer(index)) is not None:
                execute("split_part", [place], [grad.d], axis=axis, offset=offset)
            offset += length

    return record(y, tensors, backward, "concatenate")


def _joinable(xs: Sequence[Any]) -> tuple[Tensor, ...]:
    if isinstance(xs, (Tensor, np.ndarray)) or not len(xs):
        raise ValueError(f"{where('concatenate')}: needs a list of at least one tensor.{received(xs=xs)}")
    dtype = result_dtype(*(as_tensor(x) for x in xs))
    tensors = tuple(as_tensor(as_tensor(x), dtype) for x in xs)
    if any(t.ndim == 0 for t in tensors):
        raise ValueError(
            f"{where('concatenate')}: tensors without dimensions cannot be joined; reshape them to (1,) first."
            f"{received(shapes=[t.shape for t in tensors])}"
        )
    return tensors
