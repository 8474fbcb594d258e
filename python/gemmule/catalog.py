"""Families of small objects that layers find by name: initializers, regularizers, constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gemmule.errors import did_you_mean, received
from gemmule.mutation import Watched
from gemmule.registry import get_registered_object


class Catalog:
    """The classes of one family.

    Args:
        kind: what the family is called in messages.
        base: its base class.
        classes: its classes.
        makers: more names, and what makes an object for them.
        argument: what a function in place of an object takes.
    """

    def __init__(
        self,
        kind: str,
        base: type,
        classes: Iterable[type],
        makers: Mapping[str, Callable[[], Any]],
        argument: str = "a tensor",
    ) -> None:
        self.kind, self.base, self.argument = kind, base, argument
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
            if make is not None:
                return make()
            registered = get_registered_object(identifier)
            if registered is None:
                raise ValueError(f"Unknown {self.kind} {identifier!r}.{did_you_mean(identifier, self.makers)}")
            identifier = registered
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return identifier()
        foreign = isinstance(identifier, (type, Watched)) and not isinstance(identifier, self.base)
        if callable(identifier) and not foreign:  # a constraint is no regularizer, for example
            return identifier
        a = "an" if self.kind[0] in "aeiou" else "a"
        raise TypeError(
            f"{a.capitalize()} {self.kind} is a name such as {next(iter(self.makers))!r}, {a} {self.base.__name__}, or "
            f"a function of {self.argument}.{received(**{self.kind: identifier})}"
        )

    def serialize(self, one: Any) -> Any:
        """Class name and arguments. A plain function stays as it is."""
        if not isinstance(one, self.base):
            return one
        return {"class_name": type(one).__name__, "config": one.get_config()}  # type: ignore[attr-defined]

    def deserialize(self, config: Mapping[str, Any]) -> Any:
        """An object of a known or registered class from what `serialize` returned."""
        name = str(config.get("class_name"))
        cls: Any = self.classes.get(name) or get_registered_object(name)
        if not isinstance(cls, type) or not issubclass(cls, self.base):
            raise ValueError(f"Unknown {self.kind} {name!r}.{did_you_mean(name, self.classes)}")
        return cls.from_config(dict(config.get("config", {})))  # type: ignore[attr-defined]
