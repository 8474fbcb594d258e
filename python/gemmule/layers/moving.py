"""Augmentation that moves images: shifts, turns, zooms."""

from __future__ import annotations

from numbers import Real
from typing import Any

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.augment import RandomImageLayer
from gemmule.ops.augment import FILL_MODES, INTERPOLATIONS, Limits, check_choice, random_transforms
from gemmule.scope import layer_scope
from gemmule.tensor import Tensor


class _Moved(RandomImageLayer):
    """Layers that move the content of images, so that something from outside comes in."""

    _configured = (*RandomImageLayer._configured, "fill_mode", "interpolation", "fill_value")

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: Any,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        with layer_scope(self.name):
            check_choice(self._op, "fill_mode", fill_mode, FILL_MODES)
            check_choice(self._op, "interpolation", interpolation, INTERPOLATIONS)
        if isinstance(fill_value, bool) or not isinstance(fill_value, Real):
            raise ValueError(f"{self._where()}: fill_value must be a number.{received(fill_value=fill_value)}")
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, float(fill_value)

    def _moved(
        self, images: Tensor, kind: str, height: Limits, width: Limits = (0.0, 0.0), joint: bool = False
    ) -> Tensor:
        maps = random_transforms(kind, images.shape[0], images.shape[1:3], self._random(), height, width, joint)
        return ops.affine_transform(images, maps, self.interpolation, self.fill_mode, self.fill_value)


class RandomTranslation(_Moved):
    """In training, moves the content of each image.

    Args:
        height_factor: part of the height to move downwards by: a number `f` for -f to f, or two limits, from -1 to 1.
        width_factor: part of the width to move to the right by.
        fill_mode: what comes in: `"reflect"` (`d c b a | a b c d | d c b a`), `"wrap"` (`a b c d | a b c d`),
            `"nearest"` (`a a a a | a b c d | d d d d`) or `"constant"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for changes that do not depend on `set_random_seed`.
        fill_value: for `"constant"`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for a factor out of range, or unknown words.

    Example:
        >>> layer = gm.layers.RandomTranslation(0.1, 0.1)
        >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
        (8, 32, 32, 3)
    """

    _op = "random_translation"
    _configured = (*_Moved._configured, "height_factor", "width_factor")

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self._height = self._limits("height_factor", height_factor, -1, 1)
        self._width = self._limits("width_factor", width_factor, -1, 1)
        self.height_factor, self.width_factor = height_factor, width_factor

    def _changed(self, images: Tensor) -> Tensor:
        return self._moved(images, "translation", self._height, self._width)


class RandomRotation(_Moved):
    """In training, turns each image about its middle.

    Args:
        factor: part of a full turn, counter-clockwise: a number `f` for -f to f, or two limits, from -1 to 1.
        fill_mode: what comes in at the corners; see `RandomTranslation`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for changes that do not depend on `set_random_seed`.
        fill_value: for `"constant"`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for a factor out of range, or unknown words.

    Example:
        >>> layer = gm.layers.RandomRotation(0.05)  # up to 18 degrees either way
        >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
        (8, 32, 32, 3)
    """

    _op = "random_rotation"
    _configured = (*_Moved._configured, "factor")

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self._turns = self._limits("factor", factor, -1, 1)
        self.factor = factor

    def _changed(self, images: Tensor) -> Tensor:
        return self._moved(images, "rotation", self._turns)


class RandomZoom(_Moved):
    """In training, makes the content of each image larger or smaller.

    Args:
        height_factor: how much more than the image's height is shown: a number `f` for -f to f, or two limits, above
            -1 and up to 1. Positive numbers make the content smaller.
        width_factor: the same for the width; `None` for the same number as for the height.
        fill_mode: what comes in; see `RandomTranslation`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for changes that do not depend on `set_random_seed`.
        fill_value: for `"constant"`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for a factor out of range, or unknown words.

    Example:
        >>> layer = gm.layers.RandomZoom(0.2)
        >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
        (8, 32, 32, 3)
    """

    _op = "random_zoom"
    _configured = (*_Moved._configured, "height_factor", "width_factor")

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self._height = self._zoom("height_factor", height_factor)
        self._width = self._height if width_factor is None else self._zoom("width_factor", width_factor)
        self.height_factor, self.width_factor = height_factor, width_factor

    def _zoom(self, argument: str, factor: Any) -> tuple[float, float]:
        low, high = self._limits(argument, factor, -1, 1)
        if low <= -1:
            raise ValueError(
                f"{self._where()}: {argument} must be greater than -1: nothing would be left to show."
                f"{received(**{argument: factor})}"
            )
        return low, high

    def _changed(self, images: Tensor) -> Tensor:
        return self._moved(images, "zoom", self._height, self._width, joint=self.width_factor is None)
