"""The arguments a layer of the user's was made with: its configuration, when its class defines no `get_config`."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

BASE = ("name", "trainable", "dtype")  # what every layer can be told; a class of the user's need not hand it on


def _definer(cls: type, name: str) -> type:
    return next(kind for kind in cls.__mro__ if name in vars(kind))


def _is_own(cls: type) -> bool:
    return cls.__module__.split(".")[0] == "gemmule"


def needs_arguments(cls: type) -> bool:
    """Whether a class of the user's has an `__init__` of its own that no `get_config` of the user's knows of."""
    init, config = _definer(cls, "__init__"), _definer(cls, "get_config")
    return not _is_own(init) and _is_own(config)


def own_arguments(layer: Any) -> dict[str, Any]:
    """The arguments of `__init__` by name.

    Raises:
        NotImplementedError: for a class whose arguments cannot be told by their names.
    """
    cls = type(layer)
    if not needs_arguments(cls):
        return {}
    args, kwargs = layer._arguments
    parameters = signature(cls.__init__)
    if any(p.kind in (Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY) for p in parameters.parameters.values()):
        raise NotImplementedError(f"{cls.__name__} must define get_config(self): its __init__ takes unnamed arguments.")
    bound = parameters.bind(layer, *args, **kwargs).arguments
    more = {p.name for p in parameters.parameters.values() if p.kind is Parameter.VAR_KEYWORD}
    named = {name: value for name, value in list(bound.items())[1:] if name not in more}
    return named | {name: value for rest in more for name, value in bound.get(rest, {}).items()}


def make(cls: type, config: dict[str, Any]) -> Any:
    """A layer from its configuration; what its `__init__` does not take of `BASE` is set afterwards."""
    parameters = signature(vars(_definer(cls, "__init__"))["__init__"]).parameters.values()
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
        return cls(**config)
    taken = {p.name for p in parameters}
    layer: Any = cls(**{name: value for name, value in config.items() if name in taken or name not in BASE})
    if "name" not in taken and config.get("name"):
        layer._name = config["name"]
    if not config.get("trainable", True):
        layer._trainable = False
    return layer
