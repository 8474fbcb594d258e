"""Convolutions with filters of their own for each channel: depthwise, and separable, which mix the channels after."""

from __future__ import annotations

from typing import Any

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.ops.conv2d import conv2d
from gemmule.ops.convolution import check_channels, conv_tensors, run_activated, standardize_steps
from gemmule.ops.dense import through_activation
from gemmule.ops.registry import op
from gemmule.ops.shapes import empty
from gemmule.ops.windows import Geometry, check_channels_last, check_fits, reach, slide, standardize_padding
from gemmule.tensor import Tensor

_AXES = "(height, width, channels, depth_multiplier)"


@op
def depthwise_conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    strides: int | tuple[int, int] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, int] = 1,
    activation: str | None = None,
    alpha: float | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Depthwise 2-D convolution: each channel is convolved with filters of its own.

    Args:
        x: images, shape `(batch, height, width, channels)`.
        kernel: weights, shape `(kernel_height, kernel_width, channels, depth_multiplier)`.
        bias: shape `(channels · depth_multiplier,)`, or `None`.
        strides: steps of the kernel, downwards and to the right; one integer for both.
        padding: `"valid"` or `"same"`; see `conv2d`.
        dilation_rate: distance of neighbouring taps of the kernel; strides may be greater than 1, too.
        activation: `None` or the name of an activation op; see `dense`.
        alpha: `negative_slope` of `"leaky_relu"` (default 0.2) or `alpha` of `"elu"` (default 1.0).
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, new_height, new_width, channels · depth_multiplier)`; the results of channel c are
        the channels from `c · depth_multiplier` on.

    Raises:
        ValueError: if the shapes do not fit, or for an unknown padding or activation.
        TypeError: if the dtypes differ.
        MemoryError: if the result does not fit into memory.

    Example:
        >>> gm.ops.depthwise_conv2d(np.ones((1, 4, 4, 3)), np.ones((3, 3, 3, 2))).shape
        (1, 2, 2, 6)
    """
    name = "depthwise_conv2d"
    check_channels_last(name, data_format)
    x, kernel, bias = conv_tensors(name, 2, x, kernel, bias, _AXES)
    step, dilation = standardize_steps(name, 2, strides, dilation_rate, together=True)
    padding = standardize_padding(name, padding)
    filters = kernel.shape[2] * kernel.shape[3]
    check_channels(name, x, kernel, kernel.shape[2], filters, bias)
    check_fits(name, x.shape[1:3], reach(kernel.shape[:2], dilation), padding, x.shape, "kernel")
    geometry = slide(x.shape, kernel.shape[:2], step, padding, dilation)
    return run_activated(
        name, activation, alpha, lambda act, slope: _fused(x, kernel, bias, geometry, filters, act, slope)
    )


@op
def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    bias: Any = None,
    strides: int | tuple[int, int] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, int] = 1,
    activation: str | None = None,
    alpha: float | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Separable convolution: one kernel for each channel, then a mix of the channels at each pixel.

    It needs far fewer weights and products than a full convolution.

    Args:
        x: images, shape `(batch, height, width, channels)`.
        depthwise_kernel: shape `(kernel_height, kernel_width, channels, depth_multiplier)`.
        pointwise_kernel: shape `(1, 1, channels · depth_multiplier, filters)`.
        bias: shape `(filters,)`, or `None`.
        strides: steps of the depthwise kernel.
        padding: `"valid"` or `"same"`.
        dilation_rate: distance of neighbouring taps of the depthwise kernel.
        activation: `None` or the name of an activation op; see `dense`.
        alpha: `negative_slope` of `"leaky_relu"` (default 0.2) or `alpha` of `"elu"` (default 1.0).
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: if the shapes do not fit, or for an unknown padding or activation.

    Example:
        >>> x, depthwise, pointwise = np.ones((1, 4, 4, 3)), np.ones((3, 3, 3, 1)), np.ones((1, 1, 3, 8))
        >>> gm.ops.separable_conv2d(x, depthwise, pointwise).shape
        (1, 2, 2, 8)

    Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2017.
    """
    check_channels_last("separable_conv2d", data_format)
    each = depthwise_conv2d(x, depthwise_kernel, strides=strides, padding=padding, dilation_rate=dilation_rate)
    return conv2d(each, pointwise_kernel, bias, activation=activation, alpha=alpha)


def _fused(
    x: Tensor, kernel: Tensor, bias: Tensor | None, geometry: Geometry, filters: int, activation: str, alpha: float
) -> Tensor:
    y = empty((x.shape[0], *geometry.size, filters), x.dtype, "depthwise_conv2d")
    w, b = kernel.array, None if bias is None else bias.array
    where = geometry.attributes()
    execute(
        "depthwise_conv2d_forward",
        [y.array],
        [x.array, w, b, None, None],
        activation=activation,
        alpha=alpha,
        **where,
    )

    def backward(grad: Gradients) -> None:
        dz = through_activation(activation, alpha, grad.d, y.array)
        dw, db = grad.buffer(1), None if bias is None else grad.buffer(2)
        if dw is not None or db is not None:
            execute("depthwise_conv2d_backward_weights", [dw, db], [x.array, dz], **where)
        dx = grad.buffer(0)
        if dx is not None:
            execute("depthwise_conv2d_backward_input", [dx], [dz, w], **where)

    return record(y, (x, kernel) if bias is None else (x, kernel, bias), backward, "depthwise_conv2d")
