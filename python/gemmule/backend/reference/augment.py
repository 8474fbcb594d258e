"""Random changes of images: one affine map for each image, drawn by one kernel and applied by another.

A map (a, b, c, d, e, f) says that the pixel (ox, oy) of the result is what the image shows at the place
(a·ox + b·oy + c, d·ox + e·oy + f). Places are computed in float64 for either dtype.
"""

from __future__ import annotations

import math

import numpy as np

from gemmule.backend.reference.random import _bits53

_FARTHEST = 2.0**51


def affine_transform(
    y: np.ndarray, x: np.ndarray, transforms: np.ndarray, *, interpolation: str, fill_mode: str, fill_value: float
) -> None:
    """y[n, oy, ox] = x[n] at its place; a place that is no number gives NaN.

    Args:
        y: (N, OH, OW, C).
        x: (N, H, W, C).
        transforms: float64 (N, 6).
        interpolation: `"nearest"` pixel, or a `"bilinear"` mix of four.
        fill_mode: what lies outside: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        fill_value: for `"constant"`.
    """
    known, taps = _taps(y.shape, x.shape, transforms, interpolation, fill_mode, x.dtype)
    images = np.arange(x.shape[0])[:, np.newaxis, np.newaxis]
    read = [
        np.where(inside[..., np.newaxis], x[images, row, column], x.dtype.type(fill_value))
        for row, column, inside, _, _ in taps
    ]
    if interpolation == "nearest":
        y[...] = read[0]
    else:
        (_, _, _, upper, left), (_, _, _, _, right), (_, _, _, lower, _), _ = taps
        above = read[0] * left + read[1] * right
        below = read[2] * left + read[3] * right
        y[...] = above * upper + below * lower
    y[~known] = np.nan


def affine_transform_backward(
    dx: np.ndarray, dy: np.ndarray, transforms: np.ndarray, *, interpolation: str, fill_mode: str, fill_value: float
) -> None:
    """Each dy is added to the pixels it was read from, with their weights."""
    known, taps = _taps(dy.shape, dx.shape, transforms, interpolation, fill_mode, dx.dtype)
    images = np.broadcast_to(np.arange(dx.shape[0])[:, np.newaxis, np.newaxis], dy.shape[:3])
    dx[...] = 0
    for row, column, inside, rows, columns in taps:
        used = inside & known
        weight = np.broadcast_to(rows * columns, (*dy.shape[:3], 1))
        np.add.at(dx, (images[used], row[used], column[used]), (dy * weight)[used])


def random_transforms(
    transforms: np.ndarray,
    key: np.ndarray,
    *,
    kind: str,
    height: int,
    width: int,
    height_low: float,
    height_high: float,
    width_low: float,
    width_high: float,
    joint: bool,
) -> None:
    """One map for each image; image n uses the words 4n to 4n + 3 of the stream.

    Args:
        transforms: float64 (N, 6).
        key: uint64 (3,): seed, stream, calls.
        kind: `"flip"` (with the probabilities `_high`), `"translation"` (parts of the size), `"rotation"` (parts of a
            turn, height's limits), `"zoom"` (1 + factor) or `"crop"` (to a part that begins at one of `_high` places).
        height: of the images.
        width: of the images.
        height_low: smallest value for the height.
        height_high: largest value for the height.
        width_low: smallest value for the width.
        width_high: largest value for the width.
        joint: whether one random number serves height and width.
    """
    numbers = _bits53(key, 2 * len(transforms)).astype(np.float64).reshape(-1, 2) * 2.0**-53
    u, v = numbers[:, 0], numbers[:, 0 if joint else 1]
    tall = height_low + (height_high - height_low) * u
    wide = width_low + (width_high - width_low) * v
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    transforms[...] = (1, 0, 0, 0, 1, 0)
    if kind == "flip":
        transforms[v < width_high] += (-2, 0, width - 1, 0, 0, 0)
        transforms[u < height_high] += (0, 0, 0, 0, -2, height - 1)
    elif kind == "translation":
        transforms[:, 2], transforms[:, 5] = -(wide * width), -(tall * height)
    elif kind == "zoom":
        transforms[:, 0], transforms[:, 2] = 1 + wide, middle_x * -wide
        transforms[:, 4], transforms[:, 5] = 1 + tall, middle_y * -tall
    elif kind == "crop":
        transforms[:, 2], transforms[:, 5] = np.floor(wide), np.floor(tall)
    else:
        for t, part in zip(transforms, tall, strict=True):
            cos, sin = math.cos(part * math.tau), math.sin(part * math.tau)
            t[:3] = cos, -sin, middle_x - middle_x * cos + middle_y * sin
            t[3:] = sin, cos, middle_y - middle_x * sin - middle_y * cos


Taps = list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


def _taps(
    out: tuple[int, ...], image: tuple[int, ...], transforms: np.ndarray, interpolation: str, mode: str, dtype: np.dtype
) -> tuple[np.ndarray, Taps]:
    """Which places are known, and row, column, inside, weight of the row and of the column of the pixels read."""
    oy, ox = np.arange(out[1], dtype=np.float64)[:, np.newaxis], np.arange(out[2], dtype=np.float64)
    a, b, c, d, e, f = (transforms[:, i, np.newaxis, np.newaxis] for i in range(6))
    sx, sy = a * ox + b * oy + c, d * ox + e * oy + f
    known = (np.abs(sx) < _FARTHEST) & (np.abs(sy) < _FARTHEST)
    sx, sy = np.where(known, sx, 0), np.where(known, sy, 0)
    if interpolation == "nearest":
        one = np.ones((*known.shape, 1), dtype)
        return known, [(*_pixel(_rounded(sy), _rounded(sx), image, mode), one, one)]
    top, left = np.floor(sy), np.floor(sx)
    lower, right = ((s - whole).astype(dtype)[..., np.newaxis] for s, whole in ((sy, top), (sx, left)))
    rows, columns = (1 - lower, lower), (1 - right, right)
    return known, [
        (*_pixel(top.astype(np.int64) + i, left.astype(np.int64) + j, image, mode), rows[i], columns[j])
        for i in range(2)
        for j in range(2)
    ]


def _rounded(places: np.ndarray) -> np.ndarray:
    """Halves away from zero."""
    return np.trunc(places + np.copysign(0.5, places)).astype(np.int64)


def _pixel(
    row: np.ndarray, column: np.ndarray, image: tuple[int, ...], mode: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels that stand for places, and whether there are any."""
    inside = np.ones(row.shape, bool)
    found = []
    for at, n in ((row, image[1]), (column, image[2])):
        if mode == "constant":
            inside &= (at >= 0) & (at < n)
        if mode == "reflect":
            at = at % (2 * n)
            at = np.where(at < n, at, 2 * n - 1 - at)
        elif mode == "wrap":
            at = at % n
        found.append(np.clip(at, 0, n - 1))
    return found[0], found[1], inside
