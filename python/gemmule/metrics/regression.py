"""How much of the targets' variance predictions explain."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import GemmuleWarning, did_you_mean, received
from gemmule.losses.checks import check_same_shape
from gemmule.losses.loss import broadcast_weights
from gemmule.metrics.metric import Metric
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor, Variable

AGGREGATIONS = ("uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """Coefficient of determination, `1 - sum((y_true - y_pred)²) / sum((y_true - mean(y_true))²)` of each output.

    Means and squares of batches are combined as by Chan, Golub and LeVeque, so targets far from 0 keep their digits.
    Where the targets do not vary, the score is 1 for exact predictions and else 0, as in scikit-learn (Keras: NaN, 0).

    Args:
        class_aggregation: `"uniform_average"` gives the mean over outputs, `"variance_weighted_average"` one weighted
            with their variances, `None` the score of each.
        num_regressors: number of independent variables; more than 0 gives the adjusted score
            `1 - (1 - r2) * (n - 1) / (n - num_regressors - 1)`.
        name: its name.
        dtype: only `None`.

    Raises:
        ValueError: for arguments out of range.

    Source: Wright, "Correlation and Causation", 1921.

    Example:
        >>> m = gm.metrics.R2Score()
        >>> m.update_state([[1], [4], [3]], [[2], [4], [4]])
        >>> round(float(m.result()), 4)
        0.5714
    """

    direction = "up"
    _unwatched = Metric._unwatched | {"_moments"}

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation is not None and class_aggregation not in AGGREGATIONS:
            known = did_you_mean(str(class_aggregation), AGGREGATIONS)
            raise ValueError(f"Unknown class_aggregation {class_aggregation!r}.{known} Or None.")
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors must not be negative.{received(num_regressors=num_regressors)}")
        self.class_aggregation, self.num_regressors = class_aggregation, int(num_regressors)
        self._moments: Variable | None = None  # rows: weights, means, squares around them, squared errors
        self._examples = self.add_variable((), dtype="float64", name="examples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: targets, shape (examples, outputs) or (examples,).
            y_pred: predictions, the same shape.
            sample_weight: one weight for each example; 1 by default.

        Raises:
            ValueError: if the shapes do not fit.
        """
        p, t = as_tensor(as_float(y_pred), "float64"), as_tensor(as_float(y_true), "float64")
        check_same_shape(self.name, t.shape, p.shape)
        if p.ndim == 1:
            t, p = ops.expand_dims(t, -1), ops.expand_dims(p, -1)
        weights = broadcast_weights(sample_weight, t)
        weights = ops.ones(t.shape, "float64") if weights is None else weights
        state = self._state(p.shape)
        count, mean, around, errors = state[0], state[1], state[2], state[3]
        more = ops.sum(weights, axis=0)
        center = ops.divide_no_nan(ops.sum(weights * t, axis=0), more)
        total, shift = count + more, center - mean
        rows = (
            total,
            mean + shift * ops.divide_no_nan(more, total),
            around
            + ops.sum(weights * ops.square(t - center), axis=0)
            + ops.square(shift) * ops.divide_no_nan(count * more, total),
            errors + ops.sum(weights * ops.square(t - p), axis=0),
        )
        state.assign(ops.concatenate([ops.expand_dims(row, 0) for row in rows]))
        self._examples.assign(self._examples + float(t.size))

    def _state(self, shape: tuple[int, ...]) -> Variable:
        if len(shape) != 2 or (self._moments is not None and self._moments.shape[1] != shape[1]):
            outputs = "outputs" if self._moments is None else self._moments.shape[1]
            raise ValueError(f"{self.name}: predictions need the shape (examples, {outputs}).{received(shape=shape)}")
        if self._moments is None:
            self._moments = self.add_variable((4, shape[1]), dtype="float64", name="moments")
        return self._moments

    def result(self) -> Tensor:
        """The score so far, float64."""
        if self._moments is None:
            return Tensor(np.zeros(()))
        around, errors = self._moments[2], self._moments[3]
        constant = ops.where(ops.equal(errors, 0.0), 1.0, 0.0)
        scores = ops.where(ops.equal(around, 0.0), constant, 1.0 - ops.divide_no_nan(errors, around))
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation is not None:
            scores = ops.divide_no_nan(ops.sum(scores * around), ops.sum(around))
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores: Tensor) -> Tensor:
        n, p = float(self._examples.array), self.num_regressors
        if p >= n - 1:
            warnings.warn(
                f"R2Score: {p} regressors need at least {p + 2} examples for an adjusted score; there are {n:g}, so it "
                "is not adjusted.",
                GemmuleWarning,
                stacklevel=3,
            )
            return scores
        return 1.0 - (1.0 - scores) * (self._examples - 1.0) / (self._examples - (p + 1.0))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return super().get_config() | own
