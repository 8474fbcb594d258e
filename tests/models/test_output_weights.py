"""Losses, their weights and sample weights of models with several outputs."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.models.two_outputs import DICTS, KIND, LISTS, PRICE, WIDE, N, by_hand, make, same_weights

# ---- Losses and their weights ----------------------------------------------------------------------------------------


def test_one_loss_for_all_outputs() -> None:
    model = make(False, loss="mse", metrics=[None, "mae"])
    target = np.eye(3, dtype=np.float32)[KIND]
    history = model.fit(LISTS["x"], [PRICE, target], verbose=0).history
    assert set(history) == {"loss", "output_1_loss", "output_2_loss", "output_2_mae"}


@pytest.mark.parametrize("y", [[PRICE, None], [PRICE], {"price": PRICE}, {"price": PRICE, "kind": None}])
def test_outputs_without_a_loss(y: object) -> None:
    as_dict = isinstance(y, dict)
    model = make(as_dict, loss={"price": "mse"} if as_dict else ["mse", None])
    before = model.predict(DICTS["x"] if as_dict else LISTS["x"]) and model.kind.get_weights()[0]
    history = model.fit(DICTS["x"] if as_dict else LISTS["x"], y, verbose=0, epochs=2).history
    assert list(history) == ["loss"]
    np.testing.assert_array_equal(model.kind.get_weights()[0], before)


def test_metrics_of_an_output_without_a_loss() -> None:
    model = make(loss={"price": "mse", "kind": None}, metrics={"kind": "accuracy"})
    history = model.fit(**DICTS, verbose=0).history
    assert set(history) == {"loss", "kind_accuracy"}
    found = model.predict(DICTS["x"])["kind"].argmax(-1)
    assert model.evaluate(**DICTS, verbose=0)[1] == pytest.approx((found == KIND).mean())


@pytest.mark.parametrize("weights", [[0.5, 2.0], {"price": 0.5, "kind": 2.0}])
def test_loss_weights_scale_gradients(weights: object) -> None:
    as_dict = isinstance(weights, dict)
    one = make(as_dict, loss_weights=weights)
    price, kind = gm.losses.MeanSquaredError(), gm.losses.SparseCategoricalCrossentropy()
    two = make(
        as_dict,
        loss={
            "price": lambda y, p: price(y, p) * 0.5,
            "kind": lambda y, p: kind(y, p) * 2.0,
        }
        if as_dict
        else [lambda y, p: price(y, p) * 0.5, lambda y, p: kind(gm.ops.cast(y, "int32"), p) * 2.0],
    )
    data = DICTS if as_dict else LISTS
    one.fit(**data, epochs=2, verbose=0)
    two.fit(**data, epochs=2, verbose=0)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_loss_weights_are_read_anew_without_recording_anew() -> None:
    model = make(loss_weights={"price": 1.0, "kind": 0.0})
    model.fit(**DICTS, verbose=0, batch_size=35)
    model.fit(**DICTS, verbose=0, batch_size=35)
    steps = dict(model._runner._steps)
    still = model.kind.get_weights()[0]
    model.loss_weights = {"price": 0.0, "kind": 3.0}
    assert model.loss_weights == {"price": 0.0, "kind": 3.0}
    before = model.evaluate(**DICTS, verbose=0, return_dict=True)
    assert before["loss"] == pytest.approx(3 * before["kind_loss"], rel=1e-6)
    model.fit(**DICTS, verbose=0, batch_size=35)
    assert all(model._runner._steps[key] is step for key, step in steps.items())
    assert not np.array_equal(still, model.kind.get_weights()[0])
    fresh = make(loss_weights=[2.0, 0.5])
    fresh.set_weights(model.get_weights())
    model.loss_weights = [2.0, 0.5]
    assert model.evaluate(**DICTS, verbose=0) == fresh.evaluate(**DICTS, verbose=0)
    model.loss_weights = None
    total, *_ = by_hand(model)
    assert model.evaluate(**DICTS, verbose=0)[0] == pytest.approx(total, rel=1e-5)


def test_a_variable_can_be_a_loss_weight() -> None:
    factor = gm.Variable(1.0, trainable=False)
    model = make(loss_weights={"kind": factor})
    model.fit(**DICTS, verbose=0, epochs=3)
    factor.assign(10.0)
    total, *_ = by_hand(model, (1.0, 10.0))
    assert model.evaluate(**DICTS, verbose=0)[0] == pytest.approx(total, rel=1e-5)
    model.loss_weights = {"kind": 2.0}
    total, *_ = by_hand(model, (1.0, 2.0))
    assert model.evaluate(**DICTS, verbose=0)[0] == pytest.approx(total, rel=1e-5)
    assert float(factor) == 10


@pytest.mark.parametrize("weight", [0.25, [0.25]])
def test_the_weight_of_an_only_loss(weight: object) -> None:
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(1)])
    model.compile("sgd", "mse", loss_weights=weight, metrics=["mse"])
    model.fit(WIDE, PRICE, verbose=0)
    logs = model.evaluate(WIDE, PRICE, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "mse"}
    assert logs["loss"] == pytest.approx(0.25 * logs["mse"], rel=1e-6)
    model.loss_weights = 1.0
    assert model.evaluate(WIDE, PRICE, verbose=0)[0] == pytest.approx(logs["mse"], rel=1e-6)


def test_a_loss_weight_set_after_compiling_without_one() -> None:
    model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(1)])
    model.compile("sgd", "mse")
    for _ in range(3):
        plain = model.evaluate(WIDE, PRICE, verbose=0)
    model.loss_weights = 0.5
    assert model.evaluate(WIDE, PRICE, verbose=0) == pytest.approx(plain / 2, rel=1e-6)


# ---- Sample weights --------------------------------------------------------------------------------------------------


def test_one_array_of_sample_weights_counts_for_all_outputs() -> None:
    weights = np.linspace(0, 2, N)
    one, two = make(), make()
    one.fit(**DICTS, sample_weight=weights, verbose=0)
    two.fit(**DICTS, sample_weight={"price": weights, "kind": weights}, verbose=0)
    same_weights(one, two)


def test_sample_weights_of_one_output() -> None:
    one, two = make(), make()
    one.fit(**DICTS, sample_weight={"kind": np.zeros(N)}, verbose=0)
    two.fit(**DICTS, sample_weight={"price": np.ones(N), "kind": np.zeros(N)}, verbose=0)
    same_weights(one, two)
    listed = make(False)
    listed.fit(**LISTS, sample_weight=[None, np.zeros(N)], verbose=0)
    same_weights(one, listed)
