"""Batches out of arrays in memory: rows are gathered by index, inside the recorded step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gemmule.backend import execute
from gemmule.memory import persistent
from gemmule.random import Stream
from gemmule.tensor import Tensor


class Layout(NamedTuple):
    """The form of the data: what a recorded step depends on.

    Attributes:
        columns: for each array its name, row shape, stored type and the type its rows are converted to.
        examples: how many rows there are: `gather` bakes it in, to tell an index from nonsense.
    """

    columns: tuple[tuple[str, tuple[int, ...], str, str], ...]
    examples: int

    def batch(self, feeds: Mapping[str, np.ndarray], cursor: np.ndarray, size: int) -> tuple[Any, ...]:
        """Gathers `size` rows from the cursor on.

        Args:
            feeds: the arrays by name, and `"indices"`, the order of the rows.
            cursor: int64 array with the position of the first row.
            size: number of rows.

        Returns:
            `(x, y)` or `(x, y, sample_weight)`; a group of one array is that tensor, of several a list, of none `None`.
        """
        groups: dict[str, list[Tensor]] = {"x": [], "y": [], "w": []}
        for name, row_shape, _, dtype in self.columns:
            rows = np.empty((size, *row_shape), dtype)
            execute("gather", [rows], [feeds[name], feeds["indices"], cursor])
            groups[name[0]].append(Tensor(rows))
        x, y, w = (_unwrapped(group) for group in groups.values())
        return (x, y) if w is None else (x, y, w)


class Feed:
    """The data of one `fit` or `evaluate`, and the order of its rows.

    Args:
        inputs: arrays whose first dimension counts the examples.
        targets: likewise; empty when there are none.
        weights: one number per example, or `None`.
        dtype: floating type of the model: inputs are converted to it batch by batch.
        target_dtype: `"int32"` when the loss wants class numbers, else `dtype`.

    Attributes:
        arrays: what a step reads, by name; a plan binds them anew for other data of the same layout.
        layout: their form.
        size: number of examples.
    """

    def __init__(
        self,
        inputs: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        weights: np.ndarray | None,
        dtype: str,
        target_dtype: str,
    ) -> None:
        self.size = len(inputs[0])
        self.arrays: dict[str, np.ndarray] = {}
        columns = []
        weight_group = [] if weights is None else [weights]
        groups = (("x", inputs, dtype), ("y", targets, target_dtype), ("w", weight_group, dtype))
        for prefix, group, kind in groups:
            for number, array in enumerate(group):
                name = f"{prefix}{number}"
                self.arrays[name] = array.view()  # an object of its own: x and y may be the same array
                columns.append((name, array.shape[1:], array.dtype.str, kind))
        self.layout = Layout(tuple(columns), self.size)
        self.arrays["indices"] = np.arange(self.size, dtype=np.int64)

    def shuffle(self, stream: Stream) -> None:
        """Puts the rows in another order for the next epoch."""
        stream.permutation(self.size, out=self.arrays["indices"])


def _unwrapped(group: list[Tensor]) -> Any:
    return None if not group else group[0] if len(group) == 1 else group


def new_cursor() -> np.ndarray:
    """A place to count rows that plans can point to."""
    return persistent((1,), "int64")
