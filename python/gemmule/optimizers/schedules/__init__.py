"""Schedules: hyper-parameters that follow the number of steps."""

from __future__ import annotations

from typing import Any

from gemmule.leftovers import missing
from gemmule.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from gemmule.optimizers.schedules.cycle import Interpolation, LinearWarmup, OneCycle
from gemmule.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    PowerDecay,
    StepDecay,
)
from gemmule.optimizers.schedules.schedule import LearningRateSchedule, deserialize, get, serialize

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "Interpolation", "InverseTimeDecay",
    "LearningRateSchedule", "LinearWarmup", "OneCycle", "PiecewiseConstantDecay", "PolynomialDecay", "PowerDecay",
    "StepDecay", "deserialize", "get", "serialize",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
