"""Resizing: the reference of `csrc/kernels/resize.cpp`. x and dx (N, H, W, C), y and dy (N, H·SH, W·SW, C)."""

from __future__ import annotations

import numpy as np

Pair = tuple[int, int]


def upsample2d_forward(y: np.ndarray, x: np.ndarray, *, size: Pair, interpolation: str) -> None:
    """Nearest repeats rows and columns; bilinear mixes neighbouring rows, then neighbouring columns."""
    for axis, factor in zip((1, 2), size, strict=True):
        if interpolation == "nearest":
            x = x.repeat(factor, axis)
        else:
            a, b, near = _between(x, axis, factor)
            x = x.take(a, axis) * (1 - near) + x.take(b, axis) * near
    y[...] = x


def upsample2d_backward(dx: np.ndarray, dy: np.ndarray, *, size: Pair, interpolation: str) -> None:
    """Each pixel gathers from the pixels it was repeated to or mixed into, along one axis after the other."""
    for axis, factor in zip((1, 2), size, strict=True):
        shape = (*dy.shape[:axis], dx.shape[axis], *dy.shape[axis + 1 :])
        if interpolation == "nearest":
            dy = dy.reshape(*shape[: axis + 1], factor, *shape[axis + 1 :]).sum(axis + 1)
        else:
            larger, dy = dy, np.zeros(shape, dx.dtype)
            a, b, near = _between(dy, axis, factor)
            lines = np.moveaxis(dy, axis, 0)  # a view: what is added here is added to dy
            np.add.at(lines, a, np.moveaxis(larger * (1 - near), axis, 0))
            np.add.at(lines, b, np.moveaxis(larger * near, axis, 0))
    dx[...] = dy


def _between(x: np.ndarray, axis: int, factor: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new pixel along `axis` the two old ones it lies between, and the share of the second.

    New pixel o lies at (o + 1/2) / factor - 1/2; outside, the pixel at the edge stands for both.
    """
    length = x.shape[axis]
    place = (np.arange(length * factor) + 0.5) / factor - 0.5
    before = np.floor(place).astype(int)
    near = (place - before).astype(x.dtype).reshape(-1, *(1 for _ in x.shape[axis + 1 :]))
    return np.clip(before, 0, length - 1), np.clip(before + 1, 0, length - 1), near
