"""A hundred steps of each optimizer against its formula, PyTorch, Keras, the reference, and packed parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule.store import pack
from gemmule.tensor import Variable
from tests.helpers import ISAS, assert_close, isa, threads
from tests.optimizers.specs import EVERY, ROWS, STEPS, Row, gradient, join, problem, split

ORACLES = Path(__file__).resolve().parent.parent / "oracles" / "optimizers.npz"
rows = pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])


def make(row: Row) -> gm.optimizers.Optimizer:
    return getattr(gm.optimizers, row.optimizer)(**row.kwargs)


def variables(dtype: str) -> list[Variable]:
    start, _, _ = problem()
    return [Variable(w.astype(dtype), name=f"w{i}") for i, w in enumerate(start)]


def trajectory(row: Row, dtype: str) -> np.ndarray:
    """Parameters after each `EVERY` steps of `apply_gradients`."""
    _, curvature, noise = problem()
    params, optimizer, found = variables(dtype), make(row), []
    for step in range(STEPS):
        flat = join([p.numpy() for p in params]).astype(np.float64)
        grads = [g.astype(dtype) for g in split(gradient(flat, curvature, noise[step]))]
        optimizer.apply_gradients(zip(grads, params))
        if (step + 1) % EVERY == 0:
            found.append(join([p.numpy() for p in params]))
    assert int(optimizer.iterations) == STEPS // (row.kwargs.get("gradient_accumulation_steps") or 1)
    return np.stack(found)


def packed_trajectory(row: Row, dtype: str) -> np.ndarray:
    """The same, as `fit` does it: all parameters in one run."""
    _, curvature, noise = problem()
    params, optimizer, found = variables(dtype), make(row), []
    (run,) = pack(params)
    targets = optimizer.targets_of_runs([(run, params)])
    gradients = gm.memory.persistent(run.array.shape, dtype)
    for step in range(STEPS):
        flat = join([p.numpy() for p in params]).astype(np.float64)
        for p, g in zip(params, split(gradient(flat, curvature, noise[step]))):
            run.view(gradients, p)[...] = g
        optimizer.step(targets, [gradients])
        if (step + 1) % EVERY == 0:
            found.append(join([p.numpy() for p in params]))
    return np.stack(found)


def formula_trajectory(row: Row) -> np.ndarray:
    start, curvature, noise = problem()
    flat, state, found = join(start), {}, []
    for step in range(STEPS):
        flat = row.formula(flat, gradient(flat, curvature, noise[step]), state, step + 1, row.kwargs)
        if (step + 1) % EVERY == 0:
            found.append(flat)
    return np.stack(found)


@rows
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_formula(row: Row, dtype: str) -> None:
    tolerance = row.tolerance if dtype == "float32" else 1e-12
    assert_close(trajectory(row, dtype), formula_trajectory(row), tolerance, row.id)


@rows
@pytest.mark.parametrize("peer", ["torch", "keras"])
def test_peers(row: Row, peer: str) -> None:
    with np.load(ORACLES) as stored:
        if f"{row.id}/{peer}" not in stored:
            assert peer == "torch"
            assert row.torch is None
            return
        expected = stored[f"{row.id}/{peer}"]
        for found, name in zip((join(problem()[0]), *problem()[1:]), ("start", "curvature", "noise")):
            np.testing.assert_array_equal(found, stored[name], err_msg="the problem is not the stored one")
    # Keras computes with float32 learning rates and betas, even for float64 weights.
    assert_close(trajectory(row, "float64"), expected, 1e-12 if peer == "torch" else 1e-6, f"{row.id}, {peer}")


@rows
@pytest.mark.parametrize("level", ISAS)
def test_packed_parameters_take_the_same_way(row: Row, level: str) -> None:
    with isa(level):
        expected = trajectory(row, "float32")
        for count in (1, 2):
            with threads(count):
                np.testing.assert_array_equal(packed_trajectory(row, "float32"), expected)


@rows
def test_reference(row: Row) -> None:
    with gm.use_backend("reference"):
        expected = trajectory(row, "float32")
    assert_close(trajectory(row, "float32"), expected, row.tolerance, row.id)
