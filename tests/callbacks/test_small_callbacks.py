"""LambdaCallback, TerminateOnNaN, SwapEMAWeights."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import Callback, CallbackList, EarlyStopping, LambdaCallback, SwapEMAWeights, TerminateOnNaN
from gemmule.errors import NonFiniteError
from tests.helpers import exactly

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)


def make(optimizer) -> gm.Sequential:
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse")
    return model


# ---- LambdaCallback --------------------------------------------------------------------------------------------------


def test_all_hooks() -> None:
    heard = []
    names = [n for n in vars(Callback) if n.startswith("on_") and n not in ("on_batch_begin", "on_batch_end")]
    names.remove("on_non_finite")
    hooks = {name: (lambda *a, _name=name, **k: heard.append(_name)) for name in names}
    model = make("sgd")
    every = LambdaCallback(**hooks)
    model.fit(X, Y, validation_split=0.5, verbose=0, callbacks=[every])
    model.predict(X, callbacks=[every])
    assert set(heard) == set(names)


def test_only_given_batch_hooks_are_heard() -> None:
    assert not CallbackList([LambdaCallback(on_epoch_end=print, on_train_begin=print)]).needs_batches
    assert CallbackList([LambdaCallback(on_train_batch_end=print)]).needs_batches


def test_lambda_refuses() -> None:
    with pytest.raises(TypeError, match=r"^LambdaCallback: there is no hook 'on_epoch_stop'. Did you mean 'on_epoch"):
        LambdaCallback(on_epoch_stop=print)
    message = "LambdaCallback: on_epoch_end must be a function. Received: on_epoch_end=3."
    with pytest.raises(TypeError, match=exactly(message)):
        LambdaCallback(on_epoch_end=3)


# ---- TerminateOnNaN --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eager", [False, True])
def test_training_ends_at_nan(capsys, eager: bool) -> None:
    model = make(gm.optimizers.SGD(1e12))
    model.run_eagerly = eager
    ended = []
    look = LambdaCallback(on_epoch_end=lambda e, logs: ended.append(e), on_train_end=lambda logs: ended.append("end"))
    history = model.fit(X, Y, batch_size=5, epochs=9, verbose=0, callbacks=[TerminateOnNaN(), look])
    assert ended == [*history.epoch, "end"]
    assert len(history.epoch) < 9
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())
    printed = capsys.readouterr().out
    assert "became NaN or infinite at epoch" in printed
    assert printed.endswith("Training ends here.\n")
    assert not CallbackList([TerminateOnNaN()]).needs_batches


def test_the_bar_shows_where_training_ended(capsys) -> None:
    make(gm.optimizers.SGD(1e12)).fit(X, Y, batch_size=10, verbose=2, callbacks=[TerminateOnNaN()])
    told, line = capsys.readouterr().out.splitlines()
    batch = int(re.search(r"batch (\d) of 6", told)[1])
    assert batch > 1
    assert line.startswith(f"Epoch 1/1 - {batch - 1}/6 - ")


def test_nan_raises_when_asked_to_or_nobody_asks() -> None:
    for callbacks in ([TerminateOnNaN(raise_error=True)], [EarlyStopping()], None):
        with pytest.raises(NonFiniteError, match="became NaN or infinite at epoch"):
            make(gm.optimizers.SGD(1e12)).fit(X, Y, batch_size=5, epochs=9, verbose=0, callbacks=callbacks)


# ---- SwapEMAWeights --------------------------------------------------------------------------------------------------


class Weights(Callback):
    """The kernel at the end of each epoch and at the beginning of the next one, and in each evaluation."""

    def __init__(self) -> None:
        self.ends: list[np.ndarray] = []
        self.begins: list[np.ndarray] = []
        self.tests: list[np.ndarray] = []

    def kernel(self) -> np.ndarray:
        return self.model.layers[0].kernel.numpy()

    def on_epoch_begin(self, epoch, logs=None):
        self.begins.append(self.kernel())

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(self.kernel())

    def on_test_begin(self, logs=None):
        self.tests.append(self.kernel())


def fit(callbacks, **options):
    gm.utils.set_random_seed(1)
    gm.utils.clear_session()
    model = make(gm.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9))
    model.layers[0].set_weights([np.ones((3, 1)) * 0.1, np.zeros(1)])
    model.fit(X, Y, verbose=0, validation_data=(X, Y), shuffle=False, callbacks=callbacks, **options)
    return model


def averages(steps: int) -> list[np.ndarray]:
    """The mean weights after each epoch of two steps, by the formula in float64."""
    w, b = np.full((3, 1), 0.1), np.zeros(1)
    mean_w, found = w, []
    for step in range(steps):
        x, y = (X[:32], Y[:32]) if step % 2 == 0 else (X[32:], Y[32:])
        error = (x @ w + b - y) * 2 / len(x)
        w, b = w - 0.05 * (x.T @ error), b - 0.05 * error.sum(0)
        mean_w = 0.9 * mean_w + 0.1 * w if step else w  # as Keras begins
        if step % 2:
            found.append(mean_w)
    return found


def test_averages_stand_in_for_evaluations() -> None:
    plain, look = Weights(), Weights()
    fit([plain], epochs=3)
    model = fit([SwapEMAWeights(), look], epochs=3)
    wanted = averages(6)
    np.testing.assert_allclose(look.tests, wanted, rtol=1e-5)
    np.testing.assert_array_equal(look.ends, plain.ends)  # training is what it is without
    np.testing.assert_array_equal(look.begins, plain.begins)
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), wanted[-1], rtol=1e-5)


@pytest.mark.parametrize("stop", [False, True])
def test_averages_stand_between_epochs(stop: bool) -> None:
    look, plain = Weights(), Weights()
    fit([plain], epochs=3)
    last = LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(last.model, "stop_training", stop and epoch == 2))
    model = fit([SwapEMAWeights(swap_on_epoch=True), look, last], epochs=9 if stop else 3)
    wanted = averages(6)
    np.testing.assert_allclose(look.ends, wanted, rtol=1e-5)
    np.testing.assert_array_equal(look.begins, plain.begins)
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), wanted[-1], rtol=1e-5)


def test_averages_for_predictions() -> None:
    model = fit([], epochs=1)
    model.layers[0].kernel.assign(np.zeros((3, 1)))
    found = model.predict(X, callbacks=[SwapEMAWeights()])
    bias = model.layers[0].bias.numpy()
    np.testing.assert_allclose(found, X @ averages(2)[-1] + bias, rtol=1e-4, atol=1e-5)
    assert not model.layers[0].kernel.numpy().any()


def test_averages_are_needed() -> None:
    message = "SwapEMAWeights needs an optimizer that averages the weights. Compile the model with SGD(use_ema=True)."
    with pytest.raises(ValueError, match=exactly(message)):
        make("sgd").fit(X, Y, validation_split=0.5, verbose=0, callbacks=[SwapEMAWeights()])
