"""How weights begin.

All random initializers draw float64 numbers from Philox streams and cast them at the end, so a seed gives the same
weights on every machine, for any number of threads and on both backends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gemmule import naming
from gemmule.catalog import Catalog
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
from gemmule.leftovers import missing
from gemmule.registry import CustomObjectScope
from gemmule.tensor import Tensor

__all__ = [
    "Initializer", "Zeros", "Ones", "Constant", "Identity", "RandomNormal", "RandomUniform", "TruncatedNormal",
    "VarianceScaling", "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal",
    "Orthogonal", "recommended_for", "get", "serialize", "deserialize",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)


_CLASSES = (
    Zeros, Ones, Constant, Identity, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Orthogonal,
    GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
)  # fmt: skip
_NAMES: dict[str, type[Initializer]] = {naming.snake_case(cls.__name__): cls for cls in _CLASSES}
globals().update(_NAMES)  # Keras offers each class under its snake-case name as well
__all__ += list(_NAMES)
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal  # Keras's other names
_MORE = {"normal": RandomNormal, "one": Ones, "uniform": RandomUniform, "zero": Zeros}
_CATALOG = Catalog("initializer", Initializer, _CLASSES, _NAMES | _MORE, "shape and dtype")


def get(identifier: Any) -> Callable[..., Any] | None:
    """An initializer from a name, a class, a configuration, an object, or a function of shape and dtype.

    Args:
        identifier: `"he_normal"` or the name of something registered, `HeNormal`, `HeNormal()`, `{"class_name": ...,
            "config": ...}`, a function, an array (see `Constant`) or `None`.

    Returns:
        The initializer; `None` for `None`.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else.

    Example:
        >>> gm.initializers.get("he_normal").scale
        2.0
    """
    if isinstance(identifier, (Tensor, np.ndarray, np.generic)):
        return Constant(identifier)
    return _CATALOG.get(identifier)


def serialize(initializer: Any) -> Any:
    """The configuration of an initializer: class name and arguments. A plain function stays as it is."""
    return _CATALOG.serialize(initializer)


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Initializer:
    """An initializer from what `serialize` returned.

    Args:
        config: class name and arguments.
        custom_objects: classes of your own, by name.

    Raises:
        ValueError: if the class is neither gemmule's nor known.
    """
    with CustomObjectScope(custom_objects):
        return _CATALOG.deserialize(config)
