"""Objects as JSON, and back: a closed world of gemmule's own classes and of what users registered.

Numbers, texts, lists and dicts stand for themselves. Everything else is a dict whose key `"gemmule"` says what it is.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from functools import cache
from inspect import isfunction
from typing import Any

import numpy as np

from gemmule import registry
from gemmule.config import DTYPES
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.serialization import deserialize, serialize
from gemmule.tensor import Tensor

KIND = "gemmule"
FAMILIES = (
    "losses", "metrics", "optimizers", "optimizers.schedules", "initializers", "regularizers", "constraints",
    "activations", "ops",
)  # fmt: skip


@cache
def builtins() -> dict[str, Any]:
    """gemmule's own classes and functions that files may name, such as `"losses>MeanSquaredError"`."""
    found: dict[str, Any] = {}
    for family in FAMILIES:
        module = sys.modules.get(f"gemmule.{family}")
        for name, one in vars(module).items() if module else ():
            if isinstance(one, type):
                known = hasattr(one, "from_config") and hasattr(one, "get_config")
            else:
                known = isfunction(one) and name not in ("get", "serialize", "deserialize")
            if known and one.__module__.startswith("gemmule.") and not name.startswith("_"):
                found[f"{family}>{name}"] = one
    return found


# ---- To JSON ---------------------------------------------------------------------------------------------------------


def serialize_keras_object(obj: Any) -> Any:
    """What JSON can hold, made of an object: of a configuration, a layer, a loss, a function...

    Args:
        obj: plain values, arrays, objects with `get_config` and functions with a name, in lists, tuples and dicts.

    Raises:
        TypeError: for anything else.

    Example:
        >>> gm.saving.serialize_keras_object((1, 2))
        {'gemmule': 'tuple', 'items': [1, 2]}
    """
    return _encode(obj, None)


def _encode(obj: Any, names: dict[int, str] | None) -> Any:
    if isinstance(obj, np.generic):
        obj = obj.item()
    if obj is None or isinstance(obj, (bool, int, str)):
        return obj
    if isinstance(obj, float):
        return float(obj) if math.isfinite(obj) else {KIND: "float", "value": str(float(obj))}
    if isinstance(obj, list):
        return [_encode(part, names) for part in obj]
    if isinstance(obj, tuple):
        return {KIND: "tuple", "items": [_encode(part, names) for part in obj]}
    if isinstance(obj, Mapping):
        if all(isinstance(key, str) for key in obj) and KIND not in obj:
            return {key: _encode(part, names) for key, part in obj.items()}
        return {KIND: "dict", "items": [[_encode(key, names), _encode(part, names)] for key, part in obj.items()]}
    if isinstance(obj, (Tensor, np.ndarray)):
        array = np.asarray(obj)
        if array.dtype.name in DTYPES:
            return {KIND: "array", "dtype": array.dtype.name, "values": _encode(array.tolist(), names)}
    return _encode_object(obj, names if names is not None else {id(one): name for name, one in builtins().items()})


def _encode_object(obj: Any, names: dict[int, str]) -> Any:
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, Layer):
        return {KIND: "layer", "layer": _encode(serialize(obj), names)}
    is_reference = isinstance(obj, type) or isfunction(obj)
    one = obj if is_reference else type(obj)
    name = names.get(id(one)) or registry.registered_name(one) or registry.registered_name(obj) or one.__name__
    if is_reference:
        if name == "<lambda>":
            raise TypeError("A lambda has no name that a file could hold. Define a function with def, and register it.")
        return {KIND: "reference", "name": name}
    if not hasattr(obj, "get_config"):
        raise TypeError(
            f"This cannot be written to a file: numbers, texts, arrays, objects with get_config and functions with a "
            f"name can.{received(value=obj)}"
        )
    return {KIND: "object", "class_name": name, "config": _encode(obj.get_config(), names)}


# ---- From JSON -------------------------------------------------------------------------------------------------------


def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The object that `serialize_keras_object` described.

    Args:
        config: what it returned.
        custom_objects: classes and functions of your own, by name.

    Raises:
        ValueError: for a name that is neither gemmule's nor known.

    Example:
        >>> gm.saving.deserialize_keras_object({"gemmule": "tuple", "items": [1, 2]})
        (1, 2)
    """
    with registry.CustomObjectScope(custom_objects):
        return _decode(config, builtins())


def _decode(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_decode(part, known) for part in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get(KIND)
    if kind is None:
        found = {key: _decode(part, known) for key, part in value.items()}
        return _nested(found, known) if set(found) == {"class_name", "config"} else found
    if kind == "float":
        return float({"inf": "inf", "-inf": "-inf"}.get(value["value"], "nan"))
    if kind == "tuple":
        return tuple(_decode(part, known) for part in value["items"])
    if kind == "dict":
        return {_decode(key, known): _decode(part, known) for key, part in value["items"]}
    if kind == "array" and value["dtype"] in DTYPES:
        return np.array(_decode(value["values"], known), value["dtype"])
    if kind == "layer":
        return deserialize(_decode(value["layer"], known))
    if kind == "reference":
        return _find("function or class", value["name"], known)
    if kind == "object":
        return _find("class", value["class_name"], known).from_config(_decode(value["config"], known))
    raise ValueError(f"This is not the description of an object.{received(kind=kind)}")


def _nested(entry: dict[str, Any], known: Mapping[str, Any]) -> Any:
    """A layer, initializer or the like in a configuration: whoever gets it knows gemmule's own, and layers."""
    name = str(entry["class_name"])
    one = registry.get_registered_object(name)
    own = any(f"{family}>{name}" in known for family in FAMILIES)
    if own or not isinstance(one, type) or issubclass(one, Layer):
        return entry
    return one.from_config(entry["config"])  # type: ignore[attr-defined]


def _find(what: str, name: Any, known: Mapping[str, Any]) -> Any:
    one = known.get(str(name)) or registry.get_registered_object(str(name))
    if one is None or (what == "class" and not hasattr(one, "from_config")):
        raise registry.unknown_class(what, name)
    return one
