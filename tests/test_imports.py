"""Weights of PyTorch and Keras models: the same outputs, whatever the layout, the names and the order in the file."""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule import layers as L
from gemmule.applications._parts import finish, head, normalized
from gemmule.applications.resnet import basic_block, stack
from gemmule.errors import GemmuleWarning
from gemmule.saving import import_keras, import_torch, load_file, save_file
from gemmule.saving.gates import gru_from_torch, lstm_from_torch

FOLDER = Path(__file__).parent / "oracles" / "imports"
VALUES = np.load(FOLDER / "values.npz")
BN = {"epsilon": 1e-5}


def check(model, name: str, tolerance: float = 1e-5) -> None:
    y = VALUES[f"{name}_y"]
    error = np.abs(model.predict(VALUES[f"{name}_x"], verbose=0) - y).max()
    assert error <= tolerance * max(1, np.abs(y).max()), error


def mlp(units: int = 5, **names: str) -> gm.Sequential:
    return gm.Sequential(
        [gm.Input((6,)), L.Dense(5, activation="relu"), L.Dense(units, activation="tanh"), L.Dense(5, **names)]
    )


def cnn(**bn) -> gm.Sequential:
    """Names of its own; a normalization and a dropout between flattening and the dense layer."""
    return gm.Sequential([
        gm.Input((8, 10, 3)),
        L.Conv2D(4, 3, padding="same"), L.BatchNormalization(**bn), L.ReLU(), L.MaxPooling2D(),
        L.Conv2D(6, 3, use_bias=False), L.BatchNormalization(**bn), L.ReLU(), L.Flatten(),
        L.BatchNormalization(**bn), L.Dropout(0.5), L.Dense(7, activation="relu"), L.Dense(2),
    ])  # fmt: skip


def depthwise() -> gm.Sequential:
    return gm.Sequential([
        gm.Input((9, 8, 3)),
        L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), L.PReLU(shared_axes=[1, 2]),
        L.Conv2D(4, 1, activation="relu"), L.SeparableConv2D(5, 3), L.Conv2D(6, 3), L.Conv2DTranspose(2, 3, strides=2),
    ])  # fmt: skip


def resnet(last: str = "predictions") -> gm.Model:
    x = inputs = gm.Input((65, 65, 3))
    x = normalized(L.ZeroPadding2D(3)(x), 4, 7, 2, "relu", "conv1", padding="valid")
    x = L.MaxPooling2D(3, strides=2)(L.ZeroPadding2D(1)(x))
    x = stack(x, basic_block, (4, 6, 6, 8), (2, 2, 2, 2))
    model = finish(inputs, head("ResNet", x, True, None, 5, None), "resnet")
    return model if last == "predictions" else gm.Model(inputs, L.Dense(3, name=last)(model.layers[-2].output))


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def test_torch_mlp():
    model = mlp()
    import_torch(model, FOLDER / "mlp.safetensors")
    check(model, "mlp")


def test_torch_cnn_with_batch_norm_and_flatten():
    model = cnn(**BN)
    import_torch(model, str(FOLDER / "cnn.safetensors"))
    check(model, "cnn")


def test_torch_features_that_become_an_image():
    model = gm.Sequential([
        gm.Input((5, 6, 2)), L.Conv2D(3, 3, activation="relu"), L.Flatten(), L.Dense(5), L.BatchNormalization(**BN),
        L.Dense(24), L.BatchNormalization(**BN), L.PReLU(), L.Reshape((2, 3, 4)), L.Conv2DTranspose(2, 3, strides=2),
    ])  # fmt: skip
    import_torch(model, FOLDER / "autoencoder.safetensors")
    check(model, "autoencoder")


def test_torch_flattened_images_side_by_side():
    x = gm.Input((5, 6, 2))
    features = [gm.ops.tanh(L.Flatten()(x)), L.Flatten()(L.Conv2D(3, 3)(x))]
    model = gm.Model(x, L.Dense(4)(L.Concatenate()(features)))
    import_torch(model, FOLDER / "joined.safetensors")
    check(model, "joined")


def test_torch_group_and_layer_normalization():
    model = gm.Sequential([
        gm.Input((5, 6, 2)), L.Conv2D(4, 3), L.GroupNormalization(2, **BN), L.Conv2D(3, 2),
        L.LayerNormalization(axis=(1, 2, 3), **BN), L.Flatten(), L.LayerNormalization(**BN), L.Dense(3),
    ])  # fmt: skip
    import_torch(model, FOLDER / "norms.safetensors")
    check(model, "norms")
    twin = gm.models.clone_model(model)
    twin.layers[1].epsilon = 0.001
    with pytest.warns(GemmuleWarning, match=r"add 0\.001 to the variance, .*: group_normalization\w*\."):
        import_torch(twin, FOLDER / "norms.safetensors")


