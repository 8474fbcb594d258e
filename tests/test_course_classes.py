"""Layers, losses, models and files of one's own, as courses and books write them."""

from __future__ import annotations

import random

import numpy as np
import pytest

import gemmule as keras
from gemmule.layers import Dense
from tests.course import X, X_train, Y, Y_train, regressor

# ---- Layers, losses and models of one's own ----------------------------------------------------------------------


class MyDense(keras.layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, batch_input_shape):
        self.kernel = self.add_weight(name="kernel", shape=[batch_input_shape[-1], self.units], initializer="he_normal")
        self.bias = self.add_weight(name="bias", shape=[self.units], initializer="zeros")
        super().build(batch_input_shape)

    def call(self, X):
        return self.activation(X @ self.kernel + self.bias)

    def get_config(self):
        base_config = super().get_config()
        return {**base_config, "units": self.units, "activation": keras.activations.serialize(self.activation)}


class ReconstructingRegressor(keras.Model):
    def __init__(self, output_dim, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [Dense(30, activation="relu", kernel_initializer="he_normal") for _ in range(2)]
        self.out = Dense(output_dim)
        self.reconstruction_mean = keras.metrics.Mean(name="reconstruction_error")

    def build(self, batch_input_shape):
        self.reconstruct = Dense(batch_input_shape[-1])

    def call(self, inputs, training=None):
        z = inputs
        for layer in self.hidden:
            z = layer(z)
        reconstruction = self.reconstruct(z)
        recon_loss = keras.ops.mean(keras.ops.square(reconstruction - inputs))
        self.add_loss(0.05 * recon_loss)
        if training:
            self.reconstruction_mean(recon_loss)
        return self.out(z)


def test_the_reconstruction_loss():
    model = ReconstructingRegressor(1)
    model.compile(loss="mse", optimizer="nadam")
    history = model.fit(X_train, Y_train, epochs=4, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < losses[0]
    model(X_train)
    reconstruction = float(model.losses[0])
    assert all(error > 0 for error in history.history["reconstruction_error"])
    loss, error = model.evaluate(X_train, Y_train, batch_size=64, verbose=0)  # two values, as in Keras
    assert error == 0  # only training feeds it
    assert loss == pytest.approx(
        np.square(model.predict(X_train, verbose=0) - Y_train).mean() + reconstruction, rel=1e-4
    )


def huber_fn(y_true, y_pred):
    error = y_true - y_pred
    is_small_error = keras.ops.abs(error) < 1
    return keras.ops.where(is_small_error, keras.ops.square(error) / 2, keras.ops.abs(error) - 0.5)


def my_l1_regularizer(weights):
    return keras.ops.sum(keras.ops.abs(0.01 * weights))


def my_positive_weights(weights):
    return keras.ops.where(weights < 0.0, keras.ops.zeros_like(weights), weights)


def test_functions_of_ones_own():
    layer = MyDense(6, activation="relu", input_shape=[8])
    assert MyDense.from_config(layer.get_config()).units == 6
    out = Dense(1, kernel_regularizer=my_l1_regularizer, kernel_constraint=my_positive_weights)
    model = keras.models.Sequential([layer, out])
    model.compile(loss=huber_fn, optimizer="nadam", metrics=["mae"])
    model.fit(X, Y, epochs=3, verbose=0)
    assert model.layers[1].kernel.numpy().min() >= 0


def test_a_training_loop_by_hand():
    random.seed(42)
    model = regressor()
    optimizer = keras.optimizers.Nadam(learning_rate=0.01)
    mean_loss = keras.metrics.Mean(name="mean_loss")
    metrics = [keras.metrics.MeanAbsoluteError()]
    losses = []
    for _ in range(4):
        for _ in range(6):
            idx = np.random.randint(len(X), size=16)
            with keras.GradientTape() as tape:
                y_pred = model(X[idx], training=True)
                main_loss = keras.ops.mean(keras.losses.mean_squared_error(Y[idx], y_pred))
                loss = sum([main_loss, *model.losses])
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            mean_loss(loss)
            for metric in metrics:
                metric(Y[idx], y_pred)
        losses.append(float(mean_loss.result()))
        for metric in [mean_loss, *metrics]:
            metric.reset_state()
    assert losses[-1] < losses[0]


# ---- Transfer, files ---------------------------------------------------------------------------------------------


def test_layers_of_another_model(tmp_path):
    model_a = regressor()
    model_a.save(tmp_path / "my_model_A.keras")
    model_a = keras.models.load_model(tmp_path / "my_model_A.keras")
    clone = keras.models.clone_model(model_a)
    clone.set_weights(model_a.get_weights())
    model_b = keras.Sequential(clone.layers[:-1])
    model_b.add(Dense(1, activation="sigmoid"))
    for layer in model_b.layers[:-1]:
        layer.trainable = False
    model_b.compile(loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"])
    before = model_b.get_weights()
    model_b.fit(X, (Y > 0).astype(np.float32), epochs=2, verbose=0)
    np.testing.assert_array_equal(before[0], model_b.get_weights()[0])
    for layer in model_b.layers[:-1]:
        layer.trainable = True
    model_b.compile(loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"])
    model_b.fit(X, (Y > 0).astype(np.float32), epochs=2, verbose=0)
    assert not np.array_equal(before[0], model_b.get_weights()[0])


@keras.saving.register_keras_serializable()
class MyL1Regularizer(keras.regularizers.Regularizer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, weights):
        return keras.ops.sum(keras.ops.abs(self.factor * weights))

    def get_config(self):
        return {"factor": self.factor}


@pytest.mark.parametrize("own", [False, True])
def test_rules_are_saved(tmp_path, own):
    regularizer = MyL1Regularizer(0.03) if own else keras.regularizers.l1_l2(0.03, 0.04)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            Dense(4, kernel_regularizer=regularizer, kernel_constraint="max_norm", activity_regularizer="l2"),
            Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "model.gemmule")
    again = keras.models.load_model(tmp_path / "model.gemmule")
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert again.layers[0].get_config() == model.layers[0].get_config()
    for one in (model, again):
        one.fit(X, Y, epochs=1, verbose=0, shuffle=False)
    for one, other in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, other)
