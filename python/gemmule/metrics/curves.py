"""Metrics of the whole range of thresholds: areas under curves, and one rate where another is large enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import did_you_mean, received
from gemmule.metrics.counts import Counts, check_k, listed_thresholds
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor

EPSILON = 1e-7
CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(Counts):
    """Area under a curve: of true over false positive rates (ROC), or of precision over recall (PR).

    The curve is known at `num_thresholds` thresholds and a little beyond both ends, so the area is that of scikit-learn
    as far as no two predictions share an interval.

    Args:
        num_thresholds: how many, evenly over the interval from 0 to 1.
        curve: `"ROC"`, `"PR"`, or `"PRGAIN"` (precision-recall-gain, Flach and Kull 2015).
        summation_method: `"interpolation"` (trapezoids; for PR as in Davis and Goadrich 2006), `"minoring"` or
            `"majoring"` (the smaller or larger height of each interval).
        name: its name.
        dtype: only `None`.
        thresholds: those between 0 and 1 to use instead.
        multi_label: whether each column has a curve of its own; the result is the mean of the areas.
        num_labels: number of columns, that of the first batch by default.
        label_weights: one for each column: what its area counts, or, without `multi_label`, its examples.
        from_logits: whether predictions are scores before a sigmoid.

    Raises:
        ValueError: for arguments out of range, and in `result` for predictions outside of 0 to 1.

    Source: Fawcett, "An introduction to ROC analysis", 2006; Davis and Goadrich, 2006, for "PR".

    Example:
        >>> m = gm.metrics.AUC(num_thresholds=3)
        >>> m.update_state([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        >>> float(m.result())
        0.75
    """

    direction = "up"
    _unwatched = Counts._unwatched | {"_labels"}  # known with the first batch

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        if str(curve).upper() not in CURVES:
            raise ValueError(f"Unknown curve {curve!r}.{did_you_mean(str(curve), CURVES)}")
        if str(summation_method).lower() not in SUMMATIONS:
            raise ValueError(
                f"Unknown summation_method {summation_method!r}.{did_you_mean(summation_method, SUMMATIONS)}"
            )
        if num_labels is not None and not multi_label:
            raise ValueError(f"AUC: num_labels is for multi_label=True.{received(num_labels=num_labels)}")
        inner = inner_thresholds(num_thresholds) if thresholds is None else sorted(listed_thresholds("AUC", thresholds))
        given = None if num_labels is None else check_k("AUC", "num_labels", num_labels)
        labels = 0 if multi_label and given is None else given
        super().__init__([-EPSILON, *inner, 1 + EPSILON], name or "auc", dtype, labels=labels)
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        self.label_weights = None if label_weights is None else [float(weight) for weight in label_weights]
        self.from_logits, self._given, self._given_labels = bool(from_logits), thresholds, given

    @property
    def num_thresholds(self) -> int:
        """How many thresholds there are."""
        return len(self.thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: targets; what is not 0 is positive.
            y_pred: predictions, the same shape.
            sample_weight: one weight for each example or value; 1 by default.
        """
        p = as_float(y_pred)
        if self._labels == 0 and p.ndim == 2:
            self._labels = p.shape[1]
            self._make_sums((self._labels,))
        if self._labels is not None and p.shape[1:] != (self._labels,):
            raise ValueError(
                f"{self.name}: with multi_label=True the predictions need the shape (examples, {self._labels})."
                f"{received(shape=p.shape)}"
            )
        super().update_state(y_true, ops.sigmoid(p) if self.from_logits else p, sample_weight)

    def _add(self, positive: Tensor, p: Tensor, weights: Tensor | None) -> None:
        if self.label_weights is not None and self._labels is None:
            if p.shape[-1:] != (len(self.label_weights),):
                raise ValueError(
                    f"{self.name}: label_weights needs one number for each column."
                    f"{received(label_weights=self.label_weights, shape=p.shape)}"
                )
            weights = (ops.ones(p.shape, p.dtype) if weights is None else weights) * np.array(
                self.label_weights, p.dtype
            )
        super()._add(positive, p, weights)

    def result(self) -> Tensor:
        """The area so far, float64."""
        if self._labels == 0:  # nothing so far
            return Tensor(np.zeros((), np.float64))
        self._check_range()
        tp, fp, fn, tn = self.true_positives, self.false_positives, self.false_negatives, self.true_negatives
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated(tp, fp, fn)
        else:
            x, y = _points(self.curve, tp, fp, fn, tn)
            low, high = y[:-1], y[1:]
            heights = {
                "interpolation": lambda: (low + high) / 2.0,
                "minoring": lambda: ops.minimum(low, high),
                "majoring": lambda: ops.maximum(low, high),
            }[self.summation_method]()
            areas = (x[:-1] - x[1:]) * heights
        total = ops.sum(areas, axis=0)
        if self._labels is None:
            return total
        if self.label_weights is None:
            return ops.mean(total)
        weights = as_tensor(np.array(self.label_weights))
        return ops.divide_no_nan(ops.sum(total * weights), ops.sum(weights))

    def _check_range(self) -> None:
        """Predictions at or below the lowest threshold, above the highest or NaN are on no side they belong to."""
        tp, fp = self.true_positives.array, self.false_positives.array
        everything = self.positives.array + self.negatives.array
        if (tp[-1] + fp[-1]).any() or not np.allclose(tp[0] + fp[0], everything, rtol=1e-9, atol=0):
            raise ValueError(
                f"{self.name}: there are predictions outside of 0 to 1. If they are scores before a sigmoid, make the "
                "metric with from_logits=True."
            )

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "thresholds": self._given,
            "multi_label": self._labels is not None,
            "num_labels": self._given_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }


def _interpolated(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """Areas under precision-recall between thresholds, positives growing linearly (Davis and Goadrich 2006)."""
    predicted = tp + fp
    gained, low = tp[:-1] - tp[1:], predicted[1:]
    slope = ops.divide_no_nan(gained, ops.maximum(predicted[:-1] - low, 0.0))
    intercept = tp[1:] - slope * low
    both = ops.logical_and(ops.greater(predicted[:-1], 0.0), ops.greater(low, 0.0))
    growth = ops.where(both, ops.divide_no_nan(predicted[:-1], low), 1.0)
    return ops.divide_no_nan(slope * (gained + intercept * ops.log(growth)), tp[1:] + fn[1:])


def _points(curve: str, tp: Tensor, fp: Tensor, fn: Tensor, tn: Tensor) -> tuple[Tensor, Tensor]:
    """The points of a curve, from the lowest threshold to the highest."""
    recall = ops.divide_no_nan(tp, tp + fn)
    if curve == "ROC":
        return ops.divide_no_nan(fp, fp + tn), recall
    if curve == "PR":
        return recall, ops.divide_no_nan(tp, tp + fp)
    factor, none = ops.divide_no_nan(tp + fn, tn + fp), ops.equal(tp, 0.0)
    gains = [
        ops.where(none, value, 1.0 - factor * ops.divide_no_nan(wrong, tp)) for wrong, value in ((fn, 0.0), (fp, 1.0))
    ]
    return ops.maximum(gains[0], 0.0), gains[1]


class _AtRate(Counts):
    """Base class: the best of one rate among the thresholds at which another is large enough."""

    direction = "up"
    argument = ""

    def __init__(
        self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any
    ) -> None:  # fmt: skip
        if not 0 <= value <= 1:
            raise ValueError(
                f"{type(self).__name__}: {self.argument} must lie between 0 and 1.{received(**{self.argument: value})}"
            )
        check_k(type(self).__name__, "num_thresholds", num_thresholds)
        listed = [0.5] if num_thresholds == 1 else [0.0, *inner_thresholds(num_thresholds), 1.0]
        super().__init__(listed, name, dtype, class_id=class_id)
        setattr(self, self.argument, float(value))

    def _rates(self) -> tuple[Tensor, Tensor]:
        """What is asked for, and what must be large enough."""
        raise NotImplementedError

    def result(self) -> Tensor:
        """The best rate so far, float64; 0 if no threshold is good enough."""
        wanted, bound = self._rates()
        return ops.max(ops.where(ops.greater_equal(bound, getattr(self, self.argument)), wanted, 0.0))

    def _sensitivity(self) -> Tensor:
        return ops.divide_no_nan(self.true_positives, self.true_positives + self.false_negatives)

    def _specificity(self) -> Tensor:
        return ops.divide_no_nan(self.true_negatives, self.true_negatives + self.false_positives)

    def _precision(self) -> Tensor:
        return ops.divide_no_nan(self.true_positives, self.true_positives + self.false_positives)

    def get_config(self) -> dict[str, Any]:
        own = {self.argument: getattr(self, self.argument), "num_thresholds": len(self.thresholds)}
        return super().get_config() | own | {"class_id": self.class_id}


class SensitivityAtSpecificity(_AtRate):
    """The largest sensitivity `tp / (tp + fn)` among thresholds with `tn / (tn + fp) >= specificity`.

    Args:
        specificity: the least one, from 0 to 1.
        num_thresholds: how many thresholds, evenly from 0 to 1.
        class_id: look at this column of targets and predictions alone.
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.SensitivityAtSpecificity(0.5)
        >>> m.update_state([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        >>> float(m.result())
        0.5
    """

    argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Tensor, Tensor]:
        return self._sensitivity(), self._specificity()


class SpecificityAtSensitivity(_AtRate):
    """The largest specificity among thresholds with `sensitivity`; arguments as `SensitivityAtSpecificity`.

    Example:
        >>> m = gm.metrics.SpecificityAtSensitivity(0.5)
        >>> m.update_state([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        >>> round(float(m.result()), 4)
        0.6667
    """

    argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Tensor, Tensor]:
        return self._specificity(), self._sensitivity()


class PrecisionAtRecall(_AtRate):
    """The largest precision among thresholds with `recall`; arguments as `SensitivityAtSpecificity`.

    Example:
        >>> m = gm.metrics.PrecisionAtRecall(0.5)
        >>> m.update_state([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        >>> float(m.result())
        0.5
    """

    argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Tensor, Tensor]:
        return self._precision(), self._sensitivity()


class RecallAtPrecision(_AtRate):
    """The largest recall among thresholds with `precision`; arguments as `SensitivityAtSpecificity`.

    Example:
        >>> m = gm.metrics.RecallAtPrecision(0.8)
        >>> m.update_state([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        >>> float(m.result())
        0.5
    """

    argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Tensor, Tensor]:
        return self._sensitivity(), self._precision()


def inner_thresholds(count: Any) -> list[float]:
    """The thresholds between 0 and 1 when there are `count` with both ends."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 2:
        raise ValueError(f"num_thresholds must be an integer of at least 2.{received(num_thresholds=count)}")
    return [(i + 1) / (int(count) - 1) for i in range(int(count) - 2)]
