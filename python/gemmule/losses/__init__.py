"""Losses: what training makes small.

A loss compares targets and predictions example by example and averages: `loss = sum(w * l) / N`, with the sample
weights `w` and N the number of values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemmule.errors import describe, did_you_mean
from gemmule.leftovers import missing
from gemmule.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from gemmule.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from gemmule.losses.loss import Loss, LossFunctionWrapper
from gemmule.losses.margin import (
    CategoricalHinge,
    Hinge,
    MulticlassHinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    multiclass_hinge,
    squared_hinge,
)
from gemmule.losses.probabilistic import KLDivergence, Poisson, kl_divergence, poisson
from gemmule.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from gemmule.naming import snake_case
from gemmule.registry import CustomObjectScope, get_registered_object, registered_name

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "MulticlassHinge",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "multiclass_hinge",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

CLASSES: dict[str, type[Loss]] = {
    snake_case(cls.__name__): cls
    for cls in (
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalHinge,
        CosineSimilarity,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        MulticlassHinge,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
    )
}
_FUNCTIONS = {name: globals()[name] for name in CLASSES}
_BY_FUNCTION = {function: CLASSES[name] for name, function in _FUNCTIONS.items()}
ALIASES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}


def __getattr__(name: str) -> Any:
    """Keras 2's short names of functions: `losses.kullback_leibler_divergence`, `losses.MSE`, ..."""
    if name.lower() in ALIASES and name in (name.lower(), name.upper()):
        return _FUNCTIONS[ALIASES[name.lower()]]
    raise missing(__name__, name)


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
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        found = _named(str(identifier["class_name"]))
        config = dict(identifier.get("config", {}))
        return found.from_config(config) if hasattr(found, "from_config") else LossFunctionWrapper(found, **config)
    if isinstance(identifier, str):
        identifier = _named(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if not callable(identifier):
        raise TypeError(
            f"A loss is a name, a Loss object or a function of (y_true, y_pred). Received: {describe(identifier)}."
        )
    return _BY_FUNCTION[identifier]() if identifier in _BY_FUNCTION else LossFunctionWrapper(identifier)


def serialize(loss: Loss) -> dict[str, Any]:
    """What `deserialize` makes the loss from again: its class and arguments."""
    return {"class_name": registered_name(type(loss)) or type(loss).__name__, "config": loss.get_config()}


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss | None:
    """A loss from a name or from what `serialize` returned.

    Args:
        name: either.
        custom_objects: classes and functions of your own, by name.

    Raises:
        ValueError: for an unknown name.
    """
    with CustomObjectScope(custom_objects):
        return get(name)


def _named(name: str) -> Any:
    """The class (or a function that was registered) a name stands for."""
    known = ALIASES.get(name.lower(), name if name in CLASSES else snake_case(name))
    found = CLASSES.get(known) or get_registered_object(name)
    if found is None and name != LossFunctionWrapper.__name__:
        raise ValueError(f"Unknown loss {name!r}.{did_you_mean(name, [*CLASSES, *ALIASES])}")
    return found or LossFunctionWrapper
