"""CIFAR-10: 60,000 small colour pictures of animals and vehicles in ten classes."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from gemmule.data._decode import decode_cifar
from gemmule.datasets._files import DAMAGED, DataFile, cache_folder, data_folder, download, read_at
from gemmule.datasets._images import Split
from gemmule.errors import GemmuleWarning

__all__ = ["CLASS_NAMES", "is_available", "load_data"]

CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FOLDER, ARCHIVE, INNER = "cifar-10", "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
_HASHES = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
FILES = tuple(
    DataFile(
        FOLDER,
        ARCHIVE,
        size=30_730_000,
        sha256=digest,
        urls=(f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",),
        member=f"{INNER}/{name}",
    )
    for name, digest in _HASHES.items()
)
_LIMIT = 2**29  # bytes an archive may decompress to; the official one has 184 million
_TEST = "test_batch.bin"
_warned: set[str] = set()


def load_data() -> tuple[Split, Split]:
    """Loads CIFAR-10 (A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009), binary version.

    The classes are 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck
    (`CLASS_NAMES`).

    The folder `cifar-10` below `GEMMULE_DATA_DIR` or the download cache holds `cifar-10-binary.tar.gz`, or the files
    `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, as they are or in a folder `cifar-10-batches-bin`.
    What lies there may be a part of the set, or another version of its pictures: then a warning says once what
    differs, and what there is is loaded. A download has to be the original.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shapes `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`
        with pixels 0 to 255, channels red, green, blue; uint8 labels of shapes `(50000, 1)` and `(10000, 1)`.

    Raises:
        ImportError: if the files must be downloaded and pooch is missing.
        OSError: if they cannot be downloaded.
        ValueError: if a file is truncated or corrupt.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = gm.datasets.cifar10.load_data()
        >>> x_train.shape, y_train.shape
        ((50000, 32, 32, 3), (50000, 1))
    """
    where = _find()
    if where is None:
        where, batches = cache_folder() / FOLDER / ARCHIVE, download(FILES[0], _unpack_original)
    elif where.is_dir():
        batches = {name: (where / name).read_bytes() for name in _HASHES if (where / name).is_file()}
    else:
        batches = read_at(where, FILES[0], _unpack)
    _warn_if_not_official(where, batches)
    train = [name for name in batches if name != _TEST]
    return _decode(train, batches, where), _decode([_TEST] if _TEST in batches else [], batches, where)


def is_available() -> bool:
    """Whether `load_data` would find files on this machine, without a download."""
    return _find() is not None


# ---- Reading ---------------------------------------------------------------------------------------------------------


def _find() -> Path | None:
    """The archive, or the folder with `.bin` files, or `None` when neither is on this machine."""
    for root in (data_folder(), cache_folder()):
        if root is not None:
            if (root / FOLDER / ARCHIVE).is_file():
                return root / FOLDER / ARCHIVE
            for folder in (root / FOLDER / INNER, root / FOLDER):
                if any((folder / name).is_file() for name in _HASHES):
                    return folder
    return None


def _unpack(path: Path, file: DataFile) -> dict[str, bytes]:
    """The batches in an archive by name; read as a stream, so that no more than they is ever in memory.

    Raises:
        ValueError: if the archive is damaged or holds none.
    """
    batches: dict[str, bytes] = {}
    try:
        with gzip.open(path, "rb") as stream:
            capped = _Capped(stream)  # type: ignore[arg-type]
            with tarfile.open(fileobj=capped, mode="r|", bufsize=2**20) as tar:  # type: ignore[call-overload]
                for member in tar:
                    name = PurePosixPath(member.name).name
                    inside = tar.extractfile(member) if member.isreg() and name in _HASHES else None
                    if inside is not None:
                        batches[name] = inside.read()
            while capped.read(2**20):  # to the end: the checksum stands behind the data
                pass
    except (*DAMAGED, tarfile.TarError) as error:
        raise ValueError(f"The data file {str(path)!r} is truncated or corrupt: {error}.") from error
    if not batches:
        raise ValueError(f"The data file {str(path)!r} is no archive of CIFAR-10: it has none of {', '.join(_HASHES)}.")
    return {name: batches[name] for name in _HASHES if name in batches}


def _unpack_original(path: Path, file: DataFile) -> dict[str, bytes]:
    """Likewise, and refuses what is not the original: for downloads."""
    batches = _unpack(path, file)
    if differences := _differences(batches):
        raise ValueError(f"The data file {str(path)!r} is not the original: {differences}.")
    return batches


class _Capped:
    """A stream that gives no more bytes than any CIFAR-10 archive has."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, _LIMIT

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise EOFError(f"it is longer than {_LIMIT} bytes after decompression")
        return data


# ---- Checking and decoding -------------------------------------------------------------------------------------------


def _differences(batches: Mapping[str, bytes]) -> str:
    """How the batches differ from the original ones, `""` if they do not."""
    missing = [name for name in _HASHES if name not in batches]
    changed = [name for name in batches if hashlib.sha256(batches[name]).hexdigest() != _HASHES[name]]
    parts = [f"{', '.join(changed)} {_has(changed)} another SHA-256"] if changed else []
    return " and ".join([*parts, *([f"{', '.join(missing)} {_is(missing)} missing"] if missing else [])])


def _has(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _warn_if_not_official(where: Path, batches: Mapping[str, bytes]) -> None:
    differences = _differences(batches)
    if differences and str(where) not in _warned:
        _warned.add(str(where))
        warnings.warn(
            f"cifar10: the data in {str(where)!r} is not the original: {differences}. It is loaded as it is; "
            "accuracies cannot be compared with published ones.",
            GemmuleWarning,
            stacklevel=3,
        )


def _decode(names: list[str], batches: Mapping[str, bytes], where: Path) -> Split:
    """Images and labels of some batches, one behind the other."""
    parts = [decode_cifar(batches[name], f"{where.name}/{name}") for name in names]
    if not parts:
        return np.empty((0, 32, 32, 3), np.uint8), np.empty((0, 1), np.uint8)
    images, labels = (np.concatenate(group) for group in zip(*parts, strict=True))
    return images, labels[:, None]
