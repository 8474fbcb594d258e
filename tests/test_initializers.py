"""Initial weights: distributions, seeds, names."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gemmule as gm
from gemmule import initializers

SHAPE = (200, 300)
# name: variance, bound of the absolute value
SCALED = {
    "glorot_uniform": (2 / 500, math.sqrt(6 / 500)),
    "glorot_normal": (2 / 500, 2 * math.sqrt(2 / 500) / 0.8796),
    "he_uniform": (2 / 200, math.sqrt(6 / 200)),
    "he_normal": (2 / 200, 2 * math.sqrt(2 / 200) / 0.8796),
    "lecun_uniform": (1 / 200, math.sqrt(3 / 200)),
    "lecun_normal": (1 / 200, 2 * math.sqrt(1 / 200) / 0.8796),
    "random_normal": (0.05**2, math.inf),
    "random_uniform": (0.05**2 / 3, 0.05),
    "truncated_normal": ((0.05 * 0.8796) ** 2, 0.1),
}


@pytest.mark.parametrize("name", SCALED)
def test_distribution(name):
    values = initializers.get(name)(SHAPE).numpy()
    variance, bound = SCALED[name]
    assert values.dtype == np.float32
    assert abs(values.mean()) < 5 * math.sqrt(variance / values.size)
    assert abs(values.var() / variance - 1) < 0.03
    assert np.abs(values).max() <= bound * (1 + 1e-4)
    if "uniform" in name:
        assert np.abs(values).max() > 0.99 * bound


def test_constants():
    np.testing.assert_array_equal(initializers.get("zeros")((2, 3)).numpy(), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.get("ones")((2,), dtype="int32").numpy(), np.ones(2))
    np.testing.assert_array_equal(initializers.Constant(3.5)((2,)).numpy(), [3.5, 3.5])


def test_fans_of_other_ranks():
    he = initializers.HeUniform(seed=1)
    assert np.abs(he((3, 3, 8, 16)).numpy()).max() <= math.sqrt(6 / 72)
    assert np.abs(he((10,)).numpy()).max() <= math.sqrt(6 / 10)
    assert he(()).shape == ()


def test_seeds():
    fixed = initializers.HeNormal(seed=3)
    np.testing.assert_array_equal(fixed((4, 4)).numpy(), fixed((4, 4)).numpy())
    free = initializers.HeNormal()
    assert (free((4, 4)).numpy() != free((4, 4)).numpy()).any()
    gm.utils.set_random_seed(7)
    first = initializers.GlorotUniform()((4, 4)).numpy()
    gm.utils.set_random_seed(7)
    np.testing.assert_array_equal(initializers.GlorotUniform()((4, 4)).numpy(), first)


@pytest.mark.parametrize("name", SCALED)
def test_float32_is_rounded_float64_and_backends_agree(name):
    cls = type(initializers.get(name))
    double = cls(seed=5)((50, 20), dtype="float64").numpy()
    single = cls(seed=5)((50, 20)).numpy()
    np.testing.assert_array_equal(double.astype(np.float32), single)
    with gm.use_backend("reference"):
        np.testing.assert_allclose(cls(seed=5)((50, 20), dtype="float64").numpy(), double, rtol=1e-12)


def test_get():
    assert isinstance(initializers.get("HeNormal"), initializers.HeNormal)
    assert isinstance(initializers.get(initializers.Zeros), initializers.Zeros)
    assert initializers.get(None) is None
    one = initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=4)
    again = initializers.get(initializers.serialize(one))
    assert again.get_config() == one.get_config() == one.clone().get_config()
    np.testing.assert_array_equal(one((3, 3)).numpy(), again((3, 3)).numpy())
    assert initializers.he_normal is initializers.HeNormal


def test_functions_work():
    layer = gm.layers.Dense(2, kernel_initializer=lambda shape, dtype=None: np.full(shape, 0.5, dtype))
    layer(np.zeros((1, 3)))
    np.testing.assert_array_equal(layer.kernel.numpy(), np.full((3, 2), 0.5))


def test_messages():
    with pytest.raises(ValueError, match=r"^Unknown initializer 'he_norma'. Did you mean 'he_normal'"):
        initializers.get("he_norma")
    with pytest.raises(TypeError, match="An initializer is a name such as 'he_normal'"):
        initializers.get(3)
    with pytest.raises(ValueError, match=r"^Unknown mode 'fan'. Did you mean"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match=r"scale must be positive. Received: scale=0."):
        initializers.VarianceScaling(scale=0)
    with pytest.raises(ValueError, match=r"A seed is an integer from 0 to 2\*\*63 - 1, or None"):
        initializers.HeNormal(seed=-1)
    with pytest.raises(ValueError, match=r"HeNormal gives floating numbers. Received: dtype='int32'."):
        initializers.HeNormal()((2, 2), dtype="int32")
