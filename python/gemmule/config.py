"""Settings of the engine: floating type, threads, instruction set, and a page that prints them."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from gemmule.backend import backend
from gemmule.errors import did_you_mean, received

FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "int32", "int64", "uint8", "bool")
_MOST_THREADS = 4096  # more than any machine has: a slip must not end the process for want of stacks
_floatx = "float32"


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


def standardize_dtype(dtype: Any) -> str:
    """The name of a supported element type given as a string, NumPy type or Python type.

    Raises:
        ValueError: for a type gemmule does not compute with.
    """
    if dtype is None:
        return floatx()
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
        "compiler": _native.compiler(),
    }
    for name, value in rows.items():
        print(f"{name:<10}{value}")
