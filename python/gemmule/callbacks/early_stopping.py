"""Stopping when training no longer helps."""

from __future__ import annotations

import numpy as np

from gemmule.callbacks.callback import Logs
from gemmule.callbacks.monitor import Monitor


class EarlyStopping(Monitor):
    """Stops training when a value has not improved for some epochs (Prechelt, 1998).

    Args:
        monitor: name of the value, such as `"val_loss"` or `"val_accuracy"`.
        min_delta: smallest change that counts as an improvement.
        patience: epochs without improvement to wait for.
        verbose: 1 prints when training is stopped and weights are restored.
        mode: `"min"`, `"max"`, or `"auto"`: the way that is better is known for losses, errors and accuracies.
        baseline: value that has to be reached within `patience` epochs.
        restore_best_weights: whether the model gets back the weights of its best epoch in the end.
        start_from_epoch: epochs to let pass first.

    Attributes:
        stopped_epoch: the epoch that was the last, counted from 0; 0 when training was not stopped.
        best_epoch: the best epoch, counted from 0.
        best: its value.

    Raises:
        ValueError: for an unknown `mode`, negative numbers of epochs, or a baseline that is no number.

    Example:
        >>> stop = gm.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
        >>> model.fit(x, y, epochs=1000, validation_split=0.1, callbacks=[stop])
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self._check_epochs(patience=patience, start_from_epoch=start_from_epoch)
        if baseline is not None:
            self._check_number(baseline=baseline)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.forget()

    def forget(self) -> None:
        """Starts anew."""
        super().forget()
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self.forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        current = self.monitored(logs or {})
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.improves(current, self.best):
            self.best = current
            self._keep(epoch)
            if self.baseline is None or self.improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
