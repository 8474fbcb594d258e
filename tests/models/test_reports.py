"""What training reports: metrics with and without weights, those that layers hold, weights a loss does not reach."""

import warnings

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import GemmuleWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 20)).astype(np.float32)
Y = RNG.integers(0, 5, 200).astype(np.int32)


class Tracking(gm.Model):
    """The usual custom step: metrics of its own, reported by name."""

    def __init__(self, as_number=False):
        super().__init__()
        self.dense = gm.layers.Dense(5)
        self.tracker = gm.metrics.Mean(name="loss")
        self.as_number = as_number

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        x, y = data
        with gm.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        if self.as_number:
            return {"loss": float(loss)}
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


@pytest.mark.parametrize("as_number", [False, pytest.param(True, marks=pytest.mark.filterwarnings("ignore"))])
def test_what_a_custom_step_returns_is_logged_under_its_name(as_number):
    histories = []
    for eager in (False, True):
        gm.utils.set_random_seed(5)
        model = Tracking(as_number)
        model.compile("sgd", gm.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eager)
        histories.append(model.fit(X, Y, batch_size=100, epochs=4, shuffle=False, verbose=0).history["loss"])
        assert set(model.history.history) == {"loss"}
    assert histories[0] == histories[1]
    assert 0 < histories[0][-1] < histories[0][0]


def test_own_metrics_start_anew_in_each_epoch():
    model = Tracking()
    model.compile(gm.optimizers.SGD(0.0), gm.losses.SparseCategoricalCrossentropy(from_logits=True))
    first, second = model.fit(X, Y, batch_size=200, epochs=2, verbose=0).history["loss"]
    assert first == pytest.approx(second)
    assert float(model.tracker._sums[1]) == 1


def test_evaluation_does_not_repeat_what_the_training_step_returned():
    class Extra(gm.Model):
        def __init__(self):
            super().__init__()
            self.dense = gm.layers.Dense(5, activation="softmax")

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            super().train_step(data)
            return {"extra": gm.ops.convert_to_tensor(3.0)}

    model = Extra()
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert set(model.fit(X, Y, verbose=0, validation_data=(X, Y)).history) == {"extra", "loss", "val_loss"}
    assert set(model.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss"}


def test_steps_return_single_numbers():
    class Wrong(Tracking):
        def train_step(self, data):
            super().train_step(data)
            return {"loss": gm.ops.zeros((3,))}

    model = Wrong()
    model.compile("sgd", gm.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="must return one number for each name of the logs"):
        model.fit(X, Y, verbose=0)


def test_a_metric_with_and_without_weights_gives_two_values():
    model = gm.Sequential([gm.Input((20,)), gm.layers.Dense(5, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    weights = (Y == 0).astype(np.float32)
    found = model.evaluate(X, Y, sample_weight=weights, verbose=0, return_dict=True)
    right = model.predict(X, verbose=0).argmax(axis=1) == Y
    assert found.keys() == {"loss", "accuracy", "weighted_accuracy"}
    assert found["accuracy"] == pytest.approx(right.mean(), abs=1e-7)
    assert found["weighted_accuracy"] == pytest.approx(right[Y == 0].mean(), abs=1e-7)


@pytest.mark.parametrize(
    "loss",
    [
        lambda y, p: gm.ops.mean(gm.ops.square(y)),
        lambda y, p: gm.ops.mean(gm.ops.cast(gm.ops.equal(y, p), "float32")),
        lambda y, p: np.mean((np.asarray(y) - np.asarray(p)) ** 2),
    ],
    ids=["without predictions", "comparison", "NumPy"],
)
@pytest.mark.filterwarnings("ignore::gemmule.errors.PlanWarning")
def test_a_loss_that_depends_on_no_weight_is_refused(loss):
    model = gm.Sequential([gm.Input((20,)), gm.layers.Dense(3)])
    model.compile("sgd", loss)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"no gradient for any variable: dense.*gm\.ops"):
            model.fit(X, X[:, :3], verbose=0)


def test_weights_that_the_loss_does_not_reach_are_named_once():
    inputs = gm.Input((20,))
    used, unused = gm.layers.Dense(3, name="used")(inputs), gm.layers.Dense(2, name="unused")(inputs)
    model = gm.Model(inputs, {"used": used, "unused": unused})
    model.compile("sgd", {"used": "mse"})
    before = model.get_layer("unused").get_weights()
    with pytest.warns(GemmuleWarning, match="not updated: unused/kernel, unused/bias"):
        model.train_on_batch(X[:8], {"used": X[:8, :3]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, {"used": X[:, :3]}, epochs=2, verbose=0)
    for array, now in zip(before, model.get_layer("unused").get_weights()):
        np.testing.assert_array_equal(now, array)


class Measuring(gm.layers.Layer):
    """A layer with a metric of its own, fed by `call`."""

    def __init__(self):
        super().__init__()
        self.dense = gm.layers.Dense(5)
        self.size = gm.metrics.Mean(name="size")

    def call(self, inputs):
        self.size.update_state(gm.ops.mean(gm.ops.abs(inputs)))
        return self.dense(inputs)


class Held(gm.Model):
    """Metrics of the model, of two of its layers, and of a model inside of it, which do not count."""

    def __init__(self):
        super().__init__()
        self.blocks = [Measuring(), Measuring()]
        self.inner = Tracking()
        self.activity = gm.metrics.Mean(name="accuracy")

    def call(self, inputs, training=False):
        for layer in (*self.blocks, self.inner):
            inputs = layer(inputs)
        if training:
            self.activity.update_state(gm.ops.ones((1,)))
        return gm.ops.softmax(inputs)


def test_metrics_that_the_model_and_its_layers_hold_are_reported_and_start_anew_in_each_epoch():
    histories = []
    for eager in (False, True):
        gm.utils.set_random_seed(5)
        model = Held()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=eager)
        options = {"batch_size": 20, "epochs": 3, "verbose": 0, "validation_data": (2 * X[:100], Y[:100])}
        histories.append(model.fit(X, Y, shuffle=False, **options).history)
    assert histories[0] == histories[1]
    names = ["accuracy", "accuracy_1", "loss", "size", "size_1"]
    assert list(histories[0]) == [*names, *(f"val_{name}" for name in names)]
    assert histories[0]["size"] == pytest.approx(3 * [np.abs(X).mean()])
    assert histories[0]["val_size"] == pytest.approx(3 * [2 * np.abs(X[:100]).mean()])
    assert (histories[0]["accuracy_1"], histories[0]["val_accuracy_1"]) == ([1.0] * 3, [0.0] * 3)
    assert len(set(histories[0]["size_1"])) == 3
    assert model.metrics_names == ["loss", "accuracy", "accuracy_1", "size", "size_1"]
    assert [metric.name for metric in model.metrics] == ["loss", "accuracy", "accuracy", "size", "size"]
    assert model.evaluate(X, Y, batch_size=20, verbose=0)[3] == pytest.approx(np.abs(X).mean())
    model.late = gm.metrics.Mean(name="late")
    assert "late" in model.evaluate(X, Y, verbose=0, return_dict=True)
    assert model.train_on_batch(X[:9], Y[:9], return_dict=True)["size"] == pytest.approx(np.abs(X[:9]).mean())
