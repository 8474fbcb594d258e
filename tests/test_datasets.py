"""Data sets: the decoders, the embedded sample, finding and verifying files, downloads."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import re
import subprocess
import sys
import tarfile
import types
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from gemmule.data._decode import decode_cifar, decode_idx, parse_csv

from gemmule.datasets import _files, california_housing, cifar10, fashion_mnist, mnist
from gemmule.datasets._files import DataFile
from gemmule.errors import GemmuleWarning

ROOT = Path(__file__).resolve().parent.parent


ON_THIS_MACHINE = all(dataset.is_available() for dataset in (fashion_mnist, mnist, california_housing))
needs_files = pytest.mark.skipif(not ON_THIS_MACHINE, reason="needs the original files: set GEMMULE_DATA_DIR")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """An empty data folder and an empty cache instead of the machine's."""
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    monkeypatch.setenv("GEMMULE_DATA_DIR", str(data))
    monkeypatch.setenv("GEMMULE_CACHE_DIR", str(cache))
    return data, cache


def message(text: str) -> str:
    return f"^{re.escape(text)}$"


# ---- IDX -------------------------------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    code = {"uint8": 8, "int8": 9, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}[array.dtype.name]
    header = bytes([0, 0, code, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (0, 4), (1, 2, 3, 2)])
def test_idx_types_and_shapes(dtype, shape):
    array = np.random.default_rng(0).normal(0, 50, shape).astype(dtype)
    decoded = decode_idx(idx(array))
    assert decoded.dtype == array.dtype
    assert decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, array)
    assert decoded.flags.writeable


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "x is not an IDX file: it must start with two zero bytes, an element type and a rank. "
              "Received: no bytes at all."),
        (b"\x1f\x8b\x08\x00", "x is not an IDX file: it must start with two zero bytes, an element type and a rank. "
                              "Received: 1f 8b 08 00."),
        (b"\0\0\x0a\x01\0\0\0\x01\0", "x is not an IDX file: it must start with two zero bytes, an element type and a "
                                      "rank. Received: 00 00 0a 01."),
        (b"\0\0\x08\x00", "x is not a usable IDX file: its rank must be 1 to 8. Received: rank=0."),
        (b"\0\0\x08\x09", "x is not a usable IDX file: its rank must be 1 to 8. Received: rank=9."),
        (b"\0\0\x08\x02\0\0\0\x02", "x is truncated: its header takes 12 bytes. Received: 8 bytes."),
        (b"\0\0\x08\x01\0\0\0\x02a", "x is truncated: an IDX file of shape (2,) and type uint8 takes 10 bytes. "
                                     "Received: 9 bytes."),
        (b"\0\0\x08\x01\0\0\0\x01ab", "x has bytes after its last element: an IDX file of shape (1,) and type uint8 "
                                      "takes 9 bytes. Received: 10 bytes."),
        (b"\0\0\x0e\x02" + b"\xff" * 8, f"x is truncated: an IDX file of shape (4294967295, 4294967295) and type "
                                        f"float64 takes {12 + (2**32 - 1) ** 2 * 8} bytes. Received: 12 bytes."),
    ],
)  # fmt: skip
def test_idx_errors(data, text):
    with pytest.raises(ValueError, match=message(text)):
        decode_idx(data, "x")


def test_idx_survives_noise():
    rng = np.random.default_rng(1)
    good = idx(rng.integers(0, 256, (3, 4), dtype=np.uint8))
    for _ in range(300):
        bad = bytearray(good[: rng.integers(0, len(good) + 1)])
        for _ in range(rng.integers(0, 4)):
            if bad:
                bad[rng.integers(0, len(bad))] = rng.integers(0, 256)
        with suppress(ValueError):
            decode_idx(bytes(bad))


# ---- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"a,b\n1,2\r\n3,4", [[2, 1], [4, 3]]),
        (b"a,b\n1,\n,2\n", [[np.nan, 1], [2, np.nan]]),
        (b"a,b\n1,", [[np.nan, 1]]),
        (b"a,b\r\n-1.5e3,+.5\r\n", [[0.5, -1500]]),
        (b"a,skip,b\n1,NEAR BAY,2\n", [[2, 1]]),
        (b"a,b", np.empty((0, 2))),
    ],
)
def test_csv_forms(data, rows):
    np.testing.assert_array_equal(parse_csv(data, ["b", "a"]), rows)


