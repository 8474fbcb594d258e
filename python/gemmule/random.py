"""Random numbers that depend on seeds and counters only: Philox streams.

A stream is a key of three numbers, `(seed, stream, calls)`, kept in a small persistent array that kernels read. The
seed is the session's; the stream number says in which order streams were created since the seed was set; the calls are
counted. No thread, batch split or machine speed enters, so a run repeats bit for bit.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from gemmule.backend import execute
from gemmule.errors import did_you_mean, received
from gemmule.memory import persistent, unset


class _Session:
    seed: int = 0
    streams: int = 0
    fixed = False
    shared: Stream | None = None


_SHARED = 2**62  # the number of the shared stream: far from those of others


def set_random_seed(seed: int) -> None:
    """Starts every random stream of gemmule anew, and Python's and NumPy's generators with it, as Keras does.

    Args:
        seed: an integer from 0 to 2**32 - 1.

    Raises:
        ValueError: for another value.
    """
    import random as python_random

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"A seed is an integer from 0 to 4294967295.{received(seed=seed)}")
    python_random.seed(int(seed))
    np.random.seed(int(seed))
    _Session.seed, _Session.streams, _Session.fixed = int(seed), 0, True
    restart_streams()


def restart_streams() -> None:
    """Numbers streams from zero again, and restarts the shared one; part of `clear_session`."""
    _Session.streams = 0
    if _Session.shared is not None:
        _Session.shared.key[:] = (_session_seed(), _SHARED, 0)


def shared_stream() -> Stream:
    """What functions of `gm.random` draw from that were given no seed."""
    if _Session.shared is None:
        _Session.shared = Stream(0)
        _Session.shared.key[:] = (_session_seed(), _SHARED, 0)
    return _Session.shared


def _session_seed() -> int:
    if not _Session.fixed:
        _Session.seed = int.from_bytes(os.urandom(4), "little")
        _Session.fixed = True
    return _Session.seed


def seeded_key(seed: int) -> np.ndarray:
    """Where the stream of an integer seed begins.

    Raises:
        ValueError: for another value.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise ValueError(f"A seed is an integer from 0 to 2**63 - 1, or None.{received(seed=seed)}")
    return np.array((int(seed), 2**63, 0), np.uint64)


class Stream:
    """A source of random numbers for one layer, initializer or shuffle.

    Args:
        seed: makes the stream independent of `set_random_seed` when given.

    Attributes:
        key: uint64 array `(seed, stream, calls)` that kernels read; `advance` counts a call.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.key = persistent((3,), "uint64")
        if seed is None:
            self.key[:] = (_session_seed(), _Session.streams, 0)
            _Session.streams += 1
        else:
            self.key[:] = seeded_key(seed)

    def advance(self) -> None:
        """Counts one call, so that the next one draws other numbers."""
        execute("advance", [self.key], [], by=1)

    def uniform(
        self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0, dtype: Any = np.float64
    ) -> np.ndarray:
        """Uniform numbers in `[low, high)`, of 53 random bits in float64 and 24 in float32."""
        out = unset(shape, dtype, "random numbers")
        execute("random_uniform", [out], [self.key], low=float(low), high=float(high))
        self.advance()
        return out

    def normal(
        self, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0, truncated: bool = False
    ) -> np.ndarray:
        """Normal numbers, float64; `truncated` keeps them within two standard deviations of the mean."""
        out = unset(shape, np.float64, "random numbers")
        execute("random_normal", [out], [self.key], mean=float(mean), stddev=float(stddev), truncated=truncated)
        self.advance()
        return out

    def permutation(self, n: int, out: np.ndarray | None = None) -> np.ndarray:
        """The numbers 0 to n - 1 in random order, int64, written into `out` when given."""
        out = np.empty(n, np.int64) if out is None else out
        execute("random_permutation", [out], [self.key])
        self.advance()
        return out


def truncated_scale() -> float:
    """Standard deviation of a unit normal cut at ±2: what Keras divides by so that the cut costs no variance."""
    density = math.exp(-2.0) / math.sqrt(2 * math.pi)
    inside = math.erf(2 / math.sqrt(2))
    return math.sqrt(1 - 4 * density / inside)


SeedGenerator = Stream  # Keras's name of it


def __getattr__(name: str) -> Any:
    """Functions that give tensors, which lie above this module."""
    from gemmule.ops import sampling

    if name in sampling.__all__:
        return getattr(sampling, name)
    raise AttributeError(
        f"gm.random has no function {name!r}."
        + did_you_mean(name, [*sampling.__all__, "SeedGenerator", "set_random_seed"])
    )
