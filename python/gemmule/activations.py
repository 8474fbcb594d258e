"""Activation functions under Keras's names, and how layers find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gemmule import ops
from gemmule.errors import did_you_mean, received
from gemmule.ops import (
    celu,
    elu,
    exponential,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
from gemmule.registry import CustomObjectScope, get_registered_object
from gemmule.tensor import Tensor

__all__ = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
    "get", "serialize", "deserialize",
]  # fmt: skip


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """Rectified linear unit with Keras's variations.

    `y = min(x, max_value)` where `x > threshold`, else `negative_slope * (x - threshold)`.

    Args:
        x: a tensor, array, number or list.
        negative_slope: slope to the left of the threshold, not negative.
        max_value: the largest result, or `None`.
        threshold: where the left part ends.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.activations.relu([-1.0, 3.0, 9.0], max_value=6.0).numpy()
        array([0., 3., 6.], dtype=float32)
    """
    if threshold == 0 and max_value is None:
        return ops.leaky_relu(x, negative_slope=negative_slope) if negative_slope else ops.relu(x)
    x = ops.linear(x)
    y = ops.relu(x) if threshold == 0 else ops.where(ops.greater(x, threshold), x, 0.0)
    if max_value is not None:
        y = ops.clip(y, 0.0, max_value)
    if not negative_slope:
        return y
    return ops.subtract(y, ops.multiply(ops.relu(ops.subtract(threshold, x)), negative_slope))


def gelu(x: Any, approximate: bool = False) -> Tensor:
    """Gaussian error linear unit: `y = x · Φ(x)` with the normal distribution's Φ.

    Args:
        x: a tensor, array, number or list.
        approximate: whether to use `0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))`. As in Keras, the activation is
            exact by default and `gm.ops.gelu` approximate; PyTorch's is exact.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.activations.gelu([0.0]).numpy()
        array([0.], dtype=float32)

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    """
    return ops.gelu(x, approximate=approximate)


swish, hard_swish = silu, hard_silu

_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "celu": celu, "elu": elu, "exponential": exponential, "gelu": gelu, "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid, "hard_silu": hard_silu, "hard_swish": hard_swish, "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu, "linear": linear, "log_sigmoid": log_sigmoid, "log_softmax": log_softmax,
    "mish": mish, "relu": relu, "relu6": relu6, "selu": selu, "sigmoid": sigmoid, "silu": silu,
    "soft_shrink": soft_shrink, "softmax": softmax, "softplus": softplus, "softsign": softsign,
    "sparse_plus": sparse_plus, "sparse_sigmoid": sparse_sigmoid, "sparsemax": sparsemax,
    "squareplus": squareplus, "swish": swish, "tanh": tanh, "tanh_shrink": tanh_shrink,
}  # fmt: skip
_NOT_BY_NAME = {
    "glu": "it halves an axis. Call gm.activations.glu on the layer's output, or put it into a Lambda layer.",
    "threshold": "it needs two numbers. Pass a function: lambda x: gm.activations.threshold(x, 1.0, 0.0).",
}
_NAMES = {function: name for name, function in _FUNCTIONS.items() if "swish" not in name}
_NAMES[ops.relu] = "relu"


def get(identifier: Any) -> Callable[..., Any]:
    """An activation function from its name or from itself.

    Args:
        identifier: a name, also one of something registered, a function of one tensor (an `Activation` or `ReLU` layer
            is one, too), or `None`.

    Returns:
        The function; `linear` for `None`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else.

    Example:
        >>> gm.activations.get("relu")([-1.0]).numpy()
        array([0.], dtype=float32)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        if identifier in _NOT_BY_NAME:
            raise ValueError(f"The name {identifier!r} is no activation of a layer: {_NOT_BY_NAME[identifier]}")
        found = _FUNCTIONS.get(identifier) or get_registered_object(identifier)
        if found is None:
            raise ValueError(f"Unknown activation {identifier!r}.{did_you_mean(identifier, _FUNCTIONS)}")
        return found
    if callable(identifier):
        return identifier
    raise TypeError(f"An activation is a name such as 'relu', or a function.{received(activation=identifier)}")


def serialize(activation: Callable[..., Any]) -> Any:
    """The name of an activation of gemmule's; any other function stays as it is."""
    return _NAMES.get(activation, activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """The function that `serialize` described.

    Args:
        config: its name, or itself.
        custom_objects: functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return get(config)
