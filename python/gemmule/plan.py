"""Record a step twice, then replay it without Python.

A `StepFunction` runs its body eagerly the first two times and listens to the backend calls. When both lists are the
same, they become a plan: temporaries get places in one arena, persistent arrays keep their addresses, and what the
caller may swap between runs (data sets, index lists, outputs) are *feeds*. When the lists differ, or the body reads a
value in between, the step goes on eagerly and says so once.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gemmule import mutation
from gemmule.backend import GUARD, Call, GuardTripped, backend, listening
from gemmule.errors import PlanError, PlanWarning
from gemmule.fusion import fuse
from gemmule.memory import is_persistent, root
from gemmule.scope import current_layer
from gemmule.tensor import Tensor, add_read_guard

_local = threading.local()


class Recording:
    """The calls of one eager step, and what speaks against replaying them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.problem = ""

    def hear(self, call: Call) -> None:
        """Listens to the backend."""
        self.calls.append(call)

    def object(self, problem: str) -> None:
        """Notes the first reason why the step cannot be replayed."""
        self.problem = self.problem or problem

    def advances(self) -> list[tuple[np.ndarray, int]]:
        """The counters that this step had advanced when its guard was reached."""
        found = []
        for call in self.calls:
            if call.name == GUARD:
                break
            if call.name == "advance" and call.outputs[0] is not None:
                found.append((call.outputs[0], call.attributes["by"]))
        return found


def _object_to_reads(tensor: Tensor, how: str) -> None:
    recording: Recording | None = getattr(_local, "recording", None)
    if recording is not None:
        layer = current_layer()
        place = f' in layer "{layer}"' if layer else ""
        recording.object(f"a tensor's value was read ({how}){place} in the middle of the step")


add_read_guard(_object_to_reads)


def refuse_replay(problem: str) -> None:
    """Says that the step this thread records, if any, does something a replay would not repeat.

    Args:
        problem: what it does, for the warning.
    """
    recording: Recording | None = getattr(_local, "recording", None)
    if recording is not None:
        recording.object(problem)


class _Buffers:
    """Names the memory of a list of calls: persistent, feed, constant or temporary, in order of appearance."""

    def __init__(self, feeds: Mapping[str, np.ndarray]) -> None:
        self._feeds = {id(array): name for name, array in feeds.items()}
        starts = [(name, array.ctypes.data, array.nbytes) for name, array in feeds.items() if array.nbytes]
        self._ranges = [(name, start, start + size) for name, start, size in starts]
        self.labels: dict[int, tuple[str, Any]] = {}
        self.owners: dict[int, np.ndarray] = {}
        self.constants: list[np.ndarray] = []
        self._temporaries = 0

    def locate(self, array: np.ndarray | None, is_output: bool) -> tuple[tuple[str, Any], int] | None:
        """(label of the memory, byte offset in it), or `None` for an absent operand."""
        if array is None:
            return None
        if id(array) in self._feeds:
            return ("feed", self._feeds[id(array)]), 0
        first, last = array.ctypes.data, array.ctypes.data + array.nbytes
        for name, start, stop in self._ranges:  # a view, such as the batch a Dense sees behind a Flatten
            if start <= first < last <= stop:
                return ("feed", name), first - start
        owner = root(array)
        key = id(owner)
        if key not in self.labels:
            self.owners[key] = owner
            self.labels[key] = self._label(owner, array, is_output)
        return self.labels[key], array.ctypes.data - owner.ctypes.data

    def _label(self, owner: np.ndarray, array: np.ndarray, is_output: bool) -> tuple[str, Any]:
        if is_persistent(array):
            return ("persistent", id(owner))
        if is_output:
            self._temporaries += 1
            return ("temporary", self._temporaries)
        self.constants.append(owner)
        return ("constant", len(self.constants))


Operand = tuple[tuple[str, Any], int] | None


class _Located:
    """A recording with every operand located: what is compared, and what a plan is made from."""

    def __init__(self, recording: Recording, feeds: Mapping[str, np.ndarray]) -> None:
        self.calls = recording.calls
        self.buffers = _Buffers(feeds)
        self.operands: list[tuple[list[Operand], list[Operand]]] = []
        self.values: list[bytes] = []  # of constants, now: an array may be filled anew in place before the next step
        for call in self.calls:
            inputs = [self.buffers.locate(array, False) for array in call.inputs]
            self.operands.append(([self.buffers.locate(array, True) for array in call.outputs], inputs))
        self._forms = [_form(call) for call in self.calls]
        self.values = [constant.tobytes() for constant in self.buffers.constants]

    def let_go(self) -> None:
        """Forgets data and temporaries; what is left can still be compared."""
        self.calls = []
        labels, owners = self.buffers.labels, self.buffers.owners
        self.buffers.owners = {key: owners[key] for key in owners if labels[key][0] != "temporary"}

    def difference(self, other: _Located) -> str:
        """Why two recordings are not the same step, or `""`."""
        counts = len(self._forms), len(other._forms)
        if counts[0] != counts[1]:
            return f"the step made {counts[0]} kernel calls the first time and {counts[1]} the second"
        for a, b, where_a, where_b in zip(self._forms, other._forms, self.operands, other.operands, strict=True):
            if a != b or where_a != where_b:
                return f"kernel call {a[0]!r} changed from one step to the next"
        if self.values != other.values:
            return "a NumPy array used by the step changed its values from one step to the next"
        return ""


