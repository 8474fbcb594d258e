"""Batches out of arrays in memory: rows are gathered by index, inside the recorded step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gemmule.backend import execute
from gemmule.data.adapter import Dataset
from gemmule.data.nested import Form, labels, put_together
from gemmule.memory import persistent
from gemmule.random import Stream
from gemmule.tensor import Tensor


class Layout(NamedTuple):
    """The form of the data: what a recorded step depends on.

    Attributes:
        columns: for each array its name, row shape, stored type and the type its rows are converted to.
        examples: how many rows there are: `gather` bakes it in, to tell an index from nonsense.
        forms: how inputs, targets and weights are put together in lists and dicts.
    """

    columns: tuple[tuple[str, tuple[int, ...], str, str], ...]
    examples: int
    forms: tuple[Form, Form, Form]

    def batch(self, feeds: Mapping[str, np.ndarray], cursor: np.ndarray, size: int) -> tuple[Any, ...]:
        """Gathers `size` rows from the cursor on.

        Args:
            feeds: the arrays by name, and `"indices"`, the order of the rows.
            cursor: int64 array with the position of the first row.
            size: number of rows.

        Returns:
            `(x, y)` or `(x, y, sample_weight)`, each in the structure it was passed in; `None` for nothing.
        """
        groups: dict[str, list[Tensor]] = {"x": [], "y": [], "w": []}
        for name, row_shape, _, dtype in self.columns:
            rows = np.empty((size, *row_shape), dtype)
            execute("gather", [rows], [feeds[name], feeds["indices"], cursor])
            groups[name[0]].append(Tensor(rows))
        x, y, w = (put_together(form, group) for form, group in zip(self.forms, groups.values()))
        return (x, y) if w is None else (x, y, w)

    def labels(self) -> list[str]:
        """What to call the columns in messages, such as `"x"` or `"y[1]"`."""
        names = ("x", "y", "sample_weight")
        return [label for name, form in zip(names, self.forms) for label in labels(name, form)]


class Feed:
    """The data of one `fit` or `evaluate`, and the order of its rows.

    Args:
        data: the arrays.
        input_dtypes: for each array of inputs the type it is converted to batch by batch.
        target_dtypes: for each array of targets `"int32"` when its loss wants class numbers, else `dtype`.
        dtype: floating type of the model.

    Attributes:
        arrays: what a step reads, by name; a plan binds them anew for other data of the same layout.
        layout: their form.
        size: number of examples.
    """

    def __init__(self, data: Dataset, input_dtypes: Sequence[str], target_dtypes: Sequence[str], dtype: str) -> None:
        self.size = data.size
        self.arrays: dict[str, np.ndarray] = {}
        columns = []
        targets, weights = data.targets or [], data.weights or []
        groups = (
            ("x", data.inputs, input_dtypes),
            ("y", targets, target_dtypes),
            ("w", weights, [dtype] * len(weights)),
        )
        for prefix, group, kinds in groups:
            for number, (array, kind) in enumerate(zip(group, kinds, strict=True)):
                name = f"{prefix}{number}"
                self.arrays[name] = array.view()  # an object of its own: x and y may be the same array
                columns.append((name, array.shape[1:], array.dtype.str, kind))
        self.layout = Layout(tuple(columns), self.size, data.forms)
        self.arrays["indices"] = np.arange(self.size, dtype=np.int64)

    def shuffle(self, stream: Stream) -> None:
        """Puts the rows in another order for the next epoch."""
        stream.permutation(self.size, out=self.arrays["indices"])


def new_cursor() -> np.ndarray:
    """A place to count rows that plans can point to."""
    return persistent((1,), "int64")
