"""Finding, downloading, decompressing and verifying the files of data sets."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

DATA_VARIABLE = "GEMMULE_DATA_DIR"
CACHE_VARIABLE = "GEMMULE_CACHE_DIR"
Content = TypeVar("Content")
DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
        folder: The data set's folder below the data folder or the cache.
        name: The file's name in it; its ending says how it is compressed: `.gz`, `.xz` or `.tgz`.
        size: Length of the decompressed bytes.
        sha256: Their hash. The compressed bytes differ between mirrors, these do not.
        urls: Where to download the file, best first.
        member: For a tar archive, the only member that is read.
    """

    folder: str
    name: str
    size: int
    sha256: str
    urls: tuple[str, ...] = ()
    member: str = ""


# ---- Finding ---------------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where downloads are kept: `GEMMULE_CACHE_DIR`, or `gemmule` in the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gemmule"


def data_folder() -> Path | None:
    """The folder `GEMMULE_DATA_DIR` names, or None when it is not set.

    Raises:
        ValueError: if it names no folder.
    """
    chosen = os.environ.get(DATA_VARIABLE)
    if not chosen:
        return None
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise ValueError(
            f"The environment variable {DATA_VARIABLE} names no folder. Unset it, or let it name one with "
            f"the folders fashion-mnist, mnist, cifar-10 and housing. Received: {DATA_VARIABLE}={chosen!r}."
        )
    return folder


def find(file: DataFile) -> Path | None:
    """The path of a file that is on this machine, or None."""
    for root in (data_folder(), cache_folder()):
        if root is not None and (root / file.folder / file.name).is_file():
            return root / file.folder / file.name
    return None


def available(files: Sequence[DataFile]) -> bool:
    """Whether all files are on this machine, so that loading needs no download."""
    return all(find(file) is not None for file in files)


def read(file: DataFile) -> bytes:
    """The verified, decompressed bytes of a file, downloaded if need be.

    Raises:
        ImportError: if the file must be downloaded and pooch is missing.
        OSError: if no mirror can be reached.
        ValueError: if the file is truncated or corrupt.
    """
    path = find(file)
    return download(file, unpack) if path is None else read_at(path, file, unpack)


def read_at(path: Path, file: DataFile, reader: Callable[[Path, DataFile], Content]) -> Content:
    """What `reader` makes of a file on this machine; its complaints are completed by what to do about them."""
    try:
        return reader(path, file)
    except ValueError as error:
        cure = "Delete it" if cache_folder() in path.parents else "Replace it by the original, or delete it"
        raise ValueError(f"{error} {cure}, and call load_data() again: a missing file is downloaded.") from error


# ---- Unpacking -------------------------------------------------------------------------------------------------------


def unpack(path: Path, file: DataFile) -> bytes:
    """Decompresses and verifies; takes no more memory than the file is known to need, whatever it contains.

    Raises:
        ValueError: if the content is not what `file` says.
    """
    with open(path, "rb") as raw:
        content = _untar(raw, path, file) if file.member else _decompress(raw, path, file.size)
    if len(content) != file.size:
        problem = "is longer than" if len(content) > file.size else "is truncated: it holds less than"
        raise ValueError(f"The data file {str(path)!r} {problem} {file.size} bytes after decompression.")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ValueError(
            f"The data file {str(path)!r} is corrupt: the SHA-256 of its decompressed bytes should be "
            f"{file.sha256}. Received: {digest}."
        )
    return content


def _decompress(raw: BinaryIO, path: Path, limit: int) -> bytes:
    """At most `limit + 1` bytes: one too many shows that there are more."""
    opener = lzma.open if path.suffix == ".xz" else gzip.open
    try:
        with opener(raw, "rb") as stream:
            return stream.read(limit + 1)
    except DAMAGED as error:
        raise ValueError(f"The data file {str(path)!r} is truncated or corrupt: {error}.") from error


def _untar(raw: BinaryIO, path: Path, file: DataFile) -> bytes:
    """The bytes of one member. Nothing is extracted to the disk, and no other member is looked at."""
    archive = _decompress(raw, path, file.size + 2**20)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            member = tar.getmember(file.member)
            stream = tar.extractfile(member) if member.isreg() and member.size == file.size else None
            if stream is None:
                raise ValueError(f"{file.member} is no regular file of {file.size} bytes")
            return stream.read(file.size)
    except (tarfile.TarError, EOFError, KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"The data file {str(path)!r} is truncated or corrupt: {error}.") from error


# ---- Downloading -----------------------------------------------------------------------------------------------------


def download(file: DataFile, reader: Callable[[Path, DataFile], Content]) -> Content:
    """Fetches a file from the first mirror that has it, verifies it by reading it and puts it into the cache."""
    pooch = _pooch(file)
    folder = cache_folder() / file.folder
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
        for number, url in enumerate(file.urls):
            try:
                # The hash is of the decompressed bytes, so it is `reader` that verifies, not pooch.
                name = f"{number}-{file.name}"
                path = Path(pooch.retrieve(url, known_hash=None, fname=name, path=temporary))
                content = reader(path, file)
            except (OSError, ValueError) as error:  # the exceptions of requests are OSErrors
                failures.append(f"{url}: {error}")
                continue
            os.replace(path, folder / file.name)
            return content
    raise OSError(
        f"{file.folder}/{file.name} could not be downloaded. Put the file into the folder {str(folder)!r} by "
        f"hand, or into the folder {file.folder!r} of {DATA_VARIABLE}. Tried: {'; '.join(failures)}."
    )


def _pooch(file: DataFile):  # type: ignore[no-untyped-def]
    """Imports pooch, which only downloads need, and keeps it quiet."""
    try:
        import pooch
    except ImportError as error:
        folder = data_folder()
        raise ImportError(
            f"{file.folder}/{file.name} is not on this machine, and downloading it needs pooch: "
            f'pip install "gemmule[data]". Looked in {DATA_VARIABLE} ({folder or "not set"}) and in the cache '
            f"({cache_folder()}). fashion_mnist.load_sample() needs no download."
        ) from error
    pooch.get_logger().setLevel("WARNING")
    return pooch
