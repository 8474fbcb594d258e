"""Predictions by replayed plans: one plan for each batch form, usable from many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule import mutation
from gemmule.backend import backend, execute
from gemmule.data import adapter
from gemmule.data.batches import Batches
from gemmule.data.nested import ONE, Form, check_inputs, put_together, take_apart
from gemmule.errors import received
from gemmule.layers.rules import without_losses
from gemmule.plan import StepFunction
from gemmule.store import generation, renew_after_fork
from gemmule.tensor import Tensor

if TYPE_CHECKING:
    from gemmule.models.model import Model

_MOST_PLANS = 64  # oldest out first: memory stays flat however many batch sizes come by
_MOST_KEPT = 2  # forms that keep packed weights: full batches, and the last one


class BatchForm:
    """Prediction for one form of input: records itself twice, then hands out one plan per thread."""

    def __init__(self, model: Model, form: Form, inputs: list[np.ndarray], eager: bool) -> None:
        self._model, self._form = model, form
        self._lock = threading.Lock()
        self._result: Form = ONE
        self._outputs: list[tuple[tuple[int, ...], np.dtype]] = []
        feeds = {f"x{i}": np.empty_like(array) for i, array in enumerate(inputs)}
        self._step = StepFunction(
            self._body,
            feeds,
            eager=eager,
            strict=model.jit_compile is True,
            name=f"{model.name}.predict",
            keeps=True,
        )
        self._idle: list[Any] = []
        self._names = list(feeds)

    def _body(self, feeds: dict[str, np.ndarray]) -> None:
        inputs = [Tensor(feeds[name]) for name in self._names]
        self._result, leaves = take_apart(self._call(put_together(self._form, inputs)))
        self._outputs = [(leaf.shape, leaf.dtype) for leaf in leaves]
        for number, leaf in enumerate(leaves):
            feeds[f"out{number}"] = np.empty(leaf.shape, leaf.dtype)
            execute("copy", [feeds[f"out{number}"]], [leaf.array])

    def _call(self, inputs: Any) -> Any:
        with without_losses():
            return self._model(inputs, training=False)

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs, flat."""
        if self._step.plan is None:
            return self._record(inputs)
        outputs = [np.empty(shape, dtype) for shape, dtype in self._outputs]
        try:
            plan = self._idle.pop()
        except IndexError:
            plan = self._step.plan.runner()
        try:
            plan.run_bound([*inputs, *outputs])
        finally:
            self._idle.append(plan)
        return outputs

    def _record(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        with self._lock:
            for name, array in zip(self._names, inputs, strict=True):
                self._step.bind(name, array)
            self._step.run(1)
            for name, array in zip(self._names, inputs, strict=True):
                self._step.bind(name, np.empty((0, *array.shape[1:]), array.dtype))  # plans outlive the data
            return [self._step.feeds[f"out{i}"].copy() for i in range(len(self._outputs))]

    @property
    def gave_up(self) -> bool:
        """Whether recording failed."""
        return self._step.gave_up

    def pack(self, leaves: list[np.ndarray]) -> Any:
        """The arrays in the structure the model returned."""
        return leaves[0] if self._result == ONE else put_together(self._result, leaves)

    def forget_kept(self) -> None:
        """Gives back the memory of packed weights."""
        if self._step.plan is not None:
            self._step.plan.forget_kept()

    def arena_bytes(self) -> int:
        """Bytes of the arenas of all plans of this form, and of the packed weights they share."""
        kept = self._step.plan.kept_bytes if self._step.plan is not None else 0
        return kept + sum(plan.arena_bytes for plan in list(self._idle))


class Predictor:
    """The predictions of one model.

    Args:
        model: the model; it is built by its first batch.
    """

    _form_class = BatchForm

    def __init__(self, model: Model) -> None:
        self.model = model
        self.dtype = np.dtype(model.input_dtypes(ONE, [np.empty(0)])[0])  # of an only input
        self._known_dtypes: dict[Form, list[np.dtype]] = {}
        self._forms: dict[Any, BatchForm] = {}
        self._gave_up = False  # whether recording failed: once is enough
        self._keeping: list[BatchForm] = []  # the last used one comes first
        self._lock = threading.Lock()
        renew_after_fork(self, "_lock", threading.Lock)

    def _form(self, inputs: list[np.ndarray], structure: Form) -> BatchForm:
        shapes = tuple([array.shape for array in inputs])
        state = (mutation.version(), generation(), backend())
        key = (shapes, structure, state)
        form = self._forms.get(key)
        if form is None:
            self._gave_up = self._gave_up or any(form.gave_up for form in list(self._forms.values()))
            self._forms = {key: form for key, form in list(self._forms.items()) if key[-1] == state}
            taken = check_inputs(structure, self.model.input_names)
            self.model.ensure_built(inputs, taken)  # weights are not made inside a recorded step
            while len(self._forms) >= _MOST_PLANS:
                self._forms.pop(next(iter(self._forms)))
            eager = self.model.run_eagerly or self._gave_up
            form = self._forms[key] = self._form_class(self.model, taken, inputs, eager)
        if not self._keeping or self._keeping[0] is not form:
            self._let_keep(form)
        return form

    def _let_keep(self, form: BatchForm) -> None:
        """Lets the forms used last keep packed weights, and no others, however many batch sizes come by."""
        with self._lock:
            known = list(self._forms.values())
            recent = [form, *(other for other in self._keeping if other is not form and other in known)]
            self._keeping = recent[:_MOST_KEPT]
            for other in recent[_MOST_KEPT:]:
                other.forget_kept()

    def _dtypes(self, structure: Form, arrays: list[np.ndarray]) -> list[np.dtype]:
        """The types of a structure of inputs, found out once."""
        found = self._known_dtypes.get(structure)
        if found is None:
            found = self._known_dtypes[structure] = [*map(np.dtype, self.model.input_dtypes(structure, arrays))]
        return found

    def _as_taken(self, arrays: list[np.ndarray], structure: Form) -> list[np.ndarray]:
        dtypes = self._dtypes(structure, arrays)
        for array, dtype in zip(arrays, dtypes):
            adapter.check_exact("x", array, dtype)
        return [*map(np.ascontiguousarray, arrays, dtypes)]

    def _is_ready(self, array: Any, dtype: Any) -> bool:
        """Whether an array can be read as it is."""
        if type(array) is not np.ndarray or array.dtype != dtype or not array.ndim:
            return False
        return array.flags.c_contiguous and array.flags.aligned

    def _several(self, x: Any) -> tuple[list[np.ndarray], Form]:
        """A list or dict of arrays, or one that must be converted, as the model reads it."""
        structure, leaves = take_apart(x)
        if len(leaves) > 1 and all(type(leaf) is np.ndarray for leaf in leaves):
            ready = map(self._is_ready, leaves, self._dtypes(structure, leaves))
            if all(ready) and len({len(array) for array in leaves}) == 1:
                return leaves, structure
        data = adapter.dataset(x)
        return self._as_taken(data.inputs, data.forms[0]), data.forms[0]

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch."""
        if self._is_ready(x, self.dtype):
            inputs, structure = [x], ONE
        else:
            inputs, structure = self._several(x)
        if not len(inputs[0]):
            raise ValueError(f"predict_on_batch needs a batch of at least one example.{received(x=x)}")
        form = self._form(inputs, structure)
        return form.pack(form(inputs))

    def predict(self, x: Any, batch_size: int, steps: int | None, hooks: Any) -> Any:
        """Outputs for many examples."""
        data = adapter.dataset(x)
        size = data.size if steps is None else min(data.size, steps * batch_size)
        if size <= batch_size and hooks is None:
            form, leaves = self._part(data, 0, size)
            return form.pack(leaves)
        starts = range(0, size, batch_size)
        return self._joined([(data, start, min(start + batch_size, size)) for start in starts], hooks)

    def predict_batches(self, source: Batches, steps: int | None, hooks: Any) -> Any:
        """Outputs for batches that come one by one."""
        source.peek()
        return self._joined(((data, 0, data.size) for data in islice(iter(source.take, None), steps)), hooks)

    def _joined(self, batches: Iterable[tuple[adapter.Dataset, int, int]], hooks: Any) -> Any:
        parts: list[list[np.ndarray]] = []
        if hooks:
            hooks.on_predict_begin()
        for number, (data, start, stop) in enumerate(batches):
            if hooks:
                hooks.on_predict_batch_begin(number)
            form, leaves = self._part(data, start, stop)
            parts.append(leaves)
            if hooks:
                hooks.on_predict_batch_end(number, {"outputs": form.pack(leaves)})
        if hooks:
            hooks.on_predict_end()
        return form.pack([np.concatenate(leaves) for leaves in zip(*parts, strict=True)])

    def _part(self, data: adapter.Dataset, start: int, stop: int) -> tuple[BatchForm, list[np.ndarray]]:
        """The outputs for some of the examples, flat, and the form that packs them."""
        inputs = self._as_taken([array[start:stop] for array in data.inputs], data.forms[0])
        form = self._form(inputs, data.forms[0])
        return form, form(inputs)

    def arena_bytes(self) -> int:
        """Bytes of all arenas."""
        return sum(form.arena_bytes() for form in self._forms.values())
