"""Constraints: what weights must satisfy after each update."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.catalog import Catalog
from gemmule.config import epsilon
from gemmule.errors import received
from gemmule.leftovers import missing
from gemmule.mutation import Watched
from gemmule.naming import snake_case
from gemmule.ops.shapes import as_tensor
from gemmule.registry import CustomObjectScope
from gemmule.scope import where
from gemmule.tensor import Tensor

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm", "min_max_norm",
    "non_neg", "serialize", "unit_norm",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)


class Constraint(Watched):
    """Base class of constraints. A subclass defines `__call__(w)` with `gm.ops`; a plain function will do, too.

    Example:
        >>> class Bounded(gm.constraints.Constraint):
        ...     def __call__(self, w):
        ...         return gm.ops.clip(w, -1.0, 1.0)
        >>> layer = gm.layers.Dense(10, kernel_constraint=Bounded())
    """

    def __call__(self, w: Any) -> Any:
        """The weights that satisfy the constraint and are close to `w`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, w).")

    def get_config(self) -> dict[str, Any]:
        """What the constraint can be made from again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A constraint from its `get_config`."""
        return cls(**config)


class NonNeg(Constraint):
    """Weights from 0 on. Optimizers do it in the same pass as the update.

    Source: Chorowski and Zurada, 2015, "Learning Understandable Neural Networks With Nonnegative Weight Constraints".

    Example:
        >>> gm.constraints.NonNeg()([-1.0, 2.0]).numpy()
        array([0., 2.], dtype=float32)
    """

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, 0.0)


class _Norm(Constraint):
    """`w * wanted(norm) / (1e-7 + norm)`, with the Euclidean norm along `axis`.

    Args:
        axis: one axis or several: 0 for the inputs of each unit of a `Dense` layer, `[0, 1, 2]` for each filter of a
            `Conv2D`.
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis: int | list[int] = axis if isinstance(axis, int) else list(axis)
        for one in [self.axis] if isinstance(self.axis, int) else self.axis:
            if isinstance(one, bool) or not isinstance(one, int):
                raise ValueError(f"{type(self).__name__}: axis must be an integer, or several.{received(axis=axis)}")

    def __call__(self, w: Any) -> Tensor:
        w = as_tensor(w)
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        if not all(-w.ndim <= axis < w.ndim for axis in axes):
            raise ValueError(
                f"{where(snake_case(type(self).__name__))}: axis must name dimensions of the weight."
                f"{received(axis=self.axis, w=w)}"
            )
        norms = ops.sqrt(ops.sum(ops.square(w), axis=self.axis, keepdims=True))
        return ops.multiply(w, ops.divide(self._wanted(norms), ops.add(norms, epsilon())))

    def _wanted(self, norms: Tensor) -> Any:
        """The norms there should be."""
        raise NotImplementedError

    def _bound(self, name: str, value: Any, most: float = math.inf) -> float:
        number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not number or not 0 <= value <= most or value == math.inf:
            limit = "that is not negative" if most == math.inf else f"from 0 to {most:g}"
            raise ValueError(f"{type(self).__name__}: {name} must be a number {limit}.{received(**{name: value})}")
        return value

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class UnitNorm(_Norm):
    """The weights of each unit have the norm 1.

    Args:
        axis: one axis or several that norms are along: 0 for the inputs of each unit of a `Dense` layer, `[0, 1, 2]`
            for each filter of a `Conv2D`.

    Example:
        >>> gm.constraints.UnitNorm()([[3.0], [4.0]]).numpy()
        array([[0.6],
               [0.8]], dtype=float32)
    """

    def _wanted(self, norms: Tensor) -> Any:
        return 1.0


class MaxNorm(_Norm):
    """The weights of each unit have at most a certain norm: longer vectors are scaled down after each update.

    Args:
        max_value: the largest norm.
        axis: see `UnitNorm`.

    Raises:
        ValueError: for a negative bound.

    Example:
        >>> gm.constraints.MaxNorm(1.0)([[3.0, 0.3], [4.0, 0.4]]).numpy()
        array([[0.6, 0.3],
               [0.8, 0.4]], dtype=float32)

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(axis)
        self.max_value = self._bound("max_value", max_value)

    def _wanted(self, norms: Tensor) -> Any:
        return ops.minimum(norms, self.max_value)

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class MinMaxNorm(_Norm):
    """The norm of the weights of each unit lies between two bounds, or moves there.

    After an update the norm n becomes `(1 - rate) * n + rate * clip(n, min_value, max_value)`.

    Args:
        min_value: the smallest norm.
        max_value: the largest one.
        rate: 1 enforces the bounds at once; less moves towards them step by step.
        axis: see `UnitNorm`.

    Raises:
        ValueError: for negative bounds, or bounds in the wrong order.

    Example:
        >>> gm.constraints.MinMaxNorm(0.0, 1.0, rate=0.5)([[3.0], [4.0]]).numpy()
        array([[1.8],
               [2.4]], dtype=float32)
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        super().__init__(axis)
        self.min_value, self.max_value = self._bound("min_value", min_value), self._bound("max_value", max_value)
        self.rate = self._bound("rate", rate, 1.0)
        if min_value > max_value:
            raise ValueError(
                "MinMaxNorm: min_value must not be larger than max_value."
                f"{received(min_value=min_value, max_value=max_value)}"
            )

    def _wanted(self, norms: Tensor) -> Any:
        inside = ops.clip(norms, self.min_value, self.max_value)
        return ops.add(ops.multiply(inside, self.rate), ops.multiply(norms, 1.0 - self.rate))

    def get_config(self) -> dict[str, Any]:
        bounds = {"min_value": self.min_value, "max_value": self.max_value}
        return {**bounds, "rate": self.rate, "axis": self.axis}


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_CLASSES = (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
_CATALOG = Catalog("constraint", Constraint, _CLASSES, {snake_case(cls.__name__): cls for cls in _CLASSES})


def get(identifier: Any) -> Any:
    """A constraint from a name, a class, a configuration, an object, or a function of a weight; `None` for `None`.

    Args:
        identifier: `"max_norm"`, `MaxNorm`, `MaxNorm(1.0)`, `{"class_name": ..., "config": ...}`, a function or `None`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else.

    Example:
        >>> gm.constraints.get("max_norm").get_config()
        {'max_value': 2, 'axis': 0}
    """
    return _CATALOG.get(identifier)


def serialize(constraint: Any) -> Any:
    """The configuration of a constraint: class name and arguments. A plain function stays as it is."""
    return _CATALOG.serialize(constraint)


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A constraint from what `serialize` returned.

    Args:
        config: class name and arguments.
        custom_objects: classes of your own, by name.

    Raises:
        ValueError: if the class is neither gemmule's nor known.
    """
    with CustomObjectScope(custom_objects):
        return _CATALOG.deserialize(config)
