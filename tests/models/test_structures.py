"""Several inputs and outputs in training: arrays in lists and dicts, losses, weights and metrics for each output."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import exactly
from tests.models.two_outputs import (
    DEEP,
    DICTS,
    LISTS,
    LOSSES,
    PRICE,
    WIDE,
    N,
    Two,
    by_hand,
    make,
    same_weights,
    wide_and_deep,
)

# ---- Logs and values -------------------------------------------------------------------------------------------------


def test_the_logs_have_the_names_of_keras() -> None:
    model = make(metrics={"price": "mae", "kind": ["accuracy"]}, weighted_metrics={"price": ["mae"]})
    history = model.fit(**DICTS, epochs=3, verbose=0, validation_data=(DICTS["x"], DICTS["y"])).history
    names = ["loss", "price_loss", "kind_loss", "kind_accuracy", "price_mae", "price_weighted_mae"]
    assert model.metrics_names == names
    assert set(history) == {*names, *(f"val_{name}" for name in names)}
    logs = model.evaluate(**DICTS, verbose=0, return_dict=True)
    assert list(logs) == names
    assert model.evaluate(**DICTS, verbose=0) == list(logs.values())
    assert [history[f"val_{name}"][-1] for name in names] == list(logs.values())
    assert logs["price_mae"] == logs["price_weighted_mae"]


def test_outputs_in_a_list_are_numbered() -> None:
    model = make(False, metrics=[["mae"], "accuracy"])
    history = model.fit(**LISTS, verbose=0).history
    assert set(history) == {"loss", "output_1_loss", "output_2_loss", "output_1_mae", "output_2_accuracy"}


def test_values_are_exact_over_uneven_batches() -> None:
    model = make(metrics={"kind": "accuracy"}, loss_weights={"price": 0.5, "kind": 2.0})
    model.fit(**DICTS, verbose=0)
    logs = model.evaluate(**DICTS, verbose=0, return_dict=True)
    total, price, kind = by_hand(model, (0.5, 2.0))
    assert logs["loss"] == pytest.approx(total, rel=1e-5)
    assert logs["price_loss"] == pytest.approx(price, rel=1e-5)
    assert logs["kind_loss"] == pytest.approx(kind, rel=1e-5)


@pytest.mark.parametrize("repeat", range(2))
def test_lists_and_dicts_train_alike(repeat: int) -> None:
    one, two = make(True), make(False)
    for _ in range(2):
        one.fit(**DICTS, epochs=3, verbose=0)
        two.fit(**LISTS, epochs=3, verbose=0)
    same_weights(one, two)
    a, b = one.predict(DICTS["x"]), two.predict(LISTS["x"])
    assert list(a) == ["price", "kind"]
    assert isinstance(b, list)
    np.testing.assert_array_equal(a["kind"], b[1])


def test_eager_replay_and_reference_agree() -> None:
    fitted = []
    for options in ({}, {"run_eagerly": True}):
        model = make(loss_weights=None, **options)
        model.fit(**DICTS, epochs=4, verbose=0, sample_weight={"price": np.linspace(0, 1, N), "kind": np.ones(N)})
        fitted.append(model)
    same_weights(*fitted)
    with gm.use_backend("reference"):
        model = make()
        model.fit(**DICTS, epochs=4, verbose=0, sample_weight={"price": np.linspace(0, 1, N), "kind": np.ones(N)})
    for a, b in zip(fitted[0].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_batches_of_one_call_are_those_of_fit() -> None:
    one, two = make(metrics={"kind": "accuracy"}), make(metrics={"kind": "accuracy"})
    one.fit(**DICTS, batch_size=N, shuffle=False, verbose=0)
    logs = two.train_on_batch(**DICTS, return_dict=True)
    same_weights(one, two)
    assert list(logs) == two.metrics_names == ["loss", "price_loss", "kind_loss", "kind_accuracy"]
    assert logs == {name: one.history.history[name][0] for name in logs}
    assert one.test_on_batch(**DICTS) == two.evaluate(**DICTS, batch_size=N, verbose=0)
    one.train_on_batch(**DICTS)
    assert isinstance(one.train_on_batch(**DICTS), list)


def test_validation_split_cuts_all_arrays() -> None:
    one, two = make(), make()
    x, y = DICTS["x"], DICTS["y"]
    weights = {"price": np.linspace(0, 1, N), "kind": np.ones(N)}
    head = [{k: v[:35] for k, v in d.items()} for d in (x, y, weights)]
    tail = tuple({k: v[35:] for k, v in d.items()} for d in (x, y, weights))
    a = one.fit(x, y, sample_weight=weights, validation_split=0.5, verbose=0).history
    b = two.fit(*head[:2], sample_weight=head[2], validation_data=tail, verbose=0).history
    assert a == b
    same_weights(one, two)


# ---- Predictions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_dict", [True, False])
@pytest.mark.parametrize("size", [1, 32, 70])
def test_predictions_have_the_structure_of_the_outputs(as_dict: bool, size: int) -> None:
    model = make(as_dict)
    x = {k: v[:size] for k, v in DICTS["x"].items()} if as_dict else [v[:size] for v in LISTS["x"]]
    called = model(x)
    for _ in range(4):
        for found in (model.predict(x, verbose=0), model.predict_on_batch(x), model.predict(x, batch_size=16)):
            assert type(found) is (dict if as_dict else list)
            for key in called if as_dict else range(2):
                assert found[key].shape == called[key].shape
                np.testing.assert_allclose(found[key], called[key].numpy(), rtol=1e-5, atol=1e-6)


def test_hooks_of_predict_see_the_structure() -> None:
    seen = []

    class Look(gm.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(logs["outputs"]["kind"].shape)

    make().predict(DICTS["x"], batch_size=40, callbacks=[Look()])
    assert seen == [(40, 3), (30, 3)]


def test_nested_structures_pass_through() -> None:
    class Nested(gm.Model):
        def __init__(self):
            super().__init__()
            self.dense = gm.layers.Dense(2)

        def call(self, inputs):
            (a, b), c = inputs["pair"], inputs["c"]
            return {"sums": (self.dense(a) + self.dense(b), self.dense(c)), "c": c}

    model = Nested()
    x = {"pair": (WIDE, WIDE[::-1]), "c": WIDE}
    found = model.predict(x, batch_size=32)
    assert isinstance(found["sums"], tuple)
    np.testing.assert_array_equal(found["c"], WIDE)
    y = {"sums": (PRICE.repeat(2, 1), WIDE[:, :2]), "c": WIDE}
    model.compile("sgd", "mse")
    history = model.fit(x, y, verbose=0).history
    assert set(history) == {"loss", "sums/0_loss", "sums/1_loss", "c_loss"}


# ---- Steps of one's own ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, {"price": np.linspace(0, 1, N), "kind": np.ones(N)}])
def test_a_custom_step_gets_the_structures(weights: object) -> None:
    class Custom(Two):
        def train_step(self, data):
            x, y, sample_weight = data if len(data) == 3 else (*data, None)
            with gm.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"total": loss, "scale": gm.ops.mean(x["wide"])}

    gm.utils.clear_session()
    gm.utils.set_random_seed(7)
    model = Custom()
    model(DICTS["x"])
    model.compile(gm.optimizers.SGD(0.05, momentum=0.9), LOSSES)
    history = model.fit(**DICTS, sample_weight=weights, epochs=3, verbose=0).history
    assert set(history) == {"total", "scale"}
    plain = make()
    plain.fit(**DICTS, sample_weight=weights, epochs=3, verbose=0)
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_loss_of_ones_own_may_use_targets_of_any_structure() -> None:
    class Own(Two):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return gm.ops.mean(gm.ops.square(y_pred["price"] - y["a"])) + gm.ops.mean(y["b"])

    model = Own()
    model.compile("sgd")
    history = model.fit(DICTS["x"], {"a": PRICE, "b": PRICE * 0}, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_other_outputs_in_training_are_refused() -> None:
    class Changing(Two):
        def call(self, inputs, training=None):
            found = super().call(inputs)
            return {**found, "more": found["price"]} if training else found

    model = Changing()
    model.compile("sgd", LOSSES)
    message = (
        "The model returned 3 tensors, but before it had 2 outputs (price, kind). Return the same outputs in training "
        "and in inference; for the losses of inner layers override compute_loss."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        model.fit(**DICTS, verbose=0)


# ---- The functional API ----------------------------------------------------------------------------------------------


def test_functional_models_take_lists_tuples_and_dicts() -> None:
    histories, weights = [], []
    for structure in (list, tuple, dict):
        for x in (DICTS["x"], LISTS["x"], tuple(LISTS["x"]), dict(reversed(DICTS["x"].items()))):
            for y in (DICTS["y"], LISTS["y"], tuple(LISTS["y"])):
                model = wide_and_deep(structure)
                histories.append(model.fit(x, y, validation_data=(x, y), epochs=2, verbose=0).history)
                weights.append(model.get_weights())
                assert type(model.predict(x)) is structure
    names = {"loss", "price_loss", "kind_loss", "kind_accuracy"}
    assert set(histories[0]) == names | {f"val_{name}" for name in names}
    assert all(history == histories[0] for history in histories)
    assert all(np.array_equal(a, b) for found in weights for a, b in zip(found, weights[0]))


def test_a_nested_structure_of_inputs() -> None:
    parts = [gm.Input((3,)), gm.Input((5,))]
    x = gm.ops.concatenate(parts, axis=-1)
    model = gm.Model({"both": parts}, gm.layers.Dense(1)(x))
    model.compile("sgd", "mse")
    model.fit({"both": [WIDE, DEEP]}, PRICE, verbose=0)
    assert model.predict({"both": [WIDE, DEEP]}).shape == (N, 1)
