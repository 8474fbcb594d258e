"""F-scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import did_you_mean, received
from gemmule.losses.checks import check_one_hot
from gemmule.losses.loss import broadcast_weights
from gemmule.metrics.metric import Metric
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor, Variable

AVERAGES = ("micro", "macro", "weighted")


class FBetaScore(Metric):
    """`(1 + beta²) * precision * recall / (beta² * precision + recall)` of each class, or a mean of them.

    Args:
        average: `None` gives one score for each class; `"macro"` their mean, `"weighted"` their mean weighted with the
            targets of each class, `"micro"` the score of all counts together.
        beta: how many times as important recall is as precision.
        threshold: predictions above it are positive; by default the largest of each row is (Keras's rule: all that
            equal it are, and a largest prediction of 0 is not).
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: for arguments out of range.

    Source: van Rijsbergen, "Information Retrieval", 1979.

    Example:
        >>> m = gm.metrics.FBetaScore(beta=2.0, threshold=0.5)
        >>> m.update_state([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        >>> m.result().numpy().round(4)
        array([0.3846, 0.9091, 0.8333])
    """

    direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average is not None and average not in AVERAGES:
            raise ValueError(f"Unknown average {average!r}.{did_you_mean(str(average), AVERAGES)} Or None.")
        if not beta > 0:
            raise ValueError(f"{type(self).__name__}: beta must be positive.{received(beta=beta)}")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"{type(self).__name__}: threshold must lie in (0, 1].{received(threshold=threshold)}")
        self.average, self.beta, self.threshold = average, float(beta), threshold
        self._counts: Variable | None = None  # rows: true positives, predicted positives, positive targets

    _unwatched = Metric._unwatched | {"_counts"}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: targets, 0 or 1, shape (examples, classes).
            y_pred: predictions, the same shape.
            sample_weight: one weight for each example; 1 by default.

        Raises:
            ValueError: if the shapes do not fit.
        """
        p, t = as_float(y_pred), as_tensor(y_true)
        check_one_hot(self.name, t.shape, p.shape)
        counts = self._state(p.shape)
        if self.threshold is None:
            largest = ops.greater_equal(p, ops.max(p, axis=-1, keepdims=True))
            chosen = ops.logical_and(largest, ops.greater(ops.abs(p), 1e-9))
        else:
            chosen = ops.greater(p, self.threshold)
        dtype = "float32" if sample_weight is None and t.dtype.kind != "f" else "float64"
        said, true = ops.cast(chosen, dtype), ops.cast(t, dtype)
        weights = broadcast_weights(sample_weight, said)
        one = (lambda x: x) if weights is None else (lambda x: x * weights)
        sums = [ops.sum(one(x), axis=0, keepdims=True) for x in (said * true, said, true)]
        counts.assign(counts + ops.cast(ops.concatenate(sums), "float64"))

    def _state(self, shape: tuple[int, ...]) -> Variable:
        if len(shape) != 2 or (self._counts is not None and self._counts.shape[1] != shape[1]):
            classes = "classes" if self._counts is None else self._counts.shape[1]
            raise ValueError(f"{self.name}: predictions need the shape (examples, {classes}).{received(shape=shape)}")
        if self._counts is None:
            self._counts = self.add_variable((3, shape[1]), dtype="float64", name="counts")
        return self._counts

    def result(self) -> Tensor:
        """The score so far, float64."""
        if self._counts is None:
            return Tensor(np.zeros(()))
        both, said, true = self._counts[0], self._counts[1], self._counts[2]
        weights = true
        if self.average == "micro":
            both, said, true = ops.sum(both), ops.sum(said), ops.sum(true)
        scores = ops.divide_no_nan((1 + self.beta**2) * both, said + self.beta**2 * true)
        if self.average == "macro":
            return ops.mean(scores)
        return ops.divide_no_nan(ops.sum(scores * weights), ops.sum(weights)) if self.average == "weighted" else scores

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """`2 * precision * recall / (precision + recall)`; arguments as `FBetaScore`, without `beta`.

    Source: van Rijsbergen, "Information Retrieval", 1979.

    Example:
        >>> m = gm.metrics.F1Score(average="micro")
        >>> m.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]])
        >>> float(m.result())
        0.5
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        config = super().get_config()
        del config["beta"]
        return config
