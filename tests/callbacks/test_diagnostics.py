"""What Diagnostics measures, against NumPy; what it warns of; and that training takes the same course with it."""

from __future__ import annotations

import math
import re
import warnings

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import CallbackList, Diagnostics
from gemmule.callbacks.callback import Periodic
from gemmule.callbacks.layer_numbers import measure, stride_for
from gemmule.errors import GemmuleWarning
from tests.helpers import exactly

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 6)).astype(np.float32)
Y = RNG.normal(size=(70, 2)).astype(np.float32)


def make(**compile_options) -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    layers = [
        gm.layers.Dense(5, activation="relu", name="a"),
        gm.layers.BatchNormalization(name="n"),
        gm.layers.Dropout(0.3),
        gm.layers.Dense(4, activation="tanh", name="b"),
        gm.layers.Dense(2, name="c"),
    ]
    model = gm.Sequential([gm.Input((6,)), *layers])
    model.compile(**({"optimizer": gm.optimizers.Adam(0.01), "loss": "mse"} | compile_options))
    return model


@pytest.mark.parametrize("every", [1, 3, 7])
@pytest.mark.parametrize("eager", [False, True])
def test_training_takes_the_same_course(every: int, eager: bool) -> None:
    def run(callbacks: list) -> tuple[list, dict]:
        model = make(run_eagerly=eager)
        history = model.fit(X, Y, epochs=4, validation_split=0.2, verbose=0, callbacks=callbacks, batch_size=12)
        return [*model.get_weights(), int(model.optimizer.iterations)], history.history

    (plain, logs), (watched, watched_logs) = run([]), run([Diagnostics(every, warn=False)])
    assert logs == watched_logs
    for one, other in zip(plain, watched):
        np.testing.assert_array_equal(one, other)


class Counting(gm.layers.Layer):
    """Changes its state at once, and draws random numbers."""

    def build(self, input_shape):
        self.calls = self.add_weight((), initializer="zeros", trainable=False, name="calls")
        self.noise = gm.layers.Dropout(0.5)

    def call(self, inputs, training=None):
        self.calls.assign(self.calls + 1.0)
        return self.noise(inputs, training=training)


def test_what_a_replayed_look_changes_is_put_back() -> None:
    def run(callbacks: list) -> list:
        gm.utils.clear_session()
        gm.utils.set_random_seed(1)
        model = gm.Sequential([gm.Input((6,)), gm.layers.Dense(5, activation="relu"), Counting(), gm.layers.Dense(2)])
        model.compile(loss="mse")
        model.fit(X, Y, batch_size=10, epochs=4, verbose=0, callbacks=callbacks)
        return model.get_weights()

    diagnostics = Diagnostics(every=2, warn=False)
    for one, other in zip(run([]), run([diagnostics]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(diagnostics.steps) == 14


def test_replayed_looks_see_what_eager_ones_see() -> None:
    def run(eager: bool) -> Diagnostics:
        model, diagnostics = make(run_eagerly=eager), Diagnostics(every=2, warn=False)
        model.fit(X, Y, batch_size=12, epochs=4, verbose=0, callbacks=[diagnostics])
        return diagnostics

    replayed, eager = run(False), run(True)
    assert repr(replayed.history) == repr(eager.history)
    assert any(step.plan is not None for step, _ in replayed._look._forward.values())
    assert replayed._look._behind.plan is not None


def test_numbers_of_the_first_batch() -> None:
    model = make(optimizer=gm.optimizers.SGD(0.1))
    before = [w.astype(np.float64) for w in model.get_weights()]
    diagnostics = Diagnostics(every=100)
    model.fit(X, Y, batch_size=70, shuffle=False, verbose=0, callbacks=[diagnostics])
    after = [w.astype(np.float64) for w in model.get_weights()]
    assert diagnostics.steps == [0]
    assert list(diagnostics.history) == ["a", "n", "b", "c"]
    relu = np.maximum(X @ before[0] + before[1], 0)
    found = {name: values[0] for name, values in diagnostics.history["a"].items()}
    assert found["activation_mean"] == pytest.approx(relu.mean(), rel=1e-5)
    assert found["activation_std"] == pytest.approx(relu.std(), rel=1e-5)
    assert found["dead"] == (relu.max(0) == 0).mean()
    assert math.isnan(found["saturated"])
    counts, low, high = found["activation_histogram"]
    expected, edges = np.histogram(relu.astype(np.float32), 20)
    assert (low, high) == pytest.approx((edges[0], edges[-1]), rel=1e-6)
    assert np.abs(counts - expected).sum() <= 4  # values on edges
    assert counts.sum() == relu.size
    gradient = (before[0] - after[0]) / 0.1
    assert found["gradient_std"] == pytest.approx(gradient.std(), rel=1e-3)
    assert found["gradient_mean"] == pytest.approx(gradient.mean(), rel=1e-2)
    for name, (kernel, bias) in {"a": (0, 1), "b": (6, 7), "c": (8, 9)}.items():
        moved, size = (
            np.sqrt(sum(np.sum(part**2) for part in parts))
            for parts in ([after[i] - before[i] for i in (kernel, bias)], [before[i] for i in (kernel, bias)])
        )
        assert diagnostics.history[name]["update_ratio"][0] == pytest.approx(moved / size, rel=1e-4)
    assert math.isnan(diagnostics.history["n"]["dead"][0])


def test_saturation() -> None:
    model = make()
    model.get_layer("b").set_weights([np.zeros((5, 4)), [0.0, 2.0, 2.3, -9.0]])  # slopes 1, 0.07, 0.04, 0
    diagnostics = Diagnostics()
    model.fit(X, Y, batch_size=70, verbose=0, callbacks=[diagnostics])
    assert diagnostics.history["b"]["saturated"] == [0.5]


def test_batches_in_between_are_left_alone() -> None:
    heard = []

    class Listen(Periodic):
        def on_train_batch_begin(self, batch, logs=None):
            heard.append(self.batches + batch)

    model = make()
    model.fit(X, Y, batch_size=10, epochs=4, verbose=0, callbacks=[Listen(5)])
    assert heard == [0, 5, 10, 15, 20, 25]
    heard.clear()
    diagnostics = Diagnostics(every=4)
    assert CallbackList([diagnostics, Listen(6)]).next_batch(1) == 4
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0, callbacks=[diagnostics, Listen(6)])
    assert diagnostics.steps == [0, 4, 8, 12]
    assert set(heard) == {0, 4, 6, 8, 12}  # those of the other one, too


def fit_and_catch(model, diagnostics, epochs: int = 1) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y, batch_size=10, epochs=epochs, verbose=0, callbacks=[diagnostics])
    return [str(one.message) for one in caught if issubclass(one.category, GemmuleWarning)]


