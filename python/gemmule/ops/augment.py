"""Affine maps of images, and how random ones are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import did_you_mean
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, as_tensor, empty
from gemmule.ops.windows import standardize_sizes
from gemmule.random import Stream
from gemmule.scope import where
from gemmule.tensor import Tensor

INTERPOLATIONS = ("bilinear", "nearest")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")
Limits = tuple[float, float]


@op
def affine_transform(
    x: Any,
    transforms: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Moves, turns, scales, flips or crops images, each by a map of its own.

    Args:
        x: images, shape `(batch, height, width, channels)`.
        transforms: maps, shape `(batch, 6)`, or `(6,)` for all: the pixel in column `ox` and row `oy` of the result is
            what the image shows at the place `(a·ox + b·oy + c, d·ox + e·oy + f)`. Has no gradient.
        interpolation: `"bilinear"` mixes the four pixels around a place, `"nearest"` takes the nearest one.
        fill_mode: what lies outside of the image: `"constant"` (`fill_value`), `"nearest"` (the pixel at the edge),
            `"reflect"` (the image mirrored: `d c b a | a b c d | d c b a`) or `"wrap"` (the image again).
        fill_value: for `"constant"`.
        size: height and width of the result, those of `x` by default.

    Returns:
        A tensor of shape `(batch, *size, channels)`.

    Raises:
        ValueError: if shapes do not fit, or for an unknown `interpolation` or `fill_mode`.

    Example:
        >>> image = np.arange(4.0).reshape(1, 1, 4, 1)
        >>> gm.ops.affine_transform(image, [1, 0, 1, 0, 1, 0]).numpy().ravel()  # one pixel to the left
        array([1., 2., 3., 0.])
    """
    x = as_float(x)
    if x.ndim != 4 or 0 in x.shape[1:3]:
        raise ValueError(
            f"{where('affine_transform')}: the input must have 4 dimensions, (batch, height, width, channels), and "
            f"pixels. Received: input.shape={x.shape}."
        )
    check_choice("affine_transform", "interpolation", interpolation, INTERPOLATIONS)
    check_choice("affine_transform", "fill_mode", fill_mode, FILL_MODES)
    maps = _maps(transforms, x.shape[0])
    pixels = x.shape[1:3] if size is None else standardize_sizes("affine_transform", "size", size, 2)
    y = empty((x.shape[0], *pixels, x.shape[3]), x.dtype, "affine_transform")
    how = {"interpolation": interpolation, "fill_mode": fill_mode, "fill_value": float(fill_value)}
    execute("affine_transform", [y.array], [x.array, maps], **how)

    def backward(grad: Gradients) -> None:
        execute("affine_transform_backward", [grad.buffer(0)], [grad.d, maps], **how)

    return record(y, (x,), backward, "affine_transform")


def _maps(transforms: Any, batch: int) -> np.ndarray:
    maps = as_tensor(transforms, "float64").array
    if maps.shape == (6,):
        maps = np.tile(maps, (batch, 1))
    if maps.shape != (batch, 6):
        raise ValueError(
            f"{where('affine_transform')}: transforms must have 6 numbers for each image, shape ({batch}, 6), or 6 for "
            f"all. Received: transforms.shape={maps.shape}."
        )
    return maps


def check_choice(op_name: str, argument: str, value: Any, known: tuple[str, ...]) -> None:
    """Refuses a word that is not one of those known.

    Raises:
        ValueError: with the near matches.
    """
    if value not in known:
        raise ValueError(f"{where(op_name)}: unknown {argument} {value!r}.{did_you_mean(str(value), known)}")


def random_transforms(
    kind: str,
    batch: int,
    size: Sequence[int],
    stream: Stream,
    height: Limits,
    width: Limits = (0.0, 0.0),
    joint: bool = False,
) -> Tensor:
    """Draws one map for each image, in the plan too: a replay draws others.

    Args:
        kind: `"flip"` (`height` and `width` end in the probabilities of turning upside down and of mirroring),
            `"translation"` (limits as parts of the size), `"rotation"` (limits as parts of a full turn, in `height`),
            `"zoom"` (1 plus the limits, positive to show more than the image) or `"crop"` (limits of the first row and
            column).
        batch: number of images.
        size: their height and width.
        stream: where the random numbers come from; it counts one call.
        height: smallest and largest value for the height.
        width: smallest and largest value for the width.
        joint: whether height and width get the same random number.

    Returns:
        A float64 tensor of shape `(batch, 6)` for `affine_transform`.
    """
    maps = empty((batch, 6), "float64", "random_transforms")
    limits = dict(zip(("height_low", "height_high", "width_low", "width_high"), (*height, *width), strict=True))
    execute(
        "random_transforms",
        [maps.array],
        [stream.key],
        kind=kind,
        height=size[0],
        width=size[1],
        joint=joint,
        **{name: float(limit) for name, limit in limits.items()},
    )
    stream.advance()
    return maps
