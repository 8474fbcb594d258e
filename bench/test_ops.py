"""Times every op of the spec table through pytest-benchmark: `pytest bench --benchmark-only`."""

from __future__ import annotations

from typing import Any

import pytest

import gemmule as gm
from bench import op_rows
from tests.ops.specs import Row


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("row", op_rows.timed_rows(), ids=lambda row: row.id)
def test_op(benchmark: Any, row: Row, backend: str) -> None:
    arrays = op_rows.draw(row)
    inputs = op_rows.tensors(arrays)
    flops, size = op_rows.work(row, arrays)
    benchmark.group = row.id
    with gm.use_backend(backend):
        benchmark(row, inputs)
    seconds = benchmark.stats.stats.median if benchmark.stats else None
    if seconds:
        benchmark.extra_info |= {"GFLOP/s": flops / seconds * 1e-9, "GB/s": size / seconds * 1e-9}
