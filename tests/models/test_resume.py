"""`save(state="full")` and `fit(resume=True)`: an interrupted run ends with the bits of one that never stopped."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule import layers
from tests.optimizers.specs import ROWS as OPTIMIZERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(44, 4, 4, 1)).astype(np.float32)
Y = RNG.integers(0, 3, 44)
EPOCHS, BATCH = 4, 8
BATCHES = 6  # the last one has four rows
HOOKS = (
    "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_begin", "on_test_batch_end",
    "on_test_end", "on_epoch_end",
)  # fmt: skip


class InterruptedForTestError(Exception):
    pass


class Cut(gm.callbacks.Callback):
    """Saves everything at one call of one hook, and ends the run there."""

    def __init__(self, path: Path | None, hook: str = "on_epoch_end", epoch: int = 0, batch: int = 0) -> None:
        self.path, self.hook, self.epoch, self.batch = path, hook, epoch, batch

    def _at(self, hook: str, batch: int) -> None:
        if (hook, self.now, batch) == (self.hook, self.epoch, self.batch) and self.path is not None:
            self.model.save(self.path, state="full")
            raise InterruptedForTestError

    def on_train_begin(self, logs=None):
        self.now = -1

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch
        self._at("on_epoch_begin", 0)

    def on_train_batch_begin(self, batch, logs=None):
        self._at("on_train_batch_begin", batch)

    def on_train_batch_end(self, batch, logs=None):
        self._at("on_train_batch_end", batch)

    def on_test_begin(self, logs=None):
        self._at("on_test_begin", 0)

    def on_test_batch_end(self, batch, logs=None):
        self._at("on_test_batch_end", batch)

    def on_test_end(self, logs=None):
        self._at("on_test_end", 0)

    def on_epoch_end(self, epoch, logs=None):
        self._at("on_epoch_end", 0)


class Diary(gm.callbacks.Callback):
    """A callback of a user's that remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.seen = np.zeros(3)

    def on_epoch_begin(self, epoch, logs=None):
        self.heard.append(("begin", epoch))

    def on_train_batch_end(self, batch, logs=None):
        self.heard.append((batch, logs["loss"]))
        self.seen[batch % 3] += logs["loss"]

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(sorted(logs.items()))
        if epoch == 1:
            self.model.layers[2].rate = 0.4


def scheduled() -> gm.Sequential:
    """Dropout, augmentation, batch normalization, Adam with a schedule, accumulation, averages, rules by variable."""
    model = gm.Sequential(
        [
            gm.Input((4, 4, 1)), layers.RandomFlip(), layers.Conv2D(3, 3, activation="relu"), layers.Dropout(0.2),
            layers.BatchNormalization(), layers.Flatten(), layers.Dense(3, name="out"),
        ]
    )  # fmt: skip
    rate = gm.optimizers.schedules.ExponentialDecay(0.02, 5, 0.9)
    optimizer = gm.optimizers.Adam(
        rate, weight_decay=0.01, global_clipnorm=1.0, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=4,
        gradient_accumulation_steps=2,
    )  # fmt: skip
    optimizer.exclude_from_weight_decay(var_names=["bias"], var_list=[model.layers[-1].kernel])
    optimizer.set_learning_rate_multipliers({"out": 0.5})
    loss = gm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def steered() -> gm.Sequential:
    """Callbacks that change the learning rate, stop early, and restore the best weights."""
    model = gm.Sequential(
        [gm.Input((4, 4, 1)), layers.Flatten(), layers.Dense(8, "tanh"), layers.Dropout(0.5), layers.Dense(3)]
    )
    loss = gm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gm.optimizers.SGD(0.5, momentum=0.9, nesterov=True), loss, metrics=["accuracy"])
    return model


def companions(kind: Any) -> list[gm.callbacks.Callback]:
    if kind is scheduled:
        return [Diary()]
    return [
        gm.callbacks.EarlyStopping(patience=2, restore_best_weights=True),
        gm.callbacks.ReduceLROnPlateau(patience=1, factor=0.5, min_delta=0.1),
    ]


def run(model: gm.Model, callbacks: list[Any], **more: Any) -> gm.callbacks.History:
    return model.fit(
        X, Y, epochs=EPOCHS, batch_size=BATCH, validation_data=(X[:10], Y[:10]), validation_batch_size=4,
        callbacks=callbacks, verbose=0, **more,
    )  # fmt: skip


