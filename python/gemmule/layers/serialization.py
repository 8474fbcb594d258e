"""Layers as plain dictionaries, and back. Only registered classes come back: a configuration cannot name code."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from gemmule import registry
from gemmule.errors import did_you_mean, received
from gemmule.layers.layer import Layer

_REGISTRY: dict[str, type[Layer]] = {}


def register(*classes: type[Layer]) -> None:
    """Adds classes to those that `deserialize` makes."""
    _REGISTRY.update({cls.__name__: cls for cls in classes})


def serialize(layer: Layer) -> dict[str, Any]:
    """The class name and the configuration of a layer.

    Raises:
        ValueError: for a class that is not registered and has the name of one of gemmule's.

    Example:
        >>> gm.layers.serialize(gm.layers.Flatten(name="flat"))["class_name"]
        'Flatten'
    """
    cls = type(layer)
    name = registry.registered_name(cls) or cls.__name__
    if name in _REGISTRY and _REGISTRY[name] is not cls and "_stands_for" not in cls.__dict__:
        raise ValueError(
            f"{cls.__module__}.{name} has the name of a layer of gemmule's, so that it would be taken for that. "
            "Decorate the class with @gm.saving.register_keras_serializable()."
        )
    entry = {"class_name": name, "config": layer.get_config()}
    return entry if layer._given_name else entry | {"automatic_name": True}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, type[Layer]] | None = None) -> Layer:
    """A layer, without weights yet, from what `serialize` returned.

    Args:
        config: class name and configuration.
        custom_objects: the caller's own classes, by name.

    Raises:
        ValueError: for a class that is neither gemmule's nor registered.
    """
    if not isinstance(config, Mapping) or not {"class_name", "config"} <= set(config):
        raise ValueError(f"The configuration of a layer has class_name and config.{received(config=config)}")
    name = str(config["class_name"])
    custom = custom_objects or {}
    cls: Any = custom.get(name) or _REGISTRY.get(name) or registry.get_registered_object(name, custom)
    if not (isinstance(cls, type) and issubclass(cls, Layer)):
        error = registry.unknown_class("layer class", name)
        near = did_you_mean(name, _REGISTRY).partition(" Known")[0]
        raise ValueError(f"{error}{near}")
    more = "custom_objects" in inspect.signature(cls.from_config).parameters and custom_objects
    arguments = {"custom_objects": custom_objects} if more else {}  # models, for the layers in them
    layer = cls.from_config(dict(config["config"]), **arguments)
    if config.get("automatic_name"):  # files count automatic names anew
        layer._given_name = None
    return layer
