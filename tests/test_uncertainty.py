"""Monte-Carlo dropout and sparse models."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import BatchNormalization, Dense, Dropout
from tests.helpers import assert_close, exactly, rng_for

X = rng_for("mc").normal(size=(20, 6)).astype(np.float32)


class AlwaysDropout(Dropout):
    """As in the books."""

    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


def network(activation="softmax", units=3, drop=Dropout, rate=0.4):
    gm.utils.set_random_seed(11)
    layers = [gm.Input((6,)), Dense(16, "relu"), BatchNormalization(), drop(rate), Dense(units, activation)]
    return gm.Sequential(layers)


def streams(model):
    return [layer._random().key for layer in model.layers if isinstance(layer, Dropout)]


def test_it_is_the_loop_of_the_books_in_one_call():
    model = network()
    found = gm.utils.mc_predict(model, X, samples=30, seed=5)
    (key,) = streams(model)
    key[:] = gm.random.Stream(5).key
    model.layers[1].trainable = False  # batch normalization as in inference
    runs = np.stack([model(X, training=True).numpy() for _ in range(30)]).astype(np.float64)
    assert_close(found.mean, runs.mean(axis=0), 1e-6)
    assert_close(found.std, runs.std(axis=0), 1e-6)
    p = runs.mean(axis=0)
    assert_close(found.entropy, -(p * np.log(p)).sum(axis=-1), 1e-6)
    assert found.mean.dtype == found.std.dtype == found.entropy.dtype == np.float32


def test_variance_is_that_of_dropout():
    """y = Σ w x d / (1 - p) has the mean Σ w x and the variance Σ w² x² p / (1 - p)."""
    gm.utils.set_random_seed(2)
    model = gm.Sequential([gm.Input((6,)), Dropout(0.3), Dense(1, use_bias=False)])
    found = gm.utils.mc_predict(model, X, samples=4000, seed=1)
    w = model.get_weights()[0][:, 0].astype(np.float64)
    variance = np.square(X * w).sum(axis=1) * 0.3 / 0.7
    assert np.abs((found.mean[:, 0] - X @ w) / np.sqrt(variance / 4000)).max() < 4.5
    np.testing.assert_allclose(found.std[:, 0], np.sqrt(variance), rtol=0.08)
    assert found.entropy is None


def test_seeds():
    model = network()
    one, two = (gm.utils.mc_predict(model, X, samples=5, seed=1) for _ in range(2))
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.std, two.std)
    free = [gm.utils.mc_predict(model, X, samples=5).mean for _ in range(2)]
    assert not np.array_equal(*free)
    assert not np.array_equal(one.mean, gm.utils.mc_predict(model, X, samples=5, seed=2).mean)


def test_layers_have_numbers_of_their_own():
    gm.utils.set_random_seed(0)
    x = gm.Input((50,))
    model = gm.Model(x, [Dropout(0.5)(x), Dropout(0.5)(x)])
    found = gm.utils.mc_predict(model, np.ones((4, 50), np.float32), samples=2, seed=1)
    assert not np.array_equal(*found.mean)
    assert all(one is None for one in found.entropy)


@pytest.mark.parametrize("seed", [None, 4])
def test_nothing_of_the_model_changes(seed):
    trained = []
    for interrupt in (False, True):
        model = network()
        model.compile("sgd", "sparse_categorical_crossentropy")
        y = np.arange(20) % 3
        model.fit(X, y, epochs=2, verbose=0)
        if interrupt:
            before = model.get_weights()
            gm.utils.mc_predict(model, X, samples=4, seed=seed)
            for one, other in zip(before, model.get_weights()):
                np.testing.assert_array_equal(one, other)
        model.fit(X, y, epochs=2, verbose=0)
        trained.append(model.get_weights())
    for one, other in zip(*trained):
        np.testing.assert_array_equal(one, other)


def test_sigmoids_have_an_entropy_for_each_unit():
    found = gm.utils.mc_predict(network("sigmoid", 2), X, samples=4, seed=1)
    p = found.mean.astype(np.float64)
    assert_close(found.entropy, -p * np.log(p) - (1 - p) * np.log(1 - p), 1e-6)


def test_certain_outputs_have_no_entropy():
    gm.utils.set_random_seed(1)
    model = gm.Sequential([gm.Input((6,)), Dropout(0.5), Dense(2, "softmax", kernel_initializer="zeros")])
    model.layers[1].bias.assign([2000.0, 0.0])
    np.testing.assert_array_equal(gm.utils.mc_predict(model, X, samples=3).entropy, 0.0)


def test_python_runs_each_layer_twice_for_each_form_of_batch():
    calls = []

    class Counting(gm.layers.Layer):
        def call(self, inputs):
            calls.append(inputs.shape[0])
            return inputs * 1.0

    model = gm.Sequential([gm.Input((6,)), Counting(), Dropout(0.5)])
    calls.clear()
    gm.utils.mc_predict(model, X, samples=50, batch_size=8)
    assert [n for n in calls if n != 1] == [8, 8, 4, 4]


def test_replays_equal_eager_samples():
    found = []
    for eager in (False, True):
        model = network()
        model.compile(run_eagerly=eager, jit_compile="auto" if eager else True)
        found.append(gm.utils.mc_predict(model, X, samples=6, batch_size=16, seed=9))
    for one, other in zip(*found):
        np.testing.assert_array_equal(one, other)


def test_a_dropout_of_ones_own_that_is_always_on():
    model = network(drop=AlwaysDropout)
    runs = np.stack([model.predict(X, verbose=0) for _ in range(50)])
    assert runs.std(axis=0).min() > 0
    assert len({run.tobytes() for run in runs}) == 50
    found = gm.utils.mc_predict(model, X, samples=200, seed=3)
    assert np.abs(found.mean - runs.mean(axis=0)).max() < 5 * runs.std(axis=0).max() / np.sqrt(50)
    again = AlwaysDropout.from_config(model.layers[2].get_config())
    assert (again.rate, again.name) == (0.4, model.layers[2].name)


REFUSED = [
    (lambda: gm.utils.mc_predict(gm.Sequential([gm.Input((6,)), Dense(1)], name="m"), X),
     'mc_predict: no layer of "m" draws random numbers, so that all samples are equal. Use a model with Dropout '
     "layers, and leave out their argument training=False."),
    (lambda: gm.utils.mc_predict(network(), X, samples=1),
     "mc_predict: samples must be an integer from 2 on. Received: samples=1."),
    (lambda: gm.utils.mc_predict(network(), X, batch_size=0),
     "mc_predict: batch_size must be an integer from 1 on. Received: batch_size=0."),
    (lambda: gm.utils.sparsify(network(), -1),
     "sparsify: threshold must be a finite number from 0 on. Received: threshold=-1."),
    (lambda: gm.utils.sparsity(gm.Sequential([Dense(3)], name="m")),
     '"m" has no weights yet. Build it, or call it on data, first.'),
]  # fmt: skip


@pytest.mark.parametrize(("action", "message"), REFUSED)
def test_messages(action, message):
    with pytest.raises(ValueError, match=exactly(message)):
        action()


# ---- Sparse models ---------------------------------------------------------------------------------------------


def test_tiny_weights_become_zero_and_are_counted():
    model = gm.Sequential([gm.Input((3,)), Dense(2), BatchNormalization()])
    kernel = [[0.5, -0.0009], [0.0009, -0.001], [float("nan"), 0.0]]
    model.set_weights([kernel, [0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1e-5, 1.0]])
    model.layers[0].trainable = False
    assert gm.utils.sparsity(model).fraction == 4 / 12
    found = gm.utils.sparsify(model)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), np.float32([[0.5, 0], [0, -0.001], [np.nan, 0]]))
    assert model.get_weights()[-1][0] == np.float32(1e-5)  # no weight, but a statistic
    assert [(one.path, one.zeros, one.size) for one in found.variables] == [
        ("dense/kernel", 3, 6), ("dense/bias", 1, 2), ("batch_normalization/gamma", 0, 2),
        ("batch_normalization/beta", 2, 2),
    ]  # fmt: skip
    assert found.fraction == found.total.fraction == 6 / 12
    assert repr(found).splitlines() == [
        "dense/kernel               (3, 2)   3 of  6 are zero   50.0 %",
        "dense/bias                 (2,)     1 of  2 are zero   50.0 %",
        "batch_normalization/gamma  (2,)     0 of  2 are zero    0.0 %",
        "batch_normalization/beta   (2,)     2 of  2 are zero  100.0 %",
        "all                                 6 of 12 are zero   50.0 %",
    ]


def test_l1_makes_a_model_sparse_and_zeroing_hardly_matters():
    rng = rng_for("sparse")
    x = rng.normal(size=(400, 20)).astype(np.float32)
    y = (x[:, :3] @ [[1.0], [-2.0], [0.5]]).astype(np.float32)
    fractions = {}
    for factor in (0.0, 0.02):
        gm.utils.set_random_seed(1)
        model = gm.Sequential([gm.Input((20,)), Dense(1, kernel_regularizer=gm.regularizers.L1(factor))])
        model.compile(gm.optimizers.Adam(0.01), "mse")
        model.fit(x, y, epochs=60, verbose=0)
        before = model.evaluate(x, y, verbose=0)
        fractions[factor] = gm.utils.sparsify(model, 0.02).fraction
        assert model.evaluate(x, y, verbose=0) < before + 0.01
    assert fractions[0.02] >= 17 / 21
    assert model.layers[0].kernel.numpy()[[0, 1, 2], 0] == pytest.approx([1.0, -2.0, 0.5], abs=0.05)
