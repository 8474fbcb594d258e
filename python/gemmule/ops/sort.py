"""Sorting, and what sorted numbers are good for: the largest few, quantiles, places among others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gemmule.errors import received
from gemmule.ops.arranging import moveaxis
from gemmule.ops.arrays import compute
from gemmule.ops.elementwise import add, multiply, subtract
from gemmule.ops.gather import take
from gemmule.ops.indexing import getitem
from gemmule.ops.logic import equal, greater, less, less_equal, logical_and, where
from gemmule.ops.reduce import sum
from gemmule.ops.registry import op
from gemmule.ops.reshaping import expand_dims, reshape
from gemmule.ops.scattering import take_along_axis
from gemmule.ops.shapes import as_float, as_tensor, as_tensors, normalize_axes, normalize_axis
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The order that sorts a tensor: equals as they stand, NaN last.

    Args:
        x: a tensor, array or list.
        axis: the axis to sort along; `None` flattens.

    Returns:
        An int32 tensor of the shape of `x`, without gradient.

    Raises:
        ValueError: if the axis does not exist.

    Example:
        >>> gm.ops.argsort([3.0, 1.0, 2.0]).numpy()
        array([1, 2, 0], dtype=int32)
    """
    x, axis = _along("argsort", x, axis)
    return moveaxis(_order(moveaxis(x, axis, -1)), -1, axis)


@op
def sort(x: Any, axis: int | None = -1) -> Tensor:
    """The elements in ascending order, NaN last. PyTorch's `sort` gives the order, too: that is `argsort`.

    Args:
        x: a tensor, array or list.
        axis: the axis to sort along; `None` flattens.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if the axis does not exist.

    Example:
        >>> gm.ops.sort([3.0, 1.0, 2.0]).numpy()
        array([1., 2., 3.], dtype=float32)
    """
    x, axis = _along("sort", x, axis)
    rows = moveaxis(x, axis, -1)
    return moveaxis(take_along_axis(rows, _order(rows), -1), -1, axis)


def _along(name: str, x: Any, axis: int | None) -> tuple[Tensor, int]:
    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, (x.size,)), 0
    return x, normalize_axis(name, axis, x.ndim)


def _order(x: Tensor, descending: bool = False) -> Tensor:
    return Tensor(compute("argsort", x.array, shape=x.shape, dtype=np.int32, descending=descending))


class TopK(NamedTuple):
    """What `top_k` gives."""

    values: Tensor
    indices: Tensor


@op
def top_k(x: Any, k: int, sorted: bool = True) -> TopK:
    """The k largest elements along the last axis, and where they stand. NaN counts as the largest.

    Args:
        x: a tensor, array or list with at least one dimension.
        k: how many.
        sorted: the largest comes first either way; `False` leaves the order open.

    Returns:
        The pair `values`, of the type of `x`, and `indices`, int32; the first of equals comes first.

    Raises:
        ValueError: if there are fewer than k elements.

    Example:
        >>> gm.ops.top_k([3.0, 1.0, 2.0], 2).indices.numpy()
        array([0, 2], dtype=int32)
    """
    x = as_tensor(x)
    most = x.shape[-1] if x.ndim else 0
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 0 < k <= most:
        raise ValueError(
            f"{at('top_k')}: k must be an integer from 1 to the length of the last axis.{received(k=k, shape=x.shape)}"
        )
    indices = getitem(_order(x, descending=True), (..., slice(int(k))))
    return TopK(take_along_axis(x, indices, -1), indices)


