"""The classes and functions of users that files may refer to by name.

A file holds names and numbers, never code. What a name stands for is decided here: by what was registered or passed as
`custom_objects`, and by nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from gemmule.errors import received

T = TypeVar("T")
_registered: dict[str, Any] = {}


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[Mapping[str, Any]] = []


_scopes = _Scopes()


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator that lets files refer to a class or function of your own, as `"package>name"`.

    Args:
        package: what the name begins with, so that names of several packages do not meet.
        name: that of the class or function by default.

    Raises:
        TypeError: for what is neither, or a class without `get_config`.

    Example:
        >>> @gm.saving.register_keras_serializable()
        ... class Twice(gm.layers.Layer):
        ...     def call(self, inputs):
        ...         return 2 * inputs
    """

    def register(one: T) -> T:
        if not callable(one):
            raise TypeError(f"A class or a function can be registered.{received(object=one)}")
        if isinstance(one, type) and not hasattr(one, "get_config"):
            raise TypeError(
                f"{one.__name__} has no get_config, so that no file could say how to make one. Define "
                "get_config(self), which returns the arguments of __init__ in a dict."
            )
        _registered[f"{package}>{name or getattr(one, '__name__', type(one).__name__)}"] = one
        return one

    return register


def get_custom_objects() -> dict[str, Any]:
    """All that is registered, by name; entries may be added and removed.

    Example:
        >>> gm.saving.get_custom_objects()["twice"] = lambda x: 2 * x
    """
    return _registered


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function is registered; its own name if it is not."""
    return registered_name(obj) or obj.__name__


def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """What a name stands for, in `custom_objects`, in the scopes around and among what is registered; `None` if none.

    A name without a package finds a registered object of that name, if there is only one.

    Args:
        name: such as `"Custom>Twice"`.
        custom_objects: looked at first.
    """
    bare = name.rpartition(">")[2]
    for scope in (custom_objects or {}, *reversed(_scopes.stack)):
        for key in (name, bare):
            if key in scope:
                return scope[key]
    if name in _registered:
        return _registered[name]
    found = [one for key, one in _registered.items() if name == bare and key.rpartition(">")[2] == name]
    return found[0] if len(found) == 1 else None


def registered_name(obj: Any) -> str | None:
    """The name under which a class or function is registered, or `None`."""
    obj = getattr(obj, "__dict__", {}).get("_stands_for", obj)
    return next((name for name, one in _registered.items() if one is obj), None)


class CustomObjectScope:
    """Inside of the block, names in files may stand for these objects.

    Args:
        custom_objects: classes and functions by name.

    Raises:
        TypeError: for anything but a dict.

    Example:
        >>> with gm.saving.CustomObjectScope({"Twice": Twice}):
        ...     model = gm.models.load_model("model.gemmule")
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        if not isinstance(custom_objects, (Mapping, type(None))):
            raise TypeError(
                "custom_objects must be a dict of classes and functions by name, such as {'Twice': Twice}."
                f"{received(custom_objects=custom_objects)}"
            )
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        _scopes.stack.append(self.custom_objects)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _scopes.stack.pop()


custom_object_scope = CustomObjectScope


def unknown_class(what: str, name: Any) -> ValueError:
    """The error for a name in a file that stands for nothing.

    Args:
        what: what is looked for, such as `"layer"`.
        name: the name.
    """
    bare = str(name)[:100].rpartition(">")[2]
    return ValueError(
        f"The {what} {str(name)[:100]!r} is not one of gemmule's and was not registered, and loading imports nothing. "
        f"Decorate its definition with @gm.saving.register_keras_serializable(), or pass "
        f"custom_objects={{{bare!r}: {bare}}}."
    )
