"""How much memory the sweep says a pass has to touch."""

from __future__ import annotations

import pytest

from bench import shapes


@pytest.mark.parametrize(
    ("line", "forward", "backward"),
    [
        ("max 2 4 4 3 2 2 0", 2 * (16 * 4 + 4 * 5) * 3, 2 * (16 * 4 + 4 * 5) * 3),
        ("average 2 5 5 3 2 2 0", 2 * (16 + 4) * 4 * 3, 2 * (25 + 4) * 4 * 3),  # the last row and column: no window
        ("average 1 7 7 1 2 3 0", (16 + 4) * 4, (49 + 4) * 4),  # gaps between windows
        ("max 1 6 6 1 3 2 1", 36 * 4 + 9 * 5, 36 * 4 + 9 * 5),  # overlapping, with padding
    ],
)
def test_a_pool_reads_what_its_windows_see_and_writes_all_of_its_gradient(
    line: str, forward: int, backward: int
) -> None:
    shape = shapes.parse("pool", line)
    assert shape.touched("forward") == forward
    assert shape.touched("backward") == backward


def test_a_batch_norm_reads_its_inputs_twice_and_a_layer_norm_once() -> None:
    batch, layer = shapes.parse("norm", "batch 100 8"), shapes.parse("norm", "layer 100 8")
    assert (batch.touched("forward"), batch.touched("backward")) == (3 * 3200, 5 * 3200)
    assert (layer.touched("forward"), layer.touched("backward")) == (2 * 3200, 3 * 3200)
