"""Windows that slide over images: the geometry and the checks that convolutions and pooling share.

Images are (N, H, W, C). Sequences (N, T, C) are images of one row; `as_image` gives the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gemmule.errors import did_you_mean, received
from gemmule.scope import where

Pair = tuple[int, int]
PADDINGS = ("valid", "same")
AXES = {1: "(batch, steps, channels)", 2: "(batch, height, width, channels)"}  # of sequences, of images
_MOST = 2**31 - 1  # of any size: sums and products of two of them do not overflow
_TRANSPOSE = {1: "x = x.transpose(0, 2, 1)", 2: "x = x.transpose(0, 2, 3, 1)"}


class Geometry(NamedTuple):
    """Where windows lie: what kernels are told, and how many windows there are.

    Attributes:
        strides: steps down and to the right.
        padding: rows and columns of zeros at the top, bottom, left and right.
        dilation: distance of neighbouring taps of a window.
        size: windows in each direction, (OH, OW).
    """

    strides: Pair
    padding: tuple[int, int, int, int]
    dilation: Pair
    size: Pair

    def attributes(self, dilated: bool = True) -> dict[str, Any]:
        """The attributes of kernel calls; pooling has no dilation."""
        found: dict[str, Any] = {"strides": self.strides, "padding": self.padding}
        return found | {"dilation": self.dilation} if dilated else found


def standardize_sizes(op: str, name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """An integer, or one for each spatial dimension, as a tuple.

    Raises:
        ValueError: for something else, a number below `least`, or one too large for any image.
    """
    value = value.tolist() if isinstance(value, np.ndarray) else value
    many = value if isinstance(value, (tuple, list)) else (value,) * rank
    integers = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in many)
    if len(many) != rank or not integers or any(n < least for n in many):
        kind = "positive" if least == 1 else "non-negative"
        several = f", or {rank} of them" if rank > 1 else ""
        raise ValueError(f"{where(op)}: {name} must be a {kind} integer{several}.{received(**{name: value})}")
    if any(n > _MOST for n in many):
        raise ValueError(f"{where(op)}: {name} must not be above {_MOST:,}.{received(**{name: value})}")
    return tuple(int(n) for n in many)


def standardize_padding(op: str, padding: Any, known: Sequence[str] = PADDINGS) -> str:
    """The name of a padding in small letters.

    Raises:
        ValueError: for an unknown name.
    """
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in known:
        raise ValueError(f"{where(op)}: unknown padding {padding!r}.{did_you_mean(str(padding), known)}")
    return name


def check_channels_last(op: str, data_format: Any, rank: int = 2) -> None:
    """Refuses `data_format="channels_first"` and tells how to transpose.

    Raises:
        ValueError: for everything but `None` and `"channels_last"`.
    """
    if data_format not in (None, "channels_last"):
        what = "images" if rank == 2 else "sequences"
        raise ValueError(
            f"{where(op)}: gemmule keeps channels last. Transpose the {what} once: {_TRANSPOSE[rank]}."
            f"{received(data_format=data_format)}"
        )


def check_rank(op: str, rank: int, shape: Sequence[int | None], cure: str = "") -> None:
    """Refuses an input of a layer that is no batch of sequences (`rank` 1) or of images (2).

    Raises:
        ValueError: with the dimensions that are meant.
    """
    if len(shape) != rank + 2:
        raise ValueError(
            f"{where(op)}: the input must have {rank + 2} dimensions, {AXES[rank]}.{cure}{received(input_shape=shape)}"
        )


def check_strides_and_dilation(op: str, strides: Sequence[int], dilation: Sequence[int]) -> None:
    """Refuses strides together with dilation, as Keras does except in depthwise convolutions.

    Raises:
        ValueError: if both are greater than 1 somewhere.
    """
    if max(strides) > 1 and max(dilation) > 1:
        raise ValueError(
            f"{where(op)}: strides greater than 1 do not go together with a dilation_rate greater than 1. "
            f"Set one of them to 1. Received: strides={tuple(strides)}, dilation_rate={tuple(dilation)}."
        )


def window_count(length: int | None, window: int, stride: int, padding: str) -> int | None:
    """How many windows fit along one dimension: 0 or fewer when the window is larger than the image."""
    if length is None:
        return None
    return -(-length // stride) if padding != "valid" else (length - window) // stride + 1


def windows_shape(
    lengths: Sequence[int | None], windows: Sequence[int], strides: Sequence[int], padding: str
) -> tuple[int | None, ...]:
    """`window_count` for each spatial dimension; a window reaches over `(taps - 1)·dilation + 1` pixels."""
    return tuple(window_count(n, w, s, padding) for n, w, s in zip(lengths, windows, strides, strict=True))


def reach(taps: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """Over how many pixels dilated windows reach."""
    return tuple((k - 1) * d + 1 for k, d in zip(taps, dilation, strict=True))


def check_fits(
    op: str, lengths: Sequence[int | None], windows: Sequence[int], padding: str, shape: Sequence[int | None], word: str
) -> None:
    """Refuses a window that is larger than the image it slides over.

    Args:
        op: name of the op, for the message.
        lengths: spatial dimensions of the image.
        windows: over how many pixels the window reaches.
        padding: its name; a padded image holds every window, unless it is empty.
        shape: the whole shape of the input, for the message.
        word: what the window is called: `"kernel"` or `"pool"`.

    Raises:
        ValueError: if no window fits.
    """
    least = windows if padding == "valid" else (1,) * len(windows)
    if any(n is not None and n < w for n, w in zip(lengths, least, strict=True)):
        cure = "Feed images that are not empty, or use fewer layers that shrink them."
        if 0 not in lengths:
            cure = f'Use padding="same", a smaller {word} or fewer layers that shrink the input.'
        raise ValueError(
            f"{where(op)}: the {word} reaches over {_times(windows)} positions, but the input has only "
            f"{_times(lengths)}. {cure} "
            f"Received: input.shape={tuple(shape)}."
        )


def _times(lengths: Sequence[int | None]) -> str:
    return "x".join(str(n) for n in lengths)


def slide(image: Sequence[int], taps: Pair, strides: Pair, padding: str, dilation: Pair = (1, 1)) -> Geometry:
    """The geometry of windows of `taps` over an image of shape (N, H, W, C).

    `"valid"` pads nothing; `"same"` pads so that there are ceil(length / stride) windows, the odd zero at the end;
    `"causal"` pads before the beginning only, so that a window sees nothing behind its last tap.
    """
    size: list[int] = []
    pads: list[int] = []
    for length, window, stride in zip(image[1:3], reach(taps, dilation), strides, strict=True):
        count = window_count(length, window, stride, padding) or 0
        total = max((count - 1) * stride + window - length, 0) if padding == "same" else 0
        before = window - 1 if padding == "causal" else total // 2
        size.append(count)
        pads += [before, total - total // 2 if padding == "same" else 0]
    return Geometry(strides, (pads[0], pads[1], pads[2], pads[3]), dilation, (size[0], size[1]))


def as_image(array: np.ndarray) -> np.ndarray:
    """A sequence (N, T, C) seen as an image (N, 1, T, C); images stay as they are."""
    return array.reshape(array.shape[0], 1, *array.shape[1:]) if array.ndim == 3 else array


def transposed_length(length: int | None, window: int, stride: int, padding: str, extra: int | None) -> int | None:
    """The length of what a transposed convolution makes of `length` pixels; `extra` is the output padding."""
    if length is None:
        return None
    if extra is None:
        return length * stride + (max(window - stride, 0) if padding == "valid" else 0)
    return (length - 1) * stride + extra + (window if padding == "valid" else window % 2)


def transposed_geometry(
    image: Sequence[int], taps: Sequence[int], strides: Pair, padding: str, extra: Sequence[int] | None, dilation: Pair
) -> tuple[Pair, Geometry]:
    """The size of the output, and the geometry of the convolution that leads from there back to the input."""
    size: list[int] = []
    pads: list[int] = []
    for axis, window in enumerate(reach(taps, dilation)):
        more = None if extra is None else extra[axis]
        count, stride = image[1 + axis], strides[axis]
        length = transposed_length(count, window, stride, padding, more) or 0
        total = max((count - 1) * stride + window - length, 0) if padding == "same" else 0
        size.append(length)
        pads += [total // 2, total - total // 2]
    geometry = Geometry(strides, (pads[0], pads[1], pads[2], pads[3]), dilation, (image[1], image[2]))
    return (size[0], size[1]), geometry
