"""Values: the C++ kernels on every ISA level, with one thread and two, against the NumPy reference."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.tensor import Tensor
from tests.helpers import ISAS, assert_close, isa, rng_for, threads, unaligned
from tests.ops.specs import ROWS, Row

CASES = [pytest.param(row, dtype, id=f"{row.id}-{dtype}") for row in ROWS for dtype in row.dtypes]
PARALLEL = [pytest.param(row, id=row.id) for row in ROWS if row.bench and "float32" in row.dtypes]


def value(row: Row, arrays: list[np.ndarray]) -> np.ndarray:
    """The row's result for inputs that start where vectors would not like it."""
    return row([Tensor(unaligned(array)) for array in arrays]).array


def oracle(row: Row, arrays: list[np.ndarray]) -> np.ndarray:
    """The reference's result; for float32 inputs computed in float64, which sees none of their rounding."""
    if row.exact_oracle:
        arrays = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]
    with gm.use_backend("reference"):
        return row([Tensor(array) for array in arrays]).array


def check(row: Row, dtype: str, result: np.ndarray, expected: np.ndarray) -> None:
    assert_close(result, expected, row.tolerance[dtype], row.id)
    if not row.exact_oracle or dtype != "float32":
        assert result.dtype == expected.dtype


@pytest.mark.parametrize("level", ISAS)
@pytest.mark.parametrize(("row", "dtype"), CASES)
def test_native_matches_reference(row: Row, dtype: str, level: str) -> None:
    arrays = row.draw(rng_for(row.id, dtype), dtype)
    expected = oracle(row, arrays)
    for count in (1, 2):
        with isa(level), threads(count):
            check(row, dtype, value(row, arrays), expected)


@pytest.mark.parametrize("level", ISAS)
@pytest.mark.parametrize("row", PARALLEL)
def test_large_inputs_match_and_threads_change_no_bit(row: Row, level: str) -> None:
    arrays = row.draw(rng_for(row.id), "float32", row.bench)
    with isa(level):
        with threads(1):
            alone = value(row, arrays)
        for count in (2, 3):
            with threads(count):
                np.testing.assert_array_equal(value(row, arrays), alone)
    expected = oracle(row, arrays)
    grows = max(1.0, (max(a.size for a in arrays) / 1000) ** 0.5)  # rounding errors of long sums
    assert_close(alone, expected, row.tolerance["float32"] * grows, row.id)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 3e-30, 1.0, -1.0, 0.5, 2.0])
FINITE_SIZE = [
    row
    for row in ROWS
    if row.inputs and row.inputs[0].dtype is None and row.dtypes[0] == "float32" and row.op != "dropout"
]


@pytest.mark.parametrize("level", ISAS)
@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in FINITE_SIZE])
def test_special_values(row: Row, level: str) -> None:
    """NaN, infinities, zeros and extremes come out as they do from the reference in the same precision."""
    arrays = row.draw(rng_for(row.id), "float32")
    flat = arrays[0].reshape(-1)
    flat[: len(SPECIAL)] = SPECIAL[: flat.size]
    with gm.use_backend("reference"):
        expected = row([Tensor(array) for array in arrays]).array
    with isa(level):
        result = value(row, arrays)
    if result.dtype.kind != "f":
        np.testing.assert_array_equal(result, expected)
        return
    np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


# Whose result is made of other things, too.
PARTLY = {
    *("append", "concatenate", "diag", "divide_no_nan", "hstack", "scatter", "scatter_update", "segment_sum", "select"),
    *("slice_update", "stack", "tril", "triu", "vstack"),
}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in FINITE_SIZE if row.differentiable])
def test_nan_is_not_hidden(row: Row) -> None:
    """A NaN in the input is a NaN in the output: nothing like `x > 0 ? x : 0` swallows it."""
    arrays = row.draw(rng_for(row.id), "float32")
    arrays[0][...] = np.nan
    if row.op in ("sign", "where", "getitem", "pad", "nan_to_num", "nansum"):
        return
    result = value(row, arrays)
    if result.size:
        partly = row.op in PARTLY or row.arguments.get("fill_mode") == "constant"
        assert np.isnan(result).any() if partly else np.isnan(result).all()
