"""Layers that make one tensor of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape, is_shape
from gemmule.tensor import Tensor


class _Merge(Layer):
    """A layer called on a list of tensors; what they have in common is checked here."""

    _fewest = 1
    _most: int | None = None

    def _check_list(self, inputs: Any) -> None:
        count = len(inputs) if isinstance(inputs, (list, tuple)) and not is_shape(inputs) else 0
        if count >= self._fewest and (self._most is None or count <= self._most):
            return
        number = f"{self._fewest}" if self._most == self._fewest else f"at least {self._fewest}"
        shown = [getattr(t, "shape", t) for t in inputs] if count else getattr(inputs, "shape", inputs)
        raise ValueError(
            f"{self._where()}: the input is a list of {number} tensor{'s' if self._fewest > 1 else ''}, as in "
            f"layer([a, b]).{received(inputs=shown)}"
        )


class _Elementwise(_Merge):
    """Merges element by element, with broadcasting. A tensor with fewer dimensions gets new ones behind the batch."""

    def _merge(self, tensors: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        self._check_list(inputs)
        shape = inputs[0].shape
        if all([t.shape == shape for t in inputs]):
            return self._merge(list(inputs))
        self.compute_output_shape([t.shape for t in inputs])  # for its errors
        rank = max(t.ndim for t in inputs)
        return self._merge([_with_rank(t, rank) for t in inputs])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self._check_list(input_shape)
        rank = max(len(shape) for shape in input_shape)
        shapes = [(*shape[:1], *[1] * (rank - len(shape)), *shape[1:]) for shape in input_shape]
        try:
            return tuple(_common(dims) for dims in zip(*shapes))
        except ValueError:
            listed = " and ".join(str(tuple(shape)) for shape in input_shape)
            raise ValueError(
                f"{self._where()}: tensors of the shapes {listed} cannot be merged: behind the batch, each pair of "
                "dimensions must be equal or contain a 1. Bring them to one shape, with a Dense or 1x1 convolution for "
                "example."
            ) from None


def _with_rank(tensor: Tensor, rank: int) -> Tensor:
    new = rank - tensor.ndim
    return ops.reshape(tensor, (*tensor.shape[:1], *[1] * new, *tensor.shape[1:])) if new else tensor


def _common(dims: Sequence[int | None]) -> int | None:
    """The length that dimensions are broadcast to; one that is known wins over those that are not."""
    known = {d for d in dims if d not in (None, 1)}
    if len(known) > 1:
        raise ValueError
    return known.pop() if known else None if None in dims else 1


class Add(_Elementwise):
    """Sum of tensors, element by element.

    Args:
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of tensors of one shape, or of shapes that broadcast.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: if the shapes do not broadcast.

    Example:
        >>> gm.layers.Add()([np.ones((2, 3)), np.ones((2, 3))]).shape
        (2, 3)
    """

    def _merge(self, tensors: list[Tensor]) -> Tensor:
        return _folded(ops.add, tensors)


class Subtract(_Elementwise):
    """The first of two tensors minus the second.

    Args:
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of two tensors of one shape, or of shapes that broadcast.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: if there are not two, or the shapes do not broadcast.

    Example:
        >>> gm.layers.Subtract()([np.ones((2, 3)), np.ones((2, 3))]).shape
        (2, 3)
    """

    _fewest = _most = 2

    def _merge(self, tensors: list[Tensor]) -> Tensor:
        return ops.subtract(*tensors)


class Multiply(_Elementwise):
    """Product of tensors, element by element.

    Args:
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of tensors of one shape, or of shapes that broadcast.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: if the shapes do not broadcast.

    Example:
        >>> gm.layers.Multiply()([np.ones((2, 4, 3)), np.ones((2, 1, 3))]).shape
        (2, 4, 3)
    """

    def _merge(self, tensors: list[Tensor]) -> Tensor:
        return _folded(ops.multiply, tensors)


class Average(_Elementwise):
    """Mean of tensors, element by element.

    Args:
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of tensors of one shape, or of shapes that broadcast.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: if the shapes do not broadcast.

    Example:
        >>> gm.layers.Average()([np.zeros((1, 2)), np.ones((1, 2))]).numpy()
        array([[0.5, 0.5]], dtype=float32)
    """

    _wants_floats = True

    def _merge(self, tensors: list[Tensor]) -> Tensor:
        return ops.divide(_folded(ops.add, tensors), len(tensors))


class Maximum(_Elementwise):
    """Largest of tensors, element by element. Equal largest elements share the gradient.

    Args:
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of tensors of one shape, or of shapes that broadcast.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: if the shapes do not broadcast.

    Example:
        >>> gm.layers.Maximum()([np.zeros((1, 2)), np.ones((1, 2))]).numpy()
        array([[1., 1.]], dtype=float32)
    """

    def _merge(self, tensors: list[Tensor]) -> Tensor:
        return _folded(ops.maximum, tensors)


class Minimum(_Elementwise):
    """Smallest of tensors, element by element. Equal smallest elements share the gradient.

    Args:
        **kwargs: `name`, `dtype`.

    Input shape:
        A list of tensors of one shape, or of shapes that broadcast.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: if the shapes do not broadcast.

    Example:
        >>> gm.layers.Minimum()([np.zeros((1, 2)), np.ones((1, 2))]).numpy()
        array([[0., 0.]], dtype=float32)
    """

    def _merge(self, tensors: list[Tensor]) -> Tensor:
        return _folded(ops.minimum, tensors)


def _folded(function: Callable[[Any, Any], Tensor], tensors: list[Tensor]) -> Tensor:
    result = tensors[0]
    for tensor in tensors[1:]:
        result = function(result, tensor)
    return result


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Sum of tensors: `Add(**kwargs)(inputs)`.

    Example:
        >>> gm.layers.add([np.ones((2, 3)), np.ones((2, 3))]).shape
        (2, 3)
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Difference of two tensors: `Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Product of tensors, element by element: `Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Mean of tensors: `Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Largest of tensors, element by element: `Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Smallest of tensors, element by element: `Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)
