"""How weights begin.

All random initializers draw float64 numbers from Philox streams and cast them at the end, so a seed gives the same
weights on every machine, for any number of threads and on both backends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gemmule import naming
from gemmule.config import standardize_dtype
from gemmule.errors import did_you_mean, received
from gemmule.random import Stream, truncated_scale
from gemmule.tensor import Tensor

__all__ = [
    "Initializer", "Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
    "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal",
    "get", "serialize", "deserialize",
]  # fmt: skip


class Initializer:
    """Base class: a function of shape and dtype that gives the first values of a weight.

    Subclasses define `__call__(shape, dtype=None)` and `get_config()`.

    Example:
        >>> class Halves(gm.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return gm.ops.full(shape, 0.5, dtype=dtype)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """The values, as a tensor."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this initializer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """An initializer from what `get_config` returned."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another initializer like this one."""
        return self.from_config(self.get_config())


class Constant(Initializer):
    """All weights have one value.

    Args:
        value: the number.

    Example:
        >>> gm.initializers.Constant(3.0)((2,)).numpy()
        array([3., 3.], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return Tensor(np.full(tuple(shape), self.value, standardize_dtype(dtype)))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Zeros(Initializer):
    """All weights are 0; usual for biases.

    Example:
        >>> gm.initializers.Zeros()((2,)).numpy()
        array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return Tensor(np.zeros(tuple(shape), standardize_dtype(dtype)))


class Ones(Initializer):
    """All weights are 1.

    Example:
        >>> gm.initializers.Ones()((2,)).numpy()
        array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return Tensor(np.ones(tuple(shape), standardize_dtype(dtype)))


class _Random(Initializer):
    """An initializer with a seed: with an integer every call gives the same values, with `None` other ones."""

    def __init__(self, seed: int | None = None) -> None:
        Stream(seed=0 if seed is None else seed)  # raises for what is no seed
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        name = standardize_dtype(dtype)
        if not name.startswith("float"):
            raise ValueError(f"{type(self).__name__} gives floating numbers.{received(dtype=dtype)}")
        return Tensor(self._draw(Stream(self.seed), tuple(shape)).astype(name, copy=False))

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError


class RandomNormal(_Random):
    """Normal numbers.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed: an integer for the same values at each call.

    Example:
        >>> gm.initializers.RandomNormal(stddev=0.1)((3, 4)).shape
        (3, 4)
    """

    _truncated = False

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        if stddev < 0:
            raise ValueError(f"stddev must not be negative.{received(stddev=stddev)}")
        self.mean, self.stddev = mean, stddev

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        return stream.normal(shape, self.mean, self.stddev, truncated=self._truncated)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal numbers without those further than two standard deviations from the mean.

    Args:
        mean: mean of the whole distribution.
        stddev: standard deviation before the tails are cut; what remains has 0.88 of it.
        seed: an integer for the same values at each call.

    Example:
        >>> bool(abs(gm.initializers.TruncatedNormal(stddev=1.0)((100,)).numpy()).max() <= 2)
        True
    """

    _truncated = True


class RandomUniform(_Random):
    """Uniform numbers.

    Args:
        minval: the smallest one.
        maxval: the bound they stay below.
        seed: an integer for the same values at each call.

    Example:
        >>> gm.initializers.RandomUniform(0.0, 1.0)((3, 4)).shape
        (3, 4)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        if minval > maxval:
            raise ValueError(f"minval must not exceed maxval.{received(minval=minval, maxval=maxval)}")
        self.minval, self.maxval = minval, maxval

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        return stream.uniform(shape, self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class VarianceScaling(_Random):
    """Random numbers whose variance is `scale / fan`, so that signals keep their size from layer to layer.

    `fan` is the number of inputs of a unit (`"fan_in"`), of its outputs (`"fan_out"`) or the mean of both
    (`"fan_avg"`). With s = sqrt(scale / fan), normal numbers have the standard deviation s (the truncated ones too:
    they are drawn wider by the part the cut costs) and uniform ones lie in `[-s·sqrt(3), s·sqrt(3))`.

    Args:
        scale: a positive number.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`.
        distribution: `"truncated_normal"` (also called `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: an integer for the same values at each call.

    Raises:
        ValueError: for other values.

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
    ) -> None:
        super().__init__(seed)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if not scale > 0:
            raise ValueError(f"scale must be positive.{received(scale=scale)}")
        if mode not in _MODES:
            raise ValueError(f"Unknown mode {mode!r}.{did_you_mean(mode, _MODES)}")
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(f"Unknown distribution {distribution!r}.{did_you_mean(distribution, _DISTRIBUTIONS)}")
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * stddev
            return stream.uniform(shape, -limit, limit)
        if self.distribution == "untruncated_normal":
            return stream.normal(shape, 0.0, stddev)
        return stream.normal(shape, 0.0, stddev / truncated_scale(), truncated=True)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}


