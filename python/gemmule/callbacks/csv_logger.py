"""A line of a CSV file for each epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from gemmule.callbacks.callback import Callback, Logs
from gemmule.callbacks.writing import warn_unwritten
from gemmule.errors import received
from gemmule.utils.paths import path_of


class CSVLogger(Callback):
    """Writes the values of each epoch to a CSV file, flushed line by line, so that it can be followed.

    Columns are `epoch`, counted from 0, and the values of the first epoch in the order of the alphabet; without
    validation in the first epoch there are empty (`NA`) columns for it, as in Keras. A run that is taken up again,
    `fit(resume=True)`, goes on behind the lines that the file had when it was saved. A full disk costs lines and a
    warning, not the training.

    Args:
        filename: the file.
        separator: one character between columns.
        append: whether to go on with a file that exists, which keeps its header, instead of starting it anew.

    Raises:
        TypeError: for what is no path.
        ValueError: for a separator that is not one character.
        FileNotFoundError: when training begins, if the folder does not exist.

    Example:
        >>> model.fit(x, y, epochs=10, callbacks=[gm.callbacks.CSVLogger("training.csv")])
        >>> pandas.read_csv("training.csv").plot(x="epoch")
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character.{received(separator=separator)}")
        self.filename = path_of(filename, "CSVLogger: filename")
        self.sep, self.append = separator, bool(append)
        self._file: TextIO | None = None
        self._keys: list[str] | None = None
        self._begin: int | None = 0  # bytes of the file that are kept; `None` for all
        self._warned = False

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._close()
        path = Path(self.filename)
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(
                f"CSVLogger: the folder {str(path.parent)!r} does not exist. Create it before training, for example "
                "with os.makedirs."
            )
        self._keys, self._begin, self._warned = None, None if self.append else 0, False

    def _open(self) -> TextIO:
        """Opens the file at the place where lines are to be written, when the first one is."""
        path = Path(self.filename)
        file = open(path, "a+", newline="", encoding="utf-8")  # noqa: SIM115 - closed when training ends
        if self._begin is not None:
            file.truncate(min(self._begin, path.stat().st_size))
        self._begin, self._keys = path.stat().st_size, self._header(path)
        return file

    def _header(self, path: Path) -> list[str] | None:
        """The columns of a file that is continued."""
        with open(path, newline="", encoding="utf-8") as file:
            first = next(csv.reader(file, delimiter=self.sep), None)
        return first[1:] if first else None

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        path = Path(self.filename)
        size = path.stat().st_size if path.exists() else 0
        return {"bytes": size if self._begin is None else min(self._begin, size)}

    def set_state(self, state: dict[str, Any]) -> None:  # noqa: D102
        self._begin = int(state["bytes"])  # what lies behind them will come again

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        try:
            self._file = self._file or self._open()
            self._write(self._file, epoch, logs or {})
            self._begin = os.fstat(self._file.fileno()).st_size
        except OSError as error:  # the next line, if there is room again, will be written behind the last whole one
            self._close()
            if not self._warned:
                warn_unwritten(self, self.filename, error, "lines of some epochs are missing")
            self._warned = True

    def _write(self, file: TextIO, epoch: int, logs: Logs) -> None:
        writer = csv.writer(file, delimiter=self.sep, lineterminator="\n")
        if self._keys is None:
            self._keys = sorted(logs)
            if not any(name.startswith("val_") for name in logs):
                self._keys += [f"val_{name}" for name in self._keys]
            writer.writerow(["epoch", *self._keys])
        writer.writerow([epoch, *(_text(logs.get(name, "NA")) for name in self._keys)])
        file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what is left to write is what could not be written
                self._file.close()
            self._file = None


def _text(value: Any) -> Any:
    """Lists and arrays as `[1, 2]`, all else as it is."""
    if isinstance(value, str) or np.ndim(value) == 0 or not isinstance(value, Iterable):
        return value
    return f"[{', '.join(map(str, value))}]"
