"""Running sums and products: the reference of `csrc/kernels/cumulative.cpp`."""

from __future__ import annotations

import numpy as np


def cumulative(out: np.ndarray, x: np.ndarray, *, axis: int, reverse: bool, product: bool) -> None:
    """out[i] = x[0] op ... op x[i] along the axis; `reverse` starts at the other end."""
    x = np.flip(x, axis) if reverse else x
    y = (np.cumprod if product else np.cumsum)(x, axis=axis, dtype=x.dtype)
    out[...] = np.flip(y, axis) if reverse else y
