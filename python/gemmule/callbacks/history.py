"""The record of a training, which `fit` returns."""

from __future__ import annotations

from gemmule.callbacks.callback import Callback, Logs


class History(Callback):
    """Keeps the values of each finished epoch. Every `fit` has one, and returns it; it is `model.history` too.

    Attributes:
        history: lists of values by name, ready for a DataFrame.
        epoch: numbers of the epochs.

    Example:
        >>> history = model.fit(x, y, epochs=2, verbose=0)
        >>> history.history
        {'loss': [0.71, 0.49]}
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self.epoch = []
        self.model.history = self

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
