"""The one door to the kernels.

Everything gemmule computes is a sequence of `execute` calls. Two backends answer them: `native`, the C++ kernels, and
`reference`, their NumPy twins. Listeners hear every call after it ran: the plan recorder is one, the search for
the first non-finite value another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from gemmule.errors import did_you_mean
from gemmule.memory import note_writes

Arrays = Sequence["np.ndarray | None"]


class Call(NamedTuple):
    """One backend call: kernel name, outputs, inputs (`None` for absent operands) and named attributes."""

    name: str
    outputs: tuple[np.ndarray | None, ...]
    inputs: tuple[np.ndarray | None, ...]
    attributes: dict[str, Any]


class _Local(threading.local):
    def __init__(self) -> None:
        self.listeners: tuple[Callable[[Call], None], ...] = ()


_local = _Local()
_run: Callable[[str, Arrays, Arrays, dict[str, Any]], None]
_name = ""


def execute(name: str, outputs: Arrays, inputs: Arrays, **attributes: Any) -> None:
    """Runs one kernel on arrays whose shapes the caller has checked.

    Args:
        name: the kernel's name, the same in both backends.
        outputs: C-contiguous arrays to fill; `None` for an output nobody asked for.
        inputs: C-contiguous arrays to read; `None` for an absent optional input.
        **attributes: what the shapes do not say, such as an axis.
    """
    _run(name, outputs, inputs, attributes)
    note_writes(outputs)
    if _local.listeners:
        call = Call(name, tuple(outputs), tuple(inputs), attributes)
        for listener in _local.listeners:
            listener(call)


BACKENDS = ("native", "reference")
GUARD = "guard"


class GuardTripped(Exception):  # noqa: N818 - it ends a step, it is no error
    """A guard found its flag raised; nothing behind it has run."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def guard(flag: np.ndarray) -> None:
    """Ends the step here when the int32 `flag` is not zero: what follows must not happen.

    Raises:
        GuardTripped: with the flag's value. In a plan the run ends instead.
    """
    call = Call(GUARD, (), (flag,), {})
    for listener in _local.listeners:
        listener(call)
    if flag[0]:
        raise GuardTripped(int(flag[0]))


@contextmanager
def listening(listener: Callable[[Call], None]) -> Iterator[None]:
    """Lets `listener` hear every call this thread makes inside the block."""
    before = _local.listeners
    _local.listeners = (*before, listener)
    try:
        yield
    finally:
        _local.listeners = before


def backend() -> str:
    """The backend in use: `"native"` or `"reference"`."""
    return _name


class use_backend:  # noqa: N801 - a function to its users; a class so that `with` can undo it
    """Chooses who computes: `"native"` (C++, the default) or `"reference"` (NumPy, slow, easy to read).

    Takes effect at once, for all threads; as a context manager, until the end of the block.

    Args:
        name: `"native"` or `"reference"`.

    Raises:
        ValueError: for another name.

    Example:
        >>> import gemmule as gm
        >>> with gm.use_backend("reference"):
        ...     y = gm.ops.tanh([0.0, 1.0])
    """

    def __init__(self, name: str) -> None:
        self._before = _name
        _select(name)

    def __enter__(self) -> use_backend:
        return self

    def __exit__(self, *exception: object) -> None:
        _select(self._before)


def _select(name: str) -> None:
    global _run, _name
    if name not in BACKENDS:
        raise ValueError(f"Unknown backend {name!r}.{did_you_mean(name, BACKENDS)}")
    _run, _name = import_module(f"gemmule.backend.{name}").run, name


_select("native")


def __getattr__(name: str) -> Any:
    """Functions of Keras's module of this name: `keras.backend.clear_session()` and few others still work."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    return import_module("gemmule.leftovers").keras_backend(name)
