"""Trigonometry, roundings, further exponentials and logarithms, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.arrays import broadcast_to, give
from gemmule.ops.creation import stop_gradient
from gemmule.ops.elementwise import add, divide, maximum, multiply, subtract
from gemmule.ops.logic import equal, less, logical_and, not_equal, where
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, as_tensor, broadcast_shapes, empty, empty_like, result_dtype
from gemmule.ops.unary import abs, exp, negative, reciprocal, sqrt, square
from gemmule.scope import where as at
from gemmule.tensor import Tensor

Function = Callable[[Any], Tensor]
Slope = Callable[[Tensor, Tensor], Any]  # from x and y

_DOC = """{summary}, element by element.

    Args:
        x: a tensor, array, number or list; integers become `floatx()`.

    Returns:
        A floating tensor.

    Example:
        >>> {example}
        {value}
    """


def _function(name: str, library: str, summary: str, slope: Slope | None, argument: float, value: str) -> Function:
    """The op of a function of the C library; without a slope its gradient is 0."""

    def function(x: Any) -> Tensor:
        return _elementary(name, library, as_float(x), slope)

    function.__name__ = function.__qualname__ = name
    example = f"round(float(gm.ops.{name}({argument})), 4)"
    function.__doc__ = _DOC.format(summary=summary, example=example, value=value)
    return op(function)


def _elementary(name: str, library: str, x: Tensor, slope: Slope | None) -> Tensor:
    y, x_array = empty_like(x), x.array
    execute("elementary", [y.array], [x_array], function=library)

    def backward(grad: Gradients) -> None:
        if slope is None:
            execute("fill", [grad.buffer(0)], [], value=0.0)
        else:
            grad.alias(0, multiply(Tensor(grad.d), slope(Tensor(x_array), y)).array)

    return record(y, (x,), backward, name)


sin: Function = _function("sin", "sin", "Sine of an angle in radians", lambda x, y: cos(x), 1.0, "0.8415")
cos: Function = _function("cos", "cos", "Cosine of an angle in radians", lambda x, y: negative(sin(x)), 1.0, "0.5403")
tan = _function("tan", "tan", "Tangent of an angle in radians", lambda x, y: add(square(y), 1), 1.0, "1.5574")
arcsin: Function = _function(
    "arcsin", "asin", "Inverse sine, NaN outside [-1, 1]", lambda x, y: rsqrt(subtract(1, square(x))), 1.0, "1.5708"
)
arccos = _function(
    "arccos",
    "acos",
    "Inverse cosine, NaN outside [-1, 1]",
    lambda x, y: negative(rsqrt(subtract(1, square(x)))),
    0.0,
    "1.5708",
)
arctan = _function("arctan", "atan", "Inverse tangent", lambda x, y: reciprocal(add(square(x), 1)), 1.0, "0.7854")
sinh: Function = _function("sinh", "sinh", "Hyperbolic sine", lambda x, y: cosh(x), 1.0, "1.1752")
cosh: Function = _function("cosh", "cosh", "Hyperbolic cosine", lambda x, y: sinh(x), 1.0, "1.5431")
arcsinh = _function("arcsinh", "asinh", "Inverse hyperbolic sine", lambda x, y: rsqrt(add(square(x), 1)), 1.0, "0.8814")
arccosh = _function(
    "arccosh",
    "acosh",
    "Inverse hyperbolic cosine, NaN below 1",
    lambda x, y: rsqrt(subtract(square(x), 1)),
    2.0,
    "1.317",
)
arctanh = _function(
    "arctanh",
    "atanh",
    "Inverse hyperbolic tangent, NaN outside [-1, 1]",
    lambda x, y: reciprocal(subtract(1, square(x))),
    0.5,
    "0.5493",
)
erf = _function(
    "erf",
    "erf",
    "Error function `2/sqrt(π) * ∫ exp(-t²) dt` from 0 to x",
    lambda x, y: multiply(exp(negative(square(x))), 2 / math.sqrt(math.pi)),
    0.5,
    "0.5205",
)
exp2 = _function("exp2", "exp2", "Power of two `2 ** x`", lambda x, y: multiply(y, math.log(2)), 3.0, "8.0")
expm1 = _function("expm1", "expm1", "`exp(x) - 1`, exact for small x", lambda x, y: add(y, 1), 1.0, "1.7183")
log1p = _function(
    "log1p", "log1p", "`log(1 + x)`, exact for small x", lambda x, y: reciprocal(add(x, 1)), 1.0, "0.6931"
)
log2 = _function("log2", "log2", "Logarithm to base 2", lambda x, y: divide(1 / math.log(2), x), 8.0, "3.0")
log10 = _function("log10", "log10", "Logarithm to base 10", lambda x, y: divide(1 / math.log(10), x), 100.0, "2.0")
floor = _function("floor", "floor", "Largest integer that is not greater; gradient 0", None, -1.5, "-2.0")
ceil = _function("ceil", "ceil", "Smallest integer that is not smaller; gradient 0", None, -1.5, "-1.0")
trunc = _function("trunc", "trunc", "The number without its fraction; gradient 0", None, -1.5, "-1.0")


@op
def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals; halves go to the even one. The gradient is 0.

    Args:
        x: a tensor, array, number or list.
        decimals: digits behind the point; negative: zeros before it.

    Returns:
        A tensor of the type of `x`.

    Raises:
        ValueError: if `decimals` is no integer.

    Example:
        >>> gm.ops.round([0.5, 1.5, 2.6]).numpy()
        array([0., 2., 3.], dtype=float32)
    """
    if isinstance(decimals, bool) or not isinstance(decimals, (int, np.integer)):
        raise ValueError(f"{at('round')}: decimals must be an integer.{received(decimals=decimals)}")
    x = as_tensor(x)
    if x.dtype.kind != "f":
        return x if decimals >= 0 else as_tensor(round(as_tensor(x, "float64"), decimals), x.dtype)
    if decimals == 0:
        return _elementary("round", "rint", x, None)
    scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    up, down = (multiply, divide) if decimals > 0 else (divide, multiply)
    return down(_elementary("round", "rint", up(x, scale), None), scale)


