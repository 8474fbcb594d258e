"""Small models to record, replay and compare."""

import warnings

import numpy as np

import gemmule as gm

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int32)


def compiled(*hidden, **kwargs):
    gm.utils.set_random_seed(1)
    model = gm.Sequential([gm.Input((6,)), *hidden, gm.layers.Dense(2, activation="softmax")])
    optimizer = gm.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **kwargs)
    return model


def fit(model, epochs=3, **kwargs):
    return model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0, **kwargs)


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


def same_as_eager(make, epochs=3, **kwargs):
    """Trains the same model recorded and eagerly and compares every bit."""
    recorded, eager = make(), make(run_eagerly=True)
    fit(recorded, epochs, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(eager, epochs, **kwargs)
    np.testing.assert_array_equal(weights(recorded), weights(eager))


class Scale(gm.layers.Layer):
    """Multiplies by a plain Python number."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape
