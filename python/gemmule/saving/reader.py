"""Reading arrays out of a safetensors file whose header has been checked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gemmule.config import num_threads
from gemmule.saving import checksums, header
from gemmule.saving.checksums import BLOCK
from gemmule.saving.header import BFLOAT16, DTYPES
from gemmule.utils.paths import file_to_read

_MOST_THREADS = 4  # memory is not any faster for more
_LEAST = 8  # blocks that are worth a thread
_STRETCH = 4  # blocks that a thread takes at once: one large page


class Reader:
    """A safetensors file, open for reading arrays. Its header has been checked.

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
        self.path = file_to_read(path, "path")
        self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115 (closed by close)
        self._turn = threading.Lock()
        try:
            with self.explaining():
                self.entries, self.metadata = header.read(self._file, os.fstat(self._file.fileno()).st_size)
                self._start = self._file.tell()
                self._checksums = checksums.take(self.entries, self.metadata)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Lets a `ValueError` inside of the block say which file it is about."""
        try:
            yield
        except ValueError as error:
            raise ValueError(
                f"Cannot read {self.path!r}: {error} Restore the file from a copy or write it again."
            ) from error

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Arrays in native byte order, their bytes checked."""
        arrays = {name: np.empty(self.entries[name].shape, DTYPES[self.entries[name].code]) for name in names}
        self.fill(arrays)
        for name, array in arrays.items():
            if self.entries[name].code == BFLOAT16:  # the upper half of a float32
                arrays[name] = (array.astype(np.uint32) << 16).view(np.float32)
            else:
                arrays[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
        return arrays

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type of what `read` returns."""
        code = self.entries[name].code
        return np.dtype(np.float32) if code == BFLOAT16 else DTYPES[code].newbyteorder("=")

    def verify(self, names: Iterable[str]) -> None:
        """Checks the bytes of arrays without keeping them; `fill` will then find nothing wrong."""
        self.fill(dict.fromkeys(names))

    def fill(self, arrays: Mapping[str, np.ndarray | None]) -> None:
        """Fills arrays with the bytes of those in the file, and checks them.

        Several threads read stretches of blocks and sum each while it is in the cache; neither takes Python's lock.

        Args:
            arrays: By name in the file; contiguous, and of the shape and type stored. `None` to check only.

        Raises:
            ValueError: if the bytes are not what was written; then the arrays hold some of them.
        """
        raws = {name: None if one is None else one.reshape(-1).view(np.uint8) for name, one in arrays.items()}
        sums = {name: [0] * checksums.blocks_of(self._nbytes(name)) for name in raws}
        blocks = [(name, number) for name, found in sums.items() for number in range(len(found))]

        def work(stretch: range) -> None:
            buffer = np.empty(BLOCK, np.uint8)
            for name, number in (blocks[place] for place in stretch):
                raw, begin = raws[name], number * BLOCK
                block = buffer[: self._nbytes(name) - begin] if raw is None else raw[begin : begin + BLOCK]
                sums[name][number] = self._read_block(name, begin, block)

        with self.explaining():
            _in_stretches(work, len(blocks))
            for name, found in sums.items():
                if self._checksums and self._checksums[name] != checksums.combined(found):
                    raise ValueError(f"array {name!r} is corrupt: its checksum does not match.")

    def _nbytes(self, name: str) -> int:
        return self.entries[name].end - self.entries[name].begin

    def _read_block(self, name: str, begin: int, block: np.ndarray) -> int:
        """Fills a block with the bytes of an array from `begin` on; its checksum."""
        position, filled = self._start + self.entries[name].begin + begin, 0
        while filled < block.size:
            count = self._read_at(position + filled, block[filled:])
            if not count:
                raise ValueError(f"the file is truncated: it ends within array {name!r}.")
            filled += count
        if self.entries[name].code == "BOOL" and block.max() > 1:
            raise ValueError(f"array {name!r} is corrupt: a boolean is neither 0 nor 1.")
        return checksums.of_block(block) if self._checksums else 0

    def _read_at(self, position: int, block: np.ndarray) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [block], position)
        with self._turn:  # Windows
            self._file.seek(position)
            return self._file.readinto(block)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _in_stretches(work: Callable[[range], None], count: int) -> None:
    """Lets threads take one stretch of so many pieces after the other; none waits long for one that has to.

    The first error is raised once all have ended.
    """
    stretches = iter([range(first, min(first + _STRETCH, count)) for first in range(0, count, _STRETCH)])
    errors: list[BaseException] = []

    def run() -> None:
        try:
            for stretch in stretches:
                if errors:
                    break
                work(stretch)
        except BaseException as error:
            errors.append(error)

    threads = min(num_threads(), _MOST_THREADS, count // _LEAST)
    others = [threading.Thread(target=run) for _ in range(1, threads)]
    for other in others:
        other.start()
    run()
    for other in others:
        other.join()
    if errors:
        raise errors[0]
