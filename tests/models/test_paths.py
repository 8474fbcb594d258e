"""What is no path, and files that are not there."""

from __future__ import annotations

import io
import os

import pytest

import gemmule as gm
from gemmule import callbacks


@pytest.fixture
def model(tmp_path, monkeypatch) -> gm.Model:
    monkeypatch.chdir(tmp_path)
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.save("model.keras")
    return model


WRONG = (3, None, b"model.keras", ["model.keras"], io.BytesIO())
TAKERS = {
    "filepath": {
        "load_model": lambda model, path: gm.models.load_model(path),
        "load_weights": lambda model, path: model.load_weights(path),
        "save": lambda model, path: model.save(path, overwrite=False),
        "save_weights": lambda model, path: model.save_weights(path, overwrite=False),
        "save_training": lambda model, path: model.save_training(path),
        "restore_training": lambda model, path: model.restore_training(path),
        "ModelCheckpoint": lambda model, path: callbacks.ModelCheckpoint(path),
    },
    "path": {
        "load_file": lambda model, path: gm.saving.load_file(path),
        "save_file": lambda model, path: gm.saving.save_file({}, path),
        "import_torch": lambda model, path: gm.saving.import_torch(model, path),
        "import_keras": lambda model, path: gm.saving.import_keras(model, path),
    },
    "log_dir": {"TensorBoard": lambda model, path: callbacks.TensorBoard(path)},
    "filename": {"CSVLogger": lambda model, path: callbacks.CSVLogger(path)},
    "backup_dir": {"BackupAndRestore": lambda model, path: callbacks.BackupAndRestore(path)},
}
CASES = [(argument, name) for argument, takers in TAKERS.items() for name in takers]


@pytest.mark.parametrize(("argument", "name"), CASES)
def test_what_is_no_path(model, argument, name):
    for wrong in WRONG:
        with pytest.raises(TypeError, match=rf"{argument} must be a path, .* Received: {argument}=") as caught:
            TAKERS[argument][name](model, wrong)
        assert ("instead of the open file" in str(caught.value)) == isinstance(wrong, io.BytesIO)
    with pytest.raises(ValueError, match=f"{argument} must name a file or folder"):
        TAKERS[argument][name](model, "")
    assert os.listdir() == ["model.keras"]


READERS = ("load_model", "load_weights", "restore_training", "load_file", "import_torch", "import_keras")


@pytest.mark.parametrize("name", READERS)
def test_files_that_are_not_there(model, name):
    read = next(takers[name] for takers in TAKERS.values() if name in takers)
    with pytest.raises(FileNotFoundError, match=r"There is no file 'model\.kears'\. Did you mean 'model\.keras'\?"):
        read(model, "model.kears")
    with pytest.raises(FileNotFoundError, match=r"There is no file 'zzz'\. Nothing in .* has a similar name\."):
        read(model, "zzz")
    with pytest.raises(FileNotFoundError, match=r"The folder '.*no' does not exist"):
        read(model, os.path.join("no", "model.keras"))
    with pytest.raises(IsADirectoryError, match=r"'\.' is a folder"):
        read(model, ".")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_not_waited_for(model, name):
    os.mkfifo("pipe")
    read = next(takers[name] for takers in TAKERS.values() if name in takers)
    with pytest.raises(ValueError, match=r"'pipe' is a device, a pipe or a socket\. Pass a file\."):
        read(model, "pipe")


def test_custom_objects_are_a_dict(model):
    message = r"custom_objects must be a dict of classes and functions by name, such as \{'Twice': Twice\}\. Received"
    with pytest.raises(TypeError, match=message):
        gm.models.load_model("model.keras", custom_objects=[gm.layers.Dense])
