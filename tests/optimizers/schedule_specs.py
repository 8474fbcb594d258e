"""THE table of schedules: one row drives the comparison with the formula in float64, with Keras, and replay."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEPS = 130  # somewhat more than most schedules last


@dataclass(frozen=True)
class Row:
    """One schedule with one set of arguments.

    Attributes:
        schedule: name in `gm.optimizers.schedules`.
        kwargs: its arguments.
        formula: `step -> value`.
        keras: whether Keras has it.
    """

    schedule: str
    kwargs: dict[str, Any]
    formula: Callable[[int], float]
    keras: bool = True

    @property
    def id(self) -> str:
        """A name for the test."""
        return f"{self.schedule}({','.join(f'{name}={value}' for name, value in self.kwargs.items())})"


def cosine(rate: float, step: float, steps: float, alpha: float = 0.0) -> float:
    return rate * ((1 - alpha) * 0.5 * (1 + math.cos(math.pi * min(step, steps) / steps)) + alpha)


def restarts(rate: float, step: int, first: int, t_mul: float, m_mul: float, alpha: float) -> float:
    start, length, height = 0, first, 1.0
    while step >= start + length:
        start, length, height = start + length, length * t_mul, height * m_mul
    return rate * ((1 - alpha) * height * 0.5 * (1 + math.cos(math.pi * (step - start) / length)) + alpha)


def polynomial(step: int, cycle: bool, power: float) -> float:
    steps = 40
    if cycle:
        steps *= max(1, math.ceil(step / steps))
    return (0.1 - 0.01) * (1 - min(step, steps) / steps) ** power + 0.01


def geron(step: int, iterations: int, max_lr: float) -> float:
    """The callback of "Hands-On Machine Learning", with its defaults."""
    start, last_iterations = max_lr / 10, iterations // 10 + 1
    half, last = (iterations - last_iterations) // 2, start / 1000
    step = min(step, iterations)
    if step < half:
        return start + (max_lr - start) * step / half
    if step < 2 * half:
        return max_lr + (start - max_lr) * (step - half) / half
    return start + (last - start) * (step - 2 * half) / (iterations - 2 * half)


def fastai(step: int, steps: int, high: float) -> float:
    up = steps // 4
    if step < up:
        return high / 25 + (high - high / 25) * 0.5 * (1 - math.cos(math.pi * step / up))
    return high / 1e5 + (high - high / 1e5) * 0.5 * (1 + math.cos(math.pi * (min(step, steps) - up) / (steps - up)))


RATE = {"initial_learning_rate": 0.1}
ROWS = [
    Row("ExponentialDecay", {**RATE, "decay_steps": 30, "decay_rate": 0.5}, lambda t: 0.1 * 0.5 ** (t / 30)),
    Row("ExponentialDecay", {**RATE, "decay_steps": 30, "decay_rate": 0.5, "staircase": True},
        lambda t: 0.1 * 0.5 ** (t // 30)),
    Row("InverseTimeDecay", {**RATE, "decay_steps": 20, "decay_rate": 0.5}, lambda t: 0.1 / (1 + 0.5 * t / 20)),
    Row("InverseTimeDecay", {**RATE, "decay_steps": 20, "decay_rate": 0.5, "staircase": True},
        lambda t: 0.1 / (1 + 0.5 * (t // 20))),
    Row("PiecewiseConstantDecay", {"boundaries": [10, 60], "values": [0.1, 0.05, 0.01]},
        lambda t: 0.1 if t <= 10 else 0.05 if t <= 60 else 0.01),
    Row("PolynomialDecay", {**RATE, "decay_steps": 40, "end_learning_rate": 0.01, "power": 2.0},
        lambda t: polynomial(t, False, 2.0)),
    Row("PolynomialDecay", {**RATE, "decay_steps": 40, "end_learning_rate": 0.01, "power": 0.5, "cycle": True},
        lambda t: polynomial(t, True, 0.5)),
    Row("CosineDecay", {**RATE, "decay_steps": 100}, lambda t: cosine(0.1, t, 100)),
    Row("CosineDecay", {**RATE, "decay_steps": 90, "alpha": 0.1}, lambda t: cosine(0.1, t, 90, 0.1)),
    Row("CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 90, "alpha": 0.1, "warmup_target": 0.3, "warmup_steps": 20},
        lambda t: 0.01 + 0.29 * t / 20 if t < 20 else cosine(0.3, t - 20, 90, 0.1)),
    Row("CosineDecayRestarts", {**RATE, "first_decay_steps": 9, "t_mul": 3.0, "m_mul": 0.5, "alpha": 0.05},
        lambda t: restarts(0.1, t, 9, 3.0, 0.5, 0.05)),
    Row("CosineDecayRestarts", {**RATE, "first_decay_steps": 8}, lambda t: restarts(0.1, t, 8, 2.0, 1.0, 0.0)),
    Row("CosineDecayRestarts", {**RATE, "first_decay_steps": 16, "t_mul": 1.0, "m_mul": 0.9},
        lambda t: restarts(0.1, t, 16, 1.0, 0.9, 0.0)),
    Row("StepDecay", {**RATE, "decay_steps": 25, "decay_rate": 0.1}, lambda t: 0.1 * 0.1 ** (t // 25), keras=False),
    Row("PowerDecay", {**RATE, "decay_steps": 10, "power": 1.5}, lambda t: 0.1 / (1 + t / 10) ** 1.5, keras=False),
    Row("LinearWarmup", {"schedule": 0.2, "warmup_steps": 30, "initial_learning_rate": 0.05},
        lambda t: 0.05 + 0.15 * min(t, 30) / 30, keras=False),
    Row("Interpolation", {"steps": [0, 10, 40], "values": [0.0, 1.0, 0.5]},
        lambda t: t / 10 if t < 10 else 1 - 0.5 * (min(t, 40) - 10) / 30, keras=False),
    Row("OneCycle", {"max_rate": 0.5, "total_steps": 103}, lambda t: geron(t, 103, 0.5), keras=False),
    Row("OneCycle", {"max_rate": 0.5, "total_steps": 110, "form": "cosine"},
        lambda t: fastai(t, 110, 0.5), keras=False),
]  # fmt: skip

PLATEAUS: dict[str, dict[str, Any]] = {
    "plateau": {"patience": 3},
    "plateau with a cooldown": {"patience": 2, "factor": 0.5, "cooldown": 4, "min_delta": 0.05},
    "plateau down to a least rate": {"patience": 1, "factor": 0.7, "min_lr": 0.05},
    "plateau of what should grow": {"monitor": "val_accuracy", "patience": 2, "factor": 0.5, "mode": "max"},
}


def plateau_values() -> list[float]:
    """A validation loss that falls, stays, falls a little, and wanders."""
    wander = random.Random(3)
    return [1.0, 0.8, 0.7, 0.7, 0.71, 0.69, 0.68, *[wander.uniform(0.6, 0.75) for _ in range(40)]]
