"""Inputs of other types than the model's: each array reaches the layers as its `Input` says, batch by batch."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gemmule as gm

RNG = np.random.default_rng(0)
N = 70  # two whole batches and a part of one
WIDE = RNG.normal(size=(N, 3)).astype(np.float32)
WORD = RNG.integers(0, 5, N)
Y = RNG.normal(size=(N, 1)).astype(np.float32)
HUGE = 2**24 + 1  # the first integer that float32 does not have
INTEGERS = ["int32", "int64", "uint8", "bool"]


class Lookup(gm.layers.Layer):
    """Rows of a table by number; keeps the types it was called with."""

    def build(self, input_shape):
        self.table = self.add_weight(shape=(5, 4), name="table")
        self.seen = set()

    def call(self, inputs):
        self.seen.add(inputs.dtype.name)
        return gm.ops.take(self.table, gm.ops.cast(inputs, "int32"), axis=0)

    def compute_output_shape(self, input_shape):
        return (*input_shape, 4)


def one_hot(x: gm.Tensor) -> gm.Tensor:
    return gm.ops.one_hot(gm.ops.cast(x, "int32"), 5)


def make(dtype: str) -> gm.Model:
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    wide, word = gm.Input((3,), name="wide"), gm.Input((), dtype=dtype, name="word")
    rows = Lookup(name="lookup")(word)
    flags = gm.layers.Lambda(one_hot, output_shape=(5,))(word)
    h = gm.layers.Dense(8, activation="tanh")(gm.layers.Concatenate()([wide, rows, flags]))
    model = gm.Model([wide, word], gm.layers.Dense(1)(h))
    model.compile(gm.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    return model


def everything(model: gm.Model, word: np.ndarray) -> list[np.ndarray]:
    """What all methods return, and the weights at the end."""
    x = {"wide": WIDE, "word": word}
    history = model.fit(x, Y, epochs=3, verbose=0, validation_split=0.2).history
    logs = [np.array(values) for _, values in sorted(history.items())]
    batch = [WIDE[:9], word[:9]]
    logs += [np.array(model.train_on_batch(batch, Y[:9])) for _ in range(4)]
    logs += [np.array(model.evaluate(x, Y, verbose=0)), np.array(model.test_on_batch(batch, Y[:9]))]
    for _ in range(3):
        logs += [model.predict(x), model.predict_on_batch(batch), model.predict_on_batch(x)]
    return [*logs, model([WIDE, word]).numpy(), *model.get_weights()]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_integers_do_what_floats_do(dtype: str, backend: str) -> None:
    with gm.use_backend(backend):
        word = WORD.astype(dtype)
        floats, integers = make("float32"), make(dtype)
        expected, found = everything(floats, word.astype("float32")), everything(integers, word)
    assert floats.get_layer("lookup").seen == {"float32"}
    assert integers.get_layer("lookup").seen == {dtype}
    for one, two in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("stored", ["int16", "int64", "float64", ">i4"])
def test_data_of_other_types_is_converted(stored: str) -> None:
    expected = everything(make("int32"), WORD.astype("int32"))
    for one, two in zip(expected, everything(make("int32"), WORD.astype(stored)), strict=True):
        np.testing.assert_array_equal(one, two)


class Same(gm.layers.Layer):
    """Lets integers through and counts 1 for each that is `HUGE`."""

    def call(self, inputs):
        return gm.ops.cast(gm.ops.equal(inputs, np.array(HUGE, inputs.dtype)), "float32")

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_large_integers_keep_their_digits(dtype: str, kind: str) -> None:
    x = np.full((N, 2), HUGE, dtype)
    x[::2] -= 1
    start = gm.Input((2,), dtype=dtype)
    if kind == "functional":
        model = gm.Model(start, Same()(start))
    else:
        model = gm.Sequential([start, Same()])
    expected = (x == HUGE).astype(np.float32)
    for _ in range(3):
        np.testing.assert_array_equal(model.predict(x), expected)
        np.testing.assert_array_equal(model.predict_on_batch(x), expected)
    model.compile("sgd", "mse")
    for _ in range(3):
        assert model.evaluate(x, expected, verbose=0) == 0.0


def test_one_array_for_two_inputs_of_different_types() -> None:
    a, b = gm.Input((), dtype="int32"), gm.Input(())
    lookup = Lookup()
    model = gm.Model([a, b], [lookup(a), gm.ops.multiply(b, 0.5)])
    for _ in range(3):
        rows, half = model.predict([WORD, WORD])
        np.testing.assert_array_equal(rows, lookup.table.numpy()[WORD])
        np.testing.assert_array_equal(half, (WORD * 0.5).astype("float32"))
    assert lookup.seen == {"int32"}


class Casting(gm.Model):
    """Integers given to a model without an `Input` become its floating type."""

    def __init__(self) -> None:
        super().__init__()
        self.lookup, self.out = Lookup(), gm.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.lookup(inputs))


@pytest.mark.parametrize("kind", ["subclass", "sequential"])
def test_models_without_an_input_take_floats(kind: str) -> None:
    gm.utils.set_random_seed(0)
    model = Casting() if kind == "subclass" else gm.Sequential([Lookup(), gm.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(WORD, Y, verbose=0)
    model.predict(WORD)
    assert (model.lookup if kind == "subclass" else model.layers[0]).seen == {"float32"}


def test_an_input_added_after_the_first_prediction_counts() -> None:
    model = gm.Sequential()
    with pytest.raises(ValueError, match="has no layers"):
        model.predict(WORD)
    model.add(gm.Input((), dtype="int32"))
    model.add(Lookup())
    np.testing.assert_array_equal(model.predict(WORD), model.layers[0].table.numpy()[WORD])
    assert model.layers[0].seen == {"int32"}


def test_data_that_does_not_fit_is_refused_as_before() -> None:
    model = make("int32")
    with pytest.raises(ValueError, match="has 2 inputs"):
        model.predict(WIDE)
    with pytest.raises(ValueError, match="lacks the array of input 'word'"):
        model.predict({"wide": WIDE})


@pytest.mark.parametrize(
    ("dtype", "given", "text"),
    [
        ("int32", [[1.0], [2.5]], "Received: 2.5."),
        ("int32", [[1.0], [np.nan]], "Received: nan."),
        ("int32", np.array([[1], [2**40]]), "Received: 1099511627776."),
        ("uint8", np.array([[3], [-1]]), "Received: -1."),
        ("bool", np.array([[0.0], [0.5]]), "Received: 0.5."),
    ],
)
def test_nothing_is_cut_off_silently(dtype: str, given, text: str) -> None:
    entrance = gm.Input((1,), dtype=dtype, name="numbers")
    model = gm.Model(entrance, gm.layers.Dense(1)(gm.ops.cast(entrance, "float32")))
    model.compile(loss="mse")
    x = np.array(given)
    for call in (
        lambda: model.fit(x, np.ones((2, 1)), verbose=0),
        lambda: model.evaluate(x, np.ones((2, 1)), verbose=0),
        lambda: model.predict(x),
        lambda: model.predict_on_batch(x),
        lambda: model(x),
        lambda: model.fit(np.ones((2, 1)), np.ones((2, 1)), validation_data=(x, np.ones((2, 1))), verbose=0),
    ):
        with pytest.raises(ValueError, match=re.escape(text)):
            call()
    whole = np.ones((2, 1), np.float32)
    np.testing.assert_array_equal(model.predict(whole), model.predict(whole.astype(dtype)))
