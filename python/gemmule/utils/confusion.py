"""The confusion matrix of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.errors import did_you_mean, received

__all__ = ["confusion_matrix"]

_AXES = {"true": 1, "pred": 0, "all": None}


def confusion_matrix(
    y_true: Any, y_pred: Any, num_classes: int | None = None, sample_weight: Any = None, normalize: str | None = None
) -> np.ndarray:
    """How many examples of each class (row) were taken for which (column).

    As `tf.math.confusion_matrix` and scikit-learn's `confusion_matrix`; `gm.metrics.ConfusionMatrix` does it while
    training.

    Args:
        y_true: class numbers from 0, or one-hot rows of the shape of the scores.
        y_pred: class numbers, or what `predict` returns: one score for each class, or one probability (above 0.5 means
            class 1) in a last axis of 1.
        num_classes: number of classes; `None` for those that occur, from 0 on, or the columns of the scores.
        sample_weight: one weight for each example.
        normalize: `"true"` divides rows by their sums, `"pred"` columns, `"all"` everything.

    Returns:
        An int64 array of shape `(num_classes, num_classes)`; float64 with weights or normalised.

    Raises:
        ValueError: if lengths differ or a class number is negative, not whole or not below `num_classes`.

    Example:
        >>> gm.utils.confusion_matrix([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
        array([[1, 0],
               [1, 1]])
    """
    if normalize is not None and normalize not in _AXES:
        raise ValueError(f"Unknown normalize {normalize!r}.{did_you_mean(str(normalize), _AXES)} Or None.")
    truth, found = np.asarray(y_true), np.asarray(y_pred)
    if found.ndim > 1 and found.shape[-1] == 1 and found.dtype.kind == "f":
        found = (found[..., 0] > 0.5).astype(np.int64)
    elif found.ndim > 1 and found.dtype.kind == "f":
        num_classes = found.shape[-1] if num_classes is None else num_classes
        truth = truth.argmax(-1) if truth.shape == found.shape else truth
        found = found.argmax(-1)
    labels = [_class_numbers(name, x, num_classes) for name, x in (("y_true", truth), ("y_pred", found))]
    if labels[0].size != labels[1].size:
        raise ValueError(
            "confusion_matrix: there must be as many targets as predictions."
            f"{received(y_true=np.asarray(y_true), y_pred=np.asarray(y_pred))}"
        )
    n = int(max(x.max(initial=-1) for x in labels)) + 1 if num_classes is None else int(num_classes)
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1)
    if weights is not None and weights.size != labels[0].size:
        raise ValueError(
            f"confusion_matrix: sample_weight needs one number for each example.{received(shape=weights.shape)}"
        )
    matrix = np.bincount(labels[0] * n + labels[1], weights, n * n).reshape(n, n)
    if normalize is None:
        return matrix if weights is not None else matrix.astype(np.int64)
    sums = matrix.sum(_AXES[normalize], keepdims=True)
    return np.divide(matrix, sums, out=np.zeros((n, n)), where=sums != 0)


def _class_numbers(name: str, labels: np.ndarray, num_classes: int | None) -> np.ndarray:
    numbers = labels.reshape(-1)
    whole = numbers.astype(np.int64) if numbers.dtype.kind in "biu" or np.isfinite(numbers).all() else numbers * np.nan
    bad = (whole != numbers) | (whole < 0)
    if num_classes is not None:
        bad |= whole >= num_classes
    if bad.any():
        limit = "0 on" if num_classes is None else f"0 to {num_classes - 1}"
        raise ValueError(
            f"confusion_matrix: {name} must hold class numbers from {limit}, but has {numbers[bad][0].item()!r} at "
            f"position {int(bad.argmax())}."
        )
    return whole
