"""Finding, verifying and downloading files."""

from __future__ import annotations

import gzip
import hashlib
import re
import sys
import tarfile
from pathlib import Path

import pytest

from gemmule.datasets import _files, mnist
from gemmule.datasets._files import DataFile
from tests.datasets.made import CONTENT, SMALL, archive, fake_pooch, message, put

# ---- Files -----------------------------------------------------------------------------------------------------------


def test_data_folder_comes_before_cache(folders):
    data, cache = folders
    assert _files.find(SMALL) is None
    assert not _files.available([SMALL])
    in_cache = put(cache, gzip.compress(CONTENT))
    assert _files.find(SMALL) == in_cache
    in_data = put(data, gzip.compress(CONTENT, 1))
    assert _files.find(SMALL) == in_data
    assert _files.read(SMALL) == CONTENT


def test_data_folder_must_exist(monkeypatch):
    monkeypatch.setenv("GEMMULE_DATA_DIR", "/no/such/folder")
    text = ("The environment variable GEMMULE_DATA_DIR names no folder. Unset it, or let it name one with the folders "
            "fashion-mnist, mnist, cifar-10 and housing. Received: GEMMULE_DATA_DIR='/no/such/folder'.")  # fmt: skip
    with pytest.raises(ValueError, match=message(text)):
        mnist.load_data()


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GEMMULE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _files.cache_folder() == tmp_path / "gemmule"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert _files.cache_folder() == Path.home() / ".cache" / "gemmule"


def damaged() -> dict[str, tuple[bytes, str]]:
    packed = gzip.compress(CONTENT)
    flipped = bytearray(CONTENT)
    flipped[-1] ^= 1
    ended = "Compressed file ended before the end-of-stream marker was reached"
    digest = hashlib.sha256(flipped).hexdigest()
    return {
        "truncated": (packed[:-9], f"is truncated or corrupt: {ended}."),
        "empty": (b"", f"is truncated: it holds less than {len(CONTENT)} bytes after decompression."),
        "no gzip": (b"hello world", "is truncated or corrupt: Not a gzipped file (b'he')."),
        "shorter": (gzip.compress(CONTENT[:-1]), f"is truncated: it holds less than {len(CONTENT)} bytes after "
                                                 "decompression."),
        "longer": (gzip.compress(bytes(10**7)), f"is longer than {len(CONTENT)} bytes after decompression."),
        "flipped": (gzip.compress(flipped), "is corrupt: the SHA-256 of its decompressed bytes should be "
                                            f"{SMALL.sha256}. Received: {digest}."),
    }  # fmt: skip


@pytest.mark.parametrize("kind", damaged())
def test_damaged_file(folders, kind):
    packed, problem = damaged()[kind]
    path = put(folders[0], packed)
    text = (f"The data file {str(path)!r} {problem} Replace it by the original, or delete it, and call load_data() "
            "again: a missing file is downloaded.")  # fmt: skip
    with pytest.raises(ValueError, match=message(text)):
        _files.read(SMALL)


def test_damaged_cache_file(folders):
    put(folders[1], b"hello")
    with pytest.raises(ValueError, match=r" Delete it, and call load_data\(\) again: a missing file is downloaded\.$"):
        _files.read(SMALL)


TARRED = DataFile("set", "small.tgz", len(CONTENT), SMALL.sha256, member="in/small.idx")


def test_tar_member(folders):
    put(folders[0], archive({"other": b"x" * 5000, "in/small.idx": CONTENT}), TARRED)
    assert _files.read(TARRED) == CONTENT


@pytest.mark.parametrize(
    ("packed", "problem"),
    [
        (archive({"other": CONTENT}), "is truncated or corrupt: \"filename 'in/small.idx' not found\""),
        (archive({"in/small.idx": CONTENT[:-1]}), f"in/small.idx is no regular file of {len(CONTENT)} bytes"),
        (archive({"in/small.idx": b""}, tarfile.SYMTYPE), f"in/small.idx is no regular file of {len(CONTENT)} bytes"),
        (archive({"in/small.idx": CONTENT})[:-12], "is truncated or corrupt: Compressed file ended before"),
        (gzip.compress(b"no tar at all" * 99), "is truncated or corrupt: "),
        (gzip.compress(bytes(10**8)), "is truncated or corrupt: "),
    ],
)
def test_damaged_tar(folders, packed, problem):
    put(folders[0], packed, TARRED)
    with pytest.raises(ValueError, match=re.escape(problem)):
        _files.read(TARRED)


# ---- Downloads, from a pooch that needs no network -------------------------------------------------------------------


def test_download_fills_the_cache(folders, monkeypatch):
    asked = fake_pooch(monkeypatch, {"https://host/small.gz": gzip.compress(CONTENT)})
    assert _files.read(SMALL) == CONTENT
    assert _files.read(SMALL) == CONTENT
    assert asked == ["https://host/small.gz"]
    assert [path.name for path in (folders[1] / "set").iterdir()] == ["small.gz"]


def test_download_goes_on_to_the_next_mirror(folders, monkeypatch):
    file = DataFile("set", "small.gz", SMALL.size, SMALL.sha256, ("https://a/", "https://b/", "https://c/"))
    asked = fake_pooch(monkeypatch, {"https://b/": b"<html>", "https://c/": gzip.compress(CONTENT)})
    assert _files.read(file) == CONTENT
    assert asked == ["https://a/", "https://b/", "https://c/"]


def test_download_fails_with_a_cure(folders, monkeypatch):
    fake_pooch(monkeypatch, {})
    text = (f"set/small.gz could not be downloaded. Put the file into the folder {str(folders[1] / 'set')!r} by hand, "
            "or into the folder 'set' of GEMMULE_DATA_DIR. Tried: https://host/small.gz: 404 not found.")  # fmt: skip
    with pytest.raises(OSError, match=message(text)):
        _files.read(SMALL)
    assert list((folders[1] / "set").iterdir()) == []


def test_download_without_pooch_names_the_extra(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    data, cache = folders
    text = (f'set/small.gz is not on this machine, and downloading it needs pooch: pip install "gemmule[data]". Looked '
            f"in GEMMULE_DATA_DIR ({data}) and in the cache ({cache}). fashion_mnist.load_sample() needs no "
            "download.")  # fmt: skip
    with pytest.raises(ImportError, match=message(text)):
        _files.read(SMALL)
