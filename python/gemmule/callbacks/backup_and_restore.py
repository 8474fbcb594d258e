"""Going on after a crash."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import Any

from gemmule.callbacks.callback import Logs
from gemmule.callbacks.writing import Writer, make_folder
from gemmule.errors import GemmuleWarning
from gemmule.utils.files import remove_leftovers
from gemmule.utils.paths import path_of


class BackupAndRestore(Writer):
    """Writes the whole state of a training from time to time. The same `fit`, called again, goes on from there.

    A training that was interrupted, by a crash, `kill -9` or Ctrl-C, ends with the same bits as if it had never
    stopped: build and compile the model in the same way, and call `fit` with the same data, settings and callbacks.

    Args:
        backup_dir: a folder for this training alone. It is made if it does not exist.
        save_freq: `"epoch"`, or after how many batches to write.
        double_checkpoint: whether to keep the last but one state too, in case that the last one is damaged.
        delete_checkpoint: whether to delete what was written, and the folder unless it has other files, when training
            ends. Otherwise `fit` with more epochs continues.

    Raises:
        ValueError: for arguments that make no sense; when training begins, if what was written is damaged or belongs to
            another model or other data.

    Example:
        >>> model.fit(x, y, epochs=20, callbacks=[gm.callbacks.BackupAndRestore("backup")])
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__(save_freq)
        self.backup_dir = path_of(backup_dir, "BackupAndRestore: backup_dir")
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint

    def _file(self, name: str) -> str:
        return os.path.join(self.backup_dir, f"{name}.gemmule")

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        make_folder(self, self.backup_dir)
        self._batches_seen = 0
        files = [path for path in map(self._file, ("latest", "previous")) if os.path.exists(path)]
        for number, path in enumerate(files):
            try:
                self.model.restore_training(path)
                self._say_what_else()
                return
            except ValueError as error:
                if number + 1 == len(files):
                    raise ValueError(
                        f"BackupAndRestore cannot go on from {path!r}. {error} Or delete the folder "
                        f"{self.backup_dir!r} to begin anew."
                    ) from None
                text = f"BackupAndRestore goes on from the last but one state, because of the last one: {error}"
                warnings.warn(text, GemmuleWarning, stacklevel=2)

    def _say_what_else(self) -> None:
        """What an error of the run says that goes on with other data, settings or callbacks."""
        if self.model._interrupted is not None:
            cure = f"delete BackupAndRestore's folder {self.backup_dir!r} to begin anew"
            self.model._interrupted = self.model._interrupted._replace(otherwise=cure)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        if self.save_freq == "epoch":
            self._write_at(None, logs or {})

    def _write_at(self, batch: int | None, logs: dict[str, Any]) -> None:
        latest = self._file("latest")

        def write() -> None:
            os.makedirs(self.backup_dir, exist_ok=True)
            if not self.double_checkpoint:
                self.model.save_training(latest)
                return
            self.model.save_training(self._file("next"))
            with suppress(FileNotFoundError):
                os.replace(latest, self._file("previous"))
            os.replace(self._file("next"), latest)

        self._write(latest, write)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        if not self.delete_checkpoint:
            return
        for path in map(self._file, ("latest", "previous", "next")):
            remove_leftovers(path)
            with suppress(OSError):
                os.unlink(path)
        with suppress(OSError):  # somebody keeps other things there
            os.rmdir(self.backup_dir)
