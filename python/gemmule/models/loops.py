"""What `fit` and `evaluate` do once their arguments are checked: epochs, validation, callbacks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gemmule.callbacks import CallbackList
from gemmule.errors import NonFiniteError, received
from gemmule.models.compiled import Compiled
from gemmule.models.runner import EpochRunner, Training

if TYPE_CHECKING:
    from gemmule.data.adapter import Dataset
    from gemmule.models.model import Model


class _BatchHooks:
    """Brings the batch hooks of callbacks to the runner."""

    def __init__(self, callbacks: CallbackList, compiled: Compiled, prefix: str) -> None:
        self._callbacks, self._compiled, self._prefix = callbacks, compiled, prefix

    def batch_begin(self, batch: int) -> None:
        getattr(self._callbacks, f"on_{self._prefix}_batch_begin")(batch, {})

    def batch_end(self, batch: int) -> None:
        getattr(self._callbacks, f"on_{self._prefix}_batch_end")(batch, self._compiled.results())


def _batch_count(size: int, batch_size: int, limit: int | None, name: str) -> int:
    batches = -(-size // batch_size)
    if limit is not None and limit > batches:
        raise ValueError(
            f"{name} asks for more batches than the data has.{received(**{name: limit})} "
            f"{size} examples in batches of {batch_size} are {batches} batches."
        )
    return limit or batches


def train_loop(
    model: Model,
    compiled: Compiled,
    runner: EpochRunner,
    data: Dataset,
    validation: Dataset | None,
    *,
    batch_size: int,
    epochs: int,
    initial_epoch: int,
    verbose: str | int,
    callbacks: Any,
    shuffle: bool,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int,
    validation_freq: int,
) -> Any:
    """What `fit` does once its arguments are checked; see there."""
    batches = _batch_count(data.size, batch_size, steps_per_epoch, "steps_per_epoch")
    with Training(runner, compiled, data) as feed:
        runner.check_validation(validation)
        hooks = CallbackList(callbacks, add_history=True, model=model, verbose=verbose, epochs=epochs, steps=batches)
        watch = _BatchHooks(hooks, compiled, "train") if hooks.needs_batches else None
        model.stop_training = False
        hooks.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            compiled.reset_metrics()
            if shuffle:
                feed.shuffle(compiled.shuffle_stream)
            hooks.on_epoch_begin(epoch)
            start = time.perf_counter()

            def after_slice(done: int) -> bool:
                hooks.progress(done, compiled.results)
                return model.stop_training

            try:
                runner.run(True, feed, batch_size, batches, f"epoch {epoch + 1}, ", watch, after_slice)
            except NonFiniteError as error:
                if not hooks.on_non_finite(error):
                    raise
                model.stop_training = True
            logs = compiled.results()
            if validation is not None and (epoch + 1) % validation_freq == 0:
                found = test_loop(
                    model, compiled, runner, validation, validation_batch_size, 0, hooks, validation_steps
                )
                logs |= {f"val_{name}": value for name, value in found.items()}
            hooks.on_epoch_end(epoch, dict(sorted(logs.items())), seconds=time.perf_counter() - start)
            if model.stop_training:
                break
        compiled.finish_training()
        hooks.on_train_end(logs)
        return hooks.history


def test_loop(
    model: Model,
    compiled: Compiled,
    runner: EpochRunner,
    data: Dataset,
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
    data: Dataset,
    batch_size: int,
    verbose: str | int,
    callbacks: Any,
    steps: int | None,
) -> dict[str, float]:
    feed = runner.feed(*runner.prepare(data, training=False))
    batches = _batch_count(data.size, batch_size, steps, "steps")
    inside_fit = isinstance(callbacks, CallbackList)
    hooks = callbacks if inside_fit else CallbackList(callbacks, model=model, verbose=verbose, steps=batches)
    watch = _BatchHooks(hooks, compiled, "test") if hooks.needs_test_batches else None
    with compiled.own_accumulators():
        hooks.on_test_begin()
        after_slice = None if inside_fit else lambda done: bool(hooks.progress(done, compiled.results))
        runner.run(False, feed, batch_size, batches, "evaluation, ", watch, after_slice)
        logs = compiled.results()
        hooks.on_test_end(logs)
    return logs
