"""Headers of safetensors files: what they may say, making them, and reading them without trust."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from io import FileIO
from typing import Any, NamedTuple

import numpy as np

from gemmule.saving import checksums
from gemmule.saving.text import parse

MAX_HEADER = 100_000_000  # bytes; the limit of the format's own reader
MAX_RANK = 32  # of arrays in every NumPy version supported
METADATA = "__metadata__"
BFLOAT16 = "BF16"
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), BFLOAT16: np.dtype("<u2"),
    "I64": np.dtype("<i8"), "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"), "U32": np.dtype("<u4"), "U16": np.dtype("<u2"), "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}  # fmt: skip
CODES = {dtype: code for code, dtype in DTYPES.items() if code != BFLOAT16}


class Entry(NamedTuple):
    """What the header says of one array; `begin` and `end` count from the first byte behind the header."""

    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


def storage_order(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Wide types first, so that every array begins at a multiple of its item size."""
    return sorted(arrays, key=lambda name: -arrays[name].itemsize)


def make(arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The JSON header: entries in the caller's order, padded with spaces so that the data begins at a multiple of 8."""
    begins, position = {}, 0
    for name in storage_order(arrays):
        begins[name], position = position, position + arrays[name].nbytes
    entries = {
        name: Entry(CODES[array.dtype], array.shape, begins[name], begins[name] + array.nbytes)
        for name, array in arrays.items()
    }
    sums = {
        "header": checksums.of_header(entries, metadata),
        "tensors": {name: checksums.of_array(array) for name, array in arrays.items()},
    }
    fields: dict[str, Any] = {
        METADATA: {**metadata, checksums.CHECKSUMS: json.dumps(sums, separators=(",", ":"), ensure_ascii=False)}
    }
    for name, entry in entries.items():
        fields[name] = {"dtype": entry.code, "shape": list(entry.shape), "data_offsets": [entry.begin, entry.end]}
    try:
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("A name or a metadata entry holds a lone surrogate, which UTF-8 cannot write.") from error
    if len(text) + 8 > MAX_HEADER:
        raise ValueError(f"Names and metadata take {len(text)} bytes; the format allows {MAX_HEADER}.")
    return text + b" " * (-len(text) % 8)


def read(file: FileIO, size: int) -> tuple[dict[str, Entry], dict[str, str]]:
    """Reads and checks a header; afterwards the file stands at the first byte of data.

    Args:
        file: at its beginning.
        size: its bytes.

    Returns:
        What it says of each array, and the metadata.

    Raises:
        ValueError: if it is truncated, corrupt or not in this format.
    """
    fields = _parsed(file, size)
    metadata = _metadata(fields.pop(METADATA, {}))
    entries = {name: _entry(name, field) for name, field in fields.items()}
    _check_layout(entries, size - file.tell())
    return entries, metadata


def _parsed(file: FileIO, size: int) -> dict[str, Any]:
    if size < 8:
        raise ValueError(f"the file is truncated: it has {size} bytes, fewer than the 8 of its header length.")
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        raise ValueError(
            f"this is no safetensors file, or it is corrupt: it announces a header of {length} bytes; "
            f"the format allows {MAX_HEADER}."
        )
    if length > size - 8:
        raise ValueError(f"the file is truncated: its header takes {length} bytes and only {size - 8} follow.")
    text = file.read(length)
    if not text.startswith(b"{"):
        raise ValueError("this is no safetensors file: its header does not begin with '{'.")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the header is corrupt: {str(error)[:200]}.") from None
    return parse(decoded, "the header")


def _metadata(field: Any) -> dict[str, str]:
    if not isinstance(field, dict) or not all(isinstance(value, str) for value in field.values()):
        raise ValueError(f"the header is corrupt: {METADATA} does not map strings to strings.")
    return field


def _entry(name: str, field: Any) -> Entry:
    """Checks one array's description against itself; Python's integers cannot overflow."""
    if not isinstance(field, dict) or set(field) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"array {name!r} is not described by dtype, shape and data_offsets.")
    code, shape, offsets = field["dtype"], field["shape"], field["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise ValueError(f"array {name!r} has the unknown dtype {str(code)[:40]!r}. Known: {', '.join(DTYPES)}.")
    if not _is_sizes(shape) or len(shape) > MAX_RANK:
        raise ValueError(f"array {name!r} has the impossible shape {str(shape)[:80]}.")
    if not _is_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"array {name!r} has the impossible data_offsets {str(offsets)[:80]}.")
    size = DTYPES[code].itemsize * math.prod(shape)
    if size != offsets[1] - offsets[0]:
        raise ValueError(
            f"array {name!r} of dtype {code} and shape {str(shape)[:80]} takes {size} bytes, but its "
            f"data_offsets {offsets} span {offsets[1] - offsets[0]}."
        )
    if math.prod(max(extent, 1) for extent in shape) >= 2**59:  # an empty array: NumPy multiplies the other extents
        raise ValueError(f"array {name!r} has the impossible shape {str(shape)[:80]}.")
    return Entry(code, tuple(shape), *offsets)


def _is_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _check_layout(entries: Mapping[str, Entry], data_size: int) -> None:
    """The arrays must cover the data exactly once: then reading them cannot take more memory than the file has."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            problem = "overlaps another array" if entry.begin < position else "leaves a hole before it"
            raise ValueError(
                f"the header is corrupt: array {name!r} {problem} (it begins at {entry.begin}, expected {position})."
            )
        position = entry.end
    if position > data_size:
        raise ValueError(
            f"the file is truncated: its arrays take {position} bytes and only {data_size} follow the header."
        )
    if position < data_size:
        raise ValueError(f"the file is corrupt: {data_size - position} bytes follow the last array.")
