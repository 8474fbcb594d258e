"""Layers as plain dictionaries, and back. Only registered classes come back: a configuration cannot name code."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from gemmule.errors import did_you_mean, received
from gemmule.layers.layer import Layer

_REGISTRY: dict[str, type[Layer]] = {}


def register(*classes: type[Layer]) -> None:
    """Adds classes to those that `deserialize` makes."""
    _REGISTRY.update({cls.__name__: cls for cls in classes})


def serialize(layer: Layer) -> dict[str, Any]:
    """The class name and the configuration of a layer.

    Example:
        >>> gm.layers.serialize(gm.layers.Flatten(name="flat"))["class_name"]
        'Flatten'
    """
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, type[Layer]] | None = None) -> Layer:
    """A layer, without weights yet, from what `serialize` returned.

    Args:
        config: class name and configuration.
        custom_objects: the caller's own classes, by name.

    Raises:
        ValueError: for an unknown class.
    """
    if not isinstance(config, Mapping) or not {"class_name", "config"} <= set(config):
        raise ValueError(f"The configuration of a layer has class_name and config.{received(config=config)}")
    known = {**_REGISTRY, **(custom_objects or {})}
    name = config["class_name"]
    if name not in known:
        raise ValueError(f"Unknown layer class {name!r}; pass your own in custom_objects.{did_you_mean(name, known)}")
    make: Any = known[name].from_config
    if custom_objects and "custom_objects" in inspect.signature(make).parameters:  # models, for the layers in them
        return make(dict(config["config"]), custom_objects=custom_objects)
    return make(dict(config["config"]))