def test_channels_that_stand_first_already_stay():
    """With a `Permute` the features have PyTorch's order."""
    model = gm.Sequential([
        gm.Input((5, 5, 2)), L.Conv2D(3, 3), L.BatchNormalization(**BN), L.Permute((3, 1, 2)), L.Flatten(), L.Dense(2)
    ])  # fmt: skip
    import_torch(model, FOLDER / "float16.safetensors")
    check(model, "float16")


def test_flatten_inside_and_outside_of_nested_models():
    flat = cnn(**BN)
    cut = flat.layers.index(next(la for la in flat.layers if isinstance(la, L.Flatten)))
    outer = gm.Input((8, 10, 3))
    for at in (cut, cut + 1):  # the nested body ends before, and with, the flattening
        twin = gm.models.clone_model(flat)
        body = gm.Sequential([gm.Input((8, 10, 3)), *twin.layers[:at]])
        tail_in = gm.Input(body.output_shape[1:])
        x = tail_in
        for layer in twin.layers[at:]:
            x = layer.from_config(layer.get_config())(x)
        model = gm.Model(outer, gm.Model(tail_in, x)(body(outer)))
        import_torch(model, FOLDER / "cnn.safetensors")
        check(model, "cnn")


def test_models_without_a_graph_are_told_what_is_flattened():
    class Net(gm.Model):
        def __init__(self):
            super().__init__()
            self.stack = [layer.from_config(layer.get_config()) for layer in cnn(**BN).layers]

        def call(self, inputs, training=None):
            for layer in self.stack:
                inputs = layer(inputs, training=training)
            return inputs

    model = Net()
    model(VALUES["cnn_x"])
    with pytest.warns(GemmuleWarning, match=r"is no graph.*pass flattened=\{name: \(height, width, channels\)\}"):
        import_torch(model, FOLDER / "cnn.safetensors")
    norm, dense = model.stack[8].name, model.stack[10].name
    import_torch(model, FOLDER / "cnn.safetensors", flattened={norm: (2, 3, 6), dense: (2, 3, 6)})
    check(model, "cnn")
    with pytest.raises(ValueError, match=r"^flattened: .* has no layer 'fc' with weights"):
        import_torch(model, FOLDER / "cnn.safetensors", flattened={"fc": (2, 3, 6)})


@pytest.mark.parametrize(("name", "tolerance"), [("bfloat16", 1e-5), ("float16", 1e-5)])
def test_torch_half_precision(name, tolerance):
    model = gm.Sequential([gm.Input((5, 5, 2)), L.Conv2D(3, 3), L.BatchNormalization(**BN), L.Flatten(), L.Dense(2)])
    import_torch(model, FOLDER / f"{name}.safetensors")
    check(model, name, tolerance)


def test_torch_depthwise_separable_and_transposed():
    model = depthwise()
    import_torch(model, FOLDER / "depthwise.safetensors")
    check(model, "depthwise")


def test_torch_signal():
    model = gm.Sequential(
        [gm.Input((7, 2)), L.Conv1D(3, 3, activation="relu"), L.Flatten(), L.Dropout(0.5), L.Dense(2)]
    )
    import_torch(model, FOLDER / "signal.safetensors")
    check(model, "signal")


def test_torchvisions_resnet_by_its_names():
    model = resnet()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import_torch(model, FOLDER / "resnet.safetensors")
    check(model, "resnet")