def _form(call: Call) -> tuple[Any, ...]:
    arrays = [None if a is None else (a.shape, a.dtype) for a in (*call.outputs, *call.inputs)]
    return call.name, call.attributes, arrays


class NativePlan:
    """Replays calls in C++.

    Args:
        located: the step.
        feeds: arrays that `bind` may replace, by name.

    Attributes:
        kernels: names of the kernels it runs, in order; fewer than were recorded where kernels could be joined.
    """

    def __init__(self, located: _Located, feeds: Mapping[str, np.ndarray]) -> None:
        from gemmule import _native

        self._native = _native.Plan()
        self._keep: list[np.ndarray] = []  # the plan holds bare addresses; temporaries get new ones in the arena
        self._numbers: dict[tuple[str, Any], int] = {
            ("feed", name): self._native.add_external(array) for name, array in feeds.items()
        }
        self._bound = dict(feeds)
        for key, label in located.buffers.labels.items():
            owner = located.buffers.owners[key]
            temporary = label[0] == "temporary"
            self._numbers[label] = (
                self._native.add_temporary(owner.nbytes) if temporary else self._native.add_external(owner)
            )
            if not temporary:
                self._keep.append(owner)
        calls, operands = fuse(located.calls, located.operands)
        self.kernels = [call.name for call in calls]
        self._add_steps(calls, operands)
        self._native.finish()

    def _add_steps(self, calls: list[Call], operands: list[tuple[list[Operand], list[Operand]]]) -> None:
        for call, (outputs, inputs) in zip(calls, operands, strict=True):
            references = [self._reference(operand) for operand in (*outputs, *inputs)]
            if call.name == GUARD:
                self._native.add_guard(*references[0])
            else:
                self._native.add_step(call.name, call.outputs, call.inputs, call.attributes, references)

    def _reference(self, operand: Operand) -> tuple[int, int]:
        return (-1, 0) if operand is None else (self._numbers[operand[0]], operand[1])

    def bind(self, name: str, array: np.ndarray) -> None:
        """Replaces a feed by another array of the same row shape and type."""
        if self._bound[name] is not array:
            self._native.bind(self._numbers["feed", name], array)
            self._bound[name] = array

    def run(self, count: int, seconds: float) -> tuple[int, int]:
        """(completed runs, code of the guard that stopped it or 0)."""
        return self._native.run(count, seconds)

    def runner(self) -> Any:
        """An independent copy for one thread at a time: `run_bound(arrays)` binds all feeds in order and runs once."""
        return self._native.clone()

    @property
    def arena_bytes(self) -> int:
        """Bytes of all temporaries together."""
        return self._native.arena_bytes + self._native.scratch_bytes


class ReferencePlan:
    """Replays the same calls with the NumPy twins, with temporaries of its own."""

    def __init__(self, located: _Located, feeds: Mapping[str, np.ndarray]) -> None:
        self._operands = located.operands
        self._bound = dict(feeds)
        self._lock = threading.Lock()
        blocks = {
            label: np.empty(located.buffers.owners[key].nbytes, np.uint8)
            for key, label in located.buffers.labels.items()
            if label[0] == "temporary"
        }
        self._calls = [
            call._replace(
                outputs=tuple(_moved(array, operand, blocks) for array, operand in zip(call.outputs, outputs)),
                inputs=tuple(_moved(array, operand, blocks) for array, operand in zip(call.inputs, inputs)),
            )
            for call, (outputs, inputs) in zip(located.calls, located.operands, strict=True)
        ]
        self.arena_bytes = sum(block.nbytes for block in blocks.values())

    def bind(self, name: str, array: np.ndarray) -> None:
        """Replaces a feed by another array of the same row shape and type."""
        self._bound[name] = array

    def run(self, count: int, seconds: float) -> tuple[int, int]:
        """(completed runs, code of the guard that stopped it or 0)."""
        deadline = time.monotonic() + seconds
        for completed in range(count):
            code = self._run_once()
            if code:
                return completed, code
            if time.monotonic() >= deadline:
                return completed + 1, 0
        return count, 0

    def runner(self) -> ReferencePlan:
        """This plan itself; `run_bound` lets one thread in at a time."""
        return self

    def run_bound(self, arrays: list[np.ndarray]) -> int:
        """Binds all feeds in order and runs once."""
        with self._lock:
            self._bound = dict(zip(self._bound, arrays, strict=True))
            return self._run_once()

    def _run_once(self) -> int:
        from gemmule.backend import reference

        for call, (outputs, inputs) in zip(self._calls, self._operands, strict=True):
            if call.name == GUARD:
                if code := int(call.inputs[0][0]):  # type: ignore[index]
                    return code
                continue
            reference.run(
                call.name,
                [self._fed(a, o) for a, o in zip(call.outputs, outputs, strict=True)],
                [self._fed(a, o) for a, o in zip(call.inputs, inputs, strict=True)],
                call.attributes,
            )
        return 0

    def _fed(self, array: np.ndarray | None, operand: Operand) -> np.ndarray | None:
        if array is None or operand is None or operand[0][0] != "feed":
            return array
        bound, offset = self._bound[operand[0][1]], operand[1]
        if bound.dtype == array.dtype and (offset or bound.size == array.size):
            return np.ndarray(array.shape, array.dtype, bound, offset)
        return bound