def test_csv_rounds_as_python_does():
    rng = np.random.default_rng(2)
    texts = [repr(float(value)) for value in rng.normal(size=500) * 10.0 ** rng.integers(-300, 300, 500)]
    texts += [f"{value:.4f}" for value in rng.normal(0, 1e6, 500)]
    texts += ["0.1", "1e23", "9007199254740993", "123456789012345678901234567890", "1e-400", "5e-324", "-0", "7.e2"]
    texts += ["0." + "0" * 400 + "1", "1e" + "0" * 40 + "5", "1e-99999999999999999999"]
    parsed = parse_csv(("x\n" + "\n".join(texts)).encode(), ["x"])[:, 0]
    assert [float(text) for text in texts] == parsed.tolist()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "f has no column 'a'. Received: columns ''."),
        (b"b,c\n1,2", "f has no column 'a'. Received: columns 'b, c'."),
        (b"a,b\n1", "f, line 2: the line has fewer fields than the header, which names 2."),
        (b"a,b\n1,2\n\n", "f, line 3: the line has fewer fields than the header, which names 2."),
        (b"a,b\n1,2,3\n", "f, line 2: the line has more fields than the header, which names 2."),
        (b"a,b\n1,2,", "f, line 2: the line has more fields than the header, which names 2."),
        (b'a,b\n1,"x"\n', "f, line 2: quoted fields are not supported."),
        (b"a,b\n1,2\n1_0,2", "f, line 3, column 'a': the field is not a finite number. Received: '1_0'."),
        (b"a\n1e999", "f, line 2, column 'a': the field is not a finite number. Received: '1e999'."),
        (b"a\nnan", "f, line 2, column 'a': the field is not a finite number. Received: 'nan'."),
        (b"a\n1e", "f, line 2, column 'a': the field is not a finite number. Received: '1e'."),
        (b"a\n-", "f, line 2, column 'a': the field is not a finite number. Received: '-'."),
        (b"a\n\xff\xfe", "f, line 2, column 'a': the field is not a finite number. Received: '��'."),
    ],
)
def test_csv_errors(data, text):
    with pytest.raises(ValueError, match=message(text)):
        parse_csv(data, ["a"], "f")


def test_csv_survives_noise():
    rng = np.random.default_rng(3)
    alphabet = np.frombuffer(b'0123456789.,,\n\r-+eE"x', np.uint8)
    for _ in range(500):
        body = rng.choice(alphabet, rng.integers(0, 60)).tobytes()
        try:
            table = parse_csv(b"a,b\n" + body, ["b"])
        except ValueError:
            continue
        assert table.shape[1] == 1


# ---- The embedded sample ---------------------------------------------------------------------------------------------


def test_sample_is_balanced_and_small():
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_sample()
    assert x_train.shape == (4000, 28, 28)
    assert x_test.shape == (1000, 28, 28)
    assert x_train.dtype == x_test.dtype == y_train.dtype == y_test.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [400] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    folder = Path(fashion_mnist.__file__).parent
    assert (folder / fashion_mnist.SAMPLE.name).stat().st_size <= 2_000_000
    assert "MIT License" in (folder / "fashion_mnist_sample.LICENSE.txt").read_text(encoding="utf-8")


def test_damaged_sample_says_so(tmp_path, monkeypatch):
    content = Path(fashion_mnist.__file__).with_name(fashion_mnist.SAMPLE.name).read_bytes()
    (tmp_path / fashion_mnist.SAMPLE.name).write_bytes(content[:-1000])
    monkeypatch.setattr(fashion_mnist, "__file__", str(tmp_path / "fashion_mnist.py"))
    with pytest.raises(
        ValueError, match=r"cannot be read\. Install gemmule again. The data file .* is truncated or corr"
    ):
        fashion_mnist.load_sample()


