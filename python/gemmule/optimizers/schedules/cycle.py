"""Warm-up around any schedule, lines through given points, and the 1cycle policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.optimizers.schedules.cosine import half_cosine
from gemmule.optimizers.schedules.schedule import Formula, LearningRateSchedule, deserialize, get
from gemmule.tensor import Tensor

_FORMS = ("linear", "cosine")


class LinearWarmup(Formula):
    """A straight line up to the first value of another schedule, which begins when the warm-up ends.

    `initial + (schedule(0) - initial) * step / warmup_steps` at first, then `schedule(step - warmup_steps)`. Keras has
    this for its `CosineDecay` only.

    Args:
        schedule: a schedule, or a number for a rate that stays.
        warmup_steps: steps of the warm-up.
        initial_learning_rate: the value in the first step.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.
        TypeError: if `schedule` is none.

    Source: Goyal et al., "Accurate, Large Minibatch SGD", 2017.

    Example:
        >>> schedule = gm.optimizers.schedules.LinearWarmup(0.1, warmup_steps=100)
        >>> [schedule(step).item() for step in (0, 50, 100, 200)]
        [0.0, 0.05, 0.1, 0.1]
    """

    def __init__(
        self,
        schedule: Any,
        warmup_steps: int,
        initial_learning_rate: float = 0.0,
        name: str | None = "LinearWarmup",
    ) -> None:
        self.schedule = get(schedule)
        if not isinstance(self.schedule, LearningRateSchedule):
            self._check(schedule=schedule)
        _check_steps("LinearWarmup", warmup_steps=warmup_steps)
        self._check(initial_learning_rate=initial_learning_rate)
        self.warmup_steps, self.initial_learning_rate, self.name = int(warmup_steps), initial_learning_rate, name

    def __call__(self, step: Any) -> Tensor:  # noqa: D102
        step = ops.cast(step, "int64")
        target = later = self.schedule
        if isinstance(self.schedule, LearningRateSchedule):
            target = ops.cast(self.schedule(0), "float64")
            later = ops.cast(self.schedule(ops.maximum(step - self.warmup_steps, 0)), "float64")
        share = ops.cast(step, "float64") / self.warmup_steps
        rising = self.initial_learning_rate + (target - self.initial_learning_rate) * share
        return ops.where(step < self.warmup_steps, rising, later)

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
    ) -> LearningRateSchedule:
        """A schedule from its `get_config`; `custom_objects` are for the one inside."""
        inner = config.get("schedule")
        if isinstance(inner, Mapping):
            config = {**config, "schedule": deserialize(inner, custom_objects)}
        return cls(**config)


class Interpolation(Formula):
    """Given values at given steps, and straight lines or half cosines between them; constant from the last on.

    Args:
        steps: increasing numbers of steps; the first is 0.
        values: the value at each.
        form: `"linear"` or `"cosine"`.
        name: its name.

    Raises:
        ValueError: if the numbers do not fit together, or for an unknown form.

    Example:
        >>> schedule = gm.optimizers.schedules.Interpolation([0, 10, 30], [0.1, 1.0, 0.0])
        >>> [round(schedule(step).item(), 6) for step in (0, 5, 10, 20, 99)]
        [0.1, 0.55, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        steps: Sequence[float],
        values: Sequence[float],
        form: str = "linear",
        name: str | None = "Interpolation",
    ) -> None:
        kind = type(self).__name__
        if form not in _FORMS:
            raise ValueError(f"{kind}: form must be 'linear' or 'cosine'.{received(form=form)}")
        self.steps, self.values, self.form, self.name = list(steps), list(values), form, name
        if len(self.steps) != len(self.values) or len(self.steps) < 2:
            raise ValueError(
                f"{kind}: there must be one value for each of at least two steps.{received(steps=steps, values=values)}"
            )
        for index, (at, value) in enumerate(zip(self.steps, self.values)):
            pair: dict[str, Any] = {f"steps[{index}]": at, f"values[{index}]": value}
            self._check(**pair)
        if self.steps[0] != 0 or any(one >= two for one, two in zip(self.steps, self.steps[1:])):
            raise ValueError(f"{kind}: steps must begin with 0 and increase.{received(steps=steps)}")

    def value(self, step: Tensor) -> Tensor:  # noqa: D102
        at, values = np.array(self.steps, np.float64), np.array(self.values, np.float64)
        share = ops.clip((step - at[:-1]) / np.diff(at), 0.0, 1.0)  # of each piece that is behind
        if self.form == "cosine":
            share = 1.0 - half_cosine(share)
        total = values[0] + ops.sum(np.diff(values) * share)
        return ops.clip(total, float(values.min()), float(values.max()))


