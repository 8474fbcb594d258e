"""The order of elements along the last axis: the reference of `csrc/kernels/sort.cpp`."""

from __future__ import annotations

import numpy as np


def argsort(order: np.ndarray, x: np.ndarray, *, descending: bool) -> None:
    """Where the smallest element stands, the next, ...: equals as they stand, NaN counting as the greatest."""
    if descending:  # the same from behind, so that equals keep their order
        order[...] = x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    else:
        order[...] = np.argsort(x, axis=-1, kind="stable")
