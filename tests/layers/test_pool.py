"""Pooling, resizing, padding and cropping: what the rows of the tables do not reach, and every complaint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule import layers, ops
from tests.helpers import exactly

IMAGE = np.zeros((2, 5, 6, 3), np.float32)
SEQUENCE = np.zeros((2, 5, 3), np.float32)
LAST = "gemmule keeps channels last. Transpose the images once: x = x.transpose(0, 2, 3, 1)."


def gradient(function: Callable[[gm.Tensor], gm.Tensor], x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    tensor = gm.Tensor(x)
    with gm.GradientTape() as tape:
        tape.watch(tensor)
        y = function(tensor)
    return tape.gradient(y, tensor, output_gradients=dy).numpy()


def test_the_first_of_equals_gets_the_gradient() -> None:
    x = np.array([1, 2, 2, 1, 0, 0], np.float32).reshape(1, 6, 1)
    dx = gradient(lambda t: ops.max_pool(t, 3), x, np.array([5, 7], np.float32).reshape(1, 2, 1))
    assert dx.ravel().tolist() == [0, 5, 0, 7, 0, 0]


def test_overlapping_windows_add_their_gradients() -> None:
    x = np.array([0, 3, 0, 1], np.float32).reshape(1, 4, 1)
    dx = gradient(lambda t: ops.max_pool(t, 2, 1), x, np.array([1, 10, 100], np.float32).reshape(1, 3, 1))
    assert dx.ravel().tolist() == [0, 11, 0, 100]


def test_padding_never_wins() -> None:
    """Windows that reach beyond the image: minus infinity inside still comes before what lies outside."""
    x = np.full((1, 3, 3, 1), -np.inf, np.float32)
    dx = gradient(lambda t: ops.max_pool(t, 2, 2, "same"), x, np.ones((1, 2, 2, 1), np.float32))
    assert dx[0, :, :, 0].tolist() == [[1, 0, 1], [0, 0, 0], [1, 0, 1]]


def test_padding_does_not_count() -> None:
    y = ops.average_pool(np.ones((1, 3, 3, 2), np.float32), 2, 2, "same")
    np.testing.assert_array_equal(y.numpy(), np.ones((1, 2, 2, 2)))


@pytest.mark.parametrize("size", [(16, 16), (20, 20)])
def test_large_windows_remember_their_places(size: tuple[int, int]) -> None:
    """Up to 256 places fit into a byte, more do not."""
    x = np.random.default_rng(0).permutation(2 * 40 * 40).reshape(2, 40, 40, 1).astype(np.float32)
    y = ops.max_pool(x, size)
    dx = gradient(lambda t: ops.max_pool(t, size), x, np.ones(y.shape, np.float32))
    assert sorted(x[dx == 1]) == sorted(y.numpy().ravel())
    assert dx.sum() == y.numpy().size


@pytest.mark.parametrize("channels", [1, 6, 33])
def test_nan_wins(channels: int) -> None:
    x = np.zeros((1, 4, 4, channels), np.float32)
    x[0, 1, 2] = np.nan
    for y in (ops.max_pool(x, 2).numpy(), layers.GlobalMaxPooling2D(keepdims=True)(x).numpy()):
        assert np.isnan(y).any(axis=(1, 2)).all()
    dx = gradient(lambda t: ops.max_pool(t, 2), x, np.ones((1, 2, 2, channels), np.float32))
    assert (dx[0, 1, 2] == 1).all()


def test_short_names_are_the_same_classes() -> None:
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D


def test_the_shape_may_be_unknown() -> None:
    assert layers.MaxPooling2D(3, 2, "same").compute_output_shape((None, None, 9, 4)) == (None, None, 5, 4)
    assert layers.UpSampling2D().compute_output_shape((None, None, 9, 4)) == (None, None, 18, 4)
    assert layers.Cropping1D(2).compute_output_shape((None, None, 4)) == (None, None, 4)


def case(name: str, call: Callable[[], Any], message: str, error: type[Exception] = ValueError) -> Any:
    return pytest.param(call, error, message, id=name)


CASES = [
    case(
        "too-large",
        lambda: layers.MaxPooling2D((6, 2), name="pool")(IMAGE),
        'max_pool (layer "pool"): the pool reaches over 6x2 positions, but the input has only 5x6. Use padding="same", '
        "a smaller pool or fewer layers that shrink the input. Received: input.shape=(None, 5, 6, 3).",
    ),
    case(
        "rank",
        lambda: layers.AveragePooling2D(2, name="pool")(SEQUENCE),
        'average_pool (layer "pool"): the input must have 4 dimensions, (batch, height, width, channels). '
        "Received: input_shape=(None, 5, 3).",
    ),
    case(
        "rank-1d",
        lambda: layers.MaxPooling1D(name="pool")(IMAGE),
        'max_pool (layer "pool"): the input must have 3 dimensions, (batch, steps, channels). '
        "Received: input_shape=(None, 5, 6, 3).",
    ),
    case(
        "rank-global",
        lambda: layers.GlobalAveragePooling1D(name="pool")(IMAGE),
        'global_average_pooling1d (layer "pool"): the input must have 3 dimensions, (batch, steps, channels). '
        "Received: input_shape=(2, 5, 6, 3).",
    ),
    case(
        "nothing-global",
        lambda: layers.GlobalMaxPooling1D(name="pool")(SEQUENCE[:, :0]),
        'global_max_pooling1d (layer "pool"): there is nothing to pool in an input without pixels or steps. '
        "Received: input_shape=(2, 0, 3).",
    ),
    case(
        "strides-zero",
        lambda: layers.MaxPooling2D(2, strides=0, name="pool"),
        'max_pool (layer "pool"): strides must be a positive integer, or 2 of them. Received: strides=0.',
    ),
    case(
        "strides-negative",
        lambda: ops.max_pool(IMAGE, 2, (1, -1)),
        "max_pool: strides must be a positive integer, or 2 of them. Received: strides=(1, -1).",
    ),
    case(
        "pool-size",
        lambda: layers.AveragePooling1D(1.5, name="pool"),
        'average_pool (layer "pool"): pool_size must be a positive integer. Received: pool_size=1.5.',
    ),
    case(
        "padding",
        lambda: layers.MaxPooling2D(padding="full", name="pool"),
        "max_pool (layer \"pool\"): unknown padding 'full'. Known: same, valid.",
    ),
    case(
        "channels-first",
        lambda: layers.MaxPooling2D(data_format="channels_first", name="pool"),
        f"max_pool (layer \"pool\"): {LAST} Received: data_format='channels_first'.",
    ),
    case(
        "channels-first-global",
        lambda: layers.GlobalMaxPooling2D("channels_first", name="pool"),
        f"global_max_pooling2d (layer \"pool\"): {LAST} Received: data_format='channels_first'.",
    ),
    case(
        "op-rank",
        lambda: ops.average_pool(np.zeros((3, 4), np.float32), 2),
        "average_pool: the input must have 4 dimensions, (batch, height, width, channels), or 3, (batch, steps, "
        "channels). Received: input.shape=(3, 4).",
    ),
    case(
        "upsample-rank",
        lambda: layers.UpSampling2D(name="up")(SEQUENCE),
        'upsample (layer "up"): the input must have 4 dimensions, (batch, height, width, channels). '
        "Received: input_shape=(2, 5, 3).",
    ),
    case(
        "upsample-op-rank",
        lambda: ops.upsample(np.zeros(3, np.float32)),
        "upsample: the input must have 4 dimensions, (batch, height, width, channels), or 3, (batch, steps, channels). "
        "Received: input.shape=(3,).",
    ),
    case(
        "upsample-size",
        lambda: layers.UpSampling1D(0, name="up"),
        'upsample (layer "up"): size must be a positive integer. Received: size=0.',
    ),
    case(
        "interpolation",
        lambda: layers.UpSampling2D(interpolation="linear", name="up"),
        "upsample (layer \"up\"): unknown interpolation 'linear'. Did you mean 'bilinear' or 'nearest'? "
        "Known: bilinear, nearest.",
    ),
    case(
        "interpolation-later",
        lambda: layers.UpSampling2D(interpolation="bicubic"),
        'UpSampling2D(interpolation=\'bicubic\') is not supported yet. Take "nearest" or "bilinear".',
        NotImplementedError,
    ),
    case(
        "zero-padding",
        lambda: layers.ZeroPadding2D((1, 2, 3), name="pad"),
        'zero_padding2d (layer "pad"): padding must be a non-negative integer, one for height and one for width, or '
        "((top, bottom), (left, right)). Received: padding=(1, 2, 3).",
    ),
    case(
        "zero-padding-negative",
        lambda: layers.ZeroPadding1D(-1, name="pad"),
        'zero_padding1d (layer "pad"): padding must be a non-negative integer, or a pair of them for the beginning and '
        "the end. Received: padding=-1.",
    ),
    case(
        "zero-padding-rank",
        lambda: layers.ZeroPadding1D(name="pad")(IMAGE),
        'zero_padding1d (layer "pad"): the input must have 3 dimensions, (batch, steps, channels). '
        "Received: input_shape=(2, 5, 6, 3).",
    ),
    case(
        "cropped-away",
        lambda: layers.Cropping2D(((2, 3), (0, 0)), name="crop")(IMAGE),
        'cropping2d (layer "crop"): nothing is left of the input. Cut less off, or feed larger inputs. '
        "Received: input.shape=(None, 5, 6, 3), cropping=((2, 3), (0, 0)).",
    ),
    case(
        "pad-width",
        lambda: ops.pad(SEQUENCE, ((1, 1), (2, 2))),
        "pad: pad_width is a non-negative integer, a pair of them, or a pair for each axis. "
        "Received: pad_width=((1, 1), (2, 2)), shape=(2, 5, 3).",
    ),
    case(
        "pad-mode",
        lambda: ops.pad(SEQUENCE, 1, mode="mirror"),
        "pad: mode is one of constant, edge, reflect, symmetric, wrap, and constant_values belongs to 'constant'. "
        "Received: mode='mirror', constant_values=None.",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_complaints(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=exactly(message)):
        call()


@pytest.mark.parametrize("layer", [gm.layers.MaxPooling1D, gm.layers.AveragePooling2D])
def test_the_name_may_come_last_as_in_keras(layer: type[gm.layers.Layer]) -> None:
    assert layer(2, None, "same", None, "halved").name == "halved"
