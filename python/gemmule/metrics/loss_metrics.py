"""Metrics that are the mean of a loss."""

from __future__ import annotations

from typing import Any

from gemmule import losses, ops
from gemmule.metrics.metric import Mean
from gemmule.tensor import Tensor


class MeanLoss(Mean):
    """The mean of a loss over the examples.

    Args:
        loss: the loss.
        name: its name by default.
        dtype: only `None`.
    """

    direction = "down"

    def __init__(self, loss: losses.Loss, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name or loss.name, dtype)
        self._loss = loss
        loss.reduction = "none"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds a batch.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: one weight for each example; 1 by default.
        """
        super().update_state(self._loss(y_true, y_pred), sample_weight)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        config = {k: v for k, v in self._loss.get_config().items() if k not in ("name", "reduction")}
        return super().get_config() | config


class MeanSquaredError(MeanLoss):
    """Mean of the squared differences.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.MeanSquaredError()
        >>> m.update_state([[1.0]], [[3.0]])
        >>> float(m.result())
        4.0
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


class RootMeanSquaredError(MeanSquaredError):
    """Square root of the mean of the squared differences.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.RootMeanSquaredError()
        >>> m.update_state([[1.0]], [[3.0]])
        >>> float(m.result())
        2.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> Tensor:
        """The root so far, float64."""
        return ops.sqrt(super().result())


class MeanAbsoluteError(MeanLoss):
    """Mean of the absolute differences.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.MeanAbsoluteError()
        >>> m.update_state([[1.0]], [[3.0]])
        >>> float(m.result())
        2.0
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


class BinaryCrossentropy(MeanLoss):
    """Mean of the cross-entropy of yes-or-no targets.

    Args:
        name: its name.
        dtype: only `None`.
        from_logits: whether predictions are scores before a sigmoid.
        label_smoothing: see the loss of the same name.

    Example:
        >>> m = gm.metrics.BinaryCrossentropy()
        >>> m.update_state([[1.0]], [[0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name, dtype)


class CategoricalCrossentropy(MeanLoss):
    """Mean of the cross-entropy of one-hot targets.

    Args:
        name: its name.
        dtype: only `None`.
        from_logits: whether predictions are scores before a softmax.
        label_smoothing: see the loss of the same name.
        axis: only -1.

    Example:
        >>> m = gm.metrics.CategoricalCrossentropy()
        >>> m.update_state([[0.0, 1.0]], [[0.5, 0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.CategoricalCrossentropy(from_logits, label_smoothing, axis), name, dtype)


class SparseCategoricalCrossentropy(MeanLoss):
    """Mean of the cross-entropy of class numbers.

    Args:
        name: its name.
        dtype: only `None`.
        from_logits: whether predictions are scores before a softmax.
        axis: only -1.

    Example:
        >>> m = gm.metrics.SparseCategoricalCrossentropy()
        >>> m.update_state([1], [[0.5, 0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits, None, axis=axis), name, dtype)