@needs_files
def test_sample_is_what_the_script_cuts():
    spec = importlib.util.spec_from_file_location("make_sample", ROOT / "tools" / "make_sample.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert hashlib.sha256(script.sample()).hexdigest() == fashion_mnist.SAMPLE.sha256


# ---- The full sets ---------------------------------------------------------------------------------------------------


@needs_files
@pytest.mark.parametrize("dataset", [fashion_mnist, mnist])
def test_images(dataset):
    (x_train, y_train), (x_test, y_test) = dataset.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert sorted(set(y_train)) == sorted(set(y_test)) == list(range(10))
    if dataset is fashion_mnist:
        assert np.bincount(y_train).tolist() == [6000] * 10


@needs_files
def test_california_housing():
    (x_train, y_train), (x_test, y_test) = california_housing.load_data()
    assert x_train.shape == (16512, 8)
    assert x_test.shape == (4128, 8)
    assert x_train.dtype == y_train.dtype == np.float32
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    first = np.flatnonzero((y == 452600) & (x[:, 1] == np.float32(37.88)))  # the file's first line
    assert np.float32([-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252]).tolist() in x[first].tolist()
    assert np.isfinite(x).all()
    assert (x[:, 4] == 435).sum() >= 207  # missing bedrooms: the median
    assert 14_999 <= y.min() < y.max() <= 500_001


@needs_files
def test_california_housing_arguments():
    (x_train, _), (x_test, y_test) = california_housing.load_data(version="small", test_split=0.25, seed=1)
    assert len(x_train) == 450
    assert len(x_test) == len(y_test) == 150
    other = california_housing.load_data(version="small", test_split=0.25, seed=2)[0][0]
    assert not np.array_equal(x_train, other)
    again = california_housing.load_data(version="small", test_split=0.25, seed=1)[0][0]
    np.testing.assert_array_equal(x_train, again)
    assert len(california_housing.load_data(test_split=0)[1][0]) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"version": "huge"}, "california_housing has the versions 'small' and 'large'. Received: version='huge'."),
        ({"test_split": 1}, "test_split must be at least 0 and below 1. Received: test_split=1."),
        ({"path": "my.npz"}, "california_housing.load_data reads housing/housing.tgz, not an archive of Keras's. Leave "
         "`path` at its default and set GEMMULE_DATA_DIR or GEMMULE_CACHE_DIR to say where it lies. "
         "Received: path='my.npz'."),
    ],
)  # fmt: skip
def test_california_housing_refuses(arguments, text):
    with pytest.raises(ValueError, match=message(text)):
        california_housing.load_data(**arguments)


def test_mnist_refuses_other_paths():
    with pytest.raises(
        ValueError, match=r"^mnist.load_data reads the original IDX files, .* Received: path='x.npz'\.$"
    ):
        mnist.load_data("x.npz")


# ---- Files -----------------------------------------------------------------------------------------------------------

CONTENT = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))
SMALL = DataFile("set", "small.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), ("https://host/small.gz",))


def put(folder: Path, packed: bytes, file: DataFile = SMALL) -> Path:
    path = folder / file.folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)
    return path


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


def archive(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


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


# ---- CIFAR-10 --------------------------------------------------------------------------------------------------------


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


# ---- Downloads, from a pooch that needs no network -------------------------------------------------------------------


def fake_pooch(monkeypatch, answers: dict[str, bytes]) -> list[str]:
    """Installs a module `pooch` that serves `answers` and returns the list of URLs it is asked for."""
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        if url not in answers:
            raise OSError("404 not found")
        target = Path(path) / fname
        target.write_bytes(answers[url])
        return str(target)

    module = types.ModuleType("pooch")
    module.retrieve = retrieve
    module.get_logger = lambda: types.SimpleNamespace(setLevel=lambda level: None)
    monkeypatch.setitem(sys.modules, "pooch", module)
    return asked


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


def test_every_file_has_mirrors_and_a_hash():
    for file in (*fashion_mnist.FILES, *mnist.FILES, *cifar10.FILES, california_housing.FILE):
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.urls
        assert all(url.endswith(file.name) for url in file.urls)


def test_importing_gemmule_imports_no_dataset():
    code = "import sys, gemmule.datasets; sys.exit('gemmule.datasets._files' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(
        AttributeError, match=r"has no attribute 'imagenet'. Known: california_housing, cifar10, fashion"
    ):
        sys.modules["gemmule.datasets"].imagenet  # noqa: B018
