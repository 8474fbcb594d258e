"""Bad input: the whole message of every complaint an op can make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule import ops
from gemmule.random import Stream
from gemmule.scope import layer_scope

X = np.zeros((3, 4), np.float32)
CUBE = np.zeros((2, 3, 4), np.float32)


def case(name: str, call: Callable[[], object], error: type[Exception], message: str) -> object:
    return pytest.param(call, error, message, id=name)


CASES = [
    case(
        "broadcast",
        lambda: ops.add(X, np.zeros(3, np.float32)),
        ValueError,
        "add: shapes (3, 4) and (3,) cannot be broadcast together: from the right, each pair of dimensions must be "
        "equal or contain a 1.",
    ),
    case(
        "broadcast-operator",
        lambda: gm.Tensor(X) * np.zeros((2, 4), np.float32),
        ValueError,
        "multiply: shapes (3, 4) and (2, 4) cannot be broadcast together: from the right, each pair of dimensions must "
        "be equal or contain a 1.",
    ),
    case(
        "text",
        lambda: ops.exp("text"),
        TypeError,
        "Tensors hold real numbers or booleans. Received: value='text', dtype=<U4.",
    ),
    case(
        "complex",
        lambda: ops.add(np.zeros(2, complex), 1.0),
        TypeError,
        "Tensors hold real numbers or booleans. Received: value=<ndarray shape=(2,) dtype=complex128>, "
        "dtype=complex128.",
    ),
    case(
        "objects",
        lambda: ops.sum(np.array([None, 1], object)),
        TypeError,
        "Tensors hold real numbers or booleans. Received: value=<ndarray shape=(2,) dtype=object>, dtype=object.",
    ),
    case(
        "clip-limits",
        lambda: ops.clip(X, 1.0, 0.0),
        ValueError,
        "clip: x_min must not be greater than x_max. Received: x_min=1.0, x_max=0.0.",
    ),
    case(
        "leaky-relu-slope",
        lambda: ops.leaky_relu(X, negative_slope=-0.1),
        ValueError,
        "leaky_relu: negative_slope must be a positive number. Received: negative_slope=-0.1.",
    ),
    case(
        "leaky-relu-zero",
        lambda: ops.leaky_relu(X, negative_slope=0),
        ValueError,
        "leaky_relu: negative_slope must be a positive number. Received: negative_slope=0. "
        "A slope of 0 is gm.ops.relu.",
    ),
    case(
        "elu-alpha",
        lambda: ops.elu(X, alpha=0),
        ValueError,
        "elu: alpha must be a positive number. Received: alpha=0.",
    ),
    case(
        "softmax-scalar",
        lambda: ops.softmax(1.0),
        ValueError,
        "softmax: needs at least one dimension. Received: x=<Tensor shape=() dtype=float32>.",
    ),
    case(
        "softmax-axis",
        lambda: ops.softmax(X, axis=2),
        ValueError,
        "softmax: axis must be an integer from -2 to 1. Received: axis=2.",
    ),
    case(
        "softmax-no-axes",
        lambda: ops.softmax(X, axis=()),
        ValueError,
        "softmax: needs at least one axis. Received: axis=().",
    ),
    case(
        "softmax-axis-twice",
        lambda: ops.log_softmax(X, axis=(0, -2)),
        ValueError,
        "log_softmax: an axis is named twice. Received: axis=(0, -2).",
    ),
    case(
        "glu-odd",
        lambda: ops.glu(X, axis=0),
        ValueError,
        "glu: the axis to halve must have an even length. Received: x=<Tensor shape=(3, 4) dtype=float32>, axis=0.",
    ),
    case(
        "soft-shrink-threshold",
        lambda: ops.soft_shrink(X, -1),
        ValueError,
        "soft_shrink: threshold must be a number of at least 0. Received: threshold=-1.",
    ),
    case(
        "hard-shrink-threshold",
        lambda: ops.hard_shrink(X, float("nan")),
        ValueError,
        "hard_shrink: threshold must be a number of at least 0. Received: threshold=nan.",
    ),
    case(
        "celu-alpha",
        lambda: ops.celu(X, alpha=0),
        ValueError,
        "celu: alpha must be a positive number. Received: alpha=0.",
    ),
    case(
        "squareplus-b",
        lambda: ops.squareplus(X, b=0),
        ValueError,
        "squareplus: b must be a positive number. Received: b=0.",
    ),
    case(
        "dense-features",
        lambda: ops.dense(X, np.zeros((5, 2), np.float32)),
        ValueError,
        "dense: input has 4 features but the kernel expects 5. Received: input.shape=(3, 4), kernel.shape=(5, 2).",
    ),
    case(
        "dense-scalar",
        lambda: ops.dense(1.0, np.zeros((5, 2), np.float32)),
        ValueError,
        "dense: input has no dimensions but the kernel expects 5. Received: input.shape=(), kernel.shape=(5, 2).",
    ),
    case(
        "dense-kernel",
        lambda: ops.dense(X, np.zeros(4, np.float32)),
        ValueError,
        "dense: the kernel must have 2 dimensions, (features, units). Received: kernel.shape=(4,).",
    ),
    case(
        "dense-bias",
        lambda: ops.dense(X, np.zeros((4, 2), np.float32), np.zeros(3, np.float32)),
        ValueError,
        "dense: the bias must have one entry per unit, shape (2,). Received: bias.shape=(3,), kernel.shape=(4, 2).",
    ),
    case(
        "dense-dtypes",
        lambda: ops.dense(X.astype(np.float64), np.zeros((4, 2), np.float32)),
        TypeError,
        "dense: input and kernel must have the same dtype; convert the input with gm.ops.cast. "
        "Received: input.dtype=float64, kernel.dtype=float32.",
    ),
    case(
        "dense-activation",
        lambda: ops.dense(X, np.zeros((4, 2), np.float32), activation="rleu"),
        ValueError,
        "dense: unknown activation 'rleu'. Did you mean 'relu'? Known: elu, exponential, gelu, leaky_relu, "
        "linear, log_softmax, mish, relu, selu, sigmoid, silu, softmax, softplus, tanh.",
    ),
    case(
        "dense-alpha",
        lambda: ops.dense(X, np.zeros((4, 2), np.float32), activation="relu", alpha=0.1),
        ValueError,
        "dense: alpha belongs to 'leaky_relu' and 'elu'. Received: activation='relu', alpha=0.1.",
    ),
    case(
        "matmul",
        lambda: ops.matmul(X, X),
        ValueError,
        "matmul: the last axis of x1 must be as long as the last but one of x2, and leading axes must broadcast. "
        "Received: x1.shape=(3, 4), x2.shape=(3, 4).",
    ),
    case(
        "matmul-batch",
        lambda: ops.matmul(CUBE, np.zeros((3, 4, 5), np.float32)),
        ValueError,
        "matmul: the last axis of x1 must be as long as the last but one of x2, and leading axes must broadcast. "
        "Received: x1.shape=(2, 3, 4), x2.shape=(3, 4, 5).",
    ),
    case(
        "matmul-scalar",
        lambda: ops.matmul(2.0, X),
        ValueError,
        "matmul: the last axis of x1 must be as long as the last but one of x2, and leading axes must broadcast. "
        "Received: x1.shape=(), x2.shape=(3, 4).",
    ),
    case(
        "reduce-axis",
        lambda: ops.sum(X, axis=-3),
        ValueError,
        "sum: axis must be an integer from -2 to 1. Received: axis=-3.",
    ),
    case(
        "reduce-twice",
        lambda: ops.mean(X, axis=(0, -2)),
        ValueError,
        "mean: an axis is named twice. Received: axis=(0, -2).",
    ),
    case(
        "max-of-nothing",
        lambda: ops.max(np.zeros((0, 3), np.float32), axis=0),
        ValueError,
        "max: there is no max of zero elements. Received: x=<Tensor shape=(0, 3) dtype=float32>.",
    ),
    case(
        "argmax-of-nothing",
        lambda: ops.argmax(np.zeros(0, np.float32)),
        ValueError,
        "argmax: there is no max of zero elements. Received: x=<Tensor shape=(0,) dtype=float32>.",
    ),
    case(
        "sparse-labels",
        lambda: ops.sparse_softmax_crossentropy(X, np.zeros((3, 1), np.int32)),
        ValueError,
        "sparse_softmax_crossentropy: labels must have the shape of the logits without the last axis, one class number "
        "per row. Received: logits=<Tensor shape=(3, 4) dtype=float32>, labels=<Tensor shape=(3, 1) dtype=int32>.",
    ),
    case(
        "one-hot-labels",
        lambda: ops.softmax_crossentropy(X, np.zeros(3, np.float32)),
        ValueError,
        "softmax_crossentropy: logits and targets must have the same shape. "
        "Received: logits=<Tensor shape=(3, 4) dtype=float32>, targets=<Tensor shape=(3,) dtype=float32>.",
    ),
    case(
        "mse-shapes",
        lambda: ops.mean_squared_error(np.zeros((3, 1), np.float32), np.zeros(3, np.float32)),
        ValueError,
        "mean_squared_error: y_pred and y_true must have the same shape. "
        "Received: y_pred=<Tensor shape=(3, 1) dtype=float32>, y_true=<Tensor shape=(3,) dtype=float32>.",
    ),
    case(
        "mse-scalar",
        lambda: ops.mean_squared_error(1.0, 2.0),
        ValueError,
        "mean_squared_error: needs at least one dimension. Received: x=<Tensor shape=() dtype=float32>.",
    ),
    case(
        "mean-of-nothing",
        lambda: ops.weighted_mean(np.zeros(0, np.float32)),
        ValueError,
        "weighted_mean: there is no mean of zero values. Received: values=<Tensor shape=(0,) dtype=float32>.",
    ),
    case(
        "weights",
        lambda: ops.weighted_mean(X, np.zeros(3, np.float32)),
        ValueError,
        "weighted_mean: values and weights must have the same shape. "
        "Received: values=<Tensor shape=(3, 4) dtype=float32>, weights=<Tensor shape=(3,) dtype=float32>.",
    ),
    case(
        "dropout-rate",
        lambda: ops.dropout(X, 1.5, Stream(1)),
        ValueError,
        "dropout: rate must be a number from 0 to 1. Received: rate=1.5.",
    ),
    case(
        "dropout-negative",
        lambda: ops.dropout(X, -0.1, Stream(1)),
        ValueError,
        "dropout: rate must be a number from 0 to 1. Received: rate=-0.1.",
    ),
    case(
        "cast",
        lambda: ops.cast(X, "float16"),
        ValueError,
        "gemmule does not compute with dtype 'float16'. Did you mean 'float64' or 'float32'? "
        "Known: bool, float32, float64, int32, int64, uint8.",
    ),
    case(
        "reshape",
        lambda: ops.reshape(X, (5, 2)),
        ValueError,
        "reshape: 12 elements do not fit into the shape (5, 2). Received: x.shape=(3, 4), newshape=(5, 2).",
    ),
    case(
        "reshape-unknown",
        lambda: ops.reshape(X, (5, -1)),
        ValueError,
        "reshape: 12 elements do not fit into the shape (5, -1). Received: x.shape=(3, 4), newshape=(5, -1).",
    ),
    case(
        "reshape-two-unknown",
        lambda: ops.reshape(X, (-1, -1)),
        ValueError,
        "reshape: a shape consists of non-negative integers and at most one -1. "
        "Received: x.shape=(3, 4), newshape=(-1, -1).",
    ),
    case(
        "reshape-empty",
        lambda: ops.reshape(np.zeros((0, 3), np.float32), (0, -1)),
        ValueError,
        "reshape: -1 beside a dimension of 0 has no unique meaning; write it out. "
        "Received: x.shape=(0, 3), newshape=(0, -1).",
    ),
    case(
        "flatten",
        lambda: ops.flatten(1.0),
        ValueError,
        "flatten: needs at least one dimension, the batch. Received: x=<Tensor shape=() dtype=float32>.",
    ),
    case(
        "expand-dims",
        lambda: ops.expand_dims(X, 4),
        ValueError,
        "expand_dims: axis must be an integer from -3 to 2. Received: axis=4.",
    ),
    case(
        "squeeze",
        lambda: ops.squeeze(X, axis=0),
        ValueError,
        "squeeze: only axes of length 1 can go. Received: axis=0, shape=(3, 4).",
    ),
    case(
        "transpose",
        lambda: ops.transpose(X, (0, 0)),
        ValueError,
        "transpose: axes must name each of the 2 axes once. Received: axes=(0, 0), shape=(3, 4).",
    ),
    case(
        "concatenate-nothing",
        lambda: ops.concatenate([]),
        ValueError,
        "concatenate: needs a list of at least one tensor. Received: xs=[].",
    ),
    case(
        "concatenate-shapes",
        lambda: ops.concatenate([X, np.zeros((2, 5), np.float32)], axis=1),
        ValueError,
        "concatenate: shapes must be equal except along the axis. Received: shapes (3, 4), (2, 5), axis=1.",
    ),
    case(
        "concatenate-scalars",
        lambda: ops.concatenate([1.0, 2.0]),
        ValueError,
        "concatenate: tensors without dimensions cannot be joined; reshape them to (1,) first. "
        "Received: shapes=[(), ()].",
    ),
    case(
        "index-range",
        lambda: gm.Tensor(X)[3],
        IndexError,
        "getitem: index 3 is out of range for axis 0, which has 3 entries.",
    ),
    case(
        "index-array-range",
        lambda: gm.Tensor(X)[:, [0, -5]],
        IndexError,
        "getitem: index -5 is out of range for axis 1, which has 4 entries.",
    ),
    case(
        "index-too-many",
        lambda: gm.Tensor(X)[0, 0, 0],
        IndexError,
        "getitem: too many indices for a tensor of 2 dimensions, or more than one '...'. "
        "Received: indices=3, shape=(3, 4).",
    ),
    case(
        "index-float",
        lambda: gm.Tensor(X)[1.0],
        IndexError,
        "getitem: an index is an integer, a slice, None, '...', or an array of integers or booleans. "
        "Received: index=1.0.",
    ),
    case(
        "index-mask",
        lambda: gm.Tensor(X)[np.array([True, False])],
        IndexError,
        "getitem: a mask must have the shape of the axes it selects from, (3,). "
        "Received: mask=<ndarray shape=(2,) dtype=bool>.",
    ),
    case(
        "index-apart",
        lambda: gm.Tensor(CUBE)[[0, 1], :, [0, 1]],
        IndexError,
        "getitem: arrays and integers with a slice, None or '...' between them are not supported; index in two steps.",
    ),
    case(
        "take-range",
        lambda: ops.take(X, [0, 4], axis=1),
        IndexError,
        "take: index 4 is out of range for axis 1, which has 4 entries.",
    ),
    case(
        "take-floats",
        lambda: ops.take(X, [0.5]),
        TypeError,
        "take: indices must be integers; convert them with gm.ops.cast. "
        "Received: x=<Tensor shape=(1,) dtype=float32>.",
    ),
    case(
        "one-hot",
        lambda: ops.one_hot([0, 1], 0),
        ValueError,
        "one_hot: num_classes must be a positive integer. Received: num_classes=0.",
    ),
    case(
        "zeros",
        lambda: ops.zeros((2, -1)),
        ValueError,
        "zeros: a shape consists of non-negative integers. Received: shape=(2, -1).",
    ),
    case(
        "arange",
        lambda: ops.arange(0, 3, 0),
        ValueError,
        "arange: step must not be 0. Received: start=0, stop=3, step=0.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_message(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_messages_name_the_layer() -> None:
    with layer_scope("dense_1"), pytest.raises(ValueError, match=r'^dense \(layer "dense_1"\): input has 4 features'):
        ops.dense(X, np.zeros((5, 2), np.float32))


def test_labels_out_of_range_give_nan_and_read_nothing_foreign() -> None:
    """Labels are checked before training; a stray one inside a recorded step must be seen, not read out of bounds."""
    logits = gm.Variable(np.zeros((4, 3), np.float32))
    with gm.GradientTape() as tape:
        loss = ops.sparse_softmax_crossentropy(logits, [0, 3, -1, 10**9])
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isnan(loss.numpy()).tolist() == [False, True, True, True]
    assert np.isnan(gradient).all(axis=1).tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=">f4").reshape(3, 4),
        np.arange(24, dtype=np.float32).reshape(3, 8)[:, ::2],
        np.arange(12, dtype=np.float32).reshape(3, 4)[::-1, ::-1],
        np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
        np.frombuffer(np.arange(12, dtype=np.float32).tobytes(), np.float32).reshape(3, 4),
        np.frombuffer(b"x" + np.arange(12, dtype=np.float32).tobytes(), np.float32, offset=1).reshape(3, 4),
    ],
    ids=["big-endian", "strided", "negative-strides", "fortran", "read-only", "misaligned"],
)
def test_unusual_arrays_work(array: np.ndarray) -> None:
    np.testing.assert_array_equal(ops.add(array, 1.0).numpy(), np.asarray(array, np.float32) + 1)
    np.testing.assert_array_equal(ops.reshape(array, -1).numpy(), np.asarray(array, np.float32).reshape(-1))
