"""Kernels that no op reaches, against their NumPy twins; and what random numbers must be besides equal."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

import gemmule as gm
from gemmule.backend import execute
from gemmule.random import Stream
from tests.helpers import ISAS, assert_close, isa, rng_for, threads, unaligned
from tests.ops.kernel_specs import ROWS, Row

CASES = [pytest.param(row, dtype, id=f"{row.id}-{dtype}") for row in ROWS for dtype in row.dtypes]


def run(row: Row, dtype: str) -> list[np.ndarray | None]:
    """The outputs after the call."""
    outputs, inputs = row.operands(rng_for(row.id, dtype), dtype)
    outputs = [None if a is None else unaligned(a) for a in outputs]
    execute(row.kernel, outputs, [None if a is None else unaligned(a) for a in inputs], **row.attributes)
    return outputs


@pytest.mark.parametrize("level", ISAS)
@pytest.mark.parametrize(("row", "dtype"), CASES)
def test_kernel_matches_its_twin(row: Row, dtype: str, level: str) -> None:
    with gm.use_backend("reference"):
        expected = run(row, dtype)
    for count in (1, 2):
        with isa(level), threads(count):
            found = run(row, dtype)
        for index, (a, b) in enumerate(zip(found, expected, strict=True)):
            assert (a is None) == (b is None)
            if a is not None:
                assert_close(a, b, row.tolerance[dtype], f"{row.id}: output {index}")


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_philox_known_answers(backend: str) -> None:
    """Counter and key zero: the first words published with the Random123 library (Salmon et al., 2011)."""
    out = np.zeros(4, np.uint32)
    with gm.use_backend(backend):
        execute("random_bits", [out], [np.zeros(3, np.uint64)])
    assert [hex(word) for word in out] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


def test_random_numbers_are_those_of_their_distributions() -> None:
    uniform = Stream(1).uniform((100_000,), -1.0, 3.0)
    assert uniform.min() >= -1
    assert uniform.max() < 3
    assert abs(uniform.mean() - 1) < 0.02
    normal = np.sort(Stream(2).normal((100_000,), 1.0, 2.0))
    expected = [1 + 2 * NormalDist().inv_cdf(p) for p in (0.01, 0.25, 0.5, 0.75, 0.99)]
    np.testing.assert_allclose(np.quantile(normal, (0.01, 0.25, 0.5, 0.75, 0.99)), expected, atol=0.06)
    cut = Stream(3).normal((100_000,), truncated=True)
    assert np.abs(cut).max() <= 2
    assert abs(cut.std() - 0.8796) < 0.01


def test_permutations_are_permutations() -> None:
    for n in (0, 1, 2, 3, 1000):
        assert sorted(Stream(4).permutation(n)) == list(range(n))
    first = [Stream(seed).permutation(3)[0] for seed in range(3000)]
    assert np.allclose(np.bincount(first) / 3000, 1 / 3, atol=0.04)


def test_streams_and_calls_give_other_numbers() -> None:
    gm.utils.set_random_seed(0)
    one, two = Stream(), Stream()
    drawn = [one.uniform((4,)), one.uniform((4,)), two.uniform((4,)), Stream(0).uniform((4,))]
    assert len({tuple(values) for values in drawn}) == 4
    gm.utils.set_random_seed(0)
    np.testing.assert_array_equal(Stream().uniform((4,)), drawn[0])


def test_dropout_keeps_the_mean_and_drops_the_rate() -> None:
    stream = Stream(5)
    y = gm.ops.dropout(np.ones(100_000, np.float32), 0.2, stream).numpy()
    assert abs((y == 0).mean() - 0.2) < 0.01
    assert set(np.unique(y)) == {np.float32(0), np.float32(1) / np.float32(0.8)}
    assert stream.key[2] == 1
    assert not np.array_equal(y, gm.ops.dropout(np.ones(100_000, np.float32), 0.2, stream).numpy())


@pytest.mark.parametrize("level", ISAS)
def test_raw_and_uniform_numbers_are_the_same_on_every_level(level: str) -> None:
    with gm.use_backend("reference"):
        expected = Stream(6).uniform((1000,))
    with isa(level):
        np.testing.assert_array_equal(Stream(6).uniform((1000,)), expected)
