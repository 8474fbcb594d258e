"""Writing files so that a crash, a full disk or Ctrl-C leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import os
import platform
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gemmule.utils.paths import path_of

__all__ = ["atomic_write"]


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a temporary file that takes the place of `path` when the block ends without an exception.

    The temporary file lies in the same folder, is flushed to the disk before it is renamed, and is removed when the
    block fails; those of killed processes are removed by the next one that writes the same file. A symbolic link is
    followed, and the permissions of an existing file are kept.

    Args:
        path: The file to write.

    Yields:
        A binary file open for writing.

    Raises:
        FileNotFoundError: if the folder does not exist.
        IsADirectoryError: if `path` is a folder.
        FileExistsError: if it is a device, a pipe or a socket.
        OSError: naming the file, if it cannot be written.

    Example:
        >>> with atomic_write("numbers.bin") as file:
        ...     file.write(b"123")
    """
    target = Path(os.path.realpath(path_of(path, "path")))
    _check_target(target)
    remove_leftovers(target)
    temporary = target.with_name(f"{_prefix(target)}{os.getpid()}.{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, os.fspath(temporary)):
            raise OSError(error.errno, error.strerror, os.fspath(target)) from None
        raise
    _sync_folder(target.parent)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Removes temporary files of `path` whose processes, on this machine, did not live to remove them.

    Args:
        path: the file they were to become.
    """
    target = Path(os.path.realpath(path))
    name = re.compile(re.escape(_prefix(target)) + r"(\d+)\.[0-9a-f]{16}\.tmp")
    with suppress(OSError):
        for entry in os.listdir(target.parent):
            found = name.fullmatch(entry)
            if found and _is_dead(int(found[1])):
                target.with_name(entry).unlink(missing_ok=True)


def _prefix(target: Path) -> str:
    """What names of temporary files begin with: numbers of processes mean something on one machine only."""
    return f".{target.name[:100]}.{zlib.crc32(platform.node().encode()):08x}-"


def _is_dead(process: int) -> bool:
    if os.name != "posix":  # asking would end it
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's
        return False
    return False


def _check_target(target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(f"A file is to be written, but its path is a folder. Received: path={str(target)!r}.")
    if target.exists() and not target.is_file():
        raise FileExistsError(
            f"A file is to be written, but its path is a device, a pipe or a socket, which is not replaced. Give "
            f"another path. Received: path={str(target)!r}."
        )
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
