"""Small helpers on arrays of labels and of examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.errors import received

__all__ = ["normalize", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Turns class numbers into one-hot rows, for `categorical_crossentropy`.

    Args:
        x: Class numbers from 0, an array-like of any shape, or a gemmule tensor. A last dimension of size 1 is dropped.
        num_classes: Length of each row. `None` for `max(x) + 1`.

    Returns:
        A float64 NumPy array of shape `x.shape + (num_classes,)`, as in Keras; a float32 tensor when `x` is a tensor.

    Raises:
        ValueError: if a class number is negative, not whole or not below `num_classes`, or if nothing says how many
            classes there are.

    Example:
        >>> gm.utils.to_categorical([0, 2], num_classes=3)
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    from gemmule.tensor import Tensor

    labels = _labels(x)
    num_classes = _class_count(labels, num_classes)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    result = (labels[..., None] == np.arange(num_classes)).astype(np.float64)
    return Tensor(result.astype(np.float32)) if isinstance(x, Tensor) else result


def _labels(x: Any) -> np.ndarray:
    """The class numbers as int64."""
    given = np.asarray(x)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"to_categorical: class numbers must be numbers.{received(x=given)}")
    labels = given.astype(np.int64) if given.dtype.kind != "f" or np.isfinite(given).all() else None
    if labels is None or not np.array_equal(labels, given):
        raise ValueError(f"to_categorical: class numbers must be whole. Round them first.{received(x=given)}")
    return labels


def _class_count(labels: np.ndarray, num_classes: int | None) -> int:
    if num_classes is None:
        if not labels.size:
            raise ValueError("to_categorical: there are no labels to count classes in. Pass num_classes."
                             f"{received(x=labels, num_classes=num_classes)}")  # fmt: skip
        num_classes = int(labels.max()) + 1
    if num_classes < 1:
        raise ValueError(f"to_categorical: num_classes must be positive.{received(num_classes=num_classes)}")
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(f"to_categorical: class numbers must lie from 0 to num_classes - 1 = {num_classes - 1}. "
                         f"Received: numbers from {labels.min()} to {labels.max()}.")  # fmt: skip
    return int(num_classes)


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """Divides by the norm along an axis, so that each row has length 1; rows of zeros stay.

    Args:
        x: An array-like of numbers.
        axis: The axis to take norms along.
        order: Which norm: 2 for the Euclidean one, 1 for the sum of absolute values.

    Returns:
        A float64 NumPy array; float32 if `x` is.

    Example:
        >>> gm.utils.normalize([[3.0, 4.0]])
        array([[0.6, 0.8]])
    """
    values = np.asarray(x)
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    norms = np.linalg.norm(values, order, axis=axis, keepdims=True)
    return values / np.where(norms == 0, 1, norms)
