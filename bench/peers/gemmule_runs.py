"""gemmule, through its public API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gemmule as gm
from bench.peers import keras_like


def versions() -> dict[str, str]:
    """What is installed."""
    return {"gemmule": gm.__version__}


def threads() -> int:
    """Threads gemmule uses by default."""
    return gm.num_threads()


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of a case; `options` may set `threads`."""
    gm.set_num_threads(options.get("threads"))
    return keras_like.prepare(gm, case)
