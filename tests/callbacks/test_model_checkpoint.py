"""`ModelCheckpoint` and `BackupAndRestore`."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import BackupAndRestore, ModelCheckpoint
from gemmule.errors import GemmuleWarning
from gemmule.saving import safetensors
from tests.models import test_resume

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def make() -> gm.Sequential:
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(3, "tanh"), gm.layers.Dense(1)])
    model.compile(gm.optimizers.SGD(0.05), "mse")
    return model


def train(model: gm.Model, *callbacks: gm.callbacks.Callback, epochs: int = 3) -> gm.callbacks.History:
    return model.fit(
        X, Y, epochs=epochs, batch_size=8, validation_data=(X, Y), callbacks=list(callbacks), verbose=0, shuffle=False
    )


@pytest.mark.parametrize("name", ["best.keras", "best.h5", "best.gemmule", "best", "new/folder/best.keras"])
def test_any_name_holds_a_model(tmp_path, name):
    model = make()
    train(model, ModelCheckpoint(tmp_path / name))
    np.testing.assert_array_equal(gm.models.load_model(tmp_path / name).predict(X), model.predict(X))


@pytest.mark.parametrize("name", ["best.weights.h5", "best.weights", "best.ckpt"])
def test_any_name_holds_weights(tmp_path, name):
    model, other = make(), make()
    train(model, ModelCheckpoint(str(tmp_path / name), save_weights_only=True))
    other.load_weights(tmp_path / name)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="holds arrays, but no model"):
        gm.models.load_model(tmp_path / name)


def test_names_with_values(tmp_path):
    history = train(make(), ModelCheckpoint(tmp_path / "run-{epoch}" / "{epoch:02d}-{val_loss:.2f}.keras")).history
    names = [f"run-{n + 1}/{n + 1:02d}-{loss:.2f}.keras" for n, loss in enumerate(history["val_loss"])]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")) == names


class Script(gm.callbacks.Callback):
    """Puts chosen values into the logs."""

    def __init__(self, values, name="score"):
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


@pytest.mark.parametrize(
    ("mode", "threshold", "saved"),
    [("max", None, [1, 2, 4]), ("min", None, [1, 5]), ("max", 2.5, [4]), ("min", 0.5, [])],
)
def test_the_best_only(tmp_path, capsys, mode, threshold, saved):
    script = Script([1.0, 2.0, 2.0, 3.0, 0.5, float("nan")])
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch}", "score", 1, save_best_only=True, mode=mode, initial_value_threshold=threshold
    )
    train(make(), script, checkpoint, epochs=6)
    assert sorted(os.listdir(tmp_path)) == [str(epoch) for epoch in saved]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(saved)
    assert all(f"Epoch {epoch}: ModelCheckpoint saves" in line for epoch, line in zip(saved, lines))


def test_every_so_many_batches(tmp_path):
    train(make(), ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=3))
    assert sorted(os.listdir(tmp_path)) == ["1-3", "2-2", "3-1", "3-4"]
    assert not gm.callbacks.CallbackList([ModelCheckpoint(tmp_path / "x")]).needs_batches


def test_a_value_that_never_appears(tmp_path):
    with pytest.warns(GemmuleWarning, match="ModelCheckpoint watches 'val_acc', which this training does not report"):
        train(make(), ModelCheckpoint(tmp_path / "x", "val_acc", save_best_only=True))
    assert not os.listdir(tmp_path)
    with pytest.raises(ValueError, match=r"'val_los' in braces, which is not reported. Did you mean 'val_loss'"):
        train(make(), ModelCheckpoint(tmp_path / "{val_los}"))
    with pytest.raises(ValueError, match="larger or a smaller 'score' is better is not known"):
        train(make(), Script([1.0]), ModelCheckpoint(tmp_path / "x", "score", save_best_only=True))


def test_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"save_freq must be 'epoch' or a positive number of batches"):
        ModelCheckpoint("x", save_freq=0)
    with pytest.raises(ValueError, match="mode must be"):
        ModelCheckpoint("x", mode="best")
    with pytest.raises(ValueError, match="filepath is no format text"):
        ModelCheckpoint("{epoch")
    with pytest.raises(ValueError, match="ModelCheckpoint: filepath must name a file"):
        ModelCheckpoint("")
    with pytest.raises(IsADirectoryError, match="filepath is a folder"):
        train(make(), ModelCheckpoint(tmp_path))
    (tmp_path / "file").touch()
    for callback in (ModelCheckpoint(tmp_path / "file" / "x"), BackupAndRestore(tmp_path / "file")):
        with pytest.raises(OSError, match=r"the folder .* cannot be made"):
            train(make(), callback)
    with pytest.raises(ValueError, match="backup_dir must name a file or folder"):
        BackupAndRestore("")


@pytest.mark.parametrize("kind", ["checkpoint", "backup"])
def test_a_full_disk_costs_the_file_but_not_the_training(tmp_path, monkeypatch, kind):
    path = tmp_path / ("m.keras" if kind == "checkpoint" else "latest.gemmule")
    make().save(path, state="full")
    before = path.read_bytes()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    original = safetensors.atomic_write

    class Full:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            self.file.write(bytes(data)[:100])
            raise full

    class Patched:
        def __init__(self, path):
            self.inner = original(path)

        def __enter__(self):
            return Full(self.inner.__enter__())

        def __exit__(self, *exception):
            return self.inner.__exit__(*exception)

    monkeypatch.setattr(safetensors, "atomic_write", Patched)
    callback = ModelCheckpoint(path) if kind == "checkpoint" else BackupAndRestore(tmp_path, delete_checkpoint=False)
    monkeypatch.setattr(BackupAndRestore, "on_train_begin", lambda *_: None)
    with pytest.warns(
        GemmuleWarning, match="No space left on device. Training goes on; the old file is as it was"
    ) as seen:
        history = train(make(), callback)
    assert len(seen) == len(history.epoch) == 3
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_the_best_value_is_not_that_of_a_file_that_was_not_written(tmp_path, monkeypatch):
    checkpoint = ModelCheckpoint(tmp_path / "x", "loss", save_best_only=True)
    monkeypatch.setattr(gm.Model, "save", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.warns(GemmuleWarning, match="there is no file"):
        train(make(), checkpoint)
    assert checkpoint.best is None


def square(y_true, y_pred):
    return gm.ops.mean(gm.ops.square(y_true - y_pred), axis=-1)


NAMELESS = {
    "loss": ({"loss": lambda t, p: square(t, p)}, {}, r"What compile\(loss=...\) was given cannot be saved"),
    "metric": ({"loss": "mse", "metrics": [lambda t, p: square(t, p)]}, {}, r"What compile\(metrics=...\) was given"),
    "activation": ({"loss": "mse"}, {"activation": lambda x: x * 2.0}, 'Layer "first" cannot be saved'),
}


def nameless(settings, arguments) -> gm.Sequential:
    gm.utils.set_random_seed(0)
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(3, name="first", **arguments), gm.layers.Dense(1)])
    model.compile("adam", **settings)
    return model


@pytest.mark.parametrize("kind", NAMELESS)
def test_what_has_no_name_is_said_before_training(tmp_path, kind):
    settings, arguments, message = NAMELESS[kind]
    model = nameless(settings, arguments)
    before = model.get_weights()
    with pytest.raises(
        TypeError, match=f"ModelCheckpoint cannot save this model to .*{message}.*save_weights_only=True"
    ):
        train(model, ModelCheckpoint(tmp_path / "m"))
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    train(model, ModelCheckpoint(tmp_path / "m", save_weights_only=True))
    with pytest.raises(TypeError, match=message):
        model.save(tmp_path / "n")


def test_a_lambda_layer_is_said_before_training(tmp_path):
    model = gm.Sequential([gm.Input((4,)), gm.layers.Lambda(lambda x: x * 2.0), gm.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match=r"ModelCheckpoint cannot save .*a Lambda has no configuration"):
        train(model, ModelCheckpoint(tmp_path / "m"))


@pytest.mark.parametrize("kind", NAMELESS)
def test_backups_hold_what_has_no_name(tmp_path, kind):
    settings, arguments, _ = NAMELESS[kind]
    train(whole := nameless(settings, arguments))
    with pytest.raises(test_resume.InterruptedForTestError):
        train(nameless(settings, arguments), BackupAndRestore(tmp_path, 1), Crash(6))
    gm.utils.set_random_seed(9)
    with pytest.raises(ValueError, match="holds arrays, but no model"):
        gm.models.load_model(tmp_path / "latest.gemmule")
    train(again := nameless(settings, arguments), BackupAndRestore(tmp_path, 1))
    for one, two in zip(again.get_weights(), whole.get_weights()):
        np.testing.assert_array_equal(one, two)


# ---- BackupAndRestore ------------------------------------------------------------------------------------------------


class Crash(gm.callbacks.Callback):
    """Ends the run at a batch without saving anything."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def on_train_begin(self, logs=None):
        self.left = self.batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise test_resume.InterruptedForTestError

    def get_state(self):
        return {}