class OneCycle(Interpolation):
    """The 1cycle policy: up to a high rate, down again, and at last to almost nothing.

    `form="linear"` is Smith's and Géron's: straight lines from `start_rate` to `max_rate`, as long back, and in the
    `last_steps` down to `last_rate`. `form="cosine"` is fastai's: half a cosine up in a quarter of the steps, another
    one down to `last_rate`. PyTorch's `OneCycleLR` is the second with other defaults.

    Args:
        max_rate: highest rate, the one that would be chosen for constant rates or somewhat more.
        total_steps: steps of the whole training, `epochs * ceil(examples / batch_size)`.
        start_rate: the rate in the first step; by default a tenth of `max_rate`, in the cosine form a 25th.
        last_rate: the rate at the end; by default `start_rate / 1e3`, in the cosine form `max_rate / 1e5`.
        warmup_steps: steps up; by default half of those before the last ones, in the cosine form a quarter of all.
        last_steps: steps from `start_rate` to `last_rate`, by default a tenth of all and one; none in the cosine form.
        form: `"linear"` or `"cosine"`.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: Smith, "A disciplined approach to neural network hyper-parameters", 2018; Géron, "Hands-On Machine
    Learning", ch. 11; Howard and Gugger, "fastai", 2020.

    Example:
        >>> cycle = gm.optimizers.schedules.OneCycle(max_rate=0.5, total_steps=1000)
        >>> optimizer = gm.optimizers.SGD(cycle, momentum=cycle.momentum())
    """

    def __init__(
        self,
        max_rate: float,
        total_steps: int,
        start_rate: float | None = None,
        last_rate: float | None = None,
        warmup_steps: int | None = None,
        last_steps: int | None = None,
        form: str = "linear",
        name: str | None = "OneCycle",
    ) -> None:
        self._check(positive=True, max_rate=max_rate)
        _check_steps("OneCycle", least=4, total_steps=total_steps)
        straight = form != "cosine"
        self.max_rate, self.total_steps = max_rate, int(total_steps)
        self.start_rate = max_rate / (10 if straight else 25) if start_rate is None else start_rate
        self.last_rate = (self.start_rate / 1e3 if straight else max_rate / 1e5) if last_rate is None else last_rate
        self.warmup_steps, self.last_steps = warmup_steps, last_steps
        rates = [self.start_rate, max_rate, *([self.start_rate] if straight else []), self.last_rate]
        super().__init__(self._corners(straight), rates, form, name)

    def _corners(self, straight: bool) -> list[int]:
        """The steps at which the rate turns."""
        total, up, last = self.total_steps, self.warmup_steps, self.last_steps
        given = {"warmup_steps": up, "last_steps": last}
        _check_steps("OneCycle", **{name: count for name, count in given.items() if count is not None})
        if straight:
            last = last or total // 10 + 1
            half = (total - last) // 2
            corners = [0, half, 2 * half, total] if up is None else [0, up, total - last, total]
        elif last is None:
            corners = [0, up or max(total // 4, 1), total]
        else:
            raise ValueError(f"OneCycle: the cosine form has no last_steps: leave it out.{received(last_steps=last)}")
        if any(one >= two for one, two in zip(corners, corners[1:])):
            raise ValueError(
                "OneCycle: total_steps must leave room for the way up, the way down and the last steps."
                f"{received(total_steps=total, **given)}"
            )
        return corners

    def momentum(self, max_momentum: float = 0.95, min_momentum: float = 0.85) -> Interpolation:
        """The schedule of the momentum, which is low while the rate is high.

        Args:
            max_momentum: at the beginning and at the end.
            min_momentum: when the rate is highest.

        Raises:
            ValueError: for numbers that make no sense.
        """
        values = [max_momentum, min_momentum, *[max_momentum] * (len(self.steps) - 2)]
        return Interpolation(self.steps, values, self.form, "OneCycleMomentum")


def _check_steps(owner: str, least: int = 1, **counts: Any) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < least:
            raise ValueError(f"{owner}: {name} must be an integer from {least} on.{received(**{name: count})}")
