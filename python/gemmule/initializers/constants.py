"""Weights that begin with one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.config import standardize_dtype
from gemmule.errors import received
from gemmule.initializers.initializer import Initializer
from gemmule.tensor import Tensor


class Constant(Initializer):
    """All weights have one value, or those of an array; an array alone does as an initializer, too.

    Args:
        value: the number, or an array of the shape of the weights or one that NumPy broadcasts to it.

    Raises:
        ValueError: when it is called, if the array does not fit.

    Example:
        >>> gm.initializers.Constant(3.0)((2,)).numpy()
        array([3., 3.], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = np.array(value) if isinstance(value, (Tensor, np.ndarray, list, tuple)) else value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        weights = np.empty(tuple(shape), standardize_dtype(dtype))
        try:
            weights[...] = self.value
        except ValueError:
            found = received(**{"value.shape": np.shape(self.value), "shape": tuple(shape)})
            raise ValueError(f"Constant: the array does not have the shape of the weights.{found}") from None
        return Tensor(weights)

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
