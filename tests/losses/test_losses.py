"""Losses against Keras, finite differences, the reference backend and themselves: fused and composed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import GemmuleWarning
from gemmule.tensor import Tensor
from tests.helpers import assert_close, exactly, rng_for
from tests.losses.specs import ROWS, Row

ORACLES = Path(__file__).resolve().parent.parent / "oracles" / "losses_keras.npz"
rows = pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])


def compute(row: Row, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Loss, and gradient of its sum with respect to the predictions."""
    y_true, y_pred, weights = row.draw()
    prediction = Tensor(y_pred.astype(dtype))
    loss = getattr(gm.losses, row.loss)(**row.kwargs)
    with gm.GradientTape() as tape:
        tape.watch(prediction)
        value = loss(y_true, prediction, sample_weight=weights)
    return value.numpy(), tape.gradient(value, prediction).numpy()


@rows
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keras(row: Row, dtype: str) -> None:
    with np.load(ORACLES) as file:
        stored = {part: file[f"{row.id}/{part}"] for part in ("y_true", "y_pred", "loss", "gradient")}
    y_true, y_pred, _ = row.draw()
    np.testing.assert_array_equal(y_true, stored["y_true"], err_msg="the row draws other data than it did")
    np.testing.assert_array_equal(y_pred, stored["y_pred"])
    value, gradient = compute(row, dtype)
    assert value.dtype == dtype
    # One less 1e-7 has another distance from one in float32.
    tolerance = 2e-6 if row.predictions != "hard" or dtype == "float32" else 1e-2
    assert_close(value, stored["loss"].astype(np.float64), tolerance, row.id)
    if row.gradient < np.inf:  # where probabilities are 0 or 1, libraries disagree about the gradient of the clipping
        assert_close(gradient, stored["gradient"].astype(np.float64), 1e-5, f"gradient of {row.id}")


@rows
def test_gradient(row: Row) -> None:
    if row.gradient == np.inf:
        pytest.skip("no gradient at the ends of the interval")
    y_true, y_pred, weights = row.draw()
    loss = getattr(gm.losses, row.loss)(**row.kwargs)
    direction = rng_for("direction", row.id).normal(size=y_pred.shape)
    if row.predictions in ("probabilities", "softmax"):  # small steps where the logarithm bends most
        direction *= y_pred * (1 - y_pred)
    direction /= np.abs(direction / y_pred if row.predictions == "softmax" else direction).max()

    def at(step: float) -> float:
        moved = y_pred.astype(np.float64) + step * direction
        return float(loss(y_true, Tensor(moved), sample_weight=weights).numpy().sum())

    h = 1e-5
    slope = (at(h) - at(-h)) / (2 * h)
    _, gradient = compute(row, "float64")
    # The rounding error of the difference, 1e-16 / h, is about 1e-10 here.
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=row.gradient, abs=1e-9)


@rows
def test_reference(row: Row) -> None:
    value, gradient = compute(row, "float32")
    with gm.use_backend("reference"):
        expected = compute(row, "float32")
    assert_close(value, expected[0], 1e-6, row.id)
    assert_close(gradient, expected[1], 1e-6, f"gradient of {row.id}")


