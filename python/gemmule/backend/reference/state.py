"""Writes to what outlives a step: metric sums, counters, the flag of the first non-finite array."""

from __future__ import annotations

import numpy as np


def accumulate(state: np.ndarray, values: np.ndarray, weights: np.ndarray | None) -> None:
    """`state += (Σ w·v, Σ w)` in float64; without weights every w is 1.

    Args:
        state: float64 (2,), updated in place.
        values: (N,).
        weights: (N,) or `None`.
    """
    w = np.ones(values.shape) if weights is None else weights.astype(np.float64)
    for weight, value in zip(w.ravel(), values.ravel(), strict=True):
        state[0] += weight * np.float64(value)
        state[1] += weight


def advance(counter: np.ndarray, gate: np.ndarray | None = None, *, by: int) -> None:
    """Adds `by` to the last element of `counter` (int64 or uint64, in place), unless `gate` (int32 (1,)) is 0."""
    if gate is not None and gate[0] == 0:
        return
    counter[-1:] += np.array([by]).astype(counter.dtype)


def check_finite(flag: np.ndarray, x: np.ndarray, code: int) -> None:
    """Sets `flag` (int32 (1,)) to `code` if `x` holds NaN or infinity and no earlier check has failed."""
    if flag[0] == 0 and not np.isfinite(x).all():
        flag[0] = code
