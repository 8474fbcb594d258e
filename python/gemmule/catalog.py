"""Families of small objects (regularizers, constraints) that layers find by name: get, serialize, deserialize."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gemmule.errors import did_you_mean, received


class Catalog:
    """The classes of one family.

    Args:
        kind: what the family is called in messages.
        base: its base class.
        classes: its classes.
        makers: more names, and what makes an object for them.
    """

    def __init__(self, kind: str, base: type, classes: Iterable[type], makers: Mapping[str, Callable[[], Any]]) -> None:
        self.kind, self.base = kind, base
        self.classes = {cls.__name__: cls for cls in classes}
        self.makers = dict(makers)

    def get(self, identifier: Any) -> Any:
        """An object of the family from whatever names it; `None` for `None`."""
        if identifier is None:
            return None
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            make = self.makers.get(identifier) or self.classes.get(identifier)
            if make is None:
                raise ValueError(f"Unknown {self.kind} {identifier!r}.{did_you_mean(identifier, self.makers)}")
            return make()
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return identifier()
        if callable(identifier) and not isinstance(identifier, type):
            return identifier
        raise TypeError(
            f"A {self.kind} is a name such as {next(iter(self.makers))!r}, a {self.base.__name__}, or a function of a "
            f"tensor.{received(**{self.kind: identifier})}"
        )

    def serialize(self, one: Any) -> Any:
        """Class name and arguments. A plain function stays as it is."""
        if not isinstance(one, self.base):
            return one
        return {"class_name": type(one).__name__, "config": one.get_config()}  # type: ignore[attr-defined]

    def deserialize(self, config: Mapping[str, Any]) -> Any:
        """An object of a known class from what `serialize` returned."""
        name = config.get("class_name")
        if name not in self.classes:
            raise ValueError(f"Unknown {self.kind} {name!r}.{did_you_mean(str(name), self.classes)}")
        return self.classes[name].from_config(dict(config.get("config", {})))  # type: ignore[attr-defined]
