"""Moving statistics change together with the weights, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import NonFiniteError
from tests.helpers import rng_for


class OwnStep(gm.Sequential):
    """A model whose training step hands its gradients to the optimizer itself."""

    def train_step(self, data):
        x, y = data
        with gm.GradientTape() as tape:
            loss = gm.ops.mean(gm.ops.square(self(x, training=True) - y))
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return {"loss": loss}


def model_of(kind: type[gm.Sequential], **compile_arguments) -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    model = kind(
        [gm.Input((4,)), gm.layers.Dense(6), gm.layers.BatchNormalization(), gm.layers.ReLU(), gm.layers.Dense(1)]
    )
    model.compile(gm.optimizers.SGD(0.01), "mse", **compile_arguments)
    return model


def data(rows: int = 48):
    rng = rng_for("state")
    return rng.normal(size=(rows, 4)).astype(np.float32), rng.normal(size=(rows, 1)).astype(np.float32)


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("kind", [gm.Sequential, OwnStep])
@pytest.mark.parametrize("bad", [0, 1, 5])
@pytest.mark.parametrize("eager", [False, True])
def test_a_step_that_is_not_finite_leaves_no_trace(kind, bad, eager, backend):
    """Eager first steps, a replay, and `run_eagerly` alike: everything stays as after the last finite step."""
    x, y = data()
    with gm.use_backend(backend):
        good = model_of(kind, run_eagerly=eager)
        if bad:
            good.fit(x[: 8 * bad], y[: 8 * bad], batch_size=8, shuffle=False, verbose=0)
        model = model_of(kind, run_eagerly=eager)
        spoilt = y.copy()
        spoilt[8 * bad] = np.inf  # the inputs are finite: statistics of the batch are, too
        with pytest.raises(NonFiniteError, match=f"batch {bad + 1} of 6"):
            model.fit(x, spoilt, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), good.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(x, y, batch_size=8, verbose=0)  # and it can go on


@pytest.mark.parametrize("kind", [gm.Sequential, OwnStep])
def test_own_step_equals_the_built_in_one(kind):
    x, y = data()
    weights = []
    for one in (gm.Sequential, kind):
        model = model_of(one)
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_shared_layer_is_updated_by_each_call():
    class Twice(gm.Model):
        def __init__(self):
            super().__init__()
            self.norm = gm.layers.BatchNormalization(momentum=0.5)
            self.out = gm.layers.Dense(1)

        def call(self, inputs, training=False):
            return self.out(self.norm(inputs, training=training) + self.norm(inputs * 2.0 + 8.0, training=training))

    x, y = data(8)
    model = Twice()
    model.compile(gm.optimizers.SGD(0.0), "mse")
    for _ in range(4):  # two recorded steps, two replays
        model.fit(x, y, batch_size=8, verbose=0)
    mean = np.zeros(4)
    for _ in range(4):
        mean = 0.5 * mean + 0.5 * x.mean(0)
        mean = 0.5 * mean + 0.5 * (2 * x.mean(0) + 8)
    np.testing.assert_allclose(model.norm.moving_mean.numpy(), mean, rtol=1e-5)


def test_evaluation_and_prediction_leave_statistics_alone():
    x, y = data()
    model = model_of(gm.Sequential)
    model.fit(x, y, batch_size=8, verbose=0)
    before = model.get_weights()
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_outside_of_a_training_step_writes_are_made_at_once():
    layer = gm.layers.BatchNormalization(momentum=0.0)
    layer(np.array([[1.0], [3.0]], np.float32), training=True)
    assert layer.moving_mean.numpy().tolist() == [2.0]
