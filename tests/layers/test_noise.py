"""Random layers: what they keep on average, their formulas, same bits for any number of threads; SELU's balance."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import AlphaDropout, Dense, Dropout, GaussianDropout, GaussianNoise, RandomizedLeakyReLU
from gemmule.random import Stream
from tests.helpers import exactly, threads

SATURATION = -1.7580993408473766
SHAPE = (500, 400)
MAKE = {
    "alpha_dropout": lambda: AlphaDropout(0.3, seed=7),
    "gaussian_dropout": lambda: GaussianDropout(0.3, seed=7),
    "gaussian_noise": lambda: GaussianNoise(0.3, seed=7),
    "randomized_leaky_re_lu": lambda: RandomizedLeakyReLU(seed=7),
}
every_layer = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def inputs(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


# ---- Formulas and statistics -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.8])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    x = inputs()
    y = AlphaDropout(rate, seed=1)(x, training=True).numpy()
    assert abs(y.mean()) < 0.01
    assert abs(y.std() - 1) < 0.01


def test_alpha_dropout_is_the_papers_formula():
    x, rate = inputs().astype(np.float64), 0.3
    layer = AlphaDropout(rate, seed=1, dtype="float64")
    kept = Stream(1).uniform(x.shape) >= rate
    a = ((1 - rate) * (1 + rate * SATURATION**2)) ** -0.5
    expected = a * np.where(kept, x, SATURATION) - a * SATURATION * rate
    np.testing.assert_allclose(layer(x, training=True).numpy(), expected, rtol=1e-13)
    assert abs(kept.mean() - 0.7) < 0.01
    rows = AlphaDropout(0.5, noise_shape=(None, 1), seed=2)(np.ones((50, 20)), training=True).numpy()
    assert (rows == rows[:, :1]).all()
    assert len(np.unique(rows)) == 2


def test_gaussian_dropout_has_the_moments_of_dropout():
    y = GaussianDropout(0.2, seed=1)(np.full(SHAPE, 3.0), training=True).numpy() / 3
    plain = Dropout(0.2, seed=1)(np.full(SHAPE, 3.0), training=True).numpy() / 3
    assert abs(y.mean() - 1) < 0.005
    assert abs(y.std() - np.sqrt(0.2 / 0.8)) < 0.005
    assert abs(y.std() - plain.std()) < 0.005
    noise = 1 + np.sqrt(0.2 / 0.8) * Stream(1).normal(SHAPE)
    np.testing.assert_allclose(y, noise, rtol=1e-6, atol=1e-6)


def test_gaussian_noise_is_added():
    x = inputs()
    y = GaussianNoise(0.5, seed=1)(x, training=True).numpy()
    np.testing.assert_allclose(y, x + 0.5 * Stream(1).normal(SHAPE), rtol=1e-6, atol=1e-6)
    assert abs((y - x).std() - 0.5) < 0.005


def test_slopes_are_drawn_between_the_bounds():
    layer = RandomizedLeakyReLU(0.1, 0.5, seed=1)
    slopes = -layer(np.full(SHAPE, -1.0), training=True).numpy()
    assert slopes.min() >= 0.1
    assert slopes.max() <= 0.5
    assert abs(slopes.mean() - 0.3) < 0.002
    assert abs(slopes.std() - 0.4 / np.sqrt(12)) < 0.002
    np.testing.assert_array_equal(layer([2.0], training=True).numpy(), [2])
    np.testing.assert_allclose(layer([-2.0, 2.0]).numpy(), [-0.6, 2])
    np.testing.assert_allclose(RandomizedLeakyReLU()([-1.0]).numpy(), [-0.22916667])  # that of PyTorch's RReLU


@every_layer
def test_inference_draws_nothing_and_training_draws_anew(make):
    layer, x = make(), np.abs(inputs((30, 20)))
    np.testing.assert_array_equal(layer(x).numpy(), x)
    first, second = (layer(-x, training=True).numpy() for _ in range(2))
    assert (first != second).mean() > 0.3
    np.testing.assert_array_equal(make()(-x, training=True).numpy(), first)


@every_layer
def test_threads_change_no_bit(make):
    x = inputs()
    with threads(1):
        alone = make()(x, training=True).numpy()
    for count in (2, 3):
        with threads(count):
            np.testing.assert_array_equal(make()(x, training=True).numpy(), alone)


# ---- In recorded steps -----------------------------------------------------------------------------------------------


def train(run_eagerly: bool) -> list[np.ndarray]:
    """Weights after batches between which all levels of noise change."""
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    noisy = [AlphaDropout(0.1), GaussianDropout(0.1), GaussianNoise(0.1), RandomizedLeakyReLU()]
    model = gm.Sequential([gm.Input((9,)), *(part for noise in noisy for part in (Dense(9), noise)), Dense(2)])
    model.compile(gm.optimizers.SGD(0.05), "mse", run_eagerly=run_eagerly)
    x, y = inputs((64, 9)), inputs((64, 2))
    for rate in (0.1, 0.1, 0.1, 0.5, 0.0, 0.3):
        noisy[0].rate = noisy[1].rate = noisy[2].stddev = rate
        model.train_on_batch(x, y)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    return model.get_weights()


def test_levels_can_change_between_replays():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replayed = train(False)
    for a, b in zip(replayed, train(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_100_recorded_steps_are_the_formulas_in_float64():
    """Every replay draws the next numbers of each stream, and NumPy with the same numbers reaches the same weights."""
    gm.config.set_floatx("float64")
    noisy = [AlphaDropout(0.2, seed=3), GaussianNoise(0.1, seed=4)]
    noisy += [GaussianDropout(0.3, seed=5), RandomizedLeakyReLU(0.1, 0.6, seed=6)]
    model = gm.Sequential([gm.Input((4,)), *noisy, Dense(2, use_bias=False)])
    x, y = inputs((16, 4)).astype(np.float64), inputs((16, 2)).astype(np.float64)
    weights = model.get_weights()[0].copy()
    model.compile(gm.optimizers.SGD(0.05), "mse")
    model.fit(x, y, batch_size=16, epochs=100, shuffle=False, verbose=0)

    alpha, added, times, slopes = (Stream(seed) for seed in (3, 4, 5, 6))
    a = (0.8 * (1 + 0.2 * SATURATION**2)) ** -0.5
    for _ in range(100):
        h = a * np.where(alpha.uniform(x.shape) >= 0.2, x, SATURATION) - a * SATURATION * 0.2
        h = (h + 0.1 * added.normal(x.shape)) * (1 + np.sqrt(0.3 / 0.7) * times.normal(x.shape))
        h = np.where(h > 0, h, h * slopes.uniform(x.shape, 0.1, 0.6))
        weights -= 0.05 * 2 * h.T @ (h @ weights - y) / y.size
    np.testing.assert_allclose(model.get_weights()[0], weights, rtol=1e-9)


def test_a_new_rate_needs_no_new_plan():
    layer = AlphaDropout(0.1)
    before = gm.mutation.version()
    layer.rate = 0.5
    assert layer.rate == 0.5
    assert gm.mutation.version() == before


# ---- Self-normalizing networks ---------------------------------------------------------------------------------------


def hundred_layers(noise: type | None, activation: str = "selu") -> np.ndarray:
    """Mean and standard deviation behind each of 100 layers of 100 units."""
    gm.utils.set_random_seed(1)
    y, moments = gm.Tensor(inputs((1000, 100))), []
    for _ in range(100):
        y = Dense(100, activation, kernel_initializer=gm.initializers.recommended_for(activation))(y)
        y = y if noise is None else noise(0.2)(y, training=True)
        moments.append((y.numpy().mean(), y.numpy().std()))
    return np.array(moments)


@pytest.mark.parametrize("noise", [None, AlphaDropout], ids=["alone", "alpha-dropout"])
def test_selu_keeps_mean_and_deviation_through_100_layers(noise):
    means, deviations = hundred_layers(noise).T
    assert np.abs(means).max() < 0.15
    assert np.abs(deviations - 1).max() < 0.15


def test_dropout_breaks_the_balance_and_so_do_others():
    assert hundred_layers(Dropout)[-1, 1] > 1.5
    assert hundred_layers(None, "relu")[-1, 0] > 0.15
    assert hundred_layers(None, "tanh")[-1, 1] < 0.3


# ---- Complaints ------------------------------------------------------------------------------------------------------

MESSAGES = [
    (lambda: AlphaDropout(1.5), 'alpha_dropout (layer "alpha_dropout"): rate must be a number from 0 to 1. '
     "Received: rate=1.5."),
    (lambda: AlphaDropout(1), 'alpha_dropout (layer "alpha_dropout"): no noise keeps the variance at a rate of 1. '
     "Received: rate=1."),
    (lambda: GaussianDropout(1.0), 'gaussian_dropout (layer "gaussian_dropout"): no noise keeps the variance at a rate '
     "of 1. Received: rate=1.0."),
    (lambda: GaussianNoise(-1), 'gaussian_noise (layer "gaussian_noise"): stddev must be a number of at least 0. '
     "Received: stddev=-1."),
    (lambda: RandomizedLeakyReLU(0.5, 0.1), 'randomized_leaky_re_lu (layer "randomized_leaky_re_lu"): lower and upper '
     "are two slopes, 0 <= lower <= upper. Received: lower=0.5, upper=0.1."),
    (lambda: AlphaDropout(0.1, noise_shape=(1,))(np.ones((2, 3)), training=True),
     'dropout (layer "alpha_dropout"): noise_shape must have one entry for each dimension of the input: its size, 1 or '
     "None. Received: noise_shape=(1,). The input's shape is (2, 3)."),
]  # fmt: skip


@pytest.mark.parametrize(("action", "message"), MESSAGES)
def test_messages(action, message):
    with pytest.raises(ValueError, match=exactly(message)):
        action()


def test_levels_are_checked_when_they_are_set():
    layer = GaussianNoise(0.1)
    with pytest.raises(ValueError, match="stddev must be a number of at least 0"):
        layer.stddev = float("nan")
    assert layer.stddev == 0.1
