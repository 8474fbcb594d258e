"""Reading and writing named arrays in the safetensors format.

A file is an 8-byte little-endian header length, a JSON header, and the raw bytes of all arrays. The header maps each
name to its `dtype`, `shape` and `data_offsets` (begin and end within the data), and `"__metadata__"` to a dictionary of
strings. No code can hide in such a file. gemmule adds checksums to the metadata, which other readers ignore.

A file is never trusted: lengths, types and ranges are checked before memory is taken, so that reading takes no more
memory than the file is long (twice that for bfloat16, which NumPy lacks and which is widened to float32).

Source: the format's description, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from typing import Any, NamedTuple

import numpy as np

from gemmule.errors import received
from gemmule.saving.text import parse
from gemmule.utils.files import atomic_write

__all__ = ["load_file", "save_file"]

MAX_HEADER = 100_000_000  # bytes; the limit of the format's own reader
MAX_RANK = 32  # of arrays in every NumPy version supported
CHECKSUMS = "gemmule.checksums"
ROW = 8192  # bytes
BLOCK = 64 * ROW  # so much stays in the cache between being read and being checked
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


# ---- Writing ---------------------------------------------------------------------------------------------------------


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
    header = _header(arrays, _checked_metadata(metadata))
    with atomic_write(path) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name in _storage_order(arrays):
            file.write(_bytes_of(arrays[name]))


def _storable(name: str, value: Any) -> np.ndarray:
    """The array in C order and little-endian, copied only if it is not so already."""
    if not isinstance(name, str):
        raise TypeError(f"The name of an array must be a string.{received(name=name)}")
    if name == METADATA:
        raise ValueError(f"The name {METADATA!r} is reserved by the safetensors format. Choose another one.")
    array = np.asarray(value)
    dtype = array.dtype.newbyteorder("<")
    if dtype not in CODES:
        known = ", ".join(sorted(known.name for known in CODES))
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


def _storage_order(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Wide types first, so that every array begins at a multiple of its item size."""
    return sorted(arrays, key=lambda name: -arrays[name].itemsize)


def _header(arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The JSON header: entries in the caller's order, padded with spaces so that the data begins at a multiple of 8."""
    begins, position = {}, 0
    for name in _storage_order(arrays):
        begins[name], position = position, position + arrays[name].nbytes
    entries = {
        name: Entry(CODES[array.dtype], array.shape, begins[name], begins[name] + array.nbytes)
        for name, array in arrays.items()
    }
    checksums = {
        "header": _header_checksum(entries, metadata),
        "tensors": {name: _checksum(array) for name, array in arrays.items()},
    }
    fields: dict[str, Any] = {
        METADATA: {**metadata, CHECKSUMS: json.dumps(checksums, separators=(",", ":"), ensure_ascii=False)}
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


def _bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8))


def _checksum(array: np.ndarray) -> str:
    raw = array.reshape(-1).view(np.uint8)
    return _of_blocks(raw.size, lambda number: _of_block(raw[number * BLOCK : (number + 1) * BLOCK]))


