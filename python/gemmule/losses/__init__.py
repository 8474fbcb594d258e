"""Losses: what training makes small.

A loss compares targets and predictions example by example and averages: `loss = sum(w * l) / N`, with the sample
weights `w` and N the number of values.
"""

from __future__ import annotations

from typing import Any

from gemmule.errors import describe, did_you_mean
from gemmule.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from gemmule.losses.loss import Loss, LossFunctionWrapper
from gemmule.losses.regression import MeanAbsoluteError, MeanSquaredError, mean_absolute_error, mean_squared_error
from gemmule.naming import snake_case

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]

CLASSES: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}
ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "bce": "binary_crossentropy"}
_BY_FUNCTION: dict[Any, type[Loss]] = {globals()[name]: cls for name, cls in CLASSES.items()}


def get(identifier: Any) -> Loss | None:
    """A loss from its name, a function, a class, a config or a `Loss` object.

    Args:
        identifier: `"mse"`, `"MeanSquaredError"`, `my_function`, `{"class_name": ..., "config": {...}}`, ...

    Returns:
        A `Loss`; `None` for `None`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for something that is no loss.

    Example:
        >>> gm.losses.get("mse").name
        'mean_squared_error'
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str):
        name = snake_case(identifier) if identifier not in ALIASES else identifier
        name = ALIASES.get(name, name)
        if name not in CLASSES:
            raise ValueError(f"Unknown loss {identifier!r}.{did_you_mean(identifier, [*CLASSES, *ALIASES])}")
        return CLASSES[name]()
    if isinstance(identifier, dict) and "class_name" in identifier:
        made = get(str(identifier["class_name"]))
        return type(made).from_config(identifier.get("config", {})) if made else None
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if not callable(identifier):
        raise TypeError(
            f"A loss is a name, a Loss object or a function of (y_true, y_pred). Received: {describe(identifier)}."
        )
    return _BY_FUNCTION[identifier]() if identifier in _BY_FUNCTION else LossFunctionWrapper(identifier)
