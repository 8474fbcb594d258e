"""Convolutional layers that treat each channel by itself."""

from __future__ import annotations

from typing import Any

from gemmule import ops
from gemmule.layers.convolution import Convolution
from gemmule.layers.structure import Shape, arguments_of
from gemmule.tensor import Tensor


class DepthwiseConv2D(Convolution):
    """Depthwise convolution: each channel has filters of its own and sees no other channel.

    Args:
        kernel_size: height and width of the filters, or one integer for both.
        strides: how far a filter moves each time, downwards and to the right.
        padding: `"valid"` (inside the image) or `"same"` (zeros around it; see `Conv2D`).
        depth_multiplier: filters, and output channels, for each channel of the input.
        data_format: `None` or `"channels_last"`.
        dilation_rate: distance of neighbouring taps of a filter; strides may be greater than 1, too.
        activation: name or function; `None` for none.
        use_bias: whether there is a bias.
        depthwise_initializer: how the kernel begins, of shape `(height, width, channels, depth_multiplier)`.
        bias_initializer: how the bias begins.
        depthwise_regularizer: what the depthwise kernel adds to the loss; see `gemmule.regularizers`.
        bias_regularizer: what the bias adds to the loss; see `gemmule.regularizers`.
        activity_regularizer: what the outputs add to the loss, divided by the size of the batch.
        depthwise_constraint: what the depthwise kernel must satisfy after each update; see `gemmule.constraints`.
        bias_constraint: what the bias must satisfy after each update; see `gemmule.constraints`.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, new_height, new_width, channels · depth_multiplier)`

    Raises:
        ValueError: for arguments out of range, or an image smaller than the kernel.

    Example:
        >>> layer = gm.layers.DepthwiseConv2D(3, depth_multiplier=2)
        >>> layer(np.zeros((2, 10, 10, 4))).shape
        (2, 8, 8, 8)
    """

    _op = "depthwise_conv2d"
    _together = True
    _kernels = ("depthwise",)
    _counts = ("depth_multiplier",)
    depth_multiplier: int

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments_of(locals()))

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self._windows(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_weight(shape, name="kernel", **self._rules_of("depthwise"))
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Tensor) -> Tensor:
        self._channels(inputs.shape)
        return self._activated(ops.depthwise_conv2d, inputs, self.kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = self._channels(input_shape)
        return (input_shape[0], *self._windows(input_shape), channels * self.depth_multiplier)


class SeparableConv2D(Convolution):
    """Separable convolution: filters for each channel, then a mix of the channels at each pixel.

    It does the work of a `Conv2D` with far fewer weights and products.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the depthwise filters, or one integer for both.
        strides: how far they move each time, downwards and to the right.
        padding: `"valid"` (inside the image) or `"same"` (zeros around it; see `Conv2D`).
        data_format: `None` or `"channels_last"`.
        dilation_rate: distance of neighbouring taps of a filter; strides may be greater than 1, too.
        depth_multiplier: depthwise filters for each channel of the input.
        activation: name or function; `None` for none.
        use_bias: whether there is a bias.
        depthwise_initializer: how the depthwise kernel begins, `(height, width, channels, depth_multiplier)`.
        pointwise_initializer: how the pointwise kernel begins, `(1, 1, channels · depth_multiplier, filters)`.
        bias_initializer: how the bias begins.
        depthwise_regularizer: what the depthwise kernel adds to the loss; see `gemmule.regularizers`.
        pointwise_regularizer: what the pointwise kernel adds to the loss; see `gemmule.regularizers`.
        bias_regularizer: what the bias adds to the loss; see `gemmule.regularizers`.
        activity_regularizer: what the outputs add to the loss, divided by the size of the batch.
        depthwise_constraint: what the depthwise kernel must satisfy after each update; see `gemmule.constraints`.
        pointwise_constraint: what the pointwise kernel must satisfy after each update; see `gemmule.constraints`.
        bias_constraint: what the bias must satisfy after each update; see `gemmule.constraints`.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, new_height, new_width, filters)`

    Raises:
        ValueError: for arguments out of range, or an image smaller than the kernel.

    Example:
        >>> layer = gm.layers.SeparableConv2D(16, 3, padding="same", activation="relu")
        >>> layer(np.zeros((2, 10, 10, 4))).shape
        (2, 10, 10, 16)

    Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2017.
    """

    _op = "separable_conv2d"
    _together = True
    _kernels = ("depthwise", "pointwise")
    _counts = ("filters", "depth_multiplier")
    depth_multiplier: int

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments_of(locals()))

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self._windows(input_shape)
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (1, 1, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self.add_weight(depthwise, name="depthwise_kernel", **self._rules_of("depthwise"))
        self.pointwise_kernel = self.add_weight(pointwise, name="pointwise_kernel", **self._rules_of("pointwise"))
        self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        self._channels(inputs.shape)
        return self._activated(ops.separable_conv2d, inputs, self.depthwise_kernel, self.pointwise_kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._windows(input_shape), self.filters)
