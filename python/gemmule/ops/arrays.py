"""Helpers on raw arrays for ops and their backward functions.

Everything here goes through `execute`, so that a plan can record it. Plain NumPy would compute once, while the step is
being recorded, and never again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gemmule.autograd import Gradients
from gemmule.backend import execute
from gemmule.memory import unset
from gemmule.tensor import Tensor, Variable


def compute(kernel: str, *inputs: np.ndarray | None, shape: Sequence[int], dtype: Any, **attributes: Any) -> np.ndarray:
    """Runs a kernel of one output and returns it, newly allocated."""
    out = unset(tuple(shape), dtype, kernel)
    execute(kernel, [out], inputs, **attributes)
    return out


def constant(value: float, like: np.ndarray) -> np.ndarray:
    """A number as an array without dimensions, of the type of `like`."""
    return np.asarray(value, like.dtype)


def cast_array(array: np.ndarray, dtype: Any) -> np.ndarray:
    """The array in another type; itself when it has it already."""
    return array if array.dtype == dtype else compute("copy", array, shape=array.shape, dtype=dtype)


def frozen(tensor: Tensor) -> np.ndarray:
    """The memory of a tensor for a view of it. Of a variable, which changes in place, a copy."""
    array = tensor.array
    return compute("copy", array, shape=array.shape, dtype=array.dtype) if isinstance(tensor, Variable) else array


class Stage(NamedTuple):
    """One step of a reduction: the middle axis of `x` is folded into `y`."""

    x: np.ndarray  # (outer, n, inner)
    y: np.ndarray  # (outer, inner), or () when everything is folded
    axis: int  # what the kernels are told: 1, or -1 for everything


def _runs(axes: Iterable[int]) -> list[tuple[int, int]]:
    """Sorted axes as runs of neighbours (first, behind last), the last run first."""
    runs: list[tuple[int, int]] = []
    for axis in axes:
        if runs and runs[-1][1] == axis:
            runs[-1] = (runs[-1][0], axis + 1)
        else:
            runs.append((axis, axis + 1))
    return runs[::-1]


def reduce_stages(
    kernel: str, x: np.ndarray, axes: Sequence[int], dtype: Any = None, out: np.ndarray | None = None
) -> list[Stage]:
    """Folds sorted `axes` of `x` by a reduction kernel, neighbouring axes at once.

    Args:
        kernel: `"sum"`, `"max"`, ...
        x: the array.
        axes: sorted axes; none of them means a fold over an axis of length one.
        dtype: type of the results, by default that of `x`.
        out: where the last result goes; of the right size, any shape.

    Returns:
        The stages in the order they ran; the last one's `y` is the result.
    """
    shape, current, stages = x.shape, x, []
    runs = _runs(axes) or [(x.ndim, x.ndim)]
    for index, (first, last) in enumerate(runs):
        outer, n, inner = prod(shape[:first]), prod(shape[first:last]), prod(shape[last:])
        shape = shape[:first] + shape[last:]
        everything = outer == inner == 1
        place = out if out is not None and index == len(runs) - 1 else np.empty((outer, inner), dtype or x.dtype)
        y = place.reshape(() if everything else (outer, inner))
        stage = Stage(current.reshape(outer, n, inner), y, -1 if everything else 1)
        execute(kernel, [y], [stage.x], axis=stage.axis)
        stages.append(stage)
        current = y
    return stages


def sum_to(place: np.ndarray, array: np.ndarray) -> None:
    """Sums `array` over the axes along which an operand of `place`'s shape was broadcast to it."""
    lead = array.ndim - place.ndim
    broadcast = [axis for axis in range(lead, array.ndim) if place.shape[axis - lead] != array.shape[axis]]
    reduce_stages("sum", array, (*range(lead), *broadcast), out=place)


def sum_to_shape(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """`array` summed back to the shape it was broadcast from."""
    if array.shape == tuple(shape):
        return array
    place = np.empty(tuple(shape), array.dtype)
    sum_to(place, array)
    return place


def broadcast_to(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """`array` repeated along its axes of length one."""
    if array.shape == tuple(shape):
        return array
    always = compute("fill", shape=shape, dtype=bool, value=1.0)
    return compute("where", always, array, array, shape=shape, dtype=array.dtype)


def give(grad: Gradients, index: int, array: np.ndarray, shape: Sequence[int]) -> None:
    """Says that the gradient of input `index`, which has `shape`, is `array` summed over the broadcast axes."""
    if array.shape == tuple(shape):
        grad.alias(index, array)
    elif (place := grad.buffer(index)) is not None:
        sum_to(place, array)


def give_computed(grad: Gradients, index: int, kernel: str, *inputs: np.ndarray, shape: Sequence[int]) -> None:
    """As `give`, for a gradient that `kernel` computes from `inputs` in the incoming gradient's shape."""
    place = grad.buffer(index)
    if place is None:
        return
    if place.shape == tuple(shape):
        execute(kernel, [place], inputs)
    else:
        sum_to(place, compute(kernel, *inputs, shape=shape, dtype=place.dtype))
