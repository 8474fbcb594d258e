"""What the ops of all convolutions share: checks of their arguments, and how an activation joins them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gemmule.ops.dense import COMPOSED, activation_parameter
from gemmule.ops.registry import OPS
from gemmule.ops.shapes import as_float, as_tensor, check_float
from gemmule.ops.windows import AXES, PADDINGS, check_strides_and_dilation, standardize_sizes
from gemmule.scope import where
from gemmule.tensor import Tensor

PADDINGS_1D = (*PADDINGS, "causal")


def conv_tensors(
    name: str, rank: int, x: Any, kernel: Any, bias: Any, axes: str
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Input, kernel and bias as tensors of the right ranks and one type.

    Raises:
        ValueError: for another rank, or a kernel without weights.
        TypeError: if the dtypes differ.
    """
    x, kernel = as_float(x), as_float(kernel)
    bias = None if bias is None else as_tensor(bias, kernel.dtype)
    if x.ndim != rank + 2:
        raise ValueError(
            f"{where(name)}: the input must have {rank + 2} dimensions, {AXES[rank]}. Received: input.shape={x.shape}."
        )
    if kernel.ndim != rank + 2 or 0 in kernel.shape:
        raise ValueError(
            f"{where(name)}: the kernel must have {rank + 2} dimensions, none of them 0: {axes}. "
            f"Received: kernel.shape={kernel.shape}."
        )
    check_float(name, x)
    if x.dtype != kernel.dtype:
        raise TypeError(
            f"{where(name)}: input and kernel must have the same dtype; convert the input with gm.ops.cast. "
            f"Received: input.dtype={x.dtype}, kernel.dtype={kernel.dtype}."
        )
    return x, kernel, bias


def standardize_steps(
    name: str, rank: int, strides: Any, dilation_rate: Any, together: bool = False
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Strides and dilation of an image; whether both may be greater than 1 is up to the op."""
    step = standardize_sizes(name, "strides", strides, rank)
    dilation = standardize_sizes(name, "dilation_rate", dilation_rate, rank)
    if not together:
        check_strides_and_dilation(name, step, dilation)
    return ((1, *step)[-2], step[-1]), ((1, *dilation)[-2], dilation[-1])


def check_groups(name: str, groups: int, shape: tuple[int | None, ...], filters: int) -> None:
    """Refuses groups that do not divide the channels of the input and the filters.

    Raises:
        ValueError: naming what is not divisible.
    """
    channels = shape[-1] if shape else None
    if (channels is not None and channels % groups) or filters % groups:
        known = "" if channels is None else f"channels={channels}, "
        where_from = f", input.shape={shape}" if shape else ""
        raise ValueError(
            f"{where(name)}: the number of groups must divide the channels of the input and the filters. "
            f"Received: groups={groups}, {known}filters={filters}{where_from}."
        )


def check_channels(name: str, x: Tensor, kernel: Tensor, channels: int, filters: int, bias: Tensor | None) -> None:
    """Refuses an input with other channels than the kernel's, and a bias that does not fit the filters.

    Raises:
        ValueError: with both shapes.
    """
    if x.shape[-1] != channels:
        raise ValueError(
            f"{where(name)}: input has {x.shape[-1]} channels but the kernel expects {channels}. "
            f"Received: input.shape={x.shape}, kernel.shape={kernel.shape}."
        )
    if bias is not None and bias.shape != (filters,):
        raise ValueError(
            f"{where(name)}: the bias must have one entry per filter, shape ({filters},). "
            f"Received: bias.shape={bias.shape}, kernel.shape={kernel.shape}."
        )


def check_output_padding(name: str, extra: tuple[int, ...] | None, strides: tuple[int, ...]) -> None:
    """Refuses an output padding that does not keep below the strides.

    Raises:
        ValueError: for one that is as large as the stride or larger.
    """
    if extra is not None and any(e >= s for e, s in zip(extra, strides, strict=True)):
        raise ValueError(
            f"{where(name)}: output_padding must be smaller than the strides. "
            f"Received: output_padding={extra}, strides={strides}."
        )


def check_not_empty(
    name: str, size: Sequence[int | None], extra: tuple[int, ...] | None, shape: tuple[int | None, ...]
) -> None:
    """Refuses an output padding that leaves no pixels.

    Raises:
        ValueError: if the output would be empty.
    """
    if 0 in size:
        raise ValueError(
            f"{where(name)}: with this output_padding the output would have {size[0]}x{size[1]} pixels. Leave it out, "
            f"or make it larger. Received: output_padding={extra}, input.shape={shape}."
        )


def run_activated(
    name: str, activation: str | None, alpha: float | None, run: Callable[[str, float], Tensor]
) -> Tensor:
    """Runs with the activation fused, or followed by it."""
    act = activation or "linear"
    slope = activation_parameter(name, act, alpha)
    if act in COMPOSED:
        return OPS[act](run("linear", slope))
    return run(act, slope)
