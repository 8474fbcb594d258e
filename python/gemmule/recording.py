"""What one eager step did, in a form that can be compared with the next one and turned into a plan.

A recording keeps names and shapes, not arrays: the temporaries of the step die as they would without it, so recording
takes no memory. Memory is named by its owner in order of appearance; a weak reference tells an array that is still the
same from a later one that Python put in its place.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gemmule.backend import GUARD, Call
from gemmule.memory import is_persistent, root

Label = tuple[str, Any]  # ("persistent" | "feed" | "constant" | "temporary", which of them)


class Operand(NamedTuple):
    """Where an operand lies and what it looks like."""

    label: Label
    offset: int  # bytes from the start of the memory
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        return self.size * self.dtype.itemsize


Operands = tuple["Operand | None", ...]


class RecordedCall(NamedTuple):
    """One backend call; `None` stands for an absent operand."""

    name: str
    outputs: Operands
    inputs: Operands
    attributes: dict[str, Any]


class _Range(NamedTuple):
    name: str
    feed: np.ndarray
    start: int


class Recording:
    """The calls of one eager step, and what speaks against replaying them.

    Args:
        feeds: arrays that may be replaced between runs, by name; the step may add to them before it uses them.

    Attributes:
        calls: what was called, in order.
        problem: the first reason why the step cannot be replayed, or `""`.
        advances: the counters the step had advanced when its guard was reached, and by how much.
        sizes: bytes of each temporary.
        owners: the memory of everything that is no temporary and no feed.
        held: the arrays of such operands.
    """

    def __init__(self, feeds: Mapping[str, np.ndarray]) -> None:
        self.calls: list[RecordedCall] = []
        self.problem = ""
        self.advances: list[tuple[np.ndarray, int]] = []
        self.sizes: dict[Label, int] = {}
        self.owners: dict[Label, np.ndarray] = {}
        self.held: dict[Operand, np.ndarray] = {}
        self.values: list[bytes] = []  # of constants, by number; read when the step is over
        self._feeds = feeds
        self._ranges: list[_Range] = []
        self._labels: dict[int, tuple[weakref.ref[np.ndarray], Label]] = {}
        self._guarded = False

    def hear(self, call: Call) -> None:
        """Listens to the backend."""
        inputs = tuple([self._locate(array, False) for array in call.inputs])
        outputs = tuple([self._locate(array, True) for array in call.outputs])
        self.calls.append(RecordedCall(call.name, outputs, inputs, call.attributes))
        self._guarded = self._guarded or call.name == GUARD
        if call.name == "advance" and call.outputs[0] is not None and not self._guarded:
            self.advances.append((call.outputs[0], call.attributes["by"]))

    def object(self, problem: str) -> None:
        """Notes the first reason why the step cannot be replayed."""
        self.problem = self.problem or problem

    def finish(self) -> None:
        """The step is over: lets go of its data and notes the values of constants, which may change before the next."""
        self._feeds, self._ranges, self._labels = {}, [], {}
        self.values = [owner.tobytes() for label, owner in self.owners.items() if label[0] == "constant"]

    def difference(self, other: Recording) -> str:
        """Why two recordings are not the same step, or `""`."""
        if len(self.calls) != len(other.calls):
            first, second = len(self.calls), len(other.calls)
            return f"the step made {first} kernel calls the first time and {second} the second"
        for a, b in zip(self.calls, other.calls, strict=True):
            if a != b:
                return f"kernel call {a.name!r} changed from one step to the next"
        if self.values != other.values:
            return "a NumPy array used by the step changed its values from one step to the next"
        return ""

    def written(self) -> list[np.ndarray]:
        """Persistent memory that the step writes to."""
        labels = {operand.label for call in self.calls for operand in call.outputs if operand is not None}
        return [owner for label, owner in self.owners.items() if label[0] == "persistent" and label in labels]

    def _locate(self, array: np.ndarray | None, is_output: bool) -> Operand | None:
        if array is None:
            return None
        start = array.ctypes.data
        label, base = self._feed_of(array, start) or self._label(array, start, is_output)
        operand = Operand(label, start - base, array.shape, array.dtype)
        if label in self.owners:
            self.held[operand] = array
        return operand

    def _feed_of(self, array: np.ndarray, start: int) -> tuple[Label, int] | None:
        """The feed an array is or lies in, such as the batch a Dense sees behind a Flatten."""
        if len(self._ranges) != len(self._feeds) or any(self._feeds[r.name] is not r.feed for r in self._ranges):
            self._ranges = [_Range(name, feed, feed.ctypes.data) for name, feed in self._feeds.items()]
        stop = start + array.nbytes
        itself = [r for r in self._ranges if r.feed is array]  # before all others: two feeds may share their memory
        within = [r for r in self._ranges if r.start <= start < stop <= r.start + r.feed.nbytes]
        for name, _, first in itself + within:
            return ("feed", name), first
        return None

    def _label(self, array: np.ndarray, start: int, is_output: bool) -> tuple[Label, int]:
        owner = root(array)
        known = self._labels.get(id(owner))
        if known is not None and known[0]() is owner:
            return known[1], owner.ctypes.data
        if is_persistent(array):
            label: Label = ("persistent", id(owner))
        elif is_output:
            label = ("temporary", len(self.sizes))
            self.sizes[label] = owner.nbytes
        else:
            label = ("constant", len(self.owners))
        if label[0] != "temporary":
            self.owners[label] = owner
        self._labels[id(owner)] = weakref.ref(owner), label
        return label, owner.ctypes.data
