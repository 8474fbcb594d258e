"""Activation functions.

Most have a backward that works from the output `y`, so that nothing else need be kept and `dense` can apply them while
it stores its result; gelu, silu and mish work from the input.
"""

from __future__ import annotations

from typing import Any

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, empty_like
from gemmule.scope import where
from gemmule.tensor import Tensor


def _from_output(name: str, x: Any, **attributes: Any) -> Tensor:
    """An activation whose backward works from `y`."""
    x = as_float(x)
    y = empty_like(x)
    execute(f"{name}_forward", [y.array], [x.array], **attributes)

    def backward(grad: Gradients) -> None:
        execute(f"{name}_backward", [grad.buffer(0)], [grad.d, y.array], **attributes)

    return record(y, (x,), backward, name)


def _from_input(name: str, x: Any, **attributes: Any) -> Tensor:
    """An activation whose backward works from `x`."""
    x = as_float(x)
    y = empty_like(x)
    x_array = x.array
    execute(f"{name}_forward", [y.array], [x_array], **attributes)

    def backward(grad: Gradients) -> None:
        execute(f"{name}_backward", [grad.buffer(0)], [grad.d, x_array], **attributes)

    return record(y, (x,), backward, name)


def positive_parameter(op_name: str, parameter: str, value: Any) -> float:
    """The slope or scale of an activation, checked: its backward divides cases by the sign of the output.

    Raises:
        ValueError: unless it is a positive, finite number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError(
            f"{where(op_name)}: {parameter} must be a positive number.{received(**{parameter: value})}"
            + (" A slope of 0 is gm.ops.relu." if parameter == "negative_slope" and value == 0 else "")
        )
    return float(value)


@op
def linear(x: Any) -> Tensor:
    """No activation: `y = x`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        The same tensor.

    Example:
        >>> gm.ops.linear([-1.0, 2.0]).numpy()
        array([-1.,  2.], dtype=float32)
    """
    return as_float(x)


@op
def relu(x: Any) -> Tensor:
    """Rectified linear unit: `y = max(x, 0)`, element by element. NaN stays NaN; the gradient at 0 is 0.

    Args:
        x: a tensor, array, number or list; integers become `floatx()`.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.relu([-1.0, 2.0]).numpy()
        array([0., 2.], dtype=float32)

    Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", 2010.
    """
    return _from_output("relu", x)


@op
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """Leaky ReLU: `y = x` where `x > 0`, else `negative_slope * x`.

    Args:
        x: a tensor, array, number or list.
        negative_slope: a positive number. Keras's default is 0.2, PyTorch's 0.01.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `negative_slope` is not positive.

    Example:
        >>> gm.ops.leaky_relu([-1.0, 2.0], negative_slope=0.1).numpy()
        array([-0.1,  2. ], dtype=float32)

    Source: Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.
    """
    return _from_output(
        "leaky_relu", x, negative_slope=positive_parameter("leaky_relu", "negative_slope", negative_slope)
    )


@op
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Exponential linear unit: `y = x` where `x > 0`, else `alpha * (exp(x) - 1)`.

    Args:
        x: a tensor, array, number or list.
        alpha: a positive number; the output tends to `-alpha` on the left.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `alpha` is not positive.

    Example:
        >>> gm.ops.elu([0.0, 2.0]).numpy()
        array([0., 2.], dtype=float32)

    Source: Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by ELUs", 2016.
    """
    return _from_output("elu", x, alpha=positive_parameter("elu", "alpha", alpha))


@op
def selu(x: Any) -> Tensor:
    """Scaled ELU: `y = 1.0507 * elu(x, alpha=1.6733)`, which keeps mean 0 and variance 1 from layer to layer.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.selu([0.0]).numpy()
        array([0.], dtype=float32)

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """
    return _from_output("selu", x)


@op
def sigmoid(x: Any) -> Tensor:
    """Logistic function: `y = 1 / (1 + exp(-x))`. The result remembers `x`, from which losses are computed stably.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, between 0 and 1.

    Example:
        >>> gm.ops.sigmoid([0.0]).numpy()
        array([0.5], dtype=float32)
    """
    x = as_float(x)
    y = _from_output("sigmoid", x)
    y.logits, y.logits_op = x, "sigmoid"
    return y


@op
def tanh(x: Any) -> Tensor:
    """Hyperbolic tangent, element by element.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, between -1 and 1.

    Example:
        >>> gm.ops.tanh([0.0]).numpy()
        array([0.], dtype=float32)
    """
    return _from_output("tanh", x)


@op
def softplus(x: Any) -> Tensor:
    """A smooth ReLU: `y = log(1 + exp(x))`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, positive.

    Example:
        >>> gm.ops.softplus([100.0]).numpy()
        array([100.], dtype=float32)

    Source: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing", 2001.
    """
    return _from_output("softplus", x)


@op
def exponential(x: Any) -> Tensor:
    """The exponential as an activation: `y = exp(x)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.exponential([0.0]).numpy()
        array([1.], dtype=float32)
    """
    return _from_output("exponential", x)


@op
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """Gaussian error linear unit: `y = x * Φ(x)`, Φ being the normal distribution function.

    Args:
        x: a tensor, array, number or list.
        approximate: whether to use `0.5 * x * (1 + tanh(sqrt(2/π) * (x + 0.044715 * x³)))`, as `keras.ops.gelu` does
            by default (Keras's *activation* `"gelu"` and PyTorch are exact by default).

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.gelu([0.0]).numpy()
        array([0.], dtype=float32)

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    """
    return _from_input("gelu", x, approximate=bool(approximate))


@op
def silu(x: Any) -> Tensor:
    """Sigmoid linear unit, also called swish: `y = x * sigmoid(x)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.silu([0.0]).numpy()
        array([0.], dtype=float32)

    Source: Ramachandran, Zoph and Le, "Searching for Activation Functions", 2017.
    """
    return _from_input("silu", x)


@op
def mish(x: Any) -> Tensor:
    """Mish: `y = x * tanh(softplus(x))`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.mish([0.0]).numpy()
        array([0.], dtype=float32)

    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2019.
    """
    return _from_input("mish", x)
