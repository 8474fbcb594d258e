"""Results beyond 32 MB are stored past the caches: the same bits as those of parts, which are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule import memory
from tests.helpers import ISAS, isa, rng_for, threads

ROWS, COLUMNS = 65600, 128
LINEAR = {"activation": "linear", "alpha": 0.0}
LEVELS = [level for level in ISAS if level != "v1"] or list(ISAS)


def numbers(*shape: int) -> np.ndarray:
    values = memory.aligned(shape)
    values[...] = rng_for("large", *shape).random(shape, dtype=np.float32) - np.float32(0.5)
    return values


def parts(total: int) -> list[slice]:
    """The beginning, something in the middle and the end."""
    return [slice(0, 100), slice(total // 2, total // 2 + 50), slice(total - 33, total)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS + 1])
def test_layer_norm(level: str, columns: int) -> None:
    x, dy, gamma, beta = numbers(ROWS, columns), numbers(ROWS, columns)[::-1].copy(), numbers(columns), numbers(columns)

    def run(rows: slice) -> list[np.ndarray]:
        own, gradient = np.ascontiguousarray(x[rows]), np.ascontiguousarray(dy[rows])
        y, dx = memory.aligned(own.shape), memory.aligned(own.shape)
        mean, inverse = memory.aligned((len(own),)), memory.aligned((len(own),))
        gm.backend.execute("layer_norm_forward", [y, mean, inverse], [own, gamma, beta], epsilon=1e-3)
        gm.backend.execute("layer_norm_backward", [dx, None, None], [gradient, own, mean, inverse, gamma])
        return [y, dx]

    with isa(level), threads(2):
        whole = run(slice(None))
        for rows in parts(ROWS):
            for large, small in zip(whole, run(rows), strict=True):
                np.testing.assert_array_equal(large[rows], small)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("columns", [COLUMNS, 132])
def test_batch_norm(level: str, columns: int) -> None:
    x, dy = numbers(ROWS, columns), numbers(ROWS, columns)[::-1].copy()
    scale, shift, mean, inverse = (numbers(columns) for _ in range(4))

    def run(rows: slice) -> list[np.ndarray]:
        own, gradient = np.ascontiguousarray(x[rows]), np.ascontiguousarray(dy[rows])
        y, dx, added = (memory.aligned(own.shape) for _ in range(3))
        gm.backend.execute("scale_shift", [y], [own, scale, shift, None], **LINEAR)
        gm.backend.execute("scale_shift", [added], [own, scale, shift, gradient], **LINEAR)
        inputs = [gradient, own, None, mean, inverse, scale]
        gm.backend.execute("batch_norm_backward", [dx, None, None], inputs, training=False, **LINEAR)
        return [y, dx, added]

    with isa(level), threads(2):
        whole = run(slice(None))
        for rows in parts(ROWS):
            for large, small in zip(whole, run(rows), strict=True):
                np.testing.assert_array_equal(large[rows], small)


def test_batch_norm_in_training() -> None:
    x, dy, gamma, beta = numbers(ROWS, COLUMNS), numbers(ROWS, COLUMNS)[::-1].copy(), numbers(COLUMNS), numbers(COLUMNS)
    found = []
    for count in (1, 2):
        y, dx = memory.aligned(x.shape), memory.aligned(x.shape)
        mean, inverse, dgamma, dbeta = (memory.aligned((COLUMNS,)) for _ in range(4))
        with threads(count):
            inputs = [x, gamma, beta, None]
            gm.backend.execute("batch_norm_forward", [y, mean, inverse], inputs, epsilon=1e-3, **LINEAR)
            inputs = [dy, x, None, mean, inverse, gamma]
            gm.backend.execute("batch_norm_backward", [dx, dgamma, dbeta], inputs, training=True, **LINEAR)
        found.append((y, dx))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
    z, d = (x.astype(np.float64) - mean) * inverse, dy.astype(np.float64)
    np.testing.assert_allclose(found[0][0], z * gamma + beta, atol=1e-5)
    expected = gamma * inverse * (d - d.mean(0) - z * (d * z).mean(0))
    np.testing.assert_allclose(found[0][1], expected, atol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pools_on_the_way_back(level: str, size: int, kind: str) -> None:
    images, extent, channels = 9, 121, 64
    geometry: dict[str, Any] = {"pool": (size, size), "strides": (2, 2), "padding": (size - 2,) * 4}
    pooled = (extent + 2 * (size - 2) - size) // 2 + 1
    dy = numbers(images, pooled, pooled, channels)
    index = memory.aligned(dy.shape, "uint8")
    index[...] = rng_for("places", size).integers(0, size * size, dy.shape, dtype=np.uint8)

    def run(image: slice) -> np.ndarray:
        own = np.ascontiguousarray(dy[image])
        dx = memory.aligned((len(own), extent, extent, channels))
        dx[...] = np.nan
        inputs = [own, np.ascontiguousarray(index[image])] if kind == "max" else [own]
        gm.backend.execute(f"{kind}_pool2d_backward", [dx], inputs, **geometry)
        return dx

    with isa(level), threads(2):
        whole = run(slice(None))
        for image in (slice(0, 1), slice(images - 1, images)):
            np.testing.assert_array_equal(whole[image], run(image))
