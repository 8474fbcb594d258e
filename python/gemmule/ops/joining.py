"""Tensors put together and taken apart, repeated, and grids of coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.ops.arranging import broadcast_to
from gemmule.ops.gather import take
from gemmule.ops.indexing import getitem
from gemmule.ops.registry import op
from gemmule.ops.reshaping import concatenate, expand_dims, reshape
from gemmule.ops.shapes import as_tensor, normalize_axis
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def stack(x: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis.

    Args:
        x: at least one tensor, array or list.
        axis: where the new axis stands in the result.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if there is nothing to join, shapes differ, or the axis does not exist.

    Example:
        >>> gm.ops.stack([[1, 2], [3, 4]], axis=1).numpy()
        array([[1, 3],
               [2, 4]], dtype=int32)
    """
    tensors = _listed("stack", x)
    if any(t.shape != tensors[0].shape for t in tensors):
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise ValueError(f"{at('stack')}: all shapes must be equal. Received: shapes {shapes}.")
    axis = normalize_axis("stack", axis, tensors[0].ndim + 1)
    return concatenate([expand_dims(t, axis) for t in tensors], axis)


@op
def vstack(xs: Sequence[Any]) -> Tensor:
    """Tensors joined along the first axis; vectors count as rows.

    Args:
        xs: at least one tensor, array or list.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> gm.ops.vstack([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    tensors = [t if t.ndim > 1 else reshape(t, (1, t.size)) for t in _listed("vstack", xs)]
    return concatenate(tensors, 0)


@op
def hstack(xs: Sequence[Any]) -> Tensor:
    """Tensors joined along the second axis, vectors along their only one.

    Args:
        xs: at least one tensor, array or list.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> gm.ops.hstack([[1, 2], [3, 4]]).shape
        (4,)
    """
    tensors = [t if t.ndim else reshape(t, (1,)) for t in _listed("hstack", xs)]
    return concatenate(tensors, 0 if tensors[0].ndim == 1 else 1)


def _listed(name: str, xs: Sequence[Any]) -> list[Tensor]:
    if isinstance(xs, (np.ndarray, Tensor)) and xs.ndim:
        xs = list(xs)
    if not isinstance(xs, (list, tuple)) or not xs:
        raise ValueError(f"{at(name)}: needs a list of at least one tensor.{received(xs=xs)}")
    return [as_tensor(x) for x in xs]


@op
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """Two tensors joined along an axis.

    Args:
        x1: the first.
        x2: the second.
        axis: the axis; by default both are flattened.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> gm.ops.append([1, 2], [[3]]).numpy()
        array([1, 2, 3], dtype=int32)
    """
    parts = [as_tensor(x1), as_tensor(x2)]
    return concatenate(parts if axis is not None else [reshape(p, (p.size,)) for p in parts], axis or 0)


@op
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """A tensor cut along an axis.

    Args:
        x: a tensor, array or list.
        indices_or_sections: into how many equal parts, or the list of places to cut at.
        axis: the axis.

    Returns:
        The parts. (PyTorch's `split` takes the length of a part instead.)

    Raises:
        ValueError: if the axis cannot be divided evenly, or does not exist.

    Example:
        >>> [part.shape for part in gm.ops.split(gm.ops.zeros((6, 2)), 3)]
        [(2, 2), (2, 2), (2, 2)]
    """
    x = as_tensor(x)
    axis = normalize_axis("split", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        if indices_or_sections < 1 or n % indices_or_sections:
            raise ValueError(
                f"{at('split')}: an axis of {n} entries cannot be cut into {indices_or_sections} equal parts; "
                "gm.ops.array_split cuts it into nearly equal ones."
            )
        return array_split(x, indices_or_sections, axis)
    cuts = np.asarray(indices_or_sections)
    if cuts.ndim != 1 or (cuts.dtype.kind not in "iu" and cuts.size):
        raise ValueError(
            f"{at('split')}: give a number of parts, or a list of integers to cut at."
            f"{received(indices_or_sections=indices_or_sections)}"
        )
    places = [int(i) for i in cuts]
    starts = [0, *places]
    return [getitem(x, (slice(None),) * axis + (slice(a, b),)) for a, b in zip(starts, [*places, None])]


@op
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """A tensor cut along an axis into nearly equal parts, the longer ones first.

    Args:
        x: a tensor, array or list.
        indices_or_sections: into how many parts, or the list of places to cut at.
        axis: the axis.

    Returns:
        The parts.

    Raises:
        ValueError: if the number is not positive or the axis does not exist.

    Example:
        >>> [part.shape for part in gm.ops.array_split(gm.ops.zeros((5,)), 2)]
        [(3,), (2,)]
    """
    if not isinstance(indices_or_sections, (int, np.integer)):
        return split(x, indices_or_sections, axis)
    if indices_or_sections < 1:
        raise ValueError(f"{at('array_split')}: there must be a part.{received(sections=indices_or_sections)}")
    x = as_tensor(x)
    n = x.shape[normalize_axis("array_split", axis, x.ndim)]
    each, more = divmod(n, int(indices_or_sections))
    lengths = [each + (i < more) for i in range(int(indices_or_sections))]
    return split(x, np.cumsum(lengths)[:-1], axis)


@op
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The entries along an axis, one by one.

    Args:
        x: a tensor, array or list.
        num: how many there are; only checked.
        axis: the axis, which vanishes.

    Returns:
        As many tensors as the axis is long.

    Raises:
        ValueError: if `num` is another number, or the axis does not exist.

    Example:
        >>> [int(part) for part in gm.ops.unstack([3, 4])]
        [3, 4]
    """
    x = as_tensor(x)
    axis = normalize_axis("unstack", axis, x.ndim)
    if num not in (None, x.shape[axis]):
        raise ValueError(f"{at('unstack')}: the axis has {x.shape[axis]} entries.{received(num=num)}")
    return [getitem(x, (slice(None),) * axis + (i,)) for i in range(x.shape[axis])]


@op
def tile(x: Any, repeats: Any) -> Tensor:
    """The whole tensor repeated along axes.

    Args:
        x: a tensor, array or list.
        repeats: how often along each axis; missing ones in front count as 1.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if a number is negative.

    Example:
        >>> gm.ops.tile([1, 2], 2).numpy()
        array([1, 2, 1, 2], dtype=int32)
    """
    x = as_tensor(x)
    times = [repeats] if isinstance(repeats, (int, np.integer)) else [int(n) for n in repeats]
    if any(n < 0 for n in times):
        raise ValueError(f"{at('tile')}: repeats are not negative.{received(repeats=repeats)}")
    rank = max(len(times), x.ndim)
    times = [1] * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + x.shape
    apart = broadcast_to(
        reshape(x, [n for length in shape for n in (1, length)]), [n for t, s in zip(times, shape) for n in (t, s)]
    )
    return reshape(apart, [t * s for t, s in zip(times, shape)])


@op
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each entry along an axis repeated; PyTorch's `repeat_interleave`.

    Args:
        x: a tensor, array or list.
        repeats: how often, or how often each entry.
        axis: the axis; by default `x` is flattened.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if a number is negative, their count does not fit, or the axis does not exist.

    Example:
        >>> gm.ops.repeat([1, 2], 2).numpy()
        array([1, 1, 2, 2], dtype=int32)
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, (x.size,)), 0
    axis = normalize_axis("repeat", axis, x.ndim)
    times = np.asarray(repeats)
    fits = times.dtype.kind in "iu" and times.ndim < 2 and times.size in (1, x.shape[axis]) and (times >= 0).all()
    if not fits:
        raise ValueError(
            f"{at('repeat')}: repeats is a non-negative integer, or one for each of the {x.shape[axis]} entries."
            f"{received(repeats=repeats)}"
        )
    return take(x, np.repeat(np.arange(x.shape[axis]), times), axis)


@op
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Grids of coordinates from one vector for each axis.

    Args:
        *x: vectors.
        indexing: `"xy"`: the first vector runs along the second axis; `"ij"`: along the first.

    Returns:
        One tensor for each vector.

    Raises:
        ValueError: for more than one dimension or another `indexing`.

    Example:
        >>> [grid.shape for grid in gm.ops.meshgrid([1, 2, 3], [4, 5])]
        [(2, 3), (2, 3)]
    """
    vectors = [as_tensor(v) for v in x]
    if indexing not in ("xy", "ij") or any(v.ndim > 1 for v in vectors):
        raise ValueError(
            f"{at('meshgrid')}: takes vectors, and indexing is 'xy' or 'ij'."
            f"{received(shapes=[v.shape for v in vectors], indexing=indexing)}"
        )
    rank = len(vectors)
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[:2] = [1, 0]
    shape = [1] * rank
    for place, vector in zip(places, vectors):
        shape[place] = vector.size
    ones = [[vector.size if i == place else 1 for i in range(rank)] for place, vector in zip(places, vectors)]
    return [broadcast_to(reshape(vector, one), shape) for vector, one in zip(vectors, ones)]
