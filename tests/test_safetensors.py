"""The safetensors format: what is written, what is refused, and that no bytes crash the reader."""

from __future__ import annotations

import json
import os
import re
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule.saving import checksums as module
from gemmule.saving import load_file, save_file
from gemmule.utils.files import atomic_write

DATA = Path(__file__).resolve().parent / "data"


def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "dense/kernel": rng.normal(size=(4, 3)).astype(np.float32),
        "dense/bias": np.zeros(3, np.float32),
        "double": rng.normal(size=5),
        "half": rng.normal(size=(2, 1)).astype(np.float16),
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 4), np.int32),
        "flags": np.array([True, False, True]),
        "bytes": np.arange(5, dtype=np.uint8),
        "größe": np.arange(-3, 3, dtype=np.int16),
    }


def assert_same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    assert list(left) == list(right)
    for name, array in left.items():
        assert array.dtype == right[name].dtype
        assert array.shape == right[name].shape
        np.testing.assert_array_equal(array, right[name])


def raw(header: dict | str | bytes, data: bytes = b"") -> bytes:
    """A file with this header."""
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_round_trip(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(tensors(), path, {"epoch": "3", "note": "ü"})
    loaded, metadata = load_file(path)
    assert_same(loaded, tensors())
    assert metadata == {"epoch": "3", "note": "ü"}
    assert all(array.flags.writeable for array in loaded.values())


def test_nothing_at_all(tmp_path):
    save_file({}, tmp_path / "a")
    assert load_file(tmp_path / "a") == ({}, {})


def test_special_values_keep_their_bits(tmp_path):
    array = np.array([0x7FC00001, 0xFF800000, 0x80000000, 1], np.uint32).view(np.float32)
    save_file({"x": array}, tmp_path / "a")
    assert load_file(tmp_path / "a")[0]["x"].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(6.0)[::-2],
        np.arange(6, dtype=">i4"),
        np.broadcast_to(np.float32(2), (3, 2)),
        np.array([[[1.5]]], ">f8"),
    ],
)
def test_any_layout_is_stored_in_c_order(tmp_path, array):
    save_file({"x": array}, tmp_path / "a")
    loaded = load_file(tmp_path / "a")[0]["x"]
    assert loaded.dtype.isnative
    np.testing.assert_array_equal(loaded, array)


