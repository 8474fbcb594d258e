"""THE table of losses: one row drives the comparison with Keras, gradients, backends and replay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.helpers import rng_for

N, CLASSES = 13, 4
SMOOTH, KINKED = 1e-7, 1e-4


@dataclass(frozen=True)
class Row:
    """One loss with one set of arguments.

    Attributes:
        loss: name in `gm.losses`.
        kwargs: arguments.
        targets: `"real"`, `"binary"`, `"signs"` (-1 or 1), `"counts"`, `"one_hot"`, `"soft"` (probabilities) or
            `"classes"`.
        shape: shape of the predictions, without the examples.
        predictions: `"real"`, `"positive"`, `"probabilities"` (independent ones), `"softmax"` (each row sums to one) or
            `"hard"` (exactly 0 or 1).
        weighted: whether there is a weight for each value of the loss.
        gradient: allowed relative error of the gradient.
    """

    loss: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    targets: str = "real"
    shape: tuple[int, ...] = (CLASSES,)
    predictions: str = "real"
    weighted: bool = False
    gradient: float = SMOOTH

    @property
    def id(self) -> str:
        """A name for the test."""
        arguments = ",".join(f"{name}={value}" for name, value in self.kwargs.items())
        shape = "x".join(map(str, self.shape))
        weighted = "-weighted" if self.weighted else ""
        return f"{self.loss}({arguments})-{self.targets}-{self.predictions}-{shape}{weighted}"

    def draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Targets, predictions and weights."""
        rng = rng_for("loss", self.id)
        full = (N, *self.shape)
        classes = rng.integers(0, self.shape[-1], full[:-1])
        soft = rng.uniform(0.1, 1.0, full)
        y_true = {
            "real": lambda: rng.normal(size=full),
            "binary": lambda: rng.integers(0, 2, full).astype(float),
            "signs": lambda: rng.integers(0, 2, full) * 2.0 - 1,
            "counts": lambda: rng.poisson(2.0, full).astype(float),
            "one_hot": lambda: np.eye(self.shape[-1])[classes],
            "soft": lambda: soft / soft.sum(-1, keepdims=True),
            "classes": lambda: classes,
        }[self.targets]()
        scores = rng.normal(size=full) * 2
        powers = np.exp(scores)
        y_pred = {
            "real": lambda: scores,
            "positive": lambda: powers,
            "probabilities": lambda: 1 / (1 + 1 / powers),
            "softmax": lambda: powers / powers.sum(-1, keepdims=True),
            "hard": lambda: np.eye(self.shape[-1])[rng.integers(0, self.shape[-1], full[:-1])],
        }[self.predictions]()
        weights = rng.uniform(0, 2, full[:-1]).astype(np.float32) if self.weighted else None
        return y_true, y_pred.astype(np.float32), weights


def both(*args: Any, **kwargs: Any) -> list[Row]:
    """A row without and with sample weights."""
    return [Row(*args, **kwargs), Row(*args, **kwargs, weighted=True)]


