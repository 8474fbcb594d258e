"""Figures of filters and feature maps."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import exactly

pytest.importorskip("matplotlib")
PICTURE = np.random.default_rng(0).uniform(size=(16, 16, 3)).astype(np.float32)


@pytest.fixture
def model():
    gm.utils.clear_session()
    inputs = gm.Input((16, 16, 3))
    x = gm.layers.Conv2D(6, 3, activation="relu", name="first")(inputs)
    x = gm.layers.Conv2D(4, 3, name="second")(x)
    x = gm.layers.Flatten(name="flat")(x)
    return gm.Model(inputs, gm.layers.Dense(2, name="out")(x), name="net")


def tiles(figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def test_filters_of_three_channels_are_coloured(model, tmp_path) -> None:
    figure = gm.utils.plot_filters(model, to_file=tmp_path / "filters.png")
    assert (tmp_path / "filters.png").read_bytes()[:4] == b"\x89PNG"
    assert figure._suptitle.get_text() == "first: 6 filters of 3×3×3"
    kernel = model.get_layer("first").kernel.numpy()
    for index, tile in enumerate(tiles(figure)):
        one = kernel[..., index]
        np.testing.assert_allclose(tile, one / (2 * np.abs(one).max()) + 0.5, rtol=1e-5)
    shared = tiles(gm.utils.plot_filters(model, scale="all", columns=3))
    np.testing.assert_allclose(shared[2], kernel[..., 2] / (2 * np.abs(kernel).max()) + 0.5, rtol=1e-5)


@pytest.mark.parametrize("layer", ["second", 2])
def test_filters_of_inner_layers_show_channels(model, layer) -> None:
    figure = gm.utils.plot_filters(model, layer, channels=5)
    assert len(figure.axes) == 4 * 5
    assert figure._suptitle.get_text() == "second: 4 filters of 3×3×6, 5 channels of each"
    assert figure.axes[0].get_subplotspec().get_gridspec().ncols == 5
    assert len(gm.utils.plot_filters(model.get_layer("second")).axes) == 4 * 6


def test_filters_of_an_array() -> None:
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[..., 0, 0] = [[-1, 0, 1]] * 3
    found = tiles(gm.utils.plot_filters(kernel))
    np.testing.assert_allclose(found[0], [[0, 0.5, 1]] * 3)
    np.testing.assert_allclose(found[1], 0.5)


def test_feature_maps(model, tmp_path) -> None:
    figure = gm.utils.plot_feature_maps(model, PICTURE, to_file=tmp_path / "maps.png")
    assert (tmp_path / "maps.png").stat().st_size > 1000
    assert figure._suptitle.get_text() == "first: 6 maps of 14×14"
    expected = model.get_layer("first")(PICTURE[None]).numpy()[0]
    first, *maps = tiles(figure)
    assert first.shape == PICTURE.shape
    assert (first.min(), first.max()) == (0, 1)
    np.testing.assert_allclose(np.stack(maps, axis=-1), expected, rtol=1e-5, atol=1e-6)
    figure = gm.utils.plot_feature_maps(model, PICTURE[None], layer="second", limit=3, columns=2)
    assert figure._suptitle.get_text() == "second: 4 maps of 12×12, the first 3"
    assert len(figure.axes) == 1 + 3


def test_feature_maps_of_a_sequential_model_of_grey_pictures() -> None:
    model = gm.Sequential([gm.Input((8, 8, 1)), gm.layers.Conv2D(3, 3), gm.layers.Flatten()])
    figure = gm.utils.plot_feature_maps(model, PICTURE[:8, :8, 0])
    assert len(figure.axes) == 1 + 3


def test_many_filters_are_cut() -> None:
    figure = gm.utils.plot_filters(np.random.default_rng(0).normal(size=(3, 3, 3, 100)))
    assert figure._suptitle.get_text() == "filters: 100 filters of 3×3×3, the first 64"
    assert figure.axes[0].get_subplotspec().get_gridspec().ncols == 8
    figure = gm.utils.plot_filters(np.random.default_rng(0).normal(size=(3, 3, 32, 100)), limit=5)
    assert figure._suptitle.get_text() == "filters: 100 filters of 3×3×32, the first 5, 8 channels of each"
    assert len(figure.axes) == 40


BAD = [
    (lambda m: gm.utils.plot_filters(m, scale="none"), "plot_filters: scale must be 'each' or 'all'. Received: "
     "scale='none'."),
    (lambda m: gm.utils.plot_filters(m, "flat"), 'Layer "flat" has no filters of two dimensions. Layers: input_layer, '
     "first, second, flat, out."),
    (lambda m: gm.utils.plot_filters(m, 1.5), "layer must be a name, an index or a layer of the model. Received: 1.5."),
    (lambda m: gm.utils.plot_filters(np.zeros(3)), "plot_filters takes a model, a layer, or an array of shape (height, "
     "width, channels, filters). Received: model=<ndarray shape=(3,) dtype=float64>."),
    (lambda m: gm.utils.plot_filters(gm.Sequential([gm.layers.Dense(2, name="d")], name="s")),
     '"s" has no filters of two dimensions. It is not built yet: build it, or call it on data, first. Layers: d.'),
    (lambda m: gm.utils.plot_filters(m, columns=0), "plot_filters: columns must be a positive integer. Received: "
     "columns=0."),
    (lambda m: gm.utils.plot_feature_maps(m, PICTURE, "flat"), 'The output of layer "flat" has no maps, shape (batch, '
     "height, width, channels). Layers: input_layer, first, second, flat, out."),
    (lambda m: gm.utils.plot_feature_maps(m, np.zeros(3)), "plot_feature_maps needs a picture of shape (height, width, "
     "channels), or a batch of them. Received: image=<ndarray shape=(3,) dtype=float64>."),
    (lambda m: gm.utils.plot_feature_maps(m.layers[1], PICTURE), "plot_feature_maps needs a model. Received: "
     "model=<Conv2D name=first, built=True>."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_complaints(model, call, message) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        call(model)


def test_models_that_call_their_layers_themselves() -> None:
    class Net(gm.Model):
        def __init__(self):
            super().__init__(name="net")
            self.conv = gm.layers.Conv2D(2, 3, name="conv")

        def call(self, inputs):
            return self.conv(inputs)

    net = Net()
    net(PICTURE[None])
    assert len(gm.utils.plot_filters(net).axes) == 2
    with pytest.raises(ValueError, match=r'^"net" does not know the way from its input to layer "conv"'):
        gm.utils.plot_feature_maps(net, PICTURE)
