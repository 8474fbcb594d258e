"""The two halves of a look of `Diagnostics`, before a step and behind it: recorded as plans, and replayed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gemmule import mutation
from gemmule.backend import backend, execute
from gemmule.callbacks.layer_numbers import Watched, stride_for
from gemmule.data.adapter import unpack_x_y_sample_weight
from gemmule.deferral import Rehearsal
from gemmule.errors import PlanWarning
from gemmule.layers.holding import watching
from gemmule.memory import note_writes, persistent
from gemmule.plan import StepFunction
from gemmule.store import generation
from gemmule.tensor import Tensor

_TOTAL = 1 << 15  # elements that are looked at in all
_LEAST, _MOST = 256, 1024  # and in one array


class Seen(NamedTuple):
    """What a forward pass leaves behind, by `id` of the layer.

    Attributes:
        outputs: samples of what layers returned.
        highest: of layers behind relu the highest value of each unit.
        ends: the layers whose output is one of the model's.
        changed: state that it changes, besides random counters and what waits for the update.
        free: memory for samples of outputs that were not seen yet.
    """

    outputs: dict[int, np.ndarray]
    highest: dict[int, np.ndarray]
    ends: set[int]
    changed: list[np.ndarray]
    free: Iterator[np.ndarray]


class Look:
    """Samples of outputs, weights and gradients of layers.

    Args:
        model: a compiled model.
        layers: what to look at, by `id` of the layer.

    Attributes:
        before: samples of the trained weights, before the step.
        after: the same behind it.
        gradients: samples of the gradient of the largest weight of each layer that has any.
        owners: for each of the trained weights the place of its layer in `layers`.
        shares: how many elements each element of its sample stands for.
    """

    def __init__(self, model: Any, layers: Mapping[int, Watched]) -> None:
        self._model, self._layers = model, layers
        self._most = min(max(_TOTAL // (2 * len(layers) or 1), _LEAST), _MOST)
        self._state = [variable.array for variable in model.non_trainable_variables]
        self._cursor = persistent((1,), "int64")
        self._forward: dict[Any, tuple[StepFunction, Seen]] = {}
        pairs = [(n, v) for n, one in enumerate(layers.values()) for v, _ in one.parameters if v.size]
        self._weights = [values for _, values in pairs]
        self._graded = {key: one.largest_gradient() for key, one in layers.items() if one.parameters}
        self.owners = np.array([number for number, _ in pairs], np.int64)
        self.before, self.after = (self._places(self._weights) for _ in range(2))
        self.gradients = dict(zip(self._graded, self._places(list(self._graded.values()))))
        self.shares = np.array([v.size / sample.size for v, sample in zip(self._weights, self.before)])
        self._behind: StepFunction | None = None

    def _rows(self, count: int) -> Iterator[np.ndarray]:
        """Places for so many samples in one block: plans have less to look after than with one for each."""
        return iter(persistent((count, 8 * self._most), "uint8"))

    def _place(self, array: np.ndarray, row: np.ndarray) -> np.ndarray:
        return row.view(array.dtype)[: -(-array.size // stride_for(array, self._most))]

    def _places(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return [self._place(array, row) for array, row in zip(arrays, self._rows(len(arrays)))]

    def _keep(self, sample: np.ndarray, array: np.ndarray) -> None:
        step = stride_for(array, self._most)
        execute("slice", [sample], [array.reshape(-1)], start=(0,), step=(step,))

    def begin(self, feed: Any, rows: int, first: int) -> Seen:
        """Runs a batch forward, and puts back what that changes.

        Args:
            feed: the data.
            rows: of the batch.
            first: place of the first of them.
        """
        state = (mutation.version(), generation(), backend())
        key = (rows, feed.layout, state)
        if key not in self._forward:
            self._forward = {key: one for key, one in self._forward.items() if key[-1] == state}
            seen = Seen({}, {}, set(), [], self._rows(len(self._layers)))
            self._forward[key] = self._step(lambda feeds: self._rehearse(feed.layout, feeds, rows, seen)), seen
        step, seen = self._forward[key]
        self._cursor[0] = first
        for name, array in feed.arrays.items():
            step.bind(name, array)
        if step.plan is None:
            _record(step)
        else:
            kept = [array.copy() for array in seen.changed]
            step.run()
            step.rewind()
            for array, values in zip(seen.changed, kept):
                array[...] = values
            note_writes(seen.changed)
        for name, array in feed.arrays.items():
            step.bind(name, np.empty((0, *array.shape[1:]), array.dtype))
        return seen

    def _step(self, body: Any) -> StepFunction:
        return StepFunction(body, {}, eager=self._model.run_eagerly, name=f"{self._model.name}.look")

    def _rehearse(self, layout: Any, feeds: dict[str, np.ndarray], rows: int, seen: Seen) -> None:
        x, _, _ = unpack_x_y_sample_weight(layout.batch(feeds, self._cursor, rows))
        returned: dict[int, int] = {}

        def see(layer: Any, result: Any) -> None:
            key = id(layer)
            if key in self._layers and isinstance(result, Tensor) and result.dtype.kind == "f" and result.array.size:
                returned[key] = result.number
                self._see_outputs(key, result.array, seen)

        rehearsal = Rehearsal(self._model._compiled.training_step().frozen, self._state)
        with rehearsal, watching(see):
            final = self._model(x, training=True)
        seen.changed[:] = rehearsal.changed
        ends = {tensor.number for tensor in _tensors(final)}
        seen.ends.update(key for key, number in returned.items() if number in ends)
        for sample, values in zip(self.before, self._weights):
            self._keep(sample, values)

    def _see_outputs(self, key: int, outputs: np.ndarray, seen: Seen) -> None:
        if key not in seen.outputs:  # the second time memory must be the same
            seen.outputs[key] = self._place(outputs, next(seen.free))
        self._keep(seen.outputs[key], outputs)
        if self._layers[key].kind == "relu":
            units = outputs.shape[-1]
            highest = seen.highest.setdefault(key, persistent((units,), outputs.dtype))
            execute("max", [highest], [outputs.reshape(-1, units)], axis=0)

    def end(self) -> None:
        """Looks at weights and gradients behind the step."""
        self._behind = self._behind or self._step(lambda feeds: self._see_step())
        if self._behind.plan is None:
            _record(self._behind)
        else:
            self._behind.run()

    def _see_step(self) -> None:
        for sample, values in zip(self.after, self._weights):
            self._keep(sample, values)
        for key, gradient in self._graded.items():
            self._keep(self.gradients[key], gradient)


def _record(step: StepFunction) -> None:
    """Runs it once; that it cannot be replayed is said of the step of the training already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlanWarning)
        step.run()


def _tensors(structure: Any) -> list[Tensor]:
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [tensor for part in structure for tensor in _tensors(part)]
    return [structure]
