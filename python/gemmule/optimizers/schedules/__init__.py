"""Schedules: hyper-parameters that follow the number of steps."""

from __future__ import annotations

from gemmule.optimizers.schedules.schedule import LearningRateSchedule

__all__ = ["LearningRateSchedule"]
