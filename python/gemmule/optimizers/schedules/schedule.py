"""The base of schedules: functions of the number of steps, computed inside the recorded step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np

from gemmule import ops, registry
from gemmule.errors import did_you_mean, received
from gemmule.mutation import Watched
from gemmule.tensor import Tensor

_OWN: dict[str, type[LearningRateSchedule]] = {}


class LearningRateSchedule(Watched):
    """Base class of schedules. A subclass defines `__call__(step)` with `gm.ops`, and `get_config`.

    A schedule can be given to an optimizer as its learning rate, or as another of its hyper-parameters, such as the
    momentum. It is computed in every step, without Python: the calls of `gm.ops` it makes are recorded.

    Example:
        >>> class Halving(gm.optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5 ** gm.ops.cast(step, "float32")
        >>> optimizer = gm.optimizers.SGD(learning_rate=Halving())
    """

    def __call__(self, step: Any) -> Any:
        """The value in a step.

        Args:
            step: the number of steps done before it, an int64 variable or a number.

        Returns:
            A tensor of one element.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step).")

    def now(self, optimizer: Any) -> float:
        """The value in the next step of an optimizer."""
        value = self(optimizer.iterations)
        return float(np.asarray(value.array if isinstance(value, Tensor) else value).reshape(()))

    def get_config(self) -> dict[str, Any]:
        """What the schedule can be made from again."""
        raise NotImplementedError(f"{type(self).__name__} must define get_config(self) to be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """A schedule from its `get_config`."""
        return cls(**config)


class Formula(LearningRateSchedule):
    """Base of gemmule's own schedules: float64 throughout, and attributes named as the arguments."""

    name: str | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("gemmule."):
            _OWN[cls.__name__] = cls

    def __call__(self, step: Any) -> Tensor:  # noqa: D102
        return self.value(ops.cast(step, "float64"))

    def value(self, step: Tensor) -> Tensor:
        """The value in a step, which is given as a float64 tensor."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        values = {name: getattr(self, name) for name in signature(type(self)).parameters}
        return {name: serialize(v) if isinstance(v, LearningRateSchedule) else v for name, v in values.items()}

    def _check(self, positive: bool = False, **values: Any) -> None:
        """Refuses what is no finite number from 0 on, or above 0."""
        for name, value in values.items():
            given = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if not given or not 0 <= value < math.inf or (positive and value == 0):
                range_ = "above 0" if positive else "from 0 on"
                raise ValueError(
                    f"{type(self).__name__}: {name} must be a finite number {range_}.{received(**{name: value})}"
                )


def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """The class name and the configuration of a schedule.

    Example:
        >>> gm.optimizers.schedules.serialize(gm.optimizers.schedules.StepDecay(0.1, 100))["class_name"]
        'StepDecay'
    """
    name = registry.registered_name(type(schedule)) or type(schedule).__name__
    return {"class_name": name, "config": schedule.get_config()}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None) -> Any:
    """A schedule from what `serialize` returned.

    Args:
        config: class name and configuration.
        custom_objects: the caller's own classes, by name.

    Raises:
        ValueError: for a class that is neither gemmule's nor registered.
    """
    if not isinstance(config, Mapping) or not {"class_name", "config"} <= set(config):
        raise ValueError(f"The configuration of a schedule has class_name and config.{received(config=config)}")
    name, custom = str(config["class_name"]), custom_objects or {}
    known: Any = custom.get(name) or _OWN.get(name) or registry.get_registered_object(name, custom)
    if known is None:
        near = did_you_mean(name, _OWN).partition(" Known")[0]
        raise ValueError(f"{registry.unknown_class('schedule', name)}{near}")
    make = known.from_config
    if custom_objects and "custom_objects" in signature(make).parameters:  # for a schedule inside the schedule
        return make(dict(config["config"]), custom_objects=custom_objects)
    return make(dict(config["config"]))


def get(identifier: Any) -> Any:
    """A schedule, from itself or from what `serialize` returned; numbers are given back.

    Raises:
        TypeError: for something else.
    """
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    is_number = isinstance(identifier, (int, float, np.number)) and not isinstance(identifier, bool)
    if is_number or isinstance(identifier, LearningRateSchedule):
        return identifier
    raise TypeError(
        "A schedule is an object of a subclass of gm.optimizers.schedules.LearningRateSchedule, its configuration, or "
        f"a number.{received(identifier=identifier)}"
    )
