"""`Sequential`: stacking, building, sharing, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Dense, Dropout, Flatten, Layer
from tests.helpers import exactly


def mlp() -> gm.Sequential:
    layers = [Flatten(), Dense(300, activation="relu"), Dense(100, activation="relu"), Dense(10, activation="softmax")]
    return gm.Sequential([gm.Input((28, 28)), *layers])


def test_an_input_builds_at_once():
    model = mlp()
    assert model.built
    assert model.name == "sequential"
    assert model.input_shape == (None, 28, 28)
    assert model.output_shape == (None, 10)
    assert model.count_params() == 266_610
    assert [layer.name for layer in model.layers] == ["flatten", "dense", "dense_1", "dense_2"]
    assert model(np.zeros((3, 28, 28))).shape == (3, 10)


def test_add_builds_step_by_step():
    model = gm.Sequential()
    model.add(gm.Input(shape=(4,)))
    model.add(Dense(3))
    assert model.output_shape == (None, 3)
    model.add(Dense(2))
    assert model.output_shape == (None, 2)
    removed = model.pop()
    assert removed.units == 2
    assert model.output_shape == (None, 3)
    assert len(model.weights) == 2


def test_without_an_input_data_build_it():
    model = gm.Sequential([Dense(3), Dense(2)])
    assert not model.built
    assert model.weights == []
    with pytest.raises(AttributeError, match="has no output shape yet"):
        _ = model.output_shape
    model(np.zeros((5, 4)))
    assert model.built
    assert model.output_shape == (None, 2)


def test_build_with_a_shape():
    model = gm.Sequential([Dense(3)])
    model.build((None, 4))
    assert model.output_shape == (None, 3)
    model.build((None, 4))
    with pytest.raises(ValueError, match=r"already built for the input shape \(None, 4\)"):
        model.build((None, 5))


def test_layers_can_be_shared_with_another_model():
    model = mlp()
    base = gm.Sequential(model.layers[:-1])
    base.add(Dense(2))
    assert base(np.zeros((1, 28, 28))).shape == (1, 2)
    assert base.layers[1] is model.layers[1]
    assert base.weights[0] is model.weights[0]
    model.layers[1].trainable = False
    assert len(base.trainable_weights) == 4


def test_training_flag_reaches_the_layers():
    model = gm.Sequential([gm.Input((200,)), Dropout(0.5)])
    x = np.ones((2, 200), np.float32)
    assert (model(x).numpy() == 1).all()
    assert (model(x, training=True).numpy() == 0).any()


def test_models_nest():
    inner = gm.Sequential([Dense(3, activation="relu"), Dense(2)])
    outer = gm.Sequential([gm.Input((4,)), inner, Dense(1)])
    assert outer.built
    assert inner.built
    assert inner.output_shape == (None, 2)
    assert len(outer.weights) == 6
    assert gm.Sequential([inner, Dense(7)]).output_shape == (None, 7)


def test_own_layers_without_shape_rules():
    class Twice(Layer):
        def __init__(self):
            super().__init__()
            self.dense = Dense(6)

        def call(self, inputs, training):
            return gm.ops.concatenate([self.dense(inputs), inputs], axis=-1)

    model = gm.Sequential([gm.Input((4,)), Twice(), Dense(2)])
    assert model.built
    assert model.layers[0].output_shape == (None, 10)
    assert len(model.weights) == 4


def test_a_column_may_come_without_its_second_dimension():
    model = gm.Sequential([gm.Input((1,)), Dense(2)])
    assert model(np.zeros(5)).shape == (5, 2)


def test_configuration_makes_the_same_model():
    model = mlp()
    twin = gm.Sequential.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 28, 28))
    np.testing.assert_array_equal(twin(x).numpy(), model(x).numpy())
    assert twin.get_config() == model.get_config()
    nested = gm.Sequential([gm.Input((4,)), gm.Sequential([Dense(3)]), Dense(1)])
    assert gm.Sequential.from_config(nested.get_config()).output_shape == (None, 1)


def test_frozen_from_the_start():
    assert gm.Sequential([gm.Input((4,)), Dense(3)], trainable=False).trainable_weights == []


class TwoInputs(Layer):
    def call(self, a, b):
        return a + b


MESSAGES = [
    (lambda: gm.Sequential([Dense]), TypeError, "A Sequential model takes layers, not classes. Write Dense(...)."),
    (lambda: gm.Sequential([3]), TypeError, "A Sequential model takes layers. Received: layer=3."),
    (lambda: gm.Sequential([TwoInputs()]), ValueError,
     'A layer of a Sequential model has one input, but call() of "two_inputs" requires a, b. Give the others '
     "defaults, or write gm.Model(inputs, outputs)."),
    (lambda: gm.Sequential([Dense(3, name="a"), Dense(3, name="a")]), ValueError,
     'The layers of a Sequential model have different names, but "a" comes twice. Pass another name= to one of '
     "them, and a layer only once. "
     "Received: layer=<Dense name=a, built=False>."),
    (lambda: gm.Sequential([gm.Input((4,)), gm.Input((4,))]), ValueError,
     'Sequential model "sequential" takes one Input, before all layers. A model with several inputs is '
     "gm.Model(inputs, outputs). "
     "Received: layer=<InputLayer name=input_layer_1, built=True>."),
    (lambda: gm.Sequential([Dense(3), Dense(3, dtype="float64")]), ValueError,
     'A model has one floating dtype: "sequential" is float32, but its layer "dense_1" is float64. Leave out '
     "dtype= of the layers, and call "
     "gm.config.set_floatx('float64') before making the model if you want that type for all."),
    (lambda: gm.Sequential()(np.zeros((2, 3))), ValueError,
     'Sequential model "sequential" has no layers. Call model.add(layer) first.'),
    (lambda: gm.Sequential().pop(), ValueError, 'Sequential model "sequential" has no layer to remove.'),
    (lambda: mlp()(np.zeros((5, 784))), ValueError,
     'Sequential model "sequential" expects examples of shape (28, 28), the batch in front. Reshape each '
     "example: x.reshape(-1, 28, 28). "
     "Received: examples of shape (784,)."),
    (lambda: mlp()(np.zeros((28, 28))), ValueError,
     'Sequential model "sequential" expects examples of shape (28, 28), the batch in front. Add the batch: '
     "x[np.newaxis]. "
     "Received: examples of shape (28,)."),
    (lambda: mlp()(np.zeros((5, 30, 30))), ValueError,
     'Sequential model "sequential" expects examples of shape (28, 28), the batch in front. Feed data of that '
     "shape, or change the Input of the "
     "model. Received: examples of shape (30, 30)."),
    (lambda: gm.Sequential([gm.Input((4,)), Dense(2)])([np.zeros((2, 4)), np.zeros((2, 3))]), ValueError,
     'Sequential model "sequential" takes one input, but got 2. Concatenate them, or write gm.Model(inputs, outputs). '
     "Received: shapes=[(2, 4), (2, 3)]."),
    (lambda: gm.Sequential([gm.Input((4,)), Dense(3)]).build((None, 5)), ValueError,
     'Sequential model "sequential" is already built for the input shape (None, 4). Received: input_shape=(None, 5).'),
]  # fmt: skip


@pytest.mark.parametrize(("action", "error", "message"), MESSAGES)
def test_messages(action, error, message):
    with pytest.raises(error, match=exactly(message)):
        action()


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "predict", "predict_on_batch"])
def test_data_of_another_shape_are_refused_before_anything_runs(method):
    model = mlp()
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    x, y = np.zeros((40, 784)), np.zeros(40, int)
    message = (
        'Sequential model "sequential" expects examples of shape (28, 28), the batch in front. Reshape each example: '
        "x.reshape(-1, 28, 28). Received: examples of shape (784,)."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        getattr(model, method)(x) if "predict" in method else getattr(model, method)(x, y)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_replayed_predictions_follow_the_data(backend, dtype):
    model = gm.Sequential([gm.Input((4, 5)), Flatten(), Dense(3)])
    kernel, _ = model.get_weights()
    x = np.random.default_rng(0).normal(size=(50, 4, 5)).astype(dtype)
    with gm.use_backend(backend):
        for start in range(0, 50, 10):
            part = x[start : start + 10]
            np.testing.assert_allclose(model.predict_on_batch(part), part.reshape(10, 20) @ kernel, atol=1e-5)
            np.testing.assert_allclose(model.predict(x, batch_size=10), x.reshape(50, 20) @ kernel, atol=1e-5)
