"""Counts changes of plain Python attributes of layers, losses and optimizers.

A plan bakes in numbers such as `layer.negative_slope`. When one of them changes, the model looks up, or records,
another plan; as long as this counter stands still it need not even look.
"""

from __future__ import annotations

from typing import Any

SCALARS = (bool, int, float, str, tuple, type(None))
_version = 0


def version() -> int:
    """A number that grows with every change."""
    return _version


class Watched:
    """Base class whose plain public attributes are watched, except those a step does not depend on."""

    _unwatched: frozenset[str] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        note_change(self, name, value)
        object.__setattr__(self, name, value)


def note_change(owner: Any, name: str, value: Any) -> None:
    """Counts the assignment if it changes an attribute that was there before."""
    global _version
    if name[0] == "_" or not isinstance(value, SCALARS) or name in owner._unwatched:
        return
    if name in owner.__dict__ and owner.__dict__[name] != value:
        _version += 1


def fingerprint(*owners: Any) -> tuple[Any, ...]:
    """The plain public attributes of some objects: what a plan of theirs has baked in."""
    return tuple(
        (name, value)
        for owner in owners
        for name, value in vars(owner).items()
        if name[0] != "_" and isinstance(value, SCALARS) and name not in owner._unwatched
    )
