"""Layers that bring data to a common scale, so that a model takes it as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import describe, received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape
from gemmule.ops.shapes import as_tensor
from gemmule.scope import where
from gemmule.tensor import Tensor

_EPSILON = 1e-7  # least standard deviation, as in Keras
_ROWS = 1 << 16  # elements that are converted to float64 at a time, at least one example


class Rescaling(Layer):
    """Multiplies by a number and adds another: `inputs * scale + offset`.

    Args:
        scale: a number, or one for each channel: `1 / 255` brings pixels to 0 … 1.
        offset: a number, or one for each channel.
        **kwargs: `name`, `dtype`, `input_shape`.

    Raises:
        TypeError: if scale or offset hold no numbers.

    Example:
        >>> layer = gm.layers.Rescaling(1 / 255)
        >>> layer(np.array([[0, 51, 255]], np.uint8)).numpy()
        array([[0. , 0.2, 1. ]], dtype=float32)
    """

    _wants_floats = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = self._numbers("scale", scale), self._numbers("offset", offset)

    def _numbers(self, argument: str, value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise TypeError(
                f"{self._where()}: {argument} must be a number, or one for each channel.{received(**{argument: value})}"
            )
        return array.tolist()

    def call(self, inputs: Tensor) -> Tensor:
        scaled = ops.multiply(inputs, as_tensor(self.scale, inputs.dtype))
        return ops.add(scaled, as_tensor(self.offset, inputs.dtype)) if np.any(self.offset) else scaled

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale, "offset": self.offset}


class Normalization(Layer):
    """Subtracts the mean of the data and divides by its standard deviation, feature by feature.

    Mean and variance come from `adapt`, or are given.

    Args:
        axis: the axis, or axes, that have a mean for each index; `None` for one mean of all numbers.
        mean: the means, with `variance`, instead of `adapt`.
        variance: the variances.
        invert: whether to go back from normalised numbers to the original ones.
        **kwargs: `name`, `dtype`, `input_shape`.

    Raises:
        ValueError: if only one of mean and variance is given, or the shapes do not fit.

    Example:
        >>> layer = gm.layers.Normalization()
        >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
        >>> layer([[1.0, 30.0]]).numpy()
        array([[-1.,  1.]], dtype=float32)
    """

    _wants_floats = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
        self.axis = tuple(int(a) if isinstance(a, np.integer) else a for a in axes)
        if (mean is None) != (variance is None) or np.shape(mean) != np.shape(variance):
            raise ValueError(
                f"{self._where()}: mean and variance belong together and have the same shape."
                f"{received(mean=mean, variance=variance)}"
            )
        self.input_mean = None if mean is None else np.asarray(mean, np.float64).tolist()
        self.input_variance = None if variance is None else np.asarray(variance, np.float64).tolist()
        self.invert = bool(invert)

    def build(self, input_shape: Shape) -> None:
        kept = self._kept(len(input_shape))
        shape = tuple(input_shape[axis] for axis in kept)
        if None in shape:
            raise ValueError(
                f"{where('normalization')}: the dimensions along axis={self.axis} must be known."
                f"{received(input_shape=input_shape)}"
            )
        if self.input_mean is None:
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")  # type: ignore[arg-type]
            self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")  # type: ignore[arg-type]
            return
        try:
            self._given = tuple(
                np.broadcast_to(np.asarray(given, self.dtype), shape).copy()  # type: ignore[arg-type]
                for given in (self.input_mean, self.input_variance)
            )
        except ValueError:
            raise ValueError(
                f"{where('normalization')}: mean and variance do not fit the input along axis={self.axis}: shape "
                f"{np.shape(self.input_mean)} instead of {shape}.{received(input_shape=input_shape)}"
            ) from None

    def _kept(self, rank: int) -> tuple[int, ...]:
        """The axes with means of their own, counted from the front."""
        if any(isinstance(a, bool) or not isinstance(a, int) or not -rank <= a < rank for a in self.axis):
            raise ValueError(
                f"{where('normalization')}: axis must be integers from {-rank} to {rank - 1}.{received(axis=self.axis)}"
            )
        return tuple(sorted(a % rank for a in self.axis))

    def adapt(self, data: Any) -> None:
        """Takes mean and variance from data; what an earlier call found is forgotten.

        Sums are kept in float64, and data of any size goes by in parts.

        Args:
            data: an array of examples, or an iterable of batches of them.

        Raises:
            ValueError: if mean and variance were given, or there is no data.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"{self._where()}: mean and variance were given. Leave them out to use adapt."
                f"{received(mean=self.input_mean, variance=self.input_variance)}"
            )
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for part in self._parts(data):
            if not self._built:
                self.build((None, *part.shape[1:]))
            kept = self._kept(part.ndim)
            reduced = tuple(axis for axis in range(part.ndim) if axis not in kept)
            if tuple(part.shape[axis] for axis in kept) != self.mean.shape:
                raise ValueError(
                    f"{self._where()}: this data does not fit what the layer was built for."
                    f"{received(data=part, mean_shape=self.mean.shape)}"
                )
            n = part.size // max(self.mean.size, 1)
            own = part.mean(axis=reduced)
            centred = part - np.expand_dims(own, reduced)
            apart, total = own - mean, count + n
            # Chan, Golub and LeVeque (1979): two parts' sums of squares, each about its own mean, combined.
            squares = squares + np.square(centred).sum(axis=reduced) + np.square(apart) * (count * n / total)
            mean, count = mean + apart * (n / total), total
        if not count:
            raise ValueError(f"{self._where()}: there is no data to adapt to.")
        self.mean.assign(mean)
        self.variance.assign(squares / count)

    def _parts(self, data: Any) -> Iterable[np.ndarray]:
        """Batches of the data as float64, of about `_ROWS` elements."""
        arrays = hasattr(data, "__array__") or not hasattr(data, "__iter__") or _is_one_array(data)
        for batch in [data] if arrays else data:
            array = np.asarray(batch[0] if isinstance(batch, tuple) else batch)
            if array.dtype.kind not in "fiub" or not array.ndim:
                raise TypeError(
                    f"{self._where()}: adapt takes arrays of numbers, or batches of them. Received: {describe(batch)}."
                )
            step = max(_ROWS // max(array[:1].size, 1), 1)
            for start in range(0, len(array), step):
                yield array[start : start + step].astype(np.float64)

    def call(self, inputs: Tensor) -> Tensor:
        kept = self._kept(inputs.ndim)
        shape = tuple(n if axis in kept else 1 for axis, n in enumerate(inputs.shape))
        mean, variance = (self.mean, self.variance) if self.input_mean is None else map(Tensor, self._given)
        mean, deviation = ops.reshape(mean, shape), ops.maximum(ops.sqrt(ops.reshape(variance, shape)), _EPSILON)
        if self.invert:
            return inputs * deviation + mean
        return (inputs - mean) / deviation

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "axis": self.axis or None,
            "mean": self.input_mean,
            "variance": self.input_variance,
            "invert": self.invert,
        }


def _is_one_array(data: Any) -> bool:
    """Whether a list holds numbers or lists of numbers, and not batches that are arrays."""
    first = data[0] if isinstance(data, (list, tuple)) and data else None
    return isinstance(first, (int, float)) or (isinstance(first, list) and _is_one_array(first))
