"""Arrays that live from step to step.

Variables, gradients, optimizer slots, counters and metric sums are *persistent*: a plan bakes in their address.
Everything else a step computes is a temporary whose place in memory the plan is free to choose.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Sequence
from itertools import count
from math import prod

import numpy as np

from gemmule.scope import LESS_MEMORY, explained, where

ALIGNMENT = 64  # bytes: one cache line, one AVX-512 register
LARGE = 1 << 26  # bytes from which on it is worth asking the system what it has left
_CONTROL_GROUPS = (  # versions 2 and 1: folder, files with the limit and the usage, and the part files take
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


class _Root(weakref.ref[np.ndarray]):
    """Owner of persistent memory, and a mark that every write to it replaces."""

    __slots__ = ("key", "mark")

    key: int
    mark: object


_roots: dict[int, _Root] = {}
_last_mark = object()  # of any of them


def aligned(shape: Sequence[int], dtype: np.typing.DTypeLike = "float32", zeroed: bool = True) -> np.ndarray:
    """An array that starts on a cache line and has one spare line behind its end; its values are 0 or anything."""
    dtype = np.dtype(dtype)
    nbytes = require(shape, dtype)
    try:
        block = (np.zeros if zeroed else np.empty)(nbytes + 2 * ALIGNMENT, np.uint8)
    except MemoryError as error:
        raise explained(error, "result") from error
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + nbytes].view(dtype).reshape(tuple(shape))


def persistent(shape: Sequence[int], dtype: np.typing.DTypeLike = "float32", zeroed: bool = True) -> np.ndarray:
    """An aligned array that keeps its address between steps.

    Args:
        shape: dimensions of the array.
        dtype: its element type.
        zeroed: whether it begins with zeros; else with anything, and its memory is not touched.

    Returns:
        The array. It and its views are recognised by `is_persistent`.
    """
    array = aligned(shape, dtype, zeroed)
    owner = root(array)
    found = _roots[id(owner)] = _Root(owner, _forget)
    found.key, found.mark = id(owner), object()
    return array


def _forget(dead: _Root) -> None:
    if _roots.get(dead.key) is dead:
        del _roots[dead.key]


def root(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory `array` is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def is_persistent(array: np.ndarray) -> bool:
    """Whether `array` lies in memory made by `persistent`."""
    return _root_of(array) is not None


def _root_of(array: np.ndarray) -> _Root | None:
    owner = root(array)
    found = _roots.get(id(owner))
    return found if found is not None and found() is owner else None


def note_writes(arrays: Iterable[np.ndarray | None]) -> None:
    """Says that something was written to these arrays; whatever computes has to, once it has written.

    Args:
        arrays: any arrays; those that are not persistent do not matter.
    """
    global _last_mark
    for array in arrays:
        found = None if array is None else _root_of(array)
        if found is not None:
            found.mark = _last_mark = object()


class Watch:
    """Numbers the contents of persistent arrays: as long as nobody writes to them, the number stays the same.

    Threads may ask and write at the same time. A number read before the arrays are is never too new: marks are replaced
    behind the write, each array's own before the common one.

    Args:
        arrays: what to watch; each counts with all the memory it is a view of.
    """

    def __init__(self, arrays: Iterable[np.ndarray]) -> None:
        self._roots = [found for found in map(_root_of, arrays) if found is not None]
        self._numbers = count()
        self._seen: tuple[object, list[object], int] = (None, [], -1)

    def version(self) -> int:
        """The number of the current contents."""
        last = _last_mark
        seen, marks, number = self._seen
        if last is not seen:
            now = [found.mark for found in self._roots]
            if number < 0 or any(a is not b for a, b in zip(now, marks, strict=True)):
                marks, number = now, next(self._numbers)
            self._seen = last, marks, number
        return number


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
            f"({_gigabytes(available)}) of memory are available. {LESS_MEMORY} "
            f"Received: shape={tuple(shape)}, dtype={np.dtype(dtype).name}."
        )
    return nbytes


def unset(shape: Sequence[int], dtype: np.typing.DTypeLike, op: str = "result") -> np.ndarray:
    """An array of any values, to be filled by a kernel, if there is room for it.

    Raises:
        MemoryError: see `require`.
    """
    require(shape, dtype, op)
    try:
        return np.empty(tuple(shape), dtype)
    except MemoryError as error:
        raise explained(error, op) from error


def available_bytes() -> int:
    """How much memory the process can still use: the least of what the machine, its container and its limits leave."""
    return max(min(_machine_bytes(), _container_bytes(), _limit_bytes()), 0)


def _limit_bytes() -> int:
    """What is left of the process's own limit of addresses, which `ulimit -v` and job systems set."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return 1 << 62
        with open("/proc/self/statm") as file:
            return limit - int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        return 1 << 62


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
