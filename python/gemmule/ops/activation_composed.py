"""Activation functions made of other ops. NaN stays NaN in all of them."""

from __future__ import annotations

from typing import Any

from gemmule.errors import received
from gemmule.ops.activation import elu, positive_parameter, relu, sigmoid, softplus, tanh
from gemmule.ops.creation import ones_like, stop_gradient
from gemmule.ops.cumulative import cumsum
from gemmule.ops.elementwise import add, clip, divide, multiply, subtract
from gemmule.ops.indexing import getitem
from gemmule.ops.logic import greater, less_equal, where
from gemmule.ops.reduce import sum
from gemmule.ops.registry import op
from gemmule.ops.reshaping import cast
from gemmule.ops.shapes import as_float, normalize_axis
from gemmule.ops.sort import sort
from gemmule.ops.unary import abs, negative, sqrt, square
from gemmule.scope import where as place
from gemmule.tensor import Tensor


@op
def relu6(x: Any) -> Tensor:
    """ReLU cut off at 6: `y = min(max(x, 0), 6)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.relu6([-1.0, 2.0, 9.0]).numpy()
        array([0., 2., 6.], dtype=float32)

    Source: Howard et al., "MobileNets", 2017.
    """
    return clip(relu(x), 0.0, 6.0)


@op
def hard_sigmoid(x: Any) -> Tensor:
    """A sigmoid of straight lines: `y = min(max(x + 3, 0), 6) / 6`, as in Keras 3 and PyTorch (Keras 2: `0.2x + 0.5`).

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, from 0 to 1.

    Example:
        >>> gm.ops.hard_sigmoid([-4.0, 0.0, 4.0]).numpy()
        array([0. , 0.5, 1. ], dtype=float32)

    Source: Howard et al., "Searching for MobileNetV3", 2019.
    """
    return divide(clip(add(as_float(x), 3.0), 0.0, 6.0), 6.0)


@op
def hard_silu(x: Any) -> Tensor:
    """SiLU of straight lines, also called hard swish: `y = x * hard_sigmoid(x)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.hard_silu([-4.0, 3.0]).numpy()
        array([-0.,  3.], dtype=float32)

    Source: Howard et al., "Searching for MobileNetV3", 2019.
    """
    x = as_float(x)
    return multiply(x, hard_sigmoid(x))


@op
def hard_tanh(x: Any) -> Tensor:
    """A tanh of straight lines: `y = min(max(x, -1), 1)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, from -1 to 1.

    Example:
        >>> gm.ops.hard_tanh([-4.0, 0.5]).numpy()
        array([-1. ,  0.5], dtype=float32)
    """
    return clip(as_float(x), -1.0, 1.0)


@op
def sparse_sigmoid(x: Any) -> Tensor:
    """A sigmoid that reaches its ends at -1 and 1: `y = min(max((x + 1) / 2, 0), 1)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, from 0 to 1.

    Example:
        >>> gm.ops.sparse_sigmoid([-4.0, 0.0]).numpy()
        array([0. , 0.5], dtype=float32)
    """
    return multiply(add(hard_tanh(x), 1.0), 0.5)


@op
def softsign(x: Any) -> Tensor:
    """An s-curve that flattens slower than tanh: `y = x / (1 + |x|)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, between -1 and 1.

    Example:
        >>> gm.ops.softsign([-1.0, 3.0]).numpy()
        array([-0.5 ,  0.75], dtype=float32)

    Source: Bergstra et al., "Quadratic Polynomials Learn Better Image Features", 2009.
    """
    x = as_float(x)
    return divide(x, add(abs(x), 1.0))


@op
def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """Keeps what exceeds a threshold: `y = x` where `x > threshold`, else `default_value`.

    Args:
        x: a tensor, array, number or list.
        threshold: a number.
        default_value: what replaces the others.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.threshold([0.5, 2.0], 1.0, 0.0).numpy()
        array([0., 2.], dtype=float32)
    """
    x = as_float(x)
    return where(less_equal(x, threshold), default_value, x)


@op
def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Moves every number towards 0 by `threshold`, smaller ones to 0: `y = x - min(max(x, -threshold), threshold)`.

    Args:
        x: a tensor, array, number or list.
        threshold: not negative.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if the threshold is negative.

    Example:
        >>> gm.ops.soft_shrink([0.25, -2.0]).numpy()
        array([ 0. , -1.5], dtype=float32)

    Source: Donoho, "De-Noising by Soft-Thresholding", 1995.
    """
    x, limit = as_float(x), _limit("soft_shrink", threshold)
    return subtract(x, clip(x, -limit, limit))


@op
def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Replaces small numbers by 0: `y = x` where `|x| > threshold`, else 0.

    Args:
        x: a tensor, array, number or list.
        threshold: not negative.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if the threshold is negative.

    Example:
        >>> gm.ops.hard_shrink([0.25, -2.0]).numpy()
        array([ 0., -2.], dtype=float32)
    """
    x = as_float(x)
    return where(less_equal(abs(x), _limit("hard_shrink", threshold)), 0.0, x)


