"""Layers that put tensors side by side, or multiply them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.merging import _Merge
from gemmule.layers.structure import Shape
from gemmule.scope import where
from gemmule.tensor import Tensor

_SMALLEST_NORM = 1e-12  # of a squared vector that is normalised: zeros stay zeros


class Concatenate(_Merge):
    """Tensors joined along an axis.

    Args:
        axis: the axis, the last one by default; 0 is the batch.
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of tensors whose shapes differ along the axis only.

    Output shape:
        That of the inputs, with the sum of their lengths along the axis.

    Raises:
        ValueError: if the shapes differ elsewhere, or the axis does not exist.

    Example:
        >>> gm.layers.Concatenate()([np.ones((2, 3)), np.ones((2, 4))]).shape
        (2, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise ValueError(f"{self._where()}: axis must be an integer.{received(axis=axis)}")
        self.axis = int(axis)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        self.compute_output_shape([t.shape for t in inputs] if isinstance(inputs, (list, tuple)) else inputs)
        return ops.concatenate(list(inputs), axis=self.axis) if len(inputs) > 1 else inputs[0]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self._check_list(input_shape)
        first = tuple(input_shape[0])
        rank = len(first)
        if not -rank <= self.axis < rank or any(len(shape) != rank for shape in input_shape):
            raise self._misfit(input_shape)
        axis = self.axis % rank
        rest = [(*shape[:axis], *shape[axis + 1 :]) for shape in input_shape]
        try:
            common = [_equal(dims) for dims in zip(*rest)]
        except ValueError:
            raise self._misfit(input_shape) from None
        lengths = [shape[axis] for shape in input_shape]
        return (*common[:axis], None if None in lengths else sum(lengths), *common[axis:])

    def _misfit(self, shapes: Any) -> ValueError:
        listed = " and ".join(str(tuple(shape)) for shape in shapes)
        return ValueError(
            f"{self._where()}: tensors of the shapes {listed} cannot be joined along axis {self.axis}: they must have "
            "as many dimensions, and be equal in all but that one."
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


def _equal(dims: Sequence[int | None]) -> int | None:
    known = {d for d in dims if d is not None}
    if len(known) > 1:
        raise ValueError
    return known.pop() if known else None


class Dot(_Merge):
    """Products of two tensors, example by example: sums over one axis of each.

    Of shapes `(batch, n)` and `(batch, n)`, `axes=1` gives `(batch, 1)`; of `(batch, m, k)` and `(batch, k, n)`,
    `axes=(2, 1)` gives `(batch, m, n)`, the matrix products.

    Args:
        axes: the axis to sum over in both, or a tuple with one for each; not the batch.
        normalize: whether vectors along these axes are first brought to length 1, so that the result is the cosine of
            the angle between them.
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of two tensors of equal batch.

    Output shape:
        The batch, what is left of the first shape, what is left of the second; at least two dimensions.

    Raises:
        ValueError: if there are not two inputs, or the axes are not of equal length.

    Example:
        >>> gm.layers.Dot(axes=1)([np.ones((2, 3)), np.ones((2, 3))]).numpy()
        array([[3.],
               [3.]], dtype=float32)
    """

    _wants_floats = True
    _fewest = _most = 2

    def __init__(self, axes: int | tuple[int, int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        both = tuple(axes) if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(both) != 2 or any(isinstance(a, bool) or not isinstance(a, (int, np.integer)) or a == 0 for a in both):
            raise ValueError(
                f"{self._where()}: axes is an integer other than 0, which is the batch, or a tuple of two."
                f"{received(axes=axes)}"
            )
        self.axes: Any = int(axes) if isinstance(axes, (int, np.integer)) else both
        self.normalize = bool(normalize)

    def _axes(self, shapes: Any) -> tuple[int, int]:
        """The axes counted from the front, checked against two shapes."""
        both = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        found = [axis % len(s) if -len(s) <= axis < len(s) else 0 for axis, s in zip(both, shapes)]
        lengths = [shape[axis] for shape, axis in zip(shapes, found)]
        if 0 in found or (None not in lengths and lengths[0] != lengths[1]):
            listed = " and ".join(str(tuple(shape)) for shape in shapes)
            raise ValueError(
                f"{self._where()}: the axes {self.axes} of tensors of the shapes {listed} cannot be summed over "
                "together: both must exist, not be the batch, and have the same length."
            )
        return found[0], found[1]

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        self._check_list(inputs)
        axes = self._axes([t.shape for t in inputs])
        if inputs[0].shape[0] != inputs[1].shape[0]:
            raise ValueError(
                f"{where('Dot')}: both inputs must have the same number of examples."
                f"{received(shapes=[t.shape for t in inputs])}"
            )
        a, b = (_normalized(t, axis) if self.normalize else t for t, axis in zip(inputs, axes))
        shape = self.compute_output_shape([a.shape, b.shape])
        if a.ndim == b.ndim == 2:
            return ops.sum(ops.multiply(a, b), axis=1, keepdims=True)
        left = _matrix(a, axes[0], last=True)
        right = _matrix(b, axes[1], last=False)
        return ops.reshape(ops.matmul(left, right), shape)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self._check_list(input_shape)
        a, b = self._axes(input_shape)
        first, second = input_shape
        rest = (*first[1:a], *first[a + 1 :], *second[1:b], *second[b + 1 :])
        return (first[0], *(rest or (1,)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axes": self.axes, "normalize": self.normalize}


def _normalized(tensor: Tensor, axis: int) -> Tensor:
    squares = ops.sum(ops.square(tensor), axis=axis, keepdims=True)
    return ops.divide(tensor, ops.sqrt(ops.maximum(squares, _SMALLEST_NORM)))


def _matrix(tensor: Tensor, axis: int, last: bool) -> Tensor:
    """One matrix for each example, with the given axis as its last or its first, and all others as one."""
    others = [a for a in range(1, tensor.ndim) if a != axis]
    order = [0, *others, axis] if last else [0, axis, *others]
    moved = tensor if order == sorted(order) else ops.transpose(tensor, order)
    rest, length = prod(tensor.shape[a] for a in others), tensor.shape[axis]
    return ops.reshape(moved, (tensor.shape[0], rest, length) if last else (tensor.shape[0], length, rest))


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Tensors joined along an axis: `Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | tuple[int, int] = -1, **kwargs: Any) -> Any:
    """Products of two tensors along axes: `Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
