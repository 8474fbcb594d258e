"""Layers that make images and sequences larger."""

from __future__ import annotations

from typing import Any

from gemmule import ops
from gemmule.errors import not_yet
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape
from gemmule.ops.resize import standardize_interpolation
from gemmule.ops.windows import check_channels_last, check_rank, standardize_sizes
from gemmule.scope import layer_scope
from gemmule.tensor import Tensor

_OTHER_INTERPOLATIONS = ("bicubic", "lanczos3", "lanczos5")


class _UpSampling(Layer):
    """What both layers share."""

    _wants_floats = True
    _rank = 2

    def __init__(self, size: Any, interpolation: Any = "nearest", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with layer_scope(self.name):
            self.size = standardize_sizes("upsample", "size", size, self._rank)
            self.interpolation = standardize_interpolation("upsample", interpolation)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank("upsample", self._rank, inputs.shape)
        return ops.upsample(inputs, self.size, self.interpolation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_rank("upsample", self._rank, input_shape)
        lengths = (None if n is None else n * factor for n, factor in zip(input_shape[1:-1], self.size, strict=True))
        return (input_shape[0], *lengths, input_shape[-1])


class UpSampling1D(_UpSampling):
    """Repeats each step of a sequence.

    Args:
        size: how often.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, steps · size, channels)`

    Raises:
        ValueError: if `size` is no positive integer.

    Example:
        >>> gm.layers.UpSampling1D(3)(np.zeros((2, 4, 5))).shape
        (2, 12, 5)
    """

    _rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size[0]}


class UpSampling2D(_UpSampling):
    """Makes images larger by whole factors.

    Args:
        size: factors for height and width, or one integer for both.
        data_format: `None` or `"channels_last"`.
        interpolation: `"nearest"` repeats pixels, `"bilinear"` mixes neighbours, with the centres of pixels at
            half-integers. Keras's `"bicubic"`, `"lanczos3"` and `"lanczos5"` are not supported yet.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, height · size[0], width · size[1], channels)`

    Raises:
        ValueError: for factors that are no positive integers, or an unknown interpolation.

    Example:
        >>> gm.layers.UpSampling2D(2)(np.zeros((2, 7, 7, 5))).shape
        (2, 14, 14, 5)
    """

    def __init__(
        self,
        size: int | tuple[int, int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        if interpolation in _OTHER_INTERPOLATIONS:
            raise not_yet(f"UpSampling2D(interpolation={interpolation!r})", 'Take "nearest" or "bilinear".')
        super().__init__(size, interpolation, **kwargs)
        with layer_scope(self.name):
            check_channels_last("upsample", data_format)
        self.data_format = "channels_last"

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }
