"""CSV files and event files: what is written, and that others read it."""

from __future__ import annotations

import csv
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import CSVLogger, TensorBoard, event_file
from gemmule.errors import GemmuleWarning
from tests.helpers import exactly

X = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)


def make() -> gm.Sequential:
    model = gm.Sequential([gm.Input((3,), name="in"), gm.layers.Dense(4, name="a"), gm.layers.Dense(1, name="b")])
    model.compile(optimizer=gm.optimizers.SGD(0.01), loss="mse", metrics=["mae"])
    return model


# ---- CSV -------------------------------------------------------------------------------------------------------------


def rows(path, separator: str = ",") -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv(tmp_path) -> None:
    path = tmp_path / "log.csv"
    history = make().fit(X, Y, epochs=2, validation_split=0.2, verbose=0, callbacks=[CSVLogger(path)])
    header, *lines = rows(path)
    assert header == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [line[0] for line in lines] == ["0", "1"]
    for name, column in zip(header[1:], list(zip(*lines))[1:]):
        assert [float(text) for text in column] == history.history[name]


def test_csv_goes_on(tmp_path) -> None:
    path, model = tmp_path / "log.csv", make()
    model.fit(X, Y, verbose=0, validation_split=0.2, callbacks=[CSVLogger(path, separator=";")])
    model.fit(X, Y, verbose=0, epochs=2, initial_epoch=1, callbacks=[CSVLogger(path, separator=";", append=True)])
    header, first, second = rows(path, ";")
    assert header == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert (first[0], second[0]) == ("0", "1")
    assert second[3:] == ["NA", "NA"]
    make().fit(X, Y, verbose=0, callbacks=[CSVLogger(path)])
    assert len(rows(path)) == 2  # begun anew
    assert rows(path)[1][3:] == ["NA", "NA"]


