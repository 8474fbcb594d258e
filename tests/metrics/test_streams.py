"""Streams: batches of any size, replay, weights, state put aside, exact against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import exactly, rng_for
from tests.metrics.specs import ROWS, Row

rows = pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
COUNTED = ("Accuracy", "Positives", "Negatives", "Precision", "Recall", "AUC", "IoU", "Score", "AtS", "AtR", "AtP")
LABELS = rng_for("labels").integers(0, 4, 500)


def value_of(row: Row, sizes: tuple[int, ...], repeat: int = 1) -> np.ndarray:
    y_true, y_pred, weights = (None if x is None else np.concatenate([x] * repeat) for x in row.draw())
    metric, start = getattr(gm.metrics, row.metric)(**row.kwargs), 0
    for size in sizes:
        part = slice(start, start + size)
        metric.update_state(y_true[part], y_pred[part], None if weights is None else weights[part])
        start += size
    assert start == len(y_true)
    return np.asarray(metric.result())


@rows
def test_batches_of_any_size_give_the_same(row: Row) -> None:
    if row.kwargs.get("axis") == 1 and row.metric.startswith("Mean"):
        pytest.skip("rows are not examples")
    whole = value_of(row, (13,))
    for sizes in ((5, 7, 1), (1,) * 13, (12, 1)):
        found = value_of(row, sizes)
        if any(part in row.metric for part in COUNTED) and not row.weighted and row.metric != "R2Score":
            np.testing.assert_array_equal(found, whole)
        else:
            np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-15)


@rows
def test_a_metric_can_be_made_again_and_starts_anew(row: Row) -> None:
    metric = getattr(gm.metrics, row.metric)(**row.kwargs)
    again = gm.metrics.get({"class_name": row.metric, "config": metric.get_config()})
    y_true, y_pred, weights = row.draw()
    metric.update_state(y_true[:6], y_pred[:6])
    metric.reset_state()
    for one in (metric, again):
        one.update_state(y_true, y_pred, weights)
    np.testing.assert_array_equal(metric.result().numpy(), again.result().numpy())
    assert again.get_config() == metric.get_config()
    assert again.name == metric.name
    fresh = getattr(gm.metrics, row.metric)(**row.kwargs)
    saved = fresh.save_state()
    fresh.update_state(y_true, y_pred)
    fresh.restore_state(saved)
    fresh.update_state(y_true, y_pred, weights)
    np.testing.assert_array_equal(fresh.result().numpy(), metric.result().numpy())


def no_loss(y_true: Any, y_pred: Any) -> Any:
    return gm.ops.mean(y_pred, axis=-1) * 0.0


@rows
def test_steps_replayed_eager_and_by_the_reference_agree(row: Row) -> None:
    y_true, y_pred, weights = (None if x is None else np.concatenate([x] * 4) for x in row.draw())
    if y_pred.ndim < 2:
        y_true, y_pred = y_true[:, None], y_pred[:, None]
    found = []
    for eager, backend in ((False, "native"), (True, "native"), (True, "reference")):
        metric = getattr(gm.metrics, row.metric)(**row.kwargs)
        dtype = "int32" if y_pred.dtype.kind == "i" else None
        model = gm.Sequential([gm.Input(y_pred.shape[1:], dtype=dtype), gm.layers.Activation("linear")])
        model.compile("sgd", no_loss, weighted_metrics=[metric], run_eagerly=eager, jit_compile=not eager)
        with gm.use_backend(backend):
            logs = model.evaluate(y_pred, y_true, sample_weight=weights, batch_size=7, verbose=0, return_dict=True)
        found.append(logs[metric.name])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], found[2], rtol=2e-6)
    if "axis" not in row.kwargs:
        np.testing.assert_allclose(found[0], value_of(row, (52,), 4), rtol=2e-6)


def test_every_metric_has_a_row() -> None:
    missing = {cls.__name__ for cls in gm.metrics.CLASSES.values()} - {row.metric for row in ROWS}
    assert missing == {"ConfusionMatrix"}  # no Keras name; its oracle is scikit-learn, below


def test_confusion_matrix_while_training(tmp_path: Any, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)).astype(np.float32), rng.integers(0, 4, 50)
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(4, activation="softmax")])
    matrix, scores = gm.metrics.ConfusionMatrix(4), gm.metrics.R2Score(class_aggregation=None, name="r2")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[matrix], jit_compile=True)
    logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    said = model.predict(x, verbose=0).argmax(1)
    expected = np.zeros((4, 4))
    np.add.at(expected, (y, said), 1)
    np.testing.assert_array_equal(logs["confusion_matrix"], expected)
    np.testing.assert_array_equal(gm.utils.confusion_matrix(y, model.predict(x, verbose=0)), expected)
    callbacks = [gm.callbacks.CSVLogger(tmp_path / "log.csv"), gm.callbacks.TensorBoard(tmp_path, histogram_freq=0)]
    history = model.fit(x, y, validation_data=(x, y), epochs=2, verbose=2, callbacks=callbacks).history
    assert len(capsys.readouterr().out.splitlines()) == 2  # one line for each epoch, matrices and all
    assert len((tmp_path / "log.csv").read_text().splitlines()) >= 3
    assert [m.sum() for m in history["confusion_matrix"]] == [50, 50]
    assert [m.shape for m in history["val_confusion_matrix"]] == [(4, 4)] * 2
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=[scores])
    assert model.fit(x, x[:, :2], verbose=2).history["r2"][0].shape == (2,)


def test_confusion_matrix_of_arrays() -> None:
    make = gm.utils.confusion_matrix
    np.testing.assert_array_equal(make([0, 2, 1], [0, 2, 0]), [[1, 0, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(make([[0], [1]], [[0.6], [0.7]]), [[0, 1], [0, 1]])
    np.testing.assert_array_equal(make(np.eye(3), np.eye(3, dtype=np.float32)), np.eye(3, dtype=int))
    np.testing.assert_array_equal(make([0, 1], [1, 1], 3, [0.5, 2.0]), [[0, 0.5, 0], [0, 2, 0], [0, 0, 0]])
    np.testing.assert_array_equal(make([0, 1, 1], [1, 1, 0], normalize="true"), [[0, 1], [0.5, 0.5]])
    np.testing.assert_array_equal(make([0, 0], [1, 1], normalize="pred"), [[0, 1], [0, 0]])
    assert make([], []).shape == (0, 0)
    assert make([0], [0]).dtype == np.int64


def test_predictions_of_one_probability() -> None:
    metric = gm.metrics.ConfusionMatrix(2, normalize="all")
    metric.update_state([[0], [1], [1], [1]], [[0.2], [0.7], [0.5], [0.9]])
    np.testing.assert_array_equal(metric.result().numpy(), [[0.25, 0], [0.25, 0.5]])


def test_names_of_losses_are_metrics_too() -> None:
    for name in ("huber", "multiclass_hinge", "binary_focal_crossentropy", "Huber"):
        metric = gm.metrics.get(name)
        assert metric.name == name
        assert metric.direction == "down"
    metric = gm.metrics.get("huber")
    metric.update_state([[0.0]], [[3.0]])
    assert float(metric.result()) == 2.5
    assert gm.metrics.MSE is gm.metrics.mse is gm.metrics.mean_squared_error is gm.losses.mean_squared_error
    assert gm.metrics.get("cosine_similarity").direction == "up"
    assert isinstance(gm.metrics.get("AUC"), gm.metrics.AUC)
    assert isinstance(gm.metrics.get("auc"), gm.metrics.AUC)
    assert isinstance(gm.metrics.get("kld"), gm.metrics.KLDivergence)


@pytest.mark.parametrize("metric", [gm.metrics.get("huber"), gm.metrics.get(gm.losses.Huber(2.0)), gm.metrics.Sum()])
def test_metrics_without_a_class_of_their_own_can_be_made_again(metric: gm.metrics.Metric) -> None:
    config = {"class_name": type(metric).__name__, "config": metric.get_config()}
    for again in (gm.metrics.get(config), gm.saving.deserialize_keras_object(gm.saving.serialize_keras_object(metric))):
        assert again.get_config() == metric.get_config()


@rows
def test_files_can_name_it(row: Row) -> None:
    metric = getattr(gm.metrics, row.metric)(**row.kwargs)
    again = gm.saving.deserialize_keras_object(gm.saving.serialize_keras_object(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()


def test_nothing_seen_yet() -> None:
    required = {"IoU": (2, [0]), "MeanIoU": (2,), "OneHotIoU": (2, [0]), "OneHotMeanIoU": (2,), "ConfusionMatrix": (2,)}
    rates = {name: (0.5,) for name in gm.metrics.__all__ if "At" in name and name[0].isupper()}
    for cls in gm.metrics.CLASSES.values():
        value = cls(*(required | rates).get(cls.__name__, ())).result().numpy()
        assert np.isfinite(value).all()
        assert not np.any(value) or cls is gm.metrics.AUC


def test_weights_of_zero_are_as_if_absent() -> None:
    rng = np.random.default_rng(2)
    y, p = rng.integers(0, 2, 40).astype(float), rng.uniform(size=40).astype(np.float32)
    keep = rng.integers(0, 2, 40).astype(np.float32)
    for make in (gm.metrics.AUC, gm.metrics.Precision, gm.metrics.R2Score, gm.metrics.FalseNegatives):
        weighted, some = make(), make()
        weighted.update_state(y[:1], p[:1], [0.0])
        weighted.update_state(y, p, keep)
        some.update_state(y[keep > 0], p[keep > 0])
        assert float(weighted.result()) == pytest.approx(float(some.result()), rel=1e-14)


def test_r2_of_targets_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    y = 1e6 + rng.normal(size=(1000, 1))
    p = y + rng.normal(size=y.shape) / 2
    metric = gm.metrics.R2Score()
    for start in range(0, 1000, 64):
        metric.update_state(y[start : start + 64], p[start : start + 64])
    expected = 1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert float(metric.result()) == pytest.approx(expected, rel=1e-12)


class TestScikitLearn:
    """Whole data at once, in float64."""

    @staticmethod
    def stream(metric: gm.metrics.Metric, *arrays: Any) -> np.ndarray:
        for start in range(0, len(arrays[0]), 32):
            metric.update_state(*(a[start : start + 32] for a in arrays))
        return metric.result().numpy()

    @pytest.fixture
    def sk(self) -> Any:
        return pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

    @pytest.mark.parametrize("weighted", [False, True])
    def test_areas(self, sk: Any, weighted: bool) -> None:
        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, 500)
        p = (np.clip(np.round(rng.normal(0.4 + 0.2 * y, 0.2), 2), 0, 1)).astype(np.float32)
        w = rng.uniform(size=500) if weighted else np.ones(500)
        between = (np.unique(p.astype(float))[:-1] + 0.005).tolist()  # one threshold between any two predictions
        found = self.stream(gm.metrics.AUC(thresholds=between), y, p, w)
        assert found == pytest.approx(sk.roc_auc_score(y, p, sample_weight=w), rel=1e-7)
        # scikit-learn's sum takes the precision at the lower threshold of each interval, ours the smaller of both ends.
        low = self.stream(gm.metrics.AUC(thresholds=between, curve="PR", summation_method="minoring"), y, p, w)
        high = self.stream(gm.metrics.AUC(thresholds=between, curve="PR", summation_method="majoring"), y, p, w)
        assert low < sk.average_precision_score(y, p, sample_weight=w) < high

    @pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
    @pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
    def test_f_scores(self, sk: Any, average: str | None, beta: float) -> None:
        rng = np.random.default_rng(1)
        scores, weights = rng.uniform(size=(500, 4)).astype(np.float32), rng.uniform(size=500)
        found = self.stream(gm.metrics.FBetaScore(average, beta), np.eye(4)[LABELS], scores, weights)
        expected = sk.fbeta_score(LABELS, scores.argmax(1), beta=beta, average=average, sample_weight=weights)
        np.testing.assert_allclose(found, expected, rtol=1e-7)

    def test_precision_recall_and_r2(self, sk: Any) -> None:
        rng = np.random.default_rng(2)
        y, p, w = rng.integers(0, 2, 500), rng.uniform(size=500).astype(np.float32), rng.uniform(size=500)
        for name in ("precision", "recall"):
            found = self.stream(getattr(gm.metrics, name.title())(0.3), y, p, w)
            assert found == pytest.approx(getattr(sk, f"{name}_score")(y, p > 0.3, sample_weight=w), rel=1e-7)
        t = rng.normal(size=(500, 3)) * [1, 10, 100]
        q = t + rng.normal(size=t.shape)
        for ours, theirs in (
            (None, "raw_values"),
            ("uniform_average",) * 2,
            ("variance_weighted_average", "variance_weighted"),
        ):
            found = self.stream(gm.metrics.R2Score(ours), t, q, w)
            np.testing.assert_allclose(found, sk.r2_score(t, q, sample_weight=w, multioutput=theirs), rtol=1e-7)
        assert float(gm.metrics.R2Score()([[1.0], [1.0]], [[1.0], [1.0]])) == sk.r2_score([1, 1], [1, 1])
        assert float(gm.metrics.R2Score()([[1.0], [1.0]], [[1.0], [2.0]])) == sk.r2_score([1, 1], [1, 2])

    @pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
    def test_confusion_matrix_and_iou(self, sk: Any, normalize: str | None) -> None:
        rng = np.random.default_rng(3)
        scores, weights = rng.uniform(size=(500, 4)).astype(np.float32), rng.uniform(size=500)
        said = scores.argmax(1)
        expected = sk.confusion_matrix(LABELS, said, sample_weight=weights, normalize=normalize)
        found = self.stream(gm.metrics.ConfusionMatrix(4, normalize), LABELS, scores, weights)
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        ours = gm.utils.confusion_matrix(LABELS, scores, None, weights, normalize)
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
        exact = self.stream(gm.metrics.ConfusionMatrix(4), LABELS, scores)
        np.testing.assert_array_equal(exact, sk.confusion_matrix(LABELS, said))
        mean = self.stream(gm.metrics.MeanIoU(4), LABELS, said)
        assert mean == pytest.approx(sk.jaccard_score(LABELS, said, average="macro"), rel=1e-14)

    def test_top_k(self, sk: Any) -> None:
        scores = np.random.default_rng(4).uniform(size=(500, 4)).astype(np.float32)
        for k in (1, 2, 3):
            found = self.stream(gm.metrics.SparseTopKCategoricalAccuracy(k), LABELS, scores)
            assert found == pytest.approx(sk.top_k_accuracy_score(LABELS, scores, k=k), rel=1e-15)


def test_top_k_of_odd_rows() -> None:
    found = gm.metrics.sparse_top_k_categorical_accuracy
    scores = np.array(
        [[0.5, 0.5, 0.1], [np.nan, 0.2, 0.1], [0.3, 0.2, np.inf], [0.1, 0.2, 0.3], [0.1, 0.3, 0.2]], np.float32
    )
    assert found([1, 0, 2, 7, 1], scores, k=1).numpy().tolist() == [1, 0, 0, 0, 1]
    assert found([1, 0, 2, -1, 0], scores, k=9).numpy().tolist() == [1, 0, 0, 0, 1]
    ids = [[2, 1, 0], [0, 1, 2]]
    assert found([[1], [2]], ids, k=2, from_sorted_ids=True).numpy().tolist() == [1, 0]
    kept = gm.metrics.Precision(top_k=1)
    kept.update_state([[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]])  # of equal ones the first
    assert float(kept.result()) == 0.5


def update(metric: gm.metrics.Metric, *args: Any) -> Any:
    metric.update_state(*args)
    return metric.result()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: update(gm.metrics.Precision(), [1, 0], [[0.5], [0.2]]), ValueError,
            "precision: the targets have shape (2,), but the predictions have shape (2, 1). Give the targets a last "
            "axis of 1: y = y.reshape(-1, 1).",
        ),
        (
            lambda: update(gm.metrics.AUC(), [[1], [0]], [[3.0], [-0.2]]), ValueError,
            "auc: there are predictions outside of 0 to 1. If they are scores before a sigmoid, make the metric with "
            "from_logits=True.",
        ),
        (
            lambda: update(gm.metrics.MeanIoU(2), [0, 2, 3], [0, 1, 1]), ValueError,
            "mean_io_u: there are labels or predictions outside of the classes 0 to 1, of weight 2. Make the metric "
            "with as many classes as there are, or name the one to leave out: ignore_class=...",
        ),
        (
            lambda: gm.metrics.AUC(curve="ROCK"), ValueError,
            "Unknown curve 'ROCK'. Did you mean 'ROC'? Known: PR, PRGAIN, ROC.",
        ),
        (
            lambda: gm.metrics.AUC(summation_method="trapezoid"), ValueError,
            "Unknown summation_method 'trapezoid'. Known: interpolation, majoring, minoring.",
        ),
        (
            lambda: gm.metrics.AUC(num_labels=3), ValueError,
            "AUC: num_labels is for multi_label=True. Received: num_labels=3.",
        ),
        (
            lambda: gm.metrics.AUC(num_thresholds=1), ValueError,
            "num_thresholds must be an integer of at least 2. Received: num_thresholds=1.",
        ),
        (
            lambda: update(gm.metrics.AUC(multi_label=True, num_labels=2), [[1.0]], [[1.0]]), ValueError,
            "auc: with multi_label=True the predictions need the shape (examples, 2). Received: shape=(1, 1).",
        ),
        (
            lambda: gm.metrics.Recall(thresholds=[0.5, 1.5]), ValueError,
            "Recall: thresholds must lie between 0 and 1: one number, or a list of them. Received: "
            "thresholds=[0.5, 1.5].",
        ),
        (
            lambda: gm.metrics.Recall(top_k=0), ValueError,
            "Recall: top_k must be a positive integer. Received: top_k=0.",
        ),
        (
            lambda: update(gm.metrics.Recall(top_k=3), [[1, 0]], [[0.1, 0.2]]), ValueError,
            "recall: top_k must not exceed the number of classes. Received: top_k=3, shape=(1, 2).",
        ),
        (
            lambda: update(gm.metrics.Recall(class_id=2), [[1, 0]], [[0.1, 0.2]]), ValueError,
            "recall: class_id must be the number of a column of the predictions. Received: class_id=2, shape=(1, 2).",
        ),
        (
            lambda: gm.metrics.F1Score("mean"), ValueError,
            "Unknown average 'mean'. Known: macro, micro, weighted. Or None.",
        ),
        (
            lambda: gm.metrics.FBetaScore(beta=0), ValueError,
            "FBetaScore: beta must be positive. Received: beta=0.",
        ),
        (
            lambda: update(gm.metrics.F1Score(), [1, 0], [0.1, 0.2]), ValueError,
            "f1_score: predictions need the shape (examples, classes). Received: shape=(2,).",
        ),
        (
            lambda: update(gm.metrics.F1Score(), [1], [[0.1, 0.9]]), ValueError,
            "f1_score: the targets have shape (1,), one number for each example, but this loss wants one probability "
            "for each of the 2 classes, shape (1, 2). Convert them: y = gm.utils.to_categorical(y, 2).",
        ),
        (
            lambda: gm.metrics.IoU(2, [2]), ValueError,
            "io_u: target_class_ids must be numbers from 0 to 1. Received: target_class_ids=[2].",
        ),
        (
            lambda: gm.metrics.SensitivityAtSpecificity(1.2), ValueError,
            "SensitivityAtSpecificity: specificity must lie between 0 and 1. Received: specificity=1.2.",
        ),
        (
            lambda: gm.metrics.R2Score("mean"), ValueError,
            "Unknown class_aggregation 'mean'. Known: uniform_average, variance_weighted_average. Or None.",
        ),
        (
            lambda: gm.metrics.get("mean_io_u"), ValueError,
            "The metric 'mean_io_u' needs arguments. Pass gm.metrics.MeanIoU(...).",
        ),
        (
            lambda: gm.metrics.TopKCategoricalAccuracy(k=0), ValueError,
            "TopKCategoricalAccuracy: k must be a positive integer. Received: k=0.",
        ),
        (
            lambda: gm.utils.confusion_matrix([0, 1, 5], [0, 1, 1], 3), ValueError,
            "confusion_matrix: y_true must hold class numbers from 0 to 2, but has 5 at position 2.",
        ),
        (
            lambda: gm.utils.confusion_matrix([0, 0.5], [0, 1]), ValueError,
            "confusion_matrix: y_true must hold class numbers from 0 on, but has 0.5 at position 1.",
        ),
        (
            lambda: gm.utils.confusion_matrix([0, 1], [0]), ValueError,
            "confusion_matrix: there must be as many targets as predictions. Received: y_true=<ndarray shape=(2,) "
            "dtype=int64>, y_pred=<ndarray shape=(1,) dtype=int64>.",
        ),
    ],
)  # fmt: skip
def test_complaints(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=exactly(message)):
        make()


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("at", [(1, 0), (1, 2)])
def test_a_resumed_epoch_keeps_the_sums_of_its_first_batches(at: tuple[int, int], tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(44, 3)).astype(np.float32)
    y = np.eye(3)[rng.integers(0, 3, 44)]

    class Stop(gm.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if stopping and (self.epoch, batch) == at:
                self.model.save(tmp_path / "m.gemmule", state="full")
                raise StoppedError

    def make() -> gm.Sequential:
        gm.utils.set_random_seed(1)
        model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(3, activation="softmax")])
        metrics = ["auc", gm.metrics.F1Score(), gm.metrics.R2Score(), gm.metrics.ConfusionMatrix(3), "huber"]
        model.compile("adam", gm.losses.CategoricalFocalCrossentropy(), metrics=metrics)
        return model

    stopping = False
    whole = make().fit(x, y, epochs=3, batch_size=8, verbose=0, callbacks=[Stop()]).history
    stopping = True
    with pytest.raises(StoppedError):
        make().fit(x, y, epochs=3, batch_size=8, verbose=0, callbacks=[Stop()])
    stopping = False
    model = gm.models.load_model(tmp_path / "m.gemmule")
    resumed = model.fit(x, y, epochs=3, batch_size=8, verbose=0, callbacks=[Stop()], resume=True).history
    assert list(resumed) == list(whole)
    for name, values in whole.items():
        np.testing.assert_array_equal(np.array(resumed[name]), np.array(values), err_msg=name)


@pytest.mark.parametrize(("space", "base"), [(gm.losses, gm.losses.Loss), (gm.metrics, gm.metrics.Metric)])
def test_registered_classes_and_functions_have_names(space: Any, base: type) -> None:
    def largest(y_true: Any, y_pred: Any) -> Any:
        return gm.ops.max(gm.ops.abs(y_true - y_pred), axis=-1)

    class Own(base):
        def __init__(self, factor: float = 1.0, name: str = "own", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.factor = factor

        def get_config(self) -> dict[str, Any]:
            return super().get_config() | {"factor": self.factor}

    config = space.serialize(Own(3.0))
    assert config["class_name"] == "Own"
    with pytest.raises(ValueError, match=r"Unknown .* 'Own'"):
        space.deserialize(config)
    again = space.deserialize(config, {"Own": Own})
    assert type(again) is Own
    assert again.factor == 3.0
    with gm.saving.custom_object_scope({"largest": largest}):
        assert space.get("largest").name == "largest"
    wrapped = space.get(largest)
    assert type(space.deserialize(space.serialize(wrapped))) is type(wrapped)


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
def test_which_crossentropy_is_meant(name: str) -> None:
    resolve, losses = gm.metrics.resolve, gm.losses
    cases = [
        (losses.BinaryFocalCrossentropy(from_logits=True), (5, 2), (1, 2), "BinaryCrossentropy", True),
        (losses.MeanSquaredError(), (5, 1), (1, 1), "BinaryCrossentropy", False),
        (losses.SparseCategoricalCrossentropy(from_logits=True), (5,), (1, 3), "SparseCategoricalCrossentropy", True),
        (losses.CategoricalHinge(), (5, 3), (1, 3), "CategoricalCrossentropy", False),
    ]
    for loss, targets, output, expected, from_logits in cases:
        metric = resolve(name, loss, targets, output)
        assert (type(metric).__name__, metric.name) == (expected, name)
        assert metric.get_config()["from_logits"] is from_logits
