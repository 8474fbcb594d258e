"""Joins kernel calls of a recorded step: where a second kernel only finishes what a first one stores, one does both.

A convolution stores its result, an activation reads it and stores it again: memory is what that costs. Kernels that
take an activation, a residual or a scale and shift for each channel as operands do it while they store. A rule says
which two calls make one, and the bits stay the same: kernels apply what is fused in the order and with the roundings of
separate calls. Two calls are joined only when nothing else in the step touches what passes between them.

`_RULES` is the whole table: a rule gets the first call, the second one and the place at which it reads the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gemmule.recording import Label, Operand, Operands, RecordedCall


def _labels(operands: Iterable[Operand | None]) -> set[Label]:
    return {operand.label for operand in operands if operand is not None}


def _has(call: RecordedCall, place: int) -> bool:
    """Whether there is an operand at this place of the inputs."""
    return call.inputs[place] is not None


# ---- Rules -----------------------------------------------------------------------------------------------------------

_ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softplus", "exponential")
_ALPHA = {"leaky_relu": "negative_slope", "elu": "alpha"}  # what the activation's own kernel calls it

# Kernels that finish as `v = v * scale + shift`, then `v += residual`, then an activation: where the operands are.
_SCALE = {"conv2d_forward": 3, "depthwise_conv2d_forward": 3, "dense_forward": 3}
_RESIDUAL = {"conv2d_forward": 5, "dense_forward": 5, "batch_norm_forward": 3, "scale_shift": 3}
_FINISHING = {*_SCALE, *_RESIDUAL}


def _like(operand: Operand | None, model: Operand | None) -> Operand | None:
    """The same memory in another shape: kernels take sizes from shapes, and a reshape may lie between two calls."""
    return operand if operand is None or model is None else operand._replace(shape=model.shape)


def _finished(
    first: RecordedCall, second: RecordedCall, extra: dict[int, Operand | None], **attributes: Any
) -> RecordedCall:
    """`first` with more operands and the output of `second`."""
    inputs = tuple([extra.get(place, operand) for place, operand in enumerate(first.inputs)])
    outputs = (_like(second.outputs[0], first.outputs[0]), *first.outputs[1:])
    return RecordedCall(first.name, outputs, inputs, first.attributes | attributes)


def _with_activation(first: RecordedCall, second: RecordedCall, place: int) -> RecordedCall | None:
    name = second.name.removesuffix("_forward")
    if first.name not in _FINISHING or first.attributes["activation"] != "linear":
        return None
    alpha = second.attributes[_ALPHA[name]] if name in _ALPHA else 0.0
    return _finished(first, second, {}, activation=name, alpha=alpha)


def _with_scale(first: RecordedCall, second: RecordedCall, place: int) -> RecordedCall | None:
    at = _SCALE.get(first.name, len(first.inputs))
    if place != 0 or at >= len(first.inputs) or _has(first, at) or first.attributes["activation"] != "linear":
        return None
    extra = {at: second.inputs[1], at + 1: second.inputs[2]}
    residual = _RESIDUAL.get(first.name)
    if residual is not None and _has(first, residual):
        return None  # it would be added too late
    if _has(second, 3):
        if residual is None:
            return None
        extra[residual] = _like(second.inputs[3], first.outputs[0])
    activation = {name: second.attributes[name] for name in ("activation", "alpha")}
    y, scale = first.outputs[0], second.inputs[1]
    fits = y is not None and scale is not None and scale.shape == y.shape[-1:]
    return _finished(first, second, extra, **activation) if fits else None


def _with_residual(first: RecordedCall, second: RecordedCall, place: int) -> RecordedCall | None:
    at = _RESIDUAL.get(first.name, len(first.inputs))
    if at >= len(first.inputs) or _has(first, at) or first.attributes["activation"] != "linear":
        return None
    sizes = {operand.size for operand in (*second.inputs, second.outputs[0]) if operand is not None}
    broadcasts = len(sizes) > 1
    return None if broadcasts else _finished(first, second, {at: _like(second.inputs[1 - place], first.outputs[0])})


def _through_activation(first: RecordedCall, second: RecordedCall, place: int) -> RecordedCall | None:
    """The way back: what the activation lets through goes straight into the gradient of the normalization."""
    if place != 0 or second.attributes["activation"] != "linear":
        return None
    name = first.name.removesuffix("_backward")
    alpha = first.attributes[_ALPHA[name]] if name in _ALPHA else 0.0
    dy, y = (_like(operand, second.inputs[1]) for operand in first.inputs)
    attributes = second.attributes | {"activation": name, "alpha": alpha}
    return RecordedCall(second.name, second.outputs, (dy, second.inputs[1], y, *second.inputs[3:]), attributes)


_Rule = Callable[[RecordedCall, RecordedCall, int], "RecordedCall | None"]
_RULES: dict[tuple[str, str], _Rule] = {
    **{(first, f"{name}_forward"): _with_activation for first in sorted(_FINISHING) for name in _ACTIVATIONS},
    **{(first, "scale_shift"): _with_scale for first in _SCALE},
    **{(first, "add"): _with_residual for first in _RESIDUAL},
    **{(f"{name}_backward", "batch_norm_backward"): _through_activation for name in _ACTIVATIONS},
}


# ---- Where they apply ------------------------------------------------------------------------------------------------


class _Fusion:
    def __init__(self, calls: Sequence[RecordedCall]) -> None:
        self.calls: list[RecordedCall | None] = list(calls)
        self.touched: dict[Label, list[int]] = {}  # the calls that touch a piece of memory, once for each operand
        for number, call in enumerate(calls):
            for operand in call.outputs + call.inputs:
                if operand is not None:
                    self.touched.setdefault(operand.label, []).append(number)

    def run(self) -> list[RecordedCall]:
        for number in range(len(self.calls)):
            while self._join_into(number):
                pass
        return [call for call in self.calls if call is not None]

    def _join_into(self, number: int) -> bool:
        """Joins a call with the one that computes one of its inputs, if a rule says how."""
        second = self.calls[number]
        if second is None:
            return False
        for place, operand in enumerate(second.inputs):
            before = self._only_producer(operand, number)
            if before is None:
                continue
            first = self.calls[before]
            rule = _RULES.get((first.name, second.name)) if first else None
            joined = rule(first, second, place) if first and rule else None
            if joined is not None and self._may_wait(before, number):
                self._replace(before, number, joined)
                return True
        return False

    def _only_producer(self, operand: Operand | None, reader: int) -> int | None:
        """The call whose first output this is, if nobody but it and the reader knows of this memory."""
        if operand is None or operand.label[0] != "temporary":
            return None
        numbers = self.touched[operand.label]
        if len(numbers) != 2 or numbers[1] != reader or numbers[0] >= reader:
            return None
        output = self._operands(numbers[0], outputs_only=True)[:1]
        same = bool(output) and output[0] is not None and _place(output[0]) == _place(operand)
        return numbers[0] if same else None

    def _operands(self, number: int, outputs_only: bool = False) -> Operands:
        call = self.calls[number]
        if call is None:
            return ()
        return call.outputs if outputs_only else call.outputs + call.inputs

    def _may_wait(self, before: int, number: int) -> bool:
        """Whether the first call may as well run where the second one does."""
        first = self.calls[before]
        if first is None or any(label[0] != "temporary" for label in _labels(first.outputs)):
            return False
        read, written = _labels(first.inputs), _labels(first.outputs)
        for between in self.calls[before + 1 : number]:
            if between is None:
                continue
            if _labels(between.outputs) & (read | written) or _labels(between.inputs) & written:
                return False
        return True

    def _replace(self, before: int, number: int, joined: RecordedCall) -> None:
        for old in (before, number):
            for operand in self._operands(old):
                if operand is not None:
                    self.touched[operand.label].remove(old)
        self.calls[before], self.calls[number] = None, joined
        for operand in self._operands(number):
            if operand is not None:
                self.touched[operand.label].append(number)
                self.touched[operand.label].sort()


def _place(operand: Operand) -> tuple[Label, int, int]:
    return operand.label, operand.offset, operand.nbytes


def fuse(calls: Sequence[RecordedCall]) -> list[RecordedCall]:
    """The same step in fewer calls.

    Args:
        calls: the recorded calls.

    Returns:
        The calls that are left.
    """
    return _Fusion(calls).run()
