"""`save` and `load_model`: whole models in one file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule import layers
from gemmule.saving.reader import Reader
from tests.layers.specs import ROWS
from tests.layers.test_layers import make

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.int32)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "m.gemmule"


def stack() -> gm.Sequential:
    model = gm.Sequential(
        [gm.Input((4,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(2)]
    )
    loss = gm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gm.optimizers.Adam(0.01, clipnorm=1.0), loss, metrics=["accuracy"])
    return model


def graph() -> gm.Model:
    x = gm.Input((4,), name="x")
    hidden = layers.Dense(3, kernel_initializer=gm.initializers.HeNormal(seed=3))(x)
    joined = layers.Concatenate()([gm.ops.relu(hidden), x * np.float32(2), hidden[:, 1:]])
    model = gm.Model({"x": x}, [layers.Dense(1, name="a")(joined), layers.Dense(2, name="b")(hidden)])
    model.compile("sgd", loss=["mse", gm.losses.MeanAbsoluteError()], loss_weights=[1.0, 0.5], metrics=[["mae"], []])
    return model


class Scale(gm.Layer):
    def __init__(self, factors, **kwargs):
        super().__init__(**kwargs)
        self.factors = factors

    def call(self, inputs):
        return inputs * np.asarray(self.factors, np.float32)


class Net(gm.Model):
    def __init__(self, units=5, activation=None):
        super().__init__()
        self.hidden = [layers.Dense(units, activation), Scale((1.0, float(units)) + (2.0,) * (units - 2))]
        self.out = layers.Dense(1)

    def call(self, inputs):
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.out(inputs)


def test_a_stack_with_what_it_was_compiled_with(path):
    model = stack()
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(path)
    other = gm.models.load_model(path)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert other.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert other.optimizer.get_config() == model.optimizer.get_config()
    assert other.get_config() == model.get_config()


def test_a_graph(path):
    model = graph()
    model.save(path)
    other = gm.saving.load_model(path)
    for one, two in zip(model.predict({"x": X}), other.predict({"x": X})):
        np.testing.assert_array_equal(one, two)
    targets = [Y.reshape(-1, 1), np.stack([Y, Y], axis=1)]
    assert other.evaluate({"x": X}, targets, verbose=0) == model.evaluate({"x": X}, targets, verbose=0)
    assert other.loss_weights == [1.0, 0.5]


def test_a_class_without_get_config_is_made_with_its_arguments(path):
    model = Net(7, activation="relu")
    model(X)
    model.compile("adam", "mse")
    model.save(path)
    other = gm.models.load_model(path, custom_objects={"Net": Net, "Scale": Scale})
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert type(other) is Net
    assert other.name == model.name
    assert other.hidden[1].factors == model.hidden[1].factors


def test_an_unknown_class_is_named_with_the_cure(path):
    model = gm.Sequential([gm.Input((4,)), Scale([1.0, 2.0, 3.0, 4.0])])
    model.save(path)
    with pytest.raises(ValueError, match=r"Scale.*register_keras_serializable\(\).*custom_objects=\{'Scale': Scale\}"):
        gm.models.load_model(path)
    try:
        gm.saving.register_keras_serializable("tests")(Scale)
        np.testing.assert_array_equal(gm.models.load_model(path).predict(X), model.predict(X))
        model.save(path)
        np.testing.assert_array_equal(gm.models.load_model(path).predict(X), model.predict(X))
        assert gm.saving.get_registered_name(Scale) == "tests>Scale"
    finally:
        gm.saving.get_custom_objects().pop("tests>Scale")


def test_functions_and_objects_of_the_users(path):
    def cube(y_true, y_pred):
        return gm.ops.mean(gm.ops.abs(y_true - y_pred) ** 3, axis=-1)

    class Halving(gm.optimizers.schedules.LearningRateSchedule):
        def __init__(self, start):
            self.start = start

        def __call__(self, step):
            return self.start * 0.5 ** gm.ops.cast(step, "float32")

        def get_config(self):
            return {"start": self.start}

    class Halves(gm.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return gm.ops.full(shape, 0.5, dtype=dtype)

    def squash(x):
        return gm.ops.tanh(x) * 2.0

    model = gm.Sequential([gm.Input((4,)), layers.Dense(1, activation=squash, kernel_initializer=Halves())])
    model.compile(gm.optimizers.SGD(Halving(0.25), momentum=0.9), loss=cube, metrics=[cube, "mae"])
    model.fit(X, Y.reshape(-1, 1), verbose=0)
    model.save(path)
    with pytest.raises(ValueError, match=r"Halves|squash"):
        gm.models.load_model(path)
    known = {"cube": cube, "Halving": Halving, "Halves": Halves, "squash": squash}
    other = gm.models.load_model(path, custom_objects=known)
    assert other.evaluate(X, Y.reshape(-1, 1), verbose=0) == model.evaluate(X, Y.reshape(-1, 1), verbose=0)
    assert isinstance(other.layers[0].kernel_initializer, Halves)
    del known["cube"]
    with pytest.raises(ValueError, match=r"pass compile=False to do without.*'cube'"):
        gm.models.load_model(path, custom_objects=known)
    assert not gm.models.load_model(path, custom_objects=known, compile=False).compiled


def test_a_lambda_has_no_name(path):
    model = gm.Sequential([gm.Input((4,)), layers.Dense(1, activation=lambda x: x)])
    with pytest.raises(TypeError, match="A lambda has no name that a file could hold"):
        model.save(path)
    assert not path.exists()


def test_frozen_layers_and_unbuilt_models(path):
    model = stack()
    model.layers[0].trainable = False
    model.save(path)
    other = gm.models.load_model(path)
    assert [v.shape for v in other.trainable_variables] == [v.shape for v in model.trainable_variables]
    unbuilt = gm.Sequential([layers.Dense(3)])
    unbuilt.save(path)
    assert not gm.models.load_model(path).built


def test_arguments(path):
    model = stack()
    model.save(path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    with pytest.raises(ValueError, match="state must be one of weights, optimizer, full"):
        model.save(path, state="all")
    with pytest.raises(ValueError, match="plain safetensors"):
        model.save(path, zipped=True)
    with pytest.raises(ValueError, match="nothing to allow"):
        gm.models.load_model(path, safe_mode=False)
    model.save_weights(path)
    with pytest.raises(ValueError, match="holds arrays, but no model"):
        gm.models.load_model(path)


@pytest.mark.parametrize("make", [stack, graph])
def test_json_of_the_architecture(make):
    model = make()
    text = model.to_json(indent=2)
    twin = gm.models.model_from_json(text)
    assert twin.to_json(indent=2) == text
    assert not twin.compiled
    twin.set_weights(model.get_weights())
    for one, other in zip(model(X) if make is graph else [model(X)], twin(X) if make is graph else [twin(X)]):
        np.testing.assert_array_equal(one, other)


def test_json_of_classes_of_ones_own_and_of_arrays():
    values = np.arange(12.0).reshape(4, 3)
    model = gm.Sequential([gm.Input((4,)), layers.Dense(3, kernel_initializer=values), Scale((1.0, 2.0, 3.0))])
    np.testing.assert_array_equal(model.get_weights()[0], values)
    twin = gm.models.model_from_json(model.to_json(), custom_objects={"Scale": Scale})
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="Scale"):
        gm.models.model_from_json(model.to_json())


@pytest.mark.parametrize("text", ["{", "[]", '{"model": 3}', '{"model": {"class_name": "Dense", "config": {}}}'])
def test_damaged_json(text):
    with pytest.raises(ValueError, match="Cannot load this JSON: a model cannot be had here"):
        gm.models.model_from_json(text)


def test_load_weights_takes_them_out_of_a_whole_model(path):
    model, other = stack(), stack()
    model.fit(X, Y, verbose=0)
    model.save(path)
    other.load_weights(path)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_the_safetensors_package_reads_it(path):
    safetensors = pytest.importorskip("safetensors", reason="the package is the judge here")
    model = stack()
    model.save(path)
    with safetensors.safe_open(path, "np") as file:
        np.testing.assert_array_equal(file.get_tensor("dense/kernel"), model.get_weights()[0])
        assert json.loads(file.metadata()["gemmule.architecture"])["model"]["class_name"] == "Sequential"


AUDIT = """
import sys
import numpy as np
import gemmule as gm
path, seen = sys.argv[1], []
def hook(event, arguments):
    kinds = ("import", "exec", "compile", "open", "os", "subprocess", "ctypes", "pickle", "marshal")
    if armed and event.split(".")[0] in kinds:
        seen.append((event, str(arguments[0])[:90]))