def test_same_content_gives_same_bytes(tmp_path):
    save_file(tensors(), tmp_path / "a", {"k": "v"})
    save_file(tensors(), tmp_path / "b", {"k": "v"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_arrays_are_aligned(tmp_path):
    save_file(tensors(), tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert (8 + length) % 8 == 0
    header = json.loads(content[8 : 8 + length])
    for name, array in tensors().items():
        assert header[name]["data_offsets"][0] % array.itemsize == 0


def test_other_programs_read_it(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    save_file(tensors(), tmp_path / "a", {"k": "v"})
    loaded = safetensors.load_file(tmp_path / "a")
    assert_same({name: loaded[name] for name in tensors()}, tensors())


def test_reads_what_other_programs_write(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file(tensors(), tmp_path / "a", {"k": "v"})
    loaded, metadata = load_file(tmp_path / "a")
    assert metadata == {"k": "v"}
    assert_same({name: loaded[name] for name in tensors()}, tensors())


def test_stored_file_of_another_program():
    """Committed bytes of the `safetensors` package: kernel = arange(6) / 4 as (2, 3), step = 41, metadata."""
    loaded, metadata = load_file(DATA / "other_program.safetensors")
    np.testing.assert_array_equal(loaded["kernel"], np.arange(6, dtype=np.float32).reshape(2, 3) / 4)
    assert loaded["step"].item() == 41
    assert metadata == {"format": "np"}


def test_bfloat16_is_widened(tmp_path):
    values = np.array([1.0, -2.5, np.inf, 3.140625], np.float32)
    data = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    (tmp_path / "a").write_bytes(raw({"x": entry("BF16", [2, 2], [0, 8])}, data))
    loaded = load_file(tmp_path / "a")[0]["x"]
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, values.reshape(2, 2))


# ---- What cannot be written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (({"x": np.array([None])},), ValueError, "Array 'x': type object cannot be stored in a safetensors file. "
         "Known: bool, float16, float32, float64, int16, int32, int64, int8, uint16, uint32, uint64, uint8."),
        (({"x": np.array([1j])},), ValueError, "Array 'x': type complex128 cannot be stored in a safetensors file. "
         "Known: bool, float16, float32, float64, int16, int32, int64, int8, uint16, uint32, uint64, uint8."),
        (({1: np.zeros(1)},), TypeError, "The name of an array must be a string. Received: name=1."),
        (({"__metadata__": np.zeros(1)},), ValueError,
         "The name '__metadata__' is reserved by the safetensors format. Choose another one."),
        (({}, {"epoch": 3}), TypeError, "Metadata must map strings to strings. Received: key='epoch', value=3."),
        (({}, {module.CHECKSUMS: ""}), ValueError,
         "The metadata key 'gemmule.checksums' is reserved for gemmule's checksums. Choose another one."),
        (({"\ud800": np.zeros(1)},), ValueError,
         "A name or a metadata entry holds a lone surrogate, which UTF-8 cannot write."),
    ],
)  # fmt: skip
def test_refuses_to_write(tmp_path, arguments, error, text):
    tensors, *metadata = arguments
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        save_file(tensors, tmp_path / "a", *metadata)
    assert list(tmp_path.iterdir()) == []


# ---- What cannot be read ---------------------------------------------------------------------------------------------

BAD = {
    "empty": (b"", "the file is truncated: it has 0 bytes, fewer than the 8 of its header length."),
    "huge header": (b"\xff" * 20, f"this is no safetensors file, or it is corrupt: it announces a header of "
                                  f"{2**64 - 1} bytes; the format allows 100000000."),
    "header cut": (raw({"x": entry()})[:20], "the file is truncated: its header takes 61 bytes and only 12 follow."),
    "no brace": (raw("[]"), "this is no safetensors file: its header does not begin with '{'."),
    "bad json": (raw("{"), "the header is corrupt: Expecting property name enclosed in double quotes: line 1 column 2 "
                           "(char 1)."),
    "bad utf-8": (raw(b'{"\xff": 1}'), "the header is corrupt: 'utf-8' codec can't decode byte 0xff in position 2: "
                                       "invalid start byte."),
    "constant": (raw('{"x": NaN}'), "the header is corrupt: NaN is not JSON."),
    "twice": (raw('{"x": 1, "x": 2}'), "the header is corrupt: the key 'x' occurs twice."),
    "metadata": (raw({"__metadata__": {"a": 1}}),
                 "the header is corrupt: __metadata__ does not map strings to strings."),
    "no entry": (raw({"x": 1}), "array 'x' is not described by dtype, shape and data_offsets."),
    "dtype": (raw({"x": entry("F128")}), "array 'x' has the unknown dtype 'F128'. Known: F64, F32, F16, BF16, I64, "
                                         "I32, I16, I8, U64, U32, U16, U8, BOOL."),
    "dtype list": (raw({"x": entry([])}), "array 'x' has the unknown dtype '[]'. Known: F64, F32, F16, BF16, I64, I32, "
                                          "I16, I8, U64, U32, U16, U8, BOOL."),
    "negative": (raw({"x": entry(shape=[-1, -1])}), "array 'x' has the impossible shape [-1, -1]."),
    "float shape": (raw({"x": entry(shape=[1.0])}), "array 'x' has the impossible shape [1.0]."),
    "rank": (raw({"x": entry(shape=[1] * 33)}), f"array 'x' has the impossible shape {str([1] * 33)[:80]}."),
    "huge empty": (raw({"x": entry(shape=[0, 2**60], offsets=[0, 0])}),
                   "array 'x' has the impossible shape [0, 1152921504606846976]."),
    "offsets": (raw({"x": entry(offsets=[4, 0])}, b"1234"), "array 'x' has the impossible data_offsets [4, 0]."),
    "three offsets": (raw({"x": entry(offsets=[0, 4, 4])}), "array 'x' has the impossible data_offsets [0, 4, 4]."),
    "size": (raw({"x": entry(shape=[2])}, b"1234"), "array 'x' of dtype F32 and shape [2] takes 8 bytes, but its "
                                                    "data_offsets [0, 4] span 4."),
    "hole": (raw({"x": entry(offsets=[4, 8])}, b"12345678"),
             "the header is corrupt: array 'x' leaves a hole before it (it begins at 4, expected 0)."),
    "overlap": (raw({"x": entry(), "y": entry("U8", [2], [2, 4])}, b"1234"),
                "the header is corrupt: array 'y' overlaps another array (it begins at 2, expected 4)."),
    "shared": (raw({"x": entry(), "y": entry()}, b"1234"),
               "the header is corrupt: array 'y' overlaps another array (it begins at 0, expected 4)."),
    "data cut": (raw({"x": entry()}, b"12"),
                 "the file is truncated: its arrays take 4 bytes and only 2 follow the header."),
    "data left": (raw({"x": entry()}, b"123456"), "the file is corrupt: 2 bytes follow the last array."),
    "bool": (raw({"x": entry("BOOL", [2], [0, 2])}, b"\x01\x02"),
             "array 'x' is corrupt: a boolean is neither 0 nor 1."),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_refuses_to_read(tmp_path, kind):
    content, problem = BAD[kind]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    text = f"Cannot read {str(path)!r}: {problem} Restore the file from a copy or write it again."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        load_file(path)


def test_deep_nesting_is_an_error(tmp_path):
    (tmp_path / "a").write_bytes(raw('{"x":' + "[" * 200_000))
    with pytest.raises(ValueError, match="the header is corrupt"):
        load_file(tmp_path / "a")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "none.safetensors")


def test_checksum_finds_a_changed_array(tmp_path):
    path = tmp_path / "a"
    save_file({"x": np.zeros(4, np.float32)}, path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"array 'x' is corrupt: its checksum does not match\."):
        load_file(path)


def test_checksum_finds_a_changed_header(tmp_path):
    path = tmp_path / "a"
    save_file({"x": np.zeros((2, 3), np.float32)}, path, {"epoch": "3"})
    path.write_bytes(path.read_bytes().replace(b'"epoch":"3"', b'"epoch":"4"'))
    with pytest.raises(ValueError, match=r"the header is corrupt: its checksum does not match\."):
        load_file(path)


def test_checksum_cannot_be_switched_off_by_damage(tmp_path):
    save_file({"x": np.zeros(4)}, tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content.replace(b"gemmule.checksums", b"gemmulf.checksums"))
    with pytest.raises(ValueError, match=r"the header is corrupt: the key of its checksums is damaged\."):
        load_file(tmp_path / "a")


def test_no_truncation_and_no_flipped_bit_goes_unnoticed(tmp_path):
    """300 random damages: each is a `ValueError`, none a crash, another exception or wrong numbers."""
    path = tmp_path / "a"
    save_file(tensors(), path, {"epoch": "3", "note": "a few words"})
    good = path.read_bytes()
    rng = np.random.default_rng(5)
    for trial in range(300):
        if trial % 3 == 0:
            bad = good[: rng.integers(0, len(good))]
        else:
            bad = bytearray(good)
            for _ in range(rng.integers(1, 4)):
                bad[rng.integers(0, len(good))] ^= 1 << rng.integers(0, 8)
        if bytes(bad) == good:
            continue
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"^Cannot read"):
            load_file(path)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_each_stretch_of_a_large_file_is_read_and_checked(tmp_path, threads):
    """With 28 blocks in three arrays, threads meet within arrays; the tail of each block is damaged in turn."""
    arrays = {name: np.arange(size) for name, size in (("a", 1_000_000), ("b", 3), ("c", 800_001))}
    path = tmp_path / "a"
    save_file(arrays, path)
    gm.set_num_threads(threads)
    assert_same(load_file(path)[0], arrays)
    content = path.read_bytes()
    for place in range(len(content) - 1, len(content) - 14_400_000, -module.BLOCK):
        with open(path, "r+b") as file:
            file.seek(place)
            file.write(bytes([content[place] ^ 16]))
        with pytest.raises(ValueError, match=r"array '[ac]' is corrupt"):
            load_file(path)
        with open(path, "r+b") as file:
            file.seek(place)
            file.write(content[place : place + 1])
    assert_same(load_file(path)[0], arrays)


