"""Counts over thresholds, and what is made of them: true positives, precision, recall and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.losses.checks import check_same_shape
from gemmule.losses.loss import broadcast_weights
from gemmule.metrics.metric import Metric
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor, Variable


class Counts(Metric):
    """Base class: sums of weights above each threshold, by what the target says, exact in float64.

    Args:
        thresholds: a prediction above one counts as positive.
        name: its name.
        top_k: only so many of the largest predictions of each example may be positive.
        class_id: look at this column alone.
        labels: keep the columns apart, so many of them; 0 if the first batch will tell, see `AUC`.

    Attributes:
        thresholds: as given.
        true_positives: weights of positive targets predicted as such, one number for each threshold.
        false_positives: weights of negative targets predicted as positive, likewise.
        positives: weights of all positive targets.
        negatives: weights of all negative targets.
    """

    def __init__(
        self,
        thresholds: Sequence[float],
        name: str | None = None,
        dtype: Any = None,
        *,
        top_k: int | None = None,
        class_id: int | None = None,
        labels: int | None = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds = [float(threshold) for threshold in thresholds]
        self.top_k, self.class_id, self._labels = top_k, class_id, labels
        if labels != 0:
            self._make_sums(() if labels is None else (labels,))

    def _make_sums(self, columns: tuple[int, ...]) -> None:
        self.true_positives = self._sums((len(self.thresholds), *columns), "true_positives")
        self.false_positives = self._sums((len(self.thresholds), *columns), "false_positives")
        self.positives = self._sums(columns, "positives")
        self.negatives = self._sums(columns, "negatives")

    def _sums(self, shape: tuple[int, ...], name: str) -> Variable:
        return self.add_variable(shape, dtype="float64", name=name)

    @property
    def false_negatives(self) -> Tensor:
        """Weights of positive targets predicted as negative."""
        return ops.maximum(self.positives - self.true_positives, 0.0)

    @property
    def true_negatives(self) -> Tensor:
        """Weights of negative targets predicted as such."""
        return ops.maximum(self.negatives - self.false_positives, 0.0)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: targets; what is not 0 is positive.
            y_pred: predictions, the same shape.
            sample_weight: one weight for each example or value; 1 by default.

        Raises:
            ValueError: if the shapes differ.
        """
        p, t = as_float(y_pred), as_tensor(y_true)
        check_same_shape(self.name, t.shape, p.shape)
        weights = broadcast_weights(sample_weight, p)
        if self.top_k is not None:
            p = largest_only(self.name, p, self.top_k)
        if self.class_id is not None:
            t, p = self._column(t), self._column(p)
            weights = None if weights is None else self._column(weights)
        self._add(ops.not_equal(t, 0), p, weights)

    def _column(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or not 0 <= self.class_id < x.shape[-1]:  # type: ignore[operator]
            raise ValueError(
                f"{self.name}: class_id must be the number of a column of the predictions."
                f"{received(class_id=self.class_id, shape=x.shape)}"
            )
        return x[..., self.class_id]

    def _add(self, positive: Tensor, p: Tensor, weights: Tensor | None) -> None:
        """Counts in float32, which is exact for ones; with weights in float64."""
        dtype = "float32" if weights is None else "float64"
        columns = self._labels or 1
        kinds = []
        for kind in (positive, ops.logical_not(positive)):
            ones = ops.cast(kind, dtype)
            kinds.append(ops.reshape(ones if weights is None else ones * ops.cast(weights, dtype), (-1, 1, columns)))
        thresholds = np.array(self.thresholds, p.dtype).reshape(1, -1, 1)
        over = ops.cast(ops.greater(ops.reshape(p, (-1, 1, columns)), thresholds), dtype)
        sums = [ops.sum(over * kind, axis=0) for kind in kinds] + [ops.sum(kind, axis=0) for kind in kinds]
        for state, found in zip((self.true_positives, self.false_positives, self.positives, self.negatives), sums):
            state.assign(state + ops.reshape(ops.cast(found, "float64"), state.shape))

    def _one_or_all(self, values: Tensor) -> Tensor:
        return ops.squeeze(values, 0) if len(self.thresholds) == 1 else values


class _Confusion(Counts):
    """One of the four counts.

    Args:
        thresholds: a number from 0 to 1, or a list of them; 0.5 by default.
        name: its name.
        dtype: only `None`.
    """

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self._given = thresholds
        super().__init__(listed_thresholds(type(self).__name__, thresholds), name, dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self._given}


class TruePositives(_Confusion):
    """How many positive targets were predicted as such (the sum of their weights).

    Args:
        thresholds: a prediction above it is positive: a number from 0 to 1 or a list of them; 0.5 by default.
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.TruePositives()
        >>> m.update_state([0, 1, 1], [0.7, 0.8, 0.2])
        >>> float(m.result())
        1.0
    """

    direction = "up"

    def result(self) -> Tensor:
        """The sum so far, float64; a vector for several thresholds."""
        return self._one_or_all(self.true_positives + 0.0)


class FalsePositives(_Confusion):
    """How many negative targets were predicted as positive; arguments as `TruePositives`.

    Example:
        >>> m = gm.metrics.FalsePositives()
        >>> m.update_state([0, 1, 1], [0.7, 0.8, 0.2])
        >>> float(m.result())
        1.0
    """

    direction = "down"

    def result(self) -> Tensor:
        """The sum so far, float64; a vector for several thresholds."""
        return self._one_or_all(self.false_positives + 0.0)


class TrueNegatives(_Confusion):
    """How many negative targets were predicted as such; arguments as `TruePositives`.

    Example:
        >>> m = gm.metrics.TrueNegatives()
        >>> m.update_state([0, 1, 1], [0.7, 0.8, 0.2])
        >>> float(m.result())
        0.0
    """

    direction = "up"

    def result(self) -> Tensor:
        """The sum so far, float64; a vector for several thresholds."""
        return self._one_or_all(self.true_negatives)


class FalseNegatives(_Confusion):
    """How many positive targets were predicted as negative; arguments as `TruePositives`.

    Example:
        >>> m = gm.metrics.FalseNegatives()
        >>> m.update_state([0, 1, 1], [0.7, 0.8, 0.2])
        >>> float(m.result())
        1.0
    """

    direction = "down"

    def result(self) -> Tensor:
        """The sum so far, float64; a vector for several thresholds."""
        return self._one_or_all(self.false_negatives)


class Precision(Counts):
    """The share of true positives among what was predicted as positive, `tp / (tp + fp)`; 0 if nothing was.

    Args:
        thresholds: a prediction above it is positive: a number from 0 to 1 or a list of them; 0.5 by default, and no
            threshold with `top_k`.
        top_k: the so many largest predictions of each example are positive, if above the threshold.
        class_id: look at this column of targets and predictions alone.
        name: its name.
        dtype: only `None`.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, ch. 8.

    Example:
        >>> m = gm.metrics.Precision()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.8, 0.9, 0.2])
        >>> round(float(m.result()), 4)
        0.6667
    """

    direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        kind = type(self).__name__
        if top_k is not None:
            check_k(kind, "top_k", top_k)
        self._given = thresholds
        default = 0.5 if top_k is None else -np.inf
        super().__init__(
            listed_thresholds(kind, thresholds, default), name, dtype, top_k=top_k, class_id=class_id
        )  # fmt: skip

    def result(self) -> Tensor:
        """The share so far, float64; a vector for several thresholds."""
        return self._one_or_all(ops.divide_no_nan(self.true_positives, self.true_positives + self.false_positives))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"thresholds": self._given, "top_k": self.top_k, "class_id": self.class_id}


