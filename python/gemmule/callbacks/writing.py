"""What callbacks that write files from time to time have in common."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule.callbacks.callback import Callback
from gemmule.errors import GemmuleWarning, received


class Writer(Callback):
    """Base of callbacks that write at the end of epochs, or every so many batches.

    Args:
        save_freq: `"epoch"`, or a number of batches, counted over all epochs.

    Raises:
        ValueError: for anything else.
    """

    def __init__(self, save_freq: Any) -> None:
        batches = isinstance(save_freq, (int, np.integer)) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not batches:
            raise ValueError(
                f"{type(self).__name__}: save_freq must be 'epoch' or a positive number of batches."
                f"{received(save_freq=save_freq)}"
            )
        self.save_freq = save_freq
        self._batches_seen = 0
        if batches:  # an attribute, so that others do not pay for looking in after each batch
            self.__dict__["on_train_batch_end"] = self._after_batch

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches_seen += 1
        if self._batches_seen % self.save_freq == 0:
            self._write_at(batch, logs or {})

    def _write_at(self, batch: int | None, logs: dict[str, Any]) -> None:
        """Writes after a batch, or at the end of an epoch. To be overridden."""
        raise NotImplementedError

    def _write(self, path: str, write: Callable[[], Any]) -> bool:
        """Writes a file; a full disk or the like costs the file, but not the training."""
        try:
            write()
        except OSError as error:
            kept = "the old file is as it was" if os.path.exists(path) else "there is no file"
            warn_unwritten(self, path, error, kept)
            return False
        return True


def warn_unwritten(callback: Callback, path: str, error: OSError, result: str) -> None:
    """Says that a file could not be written, and that training goes on.

    Args:
        callback: whose file it is.
        path: the file.
        error: the reason.
        result: what is there now.
    """
    reason = error.strerror or error
    text = f"{type(callback).__name__} could not write {path!r}: {reason}. Training goes on; {result}."
    warnings.warn(text, GemmuleWarning, stacklevel=3)


def make_folder(callback: Callback, folder: str) -> None:
    """Creates a folder before training begins.

    Args:
        callback: who wants it.
        folder: its path.

    Raises:
        OSError: if it cannot be made.
    """
    try:
        os.makedirs(folder or ".", exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"{type(callback).__name__}: the folder {folder!r} does not exist and cannot be made: {error.strerror}. "
            "Give a path that can be written to."
        ) from None
