"""Types of results, as `keras.ops` gives them; indexing as NumPy does it; tensors as guests of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule import ops
from gemmule.ops.registry import OPS
from tests.helpers import rng_for


def tensor(dtype: str) -> gm.Tensor:
    return ops.ones((2,), dtype)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (tensor("float32"), 2, "float32"),
        (tensor("float32"), 2.5, "float32"),
        (tensor("float64"), 2.5, "float64"),
        (tensor("float32"), np.ones(2, np.float64), "float64"),
        (tensor("int32"), 2, "int32"),
        (tensor("int32"), 2.5, "float32"),
        (tensor("int64"), 2, "int64"),
        (tensor("int32"), tensor("int64"), "int64"),
        (tensor("int64"), tensor("float32"), "float32"),
        (tensor("bool"), 1, "int32"),
        (tensor("uint8"), 300, "int32"),
        (tensor("int32"), 2**40, "int64"),
        (1, 2, "int32"),
        (1.0, 2, "float32"),
    ],
)
def test_common_type(first: Any, second: Any, expected: str) -> None:
    assert ops.add(first, second).dtype == expected
    assert ops.add(second, first).dtype == expected


@pytest.mark.parametrize("op", ["exp", "log", "sqrt", "reciprocal", "tanh", "relu", "softmax", "mean"])
def test_integers_become_floats(op: str) -> None:
    assert OPS[op]([1, 2, 3]).dtype == "float32"
    assert OPS[op](np.ones(3, np.float64)).dtype == "float64"


def test_types_of_single_ops() -> None:
    assert ops.divide(tensor("int32"), tensor("int32")).dtype == "float32"
    assert ops.power(tensor("int32"), 2).dtype == "int32"
    assert ops.sum(tensor("bool")).dtype == "int32"
    assert ops.argmax(tensor("float64")).dtype == "int32"
    assert ops.equal(tensor("uint8"), 1).dtype == "bool"
    assert ops.matmul(tensor("int32"), tensor("int32")).dtype == "int32"
    assert ops.one_hot([0], 2).dtype == "float32"
    assert ops.one_hot([0], 2, dtype="int64").dtype == "int64"
    assert ops.convert_to_tensor(3.0).dtype == "float32"
    assert ops.convert_to_tensor(np.float64(3.0)).dtype == "float64"
    assert ops.convert_to_tensor(np.arange(3, dtype=np.int16)).dtype == "int32"
    assert ops.convert_to_tensor([2**40]).dtype == "int64"
    assert ops.cast(np.array([300.0]), "uint8").dtype == "uint8"
    assert ops.convert_to_tensor([]).dtype == "float32"


def test_small_integers_do_not_wrap() -> None:
    pixels = ops.convert_to_tensor(np.array([200, 44], np.uint8))
    np.testing.assert_array_equal(ops.equal(pixels, 300), [False, False])
    np.testing.assert_array_equal(pixels + pixels, [400, 88])


def test_python_operators() -> None:
    x = gm.Variable([[1.0, -2.0], [3.0, 4.0]])
    a = x.numpy()
    for ours, numpys in [
        (2 - x, 2 - a), (1 / x, 1 / a), (x**2, a**2), (2.0**x, 2.0**a), (-x, -a), (abs(x), abs(a)), (x @ x, a @ a),
        (a @ x, a @ a), (a * x, a * a), (x > 1, a > 1), (x != 3, a != 3), (~(x > 1), ~(a > 1)), (+x, a),
    ]:  # fmt: skip
        assert isinstance(ours, gm.Tensor)
        np.testing.assert_allclose(ours, numpys, rtol=1e-6)


KEYS = [
    0, -1, slice(None), slice(1, 3), slice(None, None, -2), slice(5, 1), Ellipsis, None, (), (1, 2), (slice(None), 0),
    (Ellipsis, 0), (None, 1, None, Ellipsis), (slice(1), Ellipsis, slice(None, None, 3)), [0, 2], np.array([[0, -1]]),
    [], (slice(None), [1, 0, 1]), (Ellipsis, np.array([3, 0])), ([0, 1], [1, 2]), (0, [1, 2]), ([0, 1], 2),
    (slice(None), [[0], [1]], [2, 3]), np.array([True, False, True]), np.int64(2), (np.uint8(1), slice(2)), (0, 1, 2),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_indexing_is_numpys(key: Any) -> None:
    x = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    ours = gm.Tensor(x)[key]
    np.testing.assert_array_equal(ours.numpy(), x[key])
    assert ours.shape == x[key].shape


def test_indexing_with_tensors() -> None:
    x = np.arange(12).reshape(3, 4)
    t, rows, columns = gm.Tensor(x), ops.convert_to_tensor([2, 0]), ops.convert_to_tensor([-1, 1])
    np.testing.assert_array_equal(t[rows], x[[2, 0]])
    np.testing.assert_array_equal(t[rows, columns], x[[2, 0], [-1, 1]])
    np.testing.assert_array_equal(t[ops.convert_to_tensor(1)], x[1])
    np.testing.assert_array_equal(t[t > 5], x[x > 5])


def test_pairs_of_tensors_out_of_range_do_not_hit_another_entry() -> None:
    t = gm.Tensor(np.arange(12, dtype=np.float32).reshape(3, 4))
    found = t[ops.convert_to_tensor([0, 0, 3]), ops.convert_to_tensor([1, 4, 0])].numpy()
    assert found[0] == 1
    assert np.isnan(found[1:]).all()


def test_tensors_visit_numpy() -> None:
    t = ops.convert_to_tensor([1.0, 2.0, 3.0])
    assert np.mean(t) == 2
    np.testing.assert_array_equal(np.concatenate([t, t]), [1, 2, 3, 1, 2, 3])
    assert isinstance(np.ones(3, np.float32) + t, gm.Tensor)
    copy = t.numpy()
    copy[0] = 9
    assert float(t[0]) == 1


def test_later_changes_of_an_array_do_not_reach_its_tensor() -> None:
    a = np.ones(3, np.float32)
    t = ops.convert_to_tensor(a)
    a[:] = 5
    np.testing.assert_array_equal(t, [1, 1, 1])


def test_against_numpy_in_random_expressions() -> None:
    """What a beginner checks first: the same formulas give the same numbers."""
    rng = rng_for("expressions")
    x, y = rng.random((4, 5)).astype(np.float32), rng.random((4, 5)).astype(np.float32)
    tx, ty = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    np.testing.assert_allclose(ops.mean((tx - ty) ** 2, axis=1), np.mean((x - y) ** 2, axis=1), rtol=1e-5)
    np.testing.assert_allclose(ops.sum(ops.where(tx > ty, tx, 0.0)), np.sum(np.where(x > y, x, 0)), rtol=1e-5)
    np.testing.assert_allclose(ops.max(tx, axis=0) / ops.min(ty), np.max(x, axis=0) / np.min(y), rtol=1e-5)
    np.testing.assert_allclose(ops.transpose(tx)[1:, ::2] @ ty[:2], x.T[1:, ::2] @ y[:2], rtol=1e-5)


def test_concatenate_takes_any_number_of_tensors():
    parts = [np.full((2, 1), i, np.float32) for i in range(100)]
    np.testing.assert_array_equal(gm.ops.concatenate(parts, axis=1), np.concatenate(parts, axis=1))
