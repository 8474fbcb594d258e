"""Pictures, curves and tables in the terminal, drawn with block characters and without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

import numpy as np

from gemmule.errors import received

__all__ = ["curve", "encodable", "picture", "side_by_side", "table"]

# One character shows two pixels, one above the other: a half block, or one of five shades for both. Each is given with
# the brightness (top, bottom) that it stands for on a dark terminal.
_BLOCKS = " ░▒▓█▀▄"
_BRIGHTNESS = np.array([(0, 0), (0.25, 0.25), (0.5, 0.5), (0.75, 0.75), (1, 1), (1, 0), (0, 1)])
_ASCII = " .:-=+*#%@"
_MARKS = "●○◆◇"
_ASCII_MARKS = "*o+x"


def encodable(text: str, stream: TextIO | None) -> bool:
    """Whether a stream can print these characters; what has no encoding (a `StringIO`, a notebook) can.

    Example:
        >>> encodable("█", open("log.txt", "w", encoding="ascii"))
        False
    """
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def picture(image: np.ndarray, stream: TextIO | None = None) -> list[str]:
    """Draws a grey image, one column a character wide and two rows high per character.

    Args:
        image: Array of shape `(height, width)`: uint8 with 255 as white, or floating with 1 as white. Values beyond are
            clipped, NaN is black.
        stream: Where the lines will be printed; if its encoding lacks block characters, ASCII shades are used. None
            for UTF-8.

    Returns:
        `ceil(height / 2)` strings of `width` characters.

    Raises:
        ValueError: if the array is no grey image.

    Example:
        >>> print("\\n".join(picture(x_test[0])))
    """
    image = np.asarray(image)
    if image.ndim != 2 or not (image.dtype == np.uint8 or image.dtype.kind == "f"):
        raise ValueError("A picture needs a grey image of shape (height, width), uint8 or floating."
                         f"{received(image=image)}")  # fmt: skip
    light = image / 255.0 if image.dtype == np.uint8 else np.nan_to_num(image.astype(np.float64), nan=0.0)
    light = np.pad(np.clip(light, 0, 1), ((0, len(image) % 2), (0, 0)))
    pairs = np.stack([light[0::2], light[1::2]], axis=-1)  # (rows, width, 2)
    if encodable(_BLOCKS, stream):
        distance = ((pairs[:, :, None, :] - _BRIGHTNESS) ** 2).sum(axis=-1)
        return ["".join(_BLOCKS[index] for index in row) for row in distance.argmin(axis=-1)]
    levels = np.rint(pairs.mean(axis=-1) * (len(_ASCII) - 1)).astype(int)
    return ["".join(_ASCII[level] for level in row) for row in levels]


def side_by_side(pictures: Sequence[Sequence[str]], captions: Sequence[str] | None = None, gap: int = 2) -> list[str]:
    """Puts pictures next to each other, with a centred caption below each.

    Args:
        pictures: What `picture` returned, of any sizes.
        captions: One for each picture; cut to its picture's width.
        gap: Spaces between two pictures.

    Raises:
        ValueError: if there is not one caption for each picture.

    Example:
        >>> side_by_side([["ab", "cd"], ["x"]], captions=["1", "2"])
        ['ab  x', 'cd   ', '1   2']
    """
    if captions is not None and len(captions) != len(pictures):
        raise ValueError("There must be one caption for each picture."
                         f"{received(pictures=len(pictures), captions=len(captions))}")  # fmt: skip
    widths = [max((len(line) for line in lines), default=0) for lines in pictures]
    height = max((len(lines) for lines in pictures), default=0)
    columns = [[*lines, *[""] * (height - len(lines))] for lines in pictures]
    if captions is not None:
        columns = [[*lines, text[:width].center(width)] for lines, text, width in zip(columns, captions, widths)]
    return [(" " * gap).join(text.ljust(width) for text, width in zip(row, widths)) for row in zip(*columns)]


def curve(
    series: Mapping[str, Sequence[float]], height: int = 10, width: int = 60, stream: TextIO | None = None
) -> list[str]:
    """Draws a line chart of a few series over 1, 2, 3, ... (the epochs of a training run).

    Args:
        series: Names and values; at most four series. Values that are not finite are left out.
        height: Rows of the chart.
        width: Columns of the chart, at most; few points take fewer.
        stream: As for `picture`.

    Returns:
        The lines: chart with its vertical scale, horizontal axis, legend.

    Raises:
        ValueError: for no series, more than four, or no finite value.

    Example:
        >>> print("\\n".join(curve({"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.6]})))
    """
    marks = _MARKS if encodable(_MARKS + "│└─", stream) else _ASCII_MARKS
    values = [np.asarray(points, np.float64) for points in series.values()]
    finite = [points[np.isfinite(points)] for points in values]
    if not 1 <= len(series) <= len(marks) or not sum(len(points) for points in finite):
        raise ValueError(f"A curve needs one to {len(marks)} series with a finite value."
                         f"{received(series=list(series))}")  # fmt: skip
    low, high = min(p.min() for p in finite if p.size), max(p.max() for p in finite if p.size)
    epochs = max(len(points) for points in values)
    step = max(min((width - 1) // max(epochs - 1, 1), 6), 1)
    grid = [[" "] * min((epochs - 1) * step + 1, width) for _ in range(height)]
    for points, mark in reversed(list(zip(values, marks))):  # the first series is drawn last, on top
        _plot(grid, points, mark, low, high)
    legend = "  ".join(f"{mark} {name}" for name, mark in zip(series, marks))
    return [*_frame(grid, low, high, epochs, "│└─" if marks is _MARKS else "|+-"), legend]


def _plot(grid: list[list[str]], points: np.ndarray, mark: str, low: float, high: float) -> None:
    height, width = len(grid), len(grid[0])
    for index, value in enumerate(points):
        if np.isfinite(value):
            level = (value - low) / (high - low) if high > low else 0.5
            column = round(index * (width - 1) / max(len(points) - 1, 1))
            grid[height - 1 - round(level * (height - 1))][column] = mark


def _frame(grid: list[list[str]], low: float, high: float, epochs: int, lines: str) -> list[str]:
    """The chart with its scale on the left and its axis below."""
    labels = [f"{high:8.4f}", *[" " * 8] * (len(grid) - 2), f"{low:8.4f}"]
    rows = [f"{label} {lines[0]} {''.join(row)}".rstrip() for label, row in zip(labels, grid)]
    ends = f"1{epochs!s:>{max(len(grid[0]) - 1, 1)}}" if epochs > 1 else "1"
    return [*rows, f"{'':8} {lines[1]}{lines[2] * (len(grid[0]) + 1)}", f"{'':10} {ends}"]


def table(rows: np.ndarray, names: Sequence[str], corner: str = "") -> list[str]:
    """A square table of counts with the same names on both sides, zeros shown as dots: a confusion table.

    Args:
        rows: Integers of shape `(n, n)`.
        names: One for each row; columns are headed by their number, which also stands before the row's name.
        corner: Text for the upper left corner.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> table(np.array([[5, 0], [1, 4]]), ["cat", "dog"])
        ['       0  1', '0 cat  5  .', '1 dog  1  4']
    """
    rows = np.asarray(rows)
    if not names or rows.shape != (len(names), len(names)):
        raise ValueError(f"The table must be square, one row for each name.{received(rows=rows, names=len(names))}")
    cell = max(len(str(rows.max(initial=0))), len(str(len(names)))) + 2
    left = max(len(corner), *(len(f"{index} {name}") for index, name in enumerate(names)))
    lines = [corner.ljust(left) + "".join(f"{index:>{cell}}" for index in range(len(names)))]
    for index, (name, row) in enumerate(zip(names, rows)):
        cells = "".join(f"{int(count) or '.':>{cell}}" for count in row)
        lines.append(f"{index} {name}".ljust(left) + cells)
    return lines