@op
def rsqrt(x: Any) -> Tensor:
    """`1 / sqrt(x)`, element by element.

    Args:
        x: a tensor, array, number or list; integers become `floatx()`.

    Returns:
        A floating tensor.

    Example:
        >>> gm.ops.rsqrt([4.0]).numpy()
        array([0.5], dtype=float32)
    """
    return reciprocal(sqrt(x))


# --- two operands ----------------------------------------------------------------------------------------------------


def _of_two(name: str, library: str, x1: Any, x2: Any, slopes: Callable[[Tensor, Tensor], tuple[Any, Any]]) -> Tensor:
    """A function of the C library of two floating operands, broadcast; `slopes(a, b)` gives both slopes."""
    t1, t2 = as_tensor(x1), as_tensor(x2)
    shapes = t1.shape, t2.shape
    y = empty(broadcast_shapes(name, *shapes), t1.dtype)
    a, b = broadcast_to(t1.array, y.shape), broadcast_to(t2.array, y.shape)
    execute("elementary_of_two", [y.array], [a, b], function=library)

    def backward(grad: Gradients) -> None:
        d, both = Tensor(grad.d), slopes(Tensor(a), Tensor(b))
        for index in range(2):
            if grad.needs(index):
                give(grad, index, multiply(d, both[index]).array, shapes[index])

    return record(y, (t1, t2), backward, name)


