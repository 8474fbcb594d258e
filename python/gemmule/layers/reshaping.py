"""Layers that only rearrange. They are views: no number is copied."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape
from gemmule.memory import require
from gemmule.ops.windows import standardize_sizes
from gemmule.scope import layer_scope, where
from gemmule.tensor import Tensor


class Flatten(Layer):
    """Puts all dimensions of each example into one.

    Args:
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, d1, d2, ...)`

    Output shape:
        `(batch, d1 · d2 · ...)`

    Raises:
        ValueError: for `data_format="channels_first"`.

    Example:
        >>> gm.layers.Flatten()(np.zeros((2, 28, 28))).shape
        (2, 784)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last"):
            raise ValueError(
                "gemmule keeps channels last. Transpose the images once: x = x.transpose(0, 2, 3, 1)."
                f"{received(data_format=data_format)}"
            )
        self.data_format = "channels_last"

    def call(self, inputs: Tensor) -> Tensor:
        return ops.reshape(inputs, (inputs.shape[0], prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else prod(rest))  # type: ignore[arg-type]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format}


class Reshape(Layer):
    """Gives each example another shape.

    Args:
        target_shape: shape of one example, without the batch; one dimension may be -1 and is computed.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, ...)`

    Output shape:
        `(batch, *target_shape)`

    Raises:
        ValueError: if `target_shape` is no shape, or does not hold the elements of an example.

    Example:
        >>> gm.layers.Reshape((2, -1))(np.zeros((5, 6))).shape
        (5, 2, 3)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = (target_shape,) if isinstance(target_shape, (int, np.integer)) else tuple(target_shape)
        shape = tuple(int(d) if isinstance(d, np.integer) else d for d in given)
        if shape.count(-1) > 1 or any(not isinstance(d, int) or isinstance(d, bool) or d < -1 for d in shape):
            raise ValueError(
                f"{self._where()}: target_shape is a tuple of integers, one of which may be -1."
                f"{received(target_shape=target_shape)}"
            )
        self.target_shape = shape

    def call(self, inputs: Tensor) -> Tensor:
        return ops.reshape(inputs, (inputs.shape[0], *self._complete(inputs.shape[1:])))

    def _complete(self, shape: Shape) -> Shape:
        """The target shape with its -1 filled in."""
        if None in shape:
            return tuple(None if d == -1 else d for d in self.target_shape)
        size, known = prod(shape), prod(d for d in self.target_shape if d != -1)  # type: ignore[arg-type]
        missing = size // known if known else 0
        complete = tuple(missing if d == -1 else d for d in self.target_shape)
        if prod(complete) != size:
            raise ValueError(
                f"{where('reshape')}: examples of {size} elements do not fit the target shape {self.target_shape}. "
                f"Choose dimensions whose product is {size}. Received: input.shape={(None, *shape)}."
            )
        return complete

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._complete(input_shape[1:]))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": self.target_shape}


class Permute(Layer):
    """Puts the dimensions of each example into another order.

    Args:
        dims: the dimensions, counted from 1 without the batch, in their new order: `(2, 1)` exchanges two.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, d1, d2, ...)`

    Output shape:
        `(batch, *(d[i] for i in dims))`

    Raises:
        ValueError: if `dims` does not name each of the dimensions 1 to n once.

    Example:
        >>> gm.layers.Permute((2, 1))(np.zeros((5, 3, 4))).shape
        (5, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        order = tuple(np.asarray(dims).tolist()) if isinstance(dims, (tuple, list, np.ndarray)) else ()
        if not order or sorted(order) != list(range(1, len(order) + 1)):
            raise ValueError(
                f"{self._where()}: dims must name each dimension once, counted from 1 without the batch, "
                f"such as (2, 1).{received(dims=dims)}"
            )
        self.dims = order

    def _check(self, shape: Shape) -> None:
        if len(shape) != len(self.dims) + 1:
            raise ValueError(
                f"{where('permute')}: dims names {len(self.dims)} dimensions, and the input has {len(shape) - 1} "
                f"besides the batch.{received(dims=self.dims, input_shape=tuple(shape))}"
            )

    def call(self, inputs: Tensor) -> Tensor:
        self._check(inputs.shape)
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dims": self.dims}


class RepeatVector(Layer):
    """Repeats each example's features, one copy for each step of a sequence.

    Args:
        n: number of copies.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, features)`

    Output shape:
        `(batch, n, features)`

    Raises:
        ValueError: if `n` is no positive integer.

    Example:
        >>> gm.layers.RepeatVector(3)(np.zeros((5, 4))).shape
        (5, 3, 4)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with layer_scope(self.name):
            (self.n,) = standardize_sizes("repeat_vector", "n", n, 1)

    def _check(self, shape: Shape) -> None:
        if len(shape) != 2:
            raise ValueError(
                f"{where('repeat_vector')}: the input must have 2 dimensions, (batch, features)."
                f"{received(input_shape=tuple(shape))}"
            )

    def call(self, inputs: Tensor) -> Tensor:
        self._check(inputs.shape)
        require((inputs.shape[0], self.n, inputs.shape[1]), inputs.dtype, "repeat_vector")
        return ops.take(ops.expand_dims(inputs, 1), np.zeros(self.n, np.int32), axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n": self.n}
