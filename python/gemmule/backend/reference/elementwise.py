"""Element-by-element arithmetic: the reference of `csrc/kernels/elementwise.cpp`.

Operands of functions of two or three arrays broadcast to the shape of `out`.
"""

from __future__ import annotations

import numpy as np

# ---- Two operands ----------------------------------------------------------------------------------------------------


def add(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a + b."""
    out[...] = a + b


def subtract(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a - b."""
    out[...] = a - b


def multiply(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a b."""
    out[...] = a * b


def divide(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a / b."""
    out[...] = a / b


def power(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a^b."""
    out[...] = np.power(a, b)


def maximum(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = the larger of a and b; NaN wins."""
    out[...] = np.maximum(a, b)


def minimum(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = the smaller of a and b; NaN wins."""
    out[...] = np.minimum(a, b)


def maximum_backward(
    da: np.ndarray | None, db: np.ndarray | None, dout: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    """The gradient goes to the larger of a and b, half to each where they are equal."""
    _split_gradient(da, db, dout, a, b, a > b)


def minimum_backward(
    da: np.ndarray | None, db: np.ndarray | None, dout: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    """The gradient goes to the smaller of a and b, half to each where they are equal."""
    _split_gradient(da, db, dout, a, b, a < b)


def _split_gradient(
    da: np.ndarray | None, db: np.ndarray | None, dout: np.ndarray, a: np.ndarray, b: np.ndarray, a_chosen: np.ndarray
) -> None:
    """da and db, given where a is chosen; NaN where a or b is."""
    tie, unordered = a == b, np.isnan(a) | np.isnan(b)
    for d, chosen in ((da, a_chosen), (db, ~a_chosen)):
        if d is not None:
            d[...] = np.select([unordered, tie, chosen], [np.nan, dout / 2, dout], 0)


# ---- Comparison, logic and choice ------------------------------------------------------------------------------------


def equal(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a == b."""
    out[...] = a == b


def not_equal(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a != b."""
    out[...] = a != b


def less(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a < b."""
    out[...] = a < b


def less_equal(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a <= b."""
    out[...] = a <= b


def greater(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a > b."""
    out[...] = a > b


def greater_equal(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a >= b."""
    out[...] = a >= b


def logical_and(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a and b, of bools."""
    out[...] = a & b


def logical_or(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a or b, of bools."""
    out[...] = a | b


def logical_not(out: np.ndarray, a: np.ndarray) -> None:
    """out = not a, of bools."""
    out[...] = ~a


def where(out: np.ndarray, condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a where the condition holds, else b."""
    out[...] = np.where(condition, a, b)


# ---- One operand -----------------------------------------------------------------------------------------------------


def negative(out: np.ndarray, x: np.ndarray) -> None:
    """out = -x."""
    out[...] = -x


def exp(out: np.ndarray, x: np.ndarray) -> None:
    """out = e^x."""
    out[...] = np.exp(x)


def log(out: np.ndarray, x: np.ndarray) -> None:
    """out = the natural logarithm of x."""
    out[...] = np.log(x)


def sqrt(out: np.ndarray, x: np.ndarray) -> None:
    """out = √x."""
    out[...] = np.sqrt(x)


def square(out: np.ndarray, x: np.ndarray) -> None:
    """out = x²."""
    out[...] = x * x


def abs(out: np.ndarray, x: np.ndarray) -> None:
    """out = |x|."""
    out[...] = np.abs(x)


def reciprocal(out: np.ndarray, x: np.ndarray) -> None:
    """out = 1 / x."""
    out[...] = 1 / x


def sign(out: np.ndarray, x: np.ndarray) -> None:
    """out = -1, 0 or 1; NaN stays NaN."""
    out[...] = np.sign(x)


def clip(out: np.ndarray, x: np.ndarray, *, low: float, high: float) -> None:
    """out = min(max(x, low), high)."""
    out[...] = np.minimum(np.maximum(x, low), high)


def clip_backward(dx: np.ndarray, dy: np.ndarray, x: np.ndarray, *, low: float, high: float) -> None:
    """dx = dy where low <= x <= high, else 0; NaN where x is."""
    dx[...] = np.where((x >= low) & (x <= high), dy, np.where(np.isnan(x), x, 0))


def scale(out: np.ndarray, x: np.ndarray, factor: np.ndarray) -> None:
    """out = x · factor, a scalar array."""
    out[...] = x * factor


def fill(out: np.ndarray, *, value: float) -> None:
    """out = value everywhere."""
    out[...] = value
