"""Random changes of images, in training only: more pictures from those one has.

Every image is changed in a way of its own. The random numbers come from a stream of the layer, so that a run repeats
bit for bit, for any number of threads.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

from gemmule import ops
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.layers.holding import calls
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape, is_shape
from gemmule.ops.augment import check_choice, random_transforms
from gemmule.ops.shapes import empty
from gemmule.ops.windows import check_channels_last, standardize_sizes
from gemmule.random import Stream
from gemmule.scope import layer_scope, where
from gemmule.tensor import Tensor

_FLIPS = {"horizontal": (0.0, 0.5), "vertical": (0.5, 0.0), "horizontal_and_vertical": (0.5, 0.5)}


class RandomImageLayer(Layer):
    """Base class: images (batch, height, width, channels), or one image, are changed in training.

    Args:
        seed: an integer for changes that do not depend on `set_random_seed`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`.
    """

    _wants_floats = True
    _op = "random_images"
    _configured: tuple[str, ...] = ("seed", "data_format")  # attributes that make up the configuration

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with layer_scope(self.name):
            check_channels_last(self._op, data_format)
        self.data_format = "channels_last"
        self.seed = seed
        self._stream = None if seed is None else Stream(seed)

    def build(self, input_shape: Shape) -> None:
        if not calls.depth:  # in a call, `call` names the shape that came
            self._check_images(input_shape)
        self._random()  # now, like weights: a seed that is set before the layer is built counts

    def _random(self) -> Stream:
        self._stream = self._stream or Stream()
        return self._stream

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        self._check_images(getattr(inputs, "shape", inputs))
        if inputs.ndim == 4:
            return self._images(inputs, training)
        return ops.squeeze(self._images(ops.expand_dims(inputs, 0), training), 0)

    def _check_images(self, shape: Any) -> None:
        if not is_shape(shape) or len(shape) not in (3, 4):
            raise ValueError(
                f"{where(self._op)}: the input must be images, (batch, height, width, channels), or one image without "
                f"the batch.{received(input_shape=shape)}"
            )

    def _images(self, images: Tensor, training: bool) -> Tensor:
        return self._changed(images) if training else images

    def _changed(self, images: Tensor) -> Tensor:
        """The images after a random change of each."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_images(input_shape)
        return tuple(input_shape)

    def _limits(self, argument: str, factor: Any, low: float, high: float) -> tuple[float, float]:
        """A number f as (-f, f), or two numbers in order, within bounds."""
        many = factor if isinstance(factor, (tuple, list)) else (factor, factor)
        numbers = all(isinstance(f, Real) and not isinstance(f, bool) for f in many)
        if len(many) != 2 or not numbers or any(not low <= f <= high for f in many):
            raise ValueError(
                f"{self._where()}: {argument} must be a number, or two, from {low:g} to {high:g}."
                f"{received(**{argument: factor})}"
            )
        return (min(many), max(many)) if isinstance(factor, (tuple, list)) else (-abs(factor), abs(factor))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {name: getattr(self, name) for name in self._configured}


class RandomFlip(RandomImageLayer):
    """In training, mirrors each image, turns it upside down, or both, each with probability 1/2.

    Args:
        mode: `"horizontal"` (left and right change places), `"vertical"` or `"horizontal_and_vertical"`: then each of
            the two happens by itself, while Keras does both or none.
        seed: an integer for changes that do not depend on `set_random_seed`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for an unknown mode.

    Example:
        >>> layer = gm.layers.RandomFlip("horizontal")
        >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
        (8, 32, 32, 3)
    """

    _op = "random_flip"
    _configured = (*RandomImageLayer._configured, "mode")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        with layer_scope(self.name):
            check_choice(self._op, "mode", mode, tuple(_FLIPS))
        self.mode = mode

    def _changed(self, images: Tensor) -> Tensor:
        upside_down, mirrored = _FLIPS[self.mode]
        maps = random_transforms(
            "flip", images.shape[0], images.shape[1:3], self._random(), (0.0, upside_down), (0.0, mirrored)
        )
        return ops.affine_transform(images, maps, "nearest", "nearest")


class RandomCrop(RandomImageLayer):
    """In training, cuts a part of the given size out of each image, at a random place.

    In inference, and for images smaller than that, the largest part in the middle that has the proportions of the
    result is scaled to its size. Each image gets a place of its own; Keras's layer has one for the batch, and leaves
    images as they are in inference.

    Args:
        height: height of the result in pixels.
        width: width of the result in pixels.
        seed: an integer for changes that do not depend on `set_random_seed`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if height or width is no positive integer.

    Example:
        >>> layer = gm.layers.RandomCrop(28, 28)
        >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
        (8, 28, 28, 3)
    """

    _op = "random_crop"
    _configured = (*RandomImageLayer._configured, "height", "width")

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        with layer_scope(self.name):
            (self.height,) = standardize_sizes(self._op, "height", height, 1)
            (self.width,) = standardize_sizes(self._op, "width", width, 1)

    def _images(self, images: Tensor, training: bool) -> Tensor:
        size, (rows, columns) = (self.height, self.width), images.shape[1:3]
        if (rows, columns) == size:
            return images
        if not training or rows < self.height or columns < self.width:
            return ops.affine_transform(images, self._middle(rows, columns), "bilinear", "nearest", size=size)
        tops, lefts = (0.0, rows - self.height + 1.0), (0.0, columns - self.width + 1.0)
        maps = random_transforms("crop", images.shape[0], (rows, columns), self._random(), tops, lefts)
        return ops.affine_transform(images, maps, "nearest", "nearest", size=size)

    def _middle(self, rows: int, columns: int) -> tuple[float, ...]:
        """The map that scales the largest part of the right proportions."""
        height = max(min(rows, columns * self.height // self.width), 1)
        width = max(min(columns, rows * self.width // self.height), 1)
        tall, wide = height / self.height, width / self.width
        top, left = (rows - height) // 2, (columns - width) // 2
        return (wide, 0, left + wide / 2 - 0.5, 0, tall, top + tall / 2 - 0.5)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_images(input_shape)
        return (*input_shape[:-3], self.height, self.width, input_shape[-1])


class RandomContrast(RandomImageLayer):
    """In training, strengthens or weakens the contrast of each image: the distance of pixels from their mean.

    The mean is that of the image's channel. Results are cut to `value_range`.

    Args:
        factor: a number `f` for contrasts from 1 - f to 1 + f (as Keras describes it, while its layer begins at 1), or
            two numbers, from 0 to 1: then from 1 minus the smaller to 1 plus the larger one.
        value_range: smallest and largest possible value of a pixel.
        seed: an integer for changes that do not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for a factor or a range that is none.

    Example:
        >>> layer = gm.layers.RandomContrast(0.3, value_range=(0, 1))
        >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
        (8, 32, 32, 3)
    """

    _op = "random_contrast"
    _configured = ("factor", "value_range", "seed")

    def __init__(
        self, factor: Any, value_range: tuple[float, float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        low, high = self._limits("factor", factor, 0, 1)
        self._contrast = float(1 - abs(low)), float(1 + high)
        pair = isinstance(value_range, (tuple, list)) and len(value_range) == 2
        if not pair or not all(isinstance(v, Real) for v in value_range) or not value_range[0] < value_range[1]:
            raise ValueError(
                f"{self._where()}: value_range must be two numbers, the smaller one first."
                f"{received(value_range=value_range)}"
            )
        self.factor, self.value_range = factor, tuple(value_range)

    def _changed(self, images: Tensor) -> Tensor:
        contrast = empty((images.shape[0], 1, 1, 1), images.dtype)
        stream = self._random()
        execute("random_uniform", [contrast.array], [stream.key], low=self._contrast[0], high=self._contrast[1])
        stream.advance()
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        return ops.clip((images - mean) * contrast + mean, *self.value_range)
