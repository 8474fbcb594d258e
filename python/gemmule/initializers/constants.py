"""Weights that begin with one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.config import standardize_dtype
from gemmule.initializers.initializer import Initializer
from gemmule.tensor import Tensor


class Constant(Initializer):
    """All weights have one value.

    Args:
        value: the number.

    Example:
        >>> gm.initializers.Constant(3.0)((2,)).numpy()
        array([3., 3.], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return Tensor(np.full(tuple(shape), self.value, standardize_dtype(dtype)))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Zeros(Initializer):
    """All weights are 0; usual for biases.

    Example:
        >>> gm.initializers.Zeros()((2,)).numpy()
        array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return Tensor(np.zeros(tuple(shape), standardize_dtype(dtype)))


class Ones(Initializer):
    """All weights are 1.

    Example:
        >>> gm.initializers.Ones()((2,)).numpy()
        array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return Tensor(np.ones(tuple(shape), standardize_dtype(dtype)))
