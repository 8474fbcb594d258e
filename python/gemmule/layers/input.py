"""The start of a model: the shape and type of what goes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.config import FLOATS, standardize_dtype
from gemmule.errors import not_yet, received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape, SymbolicTensor, is_shape, standardize_shape
from gemmule.symbolic import Node


class InputLayer(Layer):
    """The start of a model: says what shape one of its inputs has, and computes nothing.

    Args:
        shape: shape of one example; `None` stands for a dimension that may differ from batch to batch.
        batch_size: number of examples in a batch, for reports of shapes; batches of other sizes work, too.
        dtype: type of the inputs, that of the model by default; data of other types are converted.
        sparse: not supported.
        ragged: not supported.
        batch_shape: shape with the batch, instead of `shape` and `batch_size`.
        input_tensor: not supported yet.
        optional: not supported yet.
        name: a unique name.
        input_shape: what older books call `shape`.

    Raises:
        ValueError: if the shape is missing, given twice, or not a shape.

    Example:
        >>> gm.layers.InputLayer(shape=(28, 28)).batch_shape
        (None, 28, 28)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
    ) -> None:
        shape = shape if input_shape is None else input_shape
        refused = {"sparse": sparse, "ragged": ragged, "tensor": input_tensor, "optional": optional}
        for argument, value in refused.items():
            if value is not None and value is not False:
                raise not_yet(f"Input({argument}=...)")
        given = standardize_dtype(dtype) if dtype is not None else None
        super().__init__(dtype=dtype if given in FLOATS else None, name=name)
        self.input_dtype = given or self.dtype
        self.batch_shape = _batch_shape(shape, batch_size, batch_shape)
        self.build(self.batch_shape)
        self._input_shape = self._output_shape = self.batch_shape
        self._nodes.append(Node(self, (), {}, SymbolicTensor(self.batch_shape, self.input_dtype)))

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": self.input_dtype, "name": self.name}


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Says what shape an input of a model has: the first layer of a `Sequential`, or the start of a graph of layers.

    Args:
        shape: shape of one example, such as `(784,)`.
        batch_size: number of examples in a batch, for reports of shapes; batches of other sizes work, too.
        dtype: type of the inputs, that of the model by default; data of other types are converted.
        sparse: not supported.
        ragged: not supported.
        batch_shape: shape with the batch, instead of `shape` and `batch_size`.
        name: name of the input layer, under which a dict of data has to hold this input.
        tensor: not supported yet.
        optional: not supported yet.

    Returns:
        A symbolic tensor. Put it first into a `Sequential`, or call layers on it and pass it to `gm.Model` with what
        comes out.

    Raises:
        ValueError: if the shape is missing, given twice, or not a shape.

    Example:
        >>> x = gm.Input(shape=(4,))
        >>> gm.Model(x, gm.layers.Dense(3)(x)).output_shape
        (None, 3)
        >>> model = gm.Sequential([gm.Input(shape=(4,)), gm.layers.Dense(3)])
        >>> model.output_shape
        (None, 3)
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output


def _batch_shape(shape: Any, batch_size: int | None, batch_shape: Any) -> Shape:
    if (shape is None) == (batch_shape is None):
        raise ValueError(
            "Input needs the shape of one example, such as shape=(784,), or batch_shape, and not both."
            f"{received(shape=shape, batch_shape=batch_shape)}"
        )
    given = shape if batch_shape is None else batch_shape
    given = tuple(given.tolist()) if isinstance(given, np.ndarray) and given.ndim else given
    if not is_shape(given) or any(d is not None and d < 1 for d in given):
        cure = f" Write ({given},) for one dimension." if isinstance(given, int) else ""
        raise ValueError(f"A shape is a tuple of positive integers.{cure}{received(shape=given)}")
    if batch_shape is not None:
        if batch_size is not None:
            raise ValueError(
                f"Give batch_shape or batch_size, not both.{received(batch_shape=given, batch_size=batch_size)}"
            )
        return standardize_shape(given)
    return standardize_shape((batch_size, *given))