def test_a_new_head_keeps_its_weights():
    model = resnet("new_head")
    fresh = model.get_layer("new_head").get_weights()
    with pytest.warns(GemmuleWarning, match=r"Missing in the file: new_head \(kernel \(8, 3\), bias \(3,\)\)\."):
        import_torch(model, FOLDER / "resnet.safetensors", mapping={"fc": None}, skip_mismatch=True)
    for a, b in zip(fresh, model.get_layer("new_head").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    whole = resnet()
    import_torch(whole, FOLDER / "resnet.safetensors")
    np.testing.assert_array_equal(
        gm.Model(model.inputs, model.layers[-2].output)(VALUES["resnet_x"]).numpy(),
        gm.Model(whole.inputs, whole.layers[-2].output)(VALUES["resnet_x"]).numpy(),
    )


def test_order_that_names_do_not_tell_is_asked_for():
    model = resnet()
    before = model.get_weights()
    message = r"'layer2\.0\.bn1' and 'layer2\.0\.bn2' have|have the same shapes, and the file does not keep the order"
    with pytest.raises(ValueError, match=message):
        import_torch(model, FOLDER / "resnet.safetensors", mapping="order")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_mapping_by_dict_function_and_name(tmp_path):
    arrays, _ = load_file(FOLDER / "mlp.safetensors")
    names = {"0": "encoder.first", "2": "encoder.other", "4": "head"}
    path = tmp_path / "named.safetensors"
    save_file({re.sub(r"^\d", lambda m: names[m[0]], key): value for key, value in arrays.items()}, path)
    with pytest.raises(ValueError, match=r"'encoder\.other' and 'head' have the same shapes, and the file does"):
        import_torch(mlp(), path)
    model = mlp(name="head")
    import_torch(model, path)  # one of the two has its name
    check(model, "mlp")
    wanted = dict(zip(names.values(), (layer.name for layer in model.layers)))
    for mapping in ({"encoder.other": wanted["encoder.other"]}, wanted, lambda name: wanted[name]):
        model.set_weights([0 * w for w in model.get_weights()])
        import_torch(model, path, mapping=mapping)
        check(model, "mlp")
    with pytest.raises(ValueError, match=r"Missing in the file: dense"):
        import_torch(model, path, mapping={"encoder.first": None})
    alike = gm.Sequential([
        gm.Input((6,)), L.Dense(5, "relu", name="a"), L.Dense(5, "tanh", name="b"), L.Dense(5, name="c")
    ])  # fmt: skip
    save_file({"abc"[int(k[0]) // 2] + k[1:]: v for k, v in reversed(arrays.items())}, path)
    import_torch(alike, path, mapping="name")
    check(alike, "mlp")


def test_epsilon_is_pointed_out(tmp_path):
    model = cnn()
    with pytest.warns(GemmuleWarning, match=r"add 0\.001 to .*: batch_normalization.*\. Make them with epsilon=1e-05"):
        import_torch(model, FOLDER / "cnn.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import_torch(model, FOLDER / "cnn.safetensors", epsilon=1e-3)
        import_torch(cnn(**BN), FOLDER / "cnn.safetensors")


def test_padding_that_differs_is_pointed_out(tmp_path):
    """For an even size, stride 2 and `"same"`, TensorFlow's rule pads one side; PyTorch's `padding=1` both."""
    save_file({"0.weight": np.zeros((4, 3, 3, 3), np.float32)}, tmp_path / "a.safetensors")
    for size, strides, warns in ((8, 2, True), (9, 2, False), (8, 1, False)):
        conv = L.Conv2D(4, 3, strides=strides, padding="same", use_bias=False)
        model = gm.Sequential([gm.Input((size, size, 3)), conv])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import_torch(model, tmp_path / "a.safetensors")
        assert [conv.name in str(w.message) and "ZeroPadding2D(1)" in str(w.message) for w in caught] == [True] * warns


def test_wrapped_modules_lose_their_prefix(tmp_path):
    arrays, _ = load_file(FOLDER / "mlp.safetensors")
    save_file({f"module.{name}": array for name, array in arrays.items()}, tmp_path / "w.safetensors")
    model = mlp()
    import_torch(model, tmp_path / "w.safetensors")
    check(model, "mlp")


def test_torch_messages(tmp_path):
    model = mlp(units=4)
    before = model.get_weights()
    with pytest.raises(ValueError, match="Other shapes") as error:
        import_torch(model, FOLDER / "mlp.safetensors")
    text = str(error.value)
    assert re.search(r'mlp\.safetensors.* does not hold the weights of "sequential.*"; nothing was loaded\.', text)
    assert re.search(r"dense\w*: model \(kernel \(5, 4\), bias \(4,\)\), file \(2\) \(kernel \(5, 5\)", text)
    assert "mapping={" in text
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    save_file({"classez.weight": np.zeros((5, 5, 1)), "classez.bias": np.zeros(5)}, tmp_path / "a.safetensors")
    one = gm.Sequential([gm.Input((6,)), L.Dense(5, name="classes")])
    with pytest.raises(ValueError, match=r"Missing in the file: classes \(kernel .* - is it 'classez'\?\. Not in"):
        import_torch(one, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"has no layer '7'\. Known: 0, 2, 4"):
        import_torch(mlp(), FOLDER / "mlp.safetensors", mapping={"7": "dense"})
    with pytest.raises(ValueError, match=r"has no layer 'hed' with weights\. Did you mean 'head'"):
        import_torch(mlp(name="head"), FOLDER / "mlp.safetensors", mapping={"4": "hed"})
    with pytest.raises(ValueError, match="is named for two layers"):
        import_torch(mlp(name="head"), FOLDER / "mlp.safetensors", mapping=lambda name: "head")
    with pytest.raises(TypeError, match=r"mapping is None, 'name', 'order', a dict.*Received: mapping=3"):
        import_torch(mlp(), FOLDER / "mlp.safetensors", mapping=3)
    with pytest.raises(ValueError, match=r"Pickled files can run code.*safetensors\.torch\.save_file"):
        import_torch(mlp(), "net.pth")
    with pytest.raises(ValueError, match="has no weights yet"):
        import_torch(gm.Sequential([L.Dense(2)]), FOLDER / "mlp.safetensors")
    with pytest.raises(FileNotFoundError):
        import_torch(mlp(), tmp_path / "absent.safetensors")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_gates():
    """Keras's formulas on converted arrays give PyTorch's outputs."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    kernel, recurrent, bias = lstm_from_torch(*(VALUES[f"lstm_{name}"].astype(np.float64) for name in names))
    h = c = np.zeros((2, 4))
    for step in range(5):
        i, f, g, o = np.split(VALUES["lstm_x"][:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(h, VALUES["lstm_y"][:, step], atol=1e-6)
    kernel, recurrent, bias = gru_from_torch(*(VALUES[f"gru_{name}"].astype(np.float64) for name in names))
    h = np.zeros((2, 4))
    for step in range(5):
        xz, xr, xh = np.split(VALUES["gru_x"][:, step] @ kernel + bias[0], 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=1)
        z = sigmoid(xz + hz)
        h = z * h + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh)
        np.testing.assert_allclose(h, VALUES["gru_y"][:, step], atol=1e-6)
    with pytest.raises(ValueError, match=r"have 4 \* units rows"):
        lstm_from_torch(*(VALUES[f"gru_{name}"] for name in names))


# ---- Keras -----------------------------------------------------------------------------------------------------------


def branched(named: str | None = "named") -> gm.Model:
    """As in `make_imports.py`."""
    x = gm.Input((8, 8, 3))
    late = L.Conv2D(4, 3, padding="same")
    early = L.Conv2D(4, 3, padding="same")(x)
    y = L.BatchNormalization()(early)
    y = L.Conv2D(4, 3, padding="same", activation="relu")(y)
    y = L.Add()([late(x), y + early])
    y = L.SeparableConv2D(4, 3)(y)
    y = L.DepthwiseConv2D(3, depth_multiplier=2)(y)
    y = L.Conv2DTranspose(3, 3, strides=2)(y)
    y = L.LayerNormalization()(L.GroupNormalization(3)(y))
    y = gm.Sequential([gm.Input((9, 9, 3)), L.Flatten(), L.Dense(4), L.BatchNormalization()])(y)
    y = L.Concatenate()([L.Dense(4)(y), L.Dense(4, name=named)(y)])
    return gm.Model(x, L.Dense(2)(y))


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py", reason="files of Keras are HDF5")


@pytest.mark.parametrize("file", ["branched.weights.h5", "branched.keras", "branched.h5"])
@pytest.mark.parametrize("named", ["named", None])
def test_keras_files(h5py, file, named):
    model = branched(named)
    import_keras(model, FOLDER / file)
    check(model, "branched")


@pytest.mark.parametrize("file", ["branched.weights.h5", "branched.keras", "branched.h5"])
def test_keras_layers_under_a_new_head(h5py, file):
    """Not all layers are at the places they have in the file, so equal ones are told apart by Keras's order."""
    whole = branched()
    import_keras(whole, FOLDER / file)
    model = branched()
    model = gm.Model(model.inputs, L.Dense(3, name="new")(model.layers[-2].output))
    with pytest.warns(GemmuleWarning, match=r"Other shapes: new: model \(kernel \(8, 3\)|Missing in the file: new"):
        import_keras(model, FOLDER / file, skip_mismatch=True)
    for a, b in zip(model.get_weights()[:-2], whole.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_keras_classes_of_another_name(h5py, tmp_path):
    """A layer of a class of one's own is no `LayerNormalization`, but a mapping says what to do with it."""
    path = tmp_path / "own.weights.h5"
    shutil.copy(FOLDER / "branched.weights.h5", path)
    with h5py.File(path, "r+") as file:
        file.move("layers/layer_normalization", "layers/own_norm")
        file["layers/own_norm/vars"].attrs["name"] = "own"
    model = branched()
    with pytest.raises(
        ValueError, match=r"Missing in the file: layer_norm.* Not in the model: own \(0 \(3,\), 1 \(3,\)\)"
    ):
        import_keras(model, path)
    import_keras(model, path, mapping={"own": "layer_normalization"})
    check(model, "branched")


def test_keras_subclasses(h5py):
    class Subclassed(gm.Model):
        def __init__(self):
            super().__init__()
            self.hidden = L.Dense(4)
            self.heads = [L.Dense(4), L.Dense(4)]
            self.out = L.Dense(2)
            self.body = gm.Sequential([L.Dense(4), L.Dense(4)])
            self.norm = L.Normalization()

        def call(self, x):
            x = self.body(self.hidden(self.norm(x)))
            return self.out(self.heads[1](self.heads[0](x)))

    model = Subclassed()
    model(VALUES["subclassed_x"])
    import_keras(model, FOLDER / "subclassed.weights.h5")
    check(model, "subclassed")


def keras2_model(**last: str) -> gm.Sequential:
    return gm.Sequential([
        gm.Input((5, 5, 2)), L.DepthwiseConv2D(3, depth_multiplier=2), L.Flatten(), L.Dense(3),
        L.BatchNormalization(), L.Dense(3), L.Dense(3, **last),
    ])  # fmt: skip


def test_keras2_files(h5py):
    model = keras2_model()
    import_keras(model, FOLDER / "keras2.h5")
    stored = [VALUES[key] for key in VALUES.files if key.startswith("keras2_")]
    for a, b in zip(model.get_weights(), stored, strict=True):
        np.testing.assert_array_equal(a, b)


def test_keras_mapping_and_messages(h5py, tmp_path):
    model = keras2_model(name="last")
    import_keras(model, FOLDER / "keras2.h5", mapping={"dense_9": "last"})
    np.testing.assert_array_equal(model.get_layer("last").get_weights()[0], VALUES["keras2_dense_9_kernel"])
    np.testing.assert_array_equal(model.layers[4].get_weights()[0], VALUES["keras2_dense_10_kernel"])
    other = gm.Sequential([gm.Input((3,)), L.Dense(3, name="dense_9"), L.Dense(7, name="dense_10")])
    with pytest.warns(GemmuleWarning, match=r"Not in the model: .*Other shapes: dense_10: model \(kernel \(3, 7\)"):
        import_keras(other, FOLDER / "keras2.h5", mapping="name", skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], VALUES["keras2_dense_9_kernel"])
    with pytest.raises(ValueError, match=r"does not hold the weights.*nothing was loaded.*Missing in the file: "):
        import_keras(cnn(), FOLDER / "keras2.h5")


def test_files_that_are_not_keras(h5py, tmp_path):
    model = branched()
    before = model.get_weights()
    whole = (FOLDER / "branched.weights.h5").read_bytes()
    for number, content in enumerate(
        (b"", b"PK\x03\x04", whole[:5000], b"\x89HDF\r\n\x1a\n" + bytes(100), b"text" * 9)
    ):
        path = tmp_path / f"{number}.h5"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^Cannot read .*Give a \.weights\.h5, \.keras or \.h5 file"):
            import_keras(model, path)
    archive = bytearray((FOLDER / "branched.keras").read_bytes())
    archive[len(archive) // 2] ^= 1  # somewhere in the weights
    (tmp_path / "flipped.keras").write_bytes(archive)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        import_keras(model, tmp_path / "flipped.keras")
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(range(36)) * 3)
    shutil.copy(FOLDER / "branched.weights.h5", tmp_path / "evil.h5")
    with h5py.File(tmp_path / "evil.h5", "r+") as file:  # values that lie in another file
        del file["layers/conv2d/vars/1"]
        file["layers/conv2d/vars"].create_dataset("1", (4,), "<f4", external=[(str(secret), 0, 16)])
    with pytest.raises(ValueError, match="is no array of numbers stored in this file"):
        import_keras(model, tmp_path / "evil.h5")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_h5py_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ImportError, match=re.escape('pip install "gemmule[import]"')):
        import_keras(mlp(), FOLDER / "branched.keras")


def test_load_weights_points_here(tmp_path):
    for file in ("branched.keras", "keras2.h5"):
        shutil.copy(FOLDER / file, tmp_path / "w.safetensors")
        with pytest.raises(ValueError, match=r"of other libraries: gm\.saving\.import_torch, gm\.saving\.import_keras"):
            mlp().load_weights(tmp_path / "w.safetensors")
