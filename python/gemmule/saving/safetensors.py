"""Reading and writing named arrays in the safetensors format.

A file is an 8-byte little-endian header length, a JSON header, and the raw bytes of all arrays. The header maps each
name to its `dtype`, `shape` and `data_offsets` (begin and end within the data), and `"__metadata__"` to a dictionary of
strings. No code can hide in such a file. gemmule adds checksums to the metadata, which other readers ignore.

A file is never trusted: lengths, types and ranges are checked before memory is taken, so that reading takes no more
memory than the file is long (twice that for bfloat16, which NumPy lacks and which is widened to float32).

Source: the format's description, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.saving import header
from gemmule.saving.checksums import CHECKSUMS
from gemmule.saving.reader import Reader
from gemmule.utils.files import atomic_write

__all__ = ["load_file", "save_file"]


def save_file(
    tensors: Mapping[str, Any], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes named arrays to a safetensors file, whole or not at all.

    Args:
        tensors: Names and arrays (or anything `numpy.asarray` takes) of floating, integer or boolean type. Any byte
            order and strides; stored little-endian in C order.
        path: The file to write. An existing one is replaced in one step at the end.
        metadata: Strings to keep with the arrays.

    Raises:
        TypeError: if a name or a metadata entry is no string.
        ValueError: if an array's type has no place in the format, or a name is reserved.

    Example:
        >>> save_file({"dense/kernel": np.zeros((4, 3), np.float32)}, "weights.safetensors", {"epoch": "10"})
    """
    arrays = {name: _storable(name, value) for name, value in tensors.items()}
    head = header.make(arrays, _checked_metadata(metadata))
    with atomic_write(path) as file:
        file.write(len(head).to_bytes(8, "little"))
        file.write(head)
        for name in header.storage_order(arrays):
            file.write(_bytes_of(arrays[name]))


def _storable(name: str, value: Any) -> np.ndarray:
    """The array in C order and little-endian, copied only if it is not so already."""
    if not isinstance(name, str):
        raise TypeError(f"The name of an array must be a string.{received(name=name)}")
    if name == header.METADATA:
        raise ValueError(f"The name {header.METADATA!r} is reserved by the safetensors format. Choose another one.")
    array = np.asarray(value)
    dtype = array.dtype.newbyteorder("<")
    if dtype not in header.CODES:
        known = ", ".join(sorted(known.name for known in header.CODES))
        raise ValueError(f"Array {name!r}: type {array.dtype} cannot be stored in a safetensors file. Known: {known}.")
    return np.asarray(array, dtype=dtype, order="C")


def _checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    metadata = dict(metadata or {})
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"Metadata must map strings to strings.{received(key=key, value=value)}")
    if CHECKSUMS in metadata:
        raise ValueError(f"The metadata key {CHECKSUMS!r} is reserved for gemmule's checksums. Choose another one.")
    return metadata


def _bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8))


def load_file(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads a safetensors file, of gemmule's or another program's.

    Args:
        path: The file.

    Returns:
        The arrays by name, in the order of the header and in native byte order, and the metadata. bfloat16 arrays come
        as float32. Checksums, where gemmule wrote them, have been verified and are left out of the metadata.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is truncated, corrupt or not in this format; the message says what is wrong.

    Example:
        >>> tensors, metadata = load_file("weights.safetensors")
    """
    with Reader(path) as reader:
        return reader.read(reader.entries), reader.metadata
