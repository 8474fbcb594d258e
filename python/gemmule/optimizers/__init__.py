"""Optimizers: how gradients change the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemmule.errors import describe, did_you_mean
from gemmule.leftovers import missing
from gemmule.optimizers import schedules
from gemmule.optimizers.adagrad import Adadelta, Adagrad
from gemmule.optimizers.adam import Adam, Adamax, AdamW, Nadam
from gemmule.optimizers.lbfgs import LBFGS
from gemmule.optimizers.lion import Lion
from gemmule.optimizers.optimizer import Optimizer
from gemmule.optimizers.rmsprop import RMSprop
from gemmule.optimizers.sgd import SGD
from gemmule.registry import CustomObjectScope, get_registered_object, registered_name

__all__ = [
    "LBFGS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "Optimizer", "RMSprop",
    "deserialize", "get", "schedules", "serialize",
]  # fmt: skip

CLASSES: dict[str, type[Any]] = {
    cls.__name__.lower(): cls for cls in (LBFGS, SGD, Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, Nadam, RMSprop)
}


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name, class, config or an `Optimizer` object.

    Args:
        identifier: `"adam"`, `gm.optimizers.Adam`, `{"class_name": "adam", "config": {...}}`, ...

    Returns:
        An `Optimizer`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for something that is no optimizer.

    Example:
        >>> gm.optimizers.get("sgd").learning_rate
        0.01
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return _class_of(identifier)()
    if isinstance(identifier, dict) and "class_name" in identifier:
        return _class_of(str(identifier["class_name"])).from_config(identifier.get("config", {}))
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    raise TypeError(f"An optimizer is a name, as 'adam', or an Optimizer object. Received: {describe(identifier)}.")


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """What `deserialize` makes the optimizer from again: its class and arguments, not its slots."""
    return {
        "class_name": registered_name(type(optimizer)) or type(optimizer).__name__,
        "config": optimizer.get_config(),
    }


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """An optimizer from a name or from what `serialize` returned.

    Args:
        config: either.
        custom_objects: classes of your own, by name.

    Raises:
        ValueError: for an unknown name.
    """
    with CustomObjectScope(custom_objects):
        return get(config)


def _class_of(name: str) -> type[Any]:
    own = get_registered_object(name)
    if own is not None:
        return own
    if name.lower() not in CLASSES:
        raise ValueError(f"Unknown optimizer {name!r}.{did_you_mean(name.lower(), CLASSES)}")
    return CLASSES[name.lower()]


def __getattr__(name: str) -> Any:
    """What Keras 2 had here, and where it went."""
    raise missing(__name__, name)
