"""What models with several inputs and outputs refuse, and in which words."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import NonFiniteError
from tests.helpers import exactly
from tests.models.two_outputs import DEEP, DICTS, KIND, LOSSES, PRICE, WIDE, N, Two, make, wide_and_deep

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
        "loss needs one entry for each of the model's 2 outputs (price, kind), but 3 came. "
        "Outputs can be left out in a dict by name, or have None in the list.",
    ),
    "one metric": (
        {"metrics": ["mae"]},
        {},
        "metrics needs one entry for each of the model's 2 outputs (price, kind), but 1 came. Outputs "
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
    assert str(caught.value) == message
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
