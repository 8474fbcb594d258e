"""Symbolic tensors: shapes and types of what will be computed, operators and ops on them, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Dense
from gemmule.symbolic import SymbolicTensor
from tests.helpers import exactly

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def value(function, *arrays: np.ndarray) -> np.ndarray:
    """What a model of `function` computes, after a look at the shape it promised."""
    inputs = [gm.Input(array.shape[1:], dtype=array.dtype.name) for array in arrays]
    symbolic = function(*inputs)
    result = gm.Model(inputs, symbolic)(list(arrays)).numpy()
    assert isinstance(symbolic, SymbolicTensor)
    assert len(symbolic.shape) == result.ndim
    assert all(a in (None, b) for a, b in zip(symbolic.shape, result.shape))
    assert symbolic.dtype == result.dtype
    return result


EXPRESSIONS = {
    "x + 1": (lambda x: x + 1, X + 1),
    "1 - x": (lambda x: 1 - x, 1 - X),
    "2 * x": (lambda x: 2 * x, 2 * X),
    "x / 2": (lambda x: x / 2, X / 2),
    "1 / x": (lambda x: 1 / x, 1 / X),
    "x ** 2": (lambda x: x**2, X**2),
    "-x": (lambda x: -x, -X),
    "+x * 1": (lambda x: +x * 1, X),
    "abs": (lambda x: abs(x), abs(X)),
    "x @ w": (lambda x: x @ np.ones((4, 3), np.float32), X @ np.ones((4, 3), np.float32)),
    "w * x": (lambda x: np.arange(4, dtype=np.float32) * x, np.arange(4, dtype=np.float32) * X),
    "scalar * x": (lambda x: np.float32(3) * x, 3 * X),
    "x > 0": (lambda x: x > 0, X > 0),
    "x == x": (lambda x: x == x * 1.0, X == X),
    "~": (lambda x: ~(x <= 0), X > 0),
    "a slice": (lambda x: x[:, 1:3], X[:, 1:3]),
    "a column": (lambda x: x[:, 0], X[:, 0]),
    "a row": (lambda x: x[0], X[0]),
    "None and ...": (lambda x: x[..., None, ::-1], X[..., None, ::-1]),
    "sum": (lambda x: gm.ops.sum(x, axis=0), X.sum(0)),
    "mean of all": (lambda x: gm.ops.mean(x), X.mean()),
    "argmax": (lambda x: gm.ops.argmax(x, axis=-1), X.argmax(-1)),
    "reshape": (lambda x: gm.ops.reshape(x, (-1, 2)), X.reshape(-1, 2)),
    "transpose": (lambda x: gm.ops.transpose(x), X.T),
    "where": (lambda x: gm.ops.where(x > 0, x, 0.0), np.maximum(X, 0)),
    "cast": (lambda x: gm.ops.cast(x, "int32"), X.astype(np.int32)),
    "a keyword": (lambda x: gm.ops.clip(x, x_min=0.0, x_max=1.0), X.clip(0, 1)),
    "a list": (lambda x: gm.ops.concatenate([x, x * 2], axis=-1), np.concatenate([X, 2 * X], -1)),
    "an activation": (lambda x: gm.activations.relu(x, max_value=0.5), X.clip(0, 0.5)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions(name):
    function, expected = EXPRESSIONS[name]
    np.testing.assert_allclose(value(function, X), expected, rtol=1e-6)


def test_two_tensors():
    np.testing.assert_array_equal(value(lambda a, b: a - b, X, X[:, :1]), X - X[:, :1])
    np.testing.assert_array_equal(value(lambda a, b: gm.ops.maximum(a, b), X, -X), abs(X))


def test_integers():
    labels = np.arange(5, dtype=np.int32).reshape(5, 1)
    np.testing.assert_array_equal(value(lambda n: gm.ops.one_hot(n[:, 0], 5), labels), np.eye(5))
    np.testing.assert_array_equal(value(lambda n: n * 2, labels), labels * 2)


def test_unknown_dimensions_stay_unknown():
    x = gm.Input((None, 3))
    assert (x * 2).shape == (None, None, 3)
    assert gm.ops.sum(x, axis=1).shape == (None, 3)
    assert x[:, 1:].shape == (None, None, 3)
    assert x[:, :2].shape == (None, 2, 3)
    assert Dense(5)(x).shape == (None, None, 5)
    model = gm.Model(x, gm.ops.mean(Dense(5)(x), axis=1))
    assert model(np.zeros((2, 7, 3))).shape == model(np.zeros((2, 9, 3))).shape == (2, 5)


def test_a_known_batch():
    x = gm.Input((4,), batch_size=5)
    assert x.shape == Dense(4)(x).shape == (5, 4)
    assert gm.Model(x, gm.ops.sum(x, axis=0)).output_shape == (4,)


def test_names_and_printing():
    x = gm.Input((4,), name="pixels")
    assert repr(x) == '<SymbolicTensor shape=(None, 4) dtype=float32 from "pixels">'
    assert [(x * 2).name, (x * 3).name, Dense(2)(x).name] == ["multiply", "multiply_1", "dense"]
    assert x.ndim == 2


def test_own_layers_are_run_on_zeros():
    class Halves(gm.layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = Dense(6)

        def call(self, inputs, other=None, factor=1.0):
            y = self.dense(inputs) * factor
            return {"left": y[:, :3], "right": [y[:, 3:], other]}

    x = gm.Input((4,))
    layer = Halves()
    parts = layer(x, other=x * 2, factor=3.0)
    assert layer.built
    assert layer.output_shape == {"left": (None, 3), "right": [(None, 3), (None, 4)]}
    model = gm.Model(x, [parts["right"][0], parts["right"][1]])
    expected = layer(X, other=gm.Tensor(X * 2), factor=3.0)["right"]
    for one, other in zip(model(X), expected):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert len(model.trainable_weights) == 2


def test_subclassed_models_in_graphs():
    class Net(gm.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = Dense(3, activation="relu"), Dense(2)

        def call(self, inputs):
            return self.two(self.one(inputs))

    x = gm.Input((4,))
    net = Net()
    model = gm.Model(x, net(x) + net(x * 0.5))
    assert model.output_shape == (None, 2)
    assert len(model.weights) == 4
    np.testing.assert_array_equal(model(X).numpy(), (net(X) + net(X * 0.5)).numpy())


def test_input_and_output_of_layers():
    x = gm.Input((4,))
    layer, add = Dense(3), gm.layers.Add()
    y = layer(x)
    assert layer.input is x
    assert layer.output is y
    z = add([y, y])
    assert add.input == [y, y] or len(add.input) == 2
    assert add.output is z


def test_a_model_from_the_middle_on():
    x = gm.Input((4,))
    y = Dense(3, activation="relu")(x)
    model = gm.Model(x, Dense(2)(y))
    rest = gm.Model(y, model.output)
    first = gm.Model(x, y)
    np.testing.assert_array_equal(rest(first(X)).numpy(), model(X).numpy())
    twin = gm.Model.from_config(rest.get_config())
    assert twin.input_shape == (None, 3)


class Squeezed(gm.layers.Layer):
    def call(self, inputs):
        return gm.ops.squeeze(inputs[:-1, 0])


NO_VALUE = (
    'A symbolic tensor has no values yet, so {} does not work: it stands for what "pixels" will give when the model '
    "runs. Compute with operators and gm.ops, which become part of the model; a decision that depends on values "
    "belongs into the call() of a Layer subclass, or use gm.ops.where."
)
READS = {
    "a decision by it (if, while, and, or, not, in)": bool,
    "float()": float,
    "int()": int,
    "making an array of it": np.asarray,
    "len()": len,
    "going through its elements (x[:, i] takes one of them)": list,
    "numpy()": lambda x: x.numpy(),
    "item()": lambda x: x.item(),
    "using it as an index": lambda x: [1, 2][x],
    "taking values out of it": gm.ops.convert_to_numpy,
}


@pytest.mark.parametrize("use", READS)
def test_reading_is_refused(use):
    with pytest.raises(TypeError, match=exactly(NO_VALUE.format(use))):
        READS[use](gm.Input((4,), name="pixels"))


MESSAGES = {
    "numpy": (
        lambda x: np.cbrt(x),
        TypeError,
        "numpy.cbrt was called on a symbolic tensor, which has no values yet. Use functions of gm.ops, which become "
        "part of the model.",
    ),
    "numpy function": (
        lambda x: np.concatenate([x, x]),
        TypeError,
        "numpy.concatenate was called on a symbolic tensor, which has no values yet. Use gm.ops.concatenate, which "
        "becomes part of the model.",
    ),
    "a mask": (
        lambda x: x[x > 0],
        ValueError,
        "getitem: the size of what a mask selects depends on values, which a symbolic tensor does not have yet. Keep "
        "the shape with gm.ops.where(mask, x, 0.0), or index in the call() of a Layer subclass.",
    ),
    "a variable": (
        lambda x: x * gm.Variable(2.0, name="factor"),
        ValueError,
        'multiply: the variable "factor" cannot be combined with a symbolic tensor, because it would belong to no '
        "layer, and so be neither trained nor saved. Use it in the call() of a Layer subclass.",
    ),
    "shapes": (
        lambda x: x + gm.Input((3,)),
        ValueError,
        "add: shapes (2, 4) and (2, 3) cannot be broadcast together: from the right, each pair of dimensions must be "
        'equal or contain a 1. (Called on "pixels" (None, 4), "input_layer" (None, 3); shapes are those of a batch of '
        "2 examples, on which it was tried.)",
    ),
    "merging": (
        lambda x: gm.layers.Add(name="sum")([x, gm.Input((3,))]),
        ValueError,
        'add (layer "sum"): tensors of the shapes (None, 4) and (None, 3) cannot be merged: behind the batch, each '
        "pair of dimensions must be equal or contain a 1. Bring them to one shape, with a Dense or 1x1 convolution for "
        "example.",
    ),
    "joining": (
        lambda x: gm.layers.Concatenate(1)([gm.Input((3, 2)), gm.Input((3, 4))]),
        ValueError,
        'concatenate (layer "concatenate"): tensors of the shapes (None, 3, 2) and (None, 3, 4) cannot be joined along '
        "axis 1: they must have as many dimensions, and be equal in all but that one.",
    ),
    "dot": (
        lambda x: gm.layers.Dot((1, 2))([x, gm.Input((3, 5))]),
        ValueError,
        'dot (layer "dot"): the axes (1, 2) of tensors of the shapes (None, 4) and (None, 3, 5) cannot be summed over '
        "together: both must exist, not be the batch, and have the same length.",
    ),
    "no list": (
        lambda x: gm.layers.Subtract()(x),
        ValueError,
        'subtract (layer "subtract"): the input is a list of 2 tensors, as in layer([a, b]). Received: '
        "inputs=(None, 4).",
    ),
    "three to subtract": (
        lambda x: gm.layers.subtract([x, x, x]),
        ValueError,
        'subtract (layer "subtract"): the input is a list of 2 tensors, as in layer([a, b]). Received: '
        "inputs=[(None, 4), (None, 4), (None, 4)].",
    ),
    "unknown features": (
        lambda x: Dense(3)(gm.Input((None,))),
        ValueError,
        'dense (layer "dense"): the last dimension of the input, the features, must be known. '
        "Received: input.shape=(None, None).",
    ),
    "a shared layer on another shape": (
        lambda x: [layer := Dense(3), layer(x), layer(gm.Input((5,)))],
        ValueError,
        'dense (layer "dense"): input has 5 features but the kernel expects 4. Feed as many features as the layer was '
        "built for, or make a new layer for the new number. Received: input.shape=(2, 5), kernel.shape=(4, 3). (Called "
        'on "input_layer" (None, 5); shapes are those of a batch of 2 examples, on which it was tried.)',
    ),
    "a rank that depends on the batch": (
        lambda x: Squeezed()(x),
        ValueError,
        "The number of dimensions of a result must not depend on the size of the batch. Received: "
        "shape_for_2_examples=(), shape_for_3_examples=(2,).",
    ),
    "output of an uncalled layer": (
        lambda x: Dense(3).output,
        AttributeError,
        'Layer "dense" has no symbolic output yet. Call it on gm.Input(...), or put it into a Sequential model that '
        "knows the shape of its input.",
    ),
    "output of a shared layer": (
        lambda x: [layer := Dense(4), layer(layer(x)), layer.output],
        AttributeError,
        'Layer "dense" was called on symbolic tensors 2 times, so that its output is not one thing. Keep the tensor '
        "that the call you mean returned, and pass that to gm.Model.",
    ),
    "a layer as output": (
        lambda x: gm.Model(x, Dense(3, name="last")),
        TypeError,
        'gm.Model(inputs, outputs) takes symbolic tensors, alone or in a list, tuple or dict. "last" is a layer: pass '
        "what calling it on a symbolic tensor returned, or its .output. Received: outputs=<Dense name=last, "
        "built=False>.",
    ),
    "an input that leads nowhere": (
        lambda x: gm.Model([x, gm.Input((2,), name="idle")], x * 2),
        ValueError,
        'Model "functional": "idle" does not reach the outputs. Leave it out of the inputs, or compute something from '
        "it that is an output or leads to one.",
    ),
    "an input that is not listed": (
        lambda x: gm.Model(x, x + gm.Input((4,), name="other")),
        ValueError,
        'Model "functional": its outputs depend on the input "other", which "add" needs, but only "pixels" is listed '
        'in inputs. Add "other" to the inputs. If it is the input of a model inside this one, take a tensor of this '
        "graph: what calling that model returned.",
    ),
    "an input twice": (
        lambda x: gm.Model([x, x], x * 2),
        ValueError,
        'Model "functional": the input "pixels" is listed 2 times. List it once; it may be used as often as you like.',
    ),
    "two layers of one name": (
        lambda x: gm.Model(x, Dense(3, name="a")(Dense(3, name="a")(x))),
        ValueError,
        'Model "functional": the layers of a model have different names, but "a" is the name of 2. Pass another name= '
        "to all but one. Received: layers=['Dense', 'Dense'].",
    ),
    "two dtypes": (
        lambda x: gm.Model(x, Dense(3, dtype="float64", name="b")(Dense(3, name="a")(x))),
        ValueError,
        'A model has one floating dtype: "functional" is float64, but its layer "a" is float32. Leave out dtype= of '
        "the layers, and call gm.config.set_floatx('float32') before making the model if you want that type for all.",
    ),
    "a symbolic tensor in a Sequential": (
        lambda x: gm.Sequential([x * 2]),
        TypeError,
        'A Sequential model takes layers. Received: layer=<SymbolicTensor shape=(None, 4) dtype=float32>.',
    ),
    "inputs of a model without a shape": (
        lambda x: gm.Sequential([Dense(3)]).inputs,
        AttributeError,
        'Sequential model "sequential" has no symbolic input yet, because it does not know the shape of its input. '
        "Begin it with gm.Input(...), or call it on data first.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case):
    action, error, message = MESSAGES[case]
    with pytest.raises(error, match=exactly(message)):
        action(gm.Input((4,), name="pixels"))


def test_a_sequential_that_grows_keeps_one_graph():
    model = gm.Sequential([gm.Input((4,))])
    first = Dense(3)
    model.add(first)
    model.add(Dense(2))
    assert first.output.shape == (None, 3)
    model.pop()
    assert model.output is first.output
    assert gm.Model(model.inputs, first.output)(X).shape == (5, 3)
