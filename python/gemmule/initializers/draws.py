"""Weights drawn from one distribution, whatever their shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.initializers.initializer import RandomInitializer
from gemmule.random import Stream


class RandomNormal(RandomInitializer):
    """Normal numbers.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed: an integer for the same values at each call.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification", 2012, with a deviation of 0.01.

    Example:
        >>> gm.initializers.RandomNormal(stddev=0.1)((3, 4)).shape
        (3, 4)
    """

    _truncated = False

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        if stddev < 0:
            raise ValueError(f"stddev must not be negative.{received(stddev=stddev)}")
        self.mean, self.stddev = mean, stddev

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        return stream.normal(shape, self.mean, self.stddev, truncated=self._truncated)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal numbers without those further than two standard deviations from the mean.

    Args:
        mean: mean of the whole distribution.
        stddev: standard deviation before the tails are cut; what remains has 0.88 of it.
        seed: an integer for the same values at each call.

    Example:
        >>> bool(abs(gm.initializers.TruncatedNormal(stddev=1.0)((100,)).numpy()).max() <= 2)
        True
    """

    _truncated = True


class RandomUniform(RandomInitializer):
    """Uniform numbers.

    Args:
        minval: the smallest one.
        maxval: the bound they stay below.
        seed: an integer for the same values at each call.

    Example:
        >>> gm.initializers.RandomUniform(0.0, 1.0)((3, 4)).shape
        (3, 4)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        if minval > maxval:
            raise ValueError(f"minval must not exceed maxval.{received(minval=minval, maxval=maxval)}")
        self.minval, self.maxval = minval, maxval

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        return stream.uniform(shape, self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}
