"""Winograd's method: taken where it should be, and with the promises of every kernel kept."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.backend import execute
from tests.helpers import ISAS, isa, rng_for, threads
from tests.ops.kernel_specs import Row, winograd_rows

KERNELS = ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weights")
ROWS = [pytest.param(row, id=row.id) for kernel in KERNELS for row in winograd_rows(kernel)]
PLAIN = [row for row in ROWS if "-whole-" in row.id]


def result(row: Row, inputs: list[np.ndarray], **attributes: object) -> np.ndarray:
    outputs, _ = row.operands(np.random.default_rng(0), str(inputs[0].dtype))
    execute(row.kernel, outputs, inputs, **{**row.attributes, **attributes})
    return outputs[0]


def drawn(row: Row, dtype: str = "float32") -> list[np.ndarray]:
    return list(row.operands(rng_for(row.id), dtype)[1])


@pytest.mark.parametrize("level", ISAS)
@pytest.mark.parametrize("row", ROWS)
def test_it_is_taken(row: Row, level: str) -> None:
    inputs = drawn(row)
    compact = level == "v1" and len(ISAS) > 1  # the level of old processors has no such kernels: it is kept small
    with isa(level):
        assert np.array_equal(result(row, inputs), result(row, inputs, winograd=0)) == compact


@pytest.mark.parametrize("row", PLAIN)
def test_float64_is_always_exact(row: Row) -> None:
    inputs = drawn(row, "float64")
    np.testing.assert_array_equal(result(row, inputs), result(row, inputs, winograd=0))


@pytest.mark.parametrize("row", ROWS)
def test_same_bits_for_any_number_of_threads(row: Row) -> None:
    inputs = drawn(row)
    found = []
    for count in (1, 2, 3, 5):
        with threads(count):
            found.append(result(row, inputs))
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


@pytest.mark.parametrize("row", [row for row in ROWS if "weights" not in row.id])
def test_images_do_not_touch_each_other(row: Row) -> None:
    inputs = drawn(row)
    before = result(row, inputs)
    inputs[0][1:] = inputs[0][:-1].copy()
    np.testing.assert_array_equal(result(row, inputs)[0], before[0])


@pytest.mark.parametrize("row", PLAIN)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_hides_what_is_not_finite(row: Row, value: float) -> None:
    inputs = drawn(row)
    inputs[0][1, 3, 5, 7] = value
    bad = ~np.isfinite(result(row, inputs, winograd=0))
    assert bad.any()
    assert not np.isfinite(result(row, inputs)[bad]).any()


@pytest.mark.parametrize("tile", [0, 2, 4])
def test_a_batch_of_none(tile: int) -> None:
    geometry = {"strides": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1, "winograd": tile}
    dw, db = np.ones((3, 3, 64, 64), np.float32), np.ones(64, np.float32)
    x = np.empty((0, 12, 12, 64), np.float32)
    execute("conv2d_backward_weights", [dw, db], [x, x], **geometry)
    assert not dw.any()
    assert not db.any()
    w = np.ones((3, 3, 64, 64), np.float32)
    execute("conv2d_forward", [x], [x, w, None, None, None, None], **geometry, activation="linear", alpha=0.0)


def test_settings_reach_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(row for row in winograd_rows("conv2d_forward") if "whole" in row.id)
    x, w = drawn(row)[:2]
    found = {}
    for setting in ("exact", 2, 4):
        monkeypatch.setattr(gm.config, "convolution", "exact" if setting == "exact" else "auto")
        monkeypatch.setattr(gm.config, "winograd_tile", 2 if setting == "exact" else setting)
        found[setting] = gm.ops.conv2d(x, w, padding="same").numpy()
    plain = {"activation": "linear", "alpha": 0.0}
    for setting, winograd in (("exact", 0), (2, 2), (4, 4)):
        expected = np.empty_like(found[setting])
        execute("conv2d_forward", [expected], [x, w, *[None] * 4], **{**row.attributes, **plain, "winograd": winograd})
        np.testing.assert_array_equal(found[setting], expected)
