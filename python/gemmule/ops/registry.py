"""The list of public ops. `@op` adds to it; tests, benchmarks and `gm.ops` read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

OPS: dict[str, Callable[..., Any]] = {}


def op(function: F) -> F:
    """Registers a public op under its own name.

    Raises:
        ValueError: if the name is taken.
    """
    name = function.__name__.rstrip("_")
    if name in OPS:
        raise ValueError(f"The op {name!r} is registered twice.")
    OPS[name] = function
    return function
