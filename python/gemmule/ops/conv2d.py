"""Convolutions of images and sequences, and their transposes: one kernel for product, bias and activation.

Sequences (N, T, C) are images of one row for the kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule import config
from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.memory import require
from gemmule.ops.convolution import (
    PADDINGS_1D,
    check_channels,
    check_groups,
    check_not_empty,
    check_output_padding,
    conv_tensors,
    run_activated,
    standardize_steps,
)
from gemmule.ops.dense import through_activation
from gemmule.ops.registry import op
from gemmule.ops.shapes import empty
from gemmule.ops.windows import (
    PADDINGS,
    Geometry,
    as_image,
    check_channels_last,
    check_fits,
    reach,
    slide,
    standardize_padding,
    standardize_sizes,
    transposed_geometry,
)
from gemmule.tensor import Tensor

_AXES = {1: "(steps, channels / groups, filters)", 2: "(height, width, channels / groups, filters)"}
_AXES_TRANSPOSED = "(height, width, filters, channels)"


@op
def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    strides: int | tuple[int, int] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, int] = 1,
    groups: int = 1,
    activation: str | None = None,
    alpha: float | None = None,
    data_format: str | None = None,
) -> Tensor:
    """2-D convolution (cross-correlation, as in all such libraries): `y = activation(conv(x, kernel) + bias)`.

    Each output pixel is the sum of the products of a kernel and the part of the image it lies on.

    Args:
        x: images, shape `(batch, height, width, channels)`.
        kernel: weights, shape `(kernel_height, kernel_width, channels / groups, filters)`.
        bias: shape `(filters,)`, or `None`.
        strides: steps of the kernel, downwards and to the right; one integer for both.
        padding: `"valid"`: the kernel stays inside the image; `"same"`: zeros around it so that the output has
            ceil(size / stride) pixels, the odd one at the end. PyTorch pads both sides alike.
        dilation_rate: distance of neighbouring taps of the kernel; not together with strides.
        groups: channels and filters are divided into so many groups that do not see each other.
        activation: `None` or the name of an activation op; see `dense`.
        alpha: `negative_slope` of `"leaky_relu"` (default 0.2) or `alpha` of `"elu"` (default 1.0).
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: if the shapes do not fit, or for an unknown padding or activation.
        TypeError: if the dtypes differ.
        MemoryError: if the result does not fit into memory.

    Example:
        >>> gm.ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1))).numpy()[0, :, :, 0]
        array([[9., 9.],
               [9., 9.]])
    """
    check_channels_last("conv2d", data_format)
    return _convolve("conv2d", 2, x, kernel, bias, strides, padding, dilation_rate, groups, activation, alpha)


@op
def conv1d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    strides: int = 1,
    padding: str = "valid",
    dilation_rate: int = 1,
    groups: int = 1,
    activation: str | None = None,
    alpha: float | None = None,
    data_format: str | None = None,
) -> Tensor:
    """1-D convolution of sequences: `y = activation(conv(x, kernel) + bias)`.

    Args:
        x: sequences, shape `(batch, steps, channels)`.
        kernel: weights, shape `(kernel_size, channels / groups, filters)`.
        bias: shape `(filters,)`, or `None`.
        strides: steps of the kernel.
        padding: `"valid"`, `"same"`, or `"causal"`: zeros before the first step only, so that no output depends on
            later inputs.
        dilation_rate: distance of neighbouring taps of the kernel; not together with strides.
        groups: channels and filters are divided into so many groups that do not see each other.
        activation: `None` or the name of an activation op; see `dense`.
        alpha: `negative_slope` of `"leaky_relu"` (default 0.2) or `alpha` of `"elu"` (default 1.0).
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, new_steps, filters)`.

    Raises:
        ValueError: if the shapes do not fit, or for an unknown padding or activation.
        TypeError: if the dtypes differ.

    Example:
        >>> x = np.arange(4.0).reshape(1, 4, 1)
        >>> gm.ops.conv1d(x, np.ones((2, 1, 1)), padding="causal").numpy().ravel()
        array([0., 1., 3., 5.])
    """
    check_channels_last("conv1d", data_format, rank=1)
    return _convolve("conv1d", 1, x, kernel, bias, strides, padding, dilation_rate, groups, activation, alpha)


@op
def conv2d_transpose(
    x: Any,
    kernel: Any,
    bias: Any = None,
    strides: int | tuple[int, int] = 1,
    padding: str = "valid",
    output_padding: int | tuple[int, int] | None = None,
    dilation_rate: int | tuple[int, int] = 1,
    activation: str | None = None,
    alpha: float | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Transposed 2-D convolution: what the gradient of `conv2d` does to an image, used to make images larger.

    Args:
        x: images, shape `(batch, height, width, channels)`.
        kernel: weights, shape `(kernel_height, kernel_width, filters, channels)`.
        bias: shape `(filters,)`, or `None`.
        strides: how many times larger the output is; one integer for both directions.
        padding: `"valid"`: the output is `(size - 1)·stride + max(kernel_size, stride)`; `"same"`: `size·stride`.
        output_padding: `None` for these sizes; else the output is `(size - 1)·stride + kernel_size + output_padding`,
            with `"same"` less twice the half of the kernel size. Smaller than the strides.
        dilation_rate: distance of neighbouring taps of the kernel; not together with strides.
        activation: `None` or the name of an activation op; see `dense`.
        alpha: `negative_slope` of `"leaky_relu"` (default 0.2) or `alpha` of `"elu"` (default 1.0).
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: if the shapes do not fit, or for an unknown padding or activation.
        TypeError: if the dtypes differ.
        MemoryError: if the result does not fit into memory.

    Example:
        >>> gm.ops.conv2d_transpose(np.ones((1, 4, 4, 8)), np.ones((3, 3, 2, 8)), strides=2, padding="same").shape
        (1, 8, 8, 2)

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
    """
    name = "conv2d_transpose"
    check_channels_last(name, data_format)
    x, kernel, bias = conv_tensors(name, 2, x, kernel, bias, _AXES_TRANSPOSED)
    step, dilation = standardize_steps(name, 2, strides, dilation_rate)
    check_channels(name, x, kernel, kernel.shape[3], kernel.shape[2], bias)
    extra = None if output_padding is None else standardize_sizes(name, "output_padding", output_padding, 2, 0)
    check_output_padding(name, extra, step)
    padding = standardize_padding(name, padding)
    check_fits(name, x.shape[1:3], (1, 1), padding, x.shape, "kernel")
    size, geometry = transposed_geometry(x.shape, kernel.shape[:2], step, padding, extra, dilation)
    check_not_empty(name, size, extra, x.shape)
    y_shape = (x.shape[0], *size, kernel.shape[2])
    return run_activated(
        name, activation, alpha, lambda act, slope: _fused_transpose(x, kernel, bias, geometry, y_shape, act, slope)
    )


def _convolve(
    name: str,
    rank: int,
    x: Any,
    kernel: Any,
    bias: Any,
    strides: Any,
    padding: Any,
    dilation_rate: Any,
    groups: Any,
    activation: str | None,
    alpha: float | None,
) -> Tensor:
    """Checks everything, then runs the kernel on images."""
    x, kernel, bias = conv_tensors(name, rank, x, kernel, bias, _AXES[rank])
    step, dilation = standardize_steps(name, rank, strides, dilation_rate)
    padding = standardize_padding(name, padding, PADDINGS_1D if rank == 1 else PADDINGS)
    (groups,) = standardize_sizes(name, "groups", groups, 1)
    check_groups(name, groups, x.shape, kernel.shape[-1])
    check_channels(name, x, kernel, kernel.shape[-2] * groups, kernel.shape[-1], bias)
    check_fits(name, x.shape[1:-1], reach(kernel.shape[:-2], dilation[-rank:]), padding, x.shape, "kernel")
    taps = (kernel.shape[0], kernel.shape[1]) if rank == 2 else (1, kernel.shape[0])
    geometry = slide(as_image(x.array).shape, taps, step, padding, dilation)
    y_shape = (x.shape[0], *geometry.size[-rank:], kernel.shape[-1])
    return run_activated(
        name, activation, alpha, lambda act, slope: _fused(name, x, kernel, bias, geometry, groups, y_shape, act, slope)
    )


def _fused(
    name: str,
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    geometry: Geometry,
    groups: int,
    y_shape: tuple[int, ...],
    activation: str,
    alpha: float,
) -> Tensor:
    y = empty(y_shape, x.dtype, name)
    images, results = as_image(x.array), as_image(y.array)
    w = as_image(kernel.array) if kernel.ndim == 4 else kernel.array[np.newaxis]
    b = None if bias is None else bias.array
    shared = geometry.attributes() | {"groups": groups, "winograd": config.winograd()}
    _require_padded_rows(name, images.shape, results.shape, w.shape, shared["padding"], x.dtype)
    execute("conv2d_forward", [results], [images, w, b, None, None, None], activation=activation, alpha=alpha, **shared)

    def backward(grad: Gradients) -> None:
        dz = through_activation(activation, alpha, as_image(grad.d), results)
        dw, db = grad.buffer(1), None if bias is None else grad.buffer(2)
        if dw is not None or db is not None:
            dw = dw if dw is None else dw.reshape(w.shape)
            execute("conv2d_backward_weights", [dw, db], [images, dz], **shared)
        dx = grad.buffer(0)
        if dx is not None:
            execute("conv2d_backward_input", [as_image(dx)], [dz, w, None], activation="linear", alpha=0.0, **shared)

    return record(y, (x, kernel) if bias is None else (x, kernel, bias), backward, name)


def _require_padded_rows(
    name: str,
    image: tuple[int, ...],
    result: tuple[int, ...],
    kernel: tuple[int, ...],
    padding: tuple[int, int, int, int],
    dtype: np.dtype,
) -> None:
    """Makes sure that the rows a kernel copies with their padding fit into memory, whatever the dilation."""
    require((result[1] + kernel[0], image[2] + padding[2] + padding[3], image[3]), dtype, name)


def _fused_transpose(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    geometry: Geometry,
    y_shape: tuple[int, ...],
    activation: str,
    alpha: float,
) -> Tensor:
    """The transpose is the gradient of a convolution from y to x; its own gradients are that convolution's forward."""
    y = empty(y_shape, x.dtype, "conv2d_transpose")
    w, b = kernel.array, None if bias is None else bias.array
    shared = geometry.attributes() | {"groups": 1, "winograd": config.winograd()}
    _require_padded_rows("conv2d_transpose", y.shape, x.shape, w.shape, shared["padding"], x.dtype)
    execute("conv2d_backward_input", [y.array], [x.array, w, b], activation=activation, alpha=alpha, **shared)

    def backward(grad: Gradients) -> None:
        dz = through_activation(activation, alpha, grad.d, y.array)
        dw, db = grad.buffer(1), None if bias is None else grad.buffer(2)
        if dw is not None:
            execute("conv2d_backward_weights", [dw, None], [dz, x.array], **shared)
        if db is not None:
            execute("sum", [db], [dz.reshape(-1, dz.shape[-1])], axis=0)
        dx = grad.buffer(0)
        if dx is not None:
            inputs = [dz, w, None, None, None, None]
            execute("conv2d_forward", [dx], inputs, activation="linear", alpha=0.0, **shared)

    return record(y, (x, kernel) if bias is None else (x, kernel, bias), backward, "conv2d_transpose")
