"""Normalizing layers: numerics of statistics, moving averages, frozen layers, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import ISAS, assert_close, isa, rng_for, threads

BatchNormalization = gm.layers.BatchNormalization
SHAPES = [(4000, 3), (700, 37), (32, 100), (2, 9, 11, 16), (3000, 1), (40, 600), (50, 7, 24)]


@pytest.mark.parametrize("level", ISAS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_statistics_of_numbers_far_from_zero(shape: tuple[int, ...], level: str) -> None:
    """Around 10000 with a deviation of 1, naive sums of squares in float32 have no correct digit."""
    x = (rng_for("far", shape).normal(size=shape) + 1e4).astype(np.float32)
    axes = tuple(range(len(shape) - 1))
    layer = BatchNormalization(momentum=0.0, epsilon=0.0)
    with isa(level):
        y = layer(x, training=True).numpy()
    exact = x.astype(np.float64)
    assert_close(layer.moving_mean.numpy(), exact.mean(axes), 1e-7)
    np.testing.assert_allclose(layer.moving_variance.numpy(), exact.var(axes), rtol=1e-4)
    np.testing.assert_allclose(y, (exact - exact.mean(axes)) / exact.std(axes), atol=2e-3)


@pytest.mark.parametrize("make", [gm.layers.LayerNormalization, lambda **k: gm.layers.GroupNormalization(2, **k)])
def test_examples_far_from_zero(make: object) -> None:
    x = (rng_for("far").normal(size=(5, 300, 8)) + 1e4).astype(np.float32)
    with gm.use_backend("reference"):
        expected = make(dtype="float64")(x).numpy()  # type: ignore[operator]
    layer = make()  # type: ignore[operator]
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=2e-3)


@pytest.mark.parametrize("level", ISAS)
def test_one_value_far_from_all_others(level: str) -> None:
    """Even when it comes first, where sums take their distances from."""
    x = rng_for("outlier").normal(size=(3000, 20)).astype(np.float32)
    x[0] = 1e3
    layer = BatchNormalization(momentum=0.0, epsilon=0.0)
    with isa(level):
        layer(x, training=True)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x.astype(np.float64).var(0), rtol=5e-4)


def test_constant_channels_have_no_variance() -> None:
    x = np.full((100, 7), 12345.678, np.float32)
    layer = BatchNormalization(momentum=0.0)
    np.testing.assert_array_equal(layer(x, training=True).numpy(), np.zeros_like(x))
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0, atol=1e-9)


@pytest.mark.parametrize("shape", [(40, 16, 16, 8), (3000, 100), (5, 33, 70)], ids=str)
def test_threads_change_no_bit(shape: tuple[int, ...]) -> None:
    rng = rng_for("threads")
    x, dy = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    found = []
    for count in (1, 2, 3):
        layers = [BatchNormalization(), gm.layers.LayerNormalization(), gm.layers.GroupNormalization(-1)]
        results = []
        with threads(count):
            for layer in layers:
                tensor = gm.ops.convert_to_tensor(x)
                with gm.GradientTape() as tape:
                    tape.watch(tensor)
                    y = layer(tensor, training=True)
                gradients = tape.gradient(y, [tensor, *layer.trainable_weights], output_gradients=dy)
                results += [y.numpy(), *(g.numpy() for g in gradients)]
        found.append(results)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_moving_averages() -> None:
    x = rng_for("moving").normal(2, 3, size=(50, 4)).astype(np.float32)
    layer = BatchNormalization(momentum=0.9)
    for _ in range(3):
        layer(x, training=True)
    kept = 0.9**3
    np.testing.assert_allclose(layer.moving_mean.numpy(), (1 - kept) * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), kept + (1 - kept) * x.var(0), rtol=1e-5)


def test_inference_uses_moving_averages() -> None:
    layer = BatchNormalization(epsilon=0.25)
    layer.build((None, 2))
    layer.set_weights([[2.0, 3.0], [0.5, 0.0], [1.0, -1.0], [0.75, 3.75]])
    assert layer(np.array([[2.0, 1.0]])).numpy().tolist() == [[2.5, 3.0]]


def test_layer_that_is_not_trainable_is_in_inference_mode() -> None:
    x = rng_for("frozen").normal(5, 1, size=(20, 3)).astype(np.float32)
    layer = BatchNormalization()
    expected = layer(x).numpy()
    layer.trainable = False
    np.testing.assert_array_equal(layer(x, training=True).numpy(), expected)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), 0)
    layer.trainable = True
    assert abs(layer(x, training=True).numpy().mean()) < 1e-5


def frozen_model(freeze: str) -> tuple[gm.Sequential, BatchNormalization]:
    gm.utils.set_random_seed(1)
    layer = BatchNormalization()
    model = gm.Sequential([gm.Input((3,)), layer, gm.layers.Dense(1)])
    if freeze == "before":
        layer.trainable = False
    model.compile("sgd", "mse")
    if freeze == "after":
        layer.trainable = False
    return model, layer


@pytest.mark.parametrize("freeze", ["before", "after"])
def test_fit_follows_what_compile_saw(freeze: str) -> None:
    model, layer = frozen_model(freeze)
    x = rng_for("compile").normal(5, 1, size=(40, 3)).astype(np.float32)
    before = [w.numpy() for w in layer.weights]
    model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0)
    changed = [not np.array_equal(w.numpy(), b) for w, b in zip(layer.weights, before)]
    assert changed == [freeze == "after"] * 4


def test_gradient_through_moving_averages() -> None:
    """A frozen layer passes gradients on, to its own parameters, too."""
    rng = rng_for("inference")
    layer = BatchNormalization(dtype="float64")
    layer.build((None, 4))
    layer.set_weights([rng.uniform(0.5, 2, 4) for _ in range(4)])
    x, seed = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    tensor = gm.ops.convert_to_tensor(x)
    with gm.GradientTape() as tape:
        tape.watch(tensor)
        y = layer(tensor)
    dx, dgamma, dbeta = (g.numpy() for g in tape.gradient(y, [tensor, layer.gamma, layer.beta], output_gradients=seed))
    gamma, _, mean, variance = (w.numpy() for w in layer.weights)
    deviation = np.sqrt(variance + 0.001)
    np.testing.assert_allclose(dx, seed * gamma / deviation)
    np.testing.assert_allclose(dgamma, (seed * (x - mean) / deviation).sum(0))
    np.testing.assert_allclose(dbeta, seed.sum(0))


def test_one_layer_called_twice_averages_twice() -> None:
    layer = BatchNormalization(momentum=0.5)
    layer(np.full((4, 1), 8.0, np.float32), training=True)
    layer(np.full((4, 1), 16.0, np.float32), training=True)
    assert layer.moving_mean.numpy().tolist() == [10.0]


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"axis": 3}, (2, 4), "axis must name a dimension"),
        ({"axis": "channels"}, (2, 4), "axis must name a dimension"),
        ({"momentum": 1.5}, (2, 4), "momentum must be a number from 0 to 1"),
        ({"epsilon": -1.0}, (2, 4), "epsilon must be a number that is not negative"),
    ],
)
def test_refuses(arguments: dict[str, object], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BatchNormalization(**arguments)(np.zeros(shape, np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["synchronized", "renorm"])
def test_what_is_not_supported_says_so(argument: str) -> None:
    with pytest.raises(NotImplementedError, match=argument):
        BatchNormalization(**{argument: True})  # type: ignore[arg-type]


def test_a_mask_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="mask"):
        BatchNormalization()(np.zeros((2, 3, 4), np.float32), mask=np.ones((2, 3), bool))


def test_other_channels_than_built_for() -> None:
    layer = BatchNormalization(name="bn")
    layer.build((None, 4))
    with pytest.raises(ValueError, match=r'batch_normalization \(layer "bn"\).*\(4,\) channels'):
        layer(np.zeros((2, 5), np.float32))


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="groups must divide"):
        gm.layers.GroupNormalization(3)(np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="groups must be a positive integer"):
        gm.layers.GroupNormalization(0)


def test_an_empty_batch_has_no_statistics() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        gm.ops.normalize_batch(np.zeros((0, 4), np.float32))
