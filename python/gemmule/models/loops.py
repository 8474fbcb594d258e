"""What `fit` and `evaluate` do once their arguments are checked: epochs, validation, callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from gemmule.callbacks import CallbackList
from gemmule.data.adapter import Dataset
from gemmule.data.batches import Batches
from gemmule.errors import NonFiniteError, received
from gemmule.models.compiled import Compiled
from gemmule.models.progress import Progress
from gemmule.models.runner import EpochRunner, Training

if TYPE_CHECKING:
    from gemmule.models.feed import Feed
    from gemmule.models.model import Model


class _BatchHooks:
    """Brings the batch hooks of callbacks to the runner."""

    def __init__(
        self, callbacks: CallbackList, compiled: Compiled, prefix: str, progress: Progress | None = None
    ) -> None:
        self._callbacks, self._compiled, self._prefix, self._progress = callbacks, compiled, prefix, progress

    def next_batch(self, batch: int) -> int:
        return self._callbacks.next_batch(batch) if self._prefix == "train" else batch

    def batch_begin(self, batch: int) -> None:
        self._count(batch)
        getattr(self._callbacks, f"on_{self._prefix}_batch_begin")(batch, {})

    def batch_end(self, batch: int) -> None:
        self._count(batch + 1)
        getattr(self._callbacks, f"on_{self._prefix}_batch_end")(batch, self._compiled.results())

    def _count(self, done: int) -> None:
        if self._progress is not None and self._progress.counted is not None:
            self._progress.counted = done


def _batch_count(data: Dataset | Batches, batch_size: int, limit: int | None, name: str) -> int | None:
    """How many batches an epoch has; `None` if only its end will tell."""
    if isinstance(data, Batches):
        return limit or data.length
    size = data.size
    batches = -(-size // batch_size)
    if limit is not None and limit > batches:
        raise ValueError(
            f"{name} asks for more batches than the data has.{received(**{name: limit})} "
            f"{size} examples in batches of {batch_size} are {batches} batches."
        )
    return limit or batches


class Plan(NamedTuple):
    """The arguments of `fit` that its loop goes by; see there."""

    batch_size: int
    epochs: int
    initial_epoch: int
    shuffle: bool
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int
    validation_freq: int
    resume: bool


def train_loop(
    model: Model,
    compiled: Compiled,
    runner: EpochRunner,
    data: Dataset | Batches,
    validation: Dataset | Batches | None,
    plan: Plan,
    verbose: str | int,
    callbacks: Any,
) -> Any:
    """What `fit` does once its arguments are checked; see there."""
    batches = _batch_count(data, plan.batch_size, plan.steps_per_epoch, "steps_per_epoch")
    first = data.peek() if isinstance(data, Batches) else data
    with Training(runner, compiled, first) as feed:
        runner.check_validation(validation.peek() if isinstance(validation, Batches) else validation)
        hooks = CallbackList(callbacks, True, model=model, verbose=verbose, epochs=plan.epochs, steps=batches)
        settings = {
            "examples": data.size if isinstance(data, Dataset) else None, "batch_size": plan.batch_size,
            "steps_per_epoch": batches, "shuffle": plan.shuffle,
            "data": [f"{name} {shape} {stored}" for name, shape, stored, _ in feed.layout.columns],
        }  # fmt: skip
        source = data if isinstance(data, Batches) else feed
        return _Fit(model, compiled, runner, source, validation, plan, hooks, settings).run()


class _Fit:
    """One `fit`, which may begin where another one was interrupted: in the middle of an epoch, even of a hook."""

    def __init__(
        self,
        model: Model,
        compiled: Compiled,
        runner: EpochRunner,
        feed: Feed | Batches,
        validation: Dataset | Batches | None,
        plan: Plan,
        hooks: CallbackList,
        settings: dict[str, Any],
    ) -> None:
        self.model, self.compiled, self.runner, self.feed = model, compiled, runner, feed
        self.validation, self.plan, self.hooks = validation, plan, hooks
        order = feed.order if isinstance(feed, Batches) else feed.arrays["indices"]
        self.progress = Progress(compiled, hooks, order, settings, plan.initial_epoch)
        self.progress.counted = 0 if isinstance(feed, Batches) else None
        self.watch = _BatchHooks(hooks, compiled, "train", self.progress) if hooks.needs_batches else None

    def run(self) -> Any:
        """All epochs; the history."""
        model, hooks, progress = self.model, self.hooks, self.progress
        self._check_resume()
        model.stop_training = False
        model._progress = None if model._interrupted else progress
        progress.start_epoch()
        hooks.on_train_begin()  # a callback may bring an interrupted run
        hook, late = self._take_up()
        if hook in ("", "on_train_begin"):
            first = progress.epoch
        else:
            self._end_epoch(hook, late)
            first = progress.epoch + 1
        for epoch in range(first, self.plan.epochs):
            if model.stop_training:
                break
            self._begin_epoch(epoch)
            self._end_epoch("", [])
        if hook == "on_train_end" and (first >= self.plan.epochs or model.stop_training):
            hooks.catch_up(hook, late, progress.logs)
        else:
            self.compiled.finish_training()
            hooks.on_train_end(progress.logs)
        return hooks.history

    def _check_resume(self) -> None:
        if not self.plan.resume:
            self.model._interrupted = None
        elif self.model._interrupted is None:
            raise ValueError(
                "fit(resume=True) goes on with a run that was interrupted, and this model carries none. Save it in the "
                'middle of a fit, model.save(path, state="full") in a callback, and load that file with load_model.'
            )

    def _take_up(self) -> tuple[str, list[int]]:
        """The hook of the interruption, `""` for a new run, and the callbacks that have to hear of it yet."""
        model, interrupted = self.model, self.model._interrupted
        hook, late = ("", []) if interrupted is None else self.progress.restore(interrupted)
        if interrupted is not None:
            model.stop_training = bool(interrupted.state["stop_training"])
            if isinstance(self.feed, Batches):
                self.feed.take_up(hook, self.progress.batch)
        model._progress, model._interrupted = self.progress, None
        return hook, late

    def _begin_epoch(self, epoch: int) -> None:
        self.progress.epoch = epoch
        self.progress.start_epoch()
        self.compiled.reset_metrics()
        if isinstance(self.feed, Batches):
            self.feed.begin_epoch(
                self.compiled.shuffle_stream if self.plan.shuffle else None, self.plan.steps_per_epoch
            )
        elif self.plan.shuffle:
            self.feed.shuffle(self.compiled.shuffle_stream)
        self.hooks.on_epoch_begin(epoch)

    def _end_epoch(self, hook: str, late: list[int]) -> None:
        """The batches of an epoch, or those that are left, the validation, and the end.

        Args:
            hook: where the run was interrupted in this epoch, `""` if it was not.
            late: the callbacks that have to hear of it yet.
        """
        hooks, progress, epoch, start = self.hooks, self.progress, self.progress.epoch, time.perf_counter()
        over = hook in ("on_epoch_end", "on_train_end")
        if hook and not over:
            hooks.show_epoch(epoch)
        if hook == "on_epoch_begin":
            hooks.catch_up(hook, late, epoch, {})
        elif hook == "on_train_batch_begin":
            hooks.catch_up(hook, late, progress.batch, {})
        elif hook == "on_train_batch_end":
            hooks.catch_up(hook, late, progress.batch - 1, self.compiled.results())
        elif hook == "on_epoch_end":
            hooks.catch_up(hook, late, epoch, progress.logs)
        stopped = hook == "on_train_batch_end" and self.model.stop_training
        if not (over or stopped or hook.startswith("on_test")):
            self._run_batches(hook == "on_train_batch_begin")
        if not over:
            progress.logs = dict(sorted((self.compiled.results() | self._validate()).items()))
            hooks.on_epoch_end(epoch, progress.logs, seconds=time.perf_counter() - start)

    def _run_batches(self, begun: bool) -> None:
        def after_slice(done: int) -> bool:
            self.hooks.progress(done, self.compiled.results)
            return self.model.stop_training

        batches, size, progress = self.progress.settings["steps_per_epoch"], self.plan.batch_size, self.progress
        place = f"epoch {progress.epoch + 1}, "
        try:
            if isinstance(self.feed, Batches):
                self._run_source(self.feed, batches, place, after_slice, begun)
            else:
                self.runner.run(
                    True, self.feed, size, batches, place, self.watch, after_slice, start=progress.batch, begun=begun
                )
        except NonFiniteError as error:
            if not self.hooks.on_non_finite(error):
                raise
            self.hooks.progress(progress.batch, self.compiled.results)
            self.model.stop_training = True

    def _run_source(
        self, source: Batches, batches: int | None, place: str, after_slice: Callable[[int], bool], begun: bool
    ) -> None:
        again, progress, params = self.plan.steps_per_epoch is not None, self.progress, self.hooks.params
        done = self.runner.run_batches(
            True, source, batches, place, self.watch, after_slice, progress.batch, begun, again
        )
        progress.counted = done
        if params is not None and params.get("steps") is None:
            params["steps"] = done  # callbacks have the same dict
        more = progress.epoch + 1 < self.plan.epochs
        if not self.model.stop_training and (done < batches if batches else more and not source.begins_anew):
            source.warn_of_end(done, batches)
            self.model.stop_training = True
        source.end_epoch()

    def _validate(self) -> dict[str, float]:
        if self.validation is None or (self.progress.epoch + 1) % self.plan.validation_freq:
            return {}
        size, steps = self.plan.validation_batch_size, self.plan.validation_steps
        found = test_loop(self.model, self.compiled, self.runner, self.validation, size, 0, self.hooks, steps)
        return {f"val_{name}": value for name, value in found.items()}


def test_loop(
    model: Model,
    compiled: Compiled,
    runner: EpochRunner,
    data: Dataset | Batches,
    batch_size: int,
    verbose: str | int,
    callbacks: Any,
    steps: int | None,
) -> dict[str, float]:
    """What `evaluate` does; also the validation inside `fit`, with the callbacks of the fit."""
    with compiled.evaluation():
        return _test_loop(model, compiled, runner, data, batch_size, verbose, callbacks, steps)


def _test_loop(
    model: Model,
    compiled: Compiled,
    runner: EpochRunner,
    data: Dataset | Batches,
    batch_size: int,
    verbose: str | int,
    callbacks: Any,
    steps: int | None,
) -> dict[str, float]:
    batches = _batch_count(data, batch_size, steps, "steps")
    if isinstance(data, Batches):
        data.begin()
    whole = runner.prepare(data.peek() if isinstance(data, Batches) else data, training=False)
    inside_fit = isinstance(callbacks, CallbackList)
    hooks = callbacks if inside_fit else CallbackList(callbacks, model=model, verbose=verbose, steps=batches)
    watch = _BatchHooks(hooks, compiled, "test") if hooks.needs_test_batches else None
    with compiled.own_accumulators():
        hooks.on_test_begin()
        after_slice = None if inside_fit else lambda done: bool(hooks.progress(done, compiled.results))
        if isinstance(data, Batches):
            runner.run_batches(False, data, batches, "evaluation, ", watch, after_slice)
        else:
            runner.run(False, runner.feed(*whole), batch_size, batches or 0, "evaluation, ", watch, after_slice)
        logs = compiled.results()
        hooks.on_test_end(logs)
    return logs
