"""Reductions along one axis, or over all elements when `axis` is -1, and their gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def _view(x: np.ndarray, axis: int) -> np.ndarray:
    """`x` as (outer, axis, inner)."""
    if axis < 0:
        return x.reshape(1, -1, 1)
    outer = int(np.prod(x.shape[:axis], dtype=np.int64))
    inner = int(np.prod(x.shape[axis + 1 :], dtype=np.int64))
    return x.reshape(outer, x.shape[axis], inner)


def _reduced(y: np.ndarray, view: np.ndarray) -> np.ndarray:
    """`y`, a reduction of `view`, as (outer, 1, inner)."""
    return y.reshape(view.shape[0], 1, view.shape[2])


def _reduce(out: np.ndarray, x: np.ndarray, axis: int, reducer: Callable[..., np.ndarray]) -> None:
    view = _view(x, axis)
    _reduced(out, view)[...] = reducer(view, axis=1, keepdims=True)


def sum(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """`out = Σ x` along the axis."""
    view = _view(x, axis)
    _reduced(out, view)[...] = np.sum(view, axis=1, keepdims=True, dtype=x.dtype)


def mean(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """`out = Σ x / n` along the axis of length n."""
    view = _view(x, axis)
    _reduced(out, view)[...] = np.sum(view, axis=1, keepdims=True) / x.dtype.type(view.shape[1])


def max(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """The largest element along the axis; NaN wins."""
    _reduce(out, x, axis, np.max)


def min(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """The smallest element along the axis; NaN wins."""
    _reduce(out, x, axis, np.min)


def prod(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """`out = Π x` along the axis."""
    _reduce(out, x, axis, np.prod)


def argmax(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """Where the largest element stands along the axis: the first of equals, or the first NaN."""
    _reduce(out, x, axis, np.argmax)


def argmin(out: np.ndarray, x: np.ndarray, axis: int) -> None:
    """Where the smallest element stands along the axis: the first of equals, or the first NaN."""
    _reduce(out, x, axis, np.argmin)


def extremum_backward(dx: np.ndarray, dy: np.ndarray, x: np.ndarray, y: np.ndarray, axis: int) -> None:
    """Gradient of `y = max(x)` or `y = min(x)`, shared equally by all elements that attain it."""
    view = _view(x, axis)
    extremum = _reduced(y, view)
    attains = (view == extremum) | (np.isnan(view) & np.isnan(extremum))
    share = _reduced(dy, view) / np.sum(attains, axis=1, keepdims=True).astype(x.dtype)
    _view(dx, axis)[...] = np.where(attains, share, 0)


def broadcast(out: np.ndarray, x: np.ndarray, axis: int, scale: float) -> None:
    """`out = scale*x`, repeated along the axis: the gradient of `sum` (scale 1) and of `mean` (scale 1/n)."""
    view = _view(out, axis)
    view[...] = _reduced(x, view) * x.dtype.type(scale)


def weighted_mean(out: np.ndarray, values: np.ndarray, weights: np.ndarray | None) -> None:
    """`out = Σ w·v / N` with N the number of values; without weights every w is 1."""
    weighted = values if weights is None else weights * values
    out[...] = np.sum(weighted) / values.dtype.type(values.size)


def weighted_mean_backward(
    dvalues: np.ndarray, dout: np.ndarray, weights: np.ndarray | None, values: np.ndarray
) -> None:
    """`dvalues = dout / N * w`."""
    share = dout / values.dtype.type(values.size)
    dvalues[...] = share if weights is None else share * weights