def _floats(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    dtype = result_dtype(x1, x2)
    return as_float(as_tensor(x1, dtype)), as_float(as_tensor(x2, dtype))


@op
def arctan2(x1: Any, x2: Any) -> Tensor:
    """Angle of the point `(x2, x1)`, from -π to π, with broadcasting.

    Args:
        x1: the ordinate: a tensor, array, number or list.
        x2: the abscissa.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.arctan2([1.0], [0.0]).numpy()
        array([1.5707964], dtype=float32)
    """

    def slopes(a: Tensor, b: Tensor) -> tuple[Any, Any]:
        length = add(square(a), square(b))
        return divide(b, length), negative(divide(a, length))

    return _of_two("arctan2", "atan2", *_floats(x1, x2), slopes)


@op
def fmod(x1: Any, x2: Any) -> Tensor:
    """Remainder of a division with the sign of `x1`, as in C; PyTorch's `fmod`.

    Args:
        x1: the dividend: a tensor, array, number or list.
        x2: the divisor.

    Returns:
        A tensor of the common dtype; integers are exact up to 2**53, and 0 for the divisor 0.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.fmod([-7.0, 7.0], 3.0).numpy()
        array([-1.,  1.], dtype=float32)
    """
    return _remainder("fmod", x1, x2)


@op
def mod(x1: Any, x2: Any) -> Tensor:
    """Remainder of a division with the sign of `x2`, as Python's `%`.

    Args:
        x1: the dividend: a tensor, array, number or list.
        x2: the divisor.

    Returns:
        A tensor of the common dtype; integers are exact up to 2**53, and 0 for the divisor 0.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.mod([-7, 7], 3).numpy()
        array([2, 1], dtype=int32)
    """
    return _remainder("mod", x1, x2)


def _remainder(name: str, x1: Any, x2: Any) -> Tensor:
    dtype = result_dtype(x1, x2)
    if not dtype.startswith("float"):
        exact = _remainder(name, as_tensor(as_tensor(x1), "float64"), as_tensor(as_tensor(x2), "float64"))
        return as_tensor(exact, dtype if dtype.startswith("int") else "int32")
    a, b = as_tensor(x1, dtype), as_tensor(x2, dtype)
    r = _of_two(name, "fmod", a, b, lambda a, b: (1.0, negative(trunc(divide(a, b)))))
    if name == "fmod":
        return r
    other_sign = logical_and(not_equal(r, 0), not_equal(less(r, 0), less(b, 0)))
    return where(other_sign, add(r, b), r)


@op
def floor_divide(x1: Any, x2: Any) -> Tensor:
    """Quotient rounded down, as Python's `//`. The gradient is 0.

    Args:
        x1: the dividend: a tensor, array, number or list.
        x2: the divisor. Integers give 0 for the divisor 0.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.floor_divide([-7, 7], 3).numpy()
        array([-3,  2], dtype=int32)
    """
    dtype = result_dtype(x1, x2)
    if not dtype.startswith("float"):
        b = as_tensor(as_tensor(x2), "float64")
        quotient = floor_divide(as_tensor(as_tensor(x1), "float64"), b)
        return as_tensor(where(equal(b, 0), 0.0, quotient), dtype if dtype.startswith("int") else "int32")
    a, b = (stop_gradient(as_tensor(x, dtype)) for x in (x1, x2))
    exact = round(divide(subtract(a, mod(a, b)), b))
    return where(equal(b, 0), divide(a, b), exact)


@op
def logaddexp(x1: Any, x2: Any) -> Tensor:
    """`log(exp(x1) + exp(x2))` without overflow, with broadcasting.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.logaddexp([1000.0], [1000.0]).numpy()
        array([1000.6932], dtype=float32)
    """
    a, b = _floats(x1, x2)
    difference = where(equal(a, b), 0.0, subtract(a, b))  # inf - inf would be NaN
    return add(maximum(a, b), log1p(exp(negative(abs(difference)))))


@op
def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """Quotient `x1 / x2`, but 0 where `x2` is 0, and no gradient there.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A floating tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.divide_no_nan([1.0, 1.0], [2.0, 0.0]).numpy()
        array([0.5, 0. ], dtype=float32)
    """
    a, b = _floats(x1, x2)
    is_zero = equal(b, 0)
    return where(is_zero, 0.0, divide(a, where(is_zero, 1.0, b)))
