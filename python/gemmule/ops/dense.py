"""A dense (fully connected) transformation: one kernel for product, bias and activation."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import did_you_mean
from gemmule.ops.activation import positive_parameter
from gemmule.ops.registry import OPS, op
from gemmule.ops.shapes import as_float, as_tensor, check_float, empty
from gemmule.scope import where
from gemmule.tensor import Tensor

# Fused activations: those with a backward from y. The sigmoid is not among them, because losses want its logits.
_DEFAULT_ALPHA = {"leaky_relu": 0.2, "elu": 1.0}
_PARAMETER = {"leaky_relu": "negative_slope", "elu": "alpha"}
FUSED = ("linear", "relu", "leaky_relu", "elu", "selu", "tanh", "softplus", "exponential")
COMPOSED = ("sigmoid", "gelu", "silu", "mish", "softmax", "log_softmax")


@op
def dense(x: Any, kernel: Any, bias: Any = None, activation: str | None = None, alpha: float | None = None) -> Tensor:
    """Fully connected transformation: `y = activation(x @ kernel + bias)`.

    Args:
        x: inputs, shape `(..., features)`.
        kernel: weights, shape `(features, units)`.
        bias: shape `(units,)`, or `None`.
        activation: `None` or the name of an activation op. `"relu"`, `"leaky_relu"`, `"elu"`, `"selu"`, `"tanh"`,
            `"softplus"` and `"exponential"` are applied while the result is stored and cost next to nothing.
        alpha: `negative_slope` of `"leaky_relu"` (default 0.2) or `alpha` of `"elu"` (default 1.0).

    Returns:
        A tensor of shape `(..., units)`.

    Raises:
        ValueError: if the shapes do not fit, or for an unknown activation.
        TypeError: if the dtypes differ.

    Example:
        >>> gm.ops.dense([[1.0, 2.0]], [[1.0], [1.0]], [0.5], activation="relu").numpy()
        array([[3.5]], dtype=float32)
    """
    x, kernel = as_float(x), as_float(kernel)
    bias = None if bias is None else as_tensor(bias, kernel.dtype)
    _check(x, kernel, bias)
    name = activation or "linear"
    slope = activation_parameter("dense", name, alpha)
    if name in COMPOSED:
        return OPS[name](_fused(x, kernel, bias, "linear", slope))
    return _fused(x, kernel, bias, name, slope)


def _fused(x: Tensor, kernel: Tensor, bias: Tensor | None, activation: str, alpha: float) -> Tensor:
    rows, features, units = prod(x.shape[:-1]), kernel.shape[0], kernel.shape[1]
    x_rows, w = x.array.reshape(rows, features), kernel.array
    y = empty((*x.shape[:-1], units), x.dtype, "dense")
    y_rows = y.array.reshape(rows, units)
    b = None if bias is None else bias.array
    execute("dense_forward", [y_rows], [x_rows, w, b, None, None, None], activation=activation, alpha=alpha)

    def backward(grad: Gradients) -> None:
        dz = through_activation(activation, alpha, grad.d.reshape(rows, units), y_rows)
        dw, db = grad.buffer(1), None if bias is None else grad.buffer(2)
        if dw is not None or db is not None:
            execute("dense_backward_weights", [dw, db], [x_rows, dz])
        dx = grad.buffer(0)
        if dx is not None:
            execute("dense_backward_input", [dx.reshape(rows, features)], [dz, w])

    inputs = (x, kernel) if bias is None else (x, kernel, bias)
    return record(y, inputs, backward, "dense")


def through_activation(activation: str, alpha: float, dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient before a fused activation, from the one behind it and its result y."""
    if activation == "linear":
        return dy
    attributes = {_PARAMETER[activation]: alpha} if activation in _PARAMETER else {}
    dz = np.empty_like(dy)
    execute(f"{activation}_backward", [dz], [dy, y], **attributes)
    return dz


def activation_parameter(op: str, activation: str, alpha: float | None) -> float:
    """The number that a fused activation takes, or 0.

    Raises:
        ValueError: for an unknown activation, or a number it does not take.
    """
    if activation not in FUSED and activation not in COMPOSED:
        raise ValueError(
            f"{where(op)}: unknown activation {activation!r}.{did_you_mean(activation, (*FUSED, *COMPOSED))}"
        )
    if activation in _PARAMETER:
        return positive_parameter(op, "alpha", _DEFAULT_ALPHA[activation] if alpha is None else alpha)
    if alpha is not None:
        raise ValueError(
            f"{where(op)}: alpha belongs to 'leaky_relu' and 'elu'. "
            f"Received: activation={activation!r}, alpha={alpha!r}."
        )
    return 0.0


def _check(x: Tensor, kernel: Tensor, bias: Tensor | None) -> None:
    if kernel.ndim != 2:
        raise ValueError(
            f"{where('dense')}: the kernel must have 2 dimensions, (features, units). "
            f"Received: kernel.shape={kernel.shape}."
        )
    if x.ndim == 0 or x.shape[-1] != kernel.shape[0]:
        got = f"input has {x.shape[-1]} features" if x.ndim else "input has no dimensions"
        raise ValueError(
            f"{where('dense')}: {got} but the kernel expects {kernel.shape[0]}. "
            f"Received: input.shape={x.shape}, kernel.shape={kernel.shape}."
        )
    if bias is not None and bias.shape != kernel.shape[1:]:
        raise ValueError(
            f"{where('dense')}: the bias must have one entry per unit, shape {kernel.shape[1:]}. "
            f"Received: bias.shape={bias.shape}, kernel.shape={kernel.shape}."
        )
    check_float("dense", x)
    if x.dtype != kernel.dtype:
        raise TypeError(
            f"{where('dense')}: input and kernel must have the same dtype; convert the input with gm.ops.cast. "
            f"Received: input.dtype={x.dtype}, kernel.dtype={kernel.dtype}."
        )
