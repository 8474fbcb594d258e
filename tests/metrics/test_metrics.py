"""Metrics: Keras's values over uneven batches, exact sums, which accuracy is meant, metrics of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule.metrics import resolve
from gemmule.tensor import Tensor
from tests.helpers import assert_close, exactly
from tests.metrics.specs import BATCHES, ROWS, Row

ORACLES = Path(__file__).resolve().parent.parent / "oracles" / "metrics_keras.npz"


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_keras(row: Row, backend: str) -> None:
    with np.load(ORACLES) as file:
        stored = {part: file[f"{row.id}/{part}"] for part in ("y_true", "y_pred", "values")}
    y_true, y_pred, weights = row.draw()
    np.testing.assert_array_equal(y_true, stored["y_true"], err_msg="the row draws other data than it did")
    np.testing.assert_array_equal(y_pred, stored["y_pred"])
    metric, start = getattr(gm.metrics, row.metric)(**row.kwargs), 0
    with gm.use_backend(backend):
        for size, expected in zip(BATCHES, stored["values"]):
            rows = slice(start, start + size)
            metric.update_state(y_true[rows], y_pred[rows], None if weights is None else weights[rows])
            assert_close(np.asarray(metric.result(), np.float64), np.float64(expected), 3e-6, row.id)
            start += size


def test_cutting_into_batches_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=1001).astype(np.float32) * 1e3
    weights = rng.uniform(size=1001).astype(np.float32)
    found = set()
    for size in (1, 32, 1000, 1001):
        mean = gm.metrics.Mean()
        for start in range(0, 1001, size):
            mean.update_state(values[start : start + size], weights[start : start + size])
        found.add(float(mean.result()))
    assert len(found) == 1
    exact = (values.astype(float) * weights).sum() / weights.astype(float).sum()
    assert found.pop() == pytest.approx(exact, rel=1e-13)


def test_mean_and_sum() -> None:
    mean, total = gm.metrics.Mean(name="m"), gm.metrics.Sum()
    assert float(mean.result()) == 0
    for metric in (mean, total):
        metric.update_state(3)
        metric.update_state([[1.0, 2.0], [4.0, 5.0]], sample_weight=[1, 0])
    assert float(mean.result()) == (3 + 1 + 2) / 3
    assert float(total.result()) == 6
    assert mean(3.0).dtype == "float64"
    mean.reset_state()
    assert float(mean.result()) == 0
    assert mean.name == "m"
    assert repr(total) == "<Sum name=sum>"


def test_state_can_be_put_aside() -> None:
    mean = gm.metrics.Mean()
    mean.update_state([1.0, 3.0])
    saved = mean.save_state()
    mean.reset_state()
    mean.update_state([10.0])
    mean.restore_state(saved)
    assert float(mean.result()) == 2


SPARSE, ONE_HOT = gm.losses.SparseCategoricalCrossentropy(), gm.losses.CategoricalCrossentropy()
BINARY, LOGITS = gm.losses.BinaryCrossentropy(), gm.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("loss", "targets", "output", "expected"),
    [
        (SPARSE, (60, ), (1, 10), "SparseCategoricalAccuracy"),
        (SPARSE, (60, 1), (1, 10), "SparseCategoricalAccuracy"),
        (SPARSE, (60, 7), (1, 7, 10), "SparseCategoricalAccuracy"),
        (ONE_HOT, (60, 10), (1, 10), "CategoricalAccuracy"),
        (BINARY, (60, 1), (1, 1), "BinaryAccuracy"),
        (BINARY, (60, 5), (1, 5), "BinaryAccuracy"),
        (gm.losses.MeanSquaredError(), (60, 1), (1, 1), "BinaryAccuracy"),
        (gm.losses.MeanSquaredError(), (60, 3), (1, 3), "CategoricalAccuracy"),
        (None, (60,), (1, 3), "SparseCategoricalAccuracy"),
    ],
)  # fmt: skip
def test_which_accuracy_is_meant(loss, targets, output, expected) -> None:
    for name in ("accuracy", "acc"):
        metric = resolve(name, loss, targets, output)
        assert type(metric).__name__ == expected
        assert metric.name == name


def test_accuracy_of_logits_has_its_threshold_at_zero() -> None:
    metric = resolve("accuracy", LOGITS, (4, 1), (1, 1))
    metric.update_state([[1], [0], [1], [0]], [[0.2], [-0.2], [3.0], [0.1]])
    assert float(metric.result()) == 0.75


def test_names_in_a_fit() -> None:
    def largest_error(y_true, y_pred):
        return gm.ops.max(gm.ops.abs(y_true - y_pred), axis=-1)

    model = gm.Sequential([gm.Input((2,)), gm.layers.Dense(1)])
    metrics = ["mse", "RootMeanSquaredError", gm.metrics.MeanAbsoluteError(name="error"), largest_error]
    model.compile(optimizer="sgd", loss="mse", metrics=metrics)
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    logs = model.evaluate(x, x[:, :1], verbose=0, return_dict=True)
    assert list(logs) == ["loss", "mse", "RootMeanSquaredError", "error", "largest_error"]
    assert logs["mse"] == pytest.approx(logs["loss"], rel=1e-6)
    assert logs["RootMeanSquaredError"] == pytest.approx(logs["loss"] ** 0.5, rel=1e-6)
    errors = np.abs(model.predict(x, verbose=0) - x[:, :1])
    assert logs["error"] == pytest.approx(errors.mean(), rel=1e-6)
    assert logs["largest_error"] == logs["error"]


class HuberMetric(gm.metrics.Metric):
    """The metric of one's own that courses write."""

    def __init__(self, threshold=1.0, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = gm.ops.abs(y_true - y_pred)
        huber = gm.ops.where(error < self.threshold, error**2 / 2, self.threshold * error - self.threshold**2 / 2)
        self.total.assign_add(gm.ops.sum(huber))
        self.count.assign_add(gm.ops.cast(gm.ops.sum(gm.ops.ones(y_true.shape)), "float32"))

    def result(self):
        return self.total / self.count


@pytest.mark.filterwarnings("ignore::gemmule.errors.PlanWarning")
def test_a_metric_of_ones_own() -> None:
    metric = HuberMetric(2.0, name="huber")
    metric.update_state(Tensor(np.zeros((2, 1), np.float32)), Tensor(np.array([[1.0], [3.0]], np.float32)))
    assert float(metric.result()) == 2.25
    assert [v.name for v in metric.variables] == ["total", "count"]
    metric.reset_state()
    assert float(metric.count) == 0
    model = gm.Sequential([gm.Input((2,)), gm.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=[metric])
    x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    logs = model.evaluate(x, x[:, :1], verbose=0, return_dict=True)
    errors = np.abs(model.predict(x, verbose=0) - x[:, :1])
    expected = np.where(errors < 2, errors**2 / 2, 2 * errors - 2).mean()
    assert logs["huber"] == pytest.approx(expected, rel=1e-5)


def test_results_returned_by_a_train_step_of_ones_own_are_fresh() -> None:
    class Model(gm.Model):
        def __init__(self):
            super().__init__()
            self.dense = gm.layers.Dense(1)
            self.mine = gm.metrics.Mean(name="mine")

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with gm.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            variables = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            self.mine.update_state(loss)
            return {"mine": self.mine.result()}

    seen = []

    class Look(gm.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((logs["mine"], float(self.model.mine.result())))

    model = Model()
    model.compile(optimizer="sgd", loss="mse", jit_compile=True)
    x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    model.fit(x, x[:, :1], batch_size=10, verbose=0, callbacks=[Look()])
    assert len({logged for logged, _ in seen}) == 10
    assert all(logged == current for logged, current in seen)
    assert int(model.optimizer.iterations) == 10


def test_weighted_metrics_use_class_weights() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)).astype(np.float32), rng.integers(0, 2, 40)
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(2, activation="softmax")])
    model.compile(
        optimizer=gm.optimizers.SGD(0.0),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=[gm.metrics.SparseCategoricalAccuracy(name="weighted")],
    )
    history = model.fit(x, y, class_weight={1: 3.0}, batch_size=16, verbose=0).history
    hits = model.predict(x, verbose=0).argmax(1) == y
    weights = np.where(y == 1, 3.0, 1.0)
    assert history["accuracy"][0] == pytest.approx(hits.mean())
    assert history["weighted"][0] == pytest.approx((hits * weights).sum() / weights.sum())


