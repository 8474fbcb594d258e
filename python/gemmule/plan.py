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
from gemmule.backend import GUARD, GuardTripped, backend, listening
from gemmule.errors import PlanError, PlanWarning
from gemmule.fusion import fuse
from gemmule.memory import Watch, available_bytes, note_writes
from gemmule.recording import Operand, RecordedCall, Recording
from gemmule.scope import current_layer, explained
from gemmule.slicing import Slices, sliced
from gemmule.tensor import Tensor, add_read_guard

_local = threading.local()


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


def is_recording() -> bool:
    """Whether this thread runs a step that may become a plan, which must not depend on values."""
    return getattr(_local, "recording", None) is not None


class NativePlan:
    """Replays calls in C++.

    Args:
        recording: the step.
        feeds: arrays that `bind` may replace, by name.
        keeps: whether its runners keep what kernels make of weights, such as packed copies, until the weights change,
            and may go through the batch, which is the first feed, a few examples at a time.

    Attributes:
        kernels: names of the kernels it runs, in order; fewer than were recorded where kernels could be joined.
        rounds: how often it goes through the calls that are made for a few examples at a time.
    """

    def __init__(self, recording: Recording, feeds: Mapping[str, np.ndarray], keeps: bool = False) -> None:
        from gemmule import _native

        self._native = _native.Plan()
        self._written = recording.written()
        written = {("persistent", id(owner)) for owner in self._written}
        steady = {label for label in recording.owners if keeps and label[0] == "persistent" and label not in written}
        self._keep = list(recording.owners.values())  # the plan holds bare addresses
        self._bound = dict(feeds)
        externals = {**{("feed", name): array for name, array in feeds.items()}, **recording.owners}
        self._numbers = {label: self._native.add_external(array, label in steady) for label, array in externals.items()}
        calls = fuse(recording.calls)
        loop = sliced(calls, recording.sizes, len(next(iter(feeds.values())))) if keeps else None
        for label, nbytes in recording.sizes.items():
            self._numbers[label] = self._native.add_temporary(loop.bytes_of(label, nbytes) if loop else nbytes)
        self.kernels = [call.name for call in calls]
        self.rounds = 1 + len(loop.starts) if loop else 1
        self._add_steps(calls, loop)
        try:
            self._native.finish()
        except MemoryError as error:
            raise explained(error, "recorded step", self._native.arena_bytes or None) from error
        fits = 0 < self._native.most_kept_bytes < available_bytes() // 2
        self._watch = Watch(recording.owners[label] for label in steady) if fits else None

    def _add_steps(self, calls: list[RecordedCall], loop: Slices | None) -> None:
        first, end = (loop.first, loop.end) if loop else (0, 0)
        for number, call in enumerate(loop.calls if loop else calls):
            if loop and first <= number < end:
                self._add_step(*loop.part(call))
            else:
                self._add_step(call, [0] * len(call.outputs + call.inputs))
            if loop and number == end - 1:
                self._native.repeat(first, loop.starts)

    def _add_step(self, call: RecordedCall, steps: list[int]) -> None:
        operands = call.outputs + call.inputs
        pairs = zip(operands, steps, strict=True)
        places = [(-1, 0, 0) if o is None else (self._numbers[o.label], o.offset, step) for o, step in pairs]
        if call.name == GUARD:
            self._native.add_guard(*places[0][:2])
        else:
            forms = [None if o is None else (o.shape, o.dtype) for o in operands]
            self._native.add_step(call.name, forms, call.attributes, places)

    def bind(self, name: str, array: np.ndarray) -> None:
        """Replaces a feed by another array of the same row shape and type."""
        if self._bound[name] is not array:
            self._native.bind(self._numbers["feed", name], array)
            self._bound[name] = array

    def run(self, count: int, seconds: float) -> tuple[int, int]:
        """(completed runs, code of the guard that stopped it or 0)."""
        try:
            return self._native.run(count, seconds)
        except MemoryError as error:
            raise explained(error, "recorded step", self.arena_bytes) from error
        finally:
            note_writes(self._written)

    def runner(self) -> _Runner:
        """An independent copy for one thread at a time."""
        try:
            return _Runner(self._native.clone(), self._watch, self._written)
        except MemoryError as error:
            raise explained(error, "recorded step", self.arena_bytes) from error

    def forget_kept(self) -> None:
        """Gives back the memory of what runners kept; the next ones make it again."""
        self._native.forget_kept()

    @property
    def arena_bytes(self) -> int:
        """Bytes of all temporaries together."""
        return self._native.arena_bytes + self._native.scratch_bytes

    @property
    def kept_bytes(self) -> int:
        """Bytes of what all runners keep together."""
        return self._native.kept_bytes


