"""What `Diagnostics` measures of one layer, from evenly spaced elements where arrays are large."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

BINS = 20
_WINDOW = 3  # looks a unit has to be silent in to count as dead
_FLAT = 0.05  # share of the largest slope from which down an activation counts as saturated
_RECTIFIERS = ("relu", "relu6", "ReLU")
_SATURATING = {  # the middle, and the largest distance from it at which the slope is still at least that share
    "sigmoid": (0.5, math.sqrt(1 - _FLAT) / 2),  # y' = y (1 - y)
    "tanh": (0.0, math.sqrt(1 - _FLAT)),  # y' = 1 - y²
    "softsign": (0.0, 1 - math.sqrt(_FLAT)),  # y' = (1 - |y|)²
    "hard_sigmoid": (0.5, 0.5 - 1e-6),
    "hard_tanh": (0.0, 1 - 1e-6),
}


class Histogram(NamedTuple):
    """Counts of values in 20 bins of equal width.

    Attributes:
        counts: how many values are in each bin.
        low: left edge of the first bin.
        high: right edge of the last bin.
    """

    counts: np.ndarray
    low: float
    high: float


class Numbers(NamedTuple):
    """Mean, standard deviation and, of finite values, a histogram."""

    mean: float
    std: float
    histogram: Histogram | None


def stride_for(array: np.ndarray, most: int) -> int:
    """The distance of at most so many evenly spaced elements; never one that leaves out columns."""
    stride = max(-(-array.size // most), 1)
    while stride > 1 and math.gcd(stride, array.shape[-1]) > 1:
        stride += 1
    return stride


def measure(samples: Sequence[np.ndarray]) -> list[Numbers]:
    """Numbers of each sample, of all at once: calls cost more than elements here."""
    if not samples:
        return []
    sizes = np.array([sample.size for sample in samples])
    starts = np.concatenate([[0], np.cumsum(sizes[:-1])])
    flat = np.concatenate(samples, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        means = np.add.reduceat(flat, starts) / sizes
        stds = np.sqrt(np.maximum(np.add.reduceat(flat * flat, starts) / sizes - means * means, 0.0))
    lows, highs = np.minimum.reduceat(flat, starts), np.maximum.reduceat(flat, starts)
    finite = np.isfinite(lows) & np.isfinite(highs)
    if not finite.all():
        flat = np.where(np.repeat(finite, sizes), flat, 0.0)
        lows, highs = np.where(finite, lows, 0.0), np.where(finite, highs, 0.0)
    single = lows == highs
    lows, highs = lows - 0.5 * single, highs + 0.5 * single
    places = ((flat - np.repeat(lows, sizes)) * np.repeat(BINS / (highs - lows), sizes)).astype(np.int64)
    places = np.minimum(places, BINS - 1) + np.repeat(np.arange(len(samples)) * BINS, sizes)
    counts = np.bincount(places, minlength=BINS * len(samples)).reshape(-1, BINS)
    histograms = [Histogram(c, float(a), float(b)) if f else None for c, a, b, f in zip(counts, lows, highs, finite)]
    return [Numbers(float(mean), float(std), histogram) for mean, std, histogram in zip(means, stds, histograms)]


def activation_kind(layer: Any) -> str:
    """What bounds the layer's output: `"relu"`, a name such as `"tanh"`, or `""` for all else."""
    name = getattr(getattr(layer, "activation", None), "__name__", "") or type(layer).__name__
    if name in _RECTIFIERS:
        return "relu" if not getattr(layer, "negative_slope", 0.0) else ""
    return name if name in _SATURATING else ""


class Watched:
    """One layer under observation.

    Args:
        name: what to call it.
        layer: the layer.
        parameters: its trained weights: pairs of their values, and where their gradients are found.

    Attributes:
        fired: which units were active, in the last looks.
        is_output: whether it is an output of the model.
    """

    def __init__(self, name: str, layer: Any, parameters: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.name, self.kind = name, activation_kind(layer)
        self.parameters = parameters
        self.is_output = False
        self.fired: deque[np.ndarray] = deque(maxlen=_WINDOW)

    def see_units(self, highest: np.ndarray) -> None:
        """Notes which units behind relu are active, by the highest value of each."""
        if self.fired and len(self.fired[0]) != len(highest):
            self.fired.clear()
        self.fired.append(highest > 0)

    def shares(self, outputs: np.ndarray) -> dict[str, float]:
        """The shares of dead units and saturated outputs, as far as they make sense."""
        if self.kind == "relu":
            return {"dead": 1.0 - float(np.logical_or.reduce(self.fired).mean())}
        if self.kind:
            middle, most = _SATURATING[self.kind]
            return {"saturated": float((np.abs(outputs - middle) > most).mean())}
        return {}

    def largest_gradient(self) -> np.ndarray:
        """Where the gradient of the largest weight is found."""
        return max((gradient for _, gradient in self.parameters), key=lambda gradient: gradient.size)


def update_ratios(
    before: Sequence[np.ndarray], after: Sequence[np.ndarray], shares: np.ndarray, owners: np.ndarray, layers: int
) -> np.ndarray:
    """‖Δw‖ / ‖w‖ over all trained weights of each layer; NaN for layers without.

    Args:
        before: samples of the weights before the step.
        after: the same behind it.
        shares: how many elements an element of each sample stands for.
        owners: the layer of each sample.
        layers: number of layers.
    """
    if not before:
        return np.full(layers, np.nan)
    starts = np.concatenate([[0], np.cumsum([sample.size for sample in before[:-1]])])
    old = np.concatenate(before, dtype=np.float64)
    delta = np.concatenate(after, dtype=np.float64) - old
    with np.errstate(all="ignore"):
        size, moved = (
            np.bincount(owners, np.add.reduceat(values * values, starts) * shares, layers) for values in (old, delta)
        )
        ratios = np.sqrt(moved / size)
    ratios[(size == 0) & (moved == 0)] = 0.0
    ratios[np.bincount(owners, minlength=layers) == 0] = np.nan
    return ratios
