"""Which hooks are called when, with what; History; what is no callback."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import Callback, CallbackList, History
from tests.helpers import exactly

X = np.linspace(-1, 1, 50, dtype=np.float32).reshape(-1, 1)
Y = 3 * X


def make() -> gm.Sequential:
    model = gm.Sequential([gm.Input((1,)), gm.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    return model


HOOKS = [name for name in vars(Callback) if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end")]


class Recorder(Callback):
    """Writes down every hook."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []


def _recording(hook: str):
    def call(self, *args, **kwargs):
        arguments = [*args, *kwargs.values()]
        logs = arguments.pop() if arguments and isinstance(arguments[-1], dict) else None
        self.calls.append((hook, *arguments, tuple(sorted(logs or {}))))

    return call


for _hook in HOOKS:
    setattr(Recorder, _hook, _recording(_hook))


def test_hooks_of_fit() -> None:
    recorder = Recorder()
    model = make()
    model.fit(X, Y, epochs=2, batch_size=30, validation_split=0.2, verbose=0, callbacks=[recorder])
    values, validation = ("loss", "mae"), ("val_loss", "val_mae")

    def epoch(number: int) -> list[tuple]:
        return [
            ("on_epoch_begin", number, ()),
            ("on_train_batch_begin", 0, ()),
            ("on_train_batch_end", 0, values),
            ("on_train_batch_begin", 1, ()),
            ("on_train_batch_end", 1, values),
            ("on_test_begin", ()),
            ("on_test_batch_begin", 0, ()),
            ("on_test_batch_end", 0, values),
            ("on_test_end", values),
            ("on_epoch_end", number, (*values, *validation)),
        ]

    assert recorder.calls == [
        ("on_train_begin", ()),
        *epoch(0),
        *epoch(1),
        ("on_train_end", (*values, *validation)),
    ]
    assert recorder.model is model
    assert recorder.params == {"verbose": 0, "epochs": 2, "steps": 2}


def test_hooks_of_evaluate_and_predict() -> None:
    model, recorder = make(), Recorder()
    model.evaluate(X, Y, batch_size=50, verbose=0, callbacks=[recorder])
    assert [call[0] for call in recorder.calls] == [
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
    ]
    recorder.calls.clear()
    model.predict(X, batch_size=25, verbose=0, callbacks=[recorder])
    batch = [("on_predict_batch_begin", ()), ("on_predict_batch_end", ("outputs",))]
    found = [(call[0], call[-1]) for call in recorder.calls]
    assert found == [("on_predict_begin", ()), *batch, *batch, ("on_predict_end", ())]


def test_batch_logs_are_means_so_far() -> None:
    seen = []

    class Look(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])

    history = make().fit(X, Y, batch_size=10, shuffle=False, verbose=0, callbacks=[Look()])
    assert len(seen) == 5
    assert seen[-1] == history.history["loss"][0]


def test_the_old_names_of_batch_hooks() -> None:
    batches = []

    class Old(Callback):
        def on_batch_end(self, batch, logs=None):
            batches.append(batch)

    callbacks = CallbackList([Old()])
    assert callbacks.needs_batches
    assert not callbacks.needs_test_batches
    make().fit(X, Y, batch_size=25, verbose=0, callbacks=[Old()])
    assert batches == [0, 1]


def test_only_overridden_batch_hooks_cost_time() -> None:
    class Epochs(Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    plain = CallbackList([Epochs(), History(), gm.callbacks.EarlyStopping()], verbose=1)
    assert not plain.needs_batches
    assert not plain.needs_test_batches
    attached = Epochs()
    attached.on_test_batch_end = lambda batch, logs=None: None
    assert CallbackList([attached]).needs_test_batches


def test_stop_training_in_the_middle_of_an_epoch() -> None:
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = make()
    history = model.fit(X, Y, batch_size=10, epochs=5, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0]
    assert int(model.optimizer.iterations) == 2


def test_history() -> None:
    model, given = make(), History()
    history = model.fit(X, Y, epochs=3, initial_epoch=1, verbose=0, callbacks=[given])
    assert history is given
    assert model.history is history
    assert history.epoch == [1, 2]
    assert sorted(history.history) == ["loss", "mae"]
    assert all(isinstance(value, float) for value in history.history["loss"])
    pandas = pytest.importorskip("pandas")
    assert pandas.DataFrame(history.history).shape == (2, 2)


def test_a_list_may_be_one_callback_or_a_list_object() -> None:
    recorder = Recorder()
    assert CallbackList(recorder).callbacks == [recorder]
    assert CallbackList(CallbackList([recorder])).callbacks == [recorder]
    assert CallbackList(None).callbacks == []
    callbacks = CallbackList([], add_history=True)
    callbacks.append(recorder)
    assert callbacks.callbacks == [callbacks.history, recorder]


def test_what_is_no_callback() -> None:
    message = "callbacks needs objects, not classes. Write History() with parentheses."
    with pytest.raises(TypeError, match=exactly(message)):
        make().fit(X, Y, callbacks=[History])
    message = (
        "callbacks must be a list of gm.callbacks.Callback objects. Received: 3. "
        "Derive your class from gm.callbacks.Callback."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        make().fit(X, Y, callbacks=[3])
