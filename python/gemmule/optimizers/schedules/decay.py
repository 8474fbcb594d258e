"""Schedules that fall: by powers, exponentially, in steps, along polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.optimizers.schedules.schedule import Formula
from gemmule.tensor import Tensor


class _Decay(Formula):
    """Schedules that begin at a rate and count in units of `decay_steps`."""

    initial_learning_rate: float
    decay_steps: float
    staircase = False

    def _time(self, step: Tensor) -> Tensor:
        time = step / self.decay_steps
        return ops.floor(time) if self.staircase else time


class ExponentialDecay(_Decay):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: the value in the first step.
        decay_steps: steps in which it falls by the factor `decay_rate`.
        decay_rate: that factor.
        staircase: whether it falls at once after every `decay_steps` steps; `step // decay_steps` in the formula.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: Géron, "Hands-On Machine Learning", ch. 11.

    Example:
        >>> schedule = gm.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.5)
        >>> round(schedule(2000).item(), 6)
        0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "ExponentialDecay",
    ) -> None:
        self._check(initial_learning_rate=initial_learning_rate, decay_rate=decay_rate)
        self._check(positive=True, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = bool(staircase), name

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        return self.initial_learning_rate * ops.power(float(self.decay_rate), self._time(step))


class StepDecay(_Decay):
    """`initial_learning_rate * decay_rate ** (step // decay_steps)`: the lectures' stairs.

    Keras has no such name: it is `ExponentialDecay` with `staircase=True`. PyTorch's `StepLR` counts epochs.

    Args:
        initial_learning_rate: the value in the first step.
        decay_steps: after how many steps, again and again, it falls.
        decay_rate: by which factor.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: CS231n, "annealing the learning rate".

    Example:
        >>> gm.optimizers.schedules.StepDecay(0.1, decay_steps=100)(250).item()
        0.025
    """

    staircase = True

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float = 0.5,
        name: str | None = "StepDecay",
    ) -> None:
        self._check(initial_learning_rate=initial_learning_rate, decay_rate=decay_rate)
        self._check(positive=True, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.name = name

    value = ExponentialDecay.value


class InverseTimeDecay(_Decay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: the value in the first step.
        decay_steps: unit of time, in steps.
        decay_rate: how fast it falls.
        staircase: whether it falls at once after every `decay_steps` steps; `step // decay_steps` in the formula.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: CS231n, "annealing the learning rate".

    Example:
        >>> gm.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=10, decay_rate=0.5)(20).item()
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "InverseTimeDecay",
    ) -> None:
        self._check(initial_learning_rate=initial_learning_rate, decay_rate=decay_rate)
        self._check(positive=True, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = bool(staircase), name

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        return self.initial_learning_rate / (1.0 + self.decay_rate * self._time(step))


class PowerDecay(_Decay):
    """`initial_learning_rate / (1 + step / decay_steps) ** power`: the lectures' "power scheduling".

    Keras has no schedule of this name; with `power=1` it is `InverseTimeDecay` with `decay_rate=1`.

    Args:
        initial_learning_rate: the value in the first step.
        decay_steps: after so many steps it is divided by `2 ** power`, after twice as many by `3 ** power`, ...
        power: the exponent.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: Géron, "Hands-On Machine Learning", ch. 11.

    Example:
        >>> gm.optimizers.schedules.PowerDecay(0.1, decay_steps=50)(50).item()
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        power: float = 1.0,
        name: str | None = "PowerDecay",
    ) -> None:
        self._check(initial_learning_rate=initial_learning_rate, power=power)
        self._check(positive=True, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps, self.power, self.name = (
            initial_learning_rate, decay_steps, power, name,
        )  # fmt: skip

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        return self.initial_learning_rate / ops.power(1.0 + self._time(step), float(self.power))


class PolynomialDecay(_Decay):
    """`(initial - end) * (1 - min(step, decay_steps) / decay_steps) ** power + end`.

    Args:
        initial_learning_rate: the value in the first step.
        decay_steps: the step in which the end is reached.
        end_learning_rate: the value from then on.
        power: of the polynomial; 1 is a straight line.
        cycle: whether it starts again at its end. Then `decay_steps` is multiplied by the smallest whole number
            that makes it at least `step`.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: Chen et al., "DeepLab", 2018 (its "poly" policy).

    Example:
        >>> gm.optimizers.schedules.PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)(50).item()
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = "PolynomialDecay",
    ) -> None:
        self._check(initial_learning_rate=initial_learning_rate, end_learning_rate=end_learning_rate, power=power)
        self._check(positive=True, decay_steps=decay_steps)
        self.initial_learning_rate, self.end_learning_rate = initial_learning_rate, end_learning_rate
        self.decay_steps, self.power, self.cycle, self.name = decay_steps, power, bool(cycle), name

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        time = self._time(step)
        if self.cycle:
            left = 1.0 - time / ops.maximum(ops.ceil(time), 1.0)
        else:
            left = 1.0 - ops.minimum(time, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ops.power(left, float(self.power)) + self.end_learning_rate


class PiecewiseConstantDecay(Formula):
    """`values[0]` up to and including step `boundaries[0]`, then `values[1]` up to `boundaries[1]`, ...

    Args:
        boundaries: increasing numbers of steps.
        values: one more than boundaries.
        name: its name.

    Raises:
        ValueError: if the numbers do not fit together.

    Source: Géron, "Hands-On Machine Learning", ch. 11.

    Example:
        >>> schedule = gm.optimizers.schedules.PiecewiseConstantDecay([100, 200], [0.1, 0.05, 0.01])
        >>> [schedule(step).item() for step in (100, 101, 500)]
        [0.1, 0.05, 0.01]
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str | None = "PiecewiseConstant"
    ) -> None:
        self.boundaries, self.values, self.name = _numbers(boundaries), _numbers(values), name
        if len(self.values) != len(self.boundaries) + 1 or not self.boundaries:
            raise ValueError(
                "PiecewiseConstantDecay: there must be a boundary, and one value more than boundaries."
                f"{received(boundaries=boundaries, values=values)}"
            )
        if any(one >= two for one, two in zip(self.boundaries, self.boundaries[1:])):
            raise ValueError(f"PiecewiseConstantDecay: boundaries must increase.{received(boundaries=boundaries)}")
        for index, value in enumerate(self.values):
            self._check(**{f"values[{index}]": value})
        for index, value in enumerate(self.boundaries):
            self._check(**{f"boundaries[{index}]": value})

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        passed = ops.sum(ops.cast(step > np.array(self.boundaries, np.float64), "int32"))
        return ops.take(np.array(self.values, np.float64), passed)


def _numbers(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple, np.ndarray)) else []
