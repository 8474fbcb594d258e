"""Where the engine is right now: which layer, in which direction. Error messages and streams of names read it."""

from __future__ import annotations

import threading
from math import prod

LESS_MEMORY = "Use smaller batches, images or layers."  # the cure where memory is lacking


class _Local(threading.local):
    def __init__(self) -> None:
        self.layers: tuple[str, ...] = ()
        self.direction = "forward"


_local = _Local()


def current_layer() -> str:
    """Name of the innermost layer being called, or `""`."""
    return _local.layers[-1] if _local.layers else ""


def current_direction() -> str:
    """`"forward"` or `"backward"`."""
    return _local.direction


class layer_scope:  # noqa: N801 - used as a function in a with statement, on the path of every layer call
    """Marks a block as belonging to a layer: `with layer_scope("dense_1"): ...`."""

    __slots__ = ("_before", "_direction", "_name")

    def __init__(self, name: str, direction: str = "forward") -> None:
        self._name, self._direction = name, direction

    def __enter__(self) -> None:
        self._before = (_local.layers, _local.direction)
        _local.layers, _local.direction = (*_local.layers, self._name), self._direction

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if isinstance(error, MemoryError):
                clear = explained(error, "result" if self._direction == "forward" else "gradient")
                if clear is not error:
                    raise clear from error
        finally:
            _local.layers, _local.direction = self._before


def explained(error: MemoryError, op: str, nbytes: int | None = None) -> MemoryError:
    """The error to raise where the system refused memory: NumPy's and C++'s do not say who needed it.

    Args:
        error: the error that came.
        op: who needed it; the layer's name is added.
        nbytes: how much was needed, where NumPy's error does not say it.

    Returns:
        An error that names op, layer, bytes and the cure; `error` itself if it does already.
    """
    if LESS_MEMORY in str(error):
        return error
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is not None and dtype is not None:
        nbytes = prod(int(n) for n in shape) * dtype.itemsize
    needed = "memory" if nbytes is None else f"a block of {nbytes:,} bytes ({nbytes / 2**30:.1f} GiB)"
    return MemoryError(f"{where(op)}: {needed} is needed, and the system refused it. {LESS_MEMORY}")


def where(op: str) -> str:
    """The start of an op's error message: `conv2d (layer "conv2d_1")`, or just the op outside of layers."""
    layer = current_layer()
    return f'{op} (layer "{layer}")' if layer else op
