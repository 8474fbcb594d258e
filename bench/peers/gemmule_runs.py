"""gemmule, through its public API; for ops also its kernels alone, and its NumPy reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gemmule as gm
from bench import data
from bench.peers import gemmule_networks, gemmule_optimizers, gemmule_shapes, keras_like
from gemmule.backend import Call, listening


def versions() -> dict[str, str]:
    """What is installed."""
    return {"gemmule": gm.__version__}


def threads() -> int:
    """Threads gemmule uses by default."""
    return gm.num_threads()


def op(row_id: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """An op of the spec table on ready tensors."""
    from bench import op_rows

    row = next(row for row in op_rows.timed_rows() if row.id == row_id)
    inputs = op_rows.tensors(data.inputs(options["inputs"]))

    def run(steps: int) -> None:
        for _ in range(steps):
            row(inputs)

    if variant != "kernel":
        return run
    calls: list[Call] = []
    with listening(calls.append):
        row(inputs)
    if not calls:
        raise NotImplementedError("the op makes no kernel call")
    return lambda steps: sum(sum(seconds(call, steps)) for call in calls)


def seconds(call: Call, repeats: int) -> list[float]:
    """Times of one kernel, run again and again without Python in between."""
    from gemmule import _native

    return _native.time_kernel(call.name, call.outputs, call.inputs, call.attributes, repeats)


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of a case."""
    gm.use_backend("reference" if variant == "reference" else "native")
    if case.startswith("shape/"):
        return gemmule_shapes.prepare(case.removeprefix("shape/"), options)
    if case.startswith(("train/", "predict/")):
        return gemmule_networks.prepare(case)
    if case.startswith("optimizer/"):
        return gemmule_optimizers.prepare(case)
    if case.startswith("op/"):
        return op(case.removeprefix("op/"), variant, options)
    return keras_like.prepare(gm, case)
