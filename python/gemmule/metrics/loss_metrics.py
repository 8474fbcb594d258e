"""Metrics that are the mean of a loss."""

from __future__ import annotations

from copy import copy
from typing import Any

from gemmule import losses, ops
from gemmule.errors import received
from gemmule.losses.loss import broadcast_weights
from gemmule.metrics.metric import Mean
from gemmule.tensor import Tensor


class MeanLoss(Mean):
    """The mean of a loss over the examples.

    Args:
        loss: the loss, anything `gm.losses.get` takes.
        name: its name by default.
        dtype: only `None`.
    """

    direction = "down"
    _settings: tuple[str, ...] = ()  # arguments of the loss that are the metric's own, too

    def __init__(self, loss: Any, name: str | None = None, dtype: Any = None) -> None:
        found = losses.get(loss)
        if found is None:
            raise ValueError(f"MeanLoss needs a loss.{received(loss=loss)}")
        self._loss = copy(found)
        super().__init__(name or self._loss.name, dtype)
        self._loss.reduction = "none"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds a batch.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: one weight for each example; 1 by default.
        """
        values = self._loss(y_true, y_pred)
        mask = self._loss.mask(y_true, values)
        weights = broadcast_weights(sample_weight, values)
        super().update_state(values, weights if mask is None else mask if weights is None else weights * mask)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        config = self._loss.get_config()
        if type(self) is MeanLoss:
            return super().get_config() | {"loss": {"class_name": type(self._loss).__name__, "config": config}}
        return super().get_config() | {name: config[name] for name in self._settings}


class _MeanOf(MeanLoss):
    """The mean of the loss in `made_of`."""

    made_of: type[losses.Loss]

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(self.made_of(), name, dtype)


class MeanSquaredError(_MeanOf):
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

    made_of = losses.MeanSquaredError


class RootMeanSquaredError(MeanSquaredError):
    """Square root of the mean of the squared differences; arguments as `MeanSquaredError`.

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


class MeanAbsoluteError(_MeanOf):
    """Mean of the absolute differences; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.MeanAbsoluteError()
        >>> m.update_state([[1.0]], [[3.0]])
        >>> round(float(m.result()), 4)
        2.0
    """

    made_of = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(_MeanOf):
    """Mean of the differences in percent of the targets; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.MeanAbsolutePercentageError()
        >>> m.update_state([[2.0]], [[3.0]])
        >>> round(float(m.result()), 4)
        50.0
    """

    made_of = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(_MeanOf):
    """Mean of the squared differences of `log(1 + y)`; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.MeanSquaredLogarithmicError()
        >>> m.update_state([[0.0]], [[1.0]])
        >>> round(float(m.result()), 4)
        0.4805
    """

    made_of = losses.MeanSquaredLogarithmicError


class KLDivergence(_MeanOf):
    """Mean of the Kullback-Leibler divergences; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.KLDivergence()
        >>> m.update_state([[0.5, 0.5]], [[0.25, 0.75]])
        >>> round(float(m.result()), 4)
        0.1438
    """

    made_of = losses.KLDivergence


class Poisson(_MeanOf):
    """Mean of the loss of the same name; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.Poisson()
        >>> m.update_state([[2.0]], [[1.0]])
        >>> round(float(m.result()), 4)
        1.0
    """

    made_of = losses.Poisson


class Hinge(_MeanOf):
    """Mean of the loss of the same name; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.Hinge()
        >>> m.update_state([[1.0, -1.0]], [[0.5, -2.0]])
        >>> round(float(m.result()), 4)
        0.25
    """

    made_of = losses.Hinge


class SquaredHinge(_MeanOf):
    """Mean of the loss of the same name; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.SquaredHinge()
        >>> m.update_state([[1.0, -1.0]], [[0.5, -2.0]])
        >>> round(float(m.result()), 4)
        0.125
    """

    made_of = losses.SquaredHinge


class CategoricalHinge(_MeanOf):
    """Mean of the loss of the same name; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.CategoricalHinge()
        >>> m.update_state([[0.0, 1.0]], [[0.75, 1.0]])
        >>> round(float(m.result()), 4)
        0.75
    """

    made_of = losses.CategoricalHinge


class LogCoshError(_MeanOf):
    """Mean of `log(cosh(error))`; arguments as `MeanSquaredError`.

    Example:
        >>> m = gm.metrics.LogCoshError()
        >>> m.update_state([[0.0]], [[1.0]])
        >>> round(float(m.result()), 4)
        0.4338
    """

    made_of = losses.LogCosh

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class CosineSimilarity(MeanLoss):
    """Mean of the cosines between targets and predictions: 1 where they point the same way (the loss: -1).

    Args:
        name: its name.
        dtype: only `None`.
        axis: along which the vectors lie.

    Example:
        >>> m = gm.metrics.CosineSimilarity()
        >>> m.update_state([[0.0, 2.0]], [[1.0, 1.0]])
        >>> round(float(m.result()), 4)
        0.7071
    """

    direction = "up"
    _settings = ("axis",)

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(losses.CosineSimilarity(axis), name, dtype)

    def result(self) -> Tensor:
        """The mean so far, float64."""
        return 0.0 - super().result()


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

    _settings = ("from_logits", "label_smoothing")

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
        axis: the axis of the classes.

    Example:
        >>> m = gm.metrics.CategoricalCrossentropy()
        >>> m.update_state([[0.0, 1.0]], [[0.5, 0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    _settings = ("from_logits", "label_smoothing", "axis")

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
        ignore_class: targets of this number do not count.
        axis: the axis of the classes.

    Example:
        >>> m = gm.metrics.SparseCategoricalCrossentropy()
        >>> m.update_state([1], [[0.5, 0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    _settings = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis), name, dtype)
