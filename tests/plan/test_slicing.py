"""Predictions that go through a batch a few examples at a time: the bits of eager calls, and less memory.

hazard                                                  what happens
------------------------------------------------------  ----------------------------------------------------------
a batch that rounds do not divide                       the last round begins earlier and computes some examples again
a call that mixes examples                              stays outside of the loop, and so does what lies behind it
the way of a convolution depends on the batch           it is chosen for the whole batch
weights are kept, and change                            the first round of a run fills, the others read
what rounds read or write together                      lives through the whole loop
normalization's coefficients                            are computed once, before the loop
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule import _native, slicing
from tests.helpers import ISAS, rng_for

PREDICTIONS = 5  # two eager ones, one that fills, two that read


def data(*shape: int) -> np.ndarray:
    return rng_for("slicing", *shape).normal(size=shape).astype(np.float32)


def plan_of(model: gm.Model) -> Any:
    (form,) = model._predictor._forms.values()
    return form._step.plan


def check(model: gm.Model, x: np.ndarray) -> int:
    """How often a prediction goes through its loop; each result is compared with that of eager calls, bit by bit."""
    expected = model(x, training=False).numpy()
    for _ in range(PREDICTIONS):
        np.testing.assert_array_equal(model.predict_on_batch(x), expected)
    return plan_of(model).rounds


def randomize(model: gm.Model) -> gm.Model:
    """Other statistics and offsets than zeros and ones."""
    rng = rng_for("slicing weights")
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape).astype(np.float32))
    return model


@pytest.fixture
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicing, "_CACHE", 300_000)


def branches() -> gm.Model:
    """Padding, a branch that is added again, a pool, and layers behind the loop."""
    layers = gm.layers
    x = entry = gm.Input((20, 20, 3))
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(32, 3, use_bias=False)(x)
    skip = x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same")(x))
    x = layers.Activation("elu")(layers.Add()([x, skip]))
    x = layers.DepthwiseConv2D(3, padding="same")(layers.Activation("gelu")(x))
    x = layers.AveragePooling2D(2)(layers.MaxPooling2D(3, 1)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return randomize(gm.Model(entry, layers.Dense(5)(x)))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("batch", [2, 3, 7, 8, 13, 31])
def test_every_bit_in_any_batch(isa: str, batch: int, small_cache: None) -> None:
    _native.select_isa(isa)
    rounds = check(branches(), data(batch, 20, 20, 3))
    assert rounds > 1 or batch < 6


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_bit_with_any_number_of_threads(threads: int, small_cache: None) -> None:
    gm.set_num_threads(threads)
    assert check(branches(), data(17, 20, 20, 3)) > 2


@pytest.mark.parametrize(
    "build",
    [
        lambda: gm.applications.ResNet18(input_shape=(32, 32, 3), classes=10, cifar=True),
        lambda: gm.applications.ResNet50(input_shape=(64, 64, 3), classes=7),
    ],
    ids=["ResNet18", "ResNet50"],
)
def test_whole_networks(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicing, "_CACHE", 2_000_000)
    model = randomize(build())
    assert check(model, data(15, *model.input_shape[1:])) > 1


def test_large_arrays_are_cut_by_default_and_take_less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def model() -> gm.Model:
        return gm.Sequential([gm.Input((128, 128, 3)), *(gm.layers.Conv2D(64, 3) for _ in range(3))])

    x, cut, whole = data(16, 128, 128, 3), model(), model()
    assert check(cut, x) > 2
    monkeypatch.setattr(slicing, "_CACHE", 1 << 40)
    assert check(whole, x) == 1
    assert plan_of(cut).arena_bytes < 0.5 * plan_of(whole).arena_bytes


def test_small_arrays_stay_whole() -> None:
    assert check(gm.applications.LeNet5(), data(32, 28, 28, 1)) == 1


def test_the_way_of_a_convolution_is_that_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Winograd's method pays for many images of this size, not for a few."""
    monkeypatch.setattr(slicing, "_CACHE", 400_000)
    layers = [gm.layers.Conv2D(128, 3, padding="same") for _ in range(2)]
    model = gm.Sequential([gm.Input((6, 6, 128)), *layers])
    x = data(64, 6, 6, 128)
    assert check(model, x) > 1


class _Centred(gm.layers.Layer):
    def call(self, x: gm.Tensor) -> gm.Tensor:
        return x - gm.ops.mean(x, axis=0, keepdims=True)


def test_calls_that_mix_examples_stay_whole(small_cache: None) -> None:
    layers = [gm.layers.Conv2D(16, 3), _Centred(), gm.layers.Conv2D(32, 3), gm.layers.Activation("silu")]
    assert check(gm.Sequential([gm.Input((20, 20, 3)), *layers]), data(24, 20, 20, 3)) > 1


def test_loops_see_new_weights(small_cache: None) -> None:
    model, x = branches(), data(16, 20, 20, 3)
    assert check(model, x) > 1
    for weight in model.weights:
        weight.assign(weight * np.float32(0.75))
    assert check(model, x) > 1


def test_a_sequence_of_pooled_convolutions(small_cache: None) -> None:
    """The loop's last array is the output of the model, or what the last, smaller layers read."""
    layers = [gm.layers.Conv2D(32, 3, activation="relu"), gm.layers.MaxPooling2D(2), gm.layers.Conv2D(32, 3)]
    assert check(gm.Sequential([gm.Input((24, 24, 8)), *layers]), data(19, 24, 24, 8)) > 1
