"""The base of metrics: sums that live in persistent memory, and the means of them.

Sums are float64 and count examples, so an epoch's value does not depend on how it was cut into batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.backend import execute
from gemmule.config import floatx
from gemmule.errors import not_yet
from gemmule.leftovers import METRIC, Renamed
from gemmule.losses.checks import check_function, check_returned, refuse_column_against_row
from gemmule.losses.loss import broadcast_weights, function_name
from gemmule.memory import persistent
from gemmule.mutation import Watched
from gemmule.naming import snake_case
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.tensor import Tensor, Variable


class Metric(Watched, Renamed):
    """Base class of metrics. A subclass defines `update_state` and `result`.

    State made by `add_variable` is set to zero by `reset_state`.

    Args:
        dtype: only `None`; sums are float64.
        name: its name; the class's in snake case by default.

    Example:
        >>> class Largest(gm.metrics.Metric):
        ...     def __init__(self, name="largest"):
        ...         super().__init__(name=name)
        ...         self.value = self.add_variable(shape=(), initializer="zeros", name="value")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value.assign(gm.ops.maximum(self.value, gm.ops.max(y_pred)))
        ...     def result(self):
        ...         return self.value
    """

    direction: str | None = None  # "up" or "down": which way is better
    _unwatched = frozenset({"_waiting", "name"})
    _copyable = False
    _leftovers = METRIC

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        if dtype is not None:
            raise not_yet("Metric(dtype=...)")
        self.name = name or snake_case(type(self).__name__)
        self._states: list[np.ndarray] = []
        self._variables: list[Variable] = []
        self._waiting: list[np.ndarray] = []  # restored values of state that the first batch will make

    @property
    def variables(self) -> list[Variable]:
        """The state made by `add_variable`."""
        return list(self._variables)

    def add_variable(
        self, shape: tuple[int, ...] = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """State of a metric of your own.

        Args:
            shape: dimensions.
            initializer: `"zeros"` or `None`, or a function of `(shape, dtype)` that gives zeros.
            dtype: element type, `floatx()` by default.
            name: its name.

        Returns:
            A variable that is not trainable.
        """
        if isinstance(shape, str):
            raise TypeError(f"shape must be a tuple. To give a name, write add_weight(name={shape!r}).")
        if isinstance(initializer, str) and initializer != "zeros":
            raise not_yet(f"Metric.add_variable(initializer={initializer!r})")
        make = initializer if callable(initializer) else np.zeros
        variable = Variable(make, shape=shape, dtype=dtype or floatx(), trainable=False, name=name)
        self._variables.append(variable)
        self._states.append(variable.array)
        if self._waiting:
            variable.array[...] = self._waiting.pop(0)
        return variable

    add_weight = add_variable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state(self, y_true, y_pred, ...).")

    def result(self) -> Any:
        """The value so far, a number or a tensor without dimensions. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must define result(self).")

    def current(self) -> Any:
        """The value so far for the logs: a number, or an array if the metric has several."""
        result = self.result()
        check_returned(f'result() of the metric "{self.name}"', result)
        return result.numpy() if isinstance(result, Tensor) and result.size != 1 else float(result)

    def reset_state(self) -> None:
        """Starts anew."""
        self.restore_state([])

    def save_state(self) -> list[np.ndarray]:
        """A copy of the sums, for `restore_state`."""
        return [state.copy() for state in (*self._states, *self._waiting)]

    def restore_state(self, saved: list[np.ndarray]) -> None:
        """Goes back to sums that `save_state` returned."""
        for index, state in enumerate(self._states):
            state[...] = saved[index] if index < len(saved) else 0  # state made since is that of a new metric
        self._waiting = [values.copy() for values in saved[len(self._states) :]]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Adds a batch and returns the value so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """What the metric can be made from again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """A metric from its `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Mean(Metric):
    """The weighted mean of the values it is given, `sum(w * v) / sum(w)`; 0 before the first.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.Mean()
        >>> m.update_state([1.0, 3.0])
        >>> float(m.result())
        2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self._sums = persistent((2,), "float64")  # Σ w·v, Σ w
        self._states.append(self._sums)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds values.

        Args:
            values: any shape.
            sample_weight: one weight for each value, or for each example; 1 by default.
        """
        values = as_float(values)
        if values.ndim == 0:
            values = ops.reshape(values, (1,))
        weights = broadcast_weights(sample_weight, values)
        flat = values.array.reshape(-1)
        execute("accumulate", [self._sums], [flat, None if weights is None else weights.array.reshape(-1)])

    def current(self) -> Any:
        """The value so far for the logs; with batch callbacks it is asked for after every step."""
        if type(self).result is not Mean.result:
            return super().current()
        total, count = self._sums.tolist()
        return total / count if count else 0.0

    def result(self) -> Tensor:
        """The mean so far, float64."""
        total, count = Tensor(self._sums[0:1].reshape(())), Tensor(self._sums[1:2].reshape(()))
        zero = Tensor(np.zeros((), np.float64))
        return ops.where(ops.equal(count, zero), zero, ops.divide(total, count))


class Sum(Mean):
    """The weighted sum of the values it is given, `sum(w * v)`.

    Args:
        name: its name.
        dtype: only `None`.

    Example:
        >>> m = gm.metrics.Sum()
        >>> m.update_state([1.0, 3.0])
        >>> float(m.result())
        4.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> Tensor:
        """The sum so far, float64."""
        return ops.add(Tensor(self._sums[0:1].reshape(())), Tensor(np.zeros((), np.float64)))


class MeanMetricWrapper(Mean):
    """The mean of what a function of `(y_true, y_pred)` gives for each example.

    Args:
        fn: the function; it uses `gm.ops`.
        name: the function's by default.
        dtype: only `None`.
        **kwargs: further arguments for `fn`.

    Example:
        >>> def largest_error(y_true, y_pred):
        ...     return gm.ops.max(gm.ops.abs(y_true - y_pred), axis=-1)
        >>> m = gm.metrics.MeanMetricWrapper(largest_error)
        >>> m.update_state([[1.0, 2.0]], [[1.5, 4.0]])
        >>> float(m.result())
        2.0
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name or function_name(fn), dtype)
        check_function(f'The metric "{self.name}"', fn, kwargs)
        self._fn, self._fn_kwargs = fn, kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds a batch.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: one weight for each example; 1 by default.
        """
        y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
        refuse_column_against_row(self.name, y_true.shape, y_pred.shape)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        check_returned(f'The metric "{self.name}"', values)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | ({"fn": self._fn} if type(self) is MeanMetricWrapper else {}) | self._fn_kwargs
