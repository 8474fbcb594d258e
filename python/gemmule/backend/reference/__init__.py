"""The NumPy backend: for every kernel a twin of the same name, written to be read.

It runs everything the native backend runs, training included, and the tests compare the two call by call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

FAMILIES = (
    "gemm",
    "dense",
    "conv2d",
    "depthwise",
    "pool",
    "norm",
    "resize",
    "augment",
    "elementwise",
    "activation",
    "reduce",
    "softmax",
    "loss",
    "dropout",
    "random",
    "reshaping",
    "gather",
    "elementary",
    "sort",
    "cumulative",
    "update",
    "state",
)


def _collect() -> dict[str, Callable[..., None]]:
    twins: dict[str, Callable[..., None]] = {}
    for family in FAMILIES:
        module = import_module(f"{__name__}.{family}")
        for name, value in vars(module).items():
            if callable(value) and getattr(value, "__module__", None) == module.__name__ and not name.startswith("_"):
                twins[name] = value
    return twins


TWINS = _collect()


def run(
    name: str,
    outputs: Sequence[np.ndarray | None],
    inputs: Sequence[np.ndarray | None],
    attributes: dict[str, Any],
) -> None:
    """Runs the twin of kernel `name`. Non-finite results are reported by the engine, so NumPy keeps quiet."""
    with np.errstate(all="ignore"):
        TWINS[name](*outputs, *inputs, **attributes)
