"""Elementary functions of one operand that have kernels of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.ops.arrays import compute
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, as_tensor, empty_like
from gemmule.tensor import Tensor


@op
def negative(x: Any) -> Tensor:
    """`-x`, element by element.

    Args:
        x: a tensor, array, number or list; uint8 and bool become int32.

    Returns:
        A tensor of the type of `x`.

    Example:
        >>> gm.ops.negative([1.0]).numpy()
        array([-1.], dtype=float32)
    """
    return _unary("negative", _signed(x), lambda grad, x, y: ("negative", grad.d))


@op
def abs(x: Any) -> Tensor:
    """Absolute value; the gradient at 0 is 0.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A tensor of the type of `x`.

    Example:
        >>> gm.ops.abs([-1.0]).numpy()
        array([1.], dtype=float32)
    """

    def back(grad: Gradients, x: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
        return "multiply", grad.d, compute("sign", x, shape=x.shape, dtype=x.dtype)

    return _unary("abs", _signed(x), back)


@op
def sign(x: Any) -> Tensor:
    """-1, 0 or 1 by the sign of each element; NaN stays NaN. The gradient is 0.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A tensor of the type of `x`.

    Example:
        >>> gm.ops.sign([-3.0, 0.0]).numpy()
        array([-1.,  0.], dtype=float32)
    """
    x = _signed(x)
    y = empty_like(x)
    execute("sign", [y.array], [x.array])
    return record(y, (x,), lambda grad: execute("fill", [grad.buffer(0)], [], value=0.0), "sign")


@op
def square(x: Any) -> Tensor:
    """`x * x`, element by element.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A tensor of the type of `x`.

    Example:
        >>> gm.ops.square([3.0]).numpy()
        array([9.], dtype=float32)
    """

    def back(grad: Gradients, x: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
        return "multiply", grad.d, compute("add", x, x, shape=x.shape, dtype=x.dtype)

    return _unary("square", _signed(x), back)


@op
def sqrt(x: Any) -> Tensor:
    """Square root; of a negative number NaN. The slope at 0 is infinite.

    Args:
        x: a tensor, array, number or list; integers become `floatx()`.

    Returns:
        A floating tensor.

    Example:
        >>> gm.ops.sqrt([9.0]).numpy()
        array([3.], dtype=float32)
    """

    def back(grad: Gradients, x: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
        return "divide", grad.d, compute("add", y, y, shape=y.shape, dtype=y.dtype)

    return _unary("sqrt", as_float(x), back)


@op
def exp(x: Any) -> Tensor:
    """Exponential function, element by element.

    Args:
        x: a tensor, array, number or list; integers become `floatx()`.

    Returns:
        A floating tensor.

    Example:
        >>> gm.ops.exp([0.0]).numpy()
        array([1.], dtype=float32)
    """
    return _unary("exp", as_float(x), lambda grad, x, y: ("multiply", grad.d, y))


@op
def log(x: Any) -> Tensor:
    """Natural logarithm; of 0 -inf, of a negative number NaN.

    Args:
        x: a tensor, array, number or list; integers become `floatx()`.

    Returns:
        A floating tensor.

    Example:
        >>> gm.ops.log([1.0]).numpy()
        array([0.], dtype=float32)
    """
    return _unary("log", as_float(x), lambda grad, x, y: ("divide", grad.d, x))


@op
def reciprocal(x: Any) -> Tensor:
    """`1 / x`, element by element.

    Args:
        x: a tensor, array, number or list; integers become `floatx()`.

    Returns:
        A floating tensor.

    Example:
        >>> gm.ops.reciprocal([4.0]).numpy()
        array([0.25], dtype=float32)
    """

    def back(grad: Gradients, x: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
        moment = compute("multiply", grad.d, y, shape=y.shape, dtype=y.dtype)
        return "multiply", moment, compute("negative", y, shape=y.shape, dtype=y.dtype)

    return _unary("reciprocal", as_float(x), back)


UnaryBackward = Callable[[Gradients, np.ndarray, np.ndarray], tuple[Any, ...]]


def _unary(name: str, x: Tensor, back: UnaryBackward) -> Tensor:
    """One kernel; `back(grad, x, y)` names the kernel and the inputs that give the gradient."""
    y, x_array = empty_like(x), x.array
    execute(name, [y.array], [x_array])

    def backward(grad: Gradients) -> None:
        kernel, *inputs = back(grad, x_array, y.array)
        execute(kernel, [grad.buffer(0)], inputs)

    return record(y, (x,), backward, name)


def _signed(x: Any) -> Tensor:
    x = as_tensor(x)
    return as_tensor(x, "int32") if x.dtype.name in ("bool", "uint8") else x