@pytest.mark.parametrize("append", [False, True])
def test_csv_of_a_run_that_is_taken_up(tmp_path, append: bool) -> None:
    """Lines of epochs behind the one that was saved are written anew; those of an earlier run stay, if asked for."""
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,mae,val_loss,val_mae\n7,1,1,1,1\n")

    class Save(gm.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.save(tmp_path / "run.gemmule", state="full")

    options = {"epochs": 4, "batch_size": 20, "verbose": 0}
    make().fit(X, Y, callbacks=[CSVLogger(path, append=append), Save()], **options)
    whole = path.read_text()
    assert [line[0] for line in rows(path)] == ["epoch", *(["7"] if append else []), "0", "1", "2", "3"]
    model = gm.models.load_model(tmp_path / "run.gemmule")
    model.fit(X, Y, resume=True, callbacks=[CSVLogger(path, append=append), Save()], **options)
    assert path.read_text() == whole


def test_logs_of_a_run_that_is_taken_up(tmp_path) -> None:
    class Save(gm.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.save(tmp_path / "run.gemmule", state="full")
                raise KeyboardInterrupt

    def callbacks(append: bool, save) -> list:
        board = TensorBoard(tmp_path / "logs", update_freq=2)
        return [CSVLogger(tmp_path / "log.csv", append=append), board, save]

    with pytest.raises(KeyboardInterrupt):
        make().fit(X, Y, epochs=4, batch_size=20, verbose=0, callbacks=callbacks(False, Save()))
    model, silent = gm.models.load_model(tmp_path / "run.gemmule"), Save()
    silent.on_epoch_begin = lambda epoch, logs=None: None
    model.fit(X, Y, epochs=4, batch_size=20, verbose=0, resume=True, callbacks=callbacks(False, silent))
    assert [line[0] for line in rows(tmp_path / "log.csv")] == ["epoch", "0", "1", "2", "3"]
    steps = [event.step for event in read(tmp_path / "logs" / "train").Scalars("batch_loss")]
    assert steps == list(range(0, 20, 2))


def test_csv_of_lists(tmp_path) -> None:
    logger = CSVLogger(tmp_path / "log.csv")
    logger.on_train_begin()
    logger.on_epoch_end(0, {"per_class": np.array([1, 2]), "name": "a,b", "loss": 0.5})
    logger.on_train_end()
    assert rows(tmp_path / "log.csv")[1][:4] == ["0", "0.5", "a,b", "[1, 2]"]


def test_csv_without_a_folder(tmp_path) -> None:
    message = f"CSVLogger: the folder {str(tmp_path / 'no')!r} does not exist. Create it before training, for example "
    with pytest.raises(FileNotFoundError, match=exactly(message + "with os.makedirs.")):
        make().fit(X, Y, verbose=0, callbacks=[CSVLogger(tmp_path / "no" / "log.csv")])
    with pytest.raises(
        ValueError, match=exactly("CSVLogger: separator must be one character. Received: separator=''.")
    ):
        CSVLogger("log.csv", separator="")


# ---- Event files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "crc"),
    [  # RFC 3720, appendix B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_crc32c(data: bytes, crc: int) -> None:
    assert event_file.crc32c(data) == crc


def test_record() -> None:
    framed = event_file.record(b"hello")
    (length,) = struct.unpack("<Q", framed[:8])
    assert (length, framed[12:17], len(framed)) == (5, b"hello", 21)
    crc = event_file.crc32c(b"hello")
    assert framed[17:] == struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def read(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    return found.Reload()


def test_tensorboard_reads_scalars(tmp_path) -> None:
    model = make()
    board = TensorBoard(tmp_path, update_freq=2, write_steps_per_second=True)
    history = model.fit(X, Y, batch_size=20, epochs=3, validation_split=0.2, verbose=0, callbacks=[board]).history
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    for name in ("loss", "mae"):
        for found, values in ((train, history[name]), (validation, history[f"val_{name}"])):
            events = found.Scalars(f"epoch_{name}")
            assert [event.step for event in events] == [0, 1, 2]
            assert [event.value for event in events] == [np.float32(value) for value in values]
    assert [event.value for event in train.Scalars("epoch_learning_rate")] == [np.float32(0.01)] * 3
    assert [event.step for event in train.Scalars("batch_loss")] == [0, 2, 4, 6, 8, 10]
    assert train.Scalars("epoch_steps_per_second")[1].value > 0
    events = validation.Scalars("evaluation_loss_vs_iterations")
    assert [event.step for event in events] == [4, 8, 12]
    assert events[2].value == np.float32(history["val_loss"][2])


def test_tensorboard_reads_histograms(tmp_path) -> None:
    model = make()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[TensorBoard(tmp_path, histogram_freq=2)])
    found = read(tmp_path / "train")
    assert set(found.Tags()["histograms"]) == {f"{v.path}/histogram" for v in model.weights}
    events = found.Histograms("a/kernel/histogram")
    assert [event.step for event in events] == [0, 2]
    kernel, value = model.get_layer("a").kernel.numpy(), events[1].histogram_value
    assert sum(value.bucket) == kernel.size
    assert value.bucket_limit[-1] == pytest.approx(kernel.max(), rel=1e-6)
    inside = (kernel[None].astype(float) < np.asarray(value.bucket_limit)[:-1, None, None]).sum((1, 2))
    np.testing.assert_allclose(np.cumsum(value.bucket)[:-1], inside)


def test_tensorboard_reads_the_graph(tmp_path) -> None:
    inputs = gm.Input((3,), name="in")
    layer = gm.layers.Dense(3, name="twice")
    outputs = gm.layers.Add(name="sum")([layer(inputs), layer(layer(inputs))])
    model = gm.Model(inputs, outputs)
    model.compile(loss="mse")
    model.fit(X, X, verbose=0, callbacks=[TensorBoard(tmp_path)])
    nodes = {node.name: (node.op, list(node.input)) for node in _graph(read(tmp_path / "train"))}
    assert nodes == {
        "in": ("InputLayer", []),
        "twice": ("Dense", ["in"]),
        "twice/call_2": ("Dense", ["in"]),
        "twice/call_3": ("Dense", ["twice/call_2"]),
        "sum": ("Add", ["twice", "twice/call_3"]),
    }
    make().fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path / "none", write_graph=False)])
    assert not read(tmp_path / "none" / "train").Tags()["graph"]


