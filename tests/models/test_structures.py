"""Several inputs and outputs in training: arrays in lists and dicts, losses, weights and metrics for each output."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import NonFiniteError
from tests.helpers import exactly

RNG = np.random.default_rng(0)
N = 70
WIDE = RNG.normal(size=(N, 3)).astype(np.float32)
DEEP = RNG.normal(size=(N, 5)).astype(np.float32)
PRICE = RNG.normal(size=(N, 1)).astype(np.float32)
KIND = RNG.integers(0, 3, N)
LISTS = {"x": [WIDE, DEEP], "y": [PRICE, KIND]}
DICTS = {"x": {"wide": WIDE, "deep": DEEP}, "y": {"price": PRICE, "kind": KIND}}
LOSSES = {"price": "mse", "kind": "sparse_categorical_crossentropy"}


class Two(gm.Model):
    """Two inputs and two outputs, in lists or dicts as `as_dict` says."""

    def __init__(self, as_dict: bool = True) -> None:
        super().__init__(name="two")
        self.as_dict = as_dict
        self.hidden = gm.layers.Dense(8, activation="tanh")
        self.price = gm.layers.Dense(1)
        self.kind = gm.layers.Dense(3, activation="softmax")

    def call(self, inputs, training=None):
        wide, deep = (inputs["wide"], inputs["deep"]) if self.as_dict else inputs
        h = gm.ops.concatenate([wide, self.hidden(deep)], axis=-1)
        found = self.price(h), self.kind(h)
        return dict(zip(("price", "kind"), found)) if self.as_dict else list(found)


def make(as_dict: bool = True, **options) -> Two:
    gm.utils.clear_session()
    gm.utils.set_random_seed(7)
    model = Two(as_dict)
    model(DICTS["x"] if as_dict else LISTS["x"])  # weights are drawn now
    options.setdefault("loss", LOSSES if as_dict else list(LOSSES.values()))
    model.compile(gm.optimizers.SGD(0.05, momentum=0.9), **options)
    return model


def same_weights(one: gm.Model, two: gm.Model) -> None:
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def by_hand(model: Two, weights: tuple = (1.0, 1.0)) -> tuple[float, float, float]:
    """The sum and both losses, from predictions, in float64."""
    p = model.predict(DICTS["x"] if model.as_dict else LISTS["x"])
    price, kind = (p["price"], p["kind"]) if model.as_dict else p
    first = float(((price.astype(float) - PRICE) ** 2).mean())
    second = float(-np.log(kind[np.arange(N), KIND].astype(float)).mean())
    return weights[0] * first + weights[1] * second, first, second


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


# ---- What does not fit -----------------------------------------------------------------------------------------------

OUTPUTS = "The model has 2 outputs (price, kind), but "
IN_ORDER = "Pass a list of arrays in this order, or a dict with these names."
BAD = {
    "one array of targets": ({}, {"y": PRICE}, f"{OUTPUTS}y is one array. {IN_ORDER}"),
    "three arrays of targets": ({}, {"y": [PRICE] * 3}, f"{OUTPUTS}y holds 3 arrays. {IN_ORDER}"),
    "an unknown key": (
        {},
        {"y": {"prize": PRICE, "kind": KIND}},
        "y has the key 'prize', but the model has no output of this name. Did you mean 'price'? Known: kind, price.",
    ),
    "missing targets": (
        {},
        {"y": {"kind": KIND}},
        "Output 'price' has the loss mean_squared_error, but y has no targets for it. Pass them, or give this output "
        "the loss None.",
    ),
    "no targets": (
        {},
        {"y": None},
        'The loss "mean_squared_error" needs targets. Pass them as the second argument: fit(x, y).',
    ),
    "targets that do not fit": (
        {},
        {"y": {"price": PRICE[:, 0], "kind": KIND}},
        "Output 'price': mean_squared_error: the targets have shape (70,), but the predictions have shape (None, 1). "
        "Give the targets a last axis of 1: y = y.reshape(-1, 1).",
    ),
    "classes that do not fit": (
        {},
        {"y": {"price": PRICE, "kind": KIND + 1}},
        "Output 'kind': sparse_categorical_crossentropy: target 3 at position 0 (and 22 more) is out of range. The "
        "model's last layer has 3 units, so labels run from 0 to 2. Give it 4 units, or number the classes anew from "
        "0.",
    ),
    "lengths": (
        {},
        {"y": {"price": PRICE, "kind": KIND[:9]}},
        "x and y must have the same number of examples, their first dimension. Received: x['wide'].shape=(70, 3), "
        "y['kind'].shape=(9,).",
    ),
    "lengths of inputs": (
        {},
        {"x": {"wide": WIDE, "deep": DEEP[:9]}},
        "All inputs must have the same number of examples, their first dimension. Received: x['wide'].shape=(70, 3), "
        "x['deep'].shape=(9, 5).",
    ),
    "text": (
        {},
        {"y": {"price": PRICE, "kind": ["a"] * N}},
        "y['kind'] must hold real numbers. Received: y['kind']=<ndarray shape=(70,) dtype=<U1>. Encode text first; "
        "class names become numbers by np.unique(y['kind'], return_inverse=True)[1].",
    ),
    "lengths of weights": (
        {},
        {"sample_weight": {"price": np.ones(9)}},
        "sample_weight['price'] must have one number for each example. Received: sample_weight['price'].shape=(9,), "
        "examples=70.",
    ),
    "weights of an unknown output": (
        {},
        {"sample_weight": {"prices": np.ones(N)}},
        "sample_weight has the key 'prices', but the model has no output of this name. Did you mean 'price'? Known: "
        "kind, price.",
    ),
    "class weights": (
        {},
        {"class_weight": {0: 1.0}},
        "class_weight works for models with one output only, but y holds 2 arrays. Use sample_weight, a list or dict "
        "with one array for each output.",
    ),
    "validation data": (
        {},
        {"validation_data": (DICTS["x"], [PRICE])},
        f"validation_data: {OUTPUTS}y holds one array. {IN_ORDER}",
    ),
    "classes of the validation data": (
        {},
        {"validation_data": (DICTS["x"], {"price": PRICE, "kind": KIND * 2})},
        "validation_data: Output 'kind': sparse_categorical_crossentropy: target 4 at position 0 (and 22 more) is out "
        "of range. The model's last layer has 3 units, so labels run from 0 to 2. Give it 5 units, or number the "
        "classes anew from 0.",
    ),
    "a loss for an unknown output": (
        {"loss": {"prise": "mse"}},
        {},
        "loss has the key 'prise', but the model has no output of this name. Did you mean 'price'? Known: kind, price.",
    ),
    "too many losses": (
        {"loss": ["mse"] * 3},
        {},
        "loss needs one entry for each of the model's 2 outputs (price, kind). Received: loss=["
        "MSE, MSE, MSE]. Outputs can be left out in a dict by name, or have None in the list.",
    ),
    "one metric": (
        {"metrics": ["mae"]},
        {},
        "metrics needs one entry for each of the model's 2 outputs (price, kind). Received: metrics=['mae']. Outputs "
        "can be left out in a dict by name, or have None in the list.",
    ),
    "metrics of an unknown output": (
        {"weighted_metrics": {"a": "mae"}},
        {},
        "weighted_metrics has the key 'a', but the model has no output of this name. Known: kind, price.",
    ),
    "one loss weight": (
        {"loss_weights": 0.5},
        {},
        "loss_weights needs one entry for each of the model's 2 outputs (price, kind), as a list or a dict by name. "
        "Received: loss_weights=0.5.",
    ),
    "no loss at all": (
        {"loss": {"price": None}},
        {},
        "The model was compiled without a loss. Call compile(loss=...), override compute_loss, or call "
        "self.add_loss(...) in a layer.",
    ),
}


UNKNOWN = {
    "loss": ({"price": "mse", "kid": "mse"}, "'kid'", " Did you mean 'kind'?"),
    "loss_weights": ({"prices": 2.0}, "'prices'", " Did you mean 'price'?"),
    "metrics": ({"age": ["mae"]}, "'age'", ""),
    "weighted_metrics": ({0: ["mae"]}, "0", ""),
}


def graph(names: tuple[str, ...]) -> gm.Model:
    x = gm.Input((3,))
    outputs = [gm.layers.Dense(1, name=name)(x) for name in names]
    return gm.Model(x, outputs if len(names) > 1 else outputs[0])


@pytest.mark.parametrize("argument", UNKNOWN)
def test_compile_refuses_unknown_outputs_of_graphs(argument: str) -> None:
    value, key, cure = UNKNOWN[argument]
    message = f"{argument} has the key {key}, but the model has no output of this name.{cure} Known: "
    model = graph(("price", "kind"))
    with pytest.raises(ValueError, match=exactly(f"{message}kind, price.")):
        model.compile("sgd", **{"loss": "mse", argument: value})
    assert not model.compiled
    one = {name: part for name, part in value.items() if name != "price"}
    cure = cure if argument == "loss_weights" else ""
    message = f"{argument} has the key {key}, but the model has no output of this name.{cure} Known: price."
    stack = gm.Sequential([gm.Input((3,)), gm.layers.Dense(1, name="price")])
    for model in (graph(("price",)), stack):
        with pytest.raises(ValueError, match=exactly(message)):
            model.compile("sgd", **{"loss": "mse", argument: one})


@pytest.mark.parametrize("argument", UNKNOWN)
def test_the_first_fit_refuses_unknown_outputs_of_other_models(argument: str) -> None:
    value, key, cure = UNKNOWN[argument]
    message = f"{argument} has the key {key}, but the model has no output of this name.{cure} Known: kind, price."
    model = Two()
    model.compile("sgd", **{"loss": LOSSES, argument: value})
    with pytest.raises(ValueError, match=exactly(message)):
        model.fit(**DICTS, verbose=0)
    stack = gm.Sequential([gm.layers.Dense(1, name="last")])
    one = {name: part for name, part in value.items() if name != "price"}
    stack.compile("sgd", **{"loss": "mse", argument: one})
    with pytest.raises(ValueError, match=rf"^{argument} has the key {key}, but .* Known: last\.$"):
        stack.fit(WIDE, PRICE, verbose=0)


def test_a_stack_that_claims_to_be_built_compiles() -> None:
    stack = gm.Sequential([gm.layers.Dense(1)])
    stack.built = True
    stack.compile("sgd", {"anything": "mse"})
    assert stack.compiled


def test_right_names_compile_and_train() -> None:
    model = graph(("price", "kind"))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="loss_weights has the key 'a', but the model has no output"):
        model.loss_weights = {"a": 1.0}
    assert model.loss_weights is None
    model.compile("sgd", {"price": "mse", "kind": "mae"}, {"kind": 0.5}, {"price": ["mae"]}, {"kind": ["mse"]})
    logs = model.fit(WIDE, {"price": PRICE, "kind": PRICE}, verbose=0).history
    assert sorted(logs) == ["kind_loss", "kind_mse", "loss", "price_loss", "price_mae"]


@pytest.mark.parametrize("case", BAD)
def test_complaints(case: str) -> None:
    options, changes, message = BAD[case]
    model = make(**options)
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError)) as caught:
        model.fit(**(DICTS | changes), verbose=0)
    found = str(caught.value)
    if "MSE" in message:
        found = found[: found.index("[<")] + "[MSE, MSE, MSE]" + found[found.index(". Outputs") :]
    assert found == message
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("weights", ["many", [1.0, "two"], {"price": np.nan}, [True, 1.0]])
def test_loss_weights_are_numbers(weights: object) -> None:
    message = "loss_weights must be finite numbers .or variables without dimensions."
    with pytest.raises(ValueError, match=message):
        make(loss_weights=weights)
    model = make()
    model.fit(**DICTS, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.loss_weights = weights
    with pytest.raises(ValueError, match="has the key 'kinds'"):
        model.loss_weights = {"kinds": 1.0}
    assert model.loss_weights is None


def test_the_poisoned_input_is_named() -> None:
    model = make()
    deep = DEEP.copy()
    deep[40, 1] = np.nan
    with pytest.raises(NonFiniteError, match=r"first in row 40 of x\['deep'\]"):
        model.fit({"wide": WIDE, "deep": deep}, DICTS["y"], shuffle=False, verbose=0)
    kind = PRICE.copy()
    kind[3] = np.inf
    with pytest.raises(NonFiniteError, match=r"first in row 3 of y\['price'\]"):
        model.fit(DICTS["x"], DICTS["y"] | {"price": kind}, shuffle=False, verbose=0)


# ---- The functional API ----------------------------------------------------------------------------------------------


def wide_and_deep(structure: type = list) -> gm.Model:
    """Géron's network of two inputs and two outputs ("Hands-On Machine Learning", chapter 10)."""
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    wide, deep = gm.Input((3,), name="wide"), gm.Input((5,), name="deep")
    hidden = gm.layers.Dense(8, activation="relu")(deep)
    h = gm.ops.concatenate([wide, hidden], axis=-1)
    price = gm.layers.Dense(1, name="price")(h)
    kind = gm.layers.Dense(3, activation="softmax", name="kind")(hidden)
    if structure is dict:
        model = gm.Model({"wide": wide, "deep": deep}, {"price": price, "kind": kind})
    else:
        model = gm.Model(inputs=structure([wide, deep]), outputs=structure([price, kind]))
    model.compile("adam", LOSSES, loss_weights={"price": 0.9, "kind": 0.1}, metrics={"kind": "accuracy"})
    return model


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": WIDE}, "The model has 2 inputs (wide, deep), but x holds one array. " + IN_ORDER),
        ({"x": [WIDE, DEEP, WIDE]}, "The model has 2 inputs (wide, deep), but x holds 3 arrays. " + IN_ORDER),
        (
            {"x": {"wide": WIDE}},
            "x lacks the array of input 'deep'. The model has 2 inputs (wide, deep).",
        ),
        (
            {"x": {"wide": WIDE, "deap": DEEP}},
            "x has the key 'deap', but the model has no input of this name. Did you mean 'deep'? Known: deep, wide.",
        ),
        (
            {"x": [DEEP, WIDE]},
            'Model "functional" expects examples of shape (3,) for its input "wide", the batch in front. Feed data of '
            "that shape, or change the Input of the model. Received: examples of shape (5,).",
        ),
        ({"y": PRICE}, f"{OUTPUTS}y is one array. {IN_ORDER}"),
    ],
)
def test_complaints_of_functional_models(changes: dict, message: str) -> None:
    model = wide_and_deep()
    with pytest.raises(ValueError, match=exactly(message)):
        model.fit(**(DICTS | changes), verbose=0)
    if "x" in changes:
        with pytest.raises(ValueError, match=exactly(message)):
            model.predict(changes["x"])
