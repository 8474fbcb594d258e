"""Gradients against finite differences, in float64, along a random direction."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.tensor import Tensor
from tests.helpers import forward_and_gradients, rng_for
from tests.ops.specs import ROWS, Row

STEP = 1e-4
CASES = [
    row for row in ROWS if row.differentiable and "float64" in row.dtypes and row.arguments.get("dtype") != "float32"
]


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in CASES])
def test_gradient_is_the_slope(row: Row, backend: str) -> None:
    rng = rng_for(row.id)
    with gm.use_backend(backend):
        arrays = row.draw(rng, "float64")
        weights = rng.standard_normal(row([Tensor(a) for a in arrays]).shape)
        directions = [rng.standard_normal(a.shape) if a.dtype.kind == "f" else None for a in arrays]
        _, gradients = forward_and_gradients(row, arrays, weights)
        floating = [d for d in directions if d is not None]
        slope = sum(float(np.sum(g * d)) for g, d in zip(gradients, floating, strict=True) if g is not None)
        measured = difference_quotient(row, arrays, directions, weights)
    allowed = 1e-7 if row.smooth else 1e-4
    if not weights.size:
        assert slope == measured == 0
        return
    assert abs(slope - measured) <= allowed * max(abs(slope), abs(measured)), f"{slope} instead of {measured}"


def difference_quotient(
    row: Row, arrays: list[np.ndarray], directions: list[np.ndarray | None], weights: np.ndarray
) -> float:
    """Centred differences of fourth order: the error is of the order of STEP**4 and of rounding / STEP."""

    def at(step: float) -> float:
        moved = [a if d is None else np.asarray(a + step * d) for a, d in zip(arrays, directions, strict=True)]
        return float(np.sum(row([Tensor(a) for a in moved]).array * weights))

    return (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP)


def test_a_wrong_gradient_is_noticed() -> None:
    """The check itself: half a percent off does not pass."""
    row = next(row for row in ROWS if row.op == "tanh")
    arrays = row.draw(rng_for("check"), "float64")
    directions = [np.ones_like(a) for a in arrays]
    weights = np.ones_like(arrays[0])
    wrong = 1.005 * float(np.sum(forward_and_gradients(row, arrays, weights)[1][0]))
    assert abs(wrong - difference_quotient(row, arrays, directions, weights)) > 1e-7 * abs(wrong)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_product_with_zeros(zeros: int) -> None:
    """The gradient of a product is the product of the others, even where dividing by an element is impossible."""
    x = np.array([[2.0, 3.0, 4.0, 5.0]])
    x[0, :zeros] = 0
    tensor = Tensor(x)
    with gm.GradientTape() as tape:
        tape.watch(tensor)
        y = gm.ops.prod(tensor, axis=1)
    others = [np.prod(np.delete(x, i)) for i in range(4)]
    np.testing.assert_allclose(tape.gradient(y, tensor).numpy(), [others])


@pytest.mark.parametrize("op", ["maximum", "minimum"])
def test_ties_share_the_gradient(op: str) -> None:
    a, b = Tensor(np.array([1.0, 2.0])), Tensor(np.array([1.0, 3.0]))
    with gm.GradientTape() as tape:
        tape.watch([a, b])
        y = gm.ops.registry.OPS[op](a, b)
    da, db = (g.numpy() for g in tape.gradient(y, [a, b]))
    assert da[0] == db[0] == 0.5
    assert {da[1], db[1]} == {0.0, 1.0}


def test_extremes_share_the_gradient_among_equals() -> None:
    x = Tensor(np.array([[3.0, 1.0, 3.0], [0.0, 0.0, 0.0]]))
    with gm.GradientTape() as tape:
        tape.watch(x)
        y = gm.ops.max(x, axis=1)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]])


def test_power_at_zero() -> None:
    """0**0 has slope 0, 0**1 slope 1, and no NaN comes from the logarithm of a base that is not positive."""
    base, exponent = Tensor(np.array([0.0, 0.0, -2.0])), Tensor(np.array([0.0, 1.0, 3.0]))
    with gm.GradientTape() as tape:
        tape.watch([base, exponent])
        y = base**exponent
    by_base, by_exponent = (g.numpy() for g in tape.gradient(y, [base, exponent]))
    np.testing.assert_allclose(by_base, [0, 1, 12])
    np.testing.assert_allclose(by_exponent, [0, 0, 0])


def test_stop_gradient_and_integers_cut_the_tape() -> None:
    x = gm.Variable([2.0, 3.0])
    with gm.GradientTape(persistent=True) as tape:
        stopped = gm.ops.stop_gradient(x) * 2.0
        truncated = gm.ops.cast(gm.ops.cast(x, "int32"), "float32")
    assert tape.gradient(stopped, x) is None
    assert tape.gradient(truncated, x) is None


def test_views_of_a_variable_do_not_follow_it() -> None:
    """Tensors never change their value, even those that came from a variable without arithmetic."""
    v = gm.Variable([[1.0, 2.0]])
    tensors = [gm.ops.reshape(v, (2,)), gm.ops.stop_gradient(v), gm.ops.convert_to_tensor(v), gm.ops.squeeze(v)]
    v.assign([[7.0, 8.0]])
    assert all(t.numpy().reshape(-1).tolist() == [1.0, 2.0] for t in tensors)