@pytest.mark.parametrize(
    ("loss", "activation", "shape"),
    [
        ("SparseCategoricalCrossentropy", "softmax", (9, 4)),
        ("CategoricalCrossentropy", "softmax", (9, 4)),
        ("BinaryCrossentropy", "sigmoid", (9, 1)),
        ("BinaryCrossentropy", "sigmoid", (9,)),
    ],
)
def test_probabilities_that_remember_their_scores_are_as_good_as_scores(loss: str, activation: str, shape) -> None:
    rng = np.random.default_rng(0)
    scores = Tensor((rng.normal(size=shape) * 100).astype(np.float32))
    classes = rng.integers(0, 4, 9)
    y = {"S": classes, "C": np.eye(4)[classes], "B": rng.integers(0, 2, shape)}[loss[0]]
    make = getattr(gm.losses, loss)
    found = []
    for from_logits in (False, True):
        with gm.GradientTape() as tape:
            tape.watch(scores)
            value = make(from_logits=from_logits)(y, scores if from_logits else getattr(gm.ops, activation)(scores))
        found.append((value.numpy(), tape.gradient(value, scores).numpy()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert np.isfinite(found[0][0])


def test_scores_of_another_activation_are_not_used() -> None:
    scores = np.array([[2.0, -1.0, 0.5]], np.float32)
    y = np.array([[0.0, 1.0, 0.0]], np.float32)
    for loss, activation in (("CategoricalCrossentropy", "sigmoid"), ("BinaryCrossentropy", "softmax")):
        remembered = getattr(gm.ops, activation)(scores)
        forgotten = Tensor(remembered.numpy())
        make = getattr(gm.losses, loss)()
        assert float(make(y, remembered)) == float(make(y, forgotten))


def test_from_logits_with_probabilities_warns() -> None:
    message = (
        "sparse_categorical_crossentropy was made with from_logits=True, but the predictions have gone through a "
        "softmax and are probabilities. Remove that activation from the last layer, or use from_logits=False."
    )
    with pytest.warns(GemmuleWarning, match=exactly(message)):
        gm.losses.SparseCategoricalCrossentropy(from_logits=True)([0], gm.ops.softmax([[1.0, 2.0]]))


@pytest.mark.parametrize("label", [-1, 3, 100])
def test_a_label_that_is_no_class_gives_nan(label: int) -> None:
    value = gm.losses.sparse_categorical_crossentropy([label, 0], np.eye(2, 3, dtype=np.float32), from_logits=True)
    assert np.isnan(value.numpy()).tolist() == [True, False]


def test_weights_of_examples_spread_over_their_values() -> None:
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.normal(size=(2, 6, 3, 2))
    weights = rng.uniform(size=6)
    loss = gm.losses.MeanSquaredError()
    expected = (((y_true - y_pred) ** 2).mean(-1) * weights[:, None]).mean()
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(expected, rel=1e-6)
    column = loss(y_true[..., 0], y_pred[..., 0], weights[:, None])
    assert float(column) == pytest.approx(float(loss(y_true[..., 0], y_pred[..., 0], weights)), rel=1e-6)


def test_outputs_without_a_second_dimension() -> None:
    y_true, y_pred, weights = np.array([[1.0, 2.0], [3.0, 5.0], [1.0, 3.0]], np.float32)
    value = gm.losses.MeanSquaredError()(y_true, y_pred, weights)
    assert float(value) == (4 * 1 + 9 * 3) / 2


def test_user_functions() -> None:
    def cubic(y_true, y_pred):
        return gm.ops.mean(gm.ops.abs(y_true - y_pred) ** 3, axis=-1)

    loss = gm.losses.get(cubic)
    assert loss.name == "cubic"
    assert float(loss([[0], [0]], [[1.0], [2.0]])) == 4.5
    assert float(loss([[0], [0]], [[1.0], [2.0]], sample_weight=[1, 0])) == 0.5
    total = gm.losses.LossFunctionWrapper(cubic, reduction="sum", name="total")
    assert float(total([[0], [0]], [[1.0], [2.0]])) == 9
    assert total.name == "total"


def test_user_classes() -> None:
    class Huber(gm.losses.Loss):
        def __init__(self, threshold=1.0, **kwargs):
            super().__init__(**kwargs)
            self.threshold = threshold

        def call(self, y_true, y_pred):
            error = gm.ops.abs(y_true - y_pred)
            linear = self.threshold * error - self.threshold**2 / 2
            return gm.ops.where(error < self.threshold, gm.ops.square(error) / 2, linear)

    loss = Huber(2.0)
    assert loss.name == "huber"
    assert float(loss([[0.0], [0.0]], [[1.0], [3.0]])) == (0.5 + 4.0) / 2
    message = "Plain must define call(self, y_true, y_pred)."
    with pytest.raises(NotImplementedError, match=exactly(message)):
        type("Plain", (gm.losses.Loss,), {})()([1.0], [1.0])


@pytest.mark.parametrize("name", ["mse", "MSE", "mean_squared_error", "MeanSquaredError"])
def test_get_by_name(name: str) -> None:
    assert isinstance(gm.losses.get(name), gm.losses.MeanSquaredError)


def test_get() -> None:
    assert gm.losses.get(None) is None
    assert isinstance(gm.losses.get(gm.losses.mean_absolute_error), gm.losses.MeanAbsoluteError)
    assert isinstance(gm.losses.get(gm.losses.BinaryCrossentropy), gm.losses.BinaryCrossentropy)
    made = gm.losses.get({"class_name": "CategoricalCrossentropy", "config": {"label_smoothing": 0.1}})
    assert made.label_smoothing == 0.1
    assert gm.losses.get(made) is made
    assert type(made).from_config(made.get_config()).get_config() == made.get_config()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: gm.losses.get("categorical_crossentorpy"),
            ValueError,
            "Unknown loss 'categorical_crossentorpy'. Did you mean 'categorical_crossentropy' or "
            "'categorical_focal_crossentropy' or 'sparse_categorical_crossentropy'? Known: "
            + ", ".join(sorted([*gm.losses.CLASSES, *gm.losses.ALIASES]))
            + ".",
        ),
        (
            lambda: gm.losses.get(3),
            TypeError,
            "A loss is a name, a Loss object or a function of (y_true, y_pred). Received: 3.",
        ),
        (
            lambda: gm.losses.MeanSquaredError(reduction="average"),
            ValueError,
            "Unknown reduction 'average'. Known: mean, mean_with_sample_weight, none, sum, sum_over_batch_size.",
        ),
        (
            lambda: gm.losses.BinaryCrossentropy(label_smoothing=1.5),
            ValueError,
            "label_smoothing must be a number from 0 to 1. Received: label_smoothing=1.5.",
        ),
        (
            lambda: gm.losses.CategoricalCrossentropy(axis=2)([[0.0, 1.0]], [[0.5, 0.5]]),
            ValueError,
            "axis of the classes: axis must be an integer from -2 to 1. Received: axis=2.",
        ),
        (
            lambda: gm.losses.Huber(delta=0.0),
            ValueError,
            "Huber: delta must be positive. Received: delta=0.0.",
        ),
        (
            lambda: gm.losses.MulticlassHinge(-1.0),
            ValueError,
            "MulticlassHinge: margin must not be negative. Received: margin=-1.0.",
        ),
        (
            lambda: gm.losses.BinaryFocalCrossentropy(gamma=-1.0),
            ValueError,
            "gamma of a focal cross-entropy must not be negative. Received: gamma=-1.0.",
        ),
        (
            lambda: gm.losses.Reduction,
            AttributeError,
            "module 'gemmule.losses' has no attribute 'Reduction'. Its values are strings now, such as "
            "reduction='sum'.",
        ),
        (
            lambda: gm.losses.MeanSquaredError()(None, [[1.0]]),
            ValueError,
            'The loss "mean_squared_error" needs targets. Pass them as the second argument: fit(x, y).',
        ),
        (
            lambda: gm.losses.MeanSquaredError()([[1.0]], [[1.0]], sample_weight=[1.0, 2.0]),
            ValueError,
            "sample_weight needs one number for each example. Received: sample_weight_shape=(2,), values_shape=(1,).",
        ),
        (
            lambda: gm.losses.get(lambda y_true, y_pred: gm.ops.mean(y_true - y_pred))([[1.0]], [[1.0]], [1.0]),
            ValueError,
            "sample_weight needs one number for each example. Received: sample_weight_shape=(1,), values_shape=(). "
            "A function used with sample weights must not average over the batch itself.",
        ),
    ],
)
def test_complaints(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=exactly(message)):
        make()


