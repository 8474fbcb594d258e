"""Matrix products."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.ops.arrays import broadcast_to, sum_to
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_tensor, empty, result_dtype
from gemmule.scope import where
from gemmule.tensor import Tensor


@op
def matmul(x1: Any, x2: Any) -> Tensor:
    """Matrix product, `y[..., i, j] = sum over k of x1[..., i, k] * x2[..., k, j]`; also written `x1 @ x2`.

    Args:
        x1: shape `(..., m, k)` or `(k,)`.
        x2: shape `(..., k, n)` or `(k,)`. Leading dimensions are broadcast; a vector counts as a row on the left, as a
            column on the right, and its axis vanishes from the result.

    Returns:
        A tensor of shape `(..., m, n)` and the common dtype. Integer products are exact up to 2**53.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> gm.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy()
        array([[11.]], dtype=float32)
    """
    dtype = result_dtype(x1, x2)
    if not dtype.startswith("float"):
        exact = matmul(as_tensor(as_tensor(x1), "float64"), as_tensor(as_tensor(x2), "float64"))
        return as_tensor(exact, dtype if dtype.startswith("int") else "int32")
    t1, t2 = as_tensor(x1, dtype), as_tensor(x2, dtype)
    product = _Product(t1.shape, t2.shape)
    a, b = t1.array, t2.array
    y = empty(product.result, dtype)
    product.forward(y.array, a, b)

    def backward(grad: Gradients) -> None:
        if (da := grad.buffer(0)) is not None:
            product.left(da, grad.d, b)
        if (db := grad.buffer(1)) is not None:
            product.right(db, a, grad.d)

    return record(y, (t1, t2), backward, "matmul")


def _gemm(out: np.ndarray, a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False) -> None:
    execute(
        "gemm",
        [out],
        [a, b, None, None],
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        activation="linear",
        alpha=0.0,
    )


class _Product:
    """How two shapes are brought to the gemm kernel: matrices, or stacks of them with one batch dimension.

    A matrix on either side is shared by the whole stack. A stack on the left with a matrix on the right is one tall
    matrix. Batch dimensions that have to be broadcast are repeated in memory, and summed on the way back.
    """

    def __init__(self, left: tuple[int, ...], right: tuple[int, ...]) -> None:
        a = (1, *left) if len(left) == 1 else left
        b = (*right, 1) if len(right) == 1 else right
        if not left or not right or a[-1] != b[-2]:
            raise ValueError(_misfit(left, right))
        try:
            batch = np.broadcast_shapes(a[:-2], b[:-2])
        except ValueError:
            raise ValueError(_misfit(left, right)) from None
        m, k, n = a[-2], a[-1], b[-1]
        self.result = (*batch, *((m,) if len(left) > 1 else ()), *((n,) if len(right) > 1 else ()))
        count = prod(batch)
        shared_a, shared_b = prod(a[:-2]) == 1, prod(b[:-2]) == 1
        if shared_b:
            m, count, shared_a = m * count if not shared_a else m, 1, True
        self.a_full = a if shared_a else (*batch, m, k)
        self.b_full = b if shared_b else (*batch, k, n)
        self.a_operand = (m, k) if shared_a else (count, m, k)
        self.b_operand = (k, n) if shared_b else (count, k, n)
        self.y_operand = (m, n) if shared_a and shared_b else (count, m, n)
        self.a_shape, self.b_shape = a, b
        self.count = count

    def forward(self, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        """`y = a b`."""
        _gemm(y.reshape(self.y_operand), self._a(a), self._b(b))

    def left(self, da: np.ndarray, dy: np.ndarray, b: np.ndarray) -> None:
        """`da = dy bᵀ`, summed over what shared `a`."""
        dy, b = dy.reshape(self.y_operand), self._b(b)
        self._summed(da.reshape(self.a_shape), self.a_operand, self.a_full, lambda out: _gemm(out, dy, b, False, True))

    def right(self, db: np.ndarray, a: np.ndarray, dy: np.ndarray) -> None:
        """`db = aᵀ dy`, summed over what shared `b`."""
        dy, a = dy.reshape(self.y_operand), self._a(a)
        self._summed(db.reshape(self.b_shape), self.b_operand, self.b_full, lambda out: _gemm(out, a, dy, True, False))

    def _a(self, a: np.ndarray) -> np.ndarray:
        return broadcast_to(a.reshape(self.a_shape), self.a_full).reshape(self.a_operand)

    def _b(self, b: np.ndarray) -> np.ndarray:
        return broadcast_to(b.reshape(self.b_shape), self.b_full).reshape(self.b_operand)

    def _summed(self, place: np.ndarray, operand: tuple[int, ...], full: tuple[int, ...], product: Any) -> None:
        stacked = len(self.y_operand) == 3
        if stacked and len(operand) == 2:  # one matrix served the whole stack
            each = np.empty((self.count, *operand), place.dtype)
            product(each)
            sum_to(place.reshape(operand), each)
        elif place.shape == full:
            product(place.reshape(operand))
        else:
            repeated = np.empty(full, place.dtype)
            product(repeated.reshape(operand))
            sum_to(place, repeated)


def _misfit(left: tuple[int, ...], right: tuple[int, ...]) -> str:
    return (
        f"{where('matmul')}: the last axis of x1 must be as long as the last but one of x2, and leading axes must "
        f"broadcast. Received: x1.shape={left}, x2.shape={right}."
    )
