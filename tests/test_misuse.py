"""Slips that are easily made, and what they are told: the layer, the cure, what was received."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gemmule as gm

L = gm.layers
X = np.ones((2, 3))


class Endless(gm.Model):
    def call(self, x: Any) -> Any:
        return self(x)


def _around() -> None:
    inner = gm.Sequential([L.Dense(3)], name="inner")
    outer = gm.Sequential([inner], name="outer")
    inner.add(outer)


def _itself() -> None:
    model = gm.Sequential([L.Dense(3)], name="inner")
    model.add(model)


MESSAGES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: setattr(gm.config, "winograd", 4), AttributeError, "Set gm.config.winograd_tile to 2 or 4"),
    (lambda: setattr(gm.config, "floatx", "float64"), AttributeError, "Call gm.config.set_floatx('float32') or"),
    (lambda: setattr(gm.config, "show_config", 1), AttributeError, "no setting 'show_config'. Known: convolution"),
    (_around, ValueError, '"inner" cannot hold "outer", which holds "inner": it would be a part of itself.'),
    (_itself, ValueError, '"inner" cannot hold "inner", which holds "inner": it would be a part of itself.'),
    (
        lambda: Endless()(np.ones((2, 3))),
        RuntimeError,
        '" calls itself without an end, or so do layers in it',
    ),
    (lambda: gm.Sequential([Endless()])(np.ones((2, 3))), RuntimeError, '" calls itself without an end'),
    (lambda: L.Dense(4).kernel, AttributeError, "Weights exist once a layer that has them is built"),
    (lambda: L.Dense(4, name="d").build(None), ValueError, 'Layer "d" is built for the shape of its input, such as'),
    (
        lambda: L.Add(name="a")(X, X),
        TypeError,
        'Layer "a" (Add): call() takes 2 positional arguments but 3 were',
    ),
    (
        lambda: L.Conv2D(4, 1, name="c")(np.ones((1, 3, 3, 1)), foo=3),
        TypeError,
        "Layer \"c\" (Conv2D): call() got an unexpected keyword argument 'foo'. Its arguments are (inputs",
    ),
    (lambda: gm.Sequential([L.Dense(2)]).get_layer(index="a"), TypeError, "index is an integer. Received: index='a'."),
    (lambda: gm.Sequential([L.Dense(2)]).summary(line_length="a"), TypeError, "line_length is an integer"),
    (lambda: gm.Sequential([L.Dense(2)]).summary(line_length=3), ValueError, "Pass line_length=30 or more."),
    (lambda: L.Dense(2, name="d")(np.array([["a"]])), TypeError, 'tensor (layer "d"): tensors hold real numbers'),
    (lambda: L.Dense(2, name="d")([[1], [1, 2]]), ValueError, 'tensor (layer "d"): all rows of nested lists must be'),
    (lambda: L.Conv2D(4, 3, padding="same")(np.ones((1, 0, 4, 1))), ValueError, "only 0x4. Feed images that are not"),
    (lambda: L.Conv2D(4, 3)(np.ones((1, 2, 4, 1))), ValueError, 'only 2x4. Use padding="same"'),
    (lambda: L.RandomContrast(0.1, value_range=3), ValueError, "value_range must be two numbers, the smaller one"),
    (lambda: L.RandomContrast(0.1, value_range=("a", "b")), ValueError, "value_range must be two numbers"),
]


@pytest.mark.parametrize(("action", "error", "message"), MESSAGES)
def test_messages(action: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        action()


def test_settings_stay_functions() -> None:
    for name in ("floatx", "set_floatx", "winograd", "epsilon", "num_threads"):
        with pytest.raises(AttributeError):
            setattr(gm.config, name, 4)
    assert gm.config.floatx() == "float32"
    assert L.Dense(2)(np.ones((1, 2))).shape == (1, 2)


@pytest.mark.parametrize("shape", [(), (7,), (3, 3, 3, 3)])
@pytest.mark.parametrize(
    "make",
    [
        L.RandomFlip,
        lambda: L.RandomTranslation(0.1, 0.1),
        lambda: L.RandomRotation(0.1),
        lambda: L.RandomZoom(0.1),
        lambda: L.RandomCrop(2, 2),
        lambda: L.RandomContrast(0.1),
        lambda: L.SpatialDropout1D(0.1),
        lambda: L.SpatialDropout2D(0.1),
    ],
)
def test_layers_of_images_and_sequences_look_at_the_rank(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    batch = (None, *shape)
    for use in (lambda y: y(gm.Input(shape)), lambda y: y.build(batch), lambda y: y.compute_output_shape(batch)):
        with pytest.raises(ValueError, match=r"must (be images|have [34] dimensions)"):
            use(make())


def test_a_clone_in_memory_keeps_the_function_of_a_lambda() -> None:
    model = gm.Sequential([gm.Input((3,)), L.Lambda(lambda x, k: x * k, arguments={"k": 3.0}, name="thrice")])
    twin = gm.models.clone_model(model)
    np.testing.assert_array_equal(twin(np.ones((1, 3))).numpy(), [[3.0, 3.0, 3.0]])
    assert twin.layers[0] is not model.layers[0]
    assert twin.layers[0].name == "thrice"
    with pytest.raises(NotImplementedError, match="files hold no code"):
        model.get_config()


def test_the_first_layer_gives_a_sequential_its_type() -> None:
    model = gm.Sequential([gm.Input((3,), dtype="float64"), L.Dense(2, dtype="float64")])
    assert model.dtype == "float64"
    assert model.predict(np.ones((4, 3)), verbose=0).dtype == np.float64
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0).history["loss"][0])


def test_concatenate_joins_batches_as_keras_does() -> None:
    layer = L.Concatenate(axis=0)
    assert layer([np.ones((2, 3)), np.ones((1, 3))]).shape == (3, 3)
    assert layer([gm.Input((3,)), gm.Input((3,))]).shape == (None, 3)


def test_resnet50_normalizes_with_the_epsilon_of_keras() -> None:
    from gemmule.applications.resnet import _BIASED, bottleneck_block

    x = gm.Input((8, 8, 4))
    model = gm.Model(x, bottleneck_block(x, 1, 1, "block", **_BIASED))
    found = {layer.epsilon for layer in model.layers if isinstance(layer, L.BatchNormalization)}
    assert found == {1.001e-5}


def test_numpy_arrays_may_be_sizes_and_shapes() -> None:
    assert L.Conv2D(4, np.array([3, 1]))(np.ones((1, 8, 8, 3))).shape == (1, 6, 8, 4)
    assert L.Permute(np.array([2, 1]))(np.ones((1, 8, 3))).shape == (1, 3, 8)
    assert gm.Input(np.array([2, 1])).shape == (None, 2, 1)