EDGES = {  # targets and predictions where a logarithm, a root or a quotient has no slope of its own
    "BinaryCrossentropy": ([[0.0, 1.0, 1.0]], [[0.0, 1.0, 0.0]]),
    "CategoricalCrossentropy": ([[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]),
    "SparseCategoricalCrossentropy": ([1], [[1.0, 0.0, 0.0]]),
    "BinaryFocalCrossentropy": ([[0.0, 1.0, 1.0]], [[0.0, 1.0, 0.0]]),
    "CategoricalFocalCrossentropy": ([[0.0, 1.0, 0.0]], [[0.0, 1.0, 0.0]]),
    "KLDivergence": ([[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]),
    "Poisson": ([[0.0, 2.0]], [[0.0, 0.0]]),
    "CosineSimilarity": ([[0.0, 0.0]], [[0.0, 0.0]]),
    "MeanAbsolutePercentageError": ([[0.0, 1.0]], [[0.0, 1.0]]),
    "MeanSquaredLogarithmicError": ([[0.0, 1.0]], [[0.0, -3.0]]),
    "Huber": ([[1.0, 0.0]], [[1.0, 1.0]]),
    "LogCosh": ([[1.0, 0.0, 0.0]], [[1.0, 1e4, -1e4]]),
    "Hinge": ([[1.0, -1.0]], [[1.0, -1.0]]),
    "SquaredHinge": ([[1.0, -1.0]], [[1.0, -1.0]]),
    "CategoricalHinge": ([[0.0, 1.0, 0.0]], [[1.0, 2.0, 1.0]]),
    "MulticlassHinge": ([1], [[1.0, 2.0, 1.0]]),
    "MeanSquaredError": ([[1.0]], [[1.0]]),
    "MeanAbsoluteError": ([[1.0]], [[1.0]]),
}


@pytest.mark.parametrize("loss", sorted(EDGES))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_gradients_at_the_edges_are_finite(loss: str, dtype: str) -> None:
    y_true, prediction = EDGES[loss][0], Tensor(np.array(EDGES[loss][1], dtype))
    settings = [{}, {"gamma": 0.5}, {"gamma": 0.0}, {"gamma": 1.0}] if "Focal" in loss else [{}]
    for kwargs in settings:
        with gm.GradientTape() as tape:
            tape.watch(prediction)
            value = getattr(gm.losses, loss)(**kwargs)(y_true, prediction)
        assert np.isfinite(float(value))
        assert np.isfinite(tape.gradient(value, prediction).numpy()).all()


def test_every_loss_has_rows_and_edges() -> None:
    classes = {cls.__name__ for cls in gm.losses.CLASSES.values()}
    assert classes == set(EDGES)
    assert classes == {row.loss for row in ROWS}


@pytest.mark.parametrize("row", [row for row in ROWS if "from_logits" in row.kwargs and "Focal" in row.loss])
def test_focal_losses_of_remembered_scores(row: Row) -> None:
    y_true, y_pred, _ = row.draw()
    activation = gm.ops.sigmoid if row.loss[0] == "B" else lambda x: gm.ops.softmax(x, axis=row.kwargs.get("axis", -1))
    make = getattr(gm.losses, row.loss)
    expected = float(make(**row.kwargs)(y_true, y_pred))
    assert float(make(**row.kwargs | {"from_logits": False})(y_true, activation(y_pred))) == pytest.approx(expected)


def test_ignored_targets_need_not_be_classes() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 5, 3)).astype(np.float32)
    labels = rng.integers(0, 3, (6, 5))
    masked = np.where(rng.uniform(size=(6, 5)) < 0.4, -1, labels)
    loss = gm.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    loss.check_targets(masked, (6, 5, 3))
    with pytest.raises(ValueError, match=r"target -1 at position"):
        gm.losses.SparseCategoricalCrossentropy(from_logits=True).check_targets(masked, (6, 5, 3))
    logs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    rows = -np.take_along_axis(logs, labels[..., None], -1)[..., 0]
    assert float(loss(masked, scores)) == pytest.approx(rows[masked >= 0].mean(), rel=1e-6)
    assert float(loss(np.full((6, 5), -1), scores)) == 0
    model = gm.Sequential([gm.Input((5, 3)), gm.layers.Dense(3)])
    model.compile("sgd", loss, metrics=[loss])
    logs = model.fit(scores, masked, batch_size=4, verbose=0).history
    assert np.isfinite(logs["loss"][0])
    values = model.evaluate(scores, masked, batch_size=4, verbose=0, return_dict=True)
    z = model.predict(scores, verbose=0).astype(float)
    rows = -np.take_along_axis(z - np.log(np.exp(z).sum(-1, keepdims=True)), labels[..., None], -1)[..., 0]
    assert values["sparse_categorical_crossentropy"] == pytest.approx(rows[masked >= 0].mean(), rel=1e-6)


