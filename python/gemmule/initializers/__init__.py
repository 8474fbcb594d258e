"""How weights begin.

All random initializers draw float64 numbers from Philox streams and cast them at the end, so a seed gives the same
weights on every machine, for any number of threads and on both backends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gemmule import naming
from gemmule.errors import did_you_mean, received
from gemmule.initializers.constants import Constant, Ones, Zeros
from gemmule.initializers.draws import RandomNormal, RandomUniform, TruncatedNormal
from gemmule.initializers.initializer import Initializer
from gemmule.initializers.matrices import Identity, Orthogonal
from gemmule.initializers.recommended import recommended_for
from gemmule.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)

__all__ = [
    "Initializer", "Zeros", "Ones", "Constant", "Identity", "RandomNormal", "RandomUniform", "TruncatedNormal",
    "VarianceScaling", "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal",
    "Orthogonal", "recommended_for", "get", "serialize", "deserialize",
]  # fmt: skip

_CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls
    for cls in (
        Zeros, Ones, Constant, Identity, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Orthogonal,
        GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
    )
}  # fmt: skip
_NAMES = {naming.snake_case(name): cls for name, cls in _CLASSES.items()}
globals().update(_NAMES)  # Keras offers each class under its snake-case name as well
__all__ += list(_NAMES)
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal  # Keras's other names
_OTHER_NAMES: dict[str, type[Initializer]] = {
    "IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal,
    "normal": RandomNormal, "one": Ones, "uniform": RandomUniform, "zero": Zeros,
}  # fmt: skip


def get(identifier: Any) -> Callable[..., Any] | None:
    """An initializer from a name, a class, a configuration, an object, or a function of shape and dtype.

    Args:
        identifier: `"he_normal"`, `HeNormal`, `HeNormal()`, `{"class_name": ..., "config": ...}`, a function or `None`.

    Returns:
        The initializer; `None` for `None`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else.

    Example:
        >>> gm.initializers.get("he_normal").scale
        2.0
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        cls = _NAMES.get(identifier) or _CLASSES.get(identifier) or _OTHER_NAMES.get(identifier)
        if cls is None:
            raise ValueError(f"Unknown initializer {identifier!r}.{did_you_mean(identifier, _NAMES)}")
        return cls()
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if callable(identifier):
        return identifier
    raise TypeError(
        "An initializer is a name such as 'he_normal', an Initializer, or a function of (shape, dtype)."
        f"{received(initializer=identifier)}"
    )


def serialize(initializer: Any) -> Any:
    """The configuration of an initializer: class name and arguments. A plain function stays as it is."""
    if not isinstance(initializer, Initializer):
        return initializer
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}


def deserialize(config: dict[str, Any]) -> Initializer:
    """An initializer from what `serialize` returned.

    Raises:
        ValueError: if the class is not one of gemmule's.
    """
    name = config.get("class_name")
    known = _CLASSES | _OTHER_NAMES
    if name not in known:
        raise ValueError(f"Unknown initializer {name!r}.{did_you_mean(str(name), _CLASSES)}")
    return known[name].from_config(config.get("config", {}))
