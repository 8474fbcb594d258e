"""Logs for TensorBoard."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from gemmule.callbacks import event_file
from gemmule.callbacks.callback import Logs, Periodic
from gemmule.callbacks.event_file import EventFile
from gemmule.callbacks.writing import make_folder, warn_unwritten
from gemmule.errors import GemmuleWarning, received
from gemmule.utils.paths import path_of


class TensorBoard(Periodic):
    """Writes event files that TensorBoard shows; neither TensorFlow nor TensorBoard is needed to write them.

    Training values go to the run `train`, those of validation to the run `validation`: `epoch_loss` and so on by
    epoch, `batch_loss` and so on by batch, `evaluation_loss_vs_iterations` by the number of optimizer steps. On a full
    disk the logs end with a warning, and training goes on.

    Args:
        log_dir: folder of the runs; take another one for each training.
        histogram_freq: after how many epochs, again and again, to write histograms of all weights; 0 for never.
        write_graph: whether to write the graph of layers, of models that are graphs.
        write_images: not recorded, with a warning.
        write_steps_per_second: whether to write how many batches a second were trained on.
        update_freq: `"epoch"`; `"batch"` or a number of batches also writes values at these distances, means of the
            epoch so far.
        profile_batch: not recorded, with a warning, like the next two.
        embeddings_freq: see there.
        embeddings_metadata: see there.

    Raises:
        TypeError: for what is no path.
        ValueError: for frequencies that make no sense.

    Example:
        >>> model.fit(x, y, epochs=20, callbacks=[gm.callbacks.TensorBoard("logs/first", histogram_freq=1)])

    Then `tensorboard --logdir logs` on the command line.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        unsupported = {
            "write_images": write_images,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        given = [name for name, value in unsupported.items() if np.any(value)]
        if given:
            warnings.warn(
                f"TensorBoard writes no profiles, weights as images or embeddings: {', '.join(given)} "
                f"{'has' if len(given) == 1 else 'have'} no effect. All else is recorded.",
                GemmuleWarning,
                stacklevel=2,
            )
        self.log_dir = path_of(log_dir, "TensorBoard: log_dir")
        self.histogram_freq = _count("histogram_freq", histogram_freq, 0)
        self.write_graph, self.write_steps_per_second = bool(write_graph), bool(write_steps_per_second)
        super().__init__(1 if update_freq in ("batch", "epoch") else _count("update_freq", update_freq, 1))
        self.update_freq = "epoch" if update_freq == "epoch" else self.period
        if update_freq != "epoch":
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]  # heard only when it is wanted
        self._files: dict[str, EventFile] = {}
        self._ended = False
        self._started: tuple[float, int] = (0.0, 0)

    def _file(self, run: str) -> EventFile:
        if run not in self._files:
            self._files[run] = EventFile(os.path.join(self.log_dir, run))
        return self._files[run]

    def _write(self, run: str, step: int, values: dict[str, Any]) -> None:
        numbers = {name: float(value) for name, value in values.items() if np.ndim(value) == 0}  # no matrices
        if numbers:
            scalars = [event_file.scalar(name, value) for name, value in numbers.items()]
            self._write_to(run, lambda file: file.add(step, scalars))

    def _write_to(self, run: str, write: Callable[[EventFile], None]) -> None:
        if self._ended:
            return
        try:
            file = self._file(run)
            write(file)
            file.flush()
        except OSError as error:  # readers stop at half a record, so nothing may follow
            self._ended = True
            self._close()
            warn_unwritten(self, os.path.join(self.log_dir, run), error, "logs end here")

    def _close(self) -> None:
        for file in self._files.values():
            with suppress(OSError):
                file.close()
        self._files = {}

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {"batches": self.batches}

    def _steps(self) -> int:
        return int(self.model.optimizer.iterations)

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        super().on_train_begin(logs)
        make_folder(self, self.log_dir)
        self._ended = False
        nodes = _graph_of(self.model) if self.write_graph else []
        if nodes:
            self._write_to("train", lambda file: file.add_graph(event_file.graph(nodes)))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._started = time.perf_counter(), self._steps()

    def _on_batch(self, batch: int, logs: Logs | None = None) -> None:
        if self.is_due(batch):
            values = {f"batch_{name}": value for name, value in (logs or {}).items()}
            if self.write_steps_per_second:
                values["batch_steps_per_second"] = self._steps_per_second()
            self._write("train", self.batches + batch, values)

    def _steps_per_second(self) -> float:
        began, steps = self._started
        return (self._steps() - steps) / max(time.perf_counter() - began, 1e-9)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        logs = logs or {}
        train = {f"epoch_{name}": value for name, value in logs.items() if not name.startswith("val_")}
        train["epoch_learning_rate"] = self.model.optimizer.learning_rate
        if self.write_steps_per_second:
            train["epoch_steps_per_second"] = self._steps_per_second()
        self._write("train", epoch, train)
        validation = {f"epoch_{name[4:]}": value for name, value in logs.items() if name.startswith("val_")}
        self._write("validation", epoch, validation)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_histograms(epoch)
        super().on_epoch_end(epoch, logs)

    def _write_histograms(self, epoch: int) -> None:
        values = [event_file.histogram(f"{v.path}/histogram", v.numpy()) for v in self.model.weights]
        self._write_to("train", lambda file: file.add(epoch, values))

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        values = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._write("validation", self._steps(), values)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._close()


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        also = ", 'batch' or 'epoch'" if name == "update_freq" else ""
        raise ValueError(f"TensorBoard: {name} must be an integer from {least} on{also}.{received(**{name: value})}")
    return int(value)


def _graph_of(model: Any) -> list[tuple[str, str, list[str]]]:
    """The layers and ops of a model that is a graph, as nodes for TensorBoard; nothing for other models."""
    try:
        waiting = [tensor.node for tensor in model.outputs]
    except AttributeError:  # what its call() does is not known
        return []
    found = {}
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            waiting += [tensor.node for tensor in node.inputs]
    names: dict[int, str] = {}
    for node in sorted(found.values(), key=lambda node: node.order):
        name = node.operation.name
        calls = sum(name == taken.split("/call_")[0] for taken in names.values())
        names[id(node)] = f"{name}/call_{calls + 1}" if calls else name
    return [
        (names[number], type(found[number].operation).__name__, [names[id(t.node)] for t in found[number].inputs])
        for number in names
    ]
