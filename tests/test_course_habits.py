"""What books and notebooks do, after `import gemmule as keras`: it works, or the error says today's name."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import gemmule as keras
from gemmule.layers import Dense
from tests.course import CLASSES, IMAGES, LABELS, K, X, X_train, X_valid, Y, Y_train, Y_valid, regressor

# ---- Building and looking ----------------------------------------------------------------------------------------


def test_the_first_classifier(capsys):
    keras.backend.clear_session()
    keras.utils.set_random_seed(42)
    model = keras.models.Sequential()
    model.add(keras.layers.Flatten(input_shape=[28, 28]))
    model.add(keras.layers.Dense(30, activation="relu"))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.summary()
    assert "flatten" in capsys.readouterr().out
    hidden = model.layers[1]
    assert (hidden.name, model.get_layer(hidden.name)) == ("dense", hidden)
    weights, biases = hidden.get_weights()
    assert (weights.shape, biases.tolist()) == ((784, 30), [0.0] * 30)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    x_train, x_valid = IMAGES[:48] / 255.0, IMAGES[48:] / 255.0
    history = model.fit(x_train, CLASSES[:48], epochs=3, verbose=0, validation_data=(x_valid, CLASSES[48:]))
    assert history.epoch == [0, 1, 2]
    assert history.params["epochs"] == 3
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert len(model.evaluate(x_valid, CLASSES[48:], verbose=0)) == 2
    probabilities = model.predict(x_valid[:3])
    assert probabilities.round(2).shape == (3, 10)
    assert np.argmax(probabilities, axis=-1).shape == (3,)


def test_acc_is_accuracy():
    model = keras.Sequential([Dense(3, activation="softmax", input_dim=8)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
    assert "acc" in model.fit(X, LABELS, verbose=0).history


def test_wide_and_deep_with_lists_and_tuples():
    input_a = keras.layers.Input(shape=[5], name="wide_input")
    input_b = keras.layers.Input(shape=[6], name="deep_input")
    hidden = keras.layers.Dense(30, activation="relu")(keras.layers.Dense(30, activation="relu")(input_b))
    output = keras.layers.Dense(1, name="main")(keras.layers.concatenate([input_a, hidden]))
    auxiliary = keras.layers.Dense(1, name="aux")(hidden)
    model = keras.models.Model(inputs=[input_a, input_b], outputs=[output, auxiliary])
    start = model.get_weights()
    found = []
    for pack, loss, weights in (
        (tuple, ("mse", "mse"), (0.9, 0.1)),
        (list, ["mse", "mse"], [0.9, 0.1]),
        (lambda two: dict(zip(("main", "aux"), two)), {"main": "mse", "aux": "mse"}, {"main": 0.9, "aux": 0.1}),
    ):
        model.set_weights(start)
        metrics = pack([["RootMeanSquaredError"], ["MeanAbsoluteError"]])
        model.compile(loss=loss, loss_weights=weights, optimizer=keras.optimizers.SGD(1e-2), metrics=metrics)
        inputs = (X[:, :5], X[:, 2:]) if pack is tuple else [X[:, :5], X[:, 2:]]
        valid = (tuple(part[:32] for part in inputs), pack([Y[:32], Y[:32]]))
        history = model.fit(
            inputs, pack([Y, Y]), epochs=2, verbose=0, shuffle=False, validation_data=valid, batch_size=32
        )
        assert set(history.history) == {
            f"{when}{name}"
            for when in ("", "val_")
            for name in ("loss", "main_loss", "aux_loss", "main_RootMeanSquaredError", "aux_MeanAbsoluteError")
        }
        total, main, aux, *_ = model.evaluate(inputs, pack([Y, Y]), verbose=0)
        assert total == pytest.approx(0.9 * main + 0.1 * aux, rel=1e-5)
        one, two = model.predict(inputs, verbose=0)
        assert one.shape == two.shape == (96, 1)
        found.append(history.history["loss"])
    assert found[0] == found[1] == found[2]


class WideAndDeepModel(keras.models.Model):
    def __init__(self, units=30, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.norm_layer_wide = keras.layers.Normalization()
        self.norm_layer_deep = keras.layers.Normalization()
        self.hidden1 = keras.layers.Dense(units, activation=activation)
        self.main_output = keras.layers.Dense(1)
        self.aux_output = keras.layers.Dense(1)

    def call(self, inputs):
        input_wide, input_deep = inputs
        hidden = self.hidden1(self.norm_layer_deep(input_deep))
        concat = keras.layers.concatenate([self.norm_layer_wide(input_wide), hidden])
        return self.main_output(concat), self.aux_output(hidden)


def test_a_model_class_with_normalization_adapted_first():
    model = WideAndDeepModel(30, activation="relu", name="my_model")
    model.compile(
        loss=["mse", "mse"],
        loss_weights=[0.9, 0.1],
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
        metrics=["RootMeanSquaredError", "RootMeanSquaredError"],
    )
    model.norm_layer_wide.adapt(X_train[:, :5])
    model.norm_layer_deep.adapt(X_train[:, 2:])
    history = model.fit(
        (X_train[:, :5], X_train[:, 2:]), (Y_train, Y_train), epochs=2, verbose=0,
        validation_data=((X_valid[:, :5], X_valid[:, 2:]), (Y_valid, Y_valid)),
    )  # fmt: skip
    assert len(history.history["val_loss"]) == 2
    main, aux = model.predict((X_valid[:3, :5], X_valid[:3, 2:]))
    assert main.shape == aux.shape == (3, 1)


def test_normalization_adapts_before_and_after_it_sits_in_a_model():
    data = X * 3.0 + 5.0
    outputs = []
    for late in (False, True):
        keras.utils.set_random_seed(1)
        norm = keras.layers.Normalization(input_shape=X.shape[1:])
        if not late:
            norm.adapt(data)
        model = keras.Sequential([norm, Dense(5, activation="relu"), Dense(1)])
        model.compile("sgd", "mse")
        if late:
            for _ in range(3):
                model.predict(data, verbose=0)  # recorded with other statistics
                model.evaluate(data, Y, verbose=0)
            norm.adapt(data)
        model.fit(data, Y, epochs=3, verbose=0, shuffle=False)
        outputs.append(model.predict(data, verbose=0))
        assert abs(norm(data).numpy().mean()) < 1e-5
    np.testing.assert_array_equal(*outputs)
    norm = keras.layers.experimental.preprocessing.Normalization()
    norm.adapt(data)
    x = keras.Input((8,))
    assert abs(keras.Model(x, norm(x)).predict(data, verbose=0).std() - 1) < 1e-3


# ---- Callbacks and rates -----------------------------------------------------------------------------------------


class ExponentialLearningRate(keras.callbacks.Callback):
    def __init__(self, factor):
        self.factor = factor
        self.rates = []
        self.losses = []

    def on_batch_end(self, batch, logs):
        self.rates.append(K.get_value(self.model.optimizer.learning_rate))
        self.losses.append(logs["loss"])
        K.set_value(self.model.optimizer.learning_rate, self.model.optimizer.learning_rate * self.factor)


def test_finding_a_learning_rate_by_hand():
    model = regressor()
    init_weights = model.get_weights()
    factor = math.exp(math.log(10 / 1e-5) / 24)
    init_lr = K.get_value(model.optimizer.learning_rate)
    K.set_value(model.optimizer.learning_rate, 1e-5)
    exp_lr = ExponentialLearningRate(factor)
    model.fit(X, Y, epochs=2, batch_size=8, callbacks=[exp_lr], verbose=0)
    K.set_value(model.optimizer.learning_rate, init_lr)
    model.set_weights(init_weights)
    assert len(exp_lr.losses) == 24
    np.testing.assert_allclose(exp_lr.rates, 1e-5 * factor ** np.arange(24), rtol=1e-6)
    assert float(model.optimizer.learning_rate) == np.float32(1e-2)


class OneCycleScheduler(keras.callbacks.Callback):
    def __init__(self, rates):
        self.rates = list(rates)

    def on_batch_begin(self, batch, logs):
        self.model.optimizer.learning_rate = self.rates.pop(0)


class PrintValTrainRatioCallback(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        print("val/train: {:.2f}".format(logs["val_loss"] / logs["loss"]))


def test_callbacks_of_ones_own(capsys):
    model = regressor()
    rates = np.linspace(0.001, 0.01, 16)
    history = model.fit(
        X_train, Y_train, epochs=2, batch_size=8, verbose=0, validation_data=(X_valid, Y_valid),
        callbacks=[OneCycleScheduler(rates), PrintValTrainRatioCallback(), keras.callbacks.EarlyStopping(patience=10)],
    )  # fmt: skip
    assert capsys.readouterr().out.count("val/train: ") == 2
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert len(history.history["loss"]) == 2


def test_rates_by_epoch():
    model = regressor()
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 * 0.1 ** (epoch / 20))
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[scheduler])
    np.testing.assert_allclose(history.history["learning_rate"], 0.01 * 0.1 ** (np.arange(3) / 20), rtol=1e-6)
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.5)
    assert len(model.fit(X, Y, epochs=2, verbose=0, callbacks=[scheduler]).history["learning_rate"]) == 2
    plateau = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=5)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[plateau], validation_split=0.2)


# ---- Regularisation ----------------------------------------------------------------------------------------------


def test_regularized_dense_by_partial():
    regularized = partial(
        keras.layers.Dense, activation="elu", kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.l2(0.01),
    )  # fmt: skip
    limited = partial(Dense, activation="selu", kernel_constraint=keras.constraints.max_norm(1.0))
    model = keras.models.Sequential(
        [
            keras.layers.Flatten(input_shape=[28, 28]),
            regularized(30),
            limited(20),
            regularized(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="nadam", metrics=["accuracy"])
    history = model.fit(IMAGES / 255.0, CLASSES, epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert np.linalg.norm(model.layers[2].kernel.numpy(), axis=0).max() <= 1.0
    with keras.GradientTape() as tape:
        predictions = model(IMAGES[:8] / 255.0, training=True)
        main_loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(CLASSES[:8], predictions))
        loss = sum([main_loss, *model.losses])
    gradients = tape.gradient(loss, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    for variable in model.variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    assert float(loss) > float(main_loss)


class MCDropout(keras.layers.Dropout):
    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


def test_monte_carlo_dropout():
    model = keras.Sequential(
        [
            keras.layers.Flatten(input_shape=[28, 28]),
            keras.layers.Dropout(rate=0.2),
            Dense(30, activation="relu"),
            keras.layers.Dropout(rate=0.2),
            Dense(10, activation="softmax"),
        ]
    )
    x = (IMAGES / 255.0).astype(np.float32)
    y_probas = np.stack([model(x, training=True) for sample in range(20)])
    assert y_probas.mean(axis=0).shape == (64, 10)
    assert y_probas.std(axis=0).min() > 0
    mc_model = keras.models.Sequential(
        [
            MCDropout(layer.rate) if isinstance(layer, keras.layers.Dropout) else layer
            for layer in keras.models.clone_model(model).layers
        ]
    )
    mc_model.build((None, 28, 28))
    mc_model.set_weights(model.get_weights())
    proba = np.mean([mc_model.predict(x[:1], verbose=0) for sample in range(50)], axis=0)
    np.testing.assert_allclose(proba.sum(), 1.0, rtol=1e-5)
    model.layers[1].rate = 0.4
    assert model.layers[1].rate == 0.4


def test_activations_and_initializers():
    init = keras.initializers.VarianceScaling(scale=2.0, mode="fan_avg", distribution="uniform")
    model = keras.Sequential(
        [
            Dense(6, kernel_initializer="he_normal", input_shape=[8]),
            keras.layers.LeakyReLU(negative_slope=0.2),
            Dense(6, activation=keras.layers.LeakyReLU(0.2), kernel_initializer=init, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("swish"),
            keras.layers.PReLU(),
            keras.layers.AlphaDropout(rate=0.2),
            Dense(1, activation="selu", kernel_initializer="lecun_normal"),
        ]
    )
    names = [(variable.name, variable.trainable) for variable in model.layers[3].variables]
    assert names == [("gamma", True), ("beta", True), ("moving_mean", False), ("moving_variance", False)]
    model.compile(keras.optimizers.SGD(clipvalue=1.0), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