def test_get() -> None:
    assert gm.metrics.get("mse").name == "mse"
    assert isinstance(gm.metrics.get("acc"), gm.metrics.Accuracy)
    assert isinstance(gm.metrics.get(gm.metrics.Mean), gm.metrics.Mean)
    made = gm.metrics.get({"class_name": "BinaryAccuracy", "config": {"threshold": 0.3}})
    assert made.get_config() == {"name": "binary_accuracy", "threshold": 0.3}
    assert gm.metrics.get(made) is made
    loss = gm.losses.BinaryCrossentropy(from_logits=True)
    assert gm.metrics.get(loss).get_config() == {
        "name": "binary_crossentropy",
        "loss": {"class_name": "BinaryCrossentropy", "config": loss.get_config() | {"reduction": "none"}},
    }
    assert loss.reduction == "sum_over_batch_size"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: gm.metrics.get("binary_acc"),
            ValueError,
            "Unknown metric 'binary_acc'. Did you mean 'binary_accuracy' or 'binary_iou' or 'binary_io_u'?",
        ),
        (
            lambda: gm.metrics.get(3),
            TypeError,
            "A metric is a name, a Metric object or a function of (y_true, y_pred). Received: 3.",
        ),
        (
            lambda: gm.metrics.BinaryAccuracy(threshold=2),
            ValueError,
            "BinaryAccuracy: threshold must lie between 0 and 1. Received: threshold=2.",
        ),
        (
            lambda: gm.metrics.Mean(dtype="float32"),
            NotImplementedError,
            "Metric(dtype=...) is not supported yet. Leave it at its default.",
        ),
        (
            lambda: gm.metrics.Mean().update_state([1.0, 2.0], [1.0]),
            ValueError,
            "sample_weight needs one number for each example. Received: sample_weight_shape=(1,), values_shape=(2,).",
        ),
        (
            lambda: gm.metrics.Metric().add_weight("total"),
            TypeError,
            "shape must be a tuple. To give a name, write add_weight(name='total').",
        ),
        (
            lambda: gm.metrics.Metric().result(),
            NotImplementedError,
            "Metric must define result(self).",
        ),
    ],
)
def test_complaints(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=exactly(message)):
        make()


def test_auc_takes_the_number_of_columns_from_the_first_batch() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(0, 2, (60, 3)).astype(np.float32)
    auc, known = gm.metrics.AUC(multi_label=True), gm.metrics.AUC(multi_label=True, num_labels=3)
    assert float(auc.result()) == 0
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(3, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[auc], jit_compile=True)
    model.fit(x, y, batch_size=10, epochs=2, verbose=0)
    known.update_state(y, model.predict(x))
    found = model.evaluate(x, y, batch_size=10, verbose=0)[1]
    assert found == pytest.approx(float(known.result()), abs=1e-12)
    assert auc.get_config()["num_labels"] is None
    with pytest.raises(ValueError, match=r"the predictions need the shape \(examples, 3\)"):
        auc.update_state(y[:, :2], y[:, :2])
