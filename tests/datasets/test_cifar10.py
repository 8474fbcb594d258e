"""CIFAR-10: its batches, variants and damages."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from gemmule.data._decode import decode_cifar

from gemmule.datasets import cifar10
from gemmule.datasets._files import DataFile
from gemmule.errors import GemmuleWarning
from tests.datasets.made import archive, fake_pooch, message, put


def cifar_batch(count: int, seed: int = 0) -> tuple[bytes, np.ndarray, np.ndarray]:
    """A batch file of random pictures, and its images and labels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, count, dtype=np.uint8)
    planes = images.transpose(0, 3, 1, 2).reshape(count, -1)
    return np.concatenate([labels[:, None], planes], axis=1).tobytes(), images, labels


def put_cifar(folder: Path, packed: bytes) -> Path:
    return put(folder, packed, cifar10.FILES[0])


CIFAR = {f"cifar-10-batches-bin/{name}": cifar_batch(7, seed)[0] for seed, name in enumerate(cifar10._HASHES)}


@pytest.fixture
def fresh_warnings(monkeypatch):
    monkeypatch.setattr(cifar10, "_warned", set())


def test_cifar_batches_are_decoded():
    data, images, labels = cifar_batch(5)
    found = decode_cifar(data)
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)
    assert found[0].flags.c_contiguous
    assert found[0].flags.writeable


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "x is truncated or no batch of CIFAR-10: its size must be a multiple of 3073 bytes, one label and 3 "
              "planes of 32×32 pixels an image. Received: 0 bytes."),
        (bytes(3072), "x is truncated or no batch of CIFAR-10: its size must be a multiple of 3073 bytes, one label "
                      "and 3 planes of 32×32 pixels an image. Received: 3072 bytes."),
        (bytes(2 * 3073 + 1), "x is truncated or no batch of CIFAR-10: its size must be a multiple of 3073 bytes, one "
                              "label and 3 planes of 32×32 pixels an image. Received: 6147 bytes."),
        (bytes(3073) + b"\x0a" + bytes(3072), "x is corrupt: the label of image 1 must be 0 to 9. Received: 10."),
    ],
)  # fmt: skip
def test_cifar_errors(data, text):
    with pytest.raises(ValueError, match=message(text)):
        decode_cifar(data, "x")


@pytest.mark.parametrize("packing", ["archive", "folder", "files"])
@pytest.mark.parametrize("root", [0, 1])
def test_cifar_variants_warn_once(folders, fresh_warnings, packing, root):
    assert not cifar10.is_available()
    if packing == "archive":
        put_cifar(folders[root], archive(CIFAR))
    else:
        for name, content in CIFAR.items():
            name = name if packing == "folder" else Path(name).name
            put(folders[root], content, DataFile("cifar-10", name, 0, ""))
    assert cifar10.is_available()
    with pytest.warns(
        GemmuleWarning, match=r"cifar10: the data in '.*' is not the original: data_batch_1.bin, .*, test_batch.bin "
        r"have another SHA-256\. It is loaded as it is; accuracies cannot be compared with published ones\."
    ) as caught:  # fmt: skip
        (x_train, y_train), (x_test, y_test) = [cifar10.load_data() for _ in range(2)][1]
    assert len(caught) == 1
    assert x_train.shape == (35, 32, 32, 3)
    assert x_test.shape == (7, 32, 32, 3)
    assert y_train.shape == (35, 1)
    assert x_train.dtype == y_train.dtype == np.uint8
    for seed in range(6):
        _, images, labels = cifar_batch(7, seed)
        x, y = (x_test, y_test) if seed == 5 else (x_train[7 * seed :], y_train[7 * seed :])
        np.testing.assert_array_equal(x[:7], images)
        np.testing.assert_array_equal(y[:7, 0], labels)


def test_a_part_of_cifar(folders, fresh_warnings):
    put_cifar(folders[0], archive({name: CIFAR[name] for name in list(CIFAR)[:2]}))
    with pytest.warns(GemmuleWarning, match=r"have another SHA-256 and data_batch_3.bin, .* are missing\."):
        (x_train, _), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (14, 32, 32, 3)
    assert x_test.shape == (0, 32, 32, 3)
    assert y_test.shape == (0, 1)


def test_the_original_cifar_does_not_warn(folders, fresh_warnings, monkeypatch, recwarn):
    hashes = {Path(name).name: hashlib.sha256(content).hexdigest() for name, content in CIFAR.items()}
    monkeypatch.setattr(cifar10, "_HASHES", hashes)
    put_cifar(folders[0], archive(CIFAR))
    cifar10.load_data()
    assert not recwarn.list


def wrong_checksum(packed: bytes) -> bytes:
    return packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]


@pytest.mark.parametrize(
    ("packed", "problem"),
    [
        (b"", "is truncated or corrupt: "),
        (b"no archive", "is truncated or corrupt: Not a gzipped file"),
        (archive(CIFAR)[:-3000], "is truncated or corrupt: Compressed file ended before"),
        (archive(CIFAR)[:-9], "is truncated or corrupt: Compressed file ended before"),
        (wrong_checksum(archive(CIFAR)), "is truncated or corrupt: CRC check failed"),
        (gzip.compress(b"no tar at all" * 99), "is truncated or corrupt: "),
        (gzip.compress(bytes(2**21)), "is truncated or corrupt: it is longer than 1048576 bytes after decompression"),
        (archive({"other.bin": bytes(3073)}), "is no archive of CIFAR-10: it has none of data_batch_1.bin, "),
        (archive({"data_batch_1.bin": b""}, tarfile.SYMTYPE), "is no archive of CIFAR-10: it has none of "),
        (archive({"data_batch_1.bin": bytes(99)}), "data_batch_1.bin is truncated or no batch of CIFAR-10: its size"),
    ],
)
@pytest.mark.filterwarnings("ignore::gemmule.errors.GemmuleWarning")
def test_damaged_cifar(folders, monkeypatch, packed, problem):
    monkeypatch.setattr(cifar10, "_LIMIT", 2**20)
    put_cifar(folders[0], packed)
    with pytest.raises(ValueError, match=re.escape(problem)):
        cifar10.load_data()


def test_downloads_of_cifar_are_the_original(folders, monkeypatch):
    asked = fake_pooch(monkeypatch, {cifar10.FILES[0].urls[0]: archive(CIFAR)})
    with pytest.raises(OSError, match=r"is not the original: data_batch_1.bin, .* have another SHA-256"):
        cifar10.load_data()
    hashes = {Path(name).name: hashlib.sha256(content).hexdigest() for name, content in CIFAR.items()}
    monkeypatch.setattr(cifar10, "_HASHES", hashes)
    (x_train, _), _ = cifar10.load_data()
    assert len(x_train) == 35
    assert cifar10.is_available()
    cifar10.load_data()
    assert asked == [cifar10.FILES[0].urls[0]] * 2


@pytest.mark.skipif(not cifar10.is_available(), reason="needs the files of CIFAR-10: set GEMMULE_DATA_DIR")
@pytest.mark.filterwarnings("ignore::gemmule.errors.GemmuleWarning")
def test_real_pictures():
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert len(x_train) % 10000 == 0
    assert x_test.shape == (10000, 32, 32, 3)
    for x, y in ((x_train, y_train), (x_test, y_test)):
        assert len(x) == len(y)
        counts = np.bincount(y[:, 0], minlength=10)
        assert counts.min() > 0.8 * len(y) / 10
        assert 100 < x.mean() < 140  # of real pictures
        assert np.abs(np.diff(x.astype(np.int16), axis=2)).mean() < 20  # neighbours are alike: planes in their places
