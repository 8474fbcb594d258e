"""Subclasses of `Model`."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Dense, Dropout
from tests.helpers import exactly

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)


class Net(gm.Model):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.hidden = Dense(units, activation="relu")
        self.drop = Dropout(0.5)
        self.heads = [Dense(2), Dense(2)]

    def call(self, inputs, training=None):
        x = self.drop(self.hidden(inputs), training=training)
        return self.heads[0](x) + self.heads[1](x)


def test_first_call_builds():
    model = Net()
    assert not model.built
    assert model.name == "net"
    assert model(X).shape == (64, 2)
    assert model.built
    assert len(model.trainable_weights) == 6
    assert model.output_shape == (None, 2)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense", "Dense"]


def test_build_from_a_shape():
    model = Net()
    model.build((None, 4))
    assert model.built
    assert model.hidden.kernel.shape == (4, 5)
    assert model.compute_output_shape((None, 4)) == (None, 2)


def test_get_layer():
    model = Net()
    assert model.get_layer("dense") is model.hidden
    assert model.get_layer(index=1) is model.drop
    message = (
        "\"net\" has no layer 'dens'. Did you mean 'dense' or 'dense_2' or 'dense_1'? "
        "Known: dense, dense_1, dense_2, dropout."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        model.get_layer("dens")
    with pytest.raises(ValueError, match=r"Give the name of a layer or its index"):
        model.get_layer()
    with pytest.raises(ValueError, match=r'"net" has 4 layers. Received: index=4'):
        model.get_layer(index=4)


def test_it_learns():
    model = Net(units=20)
    model.compile(gm.optimizers.Adam(0.01), "mse")
    y = X[:, :2] * 2 - X[:, 2:]
    model.drop.rate = 0.0
    history = model.fit(X, y, epochs=40, verbose=0)
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]


def test_own_weights_train_too():
    class Affine(gm.Model):
        def build(self, input_shape):
            self.slope = self.add_weight((1,), "zeros", name="slope")
            self.offset = gm.Variable([0.0])

        def call(self, inputs):
            return inputs * self.slope + self.offset

    model = Affine()
    model.compile(gm.optimizers.SGD(0.3), "mse")
    x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(-1, 1)
    model.fit(x, 3 * x + 1, epochs=50, verbose=0)
    np.testing.assert_allclose(model.get_weights(), [[3.0], [1.0]], atol=1e-2)


def test_several_inputs():
    class Sum(gm.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = Dense(3), Dense(3)

        def call(self, inputs):
            return self.a(inputs[0]) + self.b(inputs[1])

    model = Sum()
    assert model([X, X[:, :2]]).shape == (64, 3)
    assert model.input_shape == [(None, 4), (None, 2)]
    other = Sum()
    other.build([(None, 4), (None, 2)])
    assert len(other.weights) == 4


def test_one_dtype():
    model = Net()
    model.extra = Dense(3, dtype="float64")
    message = (
        'A model has one floating dtype: "net" is float32, but its layer "dense_3" is float64. Leave out dtype= of the '
        "layers, and call gm.config.set_floatx('float64') before making the model if you want that type for all."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        model(X)
    gm.config.set_floatx("float64")
    assert Net()(X).dtype == "float64"


def test_get_and_set_weights():
    one, two = Net(), Net()
    one(X)
    two(X)
    two.set_weights(one.get_weights())
    np.testing.assert_array_equal(one(X).numpy(), two(X).numpy())


def test_an_autoencoder_can_learn_something_else_afterwards():
    def train(run_eagerly):
        gm.utils.clear_session()
        gm.utils.set_random_seed(1)
        model = gm.Sequential([gm.Input((4,)), Dense(4)])
        model.compile(gm.optimizers.SGD(0.1), "mse", run_eagerly=run_eagerly)
        model.fit(X, X, epochs=2, verbose=0)
        model.fit(X, -X, epochs=2, verbose=0)
        return model.get_weights()[0]

    np.testing.assert_array_equal(train(False), train(True))
