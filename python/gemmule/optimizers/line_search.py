"""Line search for the strong Wolfe conditions: Nocedal and Wright, "Numerical Optimization", 2006, ch. 3.5."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Trial(NamedTuple):
    """A point on the line.

    Attributes:
        step: how far along the direction.
        loss: the function's value there.
        slope: its derivative along the direction.
        point: the parameters.
        gradient: of the function.
    """

    step: float
    loss: float
    slope: float
    point: np.ndarray
    gradient: np.ndarray


class WolfeSearch:
    """Algorithms 3.5 and 3.6: a step where the loss fell enough and the slope is flat enough.

    Args:
        probe: gives the `Trial` of a step. A loss or slope that is not finite is a step too far.
        start: the trial of step 0.
        c1: share of the fall that the slope at the start promises which has to be reached.
        c2: share of that slope which may be left.
        slack: how much of a difference of two losses can be rounding.
        most: number of trials.
    """

    def __init__(
        self, probe: Callable[[float], Trial], start: Trial, c1: float, c2: float, slack: float, most: int
    ) -> None:
        self._probe, self._start, self._left = probe, start, most
        self._c1, self._flat, self._slack = c1, -c2 * start.slope, slack

    def run(self, first: float) -> Trial | None:
        """Searches, beginning with the step `first`.

        Returns:
            The trial that was found; else the lowest one, or `None` if none was lower than the start.
        """
        before, step = self._start, first
        while self._left > 0:
            trial = self._try(step)
            if self._is_high(trial, before):
                return self._zoom(before, trial)
            if abs(trial.slope) <= self._flat:
                return trial
            if trial.slope >= 0:
                return self._zoom(trial, before)
            length = trial.step - before.step
            guess = cubic_minimum(before, trial)
            low, high = trial.step + 1.1 * length, trial.step + 4.0 * length
            before, step = trial, min(max(guess, low), high) if math.isfinite(guess) else high
        return None if before is self._start else before

    def _zoom(self, low: Trial, high: Trial) -> Trial | None:
        """Between `low`, the best trial so far, and `high` there is a step to be found."""
        widths = [math.inf, math.inf]
        while self._left > 0:
            widths = [widths[1], abs(high.step - low.step)]
            step = _between(low, high, slow=widths[1] > 0.66 * widths[0])
            if step in (low.step, high.step):
                break
            trial = self._try(step)
            if self._is_high(trial, low):
                high = trial
                continue
            if abs(trial.slope) <= self._flat:
                return trial
            if trial.slope * (high.step - low.step) >= 0:
                high = low
            low = trial
        return None if low is self._start else low

    def _try(self, step: float) -> Trial:
        self._left -= 1
        return self._probe(step)

    def _is_high(self, trial: Trial, lowest: Trial) -> bool:
        limit = self._start.loss + self._c1 * trial.step * self._start.slope + self._slack
        higher = lowest is not self._start and trial.loss >= lowest.loss + self._slack
        return not _is_finite(trial) or trial.loss > limit or higher


def cubic_minimum(one: Trial, two: Trial) -> float:
    """Where the cubic through two trials and their slopes is lowest (equation 3.59); not finite if nowhere."""
    with np.errstate(all="ignore"):
        length = np.float64(two.step - one.step)
        d1 = one.slope + two.slope - 3 * (two.loss - one.loss) / length
        d2 = np.copysign(np.sqrt(d1 * d1 - one.slope * two.slope), length)
        return float(two.step - length * (two.slope + d2 - d1) / (two.slope - one.slope + 2 * d2))


def _between(low: Trial, high: Trial, slow: bool) -> float:
    """A step inside of the interval: the cubic's minimum, or the middle if cubics make it smaller too slowly."""
    length = high.step - low.step
    if not _is_finite(high):
        return low.step + 0.25 * length
    share = (cubic_minimum(low, high) - low.step) / length if length else 0.5
    inside = math.isfinite(share) and not slow
    return low.step + (min(max(share, 0.01), 0.99) if inside else 0.5) * length


def _is_finite(trial: Trial) -> bool:
    return math.isfinite(trial.loss) and math.isfinite(trial.slope)