def _moved(array: np.ndarray | None, operand: Operand, blocks: Mapping[Any, np.ndarray]) -> np.ndarray | None:
    """The operand in a plan's own memory, if it is a temporary: tensors of the recorded step stay what they were."""
    if array is None or operand is None or operand[0] not in blocks:
        return array
    return np.ndarray(array.shape, array.dtype, blocks[operand[0]], operand[1])


class StepFunction:
    """A step that starts eagerly and becomes a plan.

    Args:
        body: makes the backend calls of one step; receives the current feeds.
        feeds: arrays that may be replaced between runs, by name; the body has to use exactly these objects.
        eager: never record (`run_eagerly=True`).
        strict: raise `PlanError` instead of warning when the step cannot be recorded (`jit_compile=True`).
        name: what the warning calls the step.

    Attributes:
        gave_up: whether recording it failed, so that it never becomes a plan.
        plan: the plan, once there is one.
    """

    def __init__(
        self,
        body: Callable[[dict[str, np.ndarray]], None],
        feeds: Mapping[str, np.ndarray],
        eager: bool = False,
        strict: bool = False,
        name: str = "step",
    ) -> None:
        self.body, self.feeds = body, dict(feeds)
        self._eager, self._strict, self._name = eager, strict, name
        self.gave_up = False
        self._first: _Located | None = None
        self.advances: list[tuple[np.ndarray, int]] = []
        self.plan: NativePlan | ReferencePlan | None = None

    def bind(self, name: str, array: np.ndarray) -> None:
        """Replaces a feed."""
        self.feeds[name] = array
        if self.plan is not None:
            self.plan.bind(name, array)

    def run(self, count: int = 1, seconds: float = float("inf")) -> tuple[int, int]:
        """Runs the step up to `count` times, starting none after `seconds`.

        Returns:
            Completed runs, and the code of the guard that stopped the last one (0: none did).
        """
        deadline = time.monotonic() + seconds
        completed = 0
        while self.plan is None and completed < count:
            code = self._run_eagerly()
            if code:
                return completed, code
            completed += 1
            if time.monotonic() >= deadline:
                return completed, 0
        if completed == count or self.plan is None:
            return completed, 0
        more, code = self.plan.run(count - completed, max(deadline - time.monotonic(), 0.0))
        return completed + more, code

    def _run_eagerly(self) -> int:
        recording = Recording()
        version = mutation.version_here()  # what other threads do to other models is no change of this step
        around = getattr(_local, "recording", None)  # a step may predict with another model
        _local.recording = None if self._eager else recording
        try:
            with listening(recording.hear):
                self.body(self.feeds)
        except GuardTripped as tripped:
            return tripped.code
        finally:
            _local.recording = around
            self.advances = recording.advances()
        if not self._eager:
            if mutation.version_here() != version:
                recording.object("an attribute of a layer, loss or optimizer was changed inside the step")
            self._consider(recording)
        return 0

    def rewind(self) -> None:
        """Takes back the counting that the last, guarded run had done before its guard tripped."""
        for counter, by in self.advances:
            counter[-1] -= counter.dtype.type(by)

    def _consider(self, recording: Recording) -> None:
        if recording.problem:
            return self._give_up(recording.problem)
        located = _Located(recording, self.feeds)
        if self._first is None:
            located.let_go()
            self._first = located
            return None
        if difference := self._first.difference(located):
            return self._give_up(difference)
        self.plan = (NativePlan if backend() == "native" else ReferencePlan)(located, self.feeds)
        self._first = None
        return None

    def _give_up(self, problem: str) -> None:
        self._first = None
        self._eager = self.gave_up = not self._strict
        message = f"{self._name} cannot be replayed and runs eagerly, which is slower: {problem}."
        if self._strict:
            raise PlanError(
                message + " jit_compile=True asks for one that can: compute with gm.ops only, or leave it at 'auto'."
            )
        warnings.warn(message, PlanWarning, stacklevel=4)
