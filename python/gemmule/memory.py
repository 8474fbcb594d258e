"""Arrays that live from step to step.

Variables, gradients, optimizer slots, counters and metric sums are *persistent*: a plan bakes in their address.
Everything else a step computes is a temporary whose place in memory the plan is free to choose.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from math import prod

import numpy as np

ALIGNMENT = 64  # bytes: one cache line, one AVX-512 register
_roots: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()


def aligned(shape: Sequence[int], dtype: np.typing.DTypeLike = "float32") -> np.ndarray:
    """A zeroed array that starts on a cache line and has one spare line behind its end."""
    dtype = np.dtype(dtype)
    nbytes = prod(shape) * dtype.itemsize
    block = np.zeros(nbytes + 2 * ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + nbytes].view(dtype).reshape(tuple(shape))


def persistent(shape: Sequence[int], dtype: np.typing.DTypeLike = "float32") -> np.ndarray:
    """A zeroed, aligned array that keeps its address between steps.

    Args:
        shape: dimensions of the array.
        dtype: its element type.

    Returns:
        The array. It and its views are recognised by `is_persistent`.
    """
    array = aligned(shape, dtype)
    owner = root(array)
    _roots[id(owner)] = owner
    return array


def root(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory `array` is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def is_persistent(array: np.ndarray) -> bool:
    """Whether `array` lies in memory made by `persistent`."""
    owner = root(array)
    return _roots.get(id(owner)) is owner
