"""Moving elements about without computing: copies and casts, transposes, slices, concatenation."""

from __future__ import annotations

import numpy as np


def copy(out: np.ndarray, x: np.ndarray) -> None:
    """`out = x`, cast from any dtype to any dtype, element by element in memory order.

    From floating to integer truncates, saturates at the ends of the range and turns NaN into 0. Between integers it
    wraps around. To bool asks `!= 0`, so NaN is true.
    """
    x = x.reshape(out.shape)
    if np.issubdtype(x.dtype, np.floating) and np.issubdtype(out.dtype, np.integer):
        limits = np.iinfo(out.dtype)
        inside = (x > limits.min) & (x < x.dtype.type(limits.max))
        whole = np.where(inside, x, 0).astype(out.dtype)
        beyond = np.where(x > 0, limits.max, limits.min).astype(out.dtype)
        out[...] = np.where(inside | np.isnan(x), whole, beyond)
    else:
        out[...] = x.astype(out.dtype)


def assign(out: np.ndarray, x: np.ndarray) -> None:
    """A copy into persistent state."""
    copy(out, x)


def transpose(out: np.ndarray, x: np.ndarray, axes: tuple[int, ...]) -> None:
    """`out = x` with its axes in the order `axes`."""
    out[...] = np.transpose(x, axes)


def _slices(shape: tuple[int, ...], start: tuple[int, ...], step: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """An open mesh of the indices that each axis takes."""
    return np.ix_(*(first + stride * np.arange(n) for n, first, stride in zip(shape, start, step, strict=True)))


def slice(out: np.ndarray, x: np.ndarray, start: tuple[int, ...], step: tuple[int, ...]) -> None:
    """`out[i, j, ...] = x[start[0] + i*step[0], start[1] + j*step[1], ...]`; steps may be negative."""
    out[...] = x[_slices(out.shape, start, step)]


def slice_backward(dx: np.ndarray, dy: np.ndarray, start: tuple[int, ...], step: tuple[int, ...]) -> None:
    """Gradient of `slice`: `dy` where the slice took its elements, zero elsewhere."""
    dx[...] = 0
    dx[_slices(dy.shape, start, step)] = dy


def concatenate(out: np.ndarray, *parts: np.ndarray, axis: int) -> None:
    """`parts` side by side along `axis`."""
    np.concatenate(parts, axis=axis, out=out)


def split_part(out: np.ndarray, x: np.ndarray, axis: int, offset: int) -> None:
    """The `out.shape[axis]` entries of `x` along `axis` from `offset` on."""
    out[...] = np.take(x, np.arange(offset, offset + out.shape[axis]), axis=axis)
