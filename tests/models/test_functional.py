"""`gm.Model(inputs, outputs)`: graphs of layers, what they take and give, and how they train."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Dense, Dropout, Flatten
from tests.helpers import exactly

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8)).astype(np.float32)
Y = (X[:, :1] * 2 - X[:, 1:2]).astype(np.float32)


def residual(units: int = 8) -> gm.Model:
    x = gm.Input((8,))
    hidden = Dense(units, activation="relu")(x)
    hidden = Dense(8)(hidden)
    return gm.Model(x, Dense(1)(hidden + x))


def two_inputs() -> gm.Model:
    a, b = gm.Input((8,), name="a"), gm.Input((3,), name="b")
    joined = gm.ops.concatenate([Dense(4, activation="relu")(a), b], axis=-1)
    return gm.Model([a, b], {"sum": Dense(1, name="sum")(joined), "class": Dense(3, activation="softmax")(joined)})


def test_a_graph_is_built_at_once():
    model = residual()
    assert model.built
    assert model.name == "functional"
    assert model.input_shape == (None, 8)
    assert model.output_shape == (None, 1)
    assert [layer.name for layer in model.layers] == ["input_layer", "dense", "dense_1", "dense_2"]
    assert [operation.name for operation in model.operations][3] == "add"
    assert model.input_names == ["input_layer"]
    assert model.output_names == ["dense_2"]
    assert model.count_params() == 72 + 72 + 9


def test_it_computes_what_its_layers_compute():
    model = residual()
    one, two, three = model.layers[1:]
    expected = three(two(one(X)) + X).numpy()
    np.testing.assert_array_equal(model(X).numpy(), expected)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


def train(how: str) -> list[np.ndarray]:
    gm.utils.clear_session()
    gm.utils.set_random_seed(1)
    x = gm.Input((8,))
    shared = Dense(8, activation="tanh")
    y = Dropout(0.3)(shared(shared(x) * 0.5)) + x
    model = gm.Model(x, Dense(1)(y))
    model.compile("adam", "mse", run_eagerly=how == "eager")
    with gm.use_backend("reference" if how == "reference" else "native"):
        model.fit(X, Y, batch_size=16, epochs=5, verbose=0)
    return model.get_weights()


@pytest.mark.filterwarnings("error")
def test_eager_equals_replay_equals_reference():
    eager, replay, reference = train("eager"), train("replay"), train("reference")
    for a, b, c in zip(eager, replay, reference):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(b, c, atol=1e-4)


def test_it_learns():
    model = residual(32)
    model.compile(gm.optimizers.Adam(0.01), "mse")
    loss = model.fit(X, Y, epochs=40, verbose=0).history["loss"]
    assert loss[-1] < 0.05 * loss[0]
    assert model.evaluate(X, Y, verbose=0) < loss[0]


def test_several_inputs_and_outputs():
    model = two_inputs()
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["sum", "class"]
    assert model.input_shape == [(None, 8), (None, 3)]
    assert model.output_shape == {"sum": (None, 1), "class": (None, 3)}
    by_list = model([X, X[:, :3]])
    by_name = model({"b": X[:, :3], "a": X})
    assert list(by_list) == ["sum", "class"]
    for name in by_list:
        np.testing.assert_array_equal(by_list[name].numpy(), by_name[name].numpy())


def test_structures_nest():
    a, b, c = (gm.Input((2,), name=name) for name in "abc")
    model = gm.Model({"first": a, "rest": [b, (c,)]}, [a + b, {"last": (c * 2,)}])
    x = np.ones((3, 2), np.float32)
    first, rest = model({"first": x, "rest": [x, (x,)]})
    np.testing.assert_array_equal(first.numpy(), x * 2)
    np.testing.assert_array_equal(rest["last"][0].numpy(), x * 2)
    assert model.output_shape == [(None, 2), {"last": ((None, 2),)}]


def test_shared_layers_have_their_weights_once():
    a, b = gm.Input((4,)), gm.Input((4,))
    shared = Dense(3, name="shared")
    model = gm.Model([a, b], shared(a) - shared(b))
    assert len(model.weights) == 2
    assert [layer.name for layer in model.layers].count("shared") == 1
    x = X[:, :4]
    np.testing.assert_array_equal(model([x, x]).numpy(), np.zeros((64, 3)))


def test_a_sequential_inside_and_outside():
    inner = gm.Sequential([Dense(4, activation="relu"), Dense(3)], name="inner")
    x = gm.Input((8,))
    model = gm.Model(x, inner(x) * 2.0)
    assert inner.built
    assert len(model.trainable_weights) == 4
    np.testing.assert_array_equal(model(X).numpy(), inner(X).numpy() * 2)
    outer = gm.Sequential([gm.Input((2, 4)), Flatten(), model, Dense(1)])
    assert outer.output_shape == (None, 1)
    assert len(outer.weights) == 6


def test_a_model_inside_a_model():
    inner = two_inputs()
    x = gm.Input((11,))
    parts = inner({"a": x[:, :8], "b": x[:, 8:]})
    outer = gm.Model(x, [parts["class"], parts["sum"] + 1])
    x = np.concatenate([X, X[:, :3]], axis=1)
    expected = inner([X, X[:, :3]])
    classes, total = outer(x)
    np.testing.assert_array_equal(classes.numpy(), expected["class"].numpy())
    np.testing.assert_array_equal(total.numpy(), expected["sum"].numpy() + 1)
    assert outer.get_layer(inner.name) is inner


def test_features_of_inner_layers():
    sequential = gm.Sequential([gm.Input((8,)), Dense(5, activation="relu", name="hidden"), Dense(1)])
    features = gm.Model(sequential.inputs, sequential.get_layer("hidden").output)
    np.testing.assert_array_equal(features(X).numpy(), sequential.layers[0](X).numpy())
    both = gm.Model(sequential.inputs, [layer.output for layer in sequential.layers])
    np.testing.assert_array_equal(both(X)[1].numpy(), sequential(X).numpy())
    graph = residual()
    hidden = gm.Model(graph.input, graph.get_layer("dense_2").output)
    assert hidden(X).shape == (64, 8)


def test_a_subclass_with_inputs_and_outputs():
    class Counting(gm.Model):
        steps = 0

        def train_step(self, data):
            Counting.steps += 1
            return super().train_step(data)

    x = gm.Input((8,))
    model = Counting(x, Dense(1)(x))
    assert isinstance(model, Counting)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert Counting.steps == 2


def test_the_training_flag():
    x = gm.Input((200,))
    ones = np.ones((2, 200), np.float32)
    follows, fixed = gm.Model(x, Dropout(0.5)(x)), gm.Model(x, Dropout(0.5)(x, training=False))
    assert (follows(ones).numpy() == 1).all()
    assert (follows(ones, training=True).numpy() == 0).any()
    assert (fixed(ones, training=True).numpy() == 1).all()


def test_shapes_for_other_inputs():
    x = gm.Input((None, 3))
    shared = Dense(4)
    model = gm.Model(x, {"all": shared(x), "sum": gm.ops.sum(shared(x) * 2.0, axis=1)})
    assert model.compute_output_shape((None, 7, 3)) == {"all": (None, 7, 4), "sum": (None, 4)}
    assert model.compute_output_shape((5, 7, 3)) == {"all": (5, 7, 4), "sum": (5, 4)}
    outer = gm.Input((6, 3))
    assert model(outer)["all"].shape == (None, 6, 4)


def test_a_frozen_model_inside_stays_as_it_is():
    base = residual()
    base.trainable = False
    x = gm.Input((8,))
    model = gm.Model(x, Dense(1)(base(x, training=False)))
    before = base.get_weights()
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    assert len(model.trainable_weights) == 2
    for a, b in zip(before, base.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_class_numbers_as_inputs():
    numbers = gm.Input((), dtype="int32", name="numbers")
    model = gm.Model(numbers, Dense(2)(gm.ops.one_hot(numbers, 5)))
    model.compile("sgd", "mse")
    model.fit(np.arange(5), np.ones((5, 2), np.float32), verbose=0)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(np.arange(5), verbose=0), kernel + bias, rtol=1e-6)


def test_a_column_may_come_without_its_second_dimension():
    x = gm.Input((1,))
    assert gm.Model(x, Dense(2)(x))(np.zeros(5)).shape == (5, 2)


MESSAGES = {
    "an array": (
        lambda: gm.Model(X, X),
        TypeError,
        "gm.Model(inputs, outputs) takes symbolic tensors, alone or in a list, tuple or dict. Begin with "
        "x = gm.Input(shape), and call layers on it: outputs = gm.layers.Dense(3)(x). "
        "Received: inputs=<ndarray shape=(64, 8) dtype=float32>.",
    ),
    "wrong shape": (
        lambda: residual()(X[:, :5]),
        ValueError,
        'Model "functional" expects examples of shape (8,), the batch in front. Feed data of that shape, or change the '
        "Input of the model. Received: examples of shape (5,).",
    ),
    "one input instead of two": (
        lambda: two_inputs()(X),
        ValueError,
        'Model "functional" takes 2 inputs (a, b), but got 1. Received: shapes=[(64, 8)].',
    ),
    "unknown name": (
        lambda: two_inputs()({"a": X, "c": X}),
        ValueError,
        "Model \"functional\" takes a dict with the keys 'a', 'b'. Missing: b. Not inputs of the model: c.",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case):
    action, error, message = MESSAGES[case]
    with pytest.raises(error, match=exactly(message)):
        action()