def result(model: gm.Model, history: Any, others: list[Any]) -> list[Any]:
    """All that two equal runs have in common, as bytes."""
    slots = [model.optimizer.slots_of(variable) for variable in model.trainable_variables]
    found = [array.tobytes() for array in model.get_weights()]
    found += [(name, array.tobytes()) for one in slots for name, array in one.items()]
    found += [history.history, history.epoch, model.stop_training, float(model.optimizer.learning_rate)]
    return found + [repr(sorted(other.get_state().items())) for other in others]


@cache
def uninterrupted(kind: Any) -> list[Any]:
    gm.utils.set_random_seed(7)
    model, others = kind(), companions(kind)
    return result(model, run(model, [*others, Cut(None)]), others)


def cut_points(count: int) -> list[tuple[Any, str, int, int, int]]:
    draw = random.Random(1)
    points = []
    for number in range(count):
        hook = HOOKS[number % len(HOOKS)] if number % 3 else "on_train_batch_end"
        limit = {"on_train_batch_begin": BATCHES, "on_train_batch_end": BATCHES, "on_test_batch_end": 3}.get(hook, 1)
        kind = scheduled if number % 4 else steered
        points.append((kind, hook, draw.randrange(EPOCHS), draw.randrange(limit), draw.randrange(3)))
    return points


POINTS = cut_points(300)


def check(path: Path, point: tuple[Any, str, int, int, int]) -> None:
    kind, hook, epoch, batch, place = point
    gm.utils.set_random_seed(7)
    model, others = kind(), companions(kind)
    callbacks: list[Any] = list(others)
    callbacks.insert(place, Cut(path, hook, epoch, batch))
    try:
        run(model, callbacks)
    except InterruptedForTestError:
        pass
    else:
        return  # it had stopped early before
    gm.utils.set_random_seed(99)
    model, others = gm.models.load_model(path), companions(kind)
    callbacks = list(others)
    callbacks.insert(place, Cut(None))
    model.evaluate(X, Y, verbose=0)  # changes nothing
    history = run(model, callbacks, resume=True)
    assert result(model, history, others) == uninterrupted(kind)


@pytest.mark.parametrize("point", POINTS[:25], ids=lambda p: f"{p[0].__name__}-{p[1]}-{p[2]}-{p[3]}-{p[4]}")
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(tmp_path, point):
    check(tmp_path / "m.gemmule", point)


@pytest.mark.parametrize("optimizer", [row for row in OPTIMIZERS if row.optimizer != "LBFGS"], ids=lambda row: row.id)
def test_every_optimizer_goes_on(tmp_path, optimizer):
    def make():
        model = gm.Sequential([gm.Input((4, 4, 1)), layers.Flatten(), layers.Dense(5, "tanh"), layers.Dense(3)])
        loss = gm.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(getattr(gm.optimizers, optimizer.optimizer)(**optimizer.kwargs), loss)
        return model

    gm.utils.set_random_seed(3)
    whole = make()
    expected = result(whole, run(whole, [Cut(None)]), [])
    gm.utils.set_random_seed(3)
    with pytest.raises(InterruptedForTestError):
        run(make(), [Cut(tmp_path / "m", "on_train_batch_end", 1, 2)])
    model = gm.models.load_model(tmp_path / "m")
    assert result(model, run(model, [Cut(None)], resume=True), []) == expected


@gm.saving.register_keras_serializable("tests")
class OwnStep(gm.Model):
    """A step, a metric and a loss weight of its own."""

    def __init__(self, units):
        super().__init__()
        self.dense = [layers.Flatten(), layers.Dense(units, "relu"), layers.Dropout(0.3), layers.Dense(3)]
        self.norm = gm.metrics.Mean(name="norm")

    def call(self, inputs, training=False):
        for layer in self.dense:
            inputs = layer(inputs, training=training) if isinstance(layer, layers.Dropout) else layer(inputs)
        return inputs

    def train_step(self, data):
        x, y = data
        with gm.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=prediction)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.norm.update_state(gm.ops.sum(prediction * prediction))
        return {"norm": self.norm.result(), "own": loss * 2.0}


def test_a_model_with_a_step_of_its_own_goes_on(tmp_path):
    def make():
        gm.utils.set_random_seed(5)
        model = OwnStep(6)
        loss = gm.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        return model

    whole = make()
    expected = result(whole, run(whole, [Cut(None)]), [])
    assert {"norm", "own", "val_loss"} <= set(whole.history.history)
    for hook, epoch, batch in (("on_train_batch_end", 0, 0), ("on_train_batch_end", 2, 4), ("on_epoch_end", 1, 0)):
        with pytest.raises(InterruptedForTestError):
            run(make(), [Cut(tmp_path / "m", hook, epoch, batch)])
        model = gm.models.load_model(tmp_path / "m")
        assert result(model, run(model, [Cut(None)], resume=True), []) == expected