def _graph(found):
    message = pytest.importorskip("tensorboard.compat.proto.graph_pb2").GraphDef()
    message.ParseFromString(found.Graph().SerializeToString())
    return message.node


def test_histograms_of_odd_values() -> None:
    for values in (np.array([np.nan, np.inf]), np.zeros(3), np.array([np.nan, 1.0])):
        assert event_file.histogram("w", values)  # TensorBoard shows no NaN


def test_tensorboard_costs_nothing_between_epochs(tmp_path) -> None:
    assert not gm.callbacks.CallbackList([TensorBoard(tmp_path)]).needs_batches
    assert gm.callbacks.CallbackList([TensorBoard(tmp_path, update_freq="batch")]).needs_batches


def test_tensorboard_says_once_what_it_does_not_record(tmp_path) -> None:
    one = "TensorBoard writes no profiles, weights as images or embeddings: profile_batch has no effect. All else is "
    with pytest.warns(GemmuleWarning, match=exactly(f"{one}recorded.")) as found:
        make().fit(X, Y, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path, profile_batch=(100, 200))])
    assert len(found) == 1
    assert list(tmp_path.glob("train/events*"))
    with pytest.warns(GemmuleWarning, match="embeddings: write_images, embeddings_freq have no effect"):
        TensorBoard(write_images=True, embeddings_freq=1)


def test_tensorboard_refuses() -> None:
    message = "TensorBoard: update_freq must be an integer from 1 on, 'batch' or 'epoch'. Received: update_freq='step'."
    with pytest.raises(ValueError, match=exactly(message)):
        TensorBoard(update_freq="step")
    message = "TensorBoard: histogram_freq must be an integer from 0 on. Received: histogram_freq=-1."
    with pytest.raises(ValueError, match=exactly(message)):
        TensorBoard(histogram_freq=-1)


# ---- A full disk -----------------------------------------------------------------------------------------------------

FULL = """
import resource, sys, warnings
import numpy as np
import gemmule as gm

class Room(gm.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        room = {2: int(sys.argv[2]), 4: resource.RLIM_INFINITY}.get(epoch)
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

model = gm.Sequential([gm.Input((3,)), gm.layers.Dense(64), gm.layers.Dense(1)])
model.compile("sgd", "mse")
callback = {"csv": gm.callbacks.CSVLogger, "board": gm.callbacks.TensorBoard}[sys.argv[1]]
path = sys.argv[3]
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    data = np.ones((8, 3)), np.ones((8, 1))
    history = model.fit(*data, epochs=6, verbose=0, callbacks=[Room(), callback(path)])
print(len(history.epoch), *[str(one.message) for one in seen], sep="\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
try:
    model.save(path + ".gemmule")
except OSError as error:
    print(error.errno == 27, error.filename == path + ".gemmule")
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize(("kind", "room"), [("csv", 70), ("board", 300)])
def test_a_full_disk_costs_lines_but_not_the_training(tmp_path, kind, room) -> None:
    path = tmp_path / "log"
    code = [sys.executable, "-c", FULL, kind, str(room), str(path)]
    found = subprocess.run(code, capture_output=True, text=True, check=True).stdout.splitlines()
    name, place = {"csv": ("CSVLogger", path), "board": ("TensorBoard", path / "train")}[kind]
    assert found[0] == "6"
    assert found[1].startswith(f"{name} could not write {str(place)!r}: File too large. Training goes on; ")
    assert found[2:] == ["True True"]
    assert sorted(os.listdir(tmp_path)) == ["log"]
    if kind == "csv":
        assert [line[0] for line in rows(path)] == ["epoch", "0", "1", "4", "5"]
        assert {len(line) for line in rows(path)} == {3}
