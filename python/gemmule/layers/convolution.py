"""What all convolutional layers share: their arguments, checked, and the shapes that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gemmule import activations
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.rules import pop_rules
from gemmule.layers.structure import Shape
from gemmule.ops.convolution import PADDINGS_1D
from gemmule.ops.dense import FUSED
from gemmule.ops.windows import (
    PADDINGS,
    check_channels_last,
    check_fits,
    check_rank,
    check_strides_and_dilation,
    reach,
    standardize_padding,
    standardize_sizes,
    windows_shape,
)
from gemmule.scope import layer_scope, where
from gemmule.tensor import Tensor

_FUSED = {activations.get(name): name for name in FUSED}
_CURES = {
    1: " Give a sequence of numbers its one channel with x[..., np.newaxis].",
    2: " Give grey images their one channel with x[..., np.newaxis], and one image its batch with x[np.newaxis].",
}


class Convolution(Layer):
    """Base class of convolutional layers.

    A subclass names its kernels and what it counts; its constructor hands all its arguments on.

    Args:
        kernel_size: taps of the kernel, one integer or one for each direction.
        strides: steps of the kernel.
        padding: `"valid"`, `"same"` or, for sequences, `"causal"`.
        data_format: `None` or `"channels_last"`.
        dilation_rate: distance of neighbouring taps.
        activation: name or function; `None` for none.
        use_bias: whether there is a bias.
        **more: what the layer counts; initializers, regularizers and constraints of each of its kernels and of the
            bias; and the arguments of every layer.
    """

    _wants_floats = True
    _op = "conv2d"
    _rank = 2
    _together = False  # whether strides and dilation may both be greater than 1
    _kernels: tuple[str, ...] = ("kernel",)
    _counts: tuple[str, ...] = ("filters",)  # arguments that are positive integers
    filters: int

    def __init__(
        self,
        *,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        data_format: Any,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        **more: Any,
    ) -> None:
        rules = pop_rules(more, *self._weights())
        counts = {name: more.pop(name) for name in self._counts}
        super().__init__(**more)
        op, rank = self._op, self._rank
        with layer_scope(self.name):
            for name, count in counts.items():
                setattr(self, name, standardize_sizes(op, name, count, 1)[0])
            check_channels_last(op, data_format, rank)
            self.kernel_size = standardize_sizes(op, "kernel_size", kernel_size, rank)
            self.strides = standardize_sizes(op, "strides", strides, rank)
            self.padding = standardize_padding(op, padding, PADDINGS_1D if rank == 1 else PADDINGS)
            self.dilation_rate = standardize_sizes(op, "dilation_rate", dilation_rate, rank)
            if not self._together:
                check_strides_and_dilation(op, self.strides, self.dilation_rate)
        self.data_format = "channels_last"
        self.activation = self._find(activations.get, activation)
        self.use_bias = bool(use_bias)
        self._keep_rules(rules)

    def _weights(self) -> tuple[str, ...]:
        return (*self._kernels, "bias")

    def _channels(self, input_shape: Shape) -> int:
        """Channels of the input, whose shape is checked."""
        check_rank(self._op, self._rank, input_shape, _CURES[self._rank])
        if input_shape[-1] is None:
            raise ValueError(
                f"{where(self._op)}: the last dimension of the input, the channels, must be known."
                f"{received(input_shape=input_shape)}"
            )
        return input_shape[-1]

    def _windows(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Spatial shape of the output; the input must not be smaller than the kernel."""
        self._channels(input_shape)
        lengths, windows = input_shape[1:-1], reach(self.kernel_size, self.dilation_rate)
        check_fits(self._op, lengths, windows, self.padding, input_shape, "kernel")
        return windows_shape(lengths, windows, self.strides, self.padding)

    def _add_bias(self, filters: int) -> None:
        self.bias = self.add_weight((filters,), name="bias", **self._rules_of("bias")) if self.use_bias else None

    def _activated(self, op: Callable[..., Tensor], inputs: Tensor, *weights: Tensor, **arguments: Any) -> Tensor:
        """The op with this layer's geometry, and its activation fused where that is possible."""
        arguments = {
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            **arguments,
        }
        fused = _FUSED.get(self.activation)
        if fused is not None:
            return op(inputs, *weights, self.bias, activation=fused, **arguments)
        return self.activation(op(inputs, *weights, self.bias, **arguments))

    def get_config(self) -> dict[str, Any]:
        names = (*self._counts, "kernel_size", "strides", "padding", "data_format", "dilation_rate", "use_bias")
        config = {name: getattr(self, name) for name in names}
        config |= self._rules_config(*self._weights())
        return super().get_config() | config | {"activation": activations.serialize(self.activation)}
