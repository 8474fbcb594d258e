"""What books and notebooks do, after `import gemmule as keras`: it works, or the error says today's name."""

from __future__ import annotations

import math
import random
from functools import partial

import numpy as np
import pytest

import gemmule as keras
from gemmule.layers import Dense
from tests.helpers import exactly

rng = np.random.default_rng(42)
X = rng.normal(size=(96, 8)).astype(np.float32)
Y = (X[:, :1] * 2 - X[:, 1:2] + 0.1 * rng.normal(size=(96, 1))).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
IMAGES = rng.integers(0, 256, size=(64, 28, 28), dtype=np.uint8)
CLASSES = rng.integers(0, 10, size=64).astype(np.uint8)
X_train, X_valid, Y_train, Y_valid = X[:64], X[64:], Y[:64], Y[64:]


def regressor(**kwargs):
    model = keras.models.Sequential([Dense(30, activation="relu", input_shape=X.shape[1:]), Dense(1)])
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.SGD(learning_rate=1e-2), **kwargs)
    return model


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


K = keras.backend


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
    assert model.evaluate(X_train, Y_train, batch_size=64, verbose=0) == pytest.approx(
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


# ---- Names of older versions -------------------------------------------------------------------------------------


def test_old_names_that_work():
    layers = keras.layers
    assert (layers.MaxPool2D, layers.GlobalAvgPool2D) == (layers.MaxPooling2D, layers.GlobalAveragePooling2D)
    assert layers.Convolution2D is layers.Conv2D
    assert keras.constraints.max_norm is keras.constraints.MaxNorm
    assert keras.utils.np_utils.to_categorical is keras.utils.to_categorical
    assert keras.losses.kullback_leibler_divergence is keras.losses.kl_divergence
    assert layers.experimental.preprocessing.Rescaling is layers.Rescaling
    assert keras.Sequential([layers.InputLayer(input_shape=[8]), Dense(1)]).output_shape == (None, 1)
    assert (K.epsilon(), K.floatx(), K.image_data_format()) == (1e-7, "float32", "channels_last")
    assert keras.config.epsilon() == 1e-7
    np.testing.assert_allclose(keras.utils.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0.0, 0.0]])
    np.testing.assert_allclose(keras.utils.normalize(X[:4], axis=1, order=1), X[:4] / np.abs(X[:4]).sum(1)[:, None])


def test_alpha_of_leaky_relu():
    with pytest.warns(keras.errors.GemmuleWarning, match=exactly("LeakyReLU: alpha is called negative_slope now.")):
        layer = keras.layers.LeakyReLU(alpha=0.2)
    assert layer.negative_slope == 0.2
    with pytest.raises(TypeError, match="LeakyReLU has no argument 'slope'"):
        keras.layers.LeakyReLU(slope=0.2)


OLD = [
    (lambda: keras.optimizers.Adam(lr=0.1), ValueError,
     "Adam: the argument is called learning_rate: Adam(learning_rate=0.1)."),
    (lambda: keras.optimizers.SGD(0.1, decay=1e-4), ValueError,
     "SGD: the argument decay has become a schedule: SGD(gm.optimizers.schedules.InverseTimeDecay(learning_rate, "
     "decay_steps=1, decay_rate=0.0001))."),
    (lambda: keras.optimizers.SGD(0.1).lr, AttributeError, "The attribute lr of optimizers is called learning_rate."),
    (lambda: setattr(keras.optimizers.SGD(0.1), "lr", 0.2), AttributeError,
     "The attribute is called learning_rate: optimizer.learning_rate = 0.2."),
    (lambda: keras.optimizers.legacy.Adam(), AttributeError,
     "module 'gemmule.optimizers' has no attribute 'legacy'. The optimizers are in gm.optimizers itself."),
    (lambda: Dense(1, batch_input_shape=(None, 8)), TypeError,
     "Dense has no argument 'batch_input_shape' any more. Use input_shape, the shape of one example."),
    (lambda: keras.Model(input=keras.Input((8,))), TypeError,
     "Model has no argument 'input' any more. Use inputs."),
    (lambda: regressor().predict_classes(X), AttributeError,
     "'Sequential' object has no attribute 'predict_classes'. Write np.argmax(model.predict(x), axis=-1), or "
     "model.predict(x) > 0.5 for one sigmoid unit."),
    (lambda: regressor().predict_proba(X), AttributeError,
     "'Sequential' object has no attribute 'predict_proba'. Call predict, which returns the probabilities."),
    (lambda: regressor().fit_generator(X), AttributeError,
     "'Sequential' object has no attribute 'fit_generator'. Call fit(x), which takes generators."),
    (lambda: regressor().layers[0].updates, AttributeError,
     "'Dense' object has no attribute 'updates'. Layers update moving statistics by themselves."),
    (lambda: regressor().layers[0].no_such_thing, AttributeError,
     "'Dense' object has no attribute 'no_such_thing'"),
    (lambda: keras.metrics.Mean().reset_states(), AttributeError,
     "'Mean' object has no attribute 'reset_states'. Call reset_state()."),
    (lambda: Dense(1, name="d").add_weight("kernel", (3,)), TypeError,
     "dense (layer \"d\"): the shape of a weight comes first. Write add_weight(shape=..., name='kernel')."),
    (lambda: keras.wrappers.scikit_learn, AttributeError,
     "module 'gemmule' has no attribute 'wrappers'. Write a function that makes and compiles a model, and call fit and "
     "evaluate in a loop."),
    (lambda: K.square(X), AttributeError,
     "keras.backend.square has no place in gemmule.backend. Write gm.ops.square."),
    (lambda: K.learning_phase(), AttributeError,
     "keras.backend.learning_phase has no place in gemmule.backend. Tensors are computed with gm.ops."),
]  # fmt: skip


@pytest.mark.parametrize(("action", "error", "message"), OLD)
def test_old_names_say_the_new_one(action, error, message):
    with pytest.raises(error, match=exactly(message)):
        action()
