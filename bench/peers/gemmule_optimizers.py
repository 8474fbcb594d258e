"""gemmule's optimizers on parameters packed as `fit` packs them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import gemmule as gm
from bench.optimizers import ARRAYS, OPTIMIZERS, SIZE
from gemmule.memory import persistent
from gemmule.plan import StepFunction
from gemmule.store import pack
from gemmule.tensor import Variable


def prepare(case: str) -> Callable[[int], float | None]:
    """The run of `optimizer/<name>`: a recorded step of nothing but the update."""
    _, name, arguments, *_ = OPTIMIZERS[case.split("/")[1]]
    rng = np.random.default_rng(0)
    variables = [Variable(rng.standard_normal(SIZE).astype("float32")) for _ in range(ARRAYS)]
    (run,) = pack(variables)
    gradients = persistent(run.array.shape)
    gradients[...] = rng.standard_normal(gradients.size)
    optimizer = getattr(gm.optimizers, name)(**arguments)
    targets = optimizer.targets_of_runs([(run, variables)])
    step = StepFunction(lambda feeds: optimizer.step(targets, [gradients]), {}, strict=True)
    step.run(2)
    return lambda steps: step.run(steps) and None
