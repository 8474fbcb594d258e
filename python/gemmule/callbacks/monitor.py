"""What callbacks that watch one value of the logs have in common."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from gemmule.callbacks.callback import Callback, Logs
from gemmule.errors import GemmuleWarning, did_you_mean, received


class Monitor(Callback):
    """Base of callbacks that watch whether a value improves.

    Args:
        monitor: name of the value.
        mode: `"min"`, `"max"`, or `"auto"`: the way that is better is known for losses, errors and accuracies.
        min_delta: smallest change that counts as an improvement.

    Attributes:
        best: the best value so far, or `None`.

    Raises:
        ValueError: for an unknown `mode`, or a `min_delta` that is no number.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode must be 'auto', 'min' or 'max'.{received(mode=mode)}")
        self._check_number(min_delta=min_delta)
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)

    def forget(self) -> None:
        """Starts anew."""
        self.best: float | None = None
        self._sign = 0  # 1: larger is better; -1: smaller is
        self._warned = False

    def monitored(self, logs: Logs) -> float | None:
        """The value in the logs; without it `None`, and a warning the first time.

        Raises:
            ValueError: if it is not one number.
        """
        if self.monitor in logs:
            if np.size(logs[self.monitor]) != 1:
                raise ValueError(
                    f"{type(self).__name__} watches {self.monitor!r}, which has several values, and none of them says "
                    f"alone what is better. Watch one number: the loss, or a metric that averages, such as "
                    f"average='macro'.{received(**{'shape of ' + self.monitor: np.shape(logs[self.monitor])})}"
                )
            self._sign = self._sign or self._find_sign()
            return float(np.asarray(logs[self.monitor]).item())
        if not self._warned:
            self._warned = True
            validated = any(name.startswith("val_") for name in logs)
            asks = self.monitor.startswith("val_") and not validated
            cure = f" Reported: {', '.join(sorted(logs))}. Give fit() validation_data or a validation_split."
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which this training does not report, and does "
                f"nothing.{cure if asks else did_you_mean(self.monitor, logs, 'Reported')}",
                GemmuleWarning,
                stacklevel=2,
            )
        return None

    def improves(self, current: float, reference: float | None) -> bool:
        """Whether a value is better than another by more than `min_delta`."""
        if reference is None:
            return not math.isnan(current)
        return self._sign * (current - reference) > self.min_delta

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
            f"{type(self).__name__}: whether a larger or a smaller {self.monitor!r} is better is not known. "
            "Say mode='max' or mode='min'."
        )

    def _check_epochs(self, **numbers: Any) -> None:
        """Refuses numbers of epochs that are none."""
        for name, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 0:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be an integer from 0 on.{received(**{name: number})}"
                )

    def _check_number(self, **numbers: Any) -> None:
        """Refuses what is to be a number and is none."""
        for name, number in numbers.items():
            if isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, float, np.number)):
                raise ValueError(f"{type(self).__name__}: {name} must be a number.{received(**{name: number})}")
