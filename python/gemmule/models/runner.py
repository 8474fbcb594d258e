"""One epoch: slices of replayed steps, and between slices what Python has to look after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule import mutation
from gemmule.backend import backend, execute
from gemmule.data.adapter import check_exact
from gemmule.data.nested import check_inputs, labels
from gemmule.models.compiled import Compiled
from gemmule.models.feed import Feed, Layout
from gemmule.models.nonfinite import explain
from gemmule.plan import StepFunction
from gemmule.store import generation

if TYPE_CHECKING:
    from gemmule.data.adapter import Dataset
    from gemmule.data.batches import Batches
    from gemmule.data.nested import Form
    from gemmule.models.model import Model

SLICE_SECONDS = 0.1  # how long a replay may keep Ctrl-C, the progress bar and stop_training waiting
_MOST_STEPS = 64


class EpochRunner:
    """The recorded steps of a compiled model, and how to run an epoch with them.

    Args:
        model: the model.
        compiled: its optimizer, loss and metrics.
    """

    def __init__(self, model: Model, compiled: Compiled) -> None:
        self._model, self._compiled = model, compiled
        self._steps: dict[Any, StepFunction] = {}
        self._next: tuple[Feed, int, int] | None = None  # data, rows and first row of the batch that comes next
        self._gave_up = {True: False, False: False}  # whether recording failed, by `training`: once is enough

    def feed(self, data: Dataset, places: Sequence[Form]) -> Feed:
        """The data set as a feed; integer targets stay integers only for a loss that wants class numbers.

        Args:
            data: the data set.
            places: what `prepare` returned for it.
        """
        dtype = str(self._model.dtype)
        targets = data.targets or []
        keep = self._compiled.objective.class_numbers(places, len(targets))
        kinds = ["int32" if one and y.dtype.kind in "iub" else dtype for one, y in zip(keep, targets)]
        return Feed(data, self._model.input_dtypes(data.forms[0], data.inputs), kinds, dtype)

    def _step(self, training: bool, layout: Layout, size: int) -> StepFunction:
        model = self._model
        state = (mutation.version(), generation(), backend())
        key = (training, size, layout, state)
        step = self._steps.get(key)
        if step is None:
            if any(step.gave_up for (kind, *_), step in self._steps.items() if kind is training):
                self._gave_up[training] = True
            self._steps = {key: step for key, step in self._steps.items() if key[-1] == state}
            while len(self._steps) >= _MOST_STEPS:
                self._steps.pop(next(iter(self._steps)))
            name = f"{model.name}.{'train_step' if training else 'test_step'}"
            body = self._body(training, layout, size)
            eager = model.run_eagerly or self._gave_up[training]
            step = StepFunction(body, {}, eager=eager, strict=model.jit_compile is True, name=name)
            self._steps[key] = step
        return step

    def _body(self, training: bool, layout: Layout, size: int) -> Callable[[dict[str, np.ndarray]], None]:
        model, compiled = self._model, self._compiled
        cursor = compiled.cursor if training else compiled.test_cursor

        def body(feeds: dict[str, np.ndarray]) -> None:
            data = layout.batch(feeds, cursor, size)
            if training:
                with compiled.training_step():
                    logs = model.train_step(data)
            else:
                logs = model.test_step(data)
            compiled.keep_logs(logs)
            model._clear_losses()  # replays leave none
            execute("advance", [cursor], [], by=size)

        return body

    def run(
        self,
        training: bool,
        feed: Feed,
        batch_size: int,
        batches: int,
        place: str = "",
        hooks: Any = None,
        after_slice: Callable[[int], bool] | None = None,
        start: int = 0,
        begun: bool = False,
    ) -> int:
        """Runs an epoch.

        Args:
            training: train or evaluate.
            feed: the data.
            batch_size: rows in a batch; the last one may have fewer.
            batches: number of batches.
            place: text for error messages, such as `"epoch 2"`.
            hooks: object with `batch_begin(batch)` and `batch_end(batch)`, when somebody wants to hear of batches, and
                `next_batch(batch)`, which of them is the next.
            after_slice: called with the number of batches done; returns whether to stop.
            start: batches done before.
            begun: whether `batch_begin` was called for the first one already.

        Returns:
            The number of batches done.
        """
        try:
            return self._run(training, feed, batch_size, batches, place, hooks, after_slice, start, begun)
        finally:
            self._next = None
            self._let_go(feed)

    def _run(
        self,
        training: bool,
        feed: Feed,
        batch_size: int,
        batches: int,
        place: str,
        hooks: Any,
        after_slice: Callable[[int], bool] | None,
        done: int,
        begun: bool,
    ) -> int:
        cursor = self._compiled.cursor if training else self._compiled.test_cursor
        while done < batches:
            rows = min(batch_size, feed.size - done * batch_size)
            count = min(batches, feed.size // batch_size) - done if rows == batch_size else 1
            step = self._step(training, feed.layout, rows)
            for name, array in feed.arrays.items():
                step.bind(name, array)
            heard = hooks is not None and hooks.next_batch(done) <= done
            if heard:
                count = 1
                self._next = feed, rows, done * batch_size
                if not begun:
                    hooks.batch_begin(done)
                self._next, begun = None, False
            elif hooks is not None:
                count = min(count, hooks.next_batch(done) - done)
            cursor[0] = done * batch_size  # a callback may have evaluated other data in between
            completed, code = step.run(count, SLICE_SECONDS)
            done += completed
            if code:
                self._raise_non_finite(step, code, f"{place}batch {done + 1} of {batches}", feed.layout.labels())
            if heard:
                hooks.batch_end(done - 1)
            if after_slice is not None and after_slice(done):
                break
        return done

    @property
    def coming(self) -> tuple[Feed, int, int] | None:
        """Data, rows and first row of the batch that is about to be run; `None` outside of hooks called before one."""
        return self._next

    def _let_go(self, feed: Feed) -> None:
        """Plans outlive a fit; the data they read must not."""
        for step in self._steps.values():
            for name, array in feed.arrays.items():
                if step.feeds.get(name) is array:
                    step.bind(name, np.empty((0, *array.shape[1:]), array.dtype))

    def _raise_non_finite(self, step: StepFunction, code: int, place: str, columns: Sequence[str]) -> None:
        step.rewind()
        counters = [(counter, counter.copy()) for counter, _ in step.advances]
        self._compiled.flag[0] = 0
        try:
            raise explain(lambda: step.body(step.feeds), code, place, columns)
        finally:
            self._compiled.flag[0] = 0
            for counter, count in counters:
                counter[...] = count

    def run_batches(
        self,
        training: bool,
        source: Batches,
        batches: int | None,
        place: str = "",
        hooks: Any = None,
        after_slice: Callable[[int], bool] | None = None,
        start: int = 0,
        begun: bool = False,
        again: bool = False,
    ) -> int:
        """Runs an epoch of batches that come one by one; each is a step of its own on arrays of its own.

        Args:
            training: train or evaluate.
            source: of the batches.
            batches: how many; `None` for all there are.
            place: see `run`.
            hooks: see `run`.
            after_slice: see `run`.
            start: see `run`.
            begun: see `run`.
            again: whether the source may begin anew to give as many.

        Returns:
            The number of batches done.
        """
        done = start
        while batches is None or done < batches:
            data = source.take(again)
            if data is None:
                break
            feed = self.feed(*self.prepare(data, training))
            stop = False

            def after(_: int, number: int = done + 1) -> bool:
                nonlocal stop
                stop = after_slice is not None and after_slice(number)
                return stop

            one = None if hooks is None else _Numbered(hooks, done)
            try:
                self._run(training, feed, data.size, 1, f"{place}batch {done + 1}: ", one, after, 0, begun)
            finally:
                self._next = None
                self._let_go(feed)
            done, begun = done + 1, False
            if stop:
                break
        return done

    def prepare(self, data: Dataset, training: bool) -> tuple[Dataset, list[Form]]:
        """Builds what is not built, checks the data against the model, and gets ready to train.

        Args:
            data: what was passed to `fit` or `evaluate`.
            training: whether it is to train on.

        Returns:
            The data as the model takes it, and for each output where in the list of all targets its own are.

        Raises:
            ValueError: for data that does not fit the model or its losses.
        """
        model, compiled = self._model, self._compiled
        data = data._replace(forms=(check_inputs(data.forms[0], model.input_names), *data.forms[1:]))
        kinds = model.input_dtypes(data.forms[0], data.inputs)
        for name, array, kind in zip(labels("x", data.forms[0]), data.inputs, kinds):
            check_exact(name, array, kind)
        outputs = model.ensure_built(data.inputs, data.forms[0])
        places = compiled.resolve(outputs, data)
        if training:
            compiled.prepare(model)
            compiled.check_no_new_weights(model)
        return data, places

    def check_validation(self, data: Dataset | None) -> None:
        """Refuses validation data that does not fit, before the first epoch and not behind it."""
        if data is not None:
            try:
                self.prepare(data, training=False)
            except ValueError as error:
                raise ValueError(f"validation_data: {error}") from None

    def train_on_batch(self, compiled: Compiled, data: Dataset) -> dict[str, float]:
        """One step on the whole data set; values of this batch alone."""
        with Training(self, compiled, data) as feed:
            compiled.reset_metrics()
            self.run(True, feed, data.size, 1)
            return compiled.results()

    def arena_bytes(self) -> int:
        """Bytes of the arenas of all recorded steps."""
        return sum(step.plan.arena_bytes for step in self._steps.values() if step.plan is not None)


class _Numbered:
    """Hooks that hear of the only batch of a run by its number in the epoch."""

    def __init__(self, hooks: Any, number: int) -> None:
        self._hooks, self._number = hooks, number

    def next_batch(self, batch: int) -> int:
        return self._hooks.next_batch(self._number) - self._number

    def batch_begin(self, batch: int) -> None:
        self._hooks.batch_begin(self._number)

    def batch_end(self, batch: int) -> None:
        self._hooks.batch_end(self._number)


class Training:
    """One training at a time for each set of variables: a second one would tear the first one's updates."""

    def __init__(self, runner: EpochRunner, compiled: Compiled, data: Dataset) -> None:
        self._runner, self._compiled, self._data = runner, compiled, data
        self._held: list[Any] = []

    def __enter__(self) -> Feed:
        try:
            self._hold(self._compiled.lock)
            self._compiled.sums.acquire()  # an evaluation in another thread ends first
            self._held.append(self._compiled.sums)
            data, places = self._runner.prepare(self._data, training=True)
            for lock in self._compiled.run_locks():
                self._hold(lock)
            return self._runner.feed(data, places)
        except BaseException:
            self.__exit__()
            raise

    def _hold(self, lock: threading.Lock) -> None:
        if not lock.acquire(blocking=False):
            raise RuntimeError(
                "This model, or one that shares its variables, is being trained already. Wait for that fit() to end, "
                "or train a second model with its own weights: other.set_weights(model.get_weights())."
            )
        self._held.append(lock)

    def __exit__(self, *exception: object) -> None:
        for lock in self._held:
            lock.release()
        self._held = []
