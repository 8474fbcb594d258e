"""Functional models as configurations, as clones, and their weights on disk."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Add, Concatenate, Dense
from tests.helpers import exactly

X = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)


class Scaled(gm.layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight((), "ones", name="factor")

    def call(self, inputs, by=1.0):
        return inputs * self.factor * by


def rich() -> gm.Model:
    """Shared layers, ops with all kinds of arguments, nested models, a dict of inputs, several outputs."""
    a, b = gm.Input((6,), name="a"), gm.Input((6,), name="b")
    shared = Dense(4, activation="relu", name="shared")
    inner_in = gm.Input((4,))
    inner = gm.Model(inner_in, [Dense(3)(inner_in), inner_in * 2.0], name="inner")
    one, two = shared(a), shared(b)
    three, four = inner(one + np.arange(4, dtype=np.float32))
    joined = Concatenate(name="joined")([three, four[:, ::2], two[..., :1]])
    scaled = Scaled(name="scaled")(joined, by=0.5)
    stacked = gm.Sequential([Dense(2, activation="tanh")], name="stacked")(scaled)
    mean = gm.ops.mean(scaled, axis=(1,), keepdims=True)
    return gm.Model({"a": a, "b": b}, {"two": (stacked, mean), "sum": Add()([one, two])}, name="rich")


def flat(structure) -> np.ndarray:
    return np.concatenate([t.numpy().ravel() for t in (*structure["two"], structure["sum"])])


def test_configuration_makes_the_same_model():
    model = rich()
    config = json.loads(json.dumps(model.get_config()))
    twin = gm.Model.from_config(config, custom_objects={"Scaled": Scaled})
    assert twin.get_config() == model.get_config()
    assert [operation.name for operation in twin.operations] == [operation.name for operation in model.operations]
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(flat(twin({"a": X, "b": X + 1})), flat(model({"a": X, "b": X + 1})))


def test_clones():
    model = rich()
    twin = gm.models.clone_model(model)
    assert twin.get_config() == model.get_config()
    assert not {id(v) for v in twin.weights} & {id(v) for v in model.weights}
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(flat(twin([X, X])), flat(model([X, X])))
    shared = gm.models.clone_model(model, clone_function=lambda layer: layer)
    assert {id(v) for v in shared.weights} == {id(v) for v in model.weights}
    stack = gm.Sequential([gm.Input((6,)), Dense(3), gm.Sequential([Dense(2)])])
    copy = gm.models.clone_model(stack)
    assert copy.output_shape == (None, 2)
    assert len(copy.weights) == 4
    with pytest.raises(TypeError, match=r"^clone_model makes models of layers that stand in a Sequential or a graph"):
        gm.models.clone_model(type("Own", (gm.Model,), {})())


def test_the_same_order_means_the_same_bits():
    """Gradients of a shared layer are added up in the order of its calls."""

    def trained(model):
        model.compile("sgd", "mse")
        model.fit([X, X + 1], np.ones((16, 1), np.float32), epochs=3, verbose=0, shuffle=False)
        return model.get_weights()

    a, b = gm.Input((6,)), gm.Input((6,))
    shared, other = Dense(5, activation="tanh"), Dense(5)
    model = gm.Model([a, b], Dense(1)(shared(a) + shared(other(shared(b)) @ np.ones((5, 6), np.float32))))
    twin = gm.Model.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    for one, two in zip(trained(model), trained(twin)):
        np.testing.assert_array_equal(one, two)


def test_weights_on_disk(tmp_path):
    model = rich()
    path = tmp_path / "rich.safetensors"
    model.save_weights(path)
    assert list(model._named_weights()) == [
        "shared/kernel", "shared/bias", "inner/dense/kernel", "inner/dense/bias", "scaled/factor",
        "stacked/dense/kernel", "stacked/dense/bias",
    ]  # fmt: skip
    twin = rich()
    assert (flat(twin([X, X])) != flat(model([X, X]))).any()
    twin.load_weights(path)
    np.testing.assert_array_equal(flat(twin([X, X])), flat(model([X, X])))


def test_automatic_names_on_disk_do_not_depend_on_other_models(tmp_path):
    def make():
        x = gm.Input((6,))
        return gm.Model(x, Dense(2)(Dense(3)(x)) + 1)

    one, two = make(), make()
    one.save_weights(tmp_path / "w.safetensors")
    two.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(one(X).numpy(), two(X).numpy())


def changed(**changes) -> dict:
    """The configuration of a small model, with other arguments for some layers."""
    x = gm.Input((6,), name="x")
    config = gm.Model(x, Dense(6, name="second")(Dense(6, name="first")(x)), name="small").get_config()
    for layer in config["layers"]:
        if layer["name"] in changes:
            layer["inbound_nodes"][0]["args"] = [{"tensor": changes[layer["name"]]}]
    return config


def test_a_cycle():
    message = (
        'Model "small": its layers form a cycle, so that none of them can be called first: each of first, second needs '
        "what another one gives. A model is a graph without cycles."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        gm.Model.from_config(changed(first=["second", 0, 0]))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (["third", 0, 0], 'Model "small": layer "second" needs the output of "third", which the model does not have.'),
        (["first", 2, 0], 'Model "small": layer "second" needs call 2 of "first", which is never made.'),
    ],
)
def test_missing_parts(place, message):
    with pytest.raises(ValueError, match=exactly(message)):
        gm.Model.from_config(changed(second=place))


def test_unknown_operation():
    x = gm.Input((6,))
    config = gm.Model(x, x * 2.0).get_config()
    config["layers"][1]["config"]["op"] = "multiplie"
    with pytest.raises(ValueError, match=r"^Unknown operation 'multiplie'. Did you mean 'multiply' or 'tile'\?$"):
        gm.Model.from_config(config)
