"""The learning-rate range test: its curve, its suggestions, and that it leaves no trace."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule import memory
from gemmule.utils.learning_rates import LearningRateSearch
from tests.helpers import exactly

RNG = np.random.default_rng(8)
X = RNG.normal(size=(320, 6)).astype(np.float32)
Y = np.argmax(X @ RNG.normal(size=(6, 4)) + 0.5 * RNG.normal(size=(320, 4)), axis=1)


def classifier(optimizer: object = "sgd") -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    model = gm.Sequential([
        gm.Input((6,)), gm.layers.Dense(20), gm.layers.BatchNormalization(), gm.layers.ReLU(), gm.layers.Dropout(0.3),
        gm.layers.Dense(4, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def linear(rate: float = 0.01) -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    model = gm.Sequential([gm.Input((6,)), gm.layers.Dense(1)])
    model.compile(optimizer=gm.optimizers.SGD(rate), loss="mse")
    return model


OPTIMIZERS = {
    "sgd": lambda: "sgd",
    "adam": lambda: gm.optimizers.Adam(0.01, use_ema=True, gradient_accumulation_steps=2),
    "schedules": lambda: gm.optimizers.SGD(
        gm.optimizers.schedules.StepDecay(0.1, 5), momentum=gm.optimizers.schedules.OneCycle(0.1, 99).momentum()
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("trained", [False, True])
def test_it_leaves_no_trace(name: str, trained: bool) -> None:
    results = []
    for searches in (False, True):
        model = classifier(OPTIMIZERS[name]())
        if trained:
            model.fit(X, Y, epochs=2, verbose=0)
            before = model.history
        if searches:
            search = gm.utils.find_learning_rate(model, X, Y, epochs=3, sample_weight=np.ones(320))
            assert len(search.rates) > 10
            assert not trained or model.history is before
        history = model.fit(X, Y, epochs=3, verbose=0)
        results.append(
            (history.history, model.get_weights(), model.optimizer.get_config(), model.evaluate(X, Y, verbose=0))
        )
    (history, weights, *rest), (history_2, weights_2, *rest_2) = results
    assert history == history_2
    assert rest == rest_2
    for one, two in zip(weights, weights_2):
        np.testing.assert_array_equal(one, two)


class Noise(gm.Layer):
    def call(self, inputs, training=False):
        return inputs + gm.random.normal((1, 6)) if training else inputs


def test_the_shared_stream_is_put_back() -> None:
    gm.utils.set_random_seed(3)
    expected = gm.random.normal((4,)).numpy()
    model = gm.Sequential([gm.Input((6,)), Noise(), gm.layers.Dense(4)])
    model.compile("sgd", gm.losses.SparseCategoricalCrossentropy(from_logits=True))
    gm.utils.set_random_seed(3)
    gm.utils.find_learning_rate(model, X, Y, steps=20)
    np.testing.assert_array_equal(gm.random.normal((4,)).numpy(), expected)


def test_no_persistent_memory_has_changed_but_scratch() -> None:
    model = classifier(gm.optimizers.Nadam(0.01))
    model.fit(X, Y, epochs=1, verbose=0)
    compiled = model._compiled
    scratch = [compiled.cursor, *(gradients for _, gradients, _ in compiled._runs)]
    arrays = [found() for found in memory._roots.values()]
    skip = {id(memory.root(array)) for array in scratch}
    before = [(array, array.copy()) for array in arrays if array is not None and id(array) not in skip]
    assert len(before) > 20
    gm.utils.find_learning_rate(model, X, Y, steps=30)
    for array, values in before:
        np.testing.assert_array_equal(array, values)


def test_the_curve() -> None:
    model = linear()
    losses, rates = [], np.geomspace(1e-4, 1.0, 40)
    w, b = (values.astype(np.float64) for values in model.get_weights())
    y = X.sum(axis=1, keepdims=True).astype(np.float64)
    for rate in rates:  # full batches: the order of rows does not matter
        error = X @ w + b - y
        losses.append(float(np.mean(error**2)))
        w, b = w - rate * 2 * X.T @ error / len(X), b - rate * 2 * error.mean(axis=0)
    search = gm.utils.find_learning_rate(
        model, X, y, min_rate=1e-4, max_rate=1.0, batch_size=320, steps=40, smoothing=0.0
    )
    count = len(search.rates)
    np.testing.assert_allclose(search.rates, rates[:count])
    np.testing.assert_allclose(search.losses, losses[:count], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(search.smoothed, search.losses)
    assert count == 40 or losses[count - 1] > 4 * min(losses[:count])


def test_an_explosion_ends_it() -> None:
    y = X.sum(axis=1, keepdims=True) + 1
    search = gm.utils.find_learning_rate(linear(), X, y, min_rate=1e-3, max_rate=1e4, epochs=10)
    assert search.explosion == search.rates[-1]
    assert len(search.rates) < 100
    assert 0.1 < search.explosion < 10
    assert search.suggestion.tenth == pytest.approx(search.explosion / 10)
    assert search.rates[0] < search.suggestion.steepest < search.explosion
    assert search.smoothed[-1] > 4 * search.smoothed.min() >= 4 * search.smoothed[-2] / 4


def test_a_nan_ends_it() -> None:
    y = X.sum(axis=1, keepdims=True) + 1
    search = gm.utils.find_learning_rate(
        linear(), X, y, min_rate=1e-3, max_rate=1e30, steps=20, stop_factor=1e300, batch_size=64
    )
    assert np.isnan(search.losses[-1])
    assert np.isfinite(search.losses[:-1]).all()
    assert search.explosion == search.rates[-1]
    assert np.isfinite(search.suggestion).all()


def test_rates_that_are_all_too_small() -> None:
    search = gm.utils.find_learning_rate(linear(), X, X[:, :1] + 5, min_rate=1e-6, max_rate=1e-3, epochs=2)
    assert search.explosion is None
    assert len(search.rates) == 20
    assert search.rates[-1] == pytest.approx(1e-3)
    assert search.suggestion.tenth == search.rates[search.smoothed.argmin()] / 10


def test_bias_corrected_averages() -> None:
    search = gm.utils.find_learning_rate(linear(), X, X[:, :1] + 5, max_rate=1e-4, steps=20, smoothing=0.8)
    weights = 0.8 ** np.arange(20)[::-1]
    assert search.smoothed[-1] == pytest.approx((weights * search.losses).sum() / weights.sum())


def test_the_picture(tmp_path) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    search = gm.utils.find_learning_rate(classifier(), X, Y, epochs=10)
    figure = search.plot(tmp_path / "rates.png")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:2] == ["loss of the batch", "smoothed"]
    assert [f"{rate:.2g}" in label for rate, label in zip(search.suggestion, labels[2:])] == [True, True]
    assert (tmp_path / "rates.png").stat().st_size > 5000
    low, high = axes.get_ylim()
    assert low < search.smoothed.min() < search.smoothed[0] < high


def test_what_it_refuses() -> None:
    model = linear()
    for kwargs in ({"min_rate": 0.0}, {"min_rate": 1.0, "max_rate": 0.1}, {"max_rate": float("inf")}):
        with pytest.raises(
            ValueError, match="find_learning_rate: rates must be finite, above 0, and max_rate the larger"
        ):
            gm.utils.find_learning_rate(model, X, Y, **kwargs)
    with pytest.raises(ValueError, match="smoothing must be from 0 to below 1, stop_factor above 1"):
        gm.utils.find_learning_rate(model, X, Y, smoothing=1.0)
    message = (
        "find_learning_rate: at least 10 batches are needed. Make them smaller, or set epochs or steps. Received: "
        "examples=320, batch_size=160, epochs=2, steps=4."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        gm.utils.find_learning_rate(model, X, Y, batch_size=160, epochs=2)
    with pytest.raises(ValueError, match="the loss exploded or became NaN in the first batches"):
        gm.utils.find_learning_rate(model, X, X[:, :1] * np.nan)
    with pytest.raises(RuntimeError, match="needs a compiled model"):
        gm.utils.find_learning_rate(gm.Sequential([gm.layers.Dense(1)]), X, Y)
    assert isinstance(gm.utils.find_learning_rate(model, X, X[:, :1]), LearningRateSearch)
