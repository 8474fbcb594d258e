"""What the table-driven tests share: comparing, switching backends, taking gradients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import gemmule as gm
from gemmule import _native
from gemmule.tensor import Tensor

ISAS = tuple(_native.supported_isas())


def rng_for(*key: Any) -> np.random.Generator:
    """A generator that depends on the names of a test, not on the order of tests."""
    text = "/".join(str(part) for part in key)
    return np.random.default_rng(list(text.encode()))


def assert_close(actual: Any, desired: Any, tolerance: float, what: str = "result", least_scale: float = 0.0) -> None:
    """Equal shapes, NaN and infinities at the same places, and errors below `tolerance` times the largest value.

    `tolerance=0` asks for the same values (`-0.0` equals `0.0`). `least_scale` is for results that may be small
    because large terms cancelled.
    """
    actual, desired = np.asarray(actual), np.asarray(desired)
    assert actual.shape == desired.shape, f"{what}: shape {actual.shape} instead of {desired.shape}"
    if actual.size == 0:
        return
    if actual.dtype.kind != "f":
        np.testing.assert_array_equal(actual, desired, err_msg=what)
        return
    desired = desired.astype(np.float64)
    finite = np.isfinite(desired)
    with np.errstate(over="ignore"):
        rounded = desired.astype(actual.dtype)
    np.testing.assert_array_equal(actual[~finite], rounded[~finite], err_msg=f"{what}: NaN or infinity")
    error = np.abs(actual[finite].astype(np.float64) - (rounded[finite] if tolerance == 0 else desired[finite]))
    scale = np.abs(desired[finite]).max(initial=least_scale)
    worst = error.max(initial=0)
    assert worst <= tolerance * scale, f"{what}: error {worst:.3g} at a scale of {scale:.3g}, allowed {tolerance:.1g}"


def exactly(message: str) -> str:
    """The pattern for `pytest.raises(match=...)` that only the whole message fits."""
    return "^" + re.escape(message) + "$"


def unaligned(array: np.ndarray) -> np.ndarray:
    """The same values starting one element behind a cache line: C-contiguous, but never where vectors would like."""
    memory = gm.memory.aligned((array.size + 1,), array.dtype)
    place = memory[1:].reshape(array.shape)
    place[...] = array
    return place


@contextmanager
def isa(level: str) -> Iterator[None]:
    """Runs kernels of one ISA level inside the block."""
    before = _native.isa()
    _native.select_isa(level)
    try:
        yield
    finally:
        _native.select_isa(before)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Runs kernels with so many threads inside the block."""
    gm.set_num_threads(count)
    try:
        yield
    finally:
        gm.set_num_threads(None)


def forward_and_gradients(
    function: Callable[[list[Tensor]], Tensor], arrays: Sequence[np.ndarray], seed: np.ndarray | None
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """The value of `function` and the gradients of `sum(seed * value)` with respect to its floating inputs."""
    tensors = [Tensor(array) for array in arrays]
    floating = [t for t in tensors if t.dtype.kind == "f"]
    with gm.GradientTape() as tape:
        tape.watch(floating)
        value = function(tensors)
    if seed is None:
        return value.array, []
    gradients = tape.gradient(value, floating, output_gradients=seed.astype(value.dtype))
    return value.array, [None if g is None else g.array for g in gradients]
