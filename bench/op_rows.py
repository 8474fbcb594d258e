"""The rows of `tests/ops/specs.py` that are timed: those with shapes for it, and one for every other op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.tensor import Tensor
from tests.ops.specs import ROWS, Row


def timed_rows() -> list[Row]:
    """In the order of the table."""
    with_shapes = {row.op for row in ROWS if row.bench}
    rows = []
    for row in ROWS:
        if row.bench:
            rows.append(row)
        elif row.op not in with_shapes:
            with_shapes.add(row.op)
            rows.append(row)
    return rows


def draw(row: Row) -> list[np.ndarray]:
    """The same inputs at every call."""
    dtype = "float32" if "float32" in row.dtypes else row.dtypes[0]
    return row.draw(np.random.default_rng(0), dtype, row.bench or None)


def tensors(arrays: Sequence[np.ndarray]) -> list[Tensor]:
    """Inputs that need no conversion any more."""
    return [Tensor(array) for array in arrays]


def work(row: Row, arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """Floating-point operations and bytes of one call."""
    out: Any = np.asarray(row(tensors(arrays)))
    return float(row.flops(arrays, out)), float(row.bytes(arrays, out))