armed = False
sys.addaudithook(hook)
armed = True
model = gm.models.load_model(path)
armed = False
print(model.count_params(), *[one for one in seen if one != ("open", path)], sep="\\n")
print([one for one in seen if one[0] == "open"].count(("open", path)) > 0)
"""


@pytest.mark.parametrize("make", [stack, graph])
def test_loading_runs_no_code(path, make):
    model = make()
    model.save(path)
    done = subprocess.run([sys.executable, "-c", AUDIT, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [str(model.count_params()), "True"], done.stdout + done.stderr


@pytest.mark.parametrize("row", [row for row in ROWS if row.layer != "InputLayer"], ids=lambda row: row.id)
def test_every_layer_comes_back(path, row):
    inputs = [gm.Input(shape) for shape in row.input_shapes]
    model = gm.Model(inputs, make(row)(inputs if row.several else inputs[0]))
    if not row.serializable:
        with pytest.raises(NotImplementedError, match="no configuration"):
            model.save(path)
        return
    try:
        model.save(path)
    except TypeError as error:
        assert "lambda" in str(error)  # noqa: PT017 (said of rows with functions without a name)
        return
    other = gm.models.load_model(path)
    assert other.get_config() == model.get_config()
    x = [np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32) for shape in row.input_shapes]
    for one, two in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(model(x if row.several else x[0]).numpy(), other(x if row.several else x[0]).numpy())


# ---- Models built in part --------------------------------------------------------------------------------------------


def reused(first: gm.Layer) -> gm.Sequential:
    return gm.Sequential([first, layers.Dense(2, name="out")])


def test_a_stack_that_begins_with_a_layer_of_another_model_knows_its_input(path):
    whole = gm.Sequential([gm.Input((8,)), layers.Dense(5, name="a"), layers.Dense(3, name="b")])
    model, x = reused(whole.layers[0]), np.ones((2, 8), np.float32)
    model.save(path)
    np.testing.assert_array_equal(gm.models.load_model(path).predict(x), model.predict(x))
    model = reused(whole.layers[0])
    model.save_weights(path)
    with Reader(path) as reader:
        assert sorted(reader.entries) == ["a/bias", "a/kernel", "out/bias", "out/kernel"]
    reused(whole.layers[0]).load_weights(path)
    gm.Sequential([whole.layers[0]]).save_weights(path)
    with pytest.raises(ValueError, match="Missing in the file: out/kernel; out/bias"):
        reused(whole.layers[0]).load_weights(path)


@pytest.mark.parametrize("method", ["save", "save_weights", "load_weights"])
def test_half_a_model_is_refused(path, method):
    shared = layers.Flatten()
    stack().save_weights(path)
    before = path.read_bytes()
    shared(gm.Input((4, 2)))
    shared(gm.Input((2, 2)))
    dense = layers.Dense(3, name="a")
    dense(np.ones((1, 8)))
    net = Net()
    net.hidden[0](X)
    for model, unbuilt in (
        (gm.Sequential([shared, dense, layers.Dense(2, name="b")], name="s"), ': "b"'),
        (net, f': "{net.hidden[1].name}", "{net.out.name}"'),
    ):
        with pytest.raises(
            ValueError, match=rf'{method}\(\): "{model.name}" is built in part only.*{unbuilt}\. Call it'
        ):
            getattr(model, method)(path)
    assert path.read_bytes() == before


def test_a_layer_that_is_never_called_does_no_harm(path):
    class Spare(Net):
        def __init__(self):
            super().__init__()
            self.spare = layers.Dense(9)

    model = Spare()
    model(X)
    model.save_weights(path)
    model.load_weights(path)
    model.save(path)
    other = gm.models.load_model(path, custom_objects={"Spare": Spare, "Scale": Scale})
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "make",
    [
        lambda: gm.layers.RandomFlip(seed=np.int64(3)),
        lambda: gm.layers.RandomRotation(np.float32(0.1)),
        lambda: gm.layers.RandomContrast(np.float32(0.1), value_range=(np.float32(0), np.float32(1))),
        lambda: gm.layers.LayerNormalization(axis=[np.int64(1), np.int64(2)], epsilon=np.float32(1e-3)),
        lambda: gm.layers.Dropout(np.float32(0.2), seed=np.int64(3), noise_shape=(None, np.int64(1), 1, 1)),
        lambda: gm.layers.Permute((np.int64(2), 1, 3)),
        lambda: gm.layers.Softmax(axis=np.int64(-1)),
        lambda: gm.layers.Reshape((np.int64(8), np.int64(2))),
        lambda: gm.layers.Conv2D(2, 1, kernel_initializer=gm.initializers.HeNormal(seed=np.int64(1))),
    ],
)
def test_numbers_of_numpy_come_back_as_numbers(make, tmp_path):
    model = gm.Sequential([gm.Input((4, 4, 1)), make(), gm.layers.Flatten(), gm.layers.Dense(1)])
    model.compile(gm.optimizers.SGD(np.float32(0.1)), "mse", loss_weights=[np.float32(1)])
    x = np.random.default_rng(0).random((5, 4, 4, 1), "float32")
    sizes = {name: np.int64(3) for name in ("batch_size", "epochs", "validation_batch_size", "validation_freq")}
    model.fit(x, x[:, 0, 0], validation_split=0.4, verbose=0, **sizes)
    assert model.evaluate(x, x[:, 0, 0], batch_size=np.int64(2), verbose=0) > 0
    model.save(tmp_path / "m.gemmule")
    loaded = gm.models.load_model(tmp_path / "m.gemmule")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x, batch_size=np.int64(2)))
