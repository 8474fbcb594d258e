"""Cuts the batch of a recorded prediction: a few examples at a time go through calls whose arrays leave the caches.

Layer after layer, a large batch writes every array to main memory and reads it back. Where each example is computed by
itself, the calls may as well be made for the first few examples, then for the next ones: what passes between them stays
in a cache, and takes less memory. Weights are read once a round instead of once, which is the price; so the calls are
chosen by the bytes it saves, from shapes alone. The bits stay the same: a call for part of a batch is computed in the
way that is chosen for all of it.

`_PLACES` is the table of kernels that compute each example by itself, and of the operands that hold examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from gemmule.recording import Label, Operand, RecordedCall

_CACHE = 16 << 20  # bytes of what passes between calls: half of a large L3, which others use as well

# Which inputs hold examples, as all outputs do; any others are the same for every example.
_PLACES: dict[str, tuple[int, ...]] = {
    "conv2d_forward": (0, 5),
    "depthwise_conv2d_forward": (0,),
    "scale_shift": (0, 3),
    "max_pool2d_inference": (0,),
    "average_pool2d_forward": (0,),
    "slice_backward": (0,),
    "add": (0, 1),
    "copy": (0,),
    **{f"{name}_forward": (0,) for name in ("elu", "exponential", "gelu", "leaky_relu", "mish", "relu", "selu")},
    **{f"{name}_forward": (0,) for name in ("sigmoid", "silu", "softplus", "tanh")},
}
_LEAST_RANK = 3  # products of rows read more weights than a cut would save


class Slices(NamedTuple):
    """Calls that are made for a few examples at a time.

    Attributes:
        calls: all calls of the step; some have moved to a place before the loop.
        first: the first call of the loop.
        end: the call behind it.
        starts: the first example of each round but the first one.
        examples: how many a round computes.
        batch: how many there are.
        inner: temporaries that hold the examples of one round only.
    """

    calls: list[RecordedCall]
    first: int
    end: int
    starts: list[int]
    examples: int
    batch: int
    inner: frozenset[Label]

    def bytes_of(self, label: Label, nbytes: int) -> int:
        """Bytes that a temporary of `nbytes` takes now."""
        return nbytes // self.batch * self.examples if label in self.inner else nbytes

    def part(self, call: RecordedCall) -> tuple[RecordedCall, list[int]]:
        """A call of the loop for one round's examples, and for each operand the bytes from one example to the next.

        They are 0 for an operand that is the same in all rounds, or that holds the examples of one round only.
        """
        operands = list(call.outputs + call.inputs)
        steps = [0] * len(operands)
        for place in _with_examples(call, self.batch) or ():
            operand = operands[place]
            if operand is not None:
                steps[place] = 0 if operand.label in self.inner else operand.nbytes // self.batch
                operands[place] = operand._replace(shape=(self.examples, *operand.shape[1:]))
        count = len(call.outputs)
        attributes = call.attributes | ({"batch": self.batch} if call.name == "conv2d_forward" else {})
        return RecordedCall(call.name, tuple(operands[:count]), tuple(operands[count:]), attributes), steps


def _with_examples(call: RecordedCall, batch: int) -> set[int] | None:
    """The places of operands, outputs first, that hold one part for each example; None when it works otherwise."""
    inputs = _PLACES.get(call.name)
    if inputs is None or (call.name == "slice_backward" and call.attributes["step"][0] != 1):
        return None
    count, operands = len(call.outputs), call.outputs + call.inputs
    places = {place for place in (*range(count), *(count + i for i in inputs)) if operands[place] is not None}
    shapes = {operands[place].shape for place in places}
    fits = all(len(shape) >= _LEAST_RANK and shape[0] == batch for shape in shapes)
    return places if fits and (call.name != "add" or len(shapes) == 1) else None


def _labels(operands: Iterable[Operand | None]) -> set[Label]:
    return {operand.label for operand in operands if operand is not None}


def _bytes(operands: Iterable[Operand | None]) -> int:
    return sum(operand.nbytes for operand in operands if operand is not None)


class _Slicer:
    def __init__(self, calls: Sequence[RecordedCall], sizes: Mapping[Label, int], batch: int) -> None:
        self.calls, self.sizes, self.batch = list(calls), sizes, batch
        self.uses: dict[Label, list[int]] = {}
        for number, call in enumerate(self.calls):
            for label in _labels(call.outputs + call.inputs):
                self.uses.setdefault(label, []).append(number)
        self.written = {label for call in self.calls for label in _labels(call.outputs)}
        self.early = [self._may_be_early(call) for call in self.calls]
        self.places = [self._places(call) for call in self.calls]

    def run(self) -> Slices | None:
        peak = self._peak()
        if peak <= 2 * _CACHE:
            return None
        examples = max(1, _CACHE * self.batch // peak)
        rounds = -(-self.batch // examples)
        saved, first, end = self._stretch(rounds)
        return self._cut(first, end, -(-self.batch // rounds)) if saved > 0 and rounds > 1 else None

    def _may_be_early(self, call: RecordedCall) -> bool:
        """Whether a call reads only what no call writes, and writes only temporaries."""
        if any(label[0] != "temporary" for label in _labels(call.outputs)):
            return False
        read = _labels(call.inputs)
        return not read & self.written and all(label[0] in ("persistent", "constant") for label in read)

    def _places(self, call: RecordedCall) -> set[int] | None:
        """As `_with_examples`, if temporaries are used as a whole, and all rounds find the rest ready."""
        places = _with_examples(call, self.batch)
        for place, operand in enumerate(call.outputs + call.inputs):
            if places is None or operand is None or operand.label not in self.sizes:
                continue
            if place in places and operand.nbytes != self.sizes[operand.label]:
                return None
            if place not in places and not self.early[self.uses[operand.label][0]]:
                return None
        return places

    def _peak(self) -> int:
        """Bytes of temporaries that are alive at the same time."""
        change = [0] * (len(self.calls) + 1)
        for label, size in self.sizes.items():
            if label in self.uses:
                change[self.uses[label][0]] += size
                change[self.uses[label][-1] + 1] -= size
        return max(accumulate(change))

    def _stretch(self, rounds: int) -> tuple[int, int, int]:
        """The loop that saves most: how many bytes less go through memory, its first call, and the one behind it."""
        best = saved, first, _ = 0, 0, 0
        for number, (call, places) in enumerate(zip(self.calls, self.places, strict=True)):
            if saved < 0 or (places is None and not self.early[number]):
                saved, first = 0, number + (places is None)
            if places is not None:
                operands = dict(enumerate(call.outputs + call.inputs))
                saved += _bytes(operands.pop(place) for place in places) - (rounds - 1) * _bytes(operands.values())
                best = max(best, (saved, first, number + 1))
        return best

    def _cut(self, first: int, end: int, examples: int) -> Slices:
        loop = range(first, end)
        early = [self.calls[number] for number in loop if self.early[number]]
        repeated = [self.calls[number] for number in loop if not self.early[number]]
        filled = _labels(operand for call in repeated for operand in call.outputs) & self.sizes.keys()
        inner = {label for label in filled if first <= self.uses[label][0] and self.uses[label][-1] < end}
        starts = range(examples, self.batch, examples)
        return Slices(
            [*self.calls[:first], *early, *repeated, *self.calls[end:]],
            first + len(early),
            end,
            [min(start, self.batch - examples) for start in starts],
            examples,
            self.batch,
            frozenset(inner),
        )


def sliced(calls: Sequence[RecordedCall], sizes: Mapping[Label, int], batch: int) -> Slices | None:
    """How to go through a batch a few examples at a time.

    Args:
        calls: the calls of a step, in order.
        sizes: bytes of each temporary.
        batch: how many examples there are.

    Returns:
        The loop, or None where none saves anything.
    """
    return _Slicer(calls, sizes, batch).run()
