"""The base of schedules: functions of the number of steps, computed inside the recorded step."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.mutation import Watched
from gemmule.tensor import Tensor


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
