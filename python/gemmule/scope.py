"""Where the engine is right now: which layer, in which direction. Error messages and streams of names read it."""

from __future__ import annotations

import threading


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

    def __exit__(self, *exception: object) -> None:
        _local.layers, _local.direction = self._before


def where(op: str) -> str:
    """The start of an op's error message: `conv2d (layer "conv2d_1")`, or just the op outside of layers."""
    layer = current_layer()
    return f'{op} (layer "{layer}")' if layer else op
