"""Schedules that fall along half a cosine."""

from __future__ import annotations

import math

from gemmule import ops
from gemmule.errors import received
from gemmule.optimizers.schedules.schedule import Formula
from gemmule.tensor import Tensor


def half_cosine(time: Tensor) -> Tensor:
    """`(1 + cos(π time)) / 2`: from 1 at time 0 down to 0 at time 1."""
    return 0.5 + 0.5 * ops.cos(math.pi * time)


class CosineDecay(Formula):
    """`initial * ((1 - alpha) * (1 + cos(π step / decay_steps)) / 2 + alpha)`, and constant from `decay_steps` on.

    With `warmup_target`, a straight line leads from the initial value to the target in `warmup_steps` steps; the cosine
    falls from there, in `decay_steps` steps more.

    Args:
        initial_learning_rate: the value in the first step.
        decay_steps: steps of the cosine.
        alpha: smallest value, as a share of the largest.
        name: its name.
        warmup_target: largest value, if there is a warm-up.
        warmup_steps: steps of the warm-up.

    Raises:
        ValueError: for numbers that make no sense.

    Source: Loshchilov and Hutter, "SGDR", 2017; warm-up: Goyal et al., 2017.

    Example:
        >>> gm.optimizers.schedules.CosineDecay(0.1, decay_steps=100)(50).item()
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self._check(initial_learning_rate=initial_learning_rate, alpha=alpha, warmup_steps=warmup_steps)
        self._check(positive=True, decay_steps=decay_steps)
        if warmup_target is not None:
            self._check(warmup_target=warmup_target)
        elif warmup_steps:
            raise ValueError(
                "CosineDecay: a warm-up needs warmup_target, the value it leads to."
                f"{received(warmup_steps=warmup_steps, warmup_target=warmup_target)}"
            )
        self.initial_learning_rate, self.decay_steps, self.alpha = initial_learning_rate, decay_steps, alpha
        self.name, self.warmup_target, self.warmup_steps = name, warmup_target, warmup_steps

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        peak = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        time = ops.clip((step - float(self.warmup_steps)) / self.decay_steps, 0.0, 1.0)
        decayed = peak * ((1.0 - self.alpha) * half_cosine(time) + self.alpha)
        if not self.warmup_steps:
            return decayed
        rising = self.initial_learning_rate + (peak - self.initial_learning_rate) * (step / self.warmup_steps)
        return ops.where(step < self.warmup_steps, rising, decayed)


class CosineDecayRestarts(Formula):
    """The cosine of `CosineDecay`, again and again: each time `t_mul` as long, and beginning at `m_mul` as much.

    Args:
        initial_learning_rate: the value in the first step.
        first_decay_steps: steps of the first cosine.
        t_mul: how many times as long each cosine is as the one before.
        m_mul: how many times as high it begins.
        alpha: smallest value, as a share of the initial one.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: Loshchilov and Hutter, "SGDR", 2017.

    Example:
        >>> schedule = gm.optimizers.schedules.CosineDecayRestarts(0.1, first_decay_steps=10)
        >>> [round(schedule(step).item(), 6) for step in (0, 5, 10, 20, 30)]
        [0.1, 0.05, 0.1, 0.05, 0.1]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ) -> None:
        self._check(initial_learning_rate=initial_learning_rate, m_mul=m_mul, alpha=alpha)
        self._check(positive=True, first_decay_steps=first_decay_steps)
        self._check(t_mul=t_mul)
        if t_mul < 1:
            raise ValueError(f"CosineDecayRestarts: t_mul must be a number from 1 on.{received(t_mul=t_mul)}")
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        time = step / self.first_decay_steps
        if self.t_mul == 1:
            restarts = ops.floor(time)
            within = time - restarts
        else:  # restarts come at (t_mul**n - 1) / (t_mul - 1); rounding must not delay one by a step
            growth = self.t_mul - 1.0
            restarts = ops.floor(ops.log(1.0 + growth * time) / math.log(self.t_mul) + 1e-12)
            length = ops.power(float(self.t_mul), restarts)
            within = ops.clip((time - (length - 1.0) / growth) / length, 0.0, 1.0)
        height = ops.power(float(self.m_mul), restarts)
        return self.initial_learning_rate * ((1.0 - self.alpha) * (height * half_cosine(within)) + self.alpha)