@op
def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether the true class is among the k with the highest scores.

    Args:
        targets: class numbers `(n,)`.
        predictions: scores `(n, classes)`.
        k: how many count. A class that ties with the k-th counts, too.

    Returns:
        A boolean tensor `(n,)`; false for a target outside the classes and for a score that is not finite.

    Raises:
        ValueError: if the shapes do not fit, or k is not a positive integer.

    Example:
        >>> gm.ops.in_top_k([0, 2], [[0.1, 0.7, 0.2], [0.1, 0.7, 0.2]], 2).numpy()
        array([False,  True])
    """
    targets, scores = as_tensor(targets), as_float(predictions)
    if scores.ndim != 2 or targets.shape != scores.shape[:1]:
        raise ValueError(
            f"{at('in_top_k')}: targets must have shape (n,) and predictions (n, classes)."
            f"{received(targets=targets, predictions=scores)}"
        )
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"{at('in_top_k')}: k must be a positive integer.{received(k=k)}")
    own = take_along_axis(scores, expand_dims(targets, 1), 1)
    better = sum(as_tensor(greater(scores, own), "int32"), axis=1)
    finite = reshape(less(multiply(own, 0), 1), targets.shape)  # false for NaN and infinities
    return logical_and(less(better, int(k)), logical_and(finite, less_equal(0, targets)))


# --- quantiles -------------------------------------------------------------------------------------------------------

_METHODS: dict[str, Any] = {
    "linear": lambda at: at,
    "lower": np.floor,
    "higher": np.ceil,
    "nearest": np.rint,
    "midpoint": lambda at: (np.floor(at) + np.ceil(at)) / 2,
}


@op
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """Quantiles: the value below which a share q of the elements lies. NaN among them gives NaN.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        q: one number from 0 to 1, or a list of them.
        axis: one axis, several, or `None` for all.
        method: what to take between two elements: `"linear"`, `"lower"`, `"higher"`, `"nearest"` or `"midpoint"`.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor; with several q, they are its first axis.

    Raises:
        ValueError: for q outside [0, 1], an unknown method, an axis that does not exist or no elements.

    Example:
        >>> float(gm.ops.quantile([1.0, 2.0, 3.0, 4.0], 0.5))
        2.5
    """
    x, shares = as_float(x), np.asarray(q, np.float64)
    if shares.ndim > 1 or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"{at('quantile')}: q is a number from 0 to 1 or a list of them.{received(q=q)}")
    if method not in _METHODS:
        raise ValueError(f"{at('quantile')}: method is one of {', '.join(_METHODS)}.{received(method=method)}")
    axes = normalize_axes("quantile", axis, x.ndim)
    rest = [i for i in range(x.ndim) if i not in axes]
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    rows = reshape(moveaxis(x, rest, list(range(len(rest)))), (*(x.shape[i] for i in rest), -1)) if x.size else x
    n = rows.shape[-1] if rows.ndim else 1
    if not x.size or not n:
        raise ValueError(f"{at('quantile')}: there is no quantile of zero elements.{received(x=x)}")
    ascending = sort(reshape(rows, (*rows.shape[:-1], n)))
    places, last = _METHODS[method](shares * (n - 1)), getitem(ascending, (..., -1))
    results = [_between(ascending, float(place), last) for place in np.atleast_1d(places)]
    results = [reshape(y, kept) for y in results] if keepdims else results
    return _stacked(results) if shares.ndim else results[0]


def _between(ascending: Tensor, place: float, last: Tensor) -> Tensor:
    low = int(place)
    share = place - low
    y = getitem(ascending, (..., low))
    if share:
        y = add(multiply(y, 1 - share), multiply(getitem(ascending, (..., low + 1)), share))
    return where(equal(last, last), y, last)  # NaN stands last


def _stacked(tensors: list[Tensor]) -> Tensor:
    from gemmule.ops.joining import stack

    return stack(tensors)


@op
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle one of the sorted elements, the mean of both when there are two. PyTorch takes the lower one.

    Args:
        x: a tensor, array or list; integers become `floatx()`.
        axis: one axis, several, or `None` for all.
        keepdims: whether reduced axes stay, with length one.

    Returns:
        A floating tensor; NaN where an element is NaN.

    Raises:
        ValueError: if an axis does not exist or there are no elements.

    Example:
        >>> float(gm.ops.median([3.0, 1.0, 2.0]))
        2.0
    """
    return quantile(x, 0.5, axis, keepdims=keepdims)


# --- places ----------------------------------------------------------------------------------------------------------


@op
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where values would have to be inserted into an ascending sequence.

    Args:
        sorted_sequence: one dimension, ascending.
        values: numbers of any shape.
        side: `"left"` of equals or `"right"` of them.

    Returns:
        An int32 tensor of the shape of `values`, without gradient.

    Raises:
        ValueError: if the sequence does not have one dimension, or for another side.

    Example:
        >>> gm.ops.searchsorted([1.0, 3.0], [0.0, 3.0, 5.0]).numpy()
        array([0, 1, 2], dtype=int32)
    """
    ascending, wanted = as_tensors(sorted_sequence, values)
    if ascending.ndim != 1 or side not in ("left", "right"):
        raise ValueError(
            f"{at('searchsorted')}: the sequence has one dimension, side is 'left' or 'right'."
            f"{received(sorted_sequence=ascending, side=side)}"
        )
    n = ascending.size
    low = Tensor(np.zeros(wanted.shape, np.int32))
    step = 1 << n.bit_length() >> 1
    while step and n:  # the largest `low` whose predecessor belongs before: bit by bit
        reached = add(low, step)
        found = take(ascending, where(less_equal(reached, n), subtract(reached, 1), 0), 0)
        before = less(found, wanted) if side == "left" else less_equal(found, wanted)
        low = where(logical_and(less_equal(reached, n), before), reached, low)
        step >>= 1
    return low


@op
def digitize(x: Any, bins: Any) -> Tensor:
    """The number of the bin each element lies in: `bins[i - 1] <= x < bins[i]`.

    Args:
        x: a tensor, array or list.
        bins: ascending limits.

    Returns:
        An int32 tensor of the shape of `x`, without gradient; 0 below the first limit.

    Raises:
        ValueError: if `bins` does not have one dimension.

    Example:
        >>> gm.ops.digitize([0.5, 1.0, 7.0], [1.0, 5.0]).numpy()
        array([0, 1, 2], dtype=int32)
    """
    return searchsorted(bins, x, side="right")
