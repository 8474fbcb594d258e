"""Arithmetic of two operands, element by element, with NumPy's broadcasting; `logic.py` compares, `unary.py` takes one.

The gradient of an operand that was broadcast is summed back to its shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.arrays import broadcast_to, compute, constant, give, give_computed, sum_to
from gemmule.ops.registry import op
from gemmule.ops.shapes import (
    as_float,
    as_tensor,
    as_tensors,
    broadcast_shapes,
    empty,
    empty_like,
    result_dtype,
)
from gemmule.ops.unary import square
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def add(x1: Any, x2: Any) -> Tensor:
    """Sum `x1 + x2`, with broadcasting; also written with the operator.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A tensor of the common dtype. A Python number adopts the tensor's type unless it is of a higher kind; uint8 and
        bool become int32.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.add([1.0, 2.0], 0.5).numpy()
        array([1.5, 2.5], dtype=float32)
    """

    y, t1, t2 = _computed("add", x1, x2)
    shapes = t1.shape, t2.shape

    def backward(grad: Gradients) -> None:  # refers to no values: what nobody else needs is let go
        give(grad, 0, grad.d, shapes[0])
        give(grad, 1, grad.d, shapes[1])

    return record(y, (t1, t2), backward, "add")


@op
def subtract(x1: Any, x2: Any) -> Tensor:
    """Difference `x1 - x2`, with broadcasting and the dtype rule of `add`.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.subtract([1.0, 2.0], 0.5).numpy()
        array([0.5, 1.5], dtype=float32)
    """

    y, t1, t2 = _computed("subtract", x1, x2)
    shape, y_shape = t1.shape, y.shape

    def backward(grad: Gradients) -> None:
        give(grad, 0, grad.d, shape)
        give_computed(grad, 1, "negative", grad.d, shape=y_shape)

    return record(y, (t1, t2), backward, "subtract")


@op
def multiply(x1: Any, x2: Any) -> Tensor:
    """Product `x1 * x2`, with broadcasting and the dtype rule of `add`.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.multiply([1.0, 2.0], 0.5).numpy()
        array([0.5, 1. ], dtype=float32)
    """

    def backward(grad: Gradients, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
        give_computed(grad, 0, "multiply", grad.d, b, shape=y.shape)
        give_computed(grad, 1, "multiply", grad.d, a, shape=y.shape)

    return _binary("multiply", x1, x2, backward)


@op
def divide(x1: Any, x2: Any) -> Tensor:
    """Quotient `x1 / x2`, with broadcasting; integers become `floatx()` first.

    Args:
        x1: a tensor, array, number or list.
        x2: the same. Division by zero gives inf or NaN.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.divide([1, 2], 4).numpy()
        array([0.25, 0.5 ], dtype=float32)
    """

    def backward(grad: Gradients, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
        give_computed(grad, 0, "divide", grad.d, b, shape=y.shape)
        if grad.needs(1):  # -d * y / b
            moment = compute("multiply", grad.d, y, shape=y.shape, dtype=y.dtype)
            minus_b = compute("negative", b, shape=b.shape, dtype=b.dtype)
            give_computed(grad, 1, "divide", moment, minus_b, shape=y.shape)

    t1, t2 = as_tensors(x1, x2)
    return _binary("divide", as_float(t1), as_float(t2), backward)


@op
def power(x1: Any, x2: Any) -> Tensor:
    """Power `x1 ** x2`, with broadcasting and the dtype rule of `add`.

    Args:
        x1: the base. A negative base with a fractional exponent gives NaN.
        x2: the exponent. Its gradient is 0 where the base is not positive.

    Returns:
        A tensor of the common dtype. Integer powers are exact up to 2**53.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.power([1.0, 2.0], 3).numpy()
        array([1., 8.], dtype=float32)
    """
    dtype = result_dtype(x1, x2)
    if not dtype.startswith("float"):
        exact = power(as_tensor(as_tensor(x1), "float64"), as_tensor(as_tensor(x2), "float64"))
        return as_tensor(exact, dtype if dtype.startswith("int") else "int32")
    if isinstance(x2, (int, float)) and x2 == 2 and isinstance(x1, Tensor) and x1.dtype == dtype:
        return square(x1)
    return _binary("power", x1, x2, _power_backward)


def _power_backward(grad: Gradients, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    shape, dtype = y.shape, y.dtype
    zero, one = constant(0, b), constant(1, b)
    if grad.needs(0):  # d * b * a**(b - 1), and 0 for b = 0 whatever a is
        is_zero = compute("equal", b, zero, shape=b.shape, dtype=bool)
        lowered = compute("subtract", b, one, shape=b.shape, dtype=dtype)
        lowered = compute("where", is_zero, one, lowered, shape=b.shape, dtype=dtype)
        slope = compute("power", a, lowered, shape=shape, dtype=dtype)
        slope = compute("multiply", slope, b, shape=shape, dtype=dtype)
        give_computed(grad, 0, "multiply", grad.d, slope, shape=shape)
    if grad.needs(1):  # d * y * log(a)
        is_positive = compute("greater", a, zero, shape=a.shape, dtype=bool)
        log_a = compute("where", is_positive, a, one, shape=a.shape, dtype=dtype)
        log_a = compute("log", log_a, shape=a.shape, dtype=dtype)
        slope = compute("multiply", y, log_a, shape=shape, dtype=dtype)
        give_computed(grad, 1, "multiply", grad.d, slope, shape=shape)


@op
def maximum(x1: Any, x2: Any) -> Tensor:
    """The larger of two elements, with broadcasting and the dtype rule of `add`. NaN wins.

    Args:
        x1: a tensor, array, number or list.
        x2: the same. Where both are equal, each gets half of the gradient.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.maximum([1.0, 3.0], 2.0).numpy()
        array([2., 3.], dtype=float32)
    """
    return _binary("maximum", x1, x2, _extremum_backward("maximum_backward"))


@op
def minimum(x1: Any, x2: Any) -> Tensor:
    """The smaller of two elements, with broadcasting and the dtype rule of `add`. NaN wins.

    Args:
        x1: a tensor, array, number or list.
        x2: the same. Where both are equal, each gets half of the gradient.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.minimum([1.0, 3.0], 2.0).numpy()
        array([1., 2.], dtype=float32)
    """
    return _binary("minimum", x1, x2, _extremum_backward("minimum_backward"))


@op
def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """`x` limited to the range from `x_min` to `x_max`.

    Args:
        x: a tensor, array, number or list.
        x_min: the lower limit, a number or a tensor that broadcasts.
        x_max: the upper limit, the same. The gradient passes where `x` lies within the limits, borders included.

    Returns:
        A tensor of the type of `x`; with tensors as limits, of their common type.

    Raises:
        ValueError: if a number `x_min` is greater than `x_max`, or shapes cannot be broadcast.

    Example:
        >>> gm.ops.clip([-1.0, 0.5, 2.0], 0.0, 1.0).numpy()
        array([0. , 0.5, 1. ], dtype=float32)
    """
    numbers = all(isinstance(limit, (int, float)) for limit in (x_min, x_max))
    if numbers and x_min > x_max:
        raise ValueError(f"{at('clip')}: x_min must not be greater than x_max.{received(x_min=x_min, x_max=x_max)}")
    x = as_tensor(x)
    if not numbers or x.dtype.kind != "f":
        return minimum(maximum(x, x_min), x_max)
    limits = {"low": float(x_min), "high": float(x_max)}
    y, x_array = empty_like(x), x.array
    execute("clip", [y.array], [x_array], **limits)

    def backward(grad: Gradients) -> None:
        execute("clip_backward", [grad.buffer(0)], [grad.d, x_array], **limits)

    return record(y, (x,), backward, "clip")


BinaryBackward = Callable[[Gradients, np.ndarray, np.ndarray, np.ndarray], None]


def _extremum_backward(kernel: str) -> BinaryBackward:
    def backward(grad: Gradients, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
        places = [grad.buffer(0), grad.buffer(1)]
        fulls = [p if p is None or p.shape == y.shape else np.empty(y.shape, y.dtype) for p in places]
        execute(kernel, fulls, [grad.d, broadcast_to(a, y.shape), broadcast_to(b, y.shape)])
        for place, full in zip(places, fulls):
            if place is not None and full is not None and place is not full:
                sum_to(place, full)

    return backward


def _binary(name: str, x1: Any, x2: Any, back: BinaryBackward) -> Tensor:
    """One broadcasting kernel; `back(grad, a, b, y)` works on the raw operands and result."""
    y, t1, t2 = _computed(name, x1, x2)
    a, b, result = t1.array, t2.array, y.array
    return record(y, (t1, t2), lambda grad: back(grad, a, b, result), name)


def _computed(name: str, x1: Any, x2: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Result and operands of a broadcasting kernel."""
    dtype = result_dtype(x1, x2)
    dtype = "int32" if dtype in ("uint8", "bool") else dtype
    t1, t2 = as_tensor(x1, dtype), as_tensor(x2, dtype)
    y = empty(broadcast_shapes(name, t1.shape, t2.shape), dtype)
    execute(name, [y.array], [t1.array, t2.array])
    return y, t1, t2