class Noise(gm.Layer):
    """Draws from the stream that all functions of `gm.random` share, in training."""

    def call(self, inputs, training=False):
        return inputs + gm.random.normal(gm.ops.shape(inputs)) if training else inputs


def noisy() -> gm.Sequential:
    model = gm.Sequential([gm.Input((4, 4, 1)), Noise(), layers.Flatten(), layers.Dense(3)])
    model.compile("sgd", gm.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize(("epoch", "batch"), [(0, 0), (0, 4), (2, 3)])
def test_noise_from_the_shared_stream_goes_on(tmp_path, epoch, batch):
    gm.utils.set_random_seed(7)
    whole = noisy()
    expected = result(whole, run(whole, [Cut(None)]), [])
    gm.utils.set_random_seed(7)
    with pytest.raises(InterruptedForTestError):
        run(noisy(), [Cut(tmp_path / "m", "on_train_batch_end", epoch, batch)])
    gm.utils.set_random_seed(99)
    gm.random.normal((2,))
    model = gm.models.load_model(tmp_path / "m", custom_objects={"Noise": Noise})
    gm.random.normal((5,))  # changes nothing
    assert result(model, run(model, [Cut(None)], resume=True), []) == expected


def test_a_shared_stream_that_was_not_drawn_from_yet_goes_on(tmp_path):
    gm.utils.set_random_seed(7)
    whole = noisy()
    expected = result(whole, run(whole, [Cut(None)]), [])
    gm.utils.set_random_seed(7)
    with pytest.raises(InterruptedForTestError):
        run(noisy(), [Cut(tmp_path / "m", "on_epoch_begin", 0)])
    gm.utils.set_random_seed(99)
    model = gm.models.load_model(tmp_path / "m", custom_objects={"Noise": Noise})
    assert result(model, run(model, [Cut(None)], resume=True), []) == expected


def test_what_resume_needs(tmp_path):
    path = tmp_path / "m"
    with pytest.raises(ValueError, match="this model carries none"):
        run(scheduled(), [], resume=True)
    with pytest.raises(InterruptedForTestError):
        run(steered(), [*companions(steered), Cut(path, "on_train_batch_end", 1, 2)])
    model = gm.models.load_model(path)
    with pytest.raises(
        ValueError, match=r"The run had callbacks that fit.* needs, too: EarlyStopping, ReduceLROnPlateau"
    ):
        run(model, [Cut(None)], resume=True)
    model = gm.models.load_model(path)
    with pytest.raises(ValueError, match=r"examples was 44 and is 40.*batch_size was 8 and is 5.*without resume=True"):
        model.fit(X[:40], Y[:40], batch_size=5, verbose=0, resume=True)
    model = gm.models.load_model(path)
    with pytest.raises(ValueError, match=r"Leave out initial_epoch, or resume\. Received: initial_epoch=2"):
        run(model, [*companions(steered), Cut(None)], resume=True, initial_epoch=2)
    again = tmp_path / "again"
    model.save(again, state="full")  # carries the run on
    model.fit(X, Y, verbose=0)  # another training: the run is forgotten
    with pytest.raises(ValueError, match="this model carries none"):
        run(model, [], resume=True)
    history = run(gm.models.load_model(again), [*companions(steered), Cut(None)], resume=True)
    assert history.epoch[:2] == [0, 1]


def test_ctrl_c_between_batches_can_be_saved(tmp_path):
    """Without batch hooks the place is known, too."""

    def make():
        gm.utils.set_random_seed(5)
        return scheduled()

    whole = make()
    expected = result(whole, run(whole, []), [])
    model = make()
    original = model._runner._step
    calls = []

    def step(*arguments):
        calls.append(arguments)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return original(*arguments)

    model._runner._step = step
    with pytest.raises(KeyboardInterrupt):
        run(model, [])
    model.save(tmp_path / "m", state="full")
    other = gm.models.load_model(tmp_path / "m")
    assert result(other, run(other, [], resume=True), []) == expected


@pytest.mark.slow
def test_three_hundred_cut_points(tmp_path):
    for point in POINTS:
        check(tmp_path / "m.gemmule", point)