@pytest.mark.parametrize("save_freq", ["epoch", 1, 4])
@pytest.mark.parametrize("kind", [test_resume.scheduled, test_resume.steered])
def test_the_same_fit_goes_on_after_crashes(tmp_path, kind, save_freq):
    crashes, done = [9, 8, 7, 10**6], None
    for number, batches in enumerate(crashes):
        gm.utils.set_random_seed(7 if number == 0 else 50 + number)
        model, others = kind(), test_resume.companions(kind)
        try:
            backup = BackupAndRestore(tmp_path / "backup", save_freq)
            history = test_resume.run(model, [*others, backup, Crash(batches)])
            done = test_resume.result(model, history, others)
        except test_resume.InterruptedForTestError:
            assert os.listdir(tmp_path / "backup") == ["latest.gemmule"]
    assert done == test_resume.uninterrupted(kind)
    assert not (tmp_path / "backup").exists()


def test_a_damaged_state_falls_back_to_the_one_before(tmp_path):
    model = make()
    with pytest.raises(test_resume.InterruptedForTestError):
        train(model, BackupAndRestore(tmp_path, 1, double_checkpoint=True), Crash(6))
    assert sorted(os.listdir(tmp_path)) == ["latest.gemmule", "previous.gemmule"]
    path = tmp_path / "latest.gemmule"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    other = make()
    with pytest.warns(GemmuleWarning, match="goes on from the last but one state"):
        train(other, BackupAndRestore(tmp_path, 1, double_checkpoint=True, delete_checkpoint=False))
    train(expected := make_like(model), epochs=3)
    np.testing.assert_array_equal(other.get_weights()[0], expected.get_weights()[0])
    os.unlink(tmp_path / "previous.gemmule")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"cannot go on from .* delete the folder {re.escape(repr(str(tmp_path)))}"):
        train(make(), BackupAndRestore(tmp_path))


