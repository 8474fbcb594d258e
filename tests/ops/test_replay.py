"""Every op, forth and back, gives the same bits when its kernel calls are replayed without Python on other values."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.backend import execute
from gemmule.memory import persistent
from gemmule.plan import StepFunction
from tests.helpers import forward_and_gradients, rng_for
from tests.ops.specs import FLOATS, READS, ROWS, Row

# convert_to_numpy and READS read a value, which ends a recording; the row of dropout makes a new stream at each call,
# and dropout's replay is tested with its layer.
CASES = [row for row in ROWS if row.inputs and row.op not in {"convert_to_numpy", "dropout", *READS}]


def places_like(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Persistent arrays of the same shapes and types, with the same values."""
    places = [persistent(a.shape, a.dtype) for a in arrays]
    for place, array in zip(places, arrays, strict=True):
        place[...] = array
    return places


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in CASES])
def test_replay_is_eager(row: Row, backend: str) -> None:
    dtype = row.dtypes[0]
    rng = rng_for(row.id)
    inputs = places_like(row.draw(rng, dtype))
    others = row.draw(rng, dtype)
    with gm.use_backend(backend):
        value = row([gm.Tensor(a) for a in inputs]).array
        seed = rng.standard_normal(value.shape) if row.differentiable and dtype in FLOATS else None

        def compute() -> list[np.ndarray]:
            value, gradients = forward_and_gradients(row, inputs, seed)
            return [value, *(g for g in gradients if g is not None)]

        outputs = places_like(compute())

        def step(feeds: dict[str, np.ndarray]) -> None:
            for place, array in zip(outputs, compute(), strict=True):
                execute("assign", [place], [array])

        function = StepFunction(step, {}, strict=True)
        function.run(2)
        assert function.plan is not None
        for place, array in zip(inputs, others, strict=True):
            place[...] = array
        function.run(1)
        for replayed, eager in zip(outputs, compute(), strict=True):
            np.testing.assert_array_equal(replayed, eager)
