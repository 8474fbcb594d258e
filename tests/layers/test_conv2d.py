"""Convolutional layers: bad input, by the whole message; initial weights; what Keras does besides."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule import memory
from gemmule.layers import Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D
from tests.helpers import exactly

X = np.zeros((2, 8, 7, 3), np.float32)


def case(name: str, call: Callable[[], object], message: str, error: type[Exception] = ValueError) -> object:
    return pytest.param(call, message, error, id=name)


@pytest.mark.parametrize(
    ("call", "message", "error"),
    [
        case("filters", lambda: Conv2D(0, 3, name="c"),
             'conv2d (layer "c"): filters must be a positive integer. Received: filters=0.'),
        case("filters-fraction", lambda: Conv2DTranspose(2.5, 3, name="c"),
             'conv2d_transpose (layer "c"): filters must be a positive integer. Received: filters=2.5.'),
        case("kernel-size", lambda: Conv2D(4, (3, 0), name="c"),
             'conv2d (layer "c"): kernel_size must be a positive integer, or 2 of them. Received: kernel_size=(3, 0).'),
        case("kernel-size-1d", lambda: Conv1D(4, (3, 3), name="c"),
             'conv1d (layer "c"): kernel_size must be a positive integer. Received: kernel_size=(3, 3).'),
        case("strides-huge", lambda: Conv2D(4, 3, strides=2**70, name="c"),
             'conv2d (layer "c"): strides must not be above 2,147,483,647. Received: strides=1180591620717411303424.'),
        case("strides", lambda: DepthwiseConv2D(3, strides=-1, name="c"),
             'depthwise_conv2d (layer "c"): strides must be a positive integer, or 2 of them. Received: strides=-1.'),
        case("strides-and-dilation", lambda: Conv2D(4, 3, strides=2, dilation_rate=2, name="c"),
             'conv2d (layer "c"): strides greater than 1 do not go together with a dilation_rate greater '
             "than 1. Set one of them to 1. Received: strides=(2, 2), dilation_rate=(2, 2)."),
        case("depth-multiplier", lambda: DepthwiseConv2D(3, depth_multiplier=0, name="c"),
             'depthwise_conv2d (layer "c"): depth_multiplier must be a positive integer. '
             "Received: depth_multiplier=0."),
        case("groups", lambda: Conv2D(4, 3, groups=3, name="c"),
             'conv2d (layer "c"): the number of groups must divide the channels of the input and the filters. '
             "Received: groups=3, filters=4."),
        case("groups-channels", lambda: Conv2D(4, 3, groups=2, name="c")(X),
             'conv2d (layer "c"): the number of groups must divide the channels of the input and the filters. '
             "Received: groups=2, channels=3, filters=4, input.shape=(None, 8, 7, 3)."),
        case("padding", lambda: Conv2D(4, 3, padding="causal", name="c"),
             "conv2d (layer \"c\"): unknown padding 'causal'. Known: same, valid."),
        case("padding-typo", lambda: Conv1D(4, 3, padding="casual", name="c"),
             "conv1d (layer \"c\"): unknown padding 'casual'. Did you mean 'causal'? Known: causal, same, valid."),
        case("channels-first", lambda: Conv2D(4, 3, data_format="channels_first", name="c"),
             'conv2d (layer "c"): gemmule keeps channels last. Transpose the images once: '
             "x = x.transpose(0, 2, 3, 1). Received: data_format='channels_first'."),
        case("output-padding", lambda: Conv2DTranspose(4, 3, output_padding=1, name="c"),
             'conv2d_transpose (layer "c"): output_padding must be smaller than the strides. '
             "Received: output_padding=(1, 1), strides=(1, 1)."),
        case("grey", lambda: Conv2D(4, 3, name="c")(X[..., 0]),
             'conv2d (layer "c"): the input must have 4 dimensions, (batch, height, width, channels). Give grey images '
             "their one channel with x[..., np.newaxis], and one image its batch with x[np.newaxis]. "
             "Received: input_shape=(None, 8, 7)."),
        case("channels-unknown", lambda: Conv2D(4, 3, name="c").build((None, 8, 8, None)),
             'conv2d (layer "c"): the last dimension of the input, the channels, must be known. '
             "Received: input_shape=(None, 8, 8, None)."),
        case("too-small", lambda: Conv2D(4, 9, name="c")(X),
             'conv2d (layer "c"): the kernel reaches over 9x9 positions, but the input has only 8x7. '
             'Use padding="same", a smaller kernel or fewer layers that shrink the input. '
             "Received: input.shape=(None, 8, 7, 3)."),
        case("unknown-argument", lambda: Conv2D(4, kernel_siz=3, kernel_size=3),
             None, TypeError),
    ],
)  # fmt: skip
def test_message(call: Callable[[], object], message: str | None, error: type[Exception]) -> None:
    with pytest.raises(error, match=exactly(message) if message else "Did you mean 'kernel_size'"):
        call()


def test_other_channels_after_building() -> None:
    layer = Conv2D(4, 3, name="c")
    layer(X)
    message = (
        'conv2d (layer "c"): input has 4 channels but the kernel expects 3. '
        "Received: input.shape=(2, 8, 7, 4), kernel.shape=(3, 3, 3, 4)."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        layer(np.zeros((2, 8, 7, 4)))


def test_images_of_other_sizes_work_after_building() -> None:
    layer = Conv2D(4, 3)
    assert layer(X).shape == (2, 6, 5, 4)
    assert layer(np.zeros((1, 11, 4, 3))).shape == (1, 9, 2, 4)
    with pytest.raises(ValueError, match=r"the kernel reaches over 3x3 positions, but the input has only 2x4"):
        layer(np.zeros((1, 2, 4, 3)))


def test_unknown_sizes_stay_unknown() -> None:
    assert Conv2D(4, 3, strides=2).compute_output_shape((None, None, 9, 3)) == (None, None, 4, 4)
    assert Conv1D(4, 3, padding="causal").compute_output_shape((None, None, 3)) == (None, None, 4)
    assert Conv2DTranspose(4, 3, strides=2).compute_output_shape((None, None, 9, 3)) == (None, None, 19, 4)


def test_memory_error_names_bytes_and_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**8)
    layer = Conv2D(64, 1, name="huge")
    with pytest.raises(MemoryError, match=r'^conv2d \(layer "huge"\): an array of 268,435,456 bytes \(0.2 GiB\)'):
        layer(np.zeros((1, 1024, 1024, 1), np.float32))
    assert layer(np.zeros((1, 8, 8, 1))).shape == (1, 8, 8, 64)


def test_memory_error_of_the_reference_names_patches_and_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**8)
    with (
        gm.use_backend("reference"),
        pytest.raises(MemoryError, match=r'^im2col \(layer "huge"\): an array of 104,857,600 bytes'),
    ):
        Conv2D(1, 5, padding="same", name="huge")(np.zeros((4, 64, 64, 64), np.float32))


def test_a_kernel_too_large_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**8)
    with pytest.raises(MemoryError, match=r'\(layer "huge"\): an array of 335,544,320 bytes'):
        Conv2D(640, 64, name="huge").build((None, 128, 128, 16))


@pytest.mark.parametrize(
    ("layer", "channels", "fans"),
    [
        (Conv2D(8, 3), 5, (45, 72)),
        (Conv2D(8, 3, groups=2), 6, (27, 72)),
        (Conv1D(8, 4), 5, (20, 32)),
        (Conv2DTranspose(8, 3), 5, (72, 45)),
        (DepthwiseConv2D(3, depth_multiplier=2), 5, (45, 18)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_initial_kernels_know_the_receptive_field(layer: gm.layers.Layer, channels: int, fans: tuple[int, int]) -> None:
    """Uniform within ±sqrt(6 / (fan_in + fan_out)), fans counted over all taps, as in Keras."""
    rank = 1 if isinstance(layer, Conv1D) else 2
    layer.build((None, *(9,) * rank, channels))
    limit = math.sqrt(6 / sum(fans))
    largest = np.abs(layer.kernel.numpy()).max()
    assert 0.9 * limit < largest <= limit


def test_activations_that_are_not_fused_follow() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 5, 3)).astype(np.float32)
    layer, plain = Conv2D(4, 3, activation=gm.activations.relu), Conv2D(4, 3)
    own = Conv2D(4, 3, activation=lambda t: t * 2)
    for each in (layer, plain, own):
        each.build(x.shape)
        each.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(x).numpy(), np.maximum(plain(x).numpy(), 0))
    np.testing.assert_array_equal(own(x).numpy(), 2 * plain(x).numpy())


def test_pixels_are_converted() -> None:
    layer = Conv2D(4, 3)
    pixels = np.arange(2 * 8 * 7 * 3, dtype=np.uint8).reshape(X.shape)
    np.testing.assert_array_equal(layer(pixels).numpy(), layer(pixels.astype(np.float32)).numpy())
