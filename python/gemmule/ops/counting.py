"""What depends on how often values occur: sums by segment, counts, distinct values."""

from __future__ import annotations

import builtins
from math import prod
from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.ops.gather import index_tensor, one_hot
from gemmule.ops.logic import less, where
from gemmule.ops.reduce import max
from gemmule.ops.registry import op, reading_op
from gemmule.ops.reshaping import reshape
from gemmule.ops.scattering import _added
from gemmule.ops.shapes import as_tensor, normalize_axis
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """Sums of the rows that belong together.

    Args:
        data: rows `(n, ...)`.
        segment_ids: integers `(n,)`: the segment of each row; rows of a segment that does not exist are left out.
        num_segments: how many there are. Without it values are read, and the step runs eagerly.
        sorted: whether the ids ascend; makes no difference.

    Returns:
        A tensor `(num_segments, ...)` of the type of `data`.

    Raises:
        TypeError: if the ids are no integers.
        ValueError: if the shapes do not fit.

    Example:
        >>> gm.ops.segment_sum([1.0, 2.0, 4.0], [0, 1, 0], 2).numpy()
        array([5., 2.], dtype=float32)
    """
    data, ids = as_tensor(data), index_tensor("segment_sum", segment_ids)
    if ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise ValueError(
            f"{at('segment_sum')}: data has one row for each segment id.{received(data=data, segment_ids=ids)}"
        )
    count = int(ids.numpy().max(initial=-1)) + 1 if num_segments is None else int(num_segments)
    return _added(data, where(less(ids, 0), count, ids), count)


@reading_op
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each number occurs, or the sum of the weights of its occurrences.

    Args:
        x: non-negative integers, in one dimension or in rows that are counted each for itself.
        weights: a weight for each.
        minlength: least length of the result. Values are read to see whether it must be longer, so a step that counts
            runs eagerly; sum over `one_hot` to avoid that.
        sparse: only `False`.

    Returns:
        Counts, int32, or sums of the type of `weights`.

    Raises:
        TypeError: if `x` holds no integers.
        ValueError: for negative numbers, other shapes or `sparse=True`.

    Example:
        >>> gm.ops.bincount([1, 0, 1]).numpy()
        array([1, 2], dtype=int32)
    """
    numbers = index_tensor("bincount", x)
    values = numbers.numpy()
    weight = None if weights is None else as_tensor(weights)
    fits = weight is None or weight.shape == numbers.shape
    if sparse or numbers.ndim not in (1, 2) or values.min(initial=0) < 0 or not fits:
        raise ValueError(
            f"{at('bincount')}: x holds non-negative integers in one or two dimensions, weights has its shape, and "
            f"there are no sparse tensors.{received(x=numbers, weights=weight, sparse=sparse)}"
        )
    count = builtins.max(int(values.max(initial=-1)) + 1, minlength)
    rows = values.reshape(prod(values.shape[:-1]), values.shape[-1])
    places = rows + count * np.arange(len(rows))[:, None]
    weight = as_tensor(np.ones(values.shape, np.int32)) if weight is None else weight
    total = _added(reshape(weight, (weight.size,)), as_tensor(places.ravel()), count * len(rows))
    return reshape(total, (*values.shape[:-1], count))


@op
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """Vectors with ones at several places: the `one_hot` of each number, laid over each other.

    Args:
        inputs: integers `(batch, n)` or `(n,)`; a number outside the classes sets nothing.
        num_classes: length of the vectors.
        axis: where the classes stand in the result.
        dtype: type of the result; `floatx()` by default.
        sparse: only `False`.

    Returns:
        A tensor `(batch, num_classes)` or `(num_classes,)`.

    Raises:
        ValueError: for `sparse=True`, or if `num_classes` is not a positive integer.

    Example:
        >>> gm.ops.multi_hot([0, 2], 4).numpy()
        array([1., 0., 1., 0.], dtype=float32)
    """
    if sparse:
        raise ValueError(f"{at('multi_hot')}: there are no sparse tensors.{received(sparse=sparse)}")
    numbers = as_tensor(inputs)
    return max(one_hot(numbers, num_classes, axis, dtype), axis=1 if numbers.ndim > 1 else 0)  # type: ignore[arg-type]


@reading_op
def nonzero(x: Any) -> tuple[Tensor, ...]:
    """Coordinates of the elements that are not zero. Their number depends on values: a step that asks runs eagerly.

    Args:
        x: a tensor, array or list.

    Returns:
        One int32 tensor for each axis.

    Example:
        >>> gm.ops.nonzero([0, 5, 0, 7])[0].numpy()
        array([1, 3], dtype=int32)
    """
    return tuple(as_tensor(places.astype(np.int32)) for places in np.nonzero(as_tensor(x).numpy()))


@reading_op
def unique(
    x: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    """The different elements in ascending order. Their number depends on values: a step that asks runs eagerly.

    Args:
        x: a tensor, array or list.
        return_index: whether to give where each stands first, too.
        return_inverse: whether to give the number of each element of `x` among them, too.
        return_counts: whether to give how often each occurs, too.
        axis: compare slices along this axis; by default elements.

    Returns:
        A tensor of the type of `x`, or a tuple with int32 tensors behind it.

    Raises:
        ValueError: if the axis does not exist.

    Example:
        >>> gm.ops.unique([3, 1, 3]).numpy()
        array([1, 3], dtype=int32)
    """
    x = as_tensor(x)
    axis = None if axis is None else normalize_axis("unique", axis, x.ndim)
    also: Any = {"return_index": return_index, "return_inverse": return_inverse, "return_counts": return_counts}
    found = np.unique(x.numpy(), axis=axis, **also)
    if not isinstance(found, tuple):
        return as_tensor(found)
    return (as_tensor(found[0]), *(as_tensor(numbers.astype(np.int32)) for numbers in found[1:]))
