"""Stopping when training no longer helps."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from gemmule.callbacks.callback import Callback, Logs
from gemmule.errors import GemmuleWarning, received


class EarlyStopping(Callback):
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
        ValueError: for an unknown `mode`, or negative numbers of epochs.

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
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"EarlyStopping: mode must be 'auto', 'min' or 'max'.{received(mode=mode)}")
        for name, number in (("patience", patience), ("start_from_epoch", start_from_epoch)):
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 0:
                raise ValueError(f"EarlyStopping: {name} must be an integer from 0 on.{received(**{name: number})}")
        self.monitor, self.min_delta, self.patience = monitor, abs(min_delta), patience
        self.verbose, self.mode, self.baseline = verbose, mode, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._start()

    def _start(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None
        self._sign = 0  # 1: larger is better; -1: smaller is
        self._warned = False

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        current = self._monitored(logs or {})
        if current is None or epoch < self.start_from_epoch:
            return
        self._sign = self._sign or self._find_sign()
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._improves(current, self.best):
            self.best = current
            self._keep(epoch)
            if self.baseline is None or self._improves(current, self.baseline):
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

    def _improves(self, current: float, reference: float | None) -> bool:
        if reference is None:
            return not math.isnan(current)
        return self._sign * (current - reference) > self.min_delta

    def _monitored(self, logs: Logs) -> float | None:
        if self.monitor in logs:
            return float(logs[self.monitor])
        if not self._warned:
            self._warned = True
            cure = " Give fit() validation_data or a validation_split." if self.monitor.startswith("val_") else ""
            warnings.warn(
                f"EarlyStopping watches {self.monitor!r}, which this training does not report, and does nothing. "
                f"Reported: {', '.join(sorted(logs))}.{cure}",
                GemmuleWarning,
                stacklevel=2,
            )
        return None

    def _find_sign(self) -> int:
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        name = self.monitor.removeprefix("val_")
        metrics: list[Any] = list(getattr(self.model, "metrics", None) or [])
        direction = next((getattr(m, "direction", None) for m in metrics if m.name == name), None)
        if direction is not None:
            return 1 if direction == "up" else -1
        if name == "loss" or name.endswith(("_loss", "_error", "crossentropy")):
            return -1
        if name == "acc" or name.endswith("accuracy"):
            return 1
        raise ValueError(
            f"EarlyStopping: whether a larger or a smaller {self.monitor!r} is better is not known. "
            "Say mode='max' or mode='min'."
        )
