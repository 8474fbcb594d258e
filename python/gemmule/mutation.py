"""Counts changes of plain Python attributes of layers, losses, metrics and optimizers, and of settings.

A plan bakes in numbers such as `layer.negative_slope`. When one of them changes, the model records another plan; as
long as this counter stands still it need not even look.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

SCALARS = (bool, int, float, str, type(None), np.generic)
PLAIN = (*SCALARS, tuple, list, Mapping, np.ndarray)  # what a step can bake in by value
_version = _holdings = 0
_local = threading.local()


def version() -> int:
    """A number that grows with every change."""
    return _version


def version_here() -> int:
    """Likewise, but of changes made by this thread alone."""
    return getattr(_local, "version", 0)


def holdings() -> int:
    """A number that grows with every assignment that may give a layer other weights or other layers to hold."""
    return _holdings


def count_holding() -> None:
    """Counts such an assignment."""
    global _holdings
    _holdings += 1


class Watched:
    """Base class whose attributes are watched, except those a step does not depend on."""

    _unwatched: frozenset[str] = frozenset()
    _copyable = True

    def __setattr__(self, name: str, value: Any) -> None:
        note_change(self, name, value)
        object.__setattr__(self, name, value)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self._copyable:
            kind = type(self).__name__
            raise TypeError(
                f"{kind} cannot be copied or pickled: its state lies in memory that recorded steps point to. "
                f"Make another one: {kind}.from_config(the_first.get_config())."
            )
        return super().__reduce_ex__(protocol)


def note_change(owner: Any, name: str, value: Any) -> None:
    """Counts the assignment if it changes an attribute that was there before."""
    if name in owner.__dict__ and name not in owner._unwatched and _changes(owner.__dict__[name], value):
        count_change()


def count_change() -> None:
    """Counts a change of something that recorded steps depend on."""
    global _version
    _version += 1
    _local.version = version_here() + 1


def _changes(before: Any, value: Any) -> bool:
    """Whether a step that baked in `before` may have to be recorded anew.

    Numbers and arrays count by value, functions and layers by identity. Other objects, such as a tensor that `call`
    keeps for somebody to look at, do not count.
    """
    if before is value:
        return False
    if callable(before) or callable(value):
        return True
    if isinstance(before, np.ndarray) and isinstance(value, np.ndarray):
        return before.dtype != value.dtype or before.shape != value.shape or before.tobytes() != value.tobytes()
    if isinstance(before, Mapping) and isinstance(value, Mapping):
        return list(before) != list(value) or any(_changes(before[key], value[key]) for key in value)
    if isinstance(before, (tuple, list)) and isinstance(value, (tuple, list)):
        return len(before) != len(value) or any(map(_changes, before, value))
    if isinstance(before, SCALARS) and isinstance(value, SCALARS):
        return type(before) is not type(value) or bool(before != value)
    if before is None or value is None:
        return isinstance(before, PLAIN) and isinstance(value, PLAIN)
    return isinstance(before, PLAIN) or isinstance(value, PLAIN)
