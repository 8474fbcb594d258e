"""Pooling: the reference of `csrc/kernels/pool.cpp`. x and dx (N, H, W, C), y, dy and index (N, OH, OW, C)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]


def _padded(x: np.ndarray, padding: Padding, value: float) -> np.ndarray:
    top, bottom, left, right = padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def _taps(image: np.ndarray, size: Pair, pool: Pair, strides: Pair) -> Iterator[np.ndarray]:
    """For each place in the window, row by row, a view of what all `size` windows have there."""
    for kh in range(pool[0]):
        for kw in range(pool[1]):
            rows = slice(kh, kh + (size[0] - 1) * strides[0] + 1, strides[0])
            columns = slice(kw, kw + (size[1] - 1) * strides[1] + 1, strides[1])
            yield image[:, rows, columns]


def _windows(x: np.ndarray, like: np.ndarray, pool: Pair, strides: Pair, padding: Padding, value: float) -> np.ndarray:
    """The elements of all windows, (KH * KW, N, OH, OW, C); `value` where a window leaves the image."""
    size = (like.shape[1], like.shape[2])
    shape = (pool[0] * pool[1], *like.shape)
    return np.array(list(_taps(_padded(x, padding, value), size, pool, strides)), x.dtype).reshape(shape)


def max_pool2d_forward(
    y: np.ndarray, index: np.ndarray, x: np.ndarray, *, pool: Pair, strides: Pair, padding: Padding
) -> None:
    """`y` is the largest element of each window, `index` its place: the first of equals, or the first NaN."""
    windows = _windows(x, y, pool, strides, padding, -np.inf)
    inside = _windows(np.ones_like(x), y, pool, strides, padding, 0) > 0
    place = windows.argmax(axis=0)
    in_padding = ~np.take_along_axis(inside, place[np.newaxis], axis=0)[0]  # every element is minus infinity
    index[...] = np.where(in_padding, inside.argmax(axis=0), place)
    y[...] = windows.max(axis=0)


def max_pool2d_inference(y: np.ndarray, x: np.ndarray, *, pool: Pair, strides: Pair, padding: Padding) -> None:
    """`y` is the largest element of each window; NaN wins."""
    y[...] = _windows(x, y, pool, strides, padding, -np.inf).max(axis=0)


def max_pool2d_backward(
    dx: np.ndarray, dy: np.ndarray, index: np.ndarray, *, pool: Pair, strides: Pair, padding: Padding
) -> None:
    """Each window's gradient goes to its largest element."""
    _spread(dx, [np.where(index == place, dy, 0) for place in range(pool[0] * pool[1])], pool, strides, padding)


def average_pool2d_forward(y: np.ndarray, x: np.ndarray, *, pool: Pair, strides: Pair, padding: Padding) -> None:
    """`y` is the mean of the elements of each window that lie inside the image."""
    y[...] = _windows(x, y, pool, strides, padding, 0).sum(axis=0) / _counts(x, y, pool, strides, padding)


def average_pool2d_backward(dx: np.ndarray, dy: np.ndarray, *, pool: Pair, strides: Pair, padding: Padding) -> None:
    """The elements of a window share its gradient equally."""
    shares = dy / _counts(dx, dy, pool, strides, padding)
    _spread(dx, [shares] * (pool[0] * pool[1]), pool, strides, padding)


def _counts(x: np.ndarray, y: np.ndarray, pool: Pair, strides: Pair, padding: Padding) -> np.ndarray:
    """How many elements of each window lie inside the image."""
    return _windows(np.ones_like(x), y, pool, strides, padding, 0).sum(axis=0)


def _spread(dx: np.ndarray, parts: list[np.ndarray], pool: Pair, strides: Pair, padding: Padding) -> None:
    """Adds what each place in the windows contributes to the elements of `dx` that lie there."""
    image = _padded(np.zeros_like(dx), padding, 0)
    if parts:
        for place, part in zip(_taps(image, parts[0].shape[1:3], pool, strides), parts, strict=True):
            place += part
    top, left = padding[0], padding[2]
    dx[...] = image[:, top : top + dx.shape[1], left : left + dx.shape[2]]
