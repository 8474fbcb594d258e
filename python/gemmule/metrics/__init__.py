"""Metrics: what training reports."""

from __future__ import annotations

from typing import Any

from gemmule.errors import describe, did_you_mean
from gemmule.losses import BinaryCrossentropy as _BinaryLoss
from gemmule.losses import Loss
from gemmule.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from gemmule.metrics.loss_metrics import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanLoss,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
)
from gemmule.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from gemmule.naming import snake_case

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "Sum",
    "binary_accuracy",
    "categorical_accuracy",
    "get",
    "sparse_categorical_accuracy",
]

CLASSES: dict[str, type[Any]] = {
    snake_case(cls.__name__): cls
    for cls in (
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        MeanAbsoluteError,
        MeanSquaredError,
        RootMeanSquaredError,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
    )
}
ALIASES = {
    "acc": "accuracy",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "rmse": "root_mean_squared_error",
    "bce": "binary_crossentropy",
}


def get(identifier: Any) -> Metric:
    """A metric from its name, a function, a class, a loss, a config or a `Metric` object.

    Args:
        identifier: `"mse"`, `"MeanSquaredError"`, `my_function`, `{"class_name": ..., "config": {...}}`, ...

    Returns:
        A `Metric`. One made from a name has this very name.

    Raises:
        ValueError: for an unknown name.
        TypeError: for something that is no metric.

    Example:
        >>> gm.metrics.get("mse").name
        'mse'
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        return _class_of(identifier)(name=identifier)
    if isinstance(identifier, dict) and "class_name" in identifier:
        return _class_of(str(identifier["class_name"])).from_config(identifier.get("config", {}))
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Loss):
        return MeanLoss(identifier)
    if not callable(identifier):
        raise TypeError(
            f"A metric is a name, a Metric object or a function of (y_true, y_pred). Received: {describe(identifier)}."
        )
    return MeanMetricWrapper(identifier)


def resolve(identifier: Any, loss: Loss | None, target_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> Metric:
    """As `get`; `"accuracy"` becomes the accuracy that suits the loss and the shapes.

    With a binary cross-entropy, or one output, that is `BinaryAccuracy`; for targets that are class numbers
    `SparseCategoricalAccuracy`; else `CategoricalAccuracy`. Keras looks at the shapes alone. A loss that takes logits
    puts the threshold of `BinaryAccuracy` at a score of 0, which is a probability of one half.

    Args:
        identifier: see `get`.
        loss: the compiled loss.
        target_shape: shape of the targets; the number of examples does not matter.
        output_shape: shape of the model's output, likewise.

    Returns:
        A `Metric`.
    """
    if not isinstance(identifier, str) or identifier.lower() not in ("accuracy", "acc"):
        return get(identifier)
    if isinstance(loss, _BinaryLoss) or output_shape[-1:] == (1,):
        return BinaryAccuracy(name=identifier, threshold=0.0 if getattr(loss, "from_logits", False) else 0.5)
    one_number = len(target_shape) < len(output_shape) or target_shape[-1:] == (1,)
    return (SparseCategoricalAccuracy if one_number else CategoricalAccuracy)(name=identifier)


def _class_of(name: str) -> type[Any]:
    known = ALIASES.get(name.lower(), name if name in CLASSES else snake_case(name))
    if known not in CLASSES:
        raise ValueError(f"Unknown metric {name!r}.{did_you_mean(name, [*CLASSES, *ALIASES])}")
    return CLASSES[known]
