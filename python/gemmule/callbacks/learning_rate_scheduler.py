"""Learning rates set from Python: by a function of the epoch, or in every batch along a cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule.callbacks.callback import Callback, Logs
from gemmule.errors import received, takes
from gemmule.optimizers.schedules import OneCycle
from gemmule.tensor import Tensor


def require_own_rate(callback: Callback) -> None:
    """Refuses an optimizer whose learning rate follows a schedule: a callback cannot set it.

    Raises:
        TypeError: saying what to do.
    """
    schedule = callback.model.optimizer._schedules.get("learning_rate")
    if schedule is not None:
        raise TypeError(
            f"{type(callback).__name__} sets the learning rate, but that of the optimizer follows a schedule, "
            f"{type(schedule).__name__}. Compile with a number as learning_rate, or leave the callback out."
        )


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch, and reports it in the logs as `"learning_rate"`.

    Args:
        schedule: a function `f(epoch)` or `f(epoch, learning_rate)`, epochs counted from 0, that returns the new rate.
        verbose: 1 prints it.

    Raises:
        TypeError: if `schedule` is no such function, or, when training begins, if the optimizer follows a schedule.
        ValueError: when training, for a rate that makes no sense.

    Example:
        >>> halved = gm.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 10 else rate / 2)
        >>> model.fit(x, y, epochs=20, callbacks=[halved])
    """

    sets_rate = "epoch"

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        if not callable(schedule) or not (takes(schedule, 0) or takes(schedule, 0, 0.1)):
            raise TypeError(
                "LearningRateScheduler: schedule must be a function f(epoch) or f(epoch, learning_rate)."
                f"{received(schedule=schedule)}"
            )
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = takes(schedule, 0, 0.1)

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        require_own_rate(self)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number, np.ndarray, Tensor)):
            raise TypeError(f"LearningRateScheduler: schedule must return a number.{received(returned=rate)}")
        optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler sets the learning rate to {float(rate):g}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class OneCycleScheduler(Callback):
    """The 1cycle policy as a callback, with the names of Géron's.

    `SGD(gm.optimizers.schedules.OneCycle(...))` does the same without Python in the step, and the momentum too.

    Args:
        iterations: steps of the whole training.
        max_lr: highest rate.
        start_lr: the rate in the first step, a tenth of `max_lr` by default.
        last_iterations: steps at the end, a tenth of all and one by default.
        last_lr: the rate at the end, a 1000th of `start_lr` by default.

    Raises:
        ValueError: for numbers that make no sense.
        TypeError: when training begins, if the optimizer follows a schedule.

    Source: Smith, 2018; Géron, "Hands-On Machine Learning", ch. 11.

    Example:
        >>> steps = 25 * math.ceil(len(x) / 32)
        >>> model.fit(x, y, epochs=25, callbacks=[gm.callbacks.OneCycleScheduler(steps, max_lr=0.1)])
    """

    sets_rate = "batch"

    def __init__(
        self,
        iterations: int,
        max_lr: float = 1e-3,
        start_lr: float | None = None,
        last_iterations: int | None = None,
        last_lr: float | None = None,
    ) -> None:
        self._cycle = OneCycle(max_lr, iterations, start_lr, last_lr, last_steps=last_iterations)
        self.iteration = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        require_own_rate(self)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self.model.optimizer.learning_rate = float(self._cycle(self.iteration))
        self.iteration += 1
