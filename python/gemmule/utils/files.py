"""Writing files so that a crash, a full disk or Ctrl-C leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomic_write"]


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a temporary file that takes the place of `path` when the block ends without an exception.

    The temporary file lies in the same folder, is flushed to the disk before it is renamed, and is removed when the
    block fails. A symbolic link is followed, and the permissions of an existing file are kept.

    Args:
        path: The file to write.

    Yields:
        A binary file open for writing.

    Raises:
        FileNotFoundError: if the folder does not exist.
        IsADirectoryError: if `path` is a folder.

    Example:
        >>> with atomic_write("numbers.bin") as file:
        ...     file.write(b"123")
    """
    target = Path(os.path.realpath(path))
    _check_target(target)
    temporary = target.with_name(f".{target.name[:100]}.{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _check_target(target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(f"A file is to be written, but its path is a folder. Received: path={str(target)!r}.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {str(target.parent)!r} does not exist. Create it before {target.name!r} is written into it."
        )


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself durable. Systems that cannot open folders (Windows) do it on their own."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
