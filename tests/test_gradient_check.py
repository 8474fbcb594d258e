"""Gradients against centred differences: right ones, wrong ones, and what the check leaves behind."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import exactly

RNG = np.random.default_rng(3)
X = RNG.normal(size=(6, 8, 8, 2)).astype(np.float32)
LABELS = np.arange(6) % 4


def smooth() -> gm.Sequential:
    return compiled(
        gm.Sequential(
            [
                gm.Input((8, 8, 2)),
                gm.layers.Conv2D(3, 3, activation="tanh", name="conv"),
                gm.layers.BatchNormalization(name="norm"),
                gm.layers.Flatten(),
                gm.layers.Dropout(0.5),
                gm.layers.Dense(4, name="out"),
            ]
        )
    )


def compiled(model, loss=None):
    loss = loss or gm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss)
    return model


@pytest.mark.parametrize("training", [False, True])
def test_smooth_models_are_happy(training: bool) -> None:
    found = gm.utils.check_gradients(smooth(), X, LABELS, training=training, samples=5)
    assert [row.variable for row in found.rows] == [
        "conv/kernel", "conv/bias", "norm/gamma", "norm/beta", "out/kernel", "out/bias",
    ]  # fmt: skip
    assert [row.checked for row in found.rows] == [5, 3, 3, 3, 5, 4]
    for row in found.rows:
        tiny = abs(row.analytic) < 1e-12  # before a normalization a bias does not matter
        assert row.verdict == "happy" or tiny, found
    assert found.ok


def test_relu_is_okay() -> None:
    layers = [gm.Input((8, 8, 2)), gm.layers.Conv2D(8, 3, activation="relu"), gm.layers.MaxPooling2D()]
    model = compiled(gm.Sequential([*layers, gm.layers.Flatten(), gm.layers.Dense(4)]))
    assert gm.utils.check_gradients(model, X, LABELS, samples=50).ok


def test_a_kink_in_the_way_is_passed() -> None:
    model = gm.Sequential([gm.Input((1,)), gm.layers.Dense(1, activation="relu", use_bias=False)])
    compiled(model, "mean_absolute_error")
    model.set_weights([[[5e-6]]])  # closer to the kink than the step
    found = gm.utils.check_gradients(model, [[1.0]], [[-1.0]])
    assert found.rows[0].verdict == "happy"
    assert found.rows[0].numeric == pytest.approx(1.0)


class Halved(gm.layers.Layer):
    """Its gradient is half of what it should be."""

    def call(self, inputs):
        return 0.5 * inputs + 0.5 * gm.ops.stop_gradient(inputs)


class Blocked(gm.layers.Layer):
    """Lets no gradient through."""

    def call(self, inputs):
        return gm.ops.stop_gradient(inputs)


@pytest.mark.parametrize(("layer", "error"), [(Halved, 0.5), (Blocked, 1.0)])
def test_wrong_gradients(layer, error) -> None:
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(4, name="a"), layer(), gm.layers.Dense(2, name="b")])
    found = gm.utils.check_gradients(compiled(model, "mse"), X[:, 0, 0, [0, 1, 0]], X[:, 1, 1])
    rows = {row.variable: row for row in found.rows}
    assert rows["a/kernel"].verdict == rows["a/bias"].verdict == "wrong"
    assert rows["a/kernel"].error == pytest.approx(error, rel=1e-4)
    assert rows["b/kernel"].verdict == rows["b/bias"].verdict == "happy"
    assert not found.ok


def test_nothing_to_compare_is_said() -> None:
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(4, activation="relu", name="a"), gm.layers.Dense(2)])
    compiled(model, "mse")
    model.get_layer("a").bias.assign(np.full(4, -1e3))
    found = gm.utils.check_gradients(model, X[:, 0, 0, [0, 1, 0]], X[:, 1, 1])
    assert [row.verdict for row in found.rows] == ["all zero", "all zero", "all zero", "happy"]


def test_it_leaves_no_trace() -> None:
    def run(check: bool) -> list[np.ndarray]:
        gm.utils.clear_session()
        gm.utils.set_random_seed(5)
        model = smooth()
        for _ in range(4):
            model.fit(X, LABELS, batch_size=2, verbose=0)
            if check:
                before = model.get_weights()
                gm.utils.check_gradients(model, X, LABELS, training=True, samples=2)
                assert all(a.dtype == b.dtype and (a == b).all() for a, b in zip(before, model.get_weights()))
        assert model.dtype == "float32"
        return model.get_weights()

    for one, other in zip(run(False), run(True)):
        np.testing.assert_array_equal(one, other)


def test_several_outputs_and_weights() -> None:
    inputs = gm.Input((2,), name="in")
    hidden = gm.layers.Dense(5, activation="sigmoid")(inputs)
    model = gm.Model(inputs, [gm.layers.Dense(1, name="p")(hidden), gm.layers.Dense(4, name="q")(hidden)])
    model.compile(loss=["mse", gm.losses.SparseCategoricalCrossentropy(from_logits=True)], loss_weights=[1.0, 0.3])
    targets = [X[:, 1, 1, :1], LABELS]
    found = gm.utils.check_gradients(model, X[:, 0, 0], targets, sample_weight=[LABELS + 1.0, LABELS + 0.5])
    assert all(row.verdict == "happy" for row in found.rows), found


def test_a_subclass_and_its_own_loss() -> None:
    class Net(gm.Model):
        def __init__(self):
            super().__init__()
            self.hidden = gm.layers.Dense(3, activation="softplus")

        def call(self, inputs):
            return self.hidden(inputs)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return gm.ops.sum(gm.ops.square(y_pred - x[:, :1]))

    model = Net()
    model.compile()
    assert all(row.verdict == "happy" for row in gm.utils.check_gradients(model, X[:, 0, 0]).rows)


def test_table() -> None:
    model = gm.Sequential([gm.Input((2,)), gm.layers.Dense(1, use_bias=False, name="a")])
    compiled(model, "mse")
    model.set_weights([[[1.0], [2.0]]])
    head, titles, row = repr(gm.utils.check_gradients(model, [[1.0, 0.0]], [[0.0]])).splitlines()
    assert head == "Gradient check: loss 1, step 1e-05, float64"
    assert titles.split()[:3] == ["variable", "shape", "checked"]
    assert row.split()[:4] == ["a/kernel", "(2,", "1)", "2"]
    assert "happy" in row


def test_bad_input() -> None:
    model = smooth()
    message = (
        "check_gradients: epsilon must be positive and samples a positive integer. Received: epsilon=0, samples=20."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        gm.utils.check_gradients(model, X, LABELS, epsilon=0)
    with pytest.raises(ValueError, match=r"^check_gradients: the loss is not finite. Received: loss=nan"):
        gm.utils.check_gradients(model, X * np.nan, LABELS)
    with pytest.raises(RuntimeError, match="compile"):
        gm.utils.check_gradients(gm.Sequential([gm.Input((2,)), gm.layers.Dense(1)]), X[:, 0, 0], LABELS)
