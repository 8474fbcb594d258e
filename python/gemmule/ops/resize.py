"""Images and sequences made larger."""

from __future__ import annotations

from typing import Any

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import did_you_mean
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, check_float, empty
from gemmule.ops.windows import as_image, check_channels_last, standardize_sizes
from gemmule.scope import where
from gemmule.tensor import Tensor

INTERPOLATIONS = ("nearest", "bilinear")


@op
def upsample(
    inputs: Any, size: int | tuple[int, ...] = 2, interpolation: str = "nearest", data_format: str | None = None
) -> Tensor:
    """Images or sequences, larger by a whole factor in each direction.

    Args:
        inputs: images `(batch, height, width, channels)` or sequences `(batch, steps, channels)`.
        size: the factors for height and width, or one for both; for sequences the factor of their length.
        interpolation: `"nearest"` repeats pixels; `"bilinear"` mixes neighbours, with the centres of pixels at
            half-integers, as `torch.nn.functional.interpolate(..., align_corners=False)` does.
        data_format: `None` or `"channels_last"`.

    Returns:
        A tensor of shape `(batch, height * size[0], width * size[1], channels)` or `(batch, steps * size, channels)`.

    Raises:
        ValueError: for factors that are no positive integers, or an unknown interpolation.

    Example:
        >>> gm.ops.upsample([[[1.0], [3.0]]], 2).numpy().ravel()
        array([1., 1., 3., 3.], dtype=float32)
    """
    x = as_float(inputs)
    check_float("upsample", x)
    rank = x.ndim - 2
    if rank not in (1, 2):
        raise ValueError(
            f"{where('upsample')}: the input must have 4 dimensions, (batch, height, width, channels), or 3, (batch, "
            f"steps, channels). Received: input.shape={x.shape}."
        )
    check_channels_last("upsample", data_format, rank)
    factors = standardize_sizes("upsample", "size", size, rank)
    shared = {"size": (1, *factors)[-2:], "interpolation": standardize_interpolation("upsample", interpolation)}
    lengths = (n * factor for n, factor in zip(x.shape[1:-1], factors, strict=True))
    y = empty((x.shape[0], *lengths, x.shape[-1]), x.dtype, "upsample")
    execute("upsample2d_forward", [as_image(y.array)], [as_image(x.array)], **shared)

    def backward(grad: Gradients) -> None:
        if (dx := grad.buffer(0)) is not None:
            execute("upsample2d_backward", [as_image(dx)], [as_image(grad.d)], **shared)

    return record(y, (x,), backward, "upsample")


def standardize_interpolation(name: str, interpolation: Any) -> str:
    """The name of an interpolation in small letters.

    Raises:
        ValueError: for an unknown name.
    """
    known = interpolation.lower() if isinstance(interpolation, str) else interpolation
    if known not in INTERPOLATIONS:
        raise ValueError(
            f"{where(name)}: unknown interpolation {interpolation!r}.{did_you_mean(str(interpolation), INTERPOLATIONS)}"
        )
    return known
