"""Constants of a regular shape: identities, triangles of ones, evenly spaced numbers. A recorded step keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.config import floatx, standardize_dtype
from gemmule.errors import received
from gemmule.ops.creation import full, zeros
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_tensor
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on a diagonal, zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; N by default.
        k: how far the diagonal lies above the main one.
        dtype: the type; `floatx()` by default.

    Returns:
        A matrix.

    Raises:
        ValueError: for a negative or broken number.

    Example:
        >>> gm.ops.eye(2).numpy()
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    rows, columns = _matrix("eye", N, M, k)
    return Tensor(np.eye(rows, columns, k, standardize_dtype(dtype)))


@op
def identity(n: int, dtype: Any = None) -> Tensor:
    """The unit matrix.

    Args:
        n: number of rows and columns.
        dtype: the type; `floatx()` by default.

    Returns:
        A matrix.

    Raises:
        ValueError: for a negative or broken number.

    Example:
        >>> gm.ops.identity(1).numpy()
        array([[1.]], dtype=float32)
    """
    return eye(n, dtype=dtype)


@op
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on and below a diagonal, zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; N by default.
        k: how far the diagonal lies above the main one.
        dtype: the type; `floatx()` by default.

    Returns:
        A matrix.

    Raises:
        ValueError: for a negative or broken number.

    Example:
        >>> gm.ops.tri(2, dtype="int32").numpy()
        array([[1, 0],
               [1, 1]], dtype=int32)
    """
    rows, columns = _matrix("tri", N, M, k)
    return Tensor(np.tri(rows, columns, k).astype(standardize_dtype(dtype)))


def _matrix(name: str, rows: Any, columns: Any, k: Any) -> tuple[int, int]:
    columns = rows if columns is None else columns
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in (rows, columns, k))
    if not whole or rows < 0 or columns < 0:
        raise ValueError(
            f"{at(name)}: N and M are non-negative integers, k is an integer.{received(N=rows, M=columns, k=k)}"
        )
    return int(rows), int(columns)


@op
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Evenly spaced numbers.

    Args:
        start: the first number, or an array of first numbers.
        stop: the last number.
        num: how many.
        endpoint: whether `stop` is among them; if not, it would come next.
        retstep: whether to give the distance, too.
        dtype: the type; `floatx()` by default.
        axis: where the numbers run in the result, for arrays.

    Returns:
        A tensor, or a pair with the distance.

    Raises:
        ValueError: if `num` is no non-negative integer.

    Example:
        >>> gm.ops.linspace(0, 1, 3).numpy()
        array([0. , 0.5, 1. ], dtype=float32)
    """
    first, last, count = _bounds("linspace", start, stop, num)
    values, step = np.linspace(first, last, count, endpoint=endpoint, retstep=True, axis=axis)
    y = Tensor(np.ascontiguousarray(values, standardize_dtype(dtype)))
    return (y, as_tensor(np.asarray(step), floatx())) if retstep else y


@op
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10, dtype: Any = None, axis: int = 0
) -> Tensor:
    """Powers of a base with evenly spaced exponents.

    Args:
        start: the first exponent, or an array of first exponents.
        stop: the last exponent.
        num: how many.
        endpoint: whether `stop` is among them; if not, it would come next.
        base: what is raised.
        dtype: the type; `floatx()` by default.
        axis: where the numbers run in the result, for arrays.

    Returns:
        A tensor.

    Raises:
        ValueError: if `num` is no non-negative integer.

    Example:
        >>> gm.ops.logspace(0, 2, 3).numpy()
        array([  1.,  10., 100.], dtype=float32)
    """
    first, last, count = _bounds("logspace", start, stop, num)
    values = np.logspace(first, last, count, endpoint, base, axis=axis)
    return Tensor(np.ascontiguousarray(values, standardize_dtype(dtype)))


def _bounds(name: str, start: Any, stop: Any, num: Any) -> tuple[np.ndarray, np.ndarray, int]:
    if isinstance(num, bool) or not isinstance(num, (int, np.integer)) or num < 0:
        raise ValueError(f"{at(name)}: num is a non-negative integer.{received(num=num)}")
    return np.asarray(start, np.float64), np.asarray(stop, np.float64), int(num)


@op
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One number in the shape of `x`.

    Args:
        x: a tensor, array or list.
        fill_value: the number.
        dtype: the type; that of `x` by default.

    Returns:
        The tensor.

    Example:
        >>> gm.ops.full_like([1.0, 2.0], 7).numpy()
        array([7., 7.], dtype=float32)
    """
    x = as_tensor(x)
    return full(x.shape, fill_value, dtype or x.dtype)


@op
def empty(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor whose values do not matter: zeros here.

    Args:
        shape: its dimensions.
        dtype: its type; `floatx()` by default.

    Returns:
        The tensor.

    Raises:
        ValueError: for a negative dimension or an unknown type.

    Example:
        >>> gm.ops.empty((2, 3)).shape
        (2, 3)
    """
    return zeros(shape, dtype)