def test_dead_units_are_told_once() -> None:
    model = make(optimizer=gm.optimizers.SGD(1e-3))
    model.get_layer("a").bias.assign([-99.0, -99, -99, 0, 9])
    diagnostics = Diagnostics(every=2)
    told = fit_and_catch(model, diagnostics, epochs=3)
    assert told == ["a: 60 % of units never fire; lower the learning rate or use leaky_relu"]
    assert diagnostics.warnings == told
    assert diagnostics.history["a"]["dead"][-1] == pytest.approx(0.6)
    assert told[0] in diagnostics.report()
    model.get_layer("a").bias.assign([-99.0, -99, -99, 0, 9])
    assert fit_and_catch(model, Diagnostics(every=2, warn=False)) == []


def test_saturated_layers_and_fast_ones_are_told() -> None:
    model = make(optimizer=gm.optimizers.SGD(0.5))
    model.get_layer("b").bias.assign([9.0, 9, 9, 0])
    told = fit_and_catch(model, Diagnostics(every=1))
    assert any(re.match(r"b: [78]\d % of outputs are saturated", text) for text in told), told
    assert any(text.startswith("c: a step changes the weights by ") for text in told), told


def test_slow_training_and_vanishing_gradients_are_told() -> None:
    assert "slow" not in str(fit_and_catch(make(), Diagnostics(every=1)))
    told = fit_and_catch(make(optimizer=gm.optimizers.SGD(1e-8)), Diagnostics(every=1))
    assert any(text.startswith("c: a step changes the weights by ") and "raise" in text for text in told), told
    layers = [gm.layers.Dense(6, activation="sigmoid", name=f"d{i}") for i in range(12)]
    deep = gm.Sequential([gm.Input((6,)), *layers, gm.layers.Dense(2, name="out")])
    deep.compile(optimizer="sgd", loss="mse")
    told = fit_and_catch(deep, Diagnostics(every=1))
    assert any(text.startswith("d0: gradients vanish on their way back") for text in told), told
    assert not any(text.startswith("out:") for text in told)


def test_gradients_that_are_zero_everywhere_are_told_once_without_other_advice() -> None:
    model = make()
    model.compile(gm.optimizers.SGD(0.01), lambda y, y_pred: 0.0 * gm.ops.mean(y_pred, axis=-1))
    told = fit_and_catch(model, Diagnostics(every=1))
    assert [text for text in told if "gradient" in text] == [
        "all layers: every gradient is 0, so nothing is learnt; look for units that never fire, saturated outputs, or "
        "a loss that does not depend on the weights"
    ]
    assert "raise the learning rate" not in str(told)


def test_a_larger_rate_is_no_advice_where_gradients_vanish() -> None:
    layers = [gm.layers.Dense(6, activation="sigmoid") for _ in range(12)]
    deep = gm.Sequential([gm.Input((6,)), *layers, gm.layers.Dense(2)])
    deep.compile(gm.optimizers.SGD(1e-4), "mse")
    told = fit_and_catch(deep, Diagnostics(every=1))
    assert any("gradients vanish" in text for text in told)
    assert "raise the learning rate" not in str(told)


