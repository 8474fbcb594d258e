"""THE table of metrics: one row drives the comparison with Keras over uneven batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.losses.specs import Row as LossRow

BATCHES = (5, 7, 1)  # together the 13 examples that rows of losses draw


@dataclass(frozen=True)
class Row:
    """One metric with one set of arguments, fed with the data of a row of losses.

    Attributes:
        metric: name in `gm.metrics`.
        kwargs: arguments.
        targets: see the table of losses.
        shape: likewise.
        predictions: likewise.
        weighted: likewise.
        tolerance: allowed relative error.
    """

    metric: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    targets: str = "real"
    shape: tuple[int, ...] = (4,)
    predictions: str = "real"
    weighted: bool = False

    @property
    def id(self) -> str:
        """A name for the test."""
        return self._data.id

    @property
    def _data(self) -> LossRow:
        return LossRow(self.metric, self.kwargs, self.targets, self.shape, self.predictions, self.weighted)

    def draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Targets, predictions and weights."""
        y_true, y_pred, weights = self._data.draw()
        return (y_true, y_true.round() if self.metric == "Accuracy" else y_pred, weights)


def both(*args: Any) -> list[Row]:
    """A row without and with sample weights."""
    return [Row(*args), Row(*args, weighted=True)]


ROWS = [
    *both("Accuracy", {}, "real", (3,)),
    *both("BinaryAccuracy", {}, "binary", (1,), "probabilities"),
    *both("BinaryAccuracy", {"threshold": 0.3}, "binary", (3,), "probabilities"),
    *both("CategoricalAccuracy", {}, "one_hot", (4,), "softmax"),
    Row("CategoricalAccuracy", {}, "soft", (4,)),
    *both("SparseCategoricalAccuracy", {}, "classes", (4,), "softmax"),
    Row("SparseCategoricalAccuracy", {}, "classes", (3, 4), "softmax"),
    *both("MeanSquaredError", {}, "real", (3,)),
    *both("RootMeanSquaredError", {}, "real", (1,)),
    *both("MeanAbsoluteError", {}, "real", (3,)),
    *both("BinaryCrossentropy", {}, "binary", (1,), "probabilities"),
    Row("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "binary", (1,)),
    *both("CategoricalCrossentropy", {}, "one_hot", (4,), "softmax"),
    Row("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "one_hot", (4,)),
    *both("SparseCategoricalCrossentropy", {}, "classes", (4,), "softmax"),
    Row("SparseCategoricalCrossentropy", {"from_logits": True}, "classes", (4,)),
]
