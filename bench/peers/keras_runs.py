"""Keras 3 on JAX or TensorFlow."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = sys.argv[-1].removeprefix("keras-")  # read when Keras is imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from bench.machine import usable_cores
from bench.peers import keras_like


def versions() -> dict[str, str]:
    """What is installed."""
    engine = __import__(keras.backend.backend())
    return {"keras": keras.__version__, engine.__name__: engine.__version__}


def threads() -> int:
    """Both backends take every core the process may use."""
    return usable_cores()


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of a case; single steps are left to the bare libraries."""
    if case == "mlp_epoch" or case.startswith("predict"):
        return keras_like.prepare(keras, case)
    raise NotImplementedError(case)