def test_keras_2_names() -> None:
    for old, new in gm.losses.ALIASES.items():
        assert getattr(gm.losses, old) is getattr(gm.losses, old.upper()) is getattr(gm.losses, new)
        assert type(gm.losses.get(old)) is gm.losses.CLASSES[new]
    assert isinstance(gm.losses.get(gm.losses.KLD), gm.losses.KLDivergence)


@rows
def test_config_makes_the_same_loss(row: Row) -> None:
    loss = getattr(gm.losses, row.loss)(**row.kwargs)
    again = gm.losses.get({"class_name": row.loss, "config": loss.get_config()})
    y_true, y_pred, _ = row.draw()
    np.testing.assert_array_equal(again(y_true, y_pred).numpy(), loss(y_true, y_pred).numpy())
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("row", [row for row in ROWS if row.weighted and len(row.shape) == 1], ids=lambda row: row.id)
def test_eager_steps_and_replays_agree(row: Row) -> None:
    if row.kwargs.get("reduction") == "none":
        pytest.skip("training needs one number")
    y_true, y_pred, weights = (np.concatenate([part] * 4)[:50] for part in row.draw())
    results = []
    for eager in (False, True):
        gm.utils.set_random_seed(0)
        last = {"softmax": "softmax", "probabilities": "sigmoid", "positive": "exponential"}.get(row.predictions)
        model = gm.Sequential([gm.Input(row.shape), gm.layers.Dense(row.shape[-1], activation=last)])
        model.compile(
            gm.optimizers.SGD(0.01), getattr(gm.losses, row.loss)(**row.kwargs), run_eagerly=eager,
            jit_compile=not eager,
        )  # fmt: skip
        history = model.fit(
            y_pred, y_true, sample_weight=weights, batch_size=8, epochs=2, shuffle=False, verbose=0
        ).history
        results.append((history["loss"], *(w.tolist() for w in model.get_weights())))
    assert results[0] == results[1]
