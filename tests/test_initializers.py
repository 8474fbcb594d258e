"""Initial weights: distributions, seeds, names."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gemmule as gm
from gemmule import initializers
from tests.helpers import threads

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
FANS = {  # of Keras 3.15's `compute_fans`
    (3, 3, 8, 16): (72, 144),
    (3, 3, 8, 2): (72, 18),
    (5, 4, 6): (20, 30),
    (2, 3, 4, 5, 6): (120, 144),
    (10,): (10, 10),
    (7, 9): (7, 9),
    (): (1, 1),
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
    table = initializers.get(np.arange(6).reshape(3, 2))
    np.testing.assert_array_equal(table((3, 2)).numpy(), [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(initializers.get(gm.ops.ones((2,)))((3, 2)).numpy(), np.ones((3, 2)))
    with pytest.raises(ValueError, match="the array does not have the shape of the weights"):
        table((2, 3))


def test_fans_of_other_ranks():
    he = initializers.HeUniform(seed=1)
    assert np.abs(he((3, 3, 8, 16)).numpy()).max() <= math.sqrt(6 / 72)
    assert np.abs(he((10,)).numpy()).max() <= math.sqrt(6 / 10)
    assert he(()).shape == ()


@pytest.mark.parametrize("shape", FANS)
def test_fans_are_those_of_keras(shape):
    assert initializers.scaling.compute_fans(shape) == FANS[shape]


def test_kernels_of_convolutions_count_their_taps():
    for layer, name, inputs in (
        (gm.layers.Conv2D(16, 3, kernel_initializer="he_uniform"), "kernel", 72),
        (gm.layers.DepthwiseConv2D(3, depthwise_initializer="he_uniform"), "kernel", 72),
        (gm.layers.Conv2DTranspose(16, 3, kernel_initializer="he_uniform"), "kernel", 144),  # (3, 3, out, in): Keras's
    ):
        layer.build((None, 9, 9, 8))
        limit = math.sqrt(6 / inputs)
        largest = max(np.abs(w.numpy()).max() for w in layer.weights if name in w.name)
        assert 0.9 * limit < largest <= limit


def test_fans_of_chosen_axes():
    chosen = initializers.HeUniform(seed=1, input_axes=[0, -1], output_axes=[1, 2])
    values = chosen((20, 3, 4, 50)).numpy()
    limit = math.sqrt(6 / 1000)
    assert 0.99 * limit < np.abs(values).max() <= limit
    again = initializers.get(initializers.serialize(chosen))
    np.testing.assert_array_equal(again((20, 3, 4, 50)).numpy(), values)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3, 5, 7), (200, 100), (100, 300), (70, 70)])
def test_orthogonal_is_numpys_qr(shape):
    """Householder reflections by LAPACK and projections by our kernels have one result: R has a positive diagonal."""
    values = initializers.Orthogonal(gain=2.0, seed=3)(shape, dtype="float64").numpy().reshape(-1, shape[-1]) / 2
    few = values if values.shape[0] >= values.shape[1] else values.T
    np.testing.assert_allclose(few.T @ few, np.eye(few.shape[1]), atol=1e-14)
    q, r = np.linalg.qr(gm.random.Stream(3).normal(few.shape))
    np.testing.assert_allclose(few, q * np.sign(np.diag(r)), atol=1e-13)


def test_orthogonal_has_the_same_bits_for_any_number_of_threads():
    with threads(1):
        alone = initializers.Orthogonal(seed=1)((300, 200)).numpy()
    for count in (2, 3):
        with threads(count):
            np.testing.assert_array_equal(initializers.Orthogonal(seed=1)((300, 200)).numpy(), alone)
    with gm.use_backend("reference"):
        np.testing.assert_allclose(initializers.Orthogonal(seed=1)((300, 200)).numpy(), alone, atol=1e-6)
    assert initializers.Orthogonal()((3, 0)).shape == (3, 0)


def test_orthogonal_keeps_lengths_through_many_layers():
    x = np.random.default_rng(0).normal(size=(5, 50))
    y = x
    for seed in range(50):
        y = y @ initializers.Orthogonal(seed=seed)((50, 50), dtype="float64").numpy()
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), np.linalg.norm(x, axis=1))


def test_identity():
    np.testing.assert_array_equal(initializers.Identity(gain=3.0)((2, 4)).numpy(), 3 * np.eye(2, 4))
    assert initializers.get("identity")((3, 3), dtype="int32").dtype == np.int32


RECOMMENDED = {  # the lecture's table
    "Glorot": (None, "linear", "tanh", "sigmoid", "softmax"),
    "He": ("relu", "leaky_relu", "LeakyReLU", "prelu", "elu", "gelu", "silu", "swish", "mish", "relu6"),
    "Lecun": ("selu",),
}


@pytest.mark.parametrize("family", RECOMMENDED)
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_recommended(family, distribution):
    cls = getattr(initializers, family + distribution.capitalize())
    for name in RECOMMENDED[family]:
        assert type(initializers.recommended_for(name, distribution)) is cls
        if name in gm.activations._FUNCTIONS:
            assert type(initializers.recommended_for(gm.activations.get(name), distribution)) is cls
            assert type(initializers.recommended_for(gm.layers.Activation(name), distribution)) is cls


def test_recommended_for_layers_and_all_activations():
    for layer in (gm.layers.ReLU(), gm.layers.LeakyReLU(), gm.layers.ELU(), gm.layers.ELU, gm.ops.relu):
        assert isinstance(initializers.recommended_for(layer), initializers.HeNormal)
    assert isinstance(initializers.recommended_for(gm.layers.Softmax()), initializers.GlorotNormal)
    assert initializers.recommended_for("relu", seed=4).get_config()["seed"] == 4
    for name in gm.activations._FUNCTIONS:
        initializers.recommended_for(name)


@pytest.mark.parametrize("activation", ["tanh", "relu", "selu"])
def test_recommended_initializers_keep_signals_alive(activation):
    """After 30 layers the mean square of what comes in lies within a factor of 5, which few other scales achieve."""
    gm.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(200, 100)).astype(np.float32)

    def mean_square(initializer):
        y = gm.Tensor(x)
        for _ in range(30):
            y = gm.layers.Dense(100, activation, kernel_initializer=initializer)(y)
        return float((y.numpy() ** 2).mean())

    low = 0.005 if activation == "tanh" else 0.2  # a tanh shrinks slowly, whatever the weights
    assert low < mean_square(initializers.recommended_for(activation)) < 5
    assert not low < mean_square(initializers.VarianceScaling(0.3, "fan_avg")) < 5


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
    assert isinstance(initializers.get("normal"), initializers.RandomNormal)
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform)
    orthogonal = {"class_name": "Orthogonal", "config": {"gain": 2.0, "seed": 1}}
    assert initializers.get(orthogonal).get_config() == orthogonal["config"]


def test_those_of_the_users_are_found_by_name():
    class Halves(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return gm.ops.full(shape, 0.5, dtype=dtype)

    config = initializers.serialize(Halves())
    assert isinstance(initializers.deserialize(config, {"Halves": Halves}), Halves)
    with gm.saving.CustomObjectScope({"Halves": Halves, "twice": lambda x: 2 * x}):
        layer = gm.layers.Dense(1, activation="twice", kernel_initializer="Halves")
        assert isinstance(initializers.get(config), Halves)
    np.testing.assert_array_equal(layer(np.ones((1, 3))).numpy(), [[3]])
    assert gm.activations.deserialize("twice", {"twice": abs}) is abs
    with pytest.raises(ValueError, match=r"^Unknown initializer 'Halves'\."):
        initializers.get(config)


def test_functions_work():
    layer = gm.layers.Dense(2, kernel_initializer=lambda shape, dtype=None: np.full(shape, 0.5, dtype))
    layer(np.zeros((1, 3)))
    np.testing.assert_array_equal(layer.kernel.numpy(), np.full((3, 2), 0.5))


def test_messages():
    with pytest.raises(ValueError, match=r"^Unknown initializer 'he_norma'. Did you mean 'he_normal'"):
        initializers.get("he_norma")
    with pytest.raises(
        TypeError, match="An initializer is a name such as 'zeros', an Initializer, or a function of shape"
    ):
        initializers.get(3)
    with pytest.raises(ValueError, match=r"^Unknown mode 'fan'. Did you mean"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match=r"scale must be positive. Received: scale=0."):
        initializers.VarianceScaling(scale=0)
    with pytest.raises(ValueError, match=r"A seed is an integer from 0 to 2\*\*63 - 1, or None"):
        initializers.HeNormal(seed=-1)
    with pytest.raises(ValueError, match=r"HeNormal gives floating numbers. Received: dtype='int32'."):
        initializers.HeNormal()((2, 2), dtype="int32")
    with pytest.raises(ValueError, match="input_axes and output_axes belong together: give both, or neither"):
        initializers.HeNormal(input_axes=[0])
    with pytest.raises(ValueError, match="The weight has 2 axes, which input_axes and output_axes must be among"):
        initializers.HeNormal(input_axes=[0], output_axes=[2])((3, 3))
    with pytest.raises(ValueError, match="Orthogonal is for weights of at least two dimensions"):
        initializers.Orthogonal()((3,))
    with pytest.raises(ValueError, match="Identity is for matrices, weights of two dimensions"):
        initializers.Identity()((3, 3, 3))
    with pytest.raises(ValueError, match=r"gain must be a number. Received: gain='2'"):
        initializers.Orthogonal("2")
    with pytest.raises(ValueError, match=r"^Unknown activation 'rel'. Did you mean 'relu'"):
        initializers.recommended_for("rel")
    with pytest.raises(ValueError, match=r"No initializer is on record for this activation. He's goes with"):
        initializers.recommended_for(lambda x: x)
    with pytest.raises(ValueError, match=r"A distribution is 'normal' or 'uniform'. Received"):
        initializers.recommended_for("relu", "truncated")
