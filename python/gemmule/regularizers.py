"""Regularizers: what large weights, or large outputs of layers, add to the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.catalog import Catalog
from gemmule.config import epsilon
from gemmule.errors import received
from gemmule.leftovers import missing
from gemmule.mutation import Watched
from gemmule.ops.arrays import compute
from gemmule.ops.shapes import as_tensor
from gemmule.registry import CustomObjectScope
from gemmule.tensor import Tensor

__all__ = [
    "L1", "L2", "L1L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2", "orthogonal",
    "orthogonal_regularizer", "serialize",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)


class Regularizer(Watched):
    """Base class: a function of a weight, or of a layer's outputs, whose value is added to the loss.

    A subclass defines `__call__(x)` with `gm.ops`, and `get_config()` if it has arguments. A plain function will do.

    Example:
        >>> class L3(gm.regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return 0.01 * gm.ops.sum(gm.ops.abs(x) ** 3)
        >>> layer = gm.layers.Dense(10, kernel_regularizer=L3())
    """

    def __call__(self, x: Any) -> Tensor:
        """The penalty, a tensor of one number."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x).")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this regularizer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A regularizer from what `get_config` returned."""
        return cls(**config)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x²)`, also called elastic net.

    PyTorch's `weight_decay=d` adds `d * x` to the gradient, which is `l2=d / 2` here.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares. Both are 0 by default, and 0.01 where `"l1_l2"` is given as a name.

    Raises:
        ValueError: for factors that are negative or not finite.

    Example:
        >>> round(float(gm.regularizers.L1L2(l1=0.1, l2=0.01)([3.0, -4.0])), 3)
        0.95

    Source: Zou and Hastie, "Regularization and variable selection via the elastic net", 2005.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = _factor(self, "l1", l1), _factor(self, "l2", l2)

    def __call__(self, x: Any) -> Tensor:
        x = as_tensor(x)
        sums = ((self.l1, lambda x: ops.sum(ops.abs(x))), (self.l2, _sum_of_squares))
        parts = [ops.multiply(function(x), factor) for factor, function in sums if factor]
        return ops.add(*parts) if len(parts) == 2 else parts[0] if parts else ops.zeros((), dtype=x.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """`l1 * sum(|x|)`: drives weights to exactly 0; see `utils.sparsify`.

    Args:
        l1: the factor.

    Example:
        >>> round(float(gm.regularizers.L1(0.1)([3.0, -4.0])), 3)
        0.7

    Source: Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996.
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """`l2 * sum(x²)`: keeps weights small. With SGD the same as weight decay of `2 * l2`; see `L1L2` for PyTorch's.

    Args:
        l2: the factor.

    Example:
        >>> float(gm.regularizers.L2(0.1)([3.0, -4.0]))
        2.5

    Source: Hoerl and Kennard, "Ridge Regression", 1970.
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Keeps the rows or columns of a matrix at right angles: `factor` times the mean of |cosine| over all pairs.

    Args:
        factor: the factor.
        mode: `"rows"` or `"columns"`. Each unit of a `Dense` layer is a column of its kernel.

    Raises:
        ValueError: for a factor that is negative, another mode, or a weight that is no matrix.

    Example:
        >>> float(gm.regularizers.OrthogonalRegularizer(0.5)([[1.0, 0.0], [0.0, 2.0]]))
        0.0

    Source: Brock et al., "Neural Photo Editing with Introspective Adversarial Networks", 2017; the formula is Keras's.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: mode must be 'rows' or 'columns'.{received(mode=mode)}")
        self.factor, self.mode = _factor(self, "factor", factor), mode

    def __call__(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer takes a matrix, a kernel of Dense for example.{received(x=x)}")
        x = x if self.mode == "rows" else ops.transpose(x)
        count = x.shape[0]
        if count < 2:
            return ops.zeros((), dtype=x.dtype)
        squares = ops.sum(ops.square(x), axis=1, keepdims=True)
        x = ops.divide(x, ops.sqrt(ops.maximum(squares, epsilon() ** 2)))
        apart = ops.convert_to_tensor(1.0 - np.eye(count), dtype=x.dtype)
        cosines = ops.multiply(ops.matmul(x, ops.transpose(x)), apart)
        return ops.multiply(ops.sum(ops.abs(cosines)), self.factor / (count * (count - 1.0)))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def _sum_of_squares(x: Tensor) -> Tensor:
    """`sum(x²)` in one pass forth and one back: what every weight goes through in every step."""
    if x.dtype.kind != "f":
        return ops.sum(ops.square(x))
    array = x.array
    total = compute("sum_squares", array.reshape(-1), shape=(1,), dtype=x.dtype)

    def backward(grad: Gradients) -> None:
        twice = compute("add", grad.d, grad.d, shape=(), dtype=array.dtype)
        execute("multiply", [grad.buffer(0)], [array, twice])

    return record(Tensor(total.reshape(())), (x,), backward, "sum_of_squares")


def _factor(owner: Regularizer, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value < math.inf:
        raise ValueError(
            f"{type(owner).__name__}: {name} must be a finite number that is not negative.{received(**{name: value})}"
        )
    return float(value)


l1, l2, l1_l2 = L1, L2, L1L2
orthogonal = orthogonal_regularizer = OrthogonalRegularizer

_MAKERS: Mapping[str, Any] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": lambda: L1L2(0.01, 0.01),
    "orthogonal": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
    "l1l2": lambda: L1L2(0.01, 0.01),
}
_CATALOG = Catalog("regularizer", Regularizer, (L1, L2, L1L2, OrthogonalRegularizer), _MAKERS)


def get(identifier: Any) -> Any:
    """A regularizer from a name, a class, a configuration, an object, or a function of a tensor; `None` for `None`.

    Names stand for a factor of 0.01.

    Args:
        identifier: `"l2"`, `L2`, `L2(0.1)`, `{"class_name": ..., "config": ...}`, a function or `None`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else.

    Example:
        >>> gm.regularizers.get("l2").get_config()
        {'l2': 0.01}
    """
    return _CATALOG.get(identifier)


def serialize(regularizer: Any) -> Any:
    """The configuration of a regularizer: class name and arguments. A plain function stays as it is."""
    return _CATALOG.serialize(regularizer)


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A regularizer from what `serialize` returned.

    Args:
        config: class name and arguments.
        custom_objects: classes of your own, by name.

    Raises:
        ValueError: if the class is neither gemmule's nor known.
    """
    with CustomObjectScope(custom_objects):
        return _CATALOG.deserialize(config)
