"""Settings of the engine: floating type, threads, instruction set, convolutions, and a page that prints them.

Two settings are plain attributes, checked when they are set:

- `gm.config.convolution`: `"auto"` (the default) computes 3x3 convolutions by Winograd's method where that is faster,
  which depends on shapes and the instruction set alone; `"exact"` always adds up the products one by one.
- `gm.config.winograd_tile`: 2 (the default) or 4, the width of the output tiles of Winograd's method. 4 is faster
  and less exact.

A model that is already recorded is recorded anew after a change.

Example:
    >>> gm.config.convolution = "exact"
    >>> gm.config.convolution = "auto"
"""

from __future__ import annotations

import platform
import sys
from types import ModuleType
from typing import Any

import numpy as np

from gemmule import mutation
from gemmule.backend import backend
from gemmule.errors import did_you_mean, received

FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "int32", "int64", "uint8", "bool")
_MOST_THREADS = 4096  # more than any machine has: a slip must not end the process for want of stacks
CONVOLUTIONS = ("auto", "exact")
WINOGRAD_TILES = (2, 4)
_SETTINGS = ("convolution", "winograd_tile")
_CURES = {  # of names that are easily taken for settings
    "winograd": "Set gm.config.winograd_tile to 2 or 4, or gm.config.convolution to 'exact' for no tiles.",
    "floatx": "Call gm.config.set_floatx('float32') or gm.config.set_floatx('float64').",
    "num_threads": "Call gm.config.set_num_threads(threads).",
    "backend": "Call gm.set_backend(name), or use gm.use_backend(name) in a with statement.",
    "epsilon": "It stays 1e-7; layers and optimizers have an argument epsilon.",
}
_floatx = "float32"
_EPSILON = 1e-7
convolution: str
winograd_tile: int


class _Module(ModuleType):
    """This module, with attributes that are checked when they are set."""

    _convolution = "auto"
    _winograd_tile = 2

    @property
    def convolution(self) -> str:
        """How convolutions are computed: `"auto"` or `"exact"`."""
        return self._convolution

    @convolution.setter
    def convolution(self, value: str) -> None:
        if value not in CONVOLUTIONS:
            raise ValueError(f"Unknown convolution {value!r}.{did_you_mean(str(value), CONVOLUTIONS)}")
        if value != self._convolution:
            mutation.count_change()
        self._convolution = value

    @property
    def winograd_tile(self) -> int:
        """Width of the output tiles of Winograd's method: 2 or 4."""
        return self._winograd_tile

    @winograd_tile.setter
    def winograd_tile(self, value: int) -> None:
        if isinstance(value, bool) or value not in WINOGRAD_TILES:
            raise ValueError(f"winograd_tile must be 2 or 4.{received(winograd_tile=value)}")
        if value != self._winograd_tile:
            mutation.count_change()
        self._winograd_tile = int(value)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in _SETTINGS:  # a slip would change nothing, silently
            if name in _CURES:
                raise AttributeError(f"gm.config.{name} is no setting to assign to. {_CURES[name]}")
            raise AttributeError(f"gm.config has no setting {name!r}.{did_you_mean(name, _SETTINGS)}")
        super().__setattr__(name, value)


_this = sys.modules[__name__]
_this.__class__ = _Module


def winograd() -> int:
    """What convolution kernels are told: the width of Winograd's tiles, or 0 to leave them out."""
    return _this.winograd_tile if _this.convolution == "auto" else 0


def floatx() -> str:
    """The floating type new models use: `"float32"` unless `set_floatx` said otherwise."""
    return _floatx


def set_floatx(dtype: str) -> None:
    """Sets the floating type of new models.

    Args:
        dtype: `"float32"` or `"float64"`. float64 is for checking gradients; it is compiled without AVX and slow.

    Raises:
        ValueError: for another type.
    """
    global _floatx
    if str(dtype) not in FLOATS:
        raise ValueError(f"floatx must be 'float32' or 'float64'.{received(dtype=dtype)}")
    _floatx = str(dtype)


def epsilon() -> float:
    """A small number that keeps divisions and logarithms finite: 1e-7, as in Keras."""
    return _EPSILON


def standardize_dtype(dtype: Any) -> str:
    """The name of a supported element type given as a string, NumPy type or Python type.

    Raises:
        ValueError: for a type gemmule does not compute with.
    """
    if dtype is None:
        return floatx()
    if isinstance(dtype, str) and dtype in DTYPES:
        return dtype
    try:
        name = {float: floatx(), int: "int32", bool: "bool"}.get(dtype) or np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        raise ValueError(f"gemmule does not compute with dtype {name!r}.{did_you_mean(name, DTYPES)}")
    return name


def set_num_threads(threads: int | None) -> None:
    """Sets how many threads kernels may use; results do not depend on it.

    Args:
        threads: a positive number, obeyed exactly, or `None` for the default: as many as the process may use
            (processor affinity, container quota and `OMP_NUM_THREADS` considered).

    Raises:
        ValueError: for zero, a negative number or something that is no integer.
    """
    from gemmule import _native

    if threads is None:
        _native.set_num_threads(0)
        return
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or not 1 <= threads <= _MOST_THREADS:
        raise ValueError(
            f"The number of threads must be an integer from 1 to {_MOST_THREADS}, or None.{received(threads=threads)}"
        )
    _native.set_num_threads(int(threads))


def num_threads() -> int:
    """How many threads kernels may use."""
    from gemmule import _native

    return _native.num_threads()


def show_config() -> None:
    """Prints version, processor level, threads and backend: what to paste into a bug report."""
    from gemmule import __version__, _native

    rows = {
        "gemmule": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "backend": backend(),
        "isa": f"{_native.isa()} (supported: {', '.join(_native.supported_isas())})",
        "threads": f"{num_threads()} ({_native.threading_layer()})",
        "floatx": floatx(),
        "convolution": f"{_this.convolution} (winograd_tile: {_this.winograd_tile})",
        "compiler": _native.compiler(),
    }
    for name, value in rows.items():
        print(f"{name:<12}{value}")
