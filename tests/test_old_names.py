"""Names of older versions: they work, or say the new one."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as keras
from gemmule.layers import Dense
from tests.course import K, X, regressor
from tests.helpers import exactly


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
