"""Pooling layers: they make images and sequences smaller, channel by channel."""

from __future__ import annotations

from typing import Any

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape, arguments_of
from gemmule.ops.windows import (
    check_channels_last,
    check_fits,
    check_rank,
    standardize_padding,
    standardize_sizes,
    windows_shape,
)
from gemmule.scope import layer_scope, where
from gemmule.tensor import Tensor


class _Pooling(Layer):
    """What the layers with sliding windows share."""

    _wants_floats = True
    _op = "max_pool"
    _rank = 2

    def __init__(
        self,
        pool_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        with layer_scope(self.name):
            check_channels_last(self._op, data_format, self._rank)
            self.pool_size = standardize_sizes(self._op, "pool_size", pool_size, self._rank)
            steps = pool_size if strides is None else strides
            self.strides = standardize_sizes(self._op, "strides", steps, self._rank)
            self.padding = standardize_padding(self._op, padding)
        self.data_format = "channels_last"

    def build(self, input_shape: Shape) -> None:
        self._windows(input_shape)

    def _windows(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Spatial shape of the output; the input must not be smaller than the window."""
        check_rank(self._op, self._rank, input_shape)
        check_fits(self._op, input_shape[1:-1], self.pool_size, self.padding, input_shape, "pool")
        return windows_shape(input_shape[1:-1], self.pool_size, self.strides, self.padding)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self._op, self._rank, inputs.shape)
        pool = ops.max_pool if self._op == "max_pool" else ops.average_pool
        return pool(inputs, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._windows(input_shape), input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


class _MaxPooling(_Pooling):
    """Windows of two, unless others are asked for."""

    def __init__(
        self,
        pool_size: int | tuple[int, ...] = 2,
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments_of(locals()))


class MaxPooling2D(_MaxPooling):
    """The largest pixel of each window of an image.

    Args:
        pool_size: height and width of the windows, or one integer for both.
        strides: how far a window moves each time, downwards and to the right; by default as far as it is long.
        padding: `"valid"`: windows stay inside the image; `"same"`: windows may reach beyond it, so that there are
            ceil(length / stride) of them; what lies outside does not count.
        data_format: `None` or `"channels_last"`.
        name: of the layer.
        **kwargs: `dtype`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, new_height, new_width, channels)`

    Raises:
        ValueError: for arguments out of range, or an image smaller than the window.

    Example:
        >>> gm.layers.MaxPooling2D(2)(np.zeros((2, 28, 28, 8))).shape
        (2, 14, 14, 8)
    """


class MaxPooling1D(_MaxPooling):
    """The largest step of each window of a sequence.

    Args:
        pool_size: length of the windows.
        strides: how far a window moves each time; by default as far as it is long.
        padding: `"valid"`: windows stay inside the sequence; `"same"`: windows may reach beyond it, so that there are
            ceil(length / stride) of them; what lies outside does not count.
        data_format: `None` or `"channels_last"`.
        name: of the layer.
        **kwargs: `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, new_steps, channels)`

    Raises:
        ValueError: for arguments out of range, or a sequence shorter than the window.

    Example:
        >>> gm.layers.MaxPooling1D(3)(np.zeros((2, 10, 8))).shape
        (2, 3, 8)
    """

    _rank = 1


class AveragePooling2D(_Pooling):
    """The mean of each window of an image.

    Args:
        pool_size: height and width of the windows, or one integer for both.
        strides: how far a window moves each time, downwards and to the right; by default as far as it is long.
        padding: `"valid"`: windows stay inside the image; `"same"`: windows may reach beyond it, so that there are
            ceil(length / stride) of them; what lies outside does not count. PyTorch counts its zeros.
        data_format: `None` or `"channels_last"`.
        name: of the layer.
        **kwargs: `dtype`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, new_height, new_width, channels)`

    Raises:
        ValueError: for arguments out of range, or an image smaller than the window.

    Example:
        >>> gm.layers.AveragePooling2D(2)(np.zeros((2, 28, 28, 8))).shape
        (2, 14, 14, 8)
    """

    _op = "average_pool"


class AveragePooling1D(_Pooling):
    """The mean of each window of a sequence.

    Args:
        pool_size: length of the windows.
        strides: how far a window moves each time; by default as far as it is long.
        padding: `"valid"`: windows stay inside the sequence; `"same"`: windows may reach beyond it, so that there are
            ceil(length / stride) of them; what lies outside does not count. PyTorch counts its zeros.
        data_format: `None` or `"channels_last"`.
        name: of the layer.
        **kwargs: `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, new_steps, channels)`

    Raises:
        ValueError: for arguments out of range, or a sequence shorter than the window.

    Example:
        >>> gm.layers.AveragePooling1D(3)(np.zeros((2, 10, 8))).shape
        (2, 3, 8)
    """

    _op = "average_pool"
    _rank = 1


class _GlobalPooling(Layer):
    """What the layers with one window over everything share."""

    _wants_floats = True
    _op = "max"
    _rank = 2

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with layer_scope(self.name):
            check_channels_last(self._label, data_format, self._rank)
        self.data_format = "channels_last"
        self.keepdims = bool(keepdims)

    @property
    def _label(self) -> str:
        return f"global_{'max' if self._op == 'max' else 'average'}_pooling{self._rank}d"

    def call(self, inputs: Tensor) -> Tensor:
        self._check(inputs.shape)
        reduce = ops.max if self._op == "max" else ops.mean
        return reduce(inputs, tuple(range(1, self._rank + 1)), self.keepdims)

    def _check(self, input_shape: Shape) -> None:
        check_rank(self._label, self._rank, input_shape)
        if 0 in input_shape[1:-1]:
            raise ValueError(
                f"{where(self._label)}: there is nothing to pool in an input without pixels or steps."
                f"{received(input_shape=input_shape)}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (input_shape[0], *([1] * self._rank if self.keepdims else []), input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format, "keepdims": self.keepdims}


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest pixel of each channel.

    Args:
        data_format: `None` or `"channels_last"`.
        keepdims: whether height and width stay, with length one.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, channels)`, or `(batch, 1, 1, channels)` with `keepdims`

    Raises:
        ValueError: if the input is no image.

    Example:
        >>> gm.layers.GlobalMaxPooling2D()(np.zeros((2, 7, 7, 64))).shape
        (2, 64)
    """


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest step of each channel.

    Args:
        data_format: `None` or `"channels_last"`.
        keepdims: whether the steps stay, with length one.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, channels)`, or `(batch, 1, channels)` with `keepdims`

    Raises:
        ValueError: if the input is no sequence.

    Example:
        >>> gm.layers.GlobalMaxPooling1D()(np.zeros((2, 50, 64))).shape
        (2, 64)
    """

    _rank = 1


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel.

    Args:
        data_format: `None` or `"channels_last"`.
        keepdims: whether height and width stay, with length one.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, channels)`, or `(batch, 1, 1, channels)` with `keepdims`

    Raises:
        ValueError: if the input is no image.

    Example:
        >>> gm.layers.GlobalAveragePooling2D(keepdims=True)(np.zeros((2, 7, 7, 64))).shape
        (2, 1, 1, 64)
    """

    _op = "mean"


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over the steps of a sequence.

    Args:
        data_format: `None` or `"channels_last"`.
        keepdims: whether the steps stay, with length one.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, channels)`, or `(batch, 1, channels)` with `keepdims`

    Raises:
        ValueError: if the input is no sequence.

    Example:
        >>> gm.layers.GlobalAveragePooling1D()(np.zeros((2, 50, 64))).shape
        (2, 64)
    """

    _op = "mean"
    _rank = 1
