"""When training stops, and with which weights."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import EarlyStopping
from gemmule.errors import GemmuleWarning
from tests.helpers import exactly
from tests.oracles import make_early_stopping as oracle


class Model:
    """As much of a model as the callback touches; its weights say which epoch they are from."""

    stop_training = False
    metrics: tuple = ()

    def __init__(self) -> None:
        self.epoch = 0
        self.weights: list[int] | None = None

    def get_weights(self) -> list[int]:
        return [self.epoch]

    def set_weights(self, weights: list[int]) -> None:
        self.weights = weights


def run(callback: EarlyStopping, values: list[float], name: str | None = None) -> Model:
    """Feeds values epoch by epoch until the callback stops."""
    model = Model()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_end(epoch, {name or callback.monitor: value})
        if model.stop_training:
            break
    callback.on_train_end({})
    return model


# arguments, values, epoch of the stop (None: not stopped), best epoch
CASES = [
    ({}, [3, 2, 2.5, 1], 2, 1),
    ({"patience": 2}, [3, 2, 2.5, 2.4, 1], 3, 1),
    ({"patience": 2}, [3, 2, 2.5, 1, 1.5], None, 3),
    ({"min_delta": 0.5}, [3, 2, 1.8, 1.0], 2, 1),
    ({"min_delta": -0.5}, [3, 2, 1.8, 1.0], 2, 1),
    ({"monitor": "val_accuracy"}, [0.1, 0.2, 0.2], 2, 1),
    ({"monitor": "acc", "patience": 1}, [0.1, 0.2, 0.1, 0.3], 2, 1),
    ({"monitor": "f1", "mode": "max"}, [0.1, 0.2, 0.1], 2, 1),
    ({"mode": "max"}, [1, 2, 1], 2, 1),
    ({"baseline": 1.0, "patience": 2}, [3, 2, 1.5, 0.5], None, 3),
    ({"baseline": 1.0, "patience": 3}, [3, 2, 0.5, 0.7, 0.6, 0.8], 5, 2),
    ({"start_from_epoch": 3}, [1, 2, 3, 4, 5, 6], 4, 3),
    ({"patience": 1}, [2, float("nan"), float("nan"), 1], 1, 0),
]


@pytest.mark.parametrize(("kwargs", "values", "stopped", "best"), CASES)
def test_when_it_stops(kwargs: dict, values: list[float], stopped: int | None, best: int) -> None:
    callback = EarlyStopping(**kwargs)
    model = run(callback, values)
    assert model.stop_training == (stopped is not None)
    assert callback.stopped_epoch == (stopped or 0)
    assert callback.best_epoch == best
    assert callback.best == values[best]
    assert model.weights is None


@pytest.mark.parametrize("values", [[3, 2, 2.5, 1], [4, 3, 2, 1], [1, 2, 3]])
def test_the_best_weights_come_back(values: list[float]) -> None:
    callback = EarlyStopping(restore_best_weights=True)
    assert run(callback, values).weights == [callback.best_epoch]


def test_it_can_be_used_twice() -> None:
    callback = EarlyStopping()
    assert run(callback, [1, 2]).stop_training
    assert not run(callback, [5, 4, 3]).stop_training


def test_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    run(EarlyStopping(restore_best_weights=True, verbose=1), [3, 2, 2.5])
    assert capsys.readouterr().out == "Epoch 3: early stopping\nRestoring the weights of the best epoch: 2.\n"


def test_the_direction_of_a_metric_is_known() -> None:
    callback = EarlyStopping(monitor="val_score")
    model = Model()
    model.metrics = (gm.metrics.BinaryAccuracy(name="score"),)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_score": 0.5})
    callback.on_epoch_end(1, {"val_score": 0.7})
    assert callback.best_epoch == 1


def test_an_unknown_direction_is_asked_for() -> None:
    message = "EarlyStopping: whether a larger or a smaller 'f1' is better is not known. Say mode='max' or mode='min'."
    with pytest.raises(ValueError, match=exactly(message)):
        run(EarlyStopping(monitor="f1"), [1, 2])


def test_a_monitor_that_never_appears_warns_once() -> None:
    message = (
        "EarlyStopping watches 'val_loss', which this training does not report, and does nothing. Reported: loss. "
        "Give fit() validation_data or a validation_split."
    )
    with pytest.warns(GemmuleWarning, match=exactly(message)) as found:
        run(EarlyStopping(), [1, 2, 3], "loss")
    assert len(found) == 1
    message = (
        "EarlyStopping watches 'val_mea', which this training does not report, and does nothing. Did you mean "
        "'val_mae'? Reported: loss, val_mae."
    )
    callback = EarlyStopping("val_mea")
    callback.set_model(Model())
    with pytest.warns(GemmuleWarning, match=exactly(message)):
        callback.on_epoch_end(0, {"loss": 1.0, "val_mae": 2.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(EarlyStopping(monitor="loss"), [1, 2, 3])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mode": "up"}, "EarlyStopping: mode must be 'auto', 'min' or 'max'. Received: mode='up'."),
        ({"baseline": "a"}, "EarlyStopping: baseline must be a number. Received: baseline='a'."),
        ({"min_delta": "a"}, "EarlyStopping: min_delta must be a number. Received: min_delta='a'."),
        ({"patience": -1}, "EarlyStopping: patience must be an integer from 0 on. Received: patience=-1."),
        ({"patience": 1.5}, "EarlyStopping: patience must be an integer from 0 on. Received: patience=1.5."),
        (
            {"start_from_epoch": None},
            "EarlyStopping: start_from_epoch must be an integer from 0 on. Received: start_from_epoch=None.",
        ),
    ],
)
def test_arguments(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        EarlyStopping(**kwargs)


def test_in_a_fit() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = x @ np.array([[1.0], [2.0], [3.0]], np.float32)
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(1)])
    model.compile(optimizer=gm.optimizers.SGD(0.1), loss="mse")
    stop = EarlyStopping(patience=2, min_delta=1e-4, restore_best_weights=True)
    history = model.fit(x, y, epochs=500, validation_split=0.2, verbose=0, callbacks=[stop])
    assert 3 < len(history.epoch) < 500
    assert stop.stopped_epoch == history.epoch[-1]
    losses = history.history["val_loss"]
    assert losses[stop.best_epoch] == stop.best
    assert model.evaluate(x[48:], y[48:], verbose=0) == pytest.approx(stop.best, rel=1e-6)


def test_keras_stops_at_the_same_epochs() -> None:
    cases = json.loads((Path(oracle.__file__).parent / "early_stopping_keras.json").read_text())
    for case in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GemmuleWarning)
            found = oracle.outcome(EarlyStopping(**case["arguments"]), case["values"])
        assert found == case["outcome"], case
    assert len(cases) == oracle.CASES
    assert len({case["outcome"]["stopped_epoch"] for case in cases}) > 5


@pytest.mark.parametrize("kind", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"])
def test_a_metric_of_several_values_cannot_be_watched(tmp_path, kind: str) -> None:
    model = gm.Sequential([gm.Input((2,)), gm.layers.Dense(3, activation="softmax")])
    model.compile(loss="categorical_crossentropy", metrics=[gm.metrics.F1Score(name="f1")])
    extra = {"filepath": tmp_path / "m.keras", "save_best_only": True} if kind == "ModelCheckpoint" else {}
    callback = getattr(gm.callbacks, kind)(monitor="f1", mode="max", **extra)
    message = f"{kind} watches 'f1', which has several values, and none of them says alone what is better."
    with pytest.raises(ValueError, match=message):
        model.fit(np.ones((6, 2)), np.eye(3)[[0, 1, 2, 0, 1, 2]], verbose=0, callbacks=[callback])
