"""Losses, metrics, schedules and models of the user's that lack a part: the error says whose, and which."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import LearningRateScheduler

X, Y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)


def forgets(y_true, y_pred):
    pass


def takes_one(y_pred):
    return y_pred


def weighted(y_true, y_pred, weight):
    return weight * gm.ops.mean(gm.ops.square(y_true - y_pred), axis=-1)


class ForgetfulLoss(gm.losses.Loss):
    def call(self, y_true, y_pred):
        pass


class ForgetfulMetric(gm.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        pass


def train(loss="mse", metrics=None) -> None:
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(1)])
    model.compile("sgd", loss, metrics=metrics)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": forgets}, 'The loss "forgets" returned None'),
        ({"loss": ForgetfulLoss()}, 'The loss "forgetful_loss" returned None'),
        ({"metrics": [forgets]}, 'The metric "forgets" returned None'),
        ({"metrics": [ForgetfulMetric()]}, r'result\(\) of the metric "forgetful_metric" returned None'),
    ],
)
def test_nothing_returned(settings, message):
    with pytest.raises(ValueError, match=rf"{message}\. End it with `return` and the value\."):
        train(**settings)


@pytest.mark.parametrize(("argument", "what"), [("loss", "loss"), ("metrics", "metric")])
def test_functions_with_other_arguments(argument, what):
    for function in (takes_one, weighted):
        message = rf'The {what} "{function.__name__}" must be a function f\(y_true, y_pred\)\. Received: function='
        with pytest.raises(TypeError, match=message):
            train(**{argument: function if argument == "loss" else [function]})
    good = functools.partial(weighted, weight=2.0)
    train(**{argument: good if argument == "loss" else [good]})


def test_further_arguments_are_given_by_name():
    assert float(gm.losses.LossFunctionWrapper(weighted, weight=2.0)([[1.0]], [[3.0]])) == 8.0
    with pytest.raises(TypeError, match=r"must be a function f\(y_true, y_pred, factor\)"):
        gm.losses.LossFunctionWrapper(weighted, factor=2.0)


@pytest.mark.parametrize("schedule", [lambda epoch, rate, more: rate, lambda: 0.1, 0.1])
def test_schedules_with_other_arguments(schedule):
    with pytest.raises(TypeError, match=r"schedule must be a function f\(epoch\) or f\(epoch, learning_rate\)\."):
        LearningRateScheduler(schedule)


class Bare(gm.Model):
    def __init__(self):
        self.dense = gm.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


class BareStack(gm.Sequential):
    def __init__(self):
        self.units = 3


class BareLayer(gm.Layer):
    def __init__(self):
        self.units = 3


USES = {
    "compile": lambda model: model.compile("sgd", "mse"),
    "call": lambda model: model(X),
    "predict": lambda model: model.predict(X),
    "summary": lambda model: model.summary(),
    "save": lambda model: model.save("never"),
    "weights": lambda model: model.weights,
    "name": lambda model: model.name,
}


@pytest.mark.parametrize("kind", [Bare, BareStack])
@pytest.mark.parametrize("use", USES)
def test_models_without_a_constructor(kind, use):
    model = kind()
    with pytest.raises(RuntimeError, match=rf"{kind.__name__}\.__init__ did not call super\(\)\.__init__\(\)"):
        USES[use](model)


def test_layers_without_a_constructor():
    message = r"BareLayer\.__init__ did not call super\(\)\.__init__\(\)"
    with pytest.raises(RuntimeError, match=message):
        gm.Sequential([gm.Input((4,)), BareLayer()])
    assert not hasattr(BareLayer(), "units_of_another")
