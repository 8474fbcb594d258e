"""Callbacks that set the learning rate."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import LearningRateScheduler, OneCycleScheduler, ReduceLROnPlateau
from gemmule.errors import GemmuleWarning
from tests.helpers import exactly
from tests.optimizers.schedule_specs import PLATEAUS, geron, plateau_values

ORACLES = Path(__file__).resolve().parent.parent / "oracles" / "schedules_keras.npz"
RNG = np.random.default_rng(4)
X = RNG.normal(size=(64, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def compiled(optimizer: object) -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(2)
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse")
    return model


@pytest.mark.parametrize(
    "function",
    [lambda epoch: 0.1 / 2**epoch, lambda epoch, rate: 0.1 if epoch == 0 else rate / 2,
     gm.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)],
    ids=["epoch", "epoch and rate", "schedule"],
)  # fmt: skip
def test_scheduler_sets_and_reports_the_rate(function, capsys) -> None:
    model = compiled("sgd")
    callbacks = [LearningRateScheduler(function, verbose=1)]
    history = model.fit(X, Y, epochs=4, verbose=0, callbacks=callbacks)
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.025, 0.0125])
    assert model.optimizer.learning_rate == pytest.approx(0.0125)
    assert capsys.readouterr().out.splitlines()[1] == "Epoch 2: LearningRateScheduler sets the learning rate to 0.05."
    manual = compiled("sgd")
    for rate in (0.1, 0.05, 0.025, 0.0125):
        manual.optimizer.learning_rate = rate
        manual.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_array_equal(manual.get_weights()[0], model.get_weights()[0])


def test_what_a_scheduler_refuses() -> None:
    message = "LearningRateScheduler: schedule must be a function f(epoch) or f(epoch, learning_rate). Received: "
    with pytest.raises(TypeError, match=exactly(message + "schedule=0.1.")):
        LearningRateScheduler(0.1)
    for returned in (None, "0.1", True):
        message = f"LearningRateScheduler: schedule must return a number. Received: returned={returned!r}."
        with pytest.raises(TypeError, match=exactly(message)):
            compiled("sgd").fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: returned)])  # noqa: B023
    message = "SGD: learning_rate must be a finite number from 0 on. Received: learning_rate=-1."
    with pytest.raises(ValueError, match=exactly(message)):
        compiled("sgd").fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: -1)])

    def broken(epoch, rate):
        raise TypeError("an error of the user's own")

    with pytest.raises(TypeError, match="an error of the user's own"):
        compiled("sgd").fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(broken)])


@pytest.mark.parametrize(
    "callback", [LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau(), OneCycleScheduler(9)]
)
def test_an_optimizer_that_follows_a_schedule_is_refused(callback: gm.callbacks.Callback) -> None:
    model = compiled(gm.optimizers.SGD(gm.optimizers.schedules.StepDecay(0.1, 10)))
    before = model.get_weights()[0]
    message = (
        f"{type(callback).__name__} sets the learning rate, but that of the optimizer follows a schedule, StepDecay. "
        "Compile with a number as learning_rate, or leave the callback out."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        model.fit(X, Y, verbose=0, callbacks=[callback])
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_one_cycle() -> None:
    rates = []

    class Watch(gm.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    model = compiled("sgd")
    model.fit(X, Y, batch_size=8, epochs=5, verbose=0, callbacks=[OneCycleScheduler(40, max_lr=0.05), Watch()])
    np.testing.assert_allclose(rates, [geron(step, 40, 0.05) for step in range(40)], rtol=1e-13)
    other = compiled(gm.optimizers.SGD(gm.optimizers.schedules.OneCycle(0.05, 40)))
    other.fit(X, Y, batch_size=8, epochs=5, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus_as_in_keras(name: str) -> None:
    callback = ReduceLROnPlateau(**PLATEAUS[name])
    callback.set_model(compiled(gm.optimizers.SGD(0.5)))
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(plateau_values()):
        logs = {callback.monitor: value}
        callback.on_epoch_end(epoch, logs)
        assert logs["learning_rate"] == (rates[-1] if rates else 0.5)
        rates.append(float(callback.model.optimizer.learning_rate))
    assert len(set(rates)) > 2
    with np.load(ORACLES) as stored:
        np.testing.assert_allclose(rates, stored[name], rtol=1e-5)


def test_plateau_in_fit(capsys) -> None:
    model = compiled(gm.optimizers.SGD(0.0))
    model.optimizer.learning_rate = 1e-30  # nothing improves
    callback = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2, verbose=1)
    history = model.fit(X, Y, epochs=6, shuffle=False, verbose=0, callbacks=[callback])
    assert history.history["learning_rate"] == pytest.approx([1e-30, 1e-30, 1e-30, 5e-31, 5e-31, 2.5e-31])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 3: ReduceLROnPlateau reduces the learning rate to 5e-31.",
        "Epoch 5: ReduceLROnPlateau reduces the learning rate to 2.5e-31.",
    ]
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=[callback])  # counts anew
    assert (callback.wait, callback.cooldown_counter) == (1, 0)


def test_a_monitor_that_never_appears_warns_once() -> None:
    message = (
        "ReduceLROnPlateau watches 'val_loss', which this training does not report, and does nothing. Reported: loss. "
        "Give fit() validation_data or a validation_split."
    )
    with pytest.warns(GemmuleWarning, match=exactly(message)) as found:
        history = compiled("sgd").fit(X, Y, epochs=3, verbose=0, callbacks=[ReduceLROnPlateau(patience=0)])
    assert len(found) == 1
    assert history.history["learning_rate"] == [0.01] * 3
    callback = ReduceLROnPlateau(monitor="score")
    callback.set_model(compiled("sgd"))
    with pytest.raises(ValueError, match="ReduceLROnPlateau: whether a larger or a smaller 'score' is better is not"):
        callback.on_epoch_end(0, {"score": 1.0})


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"factor": 1.0}, "factor must be a number from 0 to below 1. Received: factor=1.0."),
        ({"factor": -0.1}, "factor must be a number from 0 to below 1. Received: factor=-0.1."),
        ({"patience": -1}, "patience must be an integer from 0 on. Received: patience=-1."),
        ({"cooldown": 0.5}, "cooldown must be an integer from 0 on. Received: cooldown=0.5."),
        ({"min_lr": float("nan")}, "min_lr must be a finite number from 0 on. Received: min_lr=nan."),
        ({"mode": "up"}, "mode must be 'auto', 'min' or 'max'. Received: mode='up'."),
    ],
)
def test_arguments(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(f"ReduceLROnPlateau: {message}")):
        ReduceLROnPlateau(**kwargs)


def test_signatures_are_those_of_keras() -> None:
    found = [(p.name, p.default) for p in inspect.signature(ReduceLROnPlateau).parameters.values()]
    assert found == [
        ("monitor", "val_loss"), ("factor", 0.1), ("patience", 10), ("verbose", 0), ("mode", "auto"),
        ("min_delta", 1e-4), ("cooldown", 0), ("min_lr", 0.0),
    ]  # fmt: skip
    assert list(inspect.signature(LearningRateScheduler).parameters) == ["schedule", "verbose"]


def test_two_callbacks_that_set_the_rate_in_every_batch_and_epoch_are_refused() -> None:
    callbacks = [ReduceLROnPlateau("loss"), gm.callbacks.OneCycleScheduler(10)]
    message = (
        "OneCycleScheduler sets the learning rate before every batch, so what ReduceLROnPlateau sets would have no "
        "effect. Leave one of them out."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        compiled("sgd").fit(X, Y, verbose=0, callbacks=callbacks)
    both = [gm.callbacks.LearningRateScheduler(lambda epoch, rate: rate), ReduceLROnPlateau("loss")]
    compiled("sgd").fit(X, Y, verbose=0, callbacks=both)
