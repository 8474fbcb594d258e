"""Pooling: the largest or the mean element of windows that slide over images or sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.autograd import Gradients, is_tracked, record
from gemmule.backend import execute
from gemmule.memory import unset
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, check_float, empty
from gemmule.ops.windows import (
    Geometry,
    as_image,
    check_channels_last,
    check_fits,
    slide,
    standardize_padding,
    standardize_sizes,
)
from gemmule.scope import where
from gemmule.tensor import Tensor

_BYTE_PLACES = 256  # places in a window that fit into one byte


@op
def max_pool(
    inputs: Any,
    pool_size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest element of each window, channel by channel. NaN wins.

    The gradient of a window goes to its largest element, the first one (row by row) of several.

    Args:
        inputs: images `(batch, height, width, channels)` or sequences `(batch, steps, channels)`.
        pool_size: height and width of the windows, their length for sequences; one integer for both directions.
        strides: how far a window moves each time; by default as far as it is long.
        padding: `"valid"`: windows stay inside the input; `"same"`: windows may reach beyond its ends, so that there
            are ceil(length / stride) of them. What lies outside does not count.
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, new_height, new_width, channels)` or `(batch, new_steps, channels)`.

    Raises:
        ValueError: for sizes, strides or a padding that do not exist, or windows larger than the input.

    Example:
        >>> gm.ops.max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel()
        array([3., 2.], dtype=float32)
    """
    x, pool, geometry, y = _prepare("max_pool", inputs, pool_size, strides, padding, data_format)
    image, result = as_image(x.array), as_image(y.array)
    shared = {"pool": pool, "strides": geometry.strides, "padding": geometry.padding}
    if not is_tracked(x):
        execute("max_pool2d_inference", [result], [image], **shared)
        return y
    index = unset(result.shape, np.uint8 if pool[0] * pool[1] <= _BYTE_PLACES else np.int32, "max_pool")
    execute("max_pool2d_forward", [result, index], [image], **shared)

    def backward(grad: Gradients) -> None:
        if (dx := grad.buffer(0)) is not None:
            execute("max_pool2d_backward", [as_image(dx)], [as_image(grad.d), index], **shared)

    return record(y, (x,), backward, "max_pool")


@op
def average_pool(
    inputs: Any,
    pool_size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window, channel by channel.

    Args:
        inputs: images `(batch, height, width, channels)` or sequences `(batch, steps, channels)`.
        pool_size: height and width of the windows, their length for sequences; one integer for both directions.
        strides: how far a window moves each time; by default as far as it is long.
        padding: `"valid"`: windows stay inside the input; `"same"`: windows may reach beyond its ends, so that there
            are ceil(length / stride) of them. What lies outside does not count; PyTorch counts its zeros.
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, new_height, new_width, channels)` or `(batch, new_steps, channels)`.

    Raises:
        ValueError: for sizes, strides or a padding that do not exist, or windows larger than the input.

    Example:
        >>> gm.ops.average_pool([[[1.0], [3.0], [2.0]]], 2, padding="same").numpy().ravel()
        array([2., 2.], dtype=float32)
    """
    x, pool, geometry, y = _prepare("average_pool", inputs, pool_size, strides, padding, data_format)
    shared = {"pool": pool, "strides": geometry.strides, "padding": geometry.padding}
    execute("average_pool2d_forward", [as_image(y.array)], [as_image(x.array)], **shared)

    def backward(grad: Gradients) -> None:
        if (dx := grad.buffer(0)) is not None:
            execute("average_pool2d_backward", [as_image(dx)], [as_image(grad.d)], **shared)

    return record(y, (x,), backward, "average_pool")


def _prepare(
    name: str, inputs: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any
) -> tuple[Tensor, tuple[int, int], Geometry, Tensor]:
    """The input, size and geometry of the windows as those of an image, and an output to fill."""
    x = as_float(inputs)
    check_float(name, x)
    rank = x.ndim - 2
    if rank not in (1, 2):
        raise ValueError(
            f"{where(name)}: the input must have 4 dimensions, (batch, height, width, channels), or 3, (batch, steps, "
            f"channels). Received: input.shape={x.shape}."
        )
    check_channels_last(name, data_format, rank)
    pool = standardize_sizes(name, "pool_size", pool_size, rank)
    step = pool if strides is None else standardize_sizes(name, "strides", strides, rank)
    padding = standardize_padding(name, padding)
    check_fits(name, x.shape[1:-1], pool, padding, x.shape, "pool")
    flat = (1, *pool)[-2:]
    geometry = slide(as_image(x.array).shape, (flat[0], flat[1]), (1, *step)[-2:], padding)  # type: ignore[arg-type]
    return x, (flat[0], flat[1]), geometry, empty((x.shape[0], *geometry.size[-rank:], x.shape[-1]), x.dtype, name)
