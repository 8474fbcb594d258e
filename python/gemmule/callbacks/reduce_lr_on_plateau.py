"""A smaller learning rate when training no longer gets on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gemmule.callbacks.callback import Logs
from gemmule.callbacks.learning_rate_scheduler import require_own_rate
from gemmule.callbacks.monitor import Monitor
from gemmule.errors import received


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when a value has not improved for `patience` epochs.

    The rate is in the logs as `"learning_rate"`. PyTorch's scheduler of this name compares relatively by default.

    Args:
        monitor: name of the value, such as `"val_loss"`.
        factor: what the rate is multiplied by, from 0 to below 1.
        patience: epochs without improvement to wait for.
        verbose: 1 prints the new rates.
        mode: `"min"`, `"max"`, or `"auto"`: the way that is better is known for losses, errors and accuracies.
        min_delta: smallest change that counts as an improvement.
        cooldown: epochs to let pass after a reduction before waiting begins again.
        min_lr: the rate is not made smaller than this.

    Attributes:
        best: the best value so far.
        wait: epochs without improvement.
        cooldown_counter: epochs still to let pass.

    Raises:
        ValueError: for arguments that make no sense.
        TypeError: when training begins, if the optimizer follows a schedule.

    Example:
        >>> slower = gm.callbacks.ReduceLROnPlateau(factor=0.5, patience=5)
        >>> model.fit(x, y, epochs=100, validation_split=0.1, callbacks=[slower])
    """

    sets_rate = "epoch"

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self._check_epochs(patience=patience, cooldown=cooldown)
        if not _is_number(factor) or not 0 <= factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be a number from 0 to below 1.{received(factor=factor)}")
        if not _is_number(min_lr) or not 0 <= min_lr < math.inf:
            raise ValueError(f"ReduceLROnPlateau: min_lr must be a finite number from 0 on.{received(min_lr=min_lr)}")
        self.factor, self.patience, self.cooldown = float(factor), patience, cooldown
        self.min_lr, self.verbose = float(min_lr), verbose
        self.forget()

    def forget(self) -> None:
        """Starts anew."""
        super().forget()
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        require_own_rate(self)
        self.forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        logs = {} if logs is None else logs
        current = self.monitored(logs)
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best, self.wait = current, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = max(float(optimizer.learning_rate) * self.factor, self.min_lr)
        if rate < optimizer.learning_rate:
            optimizer.learning_rate = rate
            self.cooldown_counter, self.wait = self.cooldown, 0
            if self.verbose:
                print(f"Epoch {epoch + 1}: ReduceLROnPlateau reduces the learning rate to {rate:g}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