ROWS = [
    *both("MeanSquaredError"),
    *both("MeanSquaredError", shape=(1,)),
    Row("MeanSquaredError", shape=(3, 2), weighted=True),
    Row("MeanSquaredError", {"reduction": "sum"}, weighted=True),
    Row("MeanSquaredError", {"reduction": "none"}, weighted=True),
    Row("MeanSquaredError", {"reduction": "mean_with_sample_weight"}, weighted=True),
    Row("MeanSquaredError", {"reduction": "mean"}, weighted=True),
    *both("MeanAbsoluteError", gradient=KINKED),
    Row("MeanAbsoluteError", shape=(1,), gradient=KINKED),
    *both("BinaryCrossentropy", {}, "binary", (1,), "probabilities"),
    *both("BinaryCrossentropy", {"from_logits": True}, "binary", (1,)),
    Row("BinaryCrossentropy", {}, "binary", (5,), "probabilities"),
    Row("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "binary", (5,)),
    Row("BinaryCrossentropy", {"label_smoothing": 0.2}, "binary", (1,), "probabilities"),
    Row("BinaryCrossentropy", {}, "binary", (5,), "hard", gradient=np.inf),
    *both("CategoricalCrossentropy", {}, "one_hot", predictions="softmax"),
    *both("CategoricalCrossentropy", {"from_logits": True}, "one_hot"),
    Row("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "one_hot"),
    Row("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one_hot", predictions="softmax"),
    Row("CategoricalCrossentropy", {}, "soft", predictions="softmax"),
    Row("CategoricalCrossentropy", {}, "one_hot", predictions="probabilities"),
    Row("CategoricalCrossentropy", {}, "one_hot", predictions="hard", gradient=np.inf),
    Row("CategoricalCrossentropy", {"from_logits": True}, "one_hot", (3, CLASSES), weighted=True),
    *both("SparseCategoricalCrossentropy", {}, "classes", predictions="softmax"),
    *both("SparseCategoricalCrossentropy", {"from_logits": True}, "classes"),
    Row("SparseCategoricalCrossentropy", {}, "classes", predictions="hard", gradient=np.inf),
    Row("SparseCategoricalCrossentropy", {"from_logits": True}, "classes", (3, CLASSES), weighted=True),
    Row("BinaryCrossentropy", {"axis": 1}, "binary", (3, 3), "probabilities", weighted=True),
    Row("CategoricalCrossentropy", {"axis": 1, "from_logits": True}, "one_hot", (CLASSES, CLASSES)),
    Row("CategoricalCrossentropy", {"axis": 1, "label_smoothing": 0.1}, "soft", (3, 3), "probabilities", weighted=True),
    Row("SparseCategoricalCrossentropy", {"axis": 1, "from_logits": True}, "classes", (CLASSES, CLASSES)),
    *both("SparseCategoricalCrossentropy", {"ignore_class": 1, "from_logits": True}, "classes", (3, CLASSES)),
    Row("SparseCategoricalCrossentropy", {"ignore_class": 0}, "classes", predictions="softmax", weighted=True),
    Row("SparseCategoricalCrossentropy", {"ignore_class": 0, "reduction": "sum"}, "classes", predictions="softmax"),
    Row("SparseCategoricalCrossentropy", {"ignore_class": 0, "reduction": "none"}, "classes", predictions="softmax"),
    *both("MeanAbsolutePercentageError", {}, "real", gradient=KINKED),
    *both("MeanSquaredLogarithmicError", {}, "counts", predictions="positive"),
    *both("Huber", gradient=KINKED),
    Row("Huber", {"delta": 0.4}, "real", (1,), gradient=KINKED),
    *both("LogCosh", gradient=KINKED),
    *both("CosineSimilarity"),
    Row("CosineSimilarity", {"axis": 1}, "real", (3, 3), weighted=True),
    *both("Hinge", {}, "signs", gradient=KINKED),
    Row("Hinge", {}, "binary", (1,), gradient=KINKED),
    *both("SquaredHinge", {}, "signs", gradient=KINKED),
    *both("CategoricalHinge", {}, "one_hot", gradient=KINKED),
    *both("MulticlassHinge", {}, "classes", gradient=KINKED),
    Row("MulticlassHinge", {"margin": 0.5}, "classes", gradient=KINKED),
    *both("KLDivergence", {}, "soft", predictions="softmax"),
    Row("KLDivergence", {}, "one_hot", predictions="softmax"),
    *both("Poisson", {}, "counts", predictions="positive"),
    *both("BinaryFocalCrossentropy", {}, "binary", (3,), "probabilities"),
    Row("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 0.5}, "binary", (1,)),
    Row(
        "BinaryFocalCrossentropy",
        {"gamma": 3.0, "alpha": 0.6, "apply_class_balancing": True, "label_smoothing": 0.1},
        "binary",
        (3,),
        "probabilities",
    ),
    Row("BinaryFocalCrossentropy", {"axis": 1}, "binary", (3, 3), "probabilities", weighted=True),
    *both("CategoricalFocalCrossentropy", {}, "one_hot", predictions="softmax"),
    Row("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 1.5, "alpha": [0.1, 0.2, 0.3, 0.4]}, "one_hot"),
    Row("CategoricalFocalCrossentropy", {"label_smoothing": 0.2}, "one_hot", predictions="probabilities"),
    Row("CategoricalFocalCrossentropy", {"axis": 1, "from_logits": True}, "one_hot", (CLASSES, CLASSES)),
]
