"""All callbacks of one loop, called together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gemmule.callbacks.callback import Callback, Logs, overrides
from gemmule.callbacks.history import History
from gemmule.callbacks.progress_bar import ProgressBar
from gemmule.errors import NonFiniteError, describe

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


class CallbackList(Callback):
    """Calls the hooks of several callbacks in their order.

    Args:
        callbacks: a list of callbacks, one, or `None`.
        add_history: whether to add a `History` if there is none.
        add_progbar: whether to show progress even when `params` does not say `verbose`.
        model: the model.
        **params: parameters of the loop: `verbose`, `epochs`, `steps`.

    Attributes:
        history: the `History` among the callbacks, or `None`.
        needs_batches: whether one of them wants to hear each training batch.
        calling: the hook that is called, or was called last, and how many callbacks have heard of it.
        needs_test_batches: whether one of them wants to hear each batch of an evaluation.

    Raises:
        TypeError: if something in the list is no callback.
        ValueError: if one sets the learning rate in every batch, and another one sets it as well.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks = _checked(callbacks)
        _check_rates(self.callbacks)
        self.calling: tuple[str, int] = "", 0
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        bar = ProgressBar.of(params.get("verbose", "auto" if add_progbar else 0), params)
        self._bar = next((c for c in self.callbacks if isinstance(c, ProgressBar)), bar)
        self.set_params(params)
        self.set_model(model)

    @property
    def needs_batches(self) -> bool:
        """Whether a callback overrides a hook of training batches."""
        return any(overrides(callback, *_BATCH_HOOKS) for callback in self.callbacks)

    @property
    def needs_test_batches(self) -> bool:
        """Whether a callback overrides a hook of evaluation batches."""
        return any(overrides(callback, "on_test_batch_begin", "on_test_batch_end") for callback in self.callbacks)

    def next_batch(self, batch: int) -> int:  # noqa: D102
        listeners = [callback for callback in self.callbacks if overrides(callback, *_BATCH_HOOKS)]
        return min((callback.next_batch(batch) for callback in listeners), default=batch)

    def append(self, callback: Callback) -> None:
        """Adds a callback."""
        self.callbacks.extend(_checked(callback))

    def set_params(self, params: dict[str, Any]) -> None:  # noqa: D102
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:  # noqa: D102
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    def progress(self, done: int, results: Callable[[], Mapping[str, float]]) -> None:
        """Brings the progress bar up to date, when it is time to.

        Args:
            done: batches done in this epoch.
            results: gives the values to show; called only when they are shown.
        """
        if self._bar is not None:
            self._bar.update(done, results)

    def _call(self, hook: str, *arguments: Any) -> None:
        for number, callback in enumerate(self.callbacks):
            self.calling = hook, number + 1
            getattr(callback, hook)(*arguments)
        self.calling = hook, len(self.callbacks)

    def catch_up(self, hook: str, numbers: Iterable[int], *arguments: Any) -> None:
        """Calls a hook of those callbacks that had not heard of it when the run was interrupted.

        Args:
            hook: its name.
            numbers: places of the callbacks.
            *arguments: of the hook.
        """
        self.calling = hook, len(self.callbacks)
        for number in numbers:
            self.calling = hook, number + 1
            getattr(self.callbacks[number], hook)(*arguments)

    def show_epoch(self, epoch: int) -> None:
        """Begins an epoch on the progress bar alone."""
        if self._bar is not None:
            self._bar.start(epoch)

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_begin", {} if logs is None else logs)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_end", {} if logs is None else logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_epoch_begin", epoch, {} if logs is None else logs)
        self.show_epoch(epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None, seconds: float | None = None) -> None:  # noqa: D102
        if self._bar is not None:
            self._bar.finish(logs or {}, seconds)
        self._call("on_epoch_end", epoch, {} if logs is None else logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_batch_begin", batch, {} if logs is None else logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_batch_end", batch, {} if logs is None else logs)

    def on_non_finite(self, error: NonFiniteError) -> bool:  # noqa: D102
        return any([callback.on_non_finite(error) for callback in self.callbacks])

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        if self._bar is not None:
            self._bar.start_test()
        self._call("on_test_begin", {} if logs is None else logs)

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        if self._bar is not None:
            self._bar.finish_test(logs or {})
        self._call("on_test_end", {} if logs is None else logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_batch_begin", batch, {} if logs is None else logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_batch_end", batch, {} if logs is None else logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_begin", {} if logs is None else logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_end", {} if logs is None else logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_batch_begin", batch, {} if logs is None else logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_batch_end", batch, {} if logs is None else logs)


def _checked(callbacks: Any) -> list[Callback]:
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    listed = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
    for callback in listed:
        if isinstance(callback, type) and issubclass(callback, Callback):
            raise TypeError(f"callbacks needs objects, not classes. Write {callback.__name__}() with parentheses.")
        if not isinstance(callback, Callback):
            raise TypeError(
                "callbacks must be a list of gm.callbacks.Callback objects. "
                f"Received: {describe(callback)}. Derive your class from gm.callbacks.Callback."
            )
    return list(listed)


def _check_rates(callbacks: Iterable[Callback]) -> None:
    found = sorted((c for c in callbacks if c.sets_rate), key=lambda c: c.sets_rate)
    if len(found) > 1 and found[0].sets_rate == "batch":
        first, second = (type(one).__name__ for one in found[:2])
        raise ValueError(
            f"{first} sets the learning rate before every batch, so what {second} sets would have no effect. Leave one "
            "of them out."
        )
