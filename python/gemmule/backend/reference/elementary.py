"""Functions of the C library, element by element: the reference of `csrc/kernels/elementary.cpp`."""

from __future__ import annotations

import math

import numpy as np

_NUMPY_NAMES = {
    **{"a" + name: "arc" + name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "atan2": "arctan2",
}


def elementary(out: np.ndarray, x: np.ndarray, *, function: str) -> None:
    """out = function(x), under C's names."""
    if function == "erf":  # NumPy has none, the standard library has
        out[...] = np.array([math.erf(value) for value in x.ravel()], x.dtype).reshape(x.shape)
    else:
        out[...] = getattr(np, _NUMPY_NAMES.get(function, function))(x)


def elementary_of_two(out: np.ndarray, a: np.ndarray, b: np.ndarray, *, function: str) -> None:
    """out = function(a, b), under C's names."""
    out[...] = getattr(np, _NUMPY_NAMES.get(function, function))(a, b)
