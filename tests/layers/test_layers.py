"""Every row of the table of layers: shapes, configuration, gradients, backends, Keras's values."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule.ops.shapes import as_tensor
from gemmule.random import Stream
from tests.helpers import assert_close, rng_for
from tests.layers.specs import ROWS, Row

BATCH = 6
ORACLE = Path(__file__).parent / "keras_values.npz"
every_row = pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])


def make(row: Row, dtype: str = "float32") -> gm.layers.Layer:
    return getattr(gm.layers, row.layer)(**row.kwargs, dtype=dtype)


def inputs_for(row: Row, dtype: str = "float32") -> Any:
    """An array, or a list of them."""
    rng = rng_for(row.id)
    return one_or_list(row, [rng.normal(size=(BATCH, *shape)).astype(dtype) for shape in row.input_shapes])


def one_or_list(row: Row, values: list[Any]) -> Any:
    return values if row.several else values[0]


def each(function: Callable[[Any], Any], values: Any) -> Any:
    return [function(value) for value in values] if isinstance(values, list) else function(values)


def run(layer: gm.layers.Layer, x: object, training: bool) -> gm.Tensor:
    """A call that draws the same random numbers each time."""
    for value in vars(layer).values():
        if isinstance(value, Stream):
            value.key[2] = 0
    return layer(x, training=training)


def value_and_gradients(layer: gm.layers.Layer, x: Any, training: bool) -> tuple[np.ndarray, list[np.ndarray]]:
    """Output, and gradients of a weighted sum of it with respect to the input and the weights."""
    tensors = each(as_tensor, x)
    watched = tensors if isinstance(tensors, list) else [tensors]
    with gm.GradientTape() as tape:
        tape.watch(watched)
        y = run(layer, tensors, training)
    seed = rng_for("seed").normal(size=y.shape).astype(y.dtype)
    gradients = tape.gradient(y, [*watched, *layer.trainable_weights], output_gradients=seed)
    return y.numpy(), [g.numpy() for g in gradients]


@every_row
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_weights(row: Row, dtype: str) -> None:
    layer = make(row, dtype)
    x = inputs_for(row, dtype)
    shapes = one_or_list(row, [(None, *shape) for shape in row.input_shapes])
    assert layer.compute_output_shape(shapes) == (None, *row.output_shape)
    y = layer(x, training=row.training)
    assert y.shape == (BATCH, *row.output_shape)
    assert y.dtype == dtype
    assert layer.built
    assert layer.output_shape == (None, *row.output_shape)
    assert tuple(w.shape for w in layer.weights) == row.weights
    assert all(w.dtype == dtype for w in layer.weights)
    assert layer.count_params() == sum(int(np.prod(shape)) for shape in row.weights)


@every_row
def test_sequential_builds_it_at_once(row: Row) -> None:
    if row.layer == "InputLayer" or row.several:
        pytest.skip("an Input before an Input, or several inputs")
    model = gm.Sequential([gm.Input(row.input_shape), make(row)])
    assert model.built
    assert model.output_shape == (None, *row.output_shape)
    assert tuple(w.shape for w in model.weights) == row.weights


@every_row
def test_a_graph_builds_it_at_once(row: Row) -> None:
    if row.layer == "InputLayer":
        pytest.skip("an Input behind an Input")
    inputs = [gm.Input(shape) for shape in row.input_shapes]
    layer = make(row)
    model = gm.Model(inputs, layer(one_or_list(row, inputs)))
    assert model.output_shape == (None, *row.output_shape)
    assert tuple(w.shape for w in model.weights) == row.weights
    x = inputs_for(row)
    np.testing.assert_array_equal(run(model, x, False).numpy(), run(layer, x, False).numpy())


@every_row
def test_configuration_makes_the_same_layer(row: Row) -> None:
    layer = make(row)
    if not row.serializable:
        with pytest.raises(NotImplementedError, match="no configuration"):
            gm.layers.serialize(layer)
        return
    config = gm.layers.serialize(layer)
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(gm.layers.serialize(gm.layers.deserialize(config))))
    twin = gm.layers.deserialize(json.loads(json.dumps(config)))
    x = inputs_for(row)
    run(twin, x, row.training)
    run(layer, x, row.training)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(run(twin, x, row.training).numpy(), run(layer, x, row.training).numpy())


@every_row
def test_gradient_is_that_of_finite_differences(row: Row) -> None:
    layer = make(row, "float64")
    x = inputs_for(row, "float64")
    y, gradients = value_and_gradients(layer, x, row.training)
    seed = rng_for("seed").normal(size=y.shape)
    rng = rng_for(row.id, "direction")
    inputs = x if row.several else [x]
    start = [*inputs, *layer.get_weights()]
    trained = {id(weight) for weight in layer.trainable_weights}
    moves = [*(True for _ in inputs), *(id(weight) in trained for weight in layer.weights)]
    direction = [rng.normal(size=array.shape) * move for array, move in zip(start, moves)]

    def moved(step: float) -> float:
        at = [array + step * d for array, d in zip(start, direction)]
        layer.set_weights(at[len(inputs) :])
        return float((run(layer, one_or_list(row, at), row.training).numpy() * seed).sum())

    step = 1e-5
    numeric = (moved(step) - moved(-step)) / (2 * step)
    along = [d for d, move in zip(direction, moves) if move]
    analytic = sum(float((g * d).sum()) for g, d in zip(gradients, along, strict=True))
    scale = max(sum(float(np.abs(g * d).sum()) for g, d in zip(gradients, along)), 1e-12)
    assert abs(numeric - analytic) <= row.gradient * scale


@every_row
def test_native_equals_reference(row: Row) -> None:
    layer, x = make(row), inputs_for(row)
    layer(x)
    y, gradients = value_and_gradients(layer, x, row.training)
    with gm.use_backend("reference"):
        expected, expected_gradients = value_and_gradients(layer, x, row.training)
    assert_close(y, expected, row.tolerance)
    for gradient, expected_gradient in zip(gradients, expected_gradients):
        assert_close(gradient, expected_gradient, 4 * row.tolerance, "gradient")


@every_row
def test_examples_do_not_meet(row: Row) -> None:
    layer, x = make(row), inputs_for(row)
    whole = layer(x).numpy()
    for index in range(BATCH):
        assert_close(layer(each(lambda a, i=index: a[i : i + 1], x)).numpy()[0], whole[index], 1e-6)


@every_row
def test_integers_and_other_floats_are_converted(row: Row) -> None:
    layer = make(row)
    x = each(lambda a: np.round(a * 3), inputs_for(row))
    expected = layer(x).numpy()
    np.testing.assert_array_equal(layer(each(lambda a: a.astype(np.float64), x)).numpy(), expected)
    if layer._wants_floats:
        np.testing.assert_array_equal(layer(each(lambda a: a.astype(np.int64), x)).numpy(), expected)


@pytest.mark.parametrize("row", [r for r in ROWS if r.keras], ids=[r.id for r in ROWS if r.keras])
def test_values_are_those_of_keras(row: Row) -> None:
    with np.load(ORACLE) as oracle:
        layer, x = make(row), one_or_list(row, [oracle[f"{row.id}/x{i}"] for i in range(len(row.input_shapes))])
        layer(x)
        layer.set_weights([oracle[f"{row.id}/w{i}"] for i in range(len(row.weights))])
        assert_close(layer(x, training=row.training).numpy(), oracle[f"{row.id}/y"], 2e-6)


def train(row: Row, how: str) -> list[np.ndarray]:
    """Weights after some steps of a model with the layer in it."""
    gm.utils.clear_session()
    gm.utils.set_random_seed(1)
    start = gm.Input((7,))
    parts = [gm.layers.Reshape(shape)(gm.layers.Dense(int(np.prod(shape)))(start)) for shape in row.input_shapes]
    model = gm.Model(start, gm.layers.Dense(2)(gm.layers.Flatten()(make(row)(one_or_list(row, parts)))))
    model.compile(gm.optimizers.SGD(0.01, momentum=0.9), "mse", run_eagerly=how == "eager")
    rng = rng_for("train")
    x, y = rng.normal(size=(44, 7)).astype(np.float32), rng.normal(size=(44, 2)).astype(np.float32)
    with gm.use_backend("reference" if how == "reference" else "native"):
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("row", [r for r in ROWS if r.layer != "InputLayer"], ids=lambda r: r.id)
def test_eager_equals_replay_equals_reference(row: Row) -> None:
    eager, replay, reference = (train(row, how) for how in ("eager", "replay", "reference"))
    for a, b, c in zip(eager, replay, reference):
        np.testing.assert_array_equal(a, b)
        assert_close(b, c, 1e-4, least_scale=0.01)  # a bias in front of batch norm has a gradient of rounding errors
