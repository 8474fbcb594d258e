"""Tensors out of nothing and out of other things.

`zeros`, `ones`, `full` and `arange` are constants: a recorded step keeps their values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.autograd import record
from gemmule.config import floatx, standardize_dtype
from gemmule.errors import received
from gemmule.ops.arrays import frozen
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_tensor, to_array
from gemmule.scope import where
from gemmule.tensor import Tensor, Variable


@op
def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of zeros.

    Args:
        shape: its dimensions.
        dtype: its type; `floatx()` by default.

    Returns:
        The tensor.

    Raises:
        ValueError: for a negative dimension or an unknown type.

    Example:
        >>> gm.ops.zeros((2,)).numpy()
        array([0., 0.], dtype=float32)
    """
    return Tensor(np.zeros(_checked_shape("zeros", shape), standardize_dtype(dtype)))


@op
def ones(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of ones.

    Args:
        shape: its dimensions.
        dtype: its type; `floatx()` by default.

    Returns:
        The tensor.

    Raises:
        ValueError: for a negative dimension or an unknown type.

    Example:
        >>> gm.ops.ones((2,)).numpy()
        array([1., 1.], dtype=float32)
    """
    return Tensor(np.ones(_checked_shape("ones", shape), standardize_dtype(dtype)))


@op
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """A tensor filled with one number.

    Args:
        shape: its dimensions.
        fill_value: the number.
        dtype: its type; `floatx()` by default.

    Returns:
        The tensor.

    Raises:
        ValueError: for a negative dimension or an unknown type.

    Example:
        >>> gm.ops.full((2,), 7.0).numpy()
        array([7., 7.], dtype=float32)
    """
    return Tensor(np.full(_checked_shape("full", shape), fill_value, standardize_dtype(dtype)))


@op
def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros in the shape of `x`.

    Args:
        x: a tensor, array or list.
        dtype: the type; that of `x` by default.

    Returns:
        The tensor.

    Example:
        >>> gm.ops.zeros_like([1.0, 2.0]).numpy()
        array([0., 0.], dtype=float32)
    """
    x = as_tensor(x)
    return zeros(x.shape, dtype or x.dtype)


@op
def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones in the shape of `x`.

    Args:
        x: a tensor, array or list.
        dtype: the type; that of `x` by default.

    Returns:
        The tensor.

    Example:
        >>> gm.ops.ones_like([1.0, 2.0]).numpy()
        array([1., 1.], dtype=float32)
    """
    x = as_tensor(x)
    return ones(x.shape, dtype or x.dtype)


@op
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Evenly spaced numbers from `start` up to, but without, `stop`.

    Args:
        start: the first number; with `stop` absent, the end, and counting starts at 0.
        stop: the end.
        step: the distance; 1 by default.
        dtype: the type; by default int32 for integers and `floatx()` for floats.

    Returns:
        A tensor with one dimension.

    Raises:
        ValueError: if `step` is 0.

    Example:
        >>> gm.ops.arange(3).numpy()
        array([0, 1, 2], dtype=int32)
    """
    step = 1 if step is None else step
    if step == 0:
        raise ValueError(f"{where('arange')}: step must not be 0.{received(start=start, stop=stop, step=step)}")
    bounds: list[Any] = [0, start] if stop is None else [start, stop]
    first, end = (bound.item() if isinstance(bound, Tensor) else bound for bound in bounds)
    values = np.arange(first, end, step)
    natural = floatx() if values.dtype.kind == "f" else "int32"
    return Tensor(values.astype(standardize_dtype(dtype or natural)))


@op
def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """A tensor with the values of `x`, which later changes of `x` do not reach.

    Args:
        x: a tensor, variable, array, number or list.
        dtype: the type. By default that of tensors and arrays; Python floats become `floatx()`, integers int32.

    Returns:
        The tensor; `x` itself when it is one of this type.

    Raises:
        TypeError: for text, objects and complex numbers.

    Example:
        >>> gm.ops.convert_to_tensor([1.0, 2.0]).dtype == "float32"
        True
    """
    if not isinstance(x, Tensor):
        array = to_array(x, dtype)
        return Tensor(array.copy() if isinstance(x, np.ndarray) else array)
    t = as_tensor(x, None if dtype is None else standardize_dtype(dtype))
    if not isinstance(t, Variable):
        return t
    return record(Tensor(frozen(t)), (t,), lambda grad: grad.alias(0, grad.d), "convert_to_tensor")


@op
def convert_to_numpy(x: Any) -> np.ndarray:
    """A NumPy array with a copy of the values.

    Args:
        x: a tensor, variable, array, number or list.

    Returns:
        The array.

    Example:
        >>> gm.ops.convert_to_numpy(gm.ops.ones((2,)))
        array([1., 1.], dtype=float32)
    """
    return x.numpy() if isinstance(x, Tensor) else np.array(x)


@op
def stop_gradient(variable: Any) -> Tensor:
    """The same values, cut off from what they were computed from: no gradient passes.

    Args:
        variable: a tensor, variable, array, number or list.

    Returns:
        A new tensor.

    Example:
        >>> x = gm.Variable(3.0)
        >>> with gm.GradientTape() as tape:
        ...     y = x * gm.ops.stop_gradient(x)
        >>> float(tape.gradient(y, x))
        3.0
    """
    return Tensor(frozen(as_tensor(variable)))


def _checked_shape(name: str, shape: Any) -> tuple[int, ...]:
    dims = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0 for n in dims):
        raise ValueError(f"{where(name)}: a shape consists of non-negative integers.{received(shape=shape)}")
    return tuple(int(n) for n in dims)
