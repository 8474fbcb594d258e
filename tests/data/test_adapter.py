"""Arguments of `fit` become arrays: what works, and the whole message for what does not."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.data.adapter import dataset, training_data, unpack_x_y_sample_weight
from gemmule.tensor import Tensor
from tests.helpers import exactly

X = np.arange(40, dtype=np.float32).reshape(10, 4)
Y = (np.arange(10) % 3).astype(np.int64)


# ---- What works ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "bool"])
def test_types_that_kernels_read_are_used_in_place(dtype: str) -> None:
    x = X.astype(dtype)
    assert dataset(x).inputs[0] is x or np.shares_memory(dataset(x).inputs[0], x)
    assert dataset(x).inputs[0].dtype == dtype


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [
        ("float16", "float32"),
        ("longdouble", "float64"),
        ("int8", "int32"),
        ("int16", "int32"),
        ("uint16", "int32"),
        ("uint32", "int64"),
        ("uint64", "int64"),
        (">f4", "float32"),
        (">f8", "float64"),
        (">i4", "int32"),
        (">i2", "int32"),
    ],
)
def test_other_types_are_converted_once(dtype: str, becomes: str) -> None:
    found = dataset(X.astype(dtype)).inputs[0]
    assert found.dtype == np.dtype(becomes)
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, X)


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


UNUSUAL = {
    "big-endian": X.astype(">f4"),
    "Fortran order": np.asfortranarray(X),
    "negative strides": X[::-1].copy()[::-1],
    "strided": np.repeat(X, 2, axis=1)[:, ::2],
    "read-only": _read_only(X),
    "broadcast": np.broadcast_to(X[:1], X.shape),
    "nested list": X.tolist(),
    "tensor": Tensor(X.copy()),
    "matrix": np.asmatrix(X),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_arrays_train_like_plain_ones(name: str) -> None:
    x = UNUSUAL[name]
    before = np.array(x)
    weights = []
    for data in (x, np.array(before, np.float32)):
        gm.utils.set_random_seed(1)
        model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(3, activation="softmax")])
        model.compile(optimizer=gm.optimizers.SGD(1e-3), loss="sparse_categorical_crossentropy")
        model.fit(data, Y, batch_size=4, epochs=3, verbose=0)
        weights.append(model.get_weights()[0])
        assert model.predict(data, verbose=0).shape == (10, 3)
    np.testing.assert_array_equal(*weights)
    np.testing.assert_array_equal(np.array(x), before)


def test_data_frames() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2], "c": [True, False]})
    np.testing.assert_array_equal(dataset(frame).inputs[0], [[1, 1, 1], [2, 2, 0]])
    data = dataset(frame[["a", "b"]], frame["b"])
    np.testing.assert_array_equal(data.targets[0], [1, 2])
    nullable = pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": pd.array([0.5, 1.5], dtype="Float64")})
    np.testing.assert_array_equal(dataset(nullable).inputs[0], [[1, 0.5], [2, 1.5]])
    gaps = pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})
    np.testing.assert_array_equal(dataset(gaps).inputs[0], [[1], [np.nan]])


def test_several_inputs() -> None:
    data = dataset([X, X[:, :1]], [Y])
    assert [a.shape for a in data.inputs] == [(10, 4), (10, 1)]
    assert len(data.targets) == 1
    assert data.size == 10


def test_dicts_and_nested_lists() -> None:
    data = dataset({"a": X, "b": [X[:, :1], X[:, 1:]]}, {"c": Y, "d": None}, [np.ones(10), None])
    assert [a.shape for a in data.inputs] == [(10, 4), (10, 1), (10, 3)]
    assert data.forms == (("dict", ("a", 0), ("b", ("list", 1, 2))), ("dict", ("c", 0), ("d", None)), ("list", 0, None))
    assert len(data.targets) == len(data.weights) == 1


def test_the_split_takes_the_last_rows() -> None:
    weights = np.arange(10.0)
    data, validation = training_data(X, Y, sample_weight=weights, validation_split=0.25)
    assert (data.size, validation.size) == (7, 3)
    np.testing.assert_array_equal(data.inputs[0], X[:7])
    np.testing.assert_array_equal(validation.inputs[0], X[7:])
    np.testing.assert_array_equal(validation.targets[0], Y[7:])
    np.testing.assert_array_equal(validation.weights[0], weights[7:])
    assert np.shares_memory(data.inputs[0], X)


def test_validation_data_wins_over_the_split() -> None:
    data, validation = training_data(X, Y, validation_split=0.5, validation_data=(X[:2], Y[:2], np.ones(2)))
    assert (data.size, validation.size) == (10, 2)
    np.testing.assert_array_equal(validation.weights[0], [1, 1])


@pytest.mark.parametrize("y", [Y, Y[:, None], np.eye(3)[Y], Y.astype(float)])
def test_class_weights(y: np.ndarray) -> None:
    data, _ = training_data(X, y, class_weight={0: 2.0, 2: 0.5})
    np.testing.assert_array_equal(data.weights[0], np.array([2.0, 1.0, 0.5], np.float32)[Y])
    assert data.weights[0].dtype == np.float32


def test_class_weights_are_not_for_validation() -> None:
    _, validation = training_data(X, Y, class_weight={0: 2.0}, validation_split=0.5)
    assert validation.weights is None


@pytest.mark.parametrize("weights", [np.arange(10), np.arange(10.0)[:, None], list(range(10))])
def test_sample_weights(weights: object) -> None:
    (found,) = dataset(X, Y, weights).weights
    assert found.dtype.kind == "f"
    np.testing.assert_array_equal(found, np.arange(10))


def test_unpacking_a_batch() -> None:
    assert unpack_x_y_sample_weight(1) == (1, None, None)
    assert unpack_x_y_sample_weight((1,)) == (1, None, None)
    assert unpack_x_y_sample_weight((1, 2)) == (1, 2, None)
    assert unpack_x_y_sample_weight((1, 2, 3)) == (1, 2, 3)
    message = "A batch is (x,), (x, y) or (x, y, sample_weight). Received: length=4."
    with pytest.raises(ValueError, match=exactly(message)):
        unpack_x_y_sample_weight((1, 2, 3, 4))


# ---- What does not ---------------------------------------------------------------------------------------------

OBJECTS = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=object)
BAD = [
    pytest.param(
        {"x": np.zeros((0, 4)), "y": np.zeros(0)},
        ValueError,
        "x has no examples: its first dimension is 0. Received: x=<ndarray shape=(0, 4) dtype=float64>.",
        id="empty",
    ),
    pytest.param({"x": []}, ValueError,
        "x has no examples: its first dimension is 0. Received: x=<ndarray shape=(0,) dtype=float64>.",
        id="empty list",
    ),
    pytest.param({"x": None}, ValueError, "x is missing: pass an array, a nested list or a DataFrame.", id="nothing"),
    pytest.param(
        {"x": X, "y": Y[:9]},
        ValueError,
        "x and y must have the same number of examples, their first dimension. Received: x.shape=(10, 4), "
        "y.shape=(9,).",
        id="lengths",
    ),
    pytest.param(
        {"x": [X, X[:5]], "y": Y},
        ValueError,
        "All inputs must have the same number of examples, their first dimension. Received: x[0].shape=(10, 4), "
        "x[1].shape=(5, 4).",
        id="lengths of inputs",
    ),
    pytest.param(
        {"x": X, "y": [Y, Y]},
        ValueError,
        "The model has 1 output (exit), but y holds 2 arrays. If they are the examples, stack them: y = np.stack(y).",
        id="two targets for one output",
    ),
    pytest.param(
        {"x": [X, X], "y": Y},
        ValueError,
        "The model has 1 input (entrance), but x holds 2 arrays. If they are the examples, stack them: x = "
        "np.stack(x). If they are features, concatenate them.",
        id="two inputs for one",
    ),
    pytest.param(
        {"x": {"entrance": X, "entrence": X}, "y": Y},
        ValueError,
        "x has the key 'entrence', but the model has no input of this name. Did you mean 'entrance'? Known: entrance.",
        id="an unknown input",
    ),
    pytest.param({"x": {}, "y": Y}, ValueError, "x holds no arrays. Received: x={}.", id="an empty dict"),
    pytest.param(
        {"x": X, "y": {"exid": Y}},
        ValueError,
        "y has the key 'exid', but the model has no output of this name. Did you mean 'exit'? Known: exit.",
        id="an unknown output",
    ),
    pytest.param(
        {"x": {"entrance": X}, "y": {"exit": Y[:4]}},
        ValueError,
        "x and y must have the same number of examples, their first dimension. Received: x['entrance'].shape=(10, 4), "
        "y['exit'].shape=(4,).",
        id="lengths in dicts",
    ),
    pytest.param(
        {"x": X, "y": [Y, Y], "class_weight": {0: 2.0}},
        ValueError,
        "class_weight works for models with one output only, but y holds 2 arrays. Use sample_weight, a list or dict "
        "with one array for each output.",
        id="class weights for two outputs",
    ),
    pytest.param(
        {"x": OBJECTS},
        TypeError,
        "x must hold real numbers. Received: x=<ndarray shape=(2, 2) dtype=object>. If all elements are numbers of one "
        "shape: x = np.array(x.tolist(), dtype='float32').",
        id="objects",
    ),
    pytest.param(
        {"x": X, "y": Y * 1j},
        TypeError,
        "y must hold real numbers. Received: y=<ndarray shape=(10,) dtype=complex128>. Split complex numbers: "
        "np.stack([y.real, y.imag], axis=-1).",
        id="complex",
    ),
    pytest.param(
        {"x": X, "y": ["cat", "dog"] * 5},
        TypeError,
        "y must hold real numbers. Received: y=<ndarray shape=(10,) dtype=<U3>. Encode text first; class names become "
        "numbers by np.unique(y, return_inverse=True)[1].",
        id="text",
    ),
    pytest.param(
        {"x": np.array(["2020-01-01"], "M8[D]")},
        TypeError,
        "x must hold real numbers. Received: x=<ndarray shape=(1,) dtype=datetime64[D]>. Convert dates and times to "
        "numbers first, for example x.astype('int64').",
        id="dates",
    ),
    pytest.param(
        {"x": [[1.0, 2.0], [3.0]]},
        ValueError,
        "x is a nested list whose parts have different lengths. Bring them to one length, for example by padding.",
        id="ragged",
    ),
    pytest.param(
        {"x": 3.0},
        ValueError,
        "x must be an array whose first dimension counts the examples. Received: x=3.0. For one example: "
        "x = np.array([x]).",
        id="a number",
    ),
    pytest.param(
        {"x": np.array([[2**63]], np.uint64)},
        ValueError,
        "x holds integers that do not fit int64. Received: x=<ndarray shape=(1, 1) dtype=uint64>.",
        id="huge integers",
    ),
    pytest.param(
        {"x": {"a": X}, "y": Y},
        ValueError,
        "x has the key 'a', but the model has no input of this name. Known: entrance.",
        id="dict",
    ),
    pytest.param(
        {"x": range(3).__iter__()},
        ValueError,
        "x gave a batch that cannot be used: x must be an array whose first dimension counts the examples. Received: "
        "x=0. For one example: x = np.array([x]). A batch is (x, y) or (x, y, sample_weight) of arrays with one row "
        "for each example. Received: batch=0.",
        id="iterator",
    ),
    pytest.param(
        {"x": X, "y": Y, "class_weight": {0: 1.0}, "sample_weight": np.ones(10)},
        ValueError,
        "class_weight and sample_weight cannot be used together. Multiply the class weights into sample_weight: "
        "sample_weight * np.array([class_weight[c] for c in y]).",
        id="both weights",
    ),
    pytest.param(
        {"x": X, "y": Y, "sample_weight": np.ones(9)},
        ValueError,
        "sample_weight must have one number for each example. Received: sample_weight.shape=(9,), examples=10.",
        id="too few weights",
    ),
    pytest.param(
        {"x": X, "y": Y, "sample_weight": np.full(10, np.nan)},
        ValueError,
        "sample_weight holds NaN or infinite values. Received: sample_weight=<ndarray shape=(10,) dtype=float64>.",
        id="NaN weights",
    ),
    pytest.param(
        {"x": X, "y": Y, "class_weight": [1.0, 2.0]},
        TypeError,
        "class_weight must be a dict, as in {0: 1.0, 1: 5.0}. Received: class_weight=[1.0, 2.0].",
        id="class weights as a list",
    ),
    pytest.param(
        {"x": X, "y": Y, "class_weight": {"cat": 1.0}},
        ValueError,
        "The keys of class_weight must be class numbers. Received: key='cat'.",
        id="class weights by name",
    ),
    pytest.param(
        {"x": X, "y": Y, "class_weight": {0: -1.0}},
        ValueError,
        "The values of class_weight must be finite numbers from 0 on. Received: label=0, weight=-1.0.",
        id="negative class weight",
    ),
    pytest.param(
        {"x": X, "class_weight": {0: 1.0}},
        ValueError,
        "class_weight needs one array of targets. Pass y, or use sample_weight.",
        id="class weights without targets",
    ),
    pytest.param(
        {"x": X, "y": np.zeros((10, 2, 2)), "class_weight": {0: 1.0}},
        ValueError,
        "class_weight needs one class for each example: targets of shape (n,), (n, 1) or one-hot (n, classes). "
        "Received: y=<ndarray shape=(10, 2, 2) dtype=float64>.",
        id="class weights of several classes",
    ),
    pytest.param(
        {"x": X, "y": Y, "validation_split": 1.0},
        ValueError,
        "validation_split must be a number from 0 to below 1. Received: validation_split=1.0.",
        id="split of everything",
    ),
    pytest.param(
        {"x": X, "y": Y, "validation_split": 0.95},
        ValueError,
        "validation_split leaves no example for training. Received: validation_split=0.95, examples=10. Change it, or "
        "pass validation_data.",
        id="split that leaves nothing",
    ),
    pytest.param(
        {"x": X, "y": Y, "validation_data": (X,)},
        ValueError,
        "validation_data must be a tuple (x, y) or (x, y, sample_weight). Received: a tuple of 1.",
        id="validation data without targets",
    ),
    pytest.param(
        {"x": X, "y": Y, "validation_data": (X, Y[:3])},
        ValueError,
        "validation_data: x and y must have the same number of examples, their first dimension. Received: "
        "x.shape=(10, 4), y.shape=(3,).",
        id="lengths of validation data",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_complaints(arguments: dict, error: type[Exception], message: str) -> None:
    model = gm.Sequential([gm.Input((4,), name="entrance"), gm.layers.Dense(3, name="exit")])
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    with pytest.raises(error, match=exactly(message)):
        model.fit(**arguments, verbose=0)


def test_data_frames_with_text() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [1, 2], "town": ["a", "b"], "kind": pd.Categorical(["x", "y"])})
    message = (
        "x has columns that do not hold real numbers: town, kind. Drop or encode them, for example with "
        "pandas.get_dummies."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        dataset(frame)
    message = (
        "y has columns that do not hold real numbers: town. Drop or encode them, for example with pandas.get_dummies."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        dataset(frame[["age"]], frame["town"])
