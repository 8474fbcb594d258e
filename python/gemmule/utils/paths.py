"""Paths that users pass: what is none, and what is not there."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any

from gemmule.errors import received


def path_of(value: Any, argument: str) -> str:
    """A path as text. Numbers, which would mean open files, and file objects are none.

    Args:
        value: what was passed.
        argument: what it was passed as.

    Raises:
        TypeError: for anything but a string or `Path`.
        ValueError: for an empty one.
    """
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(text, str):
        cure = " Pass the name of the file instead of the open file." if hasattr(value, "read") else ""
        raise TypeError(
            f"{argument} must be a path, a string or a pathlib.Path.{received(**_named(argument, value))}{cure}"
        )
    if not text:
        raise ValueError(f"{argument} must name a file or folder.{received(**_named(argument, value))}")
    return text


def _named(argument: str, value: Any) -> dict[str, Any]:
    return {argument.rpartition(": ")[2]: value}


def refuse_existing(value: Any, argument: str, overwrite: bool) -> None:
    """Refuses what is no path, and a file that may not be replaced.

    Raises:
        FileExistsError: if the file exists and `overwrite` is false.
    """
    path = path_of(value, argument)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path!r} exists. Pass overwrite=True to replace it.")


def file_to_read(value: Any, argument: str) -> str:
    """The path of a file that is there.

    Args:
        value: what was passed.
        argument: what it was passed as.

    Raises:
        FileNotFoundError: if it is not, with near matches in its folder.
        IsADirectoryError: if it is a folder.
        ValueError: if it is a device, a pipe or a socket.
    """
    path = path_of(value, argument)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder. Pass the file in it that is meant.")
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"{path!r} is a device, a pipe or a socket. Pass a file.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no file {path!r}.{_what_is_there(path)}")
    return path


def _what_is_there(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    try:
        others = [one for one in os.listdir(folder) if not one.startswith(".")]
    except OSError:
        return f" The folder {folder!r} does not exist, or cannot be looked into."
    near = get_close_matches(name, others, n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else f" Nothing in {folder!r} has a similar name."
