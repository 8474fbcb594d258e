"""Layers that make noise in training and nothing in inference."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.holding import calls
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape, is_shape, standardize_shape
from gemmule.memory import persistent
from gemmule.ops.windows import check_channels_last
from gemmule.plan import refuse_replay
from gemmule.random import Stream
from gemmule.scope import layer_scope, where
from gemmule.tensor import Tensor


class RandomLayer(Layer):
    """Base class: in training, draws random numbers from a stream of its own.

    Args:
        seed: an integer for numbers that do not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.
    """

    _wants_floats = True

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self._stream = None if seed is None else Stream(seed)

    def build(self, input_shape: Shape) -> None:
        self._random()  # now, like weights: a seed that is set before the layer is built counts

    def _random(self) -> Stream:
        self._stream = self._stream or Stream()
        return self._stream

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"seed": self.seed}


class Dropout(RandomLayer):
    """In training, zeroes each input with probability `rate` and divides the others by `1 - rate`.

    The rate can be changed between batches: `layer.rate = 0.3`.

    Args:
        rate: a number from 0 to 1. PyTorch's default is 0.5; Keras has none.
        noise_shape: shape of the pattern of zeros, 1 where it repeats and `None` where it is that of the input: with
            `(None, 1, None)` the same features are dropped at every step of a sequence.
        seed: an integer for a pattern that does not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if the rate is not between 0 and 1.

    Example:
        >>> layer = gm.layers.Dropout(0.5)
        >>> layer([1.0, 1.0]).numpy()  # inference
        array([1., 1.], dtype=float32)

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    _may_drop_all = True  # whether the rate may be 1

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self._rate = persistent((), "float64")  # read by the kernel at each step, so that a change needs no new plan
        self.rate = rate
        self.noise_shape = None if noise_shape is None else standardize_shape(tuple(noise_shape))

    @property
    def rate(self) -> float:
        """Probability of a zero."""
        return float(self._rate)

    @rate.setter
    def rate(self, value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
            raise ValueError(f"{self._where()}: rate must be a number from 0 to 1.{received(rate=value)}")
        if value == 1 and not self._may_drop_all:
            raise ValueError(f"{self._where()}: no noise keeps the variance at a rate of 1.{received(rate=value)}")
        refuse_replay(f'the rate of layer "{self.name}" was set in the middle of the step')
        self._rate[...] = value

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        if self.noise_shape is None:
            return ops.dropout(inputs, self._rate, self._random())
        pattern = ops.ones(self._pattern_shape(inputs.shape), dtype=inputs.dtype)
        return ops.multiply(inputs, ops.dropout(pattern, self._rate, self._random()))

    def _pattern_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        noise = self.noise_shape or ()
        if len(noise) != len(shape) or any(n not in (None, 1, d) for n, d in zip(noise, shape)):
            raise ValueError(
                f"{where('dropout')}: noise_shape must have one entry for each dimension of the input: its size, 1 or "
                f"None.{received(noise_shape=self.noise_shape)} The input's shape is {shape}."
            )
        return tuple(d if n is None else n for n, d in zip(noise, shape))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "noise_shape": self.noise_shape}


class _SpatialDropout(Dropout):
    """Dropout of whole channels: what lies side by side is alike, so that dropping single values would do little."""

    _axes = ""
    _noise: tuple[int | None, ...] = ()

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, noise_shape=self._noise, seed=seed, **kwargs)

    def _check_rank(self, shape: Any) -> None:
        if not is_shape(shape) or len(shape) != len(self._noise):
            raise ValueError(
                f"{where('spatial_dropout')}: the input must have {len(self._noise)} dimensions, {self._axes}."
                f"{received(input_shape=shape)}"
            )

    def build(self, input_shape: Shape) -> None:
        if not calls.depth:  # in a call, `call` names the shape that came
            self._check_rank(input_shape)
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        self._check_rank(inputs.shape)
        return super().call(inputs, training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_rank(input_shape)
        return super().compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


class SpatialDropout1D(_SpatialDropout):
    """In training, zeroes whole channels of sequences and scales the others up, each example by itself.

    Args:
        rate: probability of a channel to be zeroed, from 0 to 1.
        seed: an integer for a pattern that does not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Input shape:
        `(batch, steps, channels)`

    Raises:
        ValueError: if the rate is not between 0 and 1.

    Example:
        >>> layer = gm.layers.SpatialDropout1D(0.5)
        >>> layer(np.ones((2, 10, 4)), training=True).shape
        (2, 10, 4)

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015.
    """

    _axes = "(batch, steps, channels)"
    _noise = (None, 1, None)


class SpatialDropout2D(_SpatialDropout):
    """In training, zeroes whole channels of images and scales the others up, each example by itself.

    Args:
        rate: probability of a channel to be zeroed, from 0 to 1.
        data_format: `None` or `"channels_last"`.
        seed: an integer for a pattern that does not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Input shape:
        `(batch, height, width, channels)`

    Raises:
        ValueError: if the rate is not between 0 and 1.

    Example:
        >>> layer = gm.layers.SpatialDropout2D(0.5)
        >>> layer(np.ones((2, 8, 8, 4)), training=True).shape
        (2, 8, 8, 4)

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015.
    """

    _axes = "(batch, height, width, channels)"
    _noise = (None, 1, 1, None)

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        with layer_scope(self.name):
            check_channels_last("spatial_dropout", data_format)
        self.data_format = "channels_last"

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format}
