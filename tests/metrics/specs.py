"""THE table of metrics: one row drives the comparison with Keras over uneven batches."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
        predictions: likewise, or `"labels"`: class numbers.
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
        if self.predictions == "labels":
            y_true, y_pred, weights = replace(self._data, predictions="hard").draw()
            return y_true, y_pred.argmax(-1), weights
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
    Row("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}, "classes", (3, 4), weighted=True),
    *both("MeanAbsolutePercentageError", {}, "real", (3,)),
    *both("MeanSquaredLogarithmicError", {}, "counts", (3,), "positive"),
    *both("LogCoshError", {}, "real", (3,)),
    *both("CosineSimilarity", {}, "real", (3,)),
    Row("CosineSimilarity", {"axis": 1}, "real", (3, 2)),
    *both("KLDivergence", {}, "soft", (4,), "softmax"),
    *both("Poisson", {}, "counts", (3,), "positive"),
    *both("Hinge", {}, "signs", (3,)),
    *both("SquaredHinge", {}, "signs", (3,)),
    *both("CategoricalHinge", {}, "one_hot", (4,)),
    *both("TopKCategoricalAccuracy", {"k": 2}, "one_hot", (6,)),
    *both("SparseTopKCategoricalAccuracy", {"k": 2}, "classes", (6,)),
    Row("SparseTopKCategoricalAccuracy", {"k": 2}, "classes", (3, 6)),
    *[
        row
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
        for row in (
            *both(name, {}, "binary", (1,), "probabilities"),
            Row(name, {"thresholds": [0.2, 0.6]}, "binary", (3,), "probabilities"),
        )
    ],
    *[
        row
        for name in ("Precision", "Recall")
        for row in (
            *both(name, {}, "binary", (1,), "probabilities"),
            Row(name, {"thresholds": [0.2, 0.5, 0.9]}, "binary", (3,), "probabilities"),
            Row(name, {"top_k": 2}, "binary", (5,), "probabilities"),
            Row(name, {"top_k": 2, "class_id": 1}, "one_hot", (4,), "softmax"),
            *both(name, {"class_id": 2, "thresholds": 0.4}, "one_hot", (4,), "softmax"),
        )
    ],
    *both("AUC", {}, "binary", (1,), "probabilities"),
    Row("AUC", {"from_logits": True}, "binary", (1,)),
    *[
        Row(
            "AUC",
            {"curve": curve, "summation_method": method, "num_thresholds": 20},
            "binary",
            (1,),
            "probabilities",
            weighted=curve == "PR",
        )
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
    ],
    Row("AUC", {"thresholds": [0.7, 0.3]}, "binary", (3,), "probabilities"),
    Row("AUC", {"multi_label": True, "num_labels": 3}, "binary", (3,), "probabilities"),
    Row(
        "AUC",
        {"multi_label": True, "num_labels": 2, "label_weights": [1.0, 3.0], "curve": "PR"},
        "binary",
        (2,),
        "probabilities",
    ),
    Row("AUC", {"label_weights": [1.0, 3.0]}, "binary", (2,), "probabilities"),
    *both("SensitivityAtSpecificity", {"specificity": 0.6}, "binary", (1,), "probabilities"),
    *both("SpecificityAtSensitivity", {"sensitivity": 0.6}, "binary", (1,), "probabilities"),
    *both("PrecisionAtRecall", {"recall": 0.6}, "binary", (1,), "probabilities"),
    *both("RecallAtPrecision", {"precision": 0.6}, "binary", (1,), "probabilities"),
    Row("RecallAtPrecision", {"precision": 0.6, "num_thresholds": 7, "class_id": 1}, "one_hot", (3,), "softmax"),
    *both("F1Score", {}, "one_hot", (4,), "softmax"),
    *[Row("F1Score", {"average": average}, "one_hot", (4,), "softmax") for average in ("micro", "macro", "weighted")],
    *both("FBetaScore", {"beta": 2.0, "threshold": 0.4}, "binary", (3,), "probabilities"),
    Row(
        "FBetaScore",
        {"beta": 0.5, "average": "weighted", "threshold": 0.6},
        "binary",
        (3,),
        "probabilities",
        weighted=True,
    ),
    *both("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, "classes", (4,), "labels"),
    Row("IoU", {"num_classes": 4, "target_class_ids": [1], "sparse_y_pred": False}, "classes", (3, 4), "softmax"),
    Row("IoU", {"num_classes": 4, "target_class_ids": [0, 1], "ignore_class": 2}, "classes", (4,), "labels"),
    *both("BinaryIoU", {}, "binary", (1,), "probabilities"),
    Row("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, "binary", (1,), "probabilities"),
    *both("MeanIoU", {"num_classes": 4}, "classes", (4,), "labels"),
    Row("OneHotIoU", {"num_classes": 4, "target_class_ids": [0, 3]}, "one_hot", (4,), "softmax"),
    Row("OneHotMeanIoU", {"num_classes": 4}, "one_hot", (3, 4), "softmax"),
    *both("R2Score", {}, "real", (3,)),
    Row("R2Score", {"class_aggregation": None}, "real", (3,), weighted=True),
    Row("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, "real", (3,)),
]
