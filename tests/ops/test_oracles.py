"""Values and gradients of PyTorch, and values and types of Keras, for the same inputs.

The stored values were made by tests/oracles/make.py; with `-m peers` they are computed anew and must still be the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from gemmule.tensor import Tensor
from tests.helpers import assert_close, forward_and_gradients
from tests.ops.specs import ROWS, Row

ORACLES = Path(__file__).resolve().parent.parent / "oracles"
BY_ID = {row.id: row for row in ROWS}


def load(name: str) -> dict[str, dict[str, np.ndarray]]:
    """Arrays by row and name."""
    rows: dict[str, dict[str, np.ndarray]] = {}
    with np.load(ORACLES / f"{name}.npz") as file:
        for key in file.files:
            row, part = key.split("/")
            rows.setdefault(row, {})[part] = file[key]
    return rows


TORCH, KERAS = load("ops_torch"), load("ops_keras")


def inputs_of(stored: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [stored[f"input{i}"] for i in range(len(stored)) if f"input{i}" in stored]


def test_no_row_is_forgotten() -> None:
    assert set(TORCH) <= set(BY_ID)
    assert set(KERAS) <= set(BY_ID)
    assert len(TORCH) > 100
    assert len(KERAS) > 100


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", [pytest.param(BY_ID[name], id=name) for name in TORCH if name in BY_ID])
def test_torch(row: Row, dtype: str) -> None:
    stored = TORCH[row.id]
    arrays = [a.astype(dtype) if a.dtype == np.float32 else a for a in inputs_of(stored)]
    value, gradients = forward_and_gradients(row, arrays, stored["seed"])
    tolerance = {"float32": 3e-6, "float64": 1e-12}[dtype if value.dtype == dtype else "float32"]
    assert_close(value, stored["value"].astype(value.dtype), tolerance, row.id)
    for index, gradient in enumerate(gradients):
        expected = stored[f"gradient{index}"]
        found = np.zeros_like(expected) if gradient is None else gradient
        assert_close(found.astype(dtype), expected, 3 * tolerance, f"gradient {index} of {row.id}")


@pytest.mark.parametrize("row", [pytest.param(BY_ID[name], id=name) for name in KERAS if name in BY_ID])
def test_keras(row: Row) -> None:
    stored = KERAS[row.id]
    value = row([Tensor(a) for a in inputs_of(stored)]).array
    expected = stored["value"]
    assert_close(value.astype(np.float64), expected.astype(np.float64), 5e-6, row.id)
    if "64" not in str(value.dtype):  # JAX has no 64-bit types unless it is told to
        assert value.dtype == expected.dtype


@pytest.mark.peers
@pytest.mark.parametrize("library", ["torch", "keras"])
def test_stored_values_are_still_theirs(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    pytest.importorskip(library)
    monkeypatch.syspath_prepend(str(ORACLES.parent.parent))
    sys.modules.pop("tests.oracles.make", None)
    from tests.oracles import make

    values = {"torch": make.torch_values, "keras": make.keras_values}[library]()
    stored = {f"{row}/{part}": a for row, parts in load(f"ops_{library}").items() for part, a in parts.items()}
    assert values.keys() == stored.keys()
    for key, value in values.items():
        assert_close(value.astype(np.float64), stored[key].astype(np.float64), 1e-5, key)
