"""Where trainable parameters live once a model trains: packed one behind the other.

An update, a norm, a checkpoint are then one pass over few arrays. Gradients and optimizer slots mirror the layout.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np

from gemmule.memory import ALIGNMENT, persistent
from gemmule.tensor import Variable

_generations = count(1)
_generation = 0


def generation() -> int:
    """Grows whenever variables move; plans made before hold old addresses."""
    return _generation


def renew_after_fork(owner: Any, attribute: str, make: Callable[[], Any]) -> None:
    """Gives `owner` a new lock in a forked child: whoever holds the old one there did not survive the fork."""
    if hasattr(os, "register_at_fork"):
        _locks.setdefault(owner, {})[attribute] = make


def _renew_locks() -> None:
    for owner, attributes in _locks.items():
        for attribute, make in attributes.items():
            setattr(owner, attribute, make())


_locks: weakref.WeakKeyDictionary[Any, dict[str, Callable[[], Any]]] = weakref.WeakKeyDictionary()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class ParameterRun:
    """Variables of one type, packed into one array. Each starts on a cache line; the gaps are zeros and stay zeros.

    Args:
        variables: what to pack, in order; their values move here.

    Attributes:
        array: the flat array.
        variables: the packed variables.
        slices: for each variable, by `id`, its elements in `array`.
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        global _generation
        self.variables = tuple(variables)
        self.slices: dict[int, slice] = {}
        self.lock = threading.Lock()  # held by the model that trains
        renew_after_fork(self, "lock", threading.Lock)
        dtype = self.variables[0].dtype
        line = ALIGNMENT // dtype.itemsize
        size = 0
        for variable in self.variables:
            self.slices[id(variable)] = slice(size, size + variable.size)
            size += -(-variable.size // line) * line
        self.array = persistent((size,), dtype)
        for variable in self.variables:
            variable.move_to(self.view(self.array, variable), self)
        _generation = next(_generations)

    def view(self, flat: np.ndarray, variable: Variable) -> np.ndarray:
        """The part of an array laid out like this run that belongs to `variable`."""
        return flat[self.slices[id(variable)]].reshape(variable.shape)

    def segments(self, variables: Iterable[Variable]) -> list[slice]:
        """The fewest stretches of the run that cover `variables` and nothing else but gaps."""
        wanted = {id(variable) for variable in variables}
        stretches: list[slice] = []
        previous_wanted = False
        for index, variable in enumerate(self.variables):
            part = self.slices[id(variable)]
            last = index + 1 == len(self.variables)
            stop = self.array.size if last else self.slices[id(self.variables[index + 1])].start
            if id(variable) in wanted:
                if previous_wanted:
                    stretches[-1] = slice(stretches[-1].start, stop)
                else:
                    stretches.append(slice(part.start, stop))
            previous_wanted = id(variable) in wanted
        return stretches


def pack(variables: Sequence[Variable]) -> list[ParameterRun]:
    """The runs that hold `variables`, in order; those not packed yet are packed now, one run for each type.

    A variable is packed once and never moves again, so a layer shared with a model that trained before stays where
    that model put it.
    """
    fresh: dict[np.dtype, list[Variable]] = {}
    for variable in variables:
        if variable._layout_owner is None:
            fresh.setdefault(variable.dtype, []).append(variable)
    for group in fresh.values():
        ParameterRun(group)
    runs: dict[int, ParameterRun] = {}
    for variable in variables:
        owner = variable._layout_owner
        if isinstance(owner, ParameterRun):
            runs.setdefault(id(owner), owner)
    return list(runs.values())
