"""Noise for inputs and for self-normalizing networks, in training only."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.dropout import Dropout, RandomLayer
from gemmule.memory import persistent
from gemmule.plan import refuse_replay
from gemmule.tensor import Tensor

_SATURATION = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946  # where SELU ends on the left


class AlphaDropout(Dropout):
    """Dropout for SELU: in training, sets inputs to SELU's left end and keeps their mean 0 and variance 1.

    With probability `rate` an input becomes `α' = -1.7581`; then all are mapped to `a * x + b`, where
    `a = ((1 - rate) * (1 + rate * α'²)) ** -0.5` and `b = -a * α' * rate`. `layer.rate` can be changed between batches.

    Args:
        rate: a number from 0 to, but without, 1. PyTorch's default is 0.5; Keras has none.
        noise_shape: shape of the pattern, as in `Dropout`.
        seed: an integer for a pattern that does not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if the rate is not a number from 0 to, but without, 1.

    Example:
        >>> layer = gm.layers.AlphaDropout(0.1)
        >>> layer([1.0, 1.0]).numpy()  # inference
        array([1., 1.], dtype=float32)

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """

    _may_drop_all = False

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        dtype = inputs.dtype
        rate = Tensor(self._rate)  # in this memory, which a replay reads again
        shape = inputs.shape if self.noise_shape is None else self._pattern_shape(inputs.shape)
        kept = ops.greater_equal(Tensor(self._random().uniform(shape, dtype=dtype)), ops.cast(rate, dtype))
        a = ops.reciprocal(ops.sqrt((1.0 - rate) * (1.0 + rate * _SATURATION**2)))
        b = a * rate * -_SATURATION
        return ops.where(kept, inputs, _SATURATION) * ops.cast(a, dtype) + ops.cast(b, dtype)


class GaussianDropout(Dropout):
    """In training, multiplies each input with a normal number of mean 1 and variance `rate / (1 - rate)`.

    Mean and variance are those of `Dropout` at the same rate, which can be changed between batches.

    Args:
        rate: a number from 0 to, but without, 1.
        seed: an integer for noise that does not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if the rate is not a number from 0 to, but without, 1.

    Example:
        >>> layer = gm.layers.GaussianDropout(0.1)
        >>> layer([1.0, 1.0]).numpy()  # inference
        array([1., 1.], dtype=float32)

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, section 10.
    """

    _may_drop_all = False

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        rate = Tensor(self._rate)
        noise = Tensor(self._random().normal(inputs.shape)) * ops.sqrt(rate / (1.0 - rate)) + 1.0
        return inputs * ops.cast(noise, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


class GaussianNoise(RandomLayer):
    """In training, adds a normal number of mean 0 to each input, for example of a denoising autoencoder.

    The standard deviation can be changed between batches: `layer.stddev = 0.1`.

    Args:
        stddev: not negative. Keras allows at most 1.
        seed: an integer for noise that does not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if `stddev` is negative or not finite.

    Example:
        >>> layer = gm.layers.GaussianNoise(0.1)
        >>> layer([1.0, 1.0]).numpy()  # inference
        array([1., 1.], dtype=float32)

    Source: Vincent et al., "Stacked Denoising Autoencoders", 2010.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self._stddev = persistent((), "float64")
        self.stddev = stddev

    @property
    def stddev(self) -> float:
        """Standard deviation of the noise."""
        return float(self._stddev)

    @stddev.setter
    def stddev(self, value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < math.inf:
            raise ValueError(f"{self._where()}: stddev must be a number of at least 0.{received(stddev=value)}")
        refuse_replay(f'the stddev of layer "{self.name}" was set in the middle of the step')
        self._stddev[...] = value

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        noise = Tensor(self._random().normal(inputs.shape)) * Tensor(self._stddev)
        return inputs + ops.cast(noise, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stddev": self.stddev}
