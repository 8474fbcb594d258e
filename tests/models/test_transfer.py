"""Transfer: freezing, reuse of layers, surgery on graphs, clones, and weights of another model's file."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import GemmuleWarning
from gemmule.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten
from tests.helpers import rng_for

X = rng_for("transfer").normal(size=(32, 6)).astype(np.float32)
Y = rng_for("transfer", "y").normal(size=(32, 1)).astype(np.float32)


def body() -> gm.Sequential:
    return gm.Sequential([gm.Input((6,)), Dense(5, activation="relu", name="one"), BatchNormalization(name="bn")])


def copies(model) -> list[np.ndarray]:
    return [array.copy() for array in model.get_weights()]


def changed(model, before) -> list[bool]:
    return [not np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True)]


# ---- Freezing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eager", [False, True])
def test_a_frozen_inner_model_stays_and_its_batch_norm_infers(eager):
    """Whatever the batch, a frozen normalization uses its moving statistics, and neither they nor weights move."""
    inner = body()
    inner.get_layer("bn").moving_mean.assign(np.full(5, 0.5, np.float32))
    inner.trainable = False
    model = gm.Sequential([gm.Input((6,)), inner, Dense(1, name="head")])
    assert [v.path for v in model.trainable_weights] == ["head/kernel", "head/bias"]
    model.compile("sgd", "mse", run_eagerly=eager)
    before, head = copies(inner), copies(model.get_layer("head"))
    np.testing.assert_array_equal(inner(X, training=True).numpy(), inner(X, training=False).numpy())
    expected = gm.losses.MeanSquaredError()(Y, model(X, training=False)).numpy()
    history = model.fit(X, Y, batch_size=32, epochs=1, verbose=0)
    assert history.history["loss"][0] == pytest.approx(float(expected), rel=1e-6)
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    assert not any(changed(inner, before))
    assert all(changed(model.get_layer("head"), head))


def test_replay_equals_eager_with_half_a_model_frozen():
    def trained(eager: bool) -> list[np.ndarray]:
        gm.utils.clear_session()
        gm.utils.set_random_seed(1)
        model = gm.Sequential([gm.Input((6,)), body(), Dense(4), BatchNormalization(), Dense(1)])
        model.layers[0].trainable = False
        model.compile(gm.optimizers.Adam(0.01), "mse", run_eagerly=eager)
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        return model.get_weights()

    for a, b in zip(trained(False), trained(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_compile_takes_the_snapshot():
    model = gm.Sequential([gm.Input((6,)), body(), Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = copies(model.layers[0])
    model.layers[0].trainable = True  # from the next compile on
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    assert not any(changed(model.layers[0], before))
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    assert all(changed(model.layers[0], before))


def test_a_layer_inside_can_be_thawed_alone():
    model = gm.Sequential([gm.Input((6,)), body(), Dense(1, name="head")])
    model.trainable = False
    assert model.trainable_weights == []
    model.trainable = True
    model.layers[0].trainable = False
    model.layers[0].trainable = True
    model.layers[0].get_layer("bn").trainable = False
    assert [v.path for v in model.trainable_weights] == ["one/kernel", "one/bias", "head/kernel", "head/bias"]
    assert len(model.non_trainable_weights) == 4


def test_summary_counts_what_is_trained():
    model = gm.Sequential([gm.Input((6,)), body(), Dense(1, name="head")])
    model.layers[0].trainable = False
    texts: list[str] = []
    model.summary(print_fn=texts.append, show_trainable=True, line_length=90)
    lines = texts[0].splitlines()
    assert [line.split("(")[0].strip() for line in lines[-3:]] == [
        "Total params: 61", "Trainable params: 6", "Non-trainable params: 55",
    ]  # fmt: skip
    rows = [line.strip("│ ") for line in lines if "head (" in line or ("sequential" in line and "│" in line)]
    assert [row[-1] for row in rows] == ["N", "Y"]


# ---- Reuse -----------------------------------------------------------------------------------------------------------


def test_layers_of_one_model_in_another():
    """`Sequential(model.layers[:-1])` shares weights; a clone of them does not."""
    source = gm.Sequential([gm.Input((6,)), Dense(5, activation="relu"), Dense(4, activation="relu"), Dense(3)])
    target = gm.Sequential(source.layers[:-1])
    target.add(Dense(1, name="new"))
    assert [a is b for a, b in zip(target.layers, source.layers)] == [True, True, False]
    hidden = gm.Model(source.inputs, source.layers[1].output)(X).numpy()
    head = target.get_layer("new")
    np.testing.assert_allclose(
        target(X).numpy(), hidden @ head.kernel.numpy() + head.bias.numpy(), rtol=1e-5, atol=1e-6
    )
    twin = gm.models.clone_model(source)
    twin.set_weights(source.get_weights())
    before = source(X).numpy()
    target.compile("sgd", "mse")
    target.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    assert not np.array_equal(source(X).numpy(), before)
    np.testing.assert_array_equal(twin(X).numpy(), before)


def test_surgery_on_a_graph():
    """A new head on an inner tensor, and a new stem in front of inner layers."""
    images = gm.Input((8, 8, 1))
    maps = Conv2D(3, 3, name="conv")(images)
    outputs = Dense(4, name="old")(Dropout(0.5)(Flatten(name="flat")(maps)))
    model = gm.Model(images, outputs)
    cut = gm.Model(model.inputs, Dense(2, name="head")(model.get_layer("flat").output))
    cut.get_layer("conv").trainable = False
    assert [v.path for v in cut.trainable_weights] == ["head/kernel", "head/bias"]
    assert cut.get_layer("conv") is model.get_layer("conv")
    x = rng_for("surgery").normal(size=(2, 8, 8, 1)).astype(np.float32)
    head = cut.get_layer("head")
    flat = gm.Model(model.input, model.get_layer("flat").output)(x).numpy()
    np.testing.assert_allclose(cut(x).numpy(), flat @ head.kernel.numpy() + head.bias.numpy(), rtol=1e-5, atol=1e-6)
    colours = gm.Input((10, 10, 3))
    stem = Conv2D(1, 3, name="stem")(colours)
    tail = gm.Model(maps, outputs)  # what comes behind an inner tensor
    joined = gm.Model(colours, tail(model.get_layer("conv")(stem)))
    assert joined.output_shape == (None, 4)
    assert {id(v) for v in model.weights} <= {id(v) for v in joined.weights}


# ---- Clones ----------------------------------------------------------------------------------------------------------


def nested() -> gm.Model:
    x = gm.Input((6,), name="x")
    shared = Dense(6, name="shared")
    return gm.Model(x, Dense(1, name="out")(body()(shared(shared(x)))), name="nested")


def test_clones_take_inputs_functions_and_nested_models():
    model = nested()
    seen: list[str] = []

    def renamed(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    gm.models.clone_model(model, clone_function=renamed)
    assert seen == ["shared", model.layers[2].name, "out"]  # each once, models as one
    seen.clear()
    gm.models.clone_model(model, clone_function=renamed, recursive=True)
    assert seen == ["shared", "one", "bn", "out"]

    def with_dropout(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        return Dropout(0.5)(outputs) if isinstance(layer, Dense) else outputs

    dropping = gm.models.clone_model(model, call_function=with_dropout)
    assert sum(isinstance(layer, Dropout) for layer in dropping.layers) == 3
    dropping.set_weights(model.get_weights())
    np.testing.assert_array_equal(dropping(X).numpy(), model(X).numpy())

    inputs = gm.Input((6,), name="mine")
    twin = gm.models.clone_model(model, input_tensors=inputs)
    twin.set_weights(model.get_weights())
    assert twin.input_names == ["mine"]
    assert twin.inputs == [inputs]
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())
    behind = gm.models.clone_model(model, input_tensors=[gm.ops.square(inputs)])
    behind.set_weights(model.get_weights())
    np.testing.assert_array_equal(gm.Model(inputs, behind.output)(X).numpy(), model(X * X).numpy())
    stack = gm.models.clone_model(body(), input_tensors=[inputs])
    assert stack.input is inputs


def test_clones_are_frozen_like_their_models():
    model = nested()
    model.get_layer("shared").trainable = False
    model.layers[2].trainable = False
    twin = gm.models.clone_model(model)
    assert [v.path for v in twin.trainable_weights] == ["out/kernel", "out/bias"]
    twin.trainable = False
    assert [v.path for v in model.trainable_weights] == ["out/kernel", "out/bias"]


def test_clone_model_refuses():
    model = nested()
    with pytest.raises(ValueError, match="call_function is for graphs"):
        gm.models.clone_model(body(), call_function=lambda layer, x: layer(x))
    with pytest.raises(TypeError, match=r"clone_function must be a function\. Received: clone_function=3"):
        gm.models.clone_model(model, clone_function=3)
    with pytest.raises(ValueError, match=r'input "x" of "nested" has shape \(None, 6\).*Received: shape=\(None, 7\)'):
        gm.models.clone_model(model, input_tensors=gm.Input((7,)))
    with pytest.raises(TypeError, match="input_tensors are symbolic"):
        gm.models.clone_model(model, input_tensors=X)
    with pytest.raises(ValueError, match=r"begins with a tensor from gm\.Input"):
        gm.models.clone_model(body(), input_tensors=gm.Input((6,)) * 2.0)
    with pytest.raises(ValueError, match="takes one input tensor"):
        gm.models.clone_model(body(), input_tensors=[gm.Input((6,)), gm.Input((6,))])


# ---- Weights of another model's file ---------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    model = gm.Sequential([gm.Input((6,)), Dense(5, name="one"), Dense(4, name="two"), Dense(3, name="head")])
    model.save_weights(tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors", model


def test_load_weights_by_name(path):
    file, source = path
    model = gm.Sequential([gm.Input((6,)), Dense(5, name="one"), Dense(4, name="new"), Dense(3, name="head")])
    new = copies(model.get_layer("new"))
    model.load_weights(file, by_name=True)
    assert not any(changed(model.get_layer("new"), new))
    for name in ("one", "head"):
        assert not any(changed(model.get_layer(name), source.get_layer(name).get_weights()))


def test_load_weights_by_name_with_other_shapes(path):
    file, source = path
    model = gm.Sequential([gm.Input((6,)), Dense(5, name="one"), Dense(7, name="two"), Dense(2, name="last")])
    before = copies(model)
    with pytest.raises(ValueError, match=r"Other shapes or types: two/kernel: model \(5, 7\) float32, file \(5, 4\)"):
        model.load_weights(file, by_name=True)
    assert not any(changed(model, before))
    with pytest.warns(GemmuleWarning, match=r"keeps some weights it had\. Other shapes or types: two/kernel"):
        model.load_weights(file, by_name=True, skip_mismatch=True)
    assert changed(model, before)[0]
    assert not any(changed(model, before)[2:])
    assert not any(changed(model.get_layer("one"), source.get_layer("one").get_weights()))
    strange = gm.Sequential([gm.Input((6,)), Dense(5, name="eins")])
    with pytest.raises(ValueError, match=r"no weight of the same name.*Give the layers of both models the same names"):
        strange.load_weights(file, by_name=True)
