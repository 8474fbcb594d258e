"""Convolutions: bad input, by the whole message; the choice of algorithm; memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule import memory, ops
from gemmule.backend import listening
from gemmule.scope import layer_scope
from tests.helpers import exactly

X = np.zeros((2, 8, 7, 3), np.float32)
SEQUENCE = np.zeros((2, 8, 3), np.float32)


def kernel(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


W = kernel(3, 3, 3, 4)


def case(name: str, call: Callable[[], object], message: str, error: type[Exception] = ValueError) -> object:
    return pytest.param(call, message, error, id=name)


@pytest.mark.parametrize(
    ("call", "message", "error"),
    [
        case("channels", lambda: ops.conv2d(X, kernel(3, 3, 4, 4)),
             "conv2d: input has 3 channels but the kernel expects 4. "
             "Received: input.shape=(2, 8, 7, 3), kernel.shape=(3, 3, 4, 4)."),
        case("channels-transposed", lambda: ops.conv2d_transpose(X, kernel(3, 3, 4, 4)),
             "conv2d_transpose: input has 3 channels but the kernel expects 4. "
             "Received: input.shape=(2, 8, 7, 3), kernel.shape=(3, 3, 4, 4)."),
        case("groups", lambda: ops.conv2d(X, kernel(3, 3, 1, 4), groups=3),
             "conv2d: the number of groups must divide the channels of the input and the filters. "
             "Received: groups=3, channels=3, filters=4, input.shape=(2, 8, 7, 3)."),
        case("groups-zero", lambda: ops.conv2d(X, W, groups=0),
             "conv2d: groups must be a positive integer. Received: groups=0."),
        case("rank", lambda: ops.conv2d(X[0], W),
             "conv2d: the input must have 4 dimensions, (batch, height, width, channels). "
             "Received: input.shape=(8, 7, 3)."),
        case("rank-1d", lambda: ops.conv1d(X, kernel(3, 3, 4)),
             "conv1d: the input must have 3 dimensions, (batch, steps, channels). Received: input.shape=(2, 8, 7, 3)."),
        case("kernel-rank", lambda: ops.conv2d(X, kernel(3, 3, 4)),
             "conv2d: the kernel must have 4 dimensions, none of them 0: (height, width, channels / groups, filters). "
             "Received: kernel.shape=(3, 3, 4)."),
        case("kernel-empty", lambda: ops.conv1d(SEQUENCE, kernel(0, 3, 4)),
             "conv1d: the kernel must have 3 dimensions, none of them 0: (steps, channels / groups, filters). "
             "Received: kernel.shape=(0, 3, 4)."),
        case("bias", lambda: ops.conv2d(X, W, kernel(3)),
             "conv2d: the bias must have one entry per filter, shape (4,). "
             "Received: bias.shape=(3,), kernel.shape=(3, 3, 3, 4)."),
        case("strides-zero", lambda: ops.conv2d(X, W, strides=0),
             "conv2d: strides must be a positive integer, or 2 of them. Received: strides=0."),
        case("strides-negative", lambda: ops.conv2d(X, W, strides=(1, -1)),
             "conv2d: strides must be a positive integer, or 2 of them. Received: strides=(1, -1)."),
        case("strides-three", lambda: ops.conv2d(X, W, strides=(1, 1, 1)),
             "conv2d: strides must be a positive integer, or 2 of them. Received: strides=(1, 1, 1)."),
        case("dilation", lambda: ops.conv1d(SEQUENCE, kernel(3, 3, 4), dilation_rate=1.5),
             "conv1d: dilation_rate must be a positive integer. Received: dilation_rate=1.5."),
        case("strides-and-dilation", lambda: ops.conv2d(X, W, strides=2, dilation_rate=(1, 2)),
             "conv2d: strides greater than 1 do not go together with a dilation_rate greater than 1. "
             "Set one of them to 1. Received: strides=(2, 2), dilation_rate=(1, 2)."),
        case("padding", lambda: ops.conv2d(X, W, padding="sam"),
             "conv2d: unknown padding 'sam'. Did you mean 'same'? Known: same, valid."),
        case("causal", lambda: ops.conv2d(X, W, padding="causal"),
             "conv2d: unknown padding 'causal'. Known: same, valid."),
        case("padding-number", lambda: ops.conv1d(SEQUENCE, kernel(3, 3, 4), padding=1),
             "conv1d: unknown padding 1. Known: causal, same, valid."),
        case("large-kernel", lambda: ops.conv2d(X, kernel(9, 3, 3, 4)),
             "conv2d: the kernel reaches over 9x3 positions, but the input has only 8x7. "
             'Use padding="same", a smaller kernel or fewer layers that shrink the input. '
             "Received: input.shape=(2, 8, 7, 3)."),
        case("large-dilation", lambda: ops.conv1d(SEQUENCE, kernel(3, 3, 4), dilation_rate=4),
             "conv1d: the kernel reaches over 9 positions, but the input has only 8. "
             'Use padding="same", a smaller kernel or fewer layers that shrink the input. '
             "Received: input.shape=(2, 8, 3)."),
        case("channels-first", lambda: ops.conv2d(X, W, data_format="channels_first"),
             "conv2d: gemmule keeps channels last. Transpose the images once: x = x.transpose(0, 2, 3, 1). "
             "Received: data_format='channels_first'."),
        case("channels-first-1d", lambda: ops.conv1d(SEQUENCE, kernel(3, 3, 4), data_format="channels_first"),
             "conv1d: gemmule keeps channels last. Transpose the sequences once: x = x.transpose(0, 2, 1). "
             "Received: data_format='channels_first'."),
        case("output-padding", lambda: ops.conv2d_transpose(X, kernel(3, 3, 4, 3), strides=2, output_padding=(1, 2)),
             "conv2d_transpose: output_padding must be smaller than the strides. "
             "Received: output_padding=(1, 2), strides=(2, 2)."),
        case("output-padding-negative", lambda: ops.conv2d_transpose(X, kernel(3, 3, 4, 3), output_padding=-1),
             "conv2d_transpose: output_padding must be a non-negative integer, or 2 of them. "
             "Received: output_padding=-1."),
        case("nothing-left",
             lambda: ops.conv2d_transpose(X[:, :1], kernel(2, 2, 4, 3), padding="same", output_padding=0),
             "conv2d_transpose: with this output_padding the output would have 0x6 pixels. Leave it out, or make it "
             "larger. Received: output_padding=(0, 0), input.shape=(2, 1, 7, 3)."),
        case("activation", lambda: ops.conv2d(X, W, activation="rel"),
             "conv2d: unknown activation 'rel'. Did you mean 'relu' or 'elu'? Known: elu, exponential, gelu, "
             "leaky_relu, linear, log_softmax, mish, relu, selu, sigmoid, silu, softmax, softplus, tanh."),
        case("dtypes", lambda: ops.conv2d(X.astype(np.float64), W),
             "conv2d: input and kernel must have the same dtype; convert the input with gm.ops.cast. "
             "Received: input.dtype=float64, kernel.dtype=float32.", TypeError),
    ],
)  # fmt: skip
def test_message(call: Callable[[], object], message: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=exactly(message)):
        call()


def test_messages_name_the_layer() -> None:
    with (
        layer_scope("conv2d_1"),
        pytest.raises(ValueError, match=r'^conv2d \(layer "conv2d_1"\): input has 3 channels'),
    ):
        ops.conv2d(X, kernel(3, 3, 4, 4))


def test_a_result_too_large_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**9)
    x = np.zeros((64, 64, 64, 1), np.float32)
    message = (
        "conv2d: an array of 4,294,967,296 bytes (4.0 GiB) is needed, but only 1,000,000,000 bytes (0.9 GiB) of memory "
        "are available. Use smaller batches, images or layers. Received: shape=(64, 64, 64, 4096), dtype=float32."
    )
    with pytest.raises(MemoryError, match=exactly(message)):
        ops.conv2d(x, kernel(1, 1, 1, 4096))
    assert ops.conv2d(X, W).shape == (2, 6, 5, 4)


def test_memory_of_this_machine_is_known() -> None:
    assert 2**26 < memory.available_bytes() < 2**50


def winograd_of(call: Callable[[], object]) -> list[int]:
    """The attribute `winograd` of all kernel calls."""
    found: list[int] = []
    with listening(lambda c: found.append(c.attributes["winograd"]) if "winograd" in c.attributes else None):
        call()
    return found


@pytest.fixture
def settings():
    yield
    gm.config.convolution, gm.config.winograd_tile = "auto", 2


@pytest.mark.usefixtures("settings")
def test_settings_reach_the_kernels() -> None:
    assert winograd_of(lambda: ops.conv2d(X, W)) == [2]
    gm.config.winograd_tile = 4
    assert winograd_of(lambda: ops.conv2d(X, W)) == [4]
    gm.config.convolution = "exact"
    assert winograd_of(lambda: ops.conv2d(X, W)) == [0]


@pytest.mark.usefixtures("settings")
def test_settings_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        ValueError, match=exactly("Unknown convolution 'exac'. Did you mean 'exact'? Known: auto, exact.")
    ):
        gm.config.convolution = "exac"
    with pytest.raises(ValueError, match=exactly("winograd_tile must be 2 or 4. Received: winograd_tile=3.")):
        gm.config.winograd_tile = 3
    with pytest.raises(
        AttributeError,
        match=exactly(
            "gm.config has no setting 'winograd_tiles'. Did you mean 'winograd_tile'? "
            "Known: convolution, winograd_tile."
        ),
    ):
        gm.config.winograd_tiles = 4
    assert (gm.config.convolution, gm.config.winograd_tile) == ("auto", 2)
    gm.config.convolution = "exact"
    gm.show_config()
    assert "convolution exact (winograd_tile: 2)" in capsys.readouterr().out


@pytest.mark.usefixtures("settings")
def test_a_setting_changed_between_epochs_records_another_step() -> None:
    model = gm.Sequential([gm.Input((6, 6, 3)), gm.layers.Conv2D(4, 3), gm.layers.Flatten(), gm.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((8, 6, 6, 3), np.float32), np.zeros((8, 1), np.float32)
    model.fit(x, y, batch_size=2, epochs=2, verbose=0)
    assert winograd_of(lambda: model.fit(x, y, batch_size=2, verbose=0)) == []  # replayed: Python makes no calls
    gm.config.convolution = "exact"
    calls = winograd_of(lambda: model.fit(x, y, batch_size=2, verbose=0))
    assert set(calls) == {0}


def test_causal_outputs_do_not_depend_on_later_inputs() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 9, 2)), rng.standard_normal((3, 2, 4))
    whole = ops.conv1d(x, w, padding="causal", dilation_rate=2).numpy()
    x[:, 5:] = 100
    np.testing.assert_array_equal(ops.conv1d(x, w, padding="causal", dilation_rate=2).numpy()[:, :5], whole[:, :5])
    assert (ops.conv1d(x, w, padding="causal", dilation_rate=2).numpy()[:, 5:] != whole[:, 5:]).all()


def test_the_transpose_is_the_adjoint() -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, with shapes that come back."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 9, 7, 3)), rng.standard_normal((3, 3, 3, 4))
    for padding in ("valid", "same"):
        y = ops.conv2d(x, w, strides=2, padding=padding).numpy()
        g = rng.standard_normal(y.shape)
        extra = {"valid": (0, 0), "same": (0, 0)}[padding]
        back = ops.conv2d_transpose(g, w, strides=2, padding=padding, output_padding=extra).numpy()
        assert back.shape == x.shape
        np.testing.assert_allclose(np.sum(y * g), np.sum(x * back), rtol=1e-12)


@pytest.mark.parametrize("layer", [gm.layers.Conv2D, gm.layers.Conv2DTranspose])
def test_dilation_that_no_memory_holds_is_refused(layer):
    with pytest.raises(MemoryError, match=r'\(layer "far"\): an array of [\d,]+ bytes'):
        layer(2, 3, padding="same", dilation_rate=2**31 - 1, name="far")(np.ones((1, 8, 8, 2), "float32"))