class Recall(Precision):
    """The share of positive targets that were predicted as such, `tp / (tp + fn)`; arguments as `Precision`.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, ch. 8.

    Example:
        >>> m = gm.metrics.Recall()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.8, 0.9, 0.2])
        >>> round(float(m.result()), 4)
        0.6667
    """

    def result(self) -> Tensor:
        """The share so far, float64; a vector for several thresholds."""
        return self._one_or_all(ops.divide_no_nan(self.true_positives, self.positives + 0.0 * self.true_positives))


def largest_only(name: str, p: Tensor, k: int) -> Tensor:
    """`p` with all but the `k` largest of each row at minus infinity; of equal ones the first stay."""
    if p.ndim < 2 or k > p.shape[-1]:
        raise ValueError(f"{name}: top_k must not exceed the number of classes.{received(top_k=k, shape=p.shape)}")
    kept = ops.max(ops.one_hot(ops.top_k(p, k).indices, p.shape[-1], dtype=p.dtype), axis=-2)
    return ops.where(ops.equal(kept, 1.0), p, -np.inf)


def listed_thresholds(name: str, given: Any, default: float = 0.5) -> list[float]:
    """One threshold or several as a list.

    Raises:
        ValueError: if one of them is not between 0 and 1.
    """
    if given is None:
        return [default]
    listed = np.asarray(given, np.float64).reshape(-1).tolist()
    if not listed or not all(0 <= threshold <= 1 for threshold in listed):
        raise ValueError(
            f"{name}: thresholds must lie between 0 and 1: one number, or a list of them.{received(thresholds=given)}"
        )
    return listed


def check_k(name: str, argument: str, k: Any) -> int:
    """A number of entries.

    Raises:
        ValueError: if it is not a positive integer.
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"{name}: {argument} must be a positive integer.{received(**{argument: k})}")
    return int(k)