class _Scaled(VarianceScaling):
    """A `VarianceScaling` with a name and fixed arguments."""

    _arguments: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self._arguments, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class GlorotUniform(_Scaled):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)): Keras's default for kernels; PyTorch's `Linear` draws ±1/sqrt(fan_in).

    Args:
        seed: an integer for the same values at each call.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    _arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal with standard deviation sqrt(2 / (fan_in + fan_out)).

    Args:
        seed: an integer for the same values at each call.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    _arguments = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform in ±sqrt(6 / fan_in), for ReLU and its relatives.

    Args:
        seed: an integer for the same values at each call.

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """

    _arguments = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal with standard deviation sqrt(2 / fan_in), for ReLU and its relatives.

    Args:
        seed: an integer for the same values at each call.

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """

    _arguments = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform in ±sqrt(3 / fan_in), for tanh.

    Args:
        seed: an integer for the same values at each call.

    Source: LeCun et al., "Efficient BackProp", 1998.
    """

    _arguments = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal with standard deviation sqrt(1 / fan_in), for tanh and SELU.

    Args:
        seed: an integer for the same values at each call.

    Source: LeCun et al., "Efficient BackProp", 1998; Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """

    _arguments = (1.0, "fan_in", "truncated_normal")


def compute_fans(shape: Sequence[int]) -> tuple[float, float]:
    """Inputs and outputs of one unit for a kernel of this shape, channels last: `(..., in, out)`."""
    if len(shape) < 1:
        return 1.0, 1.0
    if len(shape) == 1:
        return float(shape[0]), float(shape[0])
    receptive_field = math.prod(shape[:-2])
    return float(shape[-2] * receptive_field), float(shape[-1] * receptive_field)


_CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls
    for cls in (
        Zeros, Ones, Constant, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling,
        GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
    )
}  # fmt: skip
_NAMES = {naming.snake_case(name): cls for name, cls in _CLASSES.items()}
globals().update(_NAMES)  # Keras offers each class under its snake-case name as well
__all__ += list(_NAMES)


def get(identifier: Any) -> Callable[..., Any] | None:
    """An initializer from a name, a class, a configuration, an object, or a function of shape and dtype.

    Args:
        identifier: `"he_normal"`, `HeNormal`, `HeNormal()`, `{"class_name": ..., "config": ...}`, a function or `None`.

    Returns:
        The initializer; `None` for `None`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else.

    Example:
        >>> gm.initializers.get("he_normal").get_config()
        {'seed': None}
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        cls = _NAMES.get(identifier) or _CLASSES.get(identifier)
        if cls is None:
            raise ValueError(f"Unknown initializer {identifier!r}.{did_you_mean(identifier, _NAMES)}")
        return cls()
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if callable(identifier):
        return identifier
    raise TypeError(
        "An initializer is a name such as 'he_normal', an Initializer, or a function of (shape, dtype)."
        f"{received(initializer=identifier)}"
    )


def serialize(initializer: Any) -> Any:
    """The configuration of an initializer: class name and arguments. A plain function stays as it is."""
    if not isinstance(initializer, Initializer):
        return initializer
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}


def deserialize(config: dict[str, Any]) -> Initializer:
    """An initializer from what `serialize` returned.

    Raises:
        ValueError: if the class is not one of gemmule's.
    """
    name = config.get("class_name")
    if name not in _CLASSES:
        raise ValueError(f"Unknown initializer {name!r}.{did_you_mean(str(name), _CLASSES)}")
    return _CLASSES[name].from_config(config.get("config", {}))
