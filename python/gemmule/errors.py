"""Exceptions, warnings and the pieces error messages are made of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any


class GemmuleWarning(UserWarning):
    """Base class of everything gemmule warns about."""


class PlanWarning(GemmuleWarning):
    """A step cannot be recorded and runs eagerly: right, but slower."""


class PlanError(RuntimeError):
    """A step cannot be recorded although `jit_compile=True` asked for it."""


class NonFiniteError(ArithmeticError):
    """The loss or a gradient became NaN or infinite. Weights stay at the last finite step."""


def describe(value: Any) -> str:
    """A short text for a value inside an error message: arrays by shape and dtype, the rest by `repr`."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"<{type(value).__name__} shape={tuple(shape)} dtype={dtype}>"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def received(**values: Any) -> str:
    """The evidence at the end of a message: `received(shape=(3, 4))` is `" Received: shape=(3, 4)."`."""
    return " Received: " + ", ".join(f"{name}={describe(value)}" for name, value in values.items()) + "."


def takes(function: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
    """Whether a function can be called so, as far as it tells."""
    from inspect import signature

    try:
        signature(function).bind(*arguments, **named)
    except TypeError:
        return False
    except ValueError:  # functions written in C may not tell
        return True
    return True


def did_you_mean(name: str, known: Iterable[str], listed: str = "Known") -> str:
    """The near matches of an unknown name, then all known ones (unless they are too many to help): the cure of an
    "unknown name" error.
    """
    from difflib import get_close_matches  # only when something went wrong: it costs a millisecond of the import

    names = sorted(known)
    near = get_close_matches(str(name), names, n=3)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return hint if near and len(names) > 30 else f"{hint} {listed}: {', '.join(names)}."


def not_yet(feature: str, cure: str = "Leave it at its default.") -> NotImplementedError:
    """The error for an argument of Keras's that this version does not support."""
    return NotImplementedError(f"{feature} is not supported yet. {cure}")


def check_connected(gradients: Iterable[tuple[Any, str]], cure: str) -> None:
    """Says which variables the loss does not depend on; an update would leave them alone without a word.

    Args:
        gradients: the gradient, or `None`, and the path of each variable.
        cure: for the case that there is no gradient at all.

    Raises:
        ValueError: if there is no gradient for any variable.
    """
    pairs = list(gradients)
    missing = [path for gradient, path in pairs if gradient is None]
    if len(missing) == len(pairs):
        names = ", ".join(missing) or "the list is empty"
        raise ValueError(f"There is no gradient for any variable: {names}. {cure}")
    if missing:
        warnings.warn(
            f"The loss does not depend on these variables, which are not updated: {', '.join(missing)}.",
            GemmuleWarning,
            stacklevel=3,
        )
