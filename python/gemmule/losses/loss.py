"""The base of losses, losses made of functions, and how values for each example become one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import did_you_mean, not_yet, received
from gemmule.losses.checks import (
    Shape,
    check_function,
    check_range,
    check_returned,
    check_same_shape,
    refuse_column_against_row,
)
from gemmule.mutation import Watched
from gemmule.naming import snake_case
from gemmule.ops.shapes import as_float, as_tensor
from gemmule.plan import is_recording
from gemmule.tensor import Tensor

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none")


class Loss(Watched):
    """Base class of losses. A subclass defines `call`.

    Args:
        name: its name; the class's in snake case by default.
        reduction: `"sum_over_batch_size"` (also called `"mean"`) divides the weighted sum by the number of values,
            `"mean_with_sample_weight"` by the sum of the weights; `"sum"` does not divide; `"none"` (or `None`)
            gives one value for each example.
        dtype: only `None`: losses are computed in the type of the predictions.

    Raises:
        ValueError: for an unknown reduction.

    Example:
        >>> class Cubic(gm.losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return gm.ops.mean(gm.ops.abs(y_true - y_pred) ** 3, axis=-1)
        >>> float(Cubic()([[0.0]], [[2.0]]))
        8.0
    """

    wants_class_numbers = False  # whether integer targets stay integers

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        reduction = "none" if reduction is None else reduction
        if reduction not in REDUCTIONS:
            raise ValueError(f"Unknown reduction {reduction!r}.{did_you_mean(reduction, REDUCTIONS)}")
        if dtype is not None:
            raise not_yet("Loss(dtype=...)")
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: one weight for each example (or each value of the loss), or `None`.

        Returns:
            A tensor without dimensions; the values for each example with `reduction="none"`.

        Raises:
            ValueError: for targets that cannot belong to the predictions. Recorded steps look at shapes alone: `fit`
                has seen the values before.
        """
        given = y_true
        y_true, y_pred = self._as_tensors(y_true, y_pred)
        values = self.call(y_true, y_pred)
        check_returned(f'The loss "{self.name}"', values)
        if y_pred.ndim > 1 and isinstance(values, Tensor) and not is_recording():
            self.check_targets(as_tensor(given).array, y_pred.shape)
        return reduce_weighted(values, sample_weight, self.reduction, self.mask(y_true, values))

    def mask(self, y_true: Any, values: Tensor) -> Tensor | None:
        """1 for each value that counts and 0 for the others; `None` when all of them do."""
        return None

    def _as_tensors(self, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
        if y_true is None:
            raise ValueError(f'The loss "{self.name}" needs targets. Pass them as the second argument: fit(x, y).')
        for argument, value in (("y_true", y_true), ("y_pred", y_pred)):
            if isinstance(value, (list, tuple)) and any(isinstance(part, Tensor) for part in value):
                raise not_yet(f'A model with several outputs (the loss "{self.name}" received {argument} as a list)')
        y_pred = as_float(y_pred)
        return as_tensor(as_tensor(y_true), "int32" if self.wants_class_numbers else y_pred.dtype), y_pred

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Losses of the examples, a tensor whose first dimension counts them. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred).")

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:
        """Refuses targets that cannot belong to a model's output, before anything is trained.

        Args:
            y: all targets.
            output_shape: shape of the model's output, its first dimension of any size.

        Raises:
            ValueError: with shapes and cure.
        """

    def get_config(self) -> dict[str, Any]:
        """What the loss can be made from again."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """A loss from its `get_config`."""
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss made of a function of `(y_true, y_pred)` that uses `gm.ops`.

    Args:
        fn: gives one loss for each example (or one for the batch).
        reduction: see `Loss`.
        name: the function's by default.
        dtype: only `None`.
        **kwargs: further arguments for `fn`.

    Example:
        >>> loss = gm.losses.LossFunctionWrapper(lambda y_true, y_pred: gm.ops.abs(y_true - y_pred))
        >>> float(loss([[1.0]], [[3.0]]))
        2.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or function_name(fn), reduction, dtype)
        check_function(f'The loss "{self.name}"', fn, kwargs)
        self.fn, self._fn_kwargs = fn, kwargs

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:  # noqa: D102
        if abs(y_true.ndim - y_pred.ndim) == 1:
            refuse_column_against_row(self.name, y_true.shape, y_pred.shape)
        values = self.fn(y_true, y_pred, **self._fn_kwargs)
        check_returned(f'The loss "{self.name}"', values)
        return as_float(values)

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        refuse_column_against_row(self.name, y.shape, (None, *output_shape[1:]))

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"fn": self.fn} | self._fn_kwargs


class SameShapeLoss(Loss):
    """A loss between tensors of the same shape, given by a function. Outputs of one axis are rows of one value.

    Args:
        reduction: see `Loss`.
        name: its name; the class's in snake case by default.
        dtype: only `None`.
        **arguments: what `function` is called with beside targets and predictions; they become attributes.
    """

    function: Callable[..., Tensor]
    allowed: tuple[float, float, str] | None = None  # the range of the targets, and what to say about others

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self._arguments = tuple(arguments)
        for argument, value in arguments.items():
            setattr(self, argument, value)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:  # noqa: D102
        self._check_shapes(y_true.shape, y_pred.shape)
        if y_pred.ndim == 1:
            y_true, y_pred = ops.expand_dims(y_true, -1), _column(y_pred)
        return type(self).function(y_true, y_pred, **self._settings())

    def check_targets(self, y: np.ndarray, output_shape: tuple[int, ...]) -> None:  # noqa: D102
        self._check_shapes(y.shape, (None, *output_shape[1:]))
        if self.allowed is not None:
            check_range(self.name, y, *self.allowed)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | self._settings()

    def _check_shapes(self, targets: Shape, outputs: Shape) -> None:
        check_same_shape(self.name, targets, outputs)

    def _settings(self) -> dict[str, Any]:
        return {argument: getattr(self, argument) for argument in self._arguments}


def reduce_weighted(
    values: Tensor, sample_weight: Any = None, reduction: str = "sum_over_batch_size", mask: Tensor | None = None
) -> Tensor:
    """One number from the losses of the examples.

    Args:
        values: the losses.
        sample_weight: one weight for each example or each value, or `None`.
        reduction: see `Loss`.
        mask: see `Loss.mask`; a mean is over the values that count.

    Returns:
        A tensor without dimensions; the weighted values with `"none"`.
    """
    weights = broadcast_weights(sample_weight, values)
    if mask is not None:
        if reduction in ("sum_over_batch_size", "mean"):
            mask = mask * (values.size / ops.maximum(ops.sum(mask), 1.0))
        weights = mask if weights is None else weights * mask
    if reduction in ("sum_over_batch_size", "mean"):
        return ops.weighted_mean(values, weights)
    weighted = values if weights is None else values * weights
    if reduction == "none":
        return weighted
    if reduction == "sum" or weights is None:
        return ops.sum(weighted) if reduction == "sum" else ops.weighted_mean(values)
    return ops.sum(weighted) / ops.sum(weights)


def broadcast_weights(sample_weight: Any, values: Tensor) -> Tensor | None:
    """Sample weights in the shape of `values`.

    Raises:
        ValueError: if there is not one weight for each example or each value.
    """
    if sample_weight is None:
        return None
    weights = as_tensor(as_tensor(sample_weight), values.dtype)
    if values.ndim and weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    if weights.shape == values.shape:
        return weights
    if weights.ndim == 0 or values.shape[: weights.ndim] != weights.shape:
        raise ValueError(
            "sample_weight needs one number for each example."
            f"{received(sample_weight_shape=weights.shape, values_shape=values.shape)}"
            + (" A function used with sample weights must not average over the batch itself." * (not values.shape))
        )
    spread = ops.reshape(weights, weights.shape + (1,) * (values.ndim - weights.ndim))
    return ops.multiply(ops.ones(values.shape, values.dtype), spread)


def float_pair(name: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets and predictions of the same shape, in the predictions' type."""
    y_pred = as_float(y_pred)
    y_true = as_tensor(as_tensor(y_true), y_pred.dtype)
    check_same_shape(name, y_true.shape, y_pred.shape)
    return y_true, y_pred


def _column(x: Tensor) -> Tensor:
    """`x` with a last axis of one, and its logits likewise."""
    column = ops.expand_dims(x, -1)
    if x.logits is not None and x.logits_op == "sigmoid":
        column.logits, column.logits_op = ops.expand_dims(x.logits, -1), x.logits_op
    return column


def function_name(fn: Any) -> str:
    """What to call a loss or metric made of a function."""
    name = getattr(fn, "__name__", None) or getattr(getattr(fn, "func", None), "__name__", None)
    return name or snake_case(type(fn).__name__)
