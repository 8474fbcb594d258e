"""What NumPy and Keras name, and other ops do: against NumPy, at the edges."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gemmule as gm

RNG = np.random.default_rng(0)
GAPS = np.where(RNG.uniform(size=(4, 5, 3)) < 0.4, np.nan, RNG.normal(size=(4, 5, 3)))
GAPS[1, :, 2] = np.nan


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2)])
@pytest.mark.parametrize("name", ["nansum", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"])
def test_without_gaps(name: str, axis) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty slices are NaN in both
        expected = getattr(np, name)(GAPS, axis=axis, keepdims=True)
    found = getattr(gm.ops, name)(GAPS, axis=axis, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradients_pass_gaps_by() -> None:
    x = gm.Variable(np.array([1.0, np.nan, 3.0], np.float32))
    with gm.GradientTape() as tape:
        y = gm.ops.nansum(x * x)
    np.testing.assert_array_equal(gm.ops.nan_to_num(tape.gradient(y, x)), [2, 0, 6])


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("hypot", ([3e30, 0.0, -5.0, np.inf], [4e30, 0.0, 12.0, 1.0])),
        ("deg2rad", ([0.0, 90.0, -360.0],)),
        ("rad2deg", ([0.0, 1.0, -7.0],)),
        ("fliplr", (np.arange(6).reshape(2, 3),)),
        ("flipud", (np.arange(6).reshape(2, 3),)),
        ("kron", (np.arange(6.0).reshape(2, 3), np.arange(4.0))),
        ("kron", (np.arange(3.0), np.arange(12.0).reshape(3, 4))),
        ("corrcoef", (RNG.normal(size=(3, 20)),)),
        ("percentile", (RNG.normal(size=9), [0, 25, 99.5])),
    ],
)
def test_like_numpy(name: str, arrays) -> None:
    arrays = [np.asarray(array) for array in arrays]
    arguments = (arrays[0], arrays[1].tolist()) if name == "percentile" else arrays
    np.testing.assert_allclose(getattr(gm.ops, name)(*arguments), getattr(np, name)(*arguments), rtol=1e-6)


def test_crossentropies() -> None:
    t, p = RNG.dirichlet(np.ones(4), 6), RNG.dirichlet(np.ones(4), 6)
    z = RNG.normal(size=(6, 4))
    ops, log = gm.ops, np.log
    np.testing.assert_allclose(ops.binary_crossentropy(t, p), -t * log(p) - (1 - t) * log(1 - p), rtol=1e-12)
    s = 1 / (1 + np.exp(-z))
    found = ops.binary_crossentropy(t, z, from_logits=True)
    np.testing.assert_allclose(found, -t * log(s) - (1 - t) * log(1 - s), rtol=1e-12)
    np.testing.assert_allclose(ops.categorical_crossentropy(t, 3 * p), -(t * log(p)).sum(-1), rtol=1e-12)
    e = np.exp(z) / np.exp(z).sum(0)
    found = ops.categorical_crossentropy(t, z, from_logits=True, axis=0)
    np.testing.assert_allclose(found, -(t * log(e)).sum(0), rtol=1e-12)
    assert np.isfinite(ops.binary_crossentropy([1.0, 0.0], [0.0, 1.0]).numpy()).all()
    with pytest.raises(ValueError, match="target and output must have one shape"):
        ops.binary_crossentropy(t, p[0])
