"""Choosing entries by number, and one-hot vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.config import floatx, standardize_dtype
from gemmule.errors import received
from gemmule.ops.registry import op
from gemmule.ops.reshaping import reshape, transpose
from gemmule.ops.shapes import as_tensor, empty, normalize_axis
from gemmule.scope import where
from gemmule.tensor import Tensor


@op
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Entries of `x` along an axis, by number. Negative numbers count from the end.

    Args:
        x: a tensor, array or list with at least one dimension.
        indices: integers of any shape. In a tensor, a number outside the axis gives NaN (0 for integers), as it must
            not stop a recorded step; in an array or list it raises.
        axis: the axis; by default `x` is flattened.

    Returns:
        A tensor of the type of `x`: its shape, with the axis replaced by the shape of `indices`. The gradient of an
        entry taken more than once is summed.

    Raises:
        TypeError: if the indices are no integers.
        ValueError: if the axis does not exist.
        IndexError: if an index in an array or list is out of range.

    Example:
        >>> gm.ops.take([1.0, 2.0, 3.0], [0, -1]).numpy()
        array([1., 3.], dtype=float32)
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, (-1,) if x.size else (0,)), 0
    axis = normalize_axis("take", axis, x.ndim)
    numbers = index_tensor("take", indices)
    if not isinstance(indices, Tensor):
        check_range("take", numbers.array, x.shape[axis], axis)
    y = empty((*x.shape[:axis], *numbers.shape, *x.shape[axis + 1 :]), x.dtype)
    index = numbers.array
    execute("take", [y.array], [x.array, index], axis=axis)

    def backward(grad: Gradients) -> None:
        execute("take_backward", [grad.buffer(0)], [grad.d, index], axis=axis)

    return record(y, (x,), backward, "take")


def index_tensor(name: str, indices: Any) -> Tensor:
    """Indices as an int32 or int64 tensor.

    Raises:
        TypeError: if they are no integers.
    """
    numbers = as_tensor(indices)
    if numbers.dtype.kind not in "iu" and numbers.size:
        raise TypeError(f"{where(name)}: indices must be integers; convert them with gm.ops.cast.{received(x=numbers)}")
    return numbers if numbers.dtype.name in ("int32", "int64") else as_tensor(numbers, "int32")


def check_range(name: str, index: np.ndarray, length: int, axis: int) -> None:
    """Refuses an index outside an axis.

    Raises:
        IndexError: naming it.
    """
    outside = index[(index < -length) | (index >= length)]
    if outside.size:
        raise IndexError(
            f"{where(name)}: index {outside.flat[0]} is out of range for axis {axis}, which has {length} entries."
        )


@op
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Tensor:
    """Vectors with a one at the given place and zeros elsewhere.

    Args:
        x: class numbers from 0; floats are truncated. A number outside the classes gives a vector of zeros.
        num_classes: length of the vectors.
        axis: where the new axis stands in the result.
        dtype: type of the result; `floatx()` by default.

    Returns:
        A tensor with one dimension more than `x`.

    Raises:
        ValueError: if `num_classes` is not a positive integer or the axis does not exist.

    Example:
        >>> gm.ops.one_hot([1, 0], 2).numpy()
        array([[0., 1.],
               [1., 0.]], dtype=float32)
    """
    if isinstance(num_classes, bool) or not isinstance(num_classes, (int, np.integer)) or num_classes < 1:
        raise ValueError(
            f"{where('one_hot')}: num_classes must be a positive integer.{received(num_classes=num_classes)}"
        )
    labels, dtype = as_tensor(x), standardize_dtype(dtype)
    labels = labels if labels.dtype.name in ("int32", "int64") else as_tensor(labels, "int32")
    axis = normalize_axis("one_hot", axis, labels.ndim + 1)
    y = empty((*labels.shape, int(num_classes)), dtype if dtype.startswith("float") else floatx())
    execute("one_hot", [y.array], [labels.array])
    y = as_tensor(y, dtype)
    if axis == labels.ndim:
        return y
    order = list(range(labels.ndim))
    order.insert(axis, labels.ndim)
    return transpose(y, order)
