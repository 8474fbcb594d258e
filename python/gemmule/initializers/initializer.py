"""The base classes of initializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.config import standardize_dtype
from gemmule.errors import received
from gemmule.random import Stream
from gemmule.tensor import Tensor


class Initializer:
    """Base class: a function of shape and dtype that gives the first values of a weight.

    Subclasses define `__call__(shape, dtype=None)` and `get_config()`.

    Example:
        >>> class Halves(gm.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return gm.ops.full(shape, 0.5, dtype=dtype)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """The values, as a tensor."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this initializer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """An initializer from what `get_config` returned."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another initializer like this one."""
        return self.from_config(self.get_config())


class RandomInitializer(Initializer):
    """An initializer with a seed: with an integer every call gives the same values, with `None` other ones."""

    def __init__(self, seed: int | None = None) -> None:
        Stream(seed=0 if seed is None else seed)  # raises for what is no seed
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        name = standardize_dtype(dtype)
        if not name.startswith("float"):
            raise ValueError(f"{type(self).__name__} gives floating numbers.{received(dtype=dtype)}")
        return Tensor(self._draw(Stream(self.seed), tuple(shape)).astype(name, copy=False))

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError
