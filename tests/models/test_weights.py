"""`save_weights` and `load_weights`."""

from __future__ import annotations

import os

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import GemmuleWarning
from gemmule.layers import Dense, Flatten
from gemmule.saving import load_file, save_file
from tests.helpers import exactly

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def make(units: int = 5) -> gm.Sequential:
    return gm.Sequential([gm.Input((4,)), Dense(units), Dense(3), Dense(2, name="out")])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def test_there_and_back(path):
    model, other = make(), make()
    assert model.layers[0].name != other.layers[0].name
    model.save_weights(path)
    other.load_weights(path)
    np.testing.assert_array_equal(other(X).numpy(), model(X).numpy())
    assert os.listdir(path.parent) == [path.name]


def test_names_in_the_file_do_not_depend_on_automatic_names(path):
    make()
    make().save_weights(str(path))
    arrays, _ = load_file(path)
    assert list(arrays) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias", "out/kernel", "out/bias"]


def test_subclasses_and_nested_models(path):
    class Net(gm.Model):
        def __init__(self):
            super().__init__()
            self.body = make()
            self.heads = [Dense(2), Dense(2)]
            self.scale = gm.Variable([1.0], name="scale")

        def call(self, inputs):
            x = self.body(inputs)
            return (self.heads[0](x) + self.heads[1](x)) * self.scale

    model, other = Net(), Net()
    model(X)
    model.save_weights(path)
    assert {"body/dense/kernel", "heads/0/kernel", "heads/1/bias", "scale"} <= set(load_file(path)[0])
    with pytest.raises(ValueError, match="not built yet"):
        other.load_weights(path)
    other(X)
    other.load_weights(path)
    np.testing.assert_array_equal(other(X).numpy(), model(X).numpy())


def test_a_shared_layer_is_stored_once(path):
    shared = Dense(4)

    class Net(gm.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = shared, shared

        def call(self, inputs):
            return self.b(self.a(inputs))

    model = Net()
    model(X)
    model.save_weights(path)
    assert list(load_file(path)[0]) == ["a/kernel", "a/bias"]


def test_all_differences_are_listed_and_nothing_is_loaded(path):
    arrays = {"dense/kernel": np.zeros((4, 5)), "dense/bias": np.zeros(6), "other/bias": np.zeros(2, np.int32)}
    save_file(arrays, path)
    model = gm.Sequential([gm.Input((4,)), Dense(5), Dense(2, name="out")])
    before = model.get_weights()
    message = (
        f'{str(path)!r} does not hold the weights of "sequential"; nothing was loaded. '
        "Missing in the file: out/kernel; out/bias. Not in the model: other/bias. "
        "Other shapes or types: dense/bias: model (5,) float32, file (6,) float64. "
        "Make the model with the layers it had when it was saved, or pass skip_mismatch=True to load what fits."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        model.load_weights(path)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(GemmuleWarning, match=r"keeps some weights it had\. Missing in the file: out/kernel; out/bias"):
        model.load_weights(path, skip_mismatch=True)
    assert not model.get_weights()[0].any()
    np.testing.assert_array_equal(model.get_weights()[2], before[2])


def test_a_truncated_file_is_refused(path):
    model = make()
    model.save_weights(path)
    before = model.get_weights()
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="Cannot read"):
        model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_existing_files(path):
    model = make()
    model.save_weights(path)
    with pytest.raises(FileExistsError, match=r"Pass overwrite=True to replace it."):
        model.save_weights(path, overwrite=False)
    model.save_weights(path)
    with pytest.raises(FileNotFoundError):
        model.load_weights(path.with_name("missing.safetensors"))


def test_names_of_other_formats_hold_ours(tmp_path):
    for name in ("my.weights.h5", "my.keras", "plain"):
        model, other = make(), make()
        model.save_weights(tmp_path / name)
        other.load_weights(tmp_path / name)
        np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize(
    ("start", "text"), [(b"\x89HDF\r\n\x1a\n", "is an HDF5 file"), (b"PK\x03\x04", "is a zip archive")]
)
def test_other_formats_are_refused_by_their_content(path, start, text):
    path.write_bytes(start + bytes(100))
    with pytest.raises(ValueError, match=text):
        make().load_weights(path)


def test_refused():
    message = 'There are no weights to save in "sequential" (not built yet: call build(), or call it on data, first).'
    with pytest.raises(ValueError, match=exactly(message)):
        gm.Sequential([Dense(3)]).save_weights("x.safetensors")
    with pytest.raises(ValueError, match=r'There are no weights to save in "sequential_1".'):
        gm.Sequential([gm.Input((4,)), Flatten()]).save_weights("x.safetensors")
