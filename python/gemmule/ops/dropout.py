"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, empty_like
from gemmule.random import Stream
from gemmule.scope import where
from gemmule.tensor import Tensor


@op
def dropout(x: Any, rate: float | np.ndarray, stream: Stream) -> Tensor:
    """Zeroes each element with probability `rate` and divides the others by `1 - rate`, so that the mean stays.

    Args:
        x: a tensor, array or list.
        rate: a number from 0 to 1; or a float64 array without dimensions made by `gemmule.memory.persistent`, which
            may be changed between the steps of a recorded model.
        stream: where the random numbers come from; it counts one call.

    Returns:
        A floating tensor of the shape of `x`.

    Raises:
        ValueError: if `rate` is not between 0 and 1.

    Example:
        >>> gm.ops.dropout([1.0, 1.0], 0.0, gemmule.random.Stream(seed=1)).numpy()
        array([1., 1.], dtype=float32)

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """
    x = as_float(x)
    rate = rate if isinstance(rate, np.ndarray) else np.asarray(rate, np.float64)
    if rate.shape != () or rate.dtype != np.float64 or not 0 <= rate <= 1:
        raise ValueError(f"{where('dropout')}: rate must be a number from 0 to 1.{received(rate=_shown(rate))}")
    y, mask = empty_like(x), np.empty(x.shape, np.uint8)
    execute("dropout_forward", [y.array, mask], [x.array, rate, stream.key])
    stream.advance()

    def backward(grad: Gradients) -> None:
        execute("dropout_backward", [grad.buffer(0)], [grad.d, mask, rate])

    return record(y, (x,), backward, "dropout")


def _shown(rate: np.ndarray) -> Any:
    return rate.item() if rate.size == 1 else rate
