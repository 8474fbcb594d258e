"""Arrays that live from step to step.

Variables, gradients, optimizer slots, counters and metric sums are *persistent*: a plan bakes in their address.
Everything else a step computes is a temporary whose place in memory the plan is free to choose.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from math import prod

import numpy as np

from gemmule.scope import where

ALIGNMENT = 64  # bytes: one cache line, one AVX-512 register
LARGE = 1 << 26  # bytes from which on it is worth asking the system what it has left
_CONTROL_GROUPS = (  # versions 2 and 1: folder, files with the limit and the usage, and the part files take
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
_roots: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()


def aligned(shape: Sequence[int], dtype: np.typing.DTypeLike = "float32") -> np.ndarray:
    """A zeroed array that starts on a cache line and has one spare line behind its end."""
    dtype = np.dtype(dtype)
    nbytes = require(shape, dtype)
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


def require(shape: Sequence[int], dtype: np.typing.DTypeLike, op: str = "result") -> int:
    """Makes sure, before anything is allocated, that an array fits into memory.

    Systems promise more memory than they have and end the process that uses it, so asking NumPy is not enough.

    Args:
        shape: shape of the array to come.
        dtype: its element type.
        op: who needs it, for the message; the layer's name is added.

    Returns:
        Its size in bytes.

    Raises:
        MemoryError: naming op, layer, shape and bytes, if there is not so much memory.
    """
    nbytes = prod(int(n) for n in shape) * np.dtype(dtype).itemsize
    if nbytes < LARGE:
        return nbytes
    available = available_bytes()
    if nbytes > available:
        raise MemoryError(
            f"{where(op)}: an array of {nbytes:,} bytes ({_gigabytes(nbytes)}) is needed, but only {available:,} bytes "
            f"({_gigabytes(available)}) of memory are available. Use smaller batches, images or layers. "
            f"Received: shape={tuple(shape)}, dtype={np.dtype(dtype).name}."
        )
    return nbytes


def unset(shape: Sequence[int], dtype: np.typing.DTypeLike, op: str = "result") -> np.ndarray:
    """An array of any values, to be filled by a kernel, if there is room for it.

    Raises:
        MemoryError: see `require`.
    """
    require(shape, dtype, op)
    return np.empty(tuple(shape), dtype)


def available_bytes() -> int:
    """How much memory the process can still use: what the machine has left, or its container if that is less."""
    return max(min(_machine_bytes(), _container_bytes()), 0)


def _machine_bytes() -> int:
    try:
        return _table("/proc/meminfo")["MemAvailable:"] * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 1 << 62


def _container_bytes() -> int:
    """What is left of the limit of a control group; what copies of files occupy can be given back."""
    for folder, limit, usage, files in _CONTROL_GROUPS:
        try:
            with open(f"{folder}/{limit}") as most, open(f"{folder}/{usage}") as used:
                left = int(most.read()) - int(used.read())
            return left + _table(f"{folder}/memory.stat").get(files, 0)
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return 1 << 62


def _table(path: str) -> dict[str, int]:
    """The numbers of a system file with a name and a number in each line."""
    with open(path) as file:
        return {words[0]: int(words[1]) for words in map(str.split, file) if len(words) > 1}


def _gigabytes(nbytes: int) -> str:
    return f"{nbytes / 2**30:.1f} GiB"
