"""Ops that carry NumPy's names against NumPy itself, in float64 and in integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule import ops
from gemmule.ops.registry import OPS
from tests.helpers import assert_close, rng_for

RNG = rng_for("numpy words")
X = RNG.standard_normal((3, 4, 5))
Y = RNG.standard_normal((3, 4, 5))
V, W = RNG.standard_normal(7), RNG.standard_normal(4)
P = RNG.uniform(0.1, 0.9, (4, 5))
K = RNG.integers(-9, 9, (4, 5))
J = RNG.integers(-4, 5, (4, 5))
B = RNG.integers(0, 2, (4, 5)).astype(bool)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 0.5])

# Name, positional arguments, keyword arguments: the same for NumPy.
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *((name, (P,), {}) for name in (
        "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh", "exp2",
        "expm1", "log1p", "log2", "log10")),
    ("arccosh", (P + 1,), {}),
    *((name, (SPECIAL,), {}) for name in ("sin", "arctan", "floor", "ceil", "trunc", "isnan", "isinf", "isfinite",
                                          "expm1", "log1p", "log2", "round")),
    ("round", (X, 2), {}), ("round", (K * 37, -1), {}),
    *((name, (X, Y), {}) for name in ("arctan2", "logaddexp", "fmod", "mod", "floor_divide")),
    *((name, (K, np.where(J == 0, 1, J)), {}) for name in ("fmod", "mod", "floor_divide")),
    ("logaddexp", (np.array([-np.inf, np.inf, 1.0]), np.array([-np.inf, 2.0, -np.inf])), {}),
    ("logical_xor", (B, ~B[0]), {}), ("isclose", (SPECIAL, SPECIAL[::-1].copy()), {}),
    ("isclose", (SPECIAL, SPECIAL), {"equal_nan": True}), ("isclose", (X, X + 1e-7), {"rtol": 1e-6}),
    ("nan_to_num", (SPECIAL,), {}), ("nan_to_num", (SPECIAL,), {"nan": 3.0, "posinf": 4.0, "neginf": 5.0}),
    ("isin", (K, J[0]), {}), ("isin", (K, J[0]), {"invert": True}), ("prod", (J,), {"dtype": "float64", "axis": 0}),
    ("max", (P,), {"axis": 1, "initial": 0.7}), ("min", (P[:0],), {"axis": 0, "initial": 0.5}),
    ("min", (K,), {"initial": -3}),
    ("select", ([B, K > 0], [K, J]), {"default": 3}),
    *((name, (a,), {"axis": axis}) for name in ("cumsum", "cumprod") for a in (X, K) for axis in (None, 0, -1)),
    ("cumsum", (B,), {"axis": 0}), ("diff", (X,), {}), ("diff", (K,), {"n": 3, "axis": 0}), ("diff", (K,), {"n": 0}),
    *((name, (a,), {"axis": axis}) for name in ("sort",) for a in (X, K, SPECIAL[None]) for axis in (None, 0, -1)),
    *(("quantile", (X, q), {"axis": axis, "method": method, "keepdims": keep}) for q, axis, keep in (
        (0.3, None, False), ([0.0, 0.25, 1.0], (0, 2), True), (0.5, 1, True), ([0.1], -1, False))
      for method in ("linear", "lower", "higher", "nearest", "midpoint")),
    ("median", (X,), {"axis": (1, 2)}), ("median", (X,), {"axis": 0, "keepdims": True}), ("median", (SPECIAL,), {}),
    *(("searchsorted", (np.sort(J.ravel()), K, side), {}) for side in ("left", "right")),
    ("searchsorted", (np.array([]), V), {}), ("digitize", (X, [-1.0, 0.0, 0.5]), {}),
    *((name, (X,), {"axis": axis}) for name in ("var", "std") for axis in (None, 1, (0, 2))),
    ("average", (X,), {"axis": 1, "weights": np.abs(W)}), ("average", (X,), {"weights": np.abs(Y)}),
    ("count_nonzero", (J,), {"axis": 1}),
    *(("correlate", (a, b, mode), {}) for a, b in ((V, W), (W, V), (V, W[:3])) for mode in ("valid", "same", "full")),
    ("bincount", (np.abs(K[0]),), {}), ("bincount", (np.abs(K[0]), P[0]), {"minlength": 20}),
    ("histogram", (X,), {}), ("histogram", (X, 4), {"range": (-1.0, 1.0)}), ("histogram", (np.ones(3),), {}),
    ("histogram", (V[:0],), {}),
    ("nonzero", (J,), {}), ("unique", (K,), {}), ("unique", (K,), {"return_index": True, "return_counts": True}),
    *((name, (a, b), {}) for name in ("dot", "inner") for a, b in ((V, V), (X, Y[0, 0]))),
    ("dot", (X, RNG.standard_normal((2, 5, 3))), {}), ("dot", (X, 2.0), {}), ("outer", (V, P), {}),
    ("vdot", (X, Y), {}),
    ("inner", (K, J), {}), ("cross", (X[:, :3, 0], Y[0, :3, 1]), {}), ("tensordot", (X, Y), {"axes": 3}),
    ("tensordot", (X, Y), {"axes": [[0, 2], [0, 2]]}), ("tensordot", (X, V), {"axes": 0}),
    *((name, args, {}) for name, args in (
        ("ravel", (X,)), ("swapaxes", (X, 0, 2)), ("moveaxis", (X, (0, 1), (2, 0))),
        ("broadcast_to", (W[:, None], (2, 4, 3))),
        ("flip", (X, (0, 2))), ("flip", (K,)), ("roll", (X, 2)), ("roll", (X, (1, -2), (0, 2))), ("rot90", (X, 1)),
        ("rot90", (X, 2, (1, 2))), ("rot90", (X, -1, (2, 0))), ("diagonal", (X, 1, 1, 2)), ("diagonal", (X, -9)),
        ("trace", (X, 1)), ("diag", (V, 2)), ("diag", (V, -1)), ("diag", (P, 1)), ("tril", (X, 1)), ("triu", (K, -1)),
        ("stack", ([X, Y], -1)), ("vstack", ([V, V],)), ("hstack", ([V, W],)), ("hstack", ([P, P],)),
        ("append", (P, W)), ("append", (P, P, 0)), ("split", (X, [1, 3], 2)), ("split", (P, 2)),
        ("array_split", (V, 3)), ("array_split", (W, 6)), ("tile", (X, (2, 1, 1, 3))), ("tile", (V, 0)),
        ("repeat", (X, 2)),
        ("repeat", (P, [1, 0, 2, 1], 0)), ("meshgrid", (V, W)), ("take_along_axis", (K, np.abs(J) % 4, 0)),
        ("eye", (3, 4, -1)), ("identity", (3,)), ("tri", (3, 4, 1)), ("linspace", (0.0, 1.0, 5, False)),
        ("logspace", (0.0, 2.0, 4)), ("full_like", (X, 2.0)))),
    ("meshgrid", (V, W, V[:2]), {"indexing": "ij"}), ("linspace", ([0.0, 1.0], 2.0, 3), {"axis": 1}),
    *(("pad", (P, ((1, 5), (0, 7)), mode), {}) for mode in ("edge", "reflect", "symmetric", "wrap", "constant")),
    ("pad", (P, 2), {"constant_values": 3.0}), ("pad", (K, 2), {"constant_values": 3}),
]  # fmt: skip


def flat(result: Any) -> list[np.ndarray]:
    return [np.asarray(part) for part in result] if isinstance(result, (tuple, list)) else [np.asarray(result)]


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=[f"{c[0]}-{i}" for i, c in enumerate(CALLS)])
def test_numpys_values(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], backend: str) -> None:
    with np.errstate(all="ignore"):
        expected = flat(getattr(np, name)(*args, **kwargs))
    with gm.use_backend(backend):
        found = flat(OPS[name](*args, **kwargs))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b, 1e-6 if a.dtype == np.float32 else 1e-13, name)
        assert (a.dtype.kind == "f") == (b.dtype.kind == "f") or name in ("eye", "tri", "identity")


LETTERS = "abcd"


@pytest.mark.parametrize("number", range(150))
def test_einsum_with_random_letters(number: int) -> None:
    """Any letters in any order, repeated, missing and kept; and the gradient by einsum of the reverse."""
    rng = rng_for("einsum", number)
    sizes = {letter: int(rng.integers(1, 4)) for letter in LETTERS}
    names = ["".join(rng.choice(list(LETTERS), rng.integers(0, 4))) for _ in range(rng.integers(1, 4))]
    known = sorted(set("".join(names)))
    output = "".join(rng.permutation(known)[: rng.integers(0, len(known) + 1)]) if known else ""
    text = ",".join(names) + ("->" + output if rng.random() < 0.8 else "")
    arrays = [rng.standard_normal([sizes[c] for c in name]) for name in names]
    assert_close(ops.einsum(text, *arrays).numpy(), np.einsum(text, *arrays), 1e-12, text, least_scale=1.0)


@pytest.mark.parametrize("text", ["...a,...a->...", "a...,...b->ab...", "...,...", "a...b->b...a", "...ab,b...->a..."])
def test_einsum_broadcasts(text: str) -> None:
    shapes = {"...a,...a->...": ((2, 1, 3), (4, 3)), "a...,...b->ab...": ((3, 2, 1), (4, 5)), "...,...": ((2, 1), (3,)),
              "a...b->b...a": ((2, 3, 4, 5),), "...ab,b...->a...": ((6, 2, 3), (3, 1))}[text]  # fmt: skip
    arrays = [rng_for(text).standard_normal(shape) for shape in shapes]
    np.testing.assert_allclose(ops.einsum(text, *arrays), np.einsum(text, *arrays), rtol=1e-12)


def test_sorting_large_rows_and_ties() -> None:
    x = rng_for("sort").integers(0, 100, (3, 5000)).astype(np.float32)
    x[0, ::7], x[1, ::11] = np.nan, -np.inf
    np.testing.assert_array_equal(ops.argsort(x), np.argsort(x, axis=-1, kind="stable"))
    np.testing.assert_array_equal(ops.sort(x), np.sort(x))
    values, indices = ops.top_k(x, 4)
    np.testing.assert_array_equal(indices[0], [0, 7, 14, 21])  # NaN counts as the greatest, the first of them first
    np.testing.assert_array_equal(values[2], [99] * 4)
    assert (np.diff(indices[2]) > 0).all()


def test_cumprod_of_zeros_has_the_right_gradient() -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0, 5.0])
    seed = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    slopes = [sum(seed[j] * np.prod(np.delete(x[: j + 1], i)) for j in range(i, 5)) for i in range(5)]
    t = gm.Tensor(x)
    with gm.GradientTape() as tape:
        tape.watch(t)
        y = ops.cumprod(t)
    np.testing.assert_allclose(tape.gradient(y, t, output_gradients=seed), slopes)


def test_the_last_update_of_a_place_counts_alone() -> None:
    x, v = gm.Variable([1.0, 2.0, 3.0]), gm.Variable([7.0, 8.0, 9.0])
    with gm.GradientTape() as tape:
        y = ops.scatter_update(x, [[0], [0], [2]], v) * gm.ops.convert_to_tensor([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(y, [8, 20, 900])
    dx, dv = tape.gradient(y, [x, v])
    np.testing.assert_array_equal(dx, [0, 10, 0])
    np.testing.assert_array_equal(dv, [0, 1, 100])


def test_what_lies_outside_is_left_out() -> None:
    v = gm.Variable([1.0, 2.0, 4.0])
    with gm.GradientTape() as tape:
        y = ops.segment_sum(v, gm.ops.convert_to_tensor([-1, 1, 5]), 2)
    np.testing.assert_array_equal(y, [0, 2])
    np.testing.assert_array_equal(tape.gradient(y, v), [0, 1, 0])


def test_custom_gradient() -> None:
    @ops.custom_gradient
    def product(a, b):
        return a * b, lambda upstream: (upstream * 3.0, None)

    a, b = gm.Variable([1.0, 2.0]), gm.Variable([5.0, 5.0])
    with gm.GradientTape() as tape:
        y = ops.sum(product(a, b) * 2.0)
    da, db = tape.gradient(y, [a, b])
    np.testing.assert_array_equal(da, [6, 6])
    assert db is None


SYMBOLIC: dict[str, Callable[[Any], Any]] = {
    "sin": lambda x: ops.sin(x),
    "ufunc": lambda x: np.arctan2(x, 2.0),
    "sort": lambda x: ops.sort(x, axis=-1),
    "top_k": lambda x: ops.top_k(x, 2)[0],
    "einsum": lambda x: ops.einsum("bi,bj->bij", x, x),
    "split": lambda x: ops.split(x, 2, axis=1)[1],
    "stack": lambda x: ops.stack([x, x * 2], axis=1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=1),
    "cumsum": lambda x: ops.cumsum(x, axis=0),
    "norm": lambda x: ops.norm(x, axis=-1),
    "quantile": lambda x: ops.quantile(x, [0.25, 0.5], axis=-1),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 1)), "reflect"),
    "take_along_axis": lambda x: ops.take_along_axis(x, ops.argsort(x), axis=-1),
    "round": lambda x: x // 0.5 + x % 0.5,
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_in_functional_models(name: str) -> None:
    inputs = gm.Input((4,))
    outputs = SYMBOLIC[name](inputs)
    x = rng_for(name).standard_normal((6, 4)).astype(np.float32)
    expected = SYMBOLIC[name](gm.ops.convert_to_tensor(x))
    model = gm.Model(inputs, outputs)
    np.testing.assert_array_equal(model(x), expected)
    assert len(outputs.shape) == expected.ndim


MESSAGES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "unknown": (lambda: ops.sine, AttributeError, "module 'gemmule.ops' has no attribute 'sine'. Did you mean 'sin'"),
    "einsum text": (lambda: ops.einsum("ij,jk", X[0]), ValueError, "subscripts have letters for each operand"),
    "einsum rank": (lambda: ops.einsum("ij->i", X), ValueError, "'ij' does not fit an operand of 3 dimensions"),
    "einsum length": (lambda: ops.einsum("ij,jk", P, P), ValueError, "axis 'j' has 5 entries in one place and 4"),
    "einsum result": (lambda: ops.einsum("ij->ik", P), ValueError, "each letter of the result must occur"),
    "tensordot": (lambda: ops.tensordot(P, V, 1), ValueError, "axes that meet must be as long"),
    "cumsum axis": (lambda: ops.cumsum(X, axis=3), ValueError, "cumsum: axis must be an integer from -3 to 2"),
    "sort axis": (lambda: ops.sort(X, axis=-4), ValueError, "sort: axis must be an integer from -3 to 2"),
    "top_k": (lambda: ops.top_k(V, 8), ValueError, "k must be an integer from 1 to the length"),
    "quantile": (lambda: ops.quantile(V, 1.5), ValueError, "q is a number from 0 to 1"),
    "quantile method": (lambda: ops.quantile(V, 0.5, method="weibull"), ValueError, "method is one of linear, lower"),
    "quantile nothing": (lambda: ops.median(np.ones((0, 2)), axis=0), ValueError, "no quantile of zero elements"),
    "split": (lambda: ops.split(V, 2), ValueError, "an axis of 7 entries cannot be cut into 2 equal parts"),
    "stack": (lambda: ops.stack([V, W]), ValueError, "all shapes must be equal. Received: shapes (7,), (4,)."),
    "stack nothing": (lambda: ops.stack([]), ValueError, "needs a list of at least one tensor"),
    "repeat": (lambda: ops.repeat(V, [1, 2]), ValueError, "one for each of the 7 entries"),
    "broadcast_to": (lambda: ops.broadcast_to(V, (4,)), ValueError, "cannot be broadcast together"),
    "broadcast_to less": (lambda: ops.broadcast_to(P, (5,)), ValueError, "broadcast_to"),
    "arctan2": (lambda: ops.arctan2(V, W), ValueError, "arctan2: shapes (7,) and (4,) cannot be broadcast together"),
    "moveaxis": (lambda: ops.moveaxis(X, (0, 1), 0), ValueError, "as many axes must go as arrive"),
    "pad mode": (lambda: ops.pad(P, 1, "mirror"), ValueError, "mode is one of constant, edge, reflect"),
    "pad value": (lambda: ops.pad(P, 1, "edge", 3.0), ValueError, "constant_values belongs to 'constant'"),
    "take_along_axis": (lambda: ops.take_along_axis(P, [0], 1), ValueError, "must have as many dimensions"),
    "index type": (lambda: ops.take_along_axis(P, P, 1), TypeError, "indices must be integers"),
    "index range": (lambda: ops.take_along_axis(V, [9], 0), IndexError, "index 9 is out of range for axis 0"),
    "scatter": (lambda: ops.scatter([[0]], V, (9,)), ValueError, "coordinates of shape (..., k) go with values"),
    "scatter range": (lambda: ops.scatter([[9]], [1.0], (9,)), IndexError, "index 9 is out of range for axis 0"),
    "scatter_update": (lambda: ops.scatter_update(V, [[0]], [1.0], "max"), ValueError, "reduction is None or 'add'"),
    "slice": (lambda: ops.slice(V, [3], [9]), ValueError, "the window does not fit into (7,)"),
    "segment ids": (lambda: ops.segment_sum(V, W, 2), TypeError, "indices must be integers"),
    "norm": (lambda: ops.norm(P, "nuc"), ValueError, "there is no such norm"),
    "einsum no text": (lambda: ops.einsum(3, V), ValueError, "subscripts have letters for each operand"),
    "diagonal": (lambda: ops.diagonal(X, 0, 1, -2), ValueError, "diagonal: a matrix has two axes"),
    "split places": (lambda: ops.split(V, "a"), ValueError, "give a number of parts, or a list of integers"),
    "logsumexp": (lambda: ops.logsumexp(V[:0]), ValueError, "no logarithm of a sum of nothing"),
    "pad nothing": (lambda: ops.pad(V[:0], 1, "edge"), ValueError, "an axis without entries has no edge"),
    "histogram": (lambda: ops.histogram([1.0, np.nan]), ValueError, "the range ends before it begins, or is NaN"),
    "where": (lambda: ops.where(B, 1.0), ValueError, "give both x1 and x2, or neither"),
    "linspace": (lambda: ops.linspace(0, 1, 2.5), ValueError, "num is a non-negative integer"),
    "eye": (lambda: ops.eye(2.5), ValueError, "N and M are non-negative integers"),
    "nonzero of a symbol": (lambda: ops.nonzero(gm.Input((3,))), ValueError, "nonzero: what it gives depends"),
    "cond of a symbol": (
        lambda: ops.cond(gm.Input((3,)), lambda: 1, lambda: 2), ValueError, "or choose with gm.ops.where"),
    "text": (lambda: ops.sin("sin"), TypeError, "Tensors hold real numbers or booleans"),
    "custom_gradient": (lambda: ops.custom_gradient(lambda x: x)(V), ValueError, "must return its result and"),
    "map": (lambda: ops.map(ops.sin, [V, W]), ValueError, "needs tensors with equally many entries"),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_mistakes_are_explained(name: str) -> None:
    call, kind, message = MESSAGES[name]
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)