class _Runner:
    """A copy of a native plan, for one thread at a time."""

    def __init__(self, native: Any, watch: Watch | None, written: list[np.ndarray]) -> None:
        self._native, self._watch, self._written = native, watch, written

    def run_bound(self, arrays: list[np.ndarray]) -> int:
        """Binds all feeds in order and runs once; the code of the guard that stopped it, or 0."""
        version = self._watch.version() if self._watch else -1
        try:
            return self._native.run_bound(arrays, version)
        except MemoryError as error:
            raise explained(error, "recorded step", self.arena_bytes) from error
        finally:
            if self._written:
                note_writes(self._written)

    @property
    def arena_bytes(self) -> int:
        """Bytes of its temporaries."""
        return self._native.arena_bytes + self._native.scratch_bytes


class ReferencePlan:
    """Replays the same calls with the NumPy twins, with temporaries of its own."""

    def __init__(self, recording: Recording, feeds: Mapping[str, np.ndarray]) -> None:
        self._calls = recording.calls
        self._written = recording.written()
        self._bound = dict(feeds)
        self._lock = threading.Lock()
        blocks = {label: np.empty(nbytes, np.uint8) for label, nbytes in recording.sizes.items()}
        self._arrays = dict(recording.held)
        for operand in {o for call in self._calls for o in call.outputs + call.inputs if o and o.label in blocks}:
            self._arrays[operand] = _view(blocks[operand.label], operand)
        self.arena_bytes = sum(block.nbytes for block in blocks.values())
        self.kept_bytes = 0  # it copies no weights

    def forget_kept(self) -> None:
        """Does nothing, for there is nothing."""

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
        try:
            return self._run_calls()
        finally:
            note_writes(self._written)

    def _run_calls(self) -> int:
        from gemmule.backend import reference

        for call in self._calls:
            inputs = [self._array(operand) for operand in call.inputs]
            if call.name == GUARD:
                if code := int(inputs[0][0]):  # type: ignore[index]
                    return code
                continue
            reference.run(call.name, [self._array(operand) for operand in call.outputs], inputs, call.attributes)
        return 0

    def _array(self, operand: Operand | None) -> np.ndarray | None:
        if operand is None or operand.label[0] != "feed":
            return None if operand is None else self._arrays[operand]
        bound = self._bound[operand.label[1]]
        fits = bound.dtype == operand.dtype and (operand.offset or bound.size == operand.size)
        return _view(bound, operand) if fits else bound


def _view(memory: np.ndarray, operand: Operand) -> np.ndarray:
    return np.ndarray(operand.shape, operand.dtype, memory, operand.offset)


class StepFunction:
    """A step that starts eagerly and becomes a plan.

    Args:
        body: makes the backend calls of one step; receives the current feeds.
        feeds: arrays that may be replaced between runs, by name; the body has to use exactly these objects.
        eager: never record (`run_eagerly=True`).
        strict: raise `PlanError` instead of warning when the step cannot be recorded (`jit_compile=True`).
        name: what the warning calls the step.
        keeps: as for `NativePlan`.

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
        keeps: bool = False,
    ) -> None:
        self.body, self.feeds = body, dict(feeds)
        self._eager, self._strict, self._name, self._keeps = eager, strict, name, keeps
        self.gave_up = False
        self._first: Recording | None = None
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
        recording = Recording(self.feeds)
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
            self.advances = recording.advances
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
        recording.finish()
        if self._first is None:
            self._first = recording
            return None
        if difference := self._first.difference(recording):
            return self._give_up(difference)
        native = backend() == "native"
        self.plan = NativePlan(recording, self.feeds, self._keeps) if native else ReferencePlan(recording, self.feeds)
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
