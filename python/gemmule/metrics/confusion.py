"""Which class was taken for which: the confusion matrix, and intersections over unions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import did_you_mean, received
from gemmule.losses.checks import check_same_shape
from gemmule.losses.loss import broadcast_weights
from gemmule.metrics.counts import check_k
from gemmule.metrics.metric import Metric
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor

NORMALIZATIONS = ("true", "pred", "all")


class _Pairs(Metric):
    """Base class: how often each pair of true and predicted class occurs, with weights, in float64."""

    def __init__(self, num_classes: int, name: str | None, dtype: Any, ignore_class: int | None) -> None:
        super().__init__(dtype, name)
        self.num_classes = check_k(type(self).__name__, "num_classes", num_classes)
        self.ignore_class = ignore_class
        # True class by predicted class, then what is outside of the classes, then what is ignored.
        self._pairs = self.add_variable((self.num_classes**2 + 2,), dtype="float64", name="pairs")

    def _add(self, labels: Tensor, found: Tensor, sample_weight: Any) -> None:
        if labels.ndim == found.ndim + 1 and labels.shape[-1] == 1:
            labels = ops.squeeze(labels, -1)
        check_same_shape(self.name, labels.shape, found.shape)
        t, p = (ops.cast(x, "int32") for x in (labels, found))
        weights = broadcast_weights(sample_weight, ops.ones(p.shape, "float64"))
        weights = ops.ones(p.shape, "float64") if weights is None else weights
        n = self.num_classes
        inside = ops.logical_and(
            ops.logical_and(ops.greater_equal(t, 0), ops.less(t, n)),
            ops.logical_and(ops.greater_equal(p, 0), ops.less(p, n)),
        )
        place = ops.where(inside, t * n + p, n * n)
        if self.ignore_class is not None:
            place = ops.where(ops.equal(t, self.ignore_class), n * n + 1, place)
        self._pairs.assign_add(ops.segment_sum(ops.ravel(weights), ops.ravel(place), n * n + 2))

    def _matrix(self) -> Tensor:
        n = self.num_classes
        if self._pairs.array[n * n]:
            raise ValueError(
                f"{self.name}: there are labels or predictions outside of the classes 0 to {n - 1}, of weight "
                f"{self._pairs.array[n * n]:g}. Make the metric with as many classes as there are"
                + (", or name the one to leave out: ignore_class=..." if self.ignore_class is None else ".")
            )
        return ops.reshape(self._pairs[: n * n], (n, n))


class ConfusionMatrix(_Pairs):
    """How many examples of each class (row) were taken for which (column). Keras has no such metric.

    See `gm.utils.confusion_matrix` for arrays. In the logs of `fit` the matrix is an array.

    Args:
        num_classes: number of classes.
        normalize: `"true"` divides rows by their sums, `"pred"` columns, `"all"` everything; as in scikit-learn.
        ignore_class: targets of this number do not count.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: in `result`, if a label was outside of the classes.

    Example:
        >>> m = gm.metrics.ConfusionMatrix(2)
        >>> m.update_state([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
        >>> m.result().numpy()
        array([[1., 0.],
               [1., 1.]])
    """

    def __init__(
        self,
        num_classes: int,
        normalize: str | None = None,
        ignore_class: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class)
        if normalize is not None and normalize not in NORMALIZATIONS:
            raise ValueError(f"Unknown normalize {normalize!r}.{did_you_mean(str(normalize), NORMALIZATIONS)} Or None.")
        self.normalize = normalize

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: class numbers, or one-hot rows of the shape of the scores.
            y_pred: class numbers (integers), or one score for each class (the last axis); one score in a last axis
                of 1 is a probability, above 0.5 of class 1.
            sample_weight: one weight for each example; 1 by default.
        """
        t, p = as_tensor(y_true), as_tensor(y_pred)
        if p.dtype.kind != "f":
            self._add(t, p, sample_weight)
        elif p.ndim > 1 and p.shape[-1] == 1:
            found = ops.squeeze(ops.greater(p, 0.5), -1)
            self._add(t, ops.cast(found, "int32"), sample_weight)
        else:
            one_hot = t.shape == p.shape and p.ndim > 1
            self._add(ops.argmax(t, axis=-1) if one_hot else t, ops.argmax(p, axis=-1), sample_weight)

    def result(self) -> Tensor:
        """The matrix so far, float64."""
        matrix = self._matrix()
        if self.normalize is None:
            return matrix
        axis = {"true": 1, "pred": 0, "all": None}[self.normalize]
        return ops.divide_no_nan(matrix, ops.sum(matrix, axis=axis, keepdims=True))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        own = {"num_classes": self.num_classes, "normalize": self.normalize, "ignore_class": self.ignore_class}
        return super().get_config() | own


class IoU(_Pairs):
    """Intersection over union, `tp / (tp + fp + fn)`, averaged over classes that occur.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes averaged over.
        name: its name.
        dtype: only `None`.
        ignore_class: targets of this number do not count.
        sparse_y_true: whether targets are class numbers rather than one-hot.
        sparse_y_pred: whether predictions are class numbers rather than scores.
        axis: the axis of the classes, where they are not class numbers.

    Raises:
        ValueError: for a class that does not exist; in `result`, if a label was outside of the classes.

    Source: Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010.

    Example:
        >>> m = gm.metrics.IoU(num_classes=2, target_class_ids=[0])
        >>> m.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> round(float(m.result()), 4)
        0.3333
    """

    direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class)
        self.target_class_ids = [int(i) for i in target_class_ids]
        if not self.target_class_ids or not all(0 <= i < num_classes for i in self.target_class_ids):
            raise ValueError(
                f"{self.name}: target_class_ids must be numbers from 0 to {num_classes - 1}."
                f"{received(target_class_ids=target_class_ids)}"
            )
        self.sparse_y_true, self.sparse_y_pred, self.axis = bool(sparse_y_true), bool(sparse_y_pred), axis

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: one weight for each example or value; 1 by default.
        """
        t, p = as_tensor(y_true), as_tensor(y_pred)
        t = t if self.sparse_y_true else ops.argmax(t, axis=self.axis)
        self._add(t, p if self.sparse_y_pred else ops.argmax(p, axis=self.axis), sample_weight)

    def result(self) -> Tensor:
        """The mean so far, float64; 0 when no class has occurred."""
        matrix = self._matrix()
        own = ops.sum(matrix * np.eye(self.num_classes), axis=0)
        union = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - own
        chosen = ops.take(ops.divide_no_nan(own, union), self.target_class_ids)
        occurs = ops.cast(ops.greater(ops.take(union, self.target_class_ids), 1e-9), "float64")
        return ops.divide_no_nan(ops.sum(chosen * occurs), ops.sum(occurs))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        names = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return super().get_config() | {name: getattr(self, name) for name in names if name not in self._fixed}

    _fixed: frozenset[str] = frozenset()  # arguments of `IoU` that a subclass does not have


class BinaryIoU(IoU):
    """Intersection over union of yes-or-no targets.

    Args:
        target_class_ids: the classes averaged over, of 0 and 1.
        threshold: predictions from it on are of class 1.
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.BinaryIoU(threshold=0.3)
        >>> m.update_state([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
        >>> round(float(m.result()), 4)
        0.3333
    """

    _fixed = frozenset({"num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis"})

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: targets, 0 or 1.
            y_pred: probabilities, the same shape.
            sample_weight: one weight for each example or value; 1 by default.
        """
        above = ops.greater_equal(as_float(y_pred), self.threshold)
        super().update_state(y_true, ops.cast(above, "int32"), sample_weight)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"threshold": self.threshold}


class MeanIoU(IoU):
    """Intersection over union, averaged over all classes that occur; arguments as `IoU`, without `target_class_ids`.

    Source: Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010.

    Example:
        >>> m = gm.metrics.MeanIoU(num_classes=2)
        >>> m.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> round(float(m.result()), 4)
        0.3333
    """

    _fixed = frozenset({"target_class_ids"})

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        check_k(type(self).__name__, "num_classes", num_classes)
        super().__init__(
            num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )  # fmt: skip


class OneHotIoU(IoU):
    """`IoU` of one-hot targets; arguments as there, without `sparse_y_true`, predictions are scores by default.

    Example:
        >>> m = gm.metrics.OneHotIoU(num_classes=2, target_class_ids=[0])
        >>> m.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]])
        >>> float(m.result())
        0.5
    """

    _fixed = frozenset({"sparse_y_true"})

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets; arguments as there, without `sparse_y_true`, predictions are scores by default.

    Example:
        >>> m = gm.metrics.OneHotMeanIoU(num_classes=2)
        >>> m.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]])
        >>> float(m.result())
        0.25
    """

    _fixed = frozenset({"target_class_ids", "sparse_y_true"})

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
