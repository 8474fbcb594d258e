"""Targets that do not belong to the output: each with the whole message, from the loss itself and from `fit`."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import exactly


def fit(loss: object, units: int, y: np.ndarray) -> gm.Sequential:
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(units)])
    model.compile(optimizer="sgd", loss=loss)
    before = model.get_weights()
    try:
        model.fit(np.zeros((len(y), 4), np.float32), y, verbose=0)
    finally:
        for old, new in zip(before, model.get_weights()):
            np.testing.assert_array_equal(old, new)
    return model


ROW, COLUMN = np.arange(6.0), np.arange(6.0)[:, None]
CLASSES = np.array([0, 1, 2, 0, 1, 2])

BAD = [
    pytest.param(
        "mse", 1, ROW,
        "mean_squared_error: the targets have shape (6,), but the predictions have shape (None, 1). Give the targets a "
        "last axis of 1: y = y.reshape(-1, 1).",
        id="row against column",
    ),
    pytest.param(
        lambda y_true, y_pred: gm.ops.abs(y_true - y_pred), 1, ROW,
        "<lambda>: the targets have shape (6,), but the predictions have shape (None, 1). Give the targets a last axis "
        "of 1: y = y.reshape(-1, 1).",
        id="row against column, a function",
    ),
    pytest.param(
        "mae", 3, ROW,
        "mean_absolute_error: the targets have shape (6,), but the predictions have shape (None, 3). The last layer "
        "has "
        "3 units, one output each. Give it 1 unit and the targets a last axis of 1, or use "
        "sparse_categorical_crossentropy for class numbers.",
        id="row against several units",
    ),
    pytest.param(
        "mse", 2, np.zeros((6, 3)),
        "mean_squared_error: the targets have shape (6, 3), but the predictions have shape (None, 2). They must agree "
        "in all axes: change the last layer or the targets.",
        id="another width",
    ),
    pytest.param(
        "mse", 1, np.zeros((6, 1, 1)),
        "mean_squared_error: the targets have shape (6, 1, 1), but the predictions have shape (None, 1). Remove the "
        "last "
        "axis of the targets: y = y.squeeze(-1).",
        id="one axis too many",
    ),
    pytest.param(
        "binary_crossentropy", 1, np.array([0, 1, 1, 0]),
        "binary_crossentropy: the targets have shape (4,), but the predictions have shape (None, 1). Give the "
        "targets a "
        "last axis of 1: y = y.reshape(-1, 1).",
        id="binary, row against column",
    ),
    pytest.param(
        "binary_crossentropy", 1, np.array([[1], [-1], [-1]]),
        "binary_crossentropy: target -1 at position 1 (and 1 more) is not between 0 and 1. Targets of this loss are "
        "0, 1 "
        "or a probability between them. For targets -1 and 1: y = (y + 1) / 2.",
        id="binary, minus one",
    ),
    pytest.param(
        "binary_crossentropy", 1, np.array([[1.0], [np.nan], [0.0]]),
        "binary_crossentropy: target nan at position 1 is not between 0 and 1. Targets of this loss are 0, 1 or a "
        "probability between them.",
        id="binary, NaN",
    ),
    pytest.param(
        "categorical_crossentropy", 3, CLASSES,
        "categorical_crossentropy: the targets have shape (6,), one number for each example, but this loss wants one "
        "probability for each of the 3 classes, shape (None, 3). For class numbers use "
        "sparse_categorical_crossentropy, "
        "or convert them: y = gm.utils.to_categorical(y, 3).",
        id="class numbers with the one-hot loss",
    ),
    pytest.param(
        "categorical_crossentropy", 3, CLASSES[:, None],
        "categorical_crossentropy: the targets have shape (6, 1), one number for each example, but this loss wants one "
        "probability for each of the 3 classes, shape (None, 3). For class numbers use "
        "sparse_categorical_crossentropy, "
        "or convert them: y = gm.utils.to_categorical(y, 3).",
        id="a column of class numbers with the one-hot loss",
    ),
    pytest.param(
        "categorical_crossentropy", 4, np.eye(3),
        "categorical_crossentropy: the targets have shape (3, 3), but the predictions have shape (None, 4). They must "
        "agree in all axes: change the last layer or the targets.",
        id="one-hot of another width",
    ),
    pytest.param(
        "sparse_categorical_crossentropy", 3, np.eye(3)[CLASSES],
        "sparse_categorical_crossentropy: the targets have shape (6, 3), which looks one-hot, but this loss wants one "
        "class number for each example, shape (None,). For one-hot targets use categorical_crossentropy, or convert "
        "them: y = y.argmax(axis=-1).",
        id="one-hot with the sparse loss",
    ),
    pytest.param(
        "sparse_categorical_crossentropy", 3, np.zeros((6, 2), int),
        "sparse_categorical_crossentropy: the targets have shape (6, 2), but predictions of shape (None, 3) need one "
        "class number for each example, shape (None,).",
        id="two numbers with the sparse loss",
    ),
    pytest.param(
        "sparse_categorical_crossentropy", 3, CLASSES + 1,
        "sparse_categorical_crossentropy: target 3 at position 2 (and 1 more) is out of range. The model's last layer "
        "has 3 units, so labels run from 0 to 2. Give it 4 units, or number the classes anew from 0.",
        id="classes from 1 on",
    ),
    pytest.param(
        "sparse_categorical_crossentropy", 3, np.array([0, 1, -1]),
        "sparse_categorical_crossentropy: target -1 at position 2 is out of range. The model's last layer has 3 units, "
        "so labels run from 0 to 2. Number the classes anew from 0: y = np.unique(y, return_inverse=True)[1].",
        id="a negative class",
    ),
    pytest.param(
        "sparse_categorical_crossentropy", 1, np.array([0, 1, 1]),
        "sparse_categorical_crossentropy: target 1 at position 1 (and 1 more) is out of range. The model's last layer "
        "has 1 unit, so labels run from 0 to 0. For two classes and one unit use binary_crossentropy.",
        id="two classes, one unit",
    ),
    pytest.param(
        "sparse_categorical_crossentropy", 3, np.array([0.0, 1.5, 2.0]),
        "sparse_categorical_crossentropy: target 1.5 at position 1 is not a whole number. Class numbers are 0, 1, "
        "2, ...",
        id="half a class",
    ),
    pytest.param(
        "sparse_categorical_crossentropy", 3, np.array([0.0, np.nan, 2.0]),
        "sparse_categorical_crossentropy: target nan at position 1 is not a whole number. Class numbers are 0, 1, "
        "2, ...",
        id="a missing class",
    ),
    pytest.param(
        "hinge", 1, COLUMN,
        "hinge: target 2.0 at position 2 (and 3 more) is not between -1 and 1. Targets of this loss are -1 and 1, or 0 "
        "and 1. For class numbers use multiclass_hinge.",
        id="classes for a hinge",
    ),
    pytest.param(
        "kl_divergence", 1, COLUMN,
        "kl_divergence: target 2.0 at position 2 (and 3 more) is not between 0 and 1. Targets of this loss are "
        "probabilities, which sum to 1 over the last axis.",
        id="no probability",
    ),
    pytest.param(
        "poisson", 1, COLUMN - 1,
        "poisson: target -1.0 at position 0 is not at least 0. Targets of this loss are counts. For other numbers use "
        "mean_squared_error.",
        id="less than nothing",
    ),
    pytest.param(
        "categorical_hinge", 3, CLASSES,
        "categorical_hinge: the targets have shape (6,), one number for each example, but this loss wants one "
        "probability for each of the 3 classes, shape (None, 3). For class numbers use multiclass_hinge, or convert "
        "them: y = gm.utils.to_categorical(y, 3).",
        id="class numbers for a hinge of rows",
    ),
    pytest.param(
        "multiclass_hinge", 3, np.eye(3)[CLASSES],
        "multiclass_hinge: the targets have shape (6, 3), which looks one-hot, but this loss wants one class number "
        "for each example, shape (None,). For one-hot targets use categorical_hinge, or convert them: "
        "y = y.argmax(axis=-1).",
        id="rows for a hinge of class numbers",
    ),
    pytest.param(
        "multiclass_hinge", 2, CLASSES,
        "multiclass_hinge: target 2 at position 2 (and 1 more) is out of range. The model's last layer has 2 units, so "
        "labels run from 0 to 1. Give it 3 units, or number the classes anew from 0.",
        id="too many classes for a hinge",
    ),
    pytest.param(
        "binary_focal_crossentropy", 1, COLUMN,
        "binary_focal_crossentropy: target 2.0 at position 2 (and 3 more) is not between 0 and 1. Targets of this loss "
        "are 0, 1 or a probability between them.",
        id="classes for a focal loss",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "units", "y", "message"), BAD)
def test_fit_refuses_them_before_training(loss: object, units: int, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        fit(loss, units, y)


@pytest.mark.parametrize(
    ("loss", "units", "y"),
    [
        ("mse", 1, COLUMN),
        ("mse", 1, COLUMN.astype("int64")),
        ("sparse_categorical_crossentropy", 3, CLASSES),
        ("sparse_categorical_crossentropy", 3, CLASSES[:, None]),
        ("sparse_categorical_crossentropy", 3, CLASSES.astype("uint8")),
        ("sparse_categorical_crossentropy", 3, CLASSES.astype("float64")),
        ("categorical_crossentropy", 3, np.eye(3)[CLASSES]),
        ("categorical_crossentropy", 3, np.eye(3, dtype=int)[CLASSES]),
        ("binary_crossentropy", 1, CLASSES[:, None] > 0),
        ("hinge", 1, CLASSES[:, None] > 0),
        ("squared_hinge", 1, np.sign(CLASSES[:, None] - 0.5)),
        ("multiclass_hinge", 3, CLASSES),
        ("categorical_hinge", 3, np.eye(3)[CLASSES]),
        ("kld", 3, np.eye(3)[CLASSES]),
        ("poisson", 1, COLUMN),
    ],
)
def test_these_work(loss: str, units: int, y: np.ndarray) -> None:
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(units, activation="sigmoid")])
    model.compile(optimizer="sgd", loss=loss)
    history = model.fit(np.ones((len(y), 4), np.float32), y, batch_size=2, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_the_loss_itself_refuses_to_broadcast() -> None:
    message = (
        "mean_squared_error: the targets have shape (5,), but the predictions have shape (5, 1). Give the targets a "
        "last axis of 1: y = y.reshape(-1, 1)."
    )
    for loss in (gm.losses.MeanSquaredError(), gm.losses.mean_squared_error):
        with pytest.raises(ValueError, match=exactly(message)):
            loss(np.zeros(5), np.zeros((5, 1)))
    message = (
        "binary_accuracy: the targets have shape (5,), but the predictions have shape (5, 1). Give the targets a last "
        "axis of 1: y = y.reshape(-1, 1)."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        gm.metrics.BinaryAccuracy().update_state(np.zeros(5), np.zeros((5, 1)))


@pytest.mark.parametrize(
    ("loss", "targets", "predictions", "message"),
    [
        ("SparseCategoricalCrossentropy", [0, 7], np.full((2, 5), 0.2), "target 7 at position 1 is out of range"),
        (
            "SparseCategoricalCrossentropy",
            [0.5, 1],
            np.full((2, 5), 0.2),
            "target 0.5 at position 0 is not a whole number",
        ),
        ("BinaryCrossentropy", [[0.0], [3.0]], [[0.5], [0.5]], "target 3.0 at position 1 is not between 0 and 1"),
    ],
)
def test_direct_calls_look_at_the_values_of_targets(loss, targets, predictions, message) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(gm.losses, loss)()(targets, predictions)
    with pytest.raises(ValueError, match=message):
        getattr(gm.metrics, loss)().update_state(targets, predictions)


def test_losses_in_recorded_steps_read_no_values() -> None:
    x, y = np.zeros((64, 3), np.float32), np.arange(64, dtype=np.int32) % 2
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(2)])
    model.compile("sgd", gm.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=True)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)  # would raise PlanError
    ignoring = gm.losses.SparseCategoricalCrossentropy(ignore_class=9)
    assert float(ignoring([0, 9], [[0.5, 0.5], [0.5, 0.5]])) == pytest.approx(np.log(2))
