"""Sparse models: tiny weights set to zero, and how many zeros there are."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gemmule.errors import received
from gemmule.layers.structure import unique

if TYPE_CHECKING:
    from gemmule.layers.layer import Layer
    from gemmule.tensor import Variable


class Zeros(NamedTuple):
    """The zeros of one variable: its path, its shape, how many there are, and of how many numbers."""

    path: str
    shape: tuple[int, ...]
    zeros: int
    size: int

    @property
    def fraction(self) -> float:
        """Zeros among all numbers, from 0 to 1."""
        return self.zeros / self.size if self.size else 0.0


class Sparsity:
    """The zeros of a model, as `sparsity` counts them; printed as a table.

    Args:
        variables: those of each variable.

    Attributes:
        variables: likewise.
        total: those of all together.
        fraction: zeros among all numbers, from 0 to 1.
    """

    def __init__(self, variables: list[Zeros]) -> None:
        self.variables = variables
        self.total = Zeros("all", (), sum(one.zeros for one in variables), sum(one.size for one in variables))
        self.fraction = self.total.fraction

    def _lines(self) -> Iterator[str]:
        rows = [*self.variables, self.total]
        paths, shapes = max(len(one.path) for one in rows), max(len(str(one.shape)) for one in rows)
        sizes = len(f"{self.total.size:,}")
        for one in rows:
            shape = str(one.shape) if one is not self.total else ""
            yield (
                f"{one.path:<{paths}}  {shape:<{shapes}}  {one.zeros:>{sizes},} of {one.size:>{sizes},} are zero"
                f"  {100 * one.fraction:5.1f} %"
            )

    def __repr__(self) -> str:
        return "\n".join(self._lines())


def sparsity(model: Layer) -> Sparsity:
    """Counts the zeros among the weights that can be trained, frozen ones included.

    Args:
        model: a model or a layer.

    Returns:
        A `Sparsity`: its `fraction`, and `variables` with path, shape, zeros, size and fraction of each.

    Raises:
        ValueError: if there are no weights yet.

    Example:
        >>> gm.utils.sparsity(model).fraction
        0.83
    """
    found = [Zeros(v.path, v.shape, v.size - int(np.count_nonzero(v.array)), v.size) for v in _weights(model)]
    return Sparsity(found)


def sparsify(model: Layer, threshold: float = 1e-3) -> Sparsity:
    """Sets tiny weights to zero, to be called after a training with `l1`. Further training moves them again.

    Args:
        model: a model or a layer.
        threshold: weights whose absolute value is smaller become 0; moving statistics stay as they are.

    Returns:
        What `sparsity` says afterwards.

    Raises:
        ValueError: for a negative threshold, or if there are no weights yet.

    Example:
        >>> gm.utils.sparsify(model)
        dense/kernel  (784, 100)  70,120 of 78,400 are zero   89.4 %
        dense/bias    (100,)           0 of    100 are zero    0.0 %
        all                       70,120 of 78,500 are zero   89.3 %

    Source: Géron, "Hands-On Machine Learning", ch. 11; Han et al., "Learning both Weights and Connections", 2015.
    """
    number = isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool)
    if not number or not 0 <= threshold < inf:
        raise ValueError(f"sparsify: threshold must be a finite number from 0 on.{received(threshold=threshold)}")
    for variable in _weights(model):
        values = variable.numpy()
        variable.assign(np.where(np.abs(values) < threshold, 0, values))
    return sparsity(model)


def _weights(model: Any) -> list[Variable]:
    """The floating weights that are trained, or would be if nothing was frozen."""
    found = []
    for layer in model._flatten_layers():
        frozen = {id(variable) for variable in layer._frozen}
        found += [v for _, v in layer._own_variables() if v.dtype.kind == "f" and (v.trainable or id(v) in frozen)]
    if not found:
        raise ValueError(f'"{model.name}" has no weights yet. Build it, or call it on data, first.')
    return unique(found)