def test_damage_without_checksums_never_crashes(tmp_path):
    """Files of other programs: damage may go unnoticed in the data, but never takes more memory than the file has."""
    header = {name: entry("F32", [2, 2], [16 * n, 16 * n + 16]) for n, name in enumerate("abc")}
    good = raw(header, bytes(range(48)))
    rng = np.random.default_rng(6)
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(rng.integers(1, 5)):
            bad[rng.integers(0, len(good))] = rng.integers(0, 256)
        (tmp_path / "a").write_bytes(bad)
        try:
            loaded, _ = load_file(tmp_path / "a")
        except ValueError:
            continue
        assert sum(array.nbytes for array in loaded.values()) <= 2 * len(good)


# ---- Atomic writing --------------------------------------------------------------------------------------------------


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    save_file({"x": np.ones(3)}, path)
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_file({"x": np.zeros(3)}, path)
    monkeypatch.undo()
    assert load_file(path)[0]["x"].tolist() == [1, 1, 1]
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_interrupted_write_leaves_nothing(tmp_path):
    def interrupted() -> None:
        with atomic_write(tmp_path / "a") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_write_needs_a_folder(tmp_path):
    text = f"The folder {str(tmp_path / 'no')!r} does not exist. Create it before 'a' is written into it."
    with pytest.raises(FileNotFoundError, match=re.escape(text)):
        save_file({}, tmp_path / "no" / "a")
    with pytest.raises(IsADirectoryError, match="A file is to be written, but its path is a folder"):
        save_file({}, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_write_keeps_links_and_permissions(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"")
    target.chmod(0o640)
    link.symlink_to(target)
    save_file({}, link)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert load_file(target) == ({}, {})


def test_new_file_has_ordinary_permissions(tmp_path):
    save_file({}, tmp_path / "a")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="processes and pipes of POSIX")
def test_what_killed_saves_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "a"
    code = (
        "import os, sys\nfrom gemmule.utils.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n    os.kill(os.getpid(), 9)"
    )
    for name in ("a", "ab"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    leftover, other = sorted(os.listdir(tmp_path))
    assert leftover.startswith(".a.")
    assert other.startswith(".ab.")
    alive = re.sub(r"-\d+\.", f"-{os.getpid()}.", leftover)
    elsewhere = re.sub(r"\w+-", "00000000-", leftover)  # another machine's, whose processes are not ours to judge
    for name in (alive, elsewhere, ".a.tmp"):
        (tmp_path / name).touch()
    save_file({}, path)
    assert sorted(os.listdir(tmp_path)) == sorted([alive, elsewhere, other, ".a.tmp", "a"])


@pytest.mark.skipif(os.name != "posix", reason="processes and pipes of POSIX")
def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(FileExistsError, match=r"is a device, a pipe or a socket, which is not replaced.*pipe'\."):
            save_file({}, tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]
