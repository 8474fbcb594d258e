"""Joins kernel calls of a recorded step: where a second kernel only finishes what a first one stores, one does both.

A convolution stores its result, an activation reads it and stores it again: memory is what that costs. Kernels that
take an activation, a residual or a scale and shift for each channel as operands do it while they store. A rule says
which two calls make one, and the bits stay the same: kernels apply what is fused in the order and with the roundings of
separate calls. Two calls are joined only when nothing else in the step touches what passes between them.

`_RULES` is the whole table: a rule gets the first call, the second one and the place at which it reads the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gemmule.backend import Call

Label = tuple[str, Any]
Operand = tuple[Label, int] | None  # memory and byte offset, as the plan locates them
Operands = tuple[list[Operand], list[Operand]]


class _Slot(NamedTuple):
    """One operand of a call: its shape and type, and where it lies."""

    array: np.ndarray | None
    place: Operand


class _Step(NamedTuple):
    name: str
    outputs: list[_Slot]
    inputs: list[_Slot]
    attributes: dict[str, Any]

    @classmethod
    def of(cls, call: Call, operands: Operands) -> _Step:
        outputs, inputs = (
            [_Slot(array, place) for array, place in zip(arrays, places, strict=True)]
            for arrays, places in zip((call.outputs, call.inputs), operands, strict=True)
        )
        return cls(call.name, outputs, inputs, call.attributes)

    def call(self) -> Call:
        return Call(
            self.name, tuple(s.array for s in self.outputs), tuple(s.array for s in self.inputs), self.attributes
        )

    def operands(self) -> Operands:
        return [s.place for s in self.outputs], [s.place for s in self.inputs]

    def labels(self, slots: Sequence[_Slot]) -> set[Label]:
        return {slot.place[0] for slot in slots if slot.place is not None}

    def has(self, place: int) -> bool:
        """Whether there is an operand at this place of the inputs."""
        return self.inputs[place].array is not None


# ---- Rules -----------------------------------------------------------------------------------------------------------

_ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softplus", "exponential")
_ALPHA = {"leaky_relu": "negative_slope", "elu": "alpha"}  # what the activation's own kernel calls it

# Kernels that finish as `v = v * scale + shift`, then `v += residual`, then an activation: where the operands are.
_SCALE = {"conv2d_forward": 3, "depthwise_conv2d_forward": 3, "dense_forward": 3}
_RESIDUAL = {"conv2d_forward": 5, "dense_forward": 5, "batch_norm_forward": 3, "scale_shift": 3}
_FINISHING = {*_SCALE, *_RESIDUAL}


def _like(slot: _Slot, model: _Slot) -> _Slot:
    """The same memory in another shape: kernels take sizes from shapes, and a reshape may lie between two calls."""
    if slot.array is None or model.array is None or slot.array.shape == model.array.shape:
        return slot
    return _Slot(slot.array.reshape(model.array.shape), slot.place)


def _finished(first: _Step, second: _Step, extra: dict[int, _Slot], **attributes: Any) -> _Step:
    """`first` with more operands and the output of `second`."""
    inputs = [extra.get(place, slot) for place, slot in enumerate(first.inputs)]
    outputs = [_like(second.outputs[0], first.outputs[0]), *first.outputs[1:]]
    return _Step(first.name, outputs, inputs, first.attributes | attributes)


def _with_activation(first: _Step, second: _Step, place: int) -> _Step | None:
    name = second.name.removesuffix("_forward")
    if first.name not in _FINISHING or first.attributes["activation"] != "linear":
        return None
    alpha = second.attributes[_ALPHA[name]] if name in _ALPHA else 0.0
    return _finished(first, second, {}, activation=name, alpha=alpha)


def _with_scale(first: _Step, second: _Step, place: int) -> _Step | None:
    at = _SCALE.get(first.name, len(first.inputs))
    if place != 0 or at >= len(first.inputs) or first.has(at) or first.attributes["activation"] != "linear":
        return None
    extra = {at: second.inputs[1], at + 1: second.inputs[2]}
    residual = _RESIDUAL.get(first.name)
    if residual is not None and first.has(residual):
        return None  # it would be added too late
    if second.has(3):
        if residual is None:
            return None
        extra[residual] = _like(second.inputs[3], first.outputs[0])
    activation = {name: second.attributes[name] for name in ("activation", "alpha")}
    channels = first.outputs[0].array.shape[-1]  # type: ignore[union-attr]
    fits = second.inputs[1].array.shape == (channels,)  # type: ignore[union-attr]
    return _finished(first, second, extra, **activation) if fits else None


def _with_residual(first: _Step, second: _Step, place: int) -> _Step | None:
    at = _RESIDUAL.get(first.name, len(first.inputs))
    if at >= len(first.inputs) or first.has(at) or first.attributes["activation"] != "linear":
        return None
    other, sizes = second.inputs[1 - place], {slot.array.size for slot in (*second.inputs, second.outputs[0])}  # type: ignore[union-attr]
    broadcasts = len(sizes) > 1
    return None if broadcasts else _finished(first, second, {at: _like(other, first.outputs[0])})


def _through_activation(first: _Step, second: _Step, place: int) -> _Step | None:
    """The way back: what the activation lets through goes straight into the gradient of the normalization."""
    if place != 0 or second.attributes["activation"] != "linear":
        return None
    name = first.name.removesuffix("_backward")
    alpha = first.attributes[_ALPHA[name]] if name in _ALPHA else 0.0
    dy, y = (_like(slot, second.inputs[1]) for slot in first.inputs)
    inputs = [dy, second.inputs[1], y, *second.inputs[3:]]
    return _Step(second.name, second.outputs, inputs, second.attributes | {"activation": name, "alpha": alpha})


_Rule = Callable[[_Step, _Step, int], "_Step | None"]
_RULES: dict[tuple[str, str], _Rule] = {
    **{(first, f"{name}_forward"): _with_activation for first in sorted(_FINISHING) for name in _ACTIVATIONS},
    **{(first, "scale_shift"): _with_scale for first in _SCALE},
    **{(first, "add"): _with_residual for first in _RESIDUAL},
    **{(f"{name}_backward", "batch_norm_backward"): _through_activation for name in _ACTIVATIONS},
}


# ---- Where they apply ------------------------------------------------------------------------------------------------


class _Fusion:
    def __init__(self, steps: list[_Step]) -> None:
        self.steps: list[_Step | None] = list(steps)
        self.touched: dict[Label, list[int]] = {}  # the steps that touch a piece of memory, once for each operand
        for number, step in enumerate(steps):
            for slot in (*step.outputs, *step.inputs):
                if slot.place is not None:
                    self.touched.setdefault(slot.place[0], []).append(number)

    def run(self) -> list[_Step]:
        for number in range(len(self.steps)):
            while self._join_into(number):
                pass
        return [step for step in self.steps if step is not None]

    def _join_into(self, number: int) -> bool:
        """Joins a step with the one that computes one of its inputs, if a rule says how."""
        second = self.steps[number]
        if second is None:
            return False
        for place, slot in enumerate(second.inputs):
            before = self._only_producer(slot, number)
            if before is None:
                continue
            first = self.steps[before]
            rule = _RULES.get((first.name, second.name)) if first else None
            joined = rule(first, second, place) if first and rule else None
            if joined is not None and self._may_wait(before, number):
                self._replace(before, number, joined)
                return True
        return False

    def _only_producer(self, slot: _Slot, reader: int) -> int | None:
        """The step whose first output this is, if nobody but it and the reader knows of this memory."""
        if slot.place is None or slot.place[0][0] != "temporary":
            return None
        steps = self.touched[slot.place[0]]
        if len(steps) != 2 or steps[1] != reader or steps[0] >= reader:
            return None
        output = self.steps[steps[0]].outputs[:1]  # type: ignore[union-attr]
        same = bool(output) and output[0].place == slot.place
        return steps[0] if same and output[0].array.nbytes == slot.array.nbytes else None  # type: ignore[union-attr]

    def _may_wait(self, before: int, number: int) -> bool:
        """Whether the first step may as well run where the second one does."""
        first = self.steps[before]
        if first is None or any(label[0] != "temporary" for label in first.labels(first.outputs)):
            return False
        read, written = first.labels(first.inputs), first.labels(first.outputs)
        for between in self.steps[before + 1 : number]:
            if between is None:
                continue
            changed = between.labels(between.outputs)
            if changed & (read | written) or between.labels(between.inputs) & written:
                return False
        return True

    def _replace(self, before: int, number: int, joined: _Step) -> None:
        for old in (before, number):
            step = self.steps[old]
            for slot in (*step.outputs, *step.inputs):  # type: ignore[union-attr]
                if slot.place is not None:
                    self.touched[slot.place[0]].remove(old)
        self.steps[before], self.steps[number] = None, joined
        for slot in (*joined.outputs, *joined.inputs):
            if slot.place is not None:
                self.touched[slot.place[0]].append(number)
                self.touched[slot.place[0]].sort()


def fuse(calls: Sequence[Call], operands: Sequence[Operands]) -> tuple[list[Call], list[Operands]]:
    """The same step in fewer calls.

    Args:
        calls: the recorded calls.
        operands: for each call where its outputs and inputs lie.

    Returns:
        Calls and the places of their operands.
    """
    steps = _Fusion([_Step.of(call, places) for call, places in zip(calls, operands, strict=True)]).run()
    return [step.call() for step in steps], [step.operands() for step in steps]
