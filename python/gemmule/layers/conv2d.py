"""Convolutional layers whose kernels see all channels."""

from __future__ import annotations

from typing import Any

from gemmule import ops
from gemmule.layers.convolution import Convolution
from gemmule.layers.structure import Shape, arguments_of
from gemmule.ops.convolution import check_groups, check_not_empty, check_output_padding
from gemmule.ops.windows import check_fits, reach, standardize_sizes, transposed_length
from gemmule.scope import layer_scope
from gemmule.tensor import Tensor


class _Filters(Convolution):
    """Layers with a number of filters, groups and one kernel."""

    _counts = ("filters", "groups")
    groups: int

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments_of(locals()))
        with layer_scope(self.name):
            check_groups(self._op, self.groups, (), self.filters)  # the channels come with the input

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        check_groups(self._op, self.groups, input_shape, self.filters)
        self._windows(input_shape)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(shape, name="kernel", **self._rules_of("kernel"))
        self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        self._channels(inputs.shape)
        op = ops.conv2d if self._rank == 2 else ops.conv1d
        return self._activated(op, inputs, self.kernel, groups=self.groups)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._windows(input_shape), self.filters)


class Conv1D(_Filters):
    """Convolution of sequences: each filter slides along the steps and sees a few of them at a time.

    Args:
        filters: number of output channels.
        kernel_size: how many steps a filter sees.
        strides: how far it moves each time.
        padding: `"valid"` (inside the sequence), `"same"` (zeros on both sides) or `"causal"` (zeros before the first
            step, so that no output depends on later inputs).
        data_format: `None` or `"channels_last"`.
        dilation_rate: distance of neighbouring taps of a filter; not together with strides.
        groups: channels and filters are divided into so many groups that do not see each other.
        activation: name or function; `None` for none.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel begins; PyTorch draws from ±1/sqrt(fan_in), and the bias too.
        bias_initializer: how the bias begins.
        kernel_regularizer: what the kernel adds to the loss; see `gemmule.regularizers`.
        bias_regularizer: what the bias adds to the loss; see `gemmule.regularizers`.
        activity_regularizer: what the outputs add to the loss, divided by the size of the batch.
        kernel_constraint: what the kernel must satisfy after each update; see `gemmule.constraints`.
        bias_constraint: what the bias must satisfy after each update; see `gemmule.constraints`.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, new_steps, filters)`

    Raises:
        ValueError: for arguments out of range, or a sequence shorter than the kernel.

    Example:
        >>> layer = gm.layers.Conv1D(8, 3, padding="causal", dilation_rate=2)
        >>> layer(np.zeros((2, 10, 4))).shape
        (2, 10, 8)
    """

    _op = "conv1d"
    _rank = 1


class Conv2D(_Filters):
    """Convolution of images: each filter slides over the image and sees a small part of it at a time.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the filters, or one integer for both.
        strides: how far a filter moves each time, downwards and to the right.
        padding: `"valid"` (inside the image) or `"same"` (zeros around it so that the output has ceil(size / stride)
            pixels; the odd row and column at the bottom and on the right, while PyTorch pads both sides alike).
        data_format: `None` or `"channels_last"`.
        dilation_rate: distance of neighbouring taps of a filter; not together with strides.
        groups: channels and filters are divided into so many groups that do not see each other.
        activation: name or function; `None` for none.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel begins; PyTorch draws from ±1/sqrt(fan_in), and the bias too.
        bias_initializer: how the bias begins.
        kernel_regularizer: what the kernel adds to the loss; see `gemmule.regularizers`.
        bias_regularizer: what the bias adds to the loss; see `gemmule.regularizers`.
        activity_regularizer: what the outputs add to the loss, divided by the size of the batch.
        kernel_constraint: what the kernel must satisfy after each update; see `gemmule.constraints`.
        bias_constraint: what the bias must satisfy after each update; see `gemmule.constraints`.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, new_height, new_width, filters)`

    Raises:
        ValueError: for arguments out of range, or an image smaller than the kernel.
        MemoryError: if the result does not fit into memory.

    Example:
        >>> layer = gm.layers.Conv2D(16, 3, padding="same", activation="relu")
        >>> layer(np.zeros((2, 28, 28, 1))).shape
        (2, 28, 28, 16)

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.
    """


class Conv2DTranspose(Convolution):
    """Transposed convolution, also called deconvolution: makes images larger with weights that are learned.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the filters, or one integer for both.
        strides: how many times larger the output is, in each direction.
        padding: `"valid"`: the output has `(size - 1)·stride + max(kernel_size, stride)` pixels; `"same"`:
            `size·stride`.
        output_padding: `None` for these sizes; else the output has `(size - 1)·stride + kernel_size + output_padding`
            pixels, with `"same"` less twice the half of the kernel size. Smaller than the strides.
        data_format: `None` or `"channels_last"`.
        dilation_rate: distance of neighbouring taps of a filter; not together with strides.
        activation: name or function; `None` for none.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel begins, of shape `(height, width, filters, channels)`.
        bias_initializer: how the bias begins.
        kernel_regularizer: what the kernel adds to the loss; see `gemmule.regularizers`.
        bias_regularizer: what the bias adds to the loss; see `gemmule.regularizers`.
        activity_regularizer: what the outputs add to the loss, divided by the size of the batch.
        kernel_constraint: what the kernel must satisfy after each update; see `gemmule.constraints`.
        bias_constraint: what the bias must satisfy after each update; see `gemmule.constraints`.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, new_height, new_width, filters)`

    Raises:
        ValueError: for arguments out of range.
        MemoryError: if the result does not fit into memory.

    Example:
        >>> layer = gm.layers.Conv2DTranspose(16, 3, strides=2, padding="same")
        >>> layer(np.zeros((2, 7, 7, 32))).shape
        (2, 14, 14, 16)

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
    """

    _op = "conv2d_transpose"

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        output_padding: int | tuple[int, int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments_of(locals(), "output_padding"))
        self.output_padding = self._checked_output_padding(output_padding)

    def _checked_output_padding(self, value: Any) -> tuple[int, ...] | None:
        if value is None:
            return None
        with layer_scope(self.name):
            extra = standardize_sizes(self._op, "output_padding", value, 2, least=0)
            check_output_padding(self._op, extra, self.strides)
        return extra

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, self.filters, channels)
        self.kernel = self.add_weight(shape, name="kernel", **self._rules_of("kernel"))
        self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        self._channels(inputs.shape)
        return self._activated(ops.conv2d_transpose, inputs, self.kernel, output_padding=self.output_padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._channels(input_shape)
        check_fits(self._op, input_shape[1:3], (1, 1), self.padding, input_shape, "kernel")
        windows, extra = reach(self.kernel_size, self.dilation_rate), self.output_padding or (None, None)
        spatial = tuple(
            transposed_length(n, window, stride, self.padding, more)
            for n, window, stride, more in zip(input_shape[1:3], windows, self.strides, extra, strict=True)
        )
        check_not_empty(self._op, spatial, self.output_padding, input_shape)
        return (input_shape[0], *spatial, self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"output_padding": self.output_padding}
