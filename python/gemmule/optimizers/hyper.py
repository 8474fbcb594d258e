"""Numbers an optimizer can be steered with while it works: learning rate, momentum and their like.

They lie in a float64 vector that kernels read in every step, so that an assignment in a batch callback reaches recorded
steps as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule.errors import received
from gemmule.optimizers.schedules.schedule import LearningRateSchedule, deserialize
from gemmule.plan import refuse_replay

if TYPE_CHECKING:
    from gemmule.optimizers.optimizer import Optimizer


class Reading(float):
    """A float that also has `numpy()` and `assign()`, as Keras's variables do."""

    assign: Callable[[Any], None]

    def numpy(self) -> np.float32:
        """The value as a NumPy number."""
        return np.float32(self)


class HyperParameter:
    """A property of an optimizer, kept in its vector `hyper` at the place of its name in `hyper_names`.

    Args:
        below: values must be smaller; any value from 0 on by default.
    """

    def __init__(self, below: float = math.inf) -> None:
        self._below = below

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, optimizer: Optimizer | None, owner: type) -> Any:
        if optimizer is None:
            return self
        schedule = optimizer._schedules.get(self._name)
        value = (
            optimizer.hyper[optimizer.hyper_names.index(self._name)] if schedule is None else schedule.now(optimizer)
        )
        reading = Reading(value)
        reading.assign = partial(self.__set__, optimizer)
        return reading

    def __set__(self, optimizer: Optimizer, value: Any) -> None:
        refuse_replay(f"the optimizer's {self._name} was set in the middle of the step")
        if isinstance(value, Mapping):
            value = deserialize(value)
        if isinstance(value, LearningRateSchedule):
            optimizer._schedules = {
                **optimizer._schedules,
                self._name: value,
            }  # another object: steps are recorded anew
            value = value.now(optimizer)
        elif self._name in optimizer._schedules:
            raise TypeError(
                f"{type(optimizer).__name__}: {self._name} follows a schedule and cannot be set to a number. Set it to "
                "another schedule, or make the optimizer with a number to steer it yourself."
                f"{received(**{self._name: value})}"
            )
        optimizer.hyper[optimizer.hyper_names.index(self._name)] = self.checked(optimizer, value)

    def checked(self, optimizer: Optimizer, value: Any, name: str = "") -> float:
        """The value as a float, when it makes sense; `name` is what messages call it.

        Raises:
            ValueError: when it does not.
        """
        name = name or self._name
        if callable(value) and not hasattr(value, "__array__"):
            raise TypeError(
                f"{type(optimizer).__name__}: {name} must be a number or a schedule, an object of a subclass of "
                f"gm.optimizers.schedules.LearningRateSchedule.{received(**{name: value})}"
            )
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, (bool, str)) or not 0 <= number < self._below:
            limit = "" if self._below == math.inf else f" and below {self._below:g}"
            raise ValueError(
                f"{type(optimizer).__name__}: {name} must be a finite number from 0 on{limit}."
                f"{received(**{name: value})}"
            )
        return number