def test_gradient_accumulation_and_own_steps() -> None:
    model = make(optimizer=gm.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    diagnostics = Diagnostics(every=1)
    model.fit(X, Y, batch_size=35, verbose=0, callbacks=[diagnostics])
    ratios = diagnostics.history["a"]["update_ratio"]
    assert math.isnan(ratios[0])
    assert ratios[1] > 0

    class Own(gm.Sequential):
        def train_step(self, data):
            x, y = data
            with gm.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    own = Own([gm.Input((6,)), gm.layers.Dense(2, name="only")])
    own.compile(optimizer="sgd", loss="mse")
    own.fit(X, Y, verbose=0, callbacks=[diagnostics])
    assert diagnostics.history["only"]["update_ratio"][0] > 0
    assert math.isnan(diagnostics.history["only"]["gradient_std"][0])


def test_graphs_frozen_layers_and_maps() -> None:
    inputs = gm.Input((8, 8, 1), name="in")
    conv = gm.layers.Conv2D(3, 3, activation="relu", name="conv")
    conv.trainable = False
    hidden = gm.layers.GlobalAveragePooling2D()(conv(inputs))
    model = gm.Model(inputs, {"p": gm.layers.Dense(1, activation="sigmoid", name="p")(hidden)})
    model.compile(loss={"p": "mse"})
    conv.set_weights([np.ones((3, 3, 1, 3)), [0.0, -1e3, -1e3]])
    diagnostics = Diagnostics()
    model.fit(np.ones((4, 8, 8, 1)), {"p": np.ones((4, 1))}, verbose=0, callbacks=[diagnostics])
    assert diagnostics.history["conv"]["dead"] == [pytest.approx(2 / 3)]
    assert math.isnan(diagnostics.history["conv"]["update_ratio"][0])
    assert diagnostics.history["conv"]["gradient_histogram"] == [None]
    assert diagnostics.history["p"]["update_ratio"][0] > 0


@pytest.mark.parametrize("cut", [3, 4, 9])
def test_an_interrupted_run_is_taken_up(tmp_path, cut: int) -> None:
    class Save(Periodic):
        def on_train_batch_end(self, batch, logs=None):
            if self.batches + batch == cut:
                self.model.save(tmp_path / "run.gemmule", state="full")

    options = {"epochs": 3, "batch_size": 12, "verbose": 0}
    model, whole = make(), Diagnostics(every=2)
    model.fit(X, Y, callbacks=[whole, Save(1)], **options)
    loaded, rest = gm.models.load_model(tmp_path / "run.gemmule"), Diagnostics(every=2)
    loaded.fit(X, Y, callbacks=[rest, Save(1)], resume=True, **options)
    for one, other in zip(model.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert rest.steps == whole.steps
    assert repr(rest.history) == repr(whole.history)
    assert rest.warnings == whole.warnings


@pytest.mark.parametrize("first", [False, True])
def test_a_run_interrupted_at_the_beginning_of_a_look(tmp_path, first: bool) -> None:
    class Save(Periodic):
        def on_train_batch_begin(self, batch, logs=None):
            if self.batches + batch == 4:
                self.model.save(tmp_path / "run.gemmule", state="full")

    def callbacks(diagnostics) -> list:
        return [Save(1), diagnostics] if first else [diagnostics, Save(1)]

    options = {"epochs": 3, "batch_size": 12, "verbose": 0}
    model, rest = make(), Diagnostics(every=2)
    model.fit(X, Y, callbacks=callbacks(Diagnostics(every=2)), **options)
    loaded = gm.models.load_model(tmp_path / "run.gemmule")
    loaded.fit(X, Y, callbacks=callbacks(rest), resume=True, **options)
    for one, other in zip(model.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert rest.steps == [0, 2, 6, 8, 10, 12, 14, 16]  # 4 is left out
    assert len(rest.history["a"]["update_ratio"]) == 8


def test_samples() -> None:
    columns = np.tile(np.arange(64.0), 1000).reshape(1000, 64)
    sample = columns.reshape(-1)[:: stride_for(columns, 1024)]
    assert 1000 < sample.size <= 1024
    assert len(np.unique(sample)) == 64
    numbers = measure([sample, np.full(3, 2.0), np.array([1.0, np.inf])])
    assert numbers[0].mean == pytest.approx(31.5, abs=0.5)
    assert numbers[1][:2] == (2.0, 0.0)
    assert numbers[1].histogram.counts.sum() == 3
    assert numbers[2].histogram is None
    assert measure([]) == []


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=exactly("Diagnostics: every must be a positive integer. Received: every=0.")):
        Diagnostics(every=0)
