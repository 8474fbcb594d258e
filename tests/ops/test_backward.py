"""Gradients: the C++ kernels against the NumPy reference, on every ISA level, with one thread and two."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import ISAS, assert_close, forward_and_gradients, isa, rng_for, threads
from tests.ops.specs import FLOATS, ROWS, Row

ROWS_WITH_GRADIENT = [row for row in ROWS if row.differentiable]
CASES = [
    pytest.param(row, dtype, id=f"{row.id}-{dtype}")
    for row in ROWS_WITH_GRADIENT
    for dtype in row.dtypes
    if dtype in FLOATS
]
PARALLEL = [pytest.param(row, id=row.id) for row in ROWS_WITH_GRADIENT if row.bench]


def drawn(row: Row, dtype: str, shapes: object = None) -> tuple[list[np.ndarray], np.ndarray]:
    """Inputs, and a gradient arriving at the output."""
    rng = rng_for(row.id, dtype)
    arrays = row.draw(rng, dtype, shapes)
    seed = rng.standard_normal(row([gm.Tensor(a) for a in arrays]).shape)
    return arrays, seed.astype(dtype)


def expected_gradients(row: Row, arrays: list[np.ndarray], seed: np.ndarray) -> list[np.ndarray | None]:
    if row.exact_oracle:
        arrays = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]
    with gm.use_backend("reference"):
        return forward_and_gradients(row, arrays, seed)[1]


def compare(row: Row, tolerance: float, found: list[np.ndarray | None], expected: list[np.ndarray | None]) -> None:
    for index, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert (a is None) == (b is None)
        if a is not None:
            assert_close(a, b, tolerance, f"{row.id}: gradient of input {index}")


@pytest.mark.parametrize("level", ISAS)
@pytest.mark.parametrize(("row", "dtype"), CASES)
def test_native_matches_reference(row: Row, dtype: str, level: str) -> None:
    arrays, seed = drawn(row, dtype)
    expected = expected_gradients(row, arrays, seed)
    assert any(g is not None for g in expected)
    for count in (1, 2):
        with isa(level), threads(count):
            compare(row, row.gradient_tolerance[dtype], forward_and_gradients(row, arrays, seed)[1], expected)


@pytest.mark.parametrize("row", PARALLEL)
def test_threads_change_no_bit(row: Row) -> None:
    arrays, seed = drawn(row, "float32", row.bench)
    with threads(1):
        alone = forward_and_gradients(row, arrays, seed)[1]
    for count in (2, 3):
        with threads(count):
            for a, b in zip(forward_and_gradients(row, arrays, seed)[1], alone, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS_WITH_GRADIENT if len(row.inputs) > 1])
def test_only_what_is_asked_for(row: Row) -> None:
    """One input watched at a time gives the gradient it has when all are watched."""
    arrays, seed = drawn(row, "float32")
    _, together = forward_and_gradients(row, arrays, seed)
    tensors = [gm.Tensor(a) for a in arrays]
    floating = [t for t in tensors if t.dtype.kind == "f"]
    for tensor, expected in zip(floating, together, strict=True):
        with gm.GradientTape() as tape:
            tape.watch(tensor)
            y = row(tensors)
        np.testing.assert_array_equal(tape.gradient(y, tensor, output_gradients=seed.astype(y.dtype)).array, expected)
