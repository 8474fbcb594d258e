"""Event files that TensorBoard reads, written by hand: records with checksums around small protocol buffers.

Formats: TFRecord (TensorFlow's `record_writer.h`: length, checksum of the length, data, checksum of the data), and the
messages `Event`, `Summary`, `HistogramProto` and `GraphDef` of TensorFlow's `.proto` files. Checksums are CRC-32C
(Castagnoli, 1993), rotated and shifted by a constant.
"""

from __future__ import annotations

import os
import platform
import struct
import time
from collections.abc import Iterable, Sequence
from itertools import count

import numpy as np

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types
_numbers = count()


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """The checksum CRC-32C.

    Args:
        data: the bytes.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """Data framed as a record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


# ---- Protocol buffers ------------------------------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _field(number: int, wire: int, payload: bytes) -> bytes:
    return _varint(number << 3 | wire) + payload


def _integer(number: int, value: int) -> bytes:
    return _field(number, _VARINT, _varint(value))


def _double(number: int, value: float) -> bytes:
    return _field(number, _DOUBLE, struct.pack("<d", value))


def _bytes(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _field(number, _BYTES, _varint(len(data)) + data)


def scalar(tag: str, value: float) -> bytes:
    """A `Summary.Value` of one number."""
    return _bytes(1, tag) + _field(2, _FLOAT, struct.pack("<f", value))


def histogram(tag: str, values: np.ndarray, bins: int = 30) -> bytes:
    """A `Summary.Value` of how values are distributed; those that are not finite are left out."""
    flat = np.asarray(values, np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        flat = np.zeros(1)
    counts, edges = np.histogram(flat, bins)
    moments = (float(flat.min()), float(flat.max()), float(flat.size), float(flat.sum()), float(np.square(flat).sum()))
    message = b"".join(_double(number, value) for number, value in enumerate(moments, start=1))
    message += _bytes(6, edges[1:].astype("<f8").tobytes()) + _bytes(7, counts.astype("<f8").tobytes())
    return _bytes(1, tag) + _bytes(5, message)


def graph(nodes: Iterable[tuple[str, str, Sequence[str]]]) -> bytes:
    """A `GraphDef` of nodes, each a name, what it is, and the names of the nodes it reads."""
    return b"".join(
        _bytes(1, _bytes(1, name) + _bytes(2, kind) + b"".join(_bytes(3, source) for source in sources))
        for name, kind, sources in nodes
    )


class EventFile:
    """An event file of its own in a folder, which is made if need be.

    Args:
        folder: the folder: what TensorBoard calls a run.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{platform.node()}.{os.getpid()}.{next(_numbers)}"
        self.path = os.path.join(folder, name)
        self._file = open(self.path, "xb")  # noqa: SIM115 - closed by close()
        self._write(0, _bytes(3, "brain.Event:2"))

    def _write(self, step: int, content: bytes) -> None:
        self._file.write(record(_double(1, time.time()) + _integer(2, step) + content))

    def add(self, step: int, values: Iterable[bytes]) -> None:
        """Writes values that `scalar` and `histogram` made."""
        self._write(step, _bytes(5, b"".join(_bytes(1, value) for value in values)))

    def add_graph(self, graph_def: bytes) -> None:
        """Writes what `graph` made."""
        self._write(0, _bytes(4, graph_def))

    def flush(self) -> None:
        """Lets readers see what was written."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()