@op
def tanh_shrink(x: Any) -> Tensor:
    """What tanh takes away: `y = x - tanh(x)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.tanh_shrink([0.0]).numpy()
        array([0.], dtype=float32)
    """
    x = as_float(x)
    return subtract(x, tanh(x))


@op
def log_sigmoid(x: Any) -> Tensor:
    """Logarithm of the sigmoid, without overflow: `y = -softplus(-x)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`, negative.

    Example:
        >>> gm.ops.log_sigmoid([-100.0]).numpy()
        array([-100.], dtype=float32)
    """
    return negative(softplus(negative(as_float(x))))


@op
def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """ELU with a continuous slope for every alpha: `y = max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)`.

    Args:
        x: a tensor, array, number or list.
        alpha: a positive number; the output tends to `-alpha` on the left.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `alpha` is not positive.

    Example:
        >>> gm.ops.celu([0.0, 2.0], alpha=0.5).numpy()
        array([0., 2.], dtype=float32)

    Source: Barron, "Continuously Differentiable Exponential Linear Units", 2017.
    """
    alpha = positive_parameter("celu", "alpha", alpha)
    return elu(x) if alpha == 1 else multiply(elu(divide(as_float(x), alpha)), alpha)


@op
def glu(x: Any, axis: int = -1) -> Tensor:
    """Gated linear unit: `y = a * sigmoid(b)`, where `a` is the first half of `x` along an axis and `b` the second.

    Args:
        x: a tensor, array or list, of even length along `axis`.
        axis: the axis to halve.

    Returns:
        A floating tensor, half as long along `axis`.

    Raises:
        ValueError: if the length is odd.

    Example:
        >>> gm.ops.glu([3.0, 0.0]).numpy()
        array([1.5], dtype=float32)

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2017.
    """
    x = as_float(x)
    axis = normalize_axis("glu", axis, x.ndim)
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ValueError(f"{place('glu')}: the axis to halve must have an even length.{received(x=x, axis=axis)}")
    before = (slice(None),) * axis
    return multiply(getitem(x, (*before, slice(half))), sigmoid(getitem(x, (*before, slice(half, None)))))


@op
def squareplus(x: Any, b: float = 4) -> Tensor:
    """A smooth ReLU without exponentials: `y = (x + sqrt(x² + b)) / 2`.

    Args:
        x: a tensor, array, number or list.
        b: a positive number: how round the corner is.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `b` is not positive.

    Example:
        >>> gm.ops.squareplus([0.0]).numpy()
        array([1.], dtype=float32)

    Source: Barron, "Squareplus: A Softplus-Like Algebraic Rectifier", 2021.
    """
    x = as_float(x)
    root = sqrt(add(square(x), positive_parameter("squareplus", "b", b)))
    return multiply(add(x, root), 0.5)


@op
def sparse_plus(x: Any) -> Tensor:
    """A smooth ReLU that is 0 up to -1 and `x` from 1 on: `y = (min(max(x, -1), 1) + 1)² / 4 + max(x - 1, 0)`.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A floating tensor of the shape of `x`.

    Example:
        >>> gm.ops.sparse_plus([-2.0, 0.0, 3.0]).numpy()
        array([0.  , 0.25, 3.  ], dtype=float32)
    """
    x = as_float(x)
    return add(square(sparse_sigmoid(x)), relu(subtract(x, 1.0)))


@op
def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """Probabilities of which many are 0: the point nearest to `x` whose elements are positive and sum to 1.

    `y = max(x - t, 0)` with the `t` for which that holds: `t = (sum of the largest k - 1) / k`, where k is the largest
    number with `1 + k * x_(k) > x_(1) + ... + x_(k)`, the elements being in descending order. (Keras 3.15 adds up other
    elements, and its rows do not sum to 1.)

    Args:
        x: a tensor, array or list with at least one dimension.
        axis: the axis that sums to one.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `axis` does not exist.

    Example:
        >>> gm.ops.sparsemax([1.0, 0.5, -1.0]).numpy()
        array([0.75, 0.25, 0.  ], dtype=float32)

    Source: Martins and Astudillo, "From Softmax to Sparsemax", 2016.
    """
    x = as_float(x)
    axis = normalize_axis("sparsemax", axis, x.ndim)
    values = stop_gradient(x)  # which elements are positive is a matter of values, and has no slope
    largest = negative(sort(negative(values), axis))
    ranks = cumsum(ones_like(largest), axis)
    among = greater(add(multiply(ranks, largest), 1.0), cumsum(largest, axis))
    kept = greater(values, _excess(largest, among, axis))
    return relu(subtract(x, _excess(x, kept, axis)))


def _excess(x: Tensor, kept: Tensor, axis: int) -> Tensor:
    """What each element kept has to give away so that they sum to one."""
    total = sum(where(kept, x, 0.0), axis=axis, keepdims=True)
    return divide(subtract(total, 1.0), sum(cast(kept, x.dtype), axis=axis, keepdims=True))


def _limit(op_name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(f"{place(op_name)}: threshold must be a number of at least 0.{received(threshold=value)}")
    return float(value)
