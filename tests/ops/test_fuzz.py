"""Random shapes: empty, odd, broadcast, of any rank; arrays that start anywhere. A longer search: `-m fuzz`."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.tensor import Tensor
from tests.helpers import ISAS, assert_close, forward_and_gradients, isa, rng_for, unaligned
from tests.ops.specs import ROWS, Row

FUZZED = [pytest.param(row, id=row.id) for row in ROWS if row.fuzz]


def try_one(row: Row, number: int) -> None:
    rng = rng_for(row.id, number)
    dtype = str(rng.choice(row.dtypes))
    shapes, arguments = row.fuzz(rng)
    arguments = {**row.arguments, **arguments}
    arrays = [unaligned(array) for array in row.draw(rng, dtype, shapes)]
    exact = [a.astype(np.float64) if a.dtype == np.float32 and row.exact_oracle else a for a in arrays]
    seed = None
    with gm.use_backend("reference"):
        expected = row([Tensor(a) for a in exact], arguments).array
        if row.differentiable:
            seed = rng.standard_normal(expected.shape).astype(expected.dtype)
        _, slopes = forward_and_gradients(lambda ts: row(ts, arguments), exact, seed)
    with isa(str(rng.choice(ISAS))):
        result, gradients = forward_and_gradients(lambda ts: row(ts, arguments), arrays, seed)
    loose = max(10.0, max((a.size for a in arrays), default=0) ** 0.5 / 8)  # for wrong shapes, not last bits
    what = f"{row.id} {dtype} {shapes} {arguments}"
    assert_close(result, expected, row.tolerance[dtype] * loose, what, least_scale=1)
    for found, slope in zip(gradients, slopes, strict=True):
        assert (found is None) == (slope is None)
        if found is not None:
            assert_close(found, slope, row.gradient_tolerance[dtype] * loose, f"gradient of {what}", least_scale=1)


@pytest.mark.parametrize("row", FUZZED)
def test_random_shapes(row: Row) -> None:
    for number in range(6):
        try_one(row, number)


@pytest.mark.fuzz
@pytest.mark.parametrize("row", FUZZED)
def test_many_random_shapes(row: Row) -> None:
    for number in range(6, 300):
        try_one(row, number)
