"""Random weights whose variance fits the number of inputs and outputs of a unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.errors import did_you_mean, received
from gemmule.initializers.initializer import RandomInitializer
from gemmule.random import Stream, truncated_scale

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class VarianceScaling(RandomInitializer):
    """Random numbers whose variance is `scale / fan`, so that signals keep their size from layer to layer.

    `fan` is the number of inputs of a unit (`"fan_in"`), of its outputs (`"fan_out"`) or the mean of both
    (`"fan_avg"`). With s = sqrt(scale / fan), normal numbers have the standard deviation s (the truncated ones too:
    they are drawn wider by the part the cut costs) and uniform ones lie in `[-s·sqrt(3), s·sqrt(3))`.

    Args:
        scale: a positive number.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`.
        distribution: `"truncated_normal"` (also called `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: an integer for the same values at each call.
        input_axes: axes of the weight whose lengths make up the inputs, for shapes other than `(..., in, out)`; needs
            `output_axes`, too.
        output_axes: axes whose lengths make up the outputs.

    Raises:
        ValueError: for other values.

    Source: Glorot and Bengio, 2010; He et al., "Delving Deep into Rectifiers", 2015.

    Example:
        >>> he = gm.initializers.VarianceScaling(scale=2.0, mode="fan_in", distribution="uniform")
        >>> layer = gm.layers.Dense(10, kernel_initializer=he)
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if not scale > 0:
            raise ValueError(f"scale must be positive.{received(scale=scale)}")
        if mode not in _MODES:
            raise ValueError(f"Unknown mode {mode!r}.{did_you_mean(mode, _MODES)}")
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(f"Unknown distribution {distribution!r}.{did_you_mean(distribution, _DISTRIBUTIONS)}")
        if (input_axes is None) != (output_axes is None):
            raise ValueError(
                "input_axes and output_axes belong together: give both, or neither."
                f"{received(input_axes=input_axes, output_axes=output_axes)}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * stddev
            return stream.uniform(shape, -limit, limit)
        if self.distribution == "untruncated_normal":
            return stream.normal(shape, 0.0, stddev)
        return stream.normal(shape, 0.0, stddev / truncated_scale(), truncated=True)

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return own | self._common_config()

    def _common_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "input_axes": self.input_axes, "output_axes": self.output_axes}


class _Scaled(VarianceScaling):
    """A `VarianceScaling` with a name and fixed arguments."""

    _arguments: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._arguments, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        return self._common_config()


class GlorotUniform(_Scaled):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)): Keras's default for kernels; PyTorch's `Linear` draws ±1/sqrt(fan_in).

    Args:
        seed: an integer for the same values at each call.
        input_axes, output_axes: see `VarianceScaling`.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    _arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal with standard deviation sqrt(2 / (fan_in + fan_out)).

    Args:
        seed: an integer for the same values at each call.
        input_axes, output_axes: see `VarianceScaling`.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    _arguments = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform in ±sqrt(6 / fan_in), for ReLU and its relatives.

    Args:
        seed: an integer for the same values at each call.
        input_axes, output_axes: see `VarianceScaling`.

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """

    _arguments = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal with standard deviation sqrt(2 / fan_in), for ReLU and its relatives.

    Args:
        seed: an integer for the same values at each call.
        input_axes, output_axes: see `VarianceScaling`.

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """

    _arguments = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform in ±sqrt(3 / fan_in), for tanh.

    Args:
        seed: an integer for the same values at each call.
        input_axes, output_axes: see `VarianceScaling`.

    Source: LeCun et al., "Efficient BackProp", 1998.
    """

    _arguments = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal with standard deviation sqrt(1 / fan_in), for tanh and SELU.

    Args:
        seed: an integer for the same values at each call.
        input_axes, output_axes: see `VarianceScaling`.

    Source: LeCun et al., "Efficient BackProp", 1998; Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """

    _arguments = (1.0, "fan_in", "truncated_normal")


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[float, float]:
    """Inputs and outputs of one unit for a kernel of this shape: of these axes, or of `(..., in, out)`.

    Raises:
        ValueError: if an axis does not exist.
    """
    if input_axes is not None and output_axes is not None:
        if any(not -len(shape) <= axis < len(shape) for axis in (*input_axes, *output_axes)):
            raise ValueError(
                f"The weight has {len(shape)} axes, which input_axes and output_axes must be among."
                f"{received(shape=tuple(shape), input_axes=input_axes, output_axes=output_axes)}"
            )
        return float(math.prod(shape[a] for a in input_axes)), float(math.prod(shape[a] for a in output_axes))
    if len(shape) < 2:
        return (float(shape[0]),) * 2 if len(shape) else (1.0, 1.0)
    receptive_field = math.prod(shape[:-2])
    return float(shape[-2] * receptive_field), float(shape[-1] * receptive_field)
