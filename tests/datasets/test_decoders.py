"""What decodes IDX and CSV."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from gemmule.data._decode import decode_idx, parse_csv

from tests.datasets.made import idx, message

# ---- IDX -------------------------------------------------------------------------------------------------------------


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
