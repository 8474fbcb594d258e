"""to_categorical, and pictures in the terminal."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

from gemmule.utils.numerical import to_categorical
from gemmule.utils.pictures import curve, encodable, picture, side_by_side, table

ASCII = io.TextIOWrapper(io.BytesIO(), encoding="ascii")


# ---- to_categorical --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "num_classes", "shape"),
    [
        ([0, 1, 2, 3], 4, (4, 4)),
        ([0, 2], None, (2, 3)),
        ([[0], [1]], 3, (2, 3)),
        ([[0, 1], [2, 0]], None, (2, 2, 3)),
        (2, None, (3,)),
        (np.array([1.0, 0.0]), 2, (2, 2)),
        ([], 3, (0, 3)),
        ([True, False], None, (2, 2)),
        (np.array([[1]], np.uint8), 2, (1, 2)),
    ],
)
def test_to_categorical(x, num_classes, shape):
    result = to_categorical(x, num_classes)
    assert result.shape == shape
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result.sum(axis=-1), 1)
    np.testing.assert_array_equal(result.argmax(axis=-1).reshape(-1), np.asarray(x, int).reshape(-1))


@pytest.mark.parametrize(
    ("x", "num_classes", "text"),
    [
        ([0, 3], 3, "to_categorical: class numbers must lie from 0 to num_classes - 1 = 2. "
                    "Received: numbers from 0 to 3."),
        ([-1, 1], None, "to_categorical: class numbers must lie from 0 to num_classes - 1 = 1. "
                        "Received: numbers from -1 to 1."),
        ([0.5], 2, "to_categorical: class numbers must be whole. Round them first. "
                   "Received: x=<ndarray shape=(1,) dtype=float64>."),
        ([np.nan], 2, "to_categorical: class numbers must be whole. Round them first. "
                      "Received: x=<ndarray shape=(1,) dtype=float64>."),
        (["cat"], 2, "to_categorical: class numbers must be numbers. Received: x=<ndarray shape=(1,) dtype=<U3>."),
        ([], None, "to_categorical: there are no labels to count classes in. Pass num_classes. "
                   "Received: x=<ndarray shape=(0,) dtype=int64>, num_classes=None."),
        ([0], 0, "to_categorical: num_classes must be positive. Received: num_classes=0."),
    ],
)  # fmt: skip
def test_to_categorical_refuses(x, num_classes, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        to_categorical(x, num_classes)


# ---- Pictures --------------------------------------------------------------------------------------------------------


def test_picture_uses_half_blocks_and_shades():
    image = np.array([[0, 255, 255, 0, 128], [0, 255, 0, 255, 128]], np.uint8)
    assert picture(image) == [" █▀▄▒"]
    assert picture(image / 255.0) == [" █▀▄▒"]


def test_picture_falls_back_to_ascii():
    image = np.array([[0, 255, 255, 128], [0, 255, 0, 128]], np.uint8)
    assert picture(image, ASCII) == [" @=+"]
    assert "".join(picture(image, ASCII)).isascii()


def test_picture_sizes_and_odd_values():
    assert len(picture(np.zeros((5, 7)))) == 3
    assert picture(np.array([[np.nan, np.inf, -np.inf, 2]] * 2)) == [" █ █"]
    assert picture(np.zeros((0, 3))) == []
    assert picture(np.ones((3, 1))) == ["█", "▀"]


@pytest.mark.parametrize("image", [np.zeros((2, 2, 3)), np.zeros((2, 2), np.int64), np.zeros(4)])
def test_picture_refuses(image):
    with pytest.raises(ValueError, match=r"A picture needs a grey image of shape \(height, width\), uint8 or floating"):
        picture(image)


def test_side_by_side():
    assert side_by_side([["ab", "cd"], ["x"]], ["1", "2"]) == ["ab  x", "cd   ", "1   2"]
    assert side_by_side([], []) == []
    with pytest.raises(ValueError, match=r"one caption for each picture\. Received: pictures=1, captions=0\."):
        side_by_side([["x"]], [])


def test_curve_puts_points_where_they_belong():
    lines = curve({"a": [0.0, 1.0], "b": [1.0, np.nan]}, height=3, width=5)
    assert lines == [
        "  1.0000 │ ○   ●",
        "         │",
        "  0.0000 │ ●",
        "         └──────",
        "           1   2",
        "● a  ○ b",
    ]
    assert "".join(curve({"a": [1, 2]}, stream=ASCII)).isascii()


@pytest.mark.parametrize("values", [[3.0], [2.0, 2.0], list(range(500))])
def test_curve_of_any_length(values):
    assert all(len(line) <= 72 for line in curve({"loss": values}))


@pytest.mark.parametrize("series", [{}, {"a": [np.nan]}, {"a": []}, {name: [1.0] for name in "abcde"}])
def test_curve_refuses(series):
    with pytest.raises(ValueError, match="A curve needs one to 4 series with a finite value"):
        curve(series)


def test_table():
    lines = table(np.array([[5, 0], [1, 14]]), ["cat", "dog"])
    assert lines == ["        0   1", "0 cat   5   .", "1 dog   1  14"]
    with pytest.raises(ValueError, match="The table must be square, one row for each name"):
        table(np.zeros((2, 3)), ["a", "b"])


def test_encodable():
    assert not encodable("█", ASCII)
    assert encodable("█", io.StringIO())
    assert encodable("█", None)