def make_like(_: gm.Model) -> gm.Sequential:
    gm.utils.set_random_seed(0)
    gm.utils.clear_session()
    return make()


def test_more_epochs_continue_a_finished_training(tmp_path):
    gm.utils.set_random_seed(0)
    train(make(), BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    other = make()
    history = train(other, BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=5)
    assert history.epoch == [0, 1, 2, 3, 4]
    expected = make_like(other)
    train(expected, epochs=5)
    np.testing.assert_array_equal(other.get_weights()[0], expected.get_weights()[0])


def test_a_backup_of_something_else_is_refused(tmp_path):
    train(make(), BackupAndRestore(tmp_path, delete_checkpoint=False))
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(2, "tanh"), gm.layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"does not hold the weights of .* Other shapes or types: dense/kernel"):
        train(model, BackupAndRestore(tmp_path))
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model = make()
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="the state of the optimizer SGD"):
        train(model, BackupAndRestore(tmp_path))
    cure = rf", or delete BackupAndRestore's folder {re.escape(repr(str(tmp_path)))} to begin anew\."
    for data, settings, message in (
        ((X, Y), {"batch_size": 4}, "batch_size was 8 and is 4"),
        ((X[:30], Y[:30]), {"batch_size": 8, "shuffle": False}, "examples was 32 and is 30"),
        ((X, Y), {"batch_size": 8}, "shuffle was False and is True"),
    ):
        with pytest.raises(ValueError, match=f"{message}.*Pass the same{cure}") as caught:
            make().fit(*data, callbacks=[BackupAndRestore(tmp_path)], verbose=0, **settings)
        assert "resume" not in str(caught.value)
    train(make(), BackupAndRestore(tmp_path / "b", delete_checkpoint=False), gm.callbacks.EarlyStopping())
    cure = cure.replace(re.escape(repr(str(tmp_path))), re.escape(repr(str(tmp_path / "b"))))
    with pytest.raises(ValueError, match=f"needs, too: EarlyStopping. Pass them{cure}"):
        train(make(), BackupAndRestore(tmp_path / "b"))


def test_what_a_killed_run_left_does_not_keep_the_folder(tmp_path):
    code = "from pathlib import Path; from gemmule.utils.files import atomic_write; import os, sys\n"
    code += "with atomic_write(sys.argv[1]): os.kill(os.getpid(), 9)"
    for name in ("backup", "kept"):
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name / "latest.gemmule")], check=False)
        assert len(os.listdir(tmp_path / name)) == 1
    (tmp_path / "kept" / "notes").touch()
    train(make(), BackupAndRestore(tmp_path / "backup"), BackupAndRestore(tmp_path / "kept"))
    assert os.listdir(tmp_path) == ["kept"]
    assert os.listdir(tmp_path / "kept") == ["notes"]


def test_no_warning_without_a_reason(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(make(), ModelCheckpoint(tmp_path / "x", save_best_only=True), BackupAndRestore(tmp_path / "b"))
