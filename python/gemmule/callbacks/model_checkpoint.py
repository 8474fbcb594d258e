"""Saving the model while it trains."""

from __future__ import annotations

import os
import string
from typing import Any

from gemmule.callbacks.callback import Logs
from gemmule.callbacks.monitor import Monitor
from gemmule.callbacks.writing import Writer, make_folder
from gemmule.errors import did_you_mean, received
from gemmule.utils.paths import path_of


class ModelCheckpoint(Monitor, Writer):
    """Saves the model, or its weights, after epochs or batches.

    Whatever the name, `"model.keras"`, `"model.weights.h5"` or plain, the file is a safetensors file, as `model.save`
    and `model.save_weights` write it, and is read by `load_model` and `load_weights`. A file that cannot be written, on
    a full disk for example, is a warning: training goes on, and the old file stays.

    Args:
        filepath: the file; may have `{epoch}` (counted from 1), `{batch}` and values of the logs, such as
            `"{epoch:02d}-{val_loss:.2f}.keras"`. A missing folder is made.
        monitor: name of the value that tells the best model.
        verbose: 1 prints what is saved.
        save_best_only: whether to save only when the value is better than ever.
        save_weights_only: whether to save only weights.
        mode: `"min"`, `"max"`, or `"auto"`: the way that is better is known for losses, errors and accuracies.
        save_freq: `"epoch"`, or after how many batches to save, counted over all epochs.
        initial_value_threshold: the value that has to be bettered first.

    Attributes:
        best: the best value so far.

    Raises:
        TypeError: when training begins, if the model holds what has no name, such as a lambda.
        ValueError: for arguments that make no sense, and after the first epoch for a name in `filepath` that is not in
            the logs.

    Example:
        >>> best = gm.callbacks.ModelCheckpoint("best.keras", save_best_only=True)
        >>> model.fit(x, y, epochs=20, validation_split=0.1, callbacks=[best])
        >>> model = gm.models.load_model("best.keras")
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        Monitor.__init__(self, monitor, mode, 0.0)
        Writer.__init__(self, save_freq)
        self.filepath = path_of(filepath, "ModelCheckpoint: filepath")
        self.verbose, self.save_best_only, self.save_weights_only = verbose, save_best_only, save_weights_only
        self.initial_value_threshold = initial_value_threshold
        self.forget()
        self.best = initial_value_threshold
        self._epoch = 0
        try:
            list(string.Formatter().parse(self.filepath))
        except ValueError as error:
            raise ValueError(
                f"ModelCheckpoint: filepath is no format text: {error}.{received(filepath=filepath)} Double braces "
                "that belong to the name."
            ) from None

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        if os.path.isdir(self.filepath):
            raise IsADirectoryError(f"ModelCheckpoint: filepath is a folder.{received(filepath=self.filepath)}")
        if not self.save_weights_only:
            self._check_savable()
        start = next(iter(string.Formatter().parse(self.filepath)))[0]  # up to the first brace
        make_folder(self, os.path.dirname(start))

    def _check_savable(self) -> None:
        """Refuses, before anything is trained, a model that cannot be saved."""
        try:
            self.model._check_savable()
        except (TypeError, ValueError, NotImplementedError) as error:
            raise type(error)(
                f"ModelCheckpoint cannot save this model to {self.filepath!r}. {error} Or pass save_weights_only=True."
            ) from None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._epoch = epoch
        if self.save_freq == "epoch":
            self._write_at(None, logs or {})

    def _write_at(self, batch: int | None, logs: dict[str, Any]) -> None:
        before, current = self.best, None
        if self.save_best_only:
            current = self.monitored(logs)
            if current is None or not self.improves(current, self.best):
                return
        path = self._path(batch, logs)
        save = self.model.save_weights if self.save_weights_only else self.model.save

        def write() -> None:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            save(path)

        if self._write(path, write):
            self.best = before if current is None else current
            if self.verbose:
                value = "" if current is None else f": {self.monitor} is {current:.5g}"
                print(f"Epoch {self._epoch + 1}: ModelCheckpoint saves {path!r}{value}.")

    def _path(self, batch: int | None, logs: dict[str, Any]) -> str:
        values = {"epoch": self._epoch + 1, **({} if batch is None else {"batch": batch + 1}), **logs}
        try:
            return self.filepath.format(**values)
        except (KeyError, IndexError) as error:
            name = str(error.args[0])
            raise ValueError(
                f"ModelCheckpoint: filepath has {name!r} in braces, which is not reported."
                f"{did_you_mean(name, values)}{received(filepath=self.filepath)}"
            ) from None