def _of_blocks(size: int, of_block: Callable[[int], int]) -> str:
    """The checksum of an array from those of its blocks.

    Args:
        size: Bytes of the array.
        of_block: The checksum of the block of a number.

    Returns:
        That of the only block; of several the CRC-32 of theirs.
    """
    found = np.array([of_block(number) for number in range(-(-size // BLOCK))], "<u4")
    return f"{found[0] if len(found) == 1 else zlib.crc32(found):08x}"


def _of_block(block: np.ndarray) -> int:
    """CRC-32 of the sums of rows and columns of the block as a table of words, and of the rest.

    Adding words takes an eighth of the time of a CRC. Every change of up to three words changes a sum, because each
    word counts in a row and in a column.
    """
    whole, total = block.size // ROW * ROW, 0
    if whole:
        words = block[:whole].view("<u8").reshape(-1, ROW // 8)
        total = zlib.crc32(words.sum(axis=0, dtype="<u8"), zlib.crc32(words.sum(axis=1, dtype="<u8")))
    return zlib.crc32(block[whole:], total)


def _header_checksum(entries: Mapping[str, Entry], metadata: Mapping[str, str]) -> str:
    """CRC-32 of what the header says, in an unambiguous text form."""
    text = json.dumps([list(entries.items()), list(metadata.items())], separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"


# ---- Reading ---------------------------------------------------------------------------------------------------------


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
        return {name: reader.read(name) for name in reader.entries}, reader.metadata


class Reader:
    """A safetensors file, open for reading arrays one by one. Its header has been checked.

    Args:
        path: The file.

    Attributes:
        entries: What the header says of each array, by name.
        metadata: Strings kept with the arrays.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the header is truncated, corrupt or not in this format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (closed by close)
        try:
            with self.explaining():
                self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        fields = _read_header(self._file, size)
        self._start = self._file.tell()
        self.metadata = _metadata(fields.pop(METADATA, {}))
        self.entries = {name: _entry(name, field) for name, field in fields.items()}
        _check_layout(self.entries, size - self._start)
        self._checksums = _checksums(self.entries, self.metadata)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Lets a `ValueError` inside of the block say which file it is about."""
        try:
            yield
        except ValueError as error:
            raise ValueError(
                f"Cannot read {self.path!r}: {error} Restore the file from a copy or write it again."
            ) from error

    def read(self, name: str) -> np.ndarray:
        """An array, its bytes checked."""
        entry = self.entries[name]
        array = np.empty(entry.shape, DTYPES[entry.code])
        self.read_into(name, array)
        if entry.code == BFLOAT16:  # the upper half of a float32
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type of what `read` returns."""
        code = self.entries[name].code
        return np.dtype(np.float32) if code == BFLOAT16 else DTYPES[code].newbyteorder("=")

    def read_into(self, name: str, array: np.ndarray) -> None:
        """Fills an array with the bytes of one in the file, and checks them.

        Args:
            name: Of the array in the file.
            array: Contiguous, and of the shape and type stored.

        Raises:
            ValueError: if the bytes are not what was written; then the array holds some of them.
        """
        raw = array.reshape(-1).view(np.uint8)
        self._pass(name, lambda number: raw[number * BLOCK : (number + 1) * BLOCK])

    def verify(self, name: str) -> None:
        """Checks the bytes of an array without keeping them; `read_into` will then find nothing wrong."""
        size = self.entries[name].end - self.entries[name].begin
        buffer = np.empty(min(size, BLOCK), np.uint8)
        self._pass(name, lambda number: buffer[: size - number * BLOCK])

    def _pass(self, name: str, place: Callable[[int], np.ndarray]) -> None:
        """Reads an array, block by block, to where `place` says, and checks it."""
        entry, checksum = self.entries[name], self._checksums.get(name)

        def read_block(number: int) -> int:
            block = place(number)
            self._fill(name, block)
            if entry.code == "BOOL" and block.max() > 1:
                raise ValueError(f"array {name!r} is corrupt: a boolean is neither 0 nor 1.")
            return _of_block(block) if self._checksums else 0

        self._file.seek(self._start + entry.begin)
        with self.explaining():
            found = _of_blocks(entry.end - entry.begin, read_block)
            if self._checksums and checksum != found:
                raise ValueError(f"array {name!r} is corrupt: its checksum does not match.")

    def _fill(self, name: str, block: np.ndarray) -> None:
        view, filled = memoryview(block), 0
        while filled < block.size:
            count = self._file.readinto(view[filled:])
            if not count:
                raise ValueError(f"the file is truncated: it ends within array {name!r}.")
            filled += count

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _read_header(file: FileIO, size: int) -> dict[str, Any]:
    """Reads and parses the header; afterwards the file stands at the first byte of data."""
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


def _checksums(entries: Mapping[str, Entry], metadata: dict[str, str]) -> dict[str, str]:
    """Takes gemmule's checksums out of the metadata, verifies the header's, and returns those of the arrays."""
    if any(_resembles(key, CHECKSUMS) for key in metadata):  # flipped bits in the key must not switch the check off
        raise ValueError("the header is corrupt: the key of its checksums is damaged.")
    if CHECKSUMS not in metadata:
        return {}
    text = metadata.pop(CHECKSUMS)
    try:
        checksums = json.loads(text)
        header, tensors = checksums["header"], checksums["tensors"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("the header is corrupt: its checksums cannot be read.") from None
    if header != _header_checksum(entries, metadata) or not isinstance(tensors, dict) or set(tensors) != set(entries):
        raise ValueError("the header is corrupt: its checksum does not match.")
    return tensors


def _resembles(key: str, word: str) -> bool:
    """Whether a few characters, but not all, have been replaced."""
    same = sum(left == right for left, right in zip(key, word))
    return len(key) == len(word) and len(word) // 2 <= same < len(word)
