"""The table that `model.summary()` prints."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import count_elements, is_shape, map_shapes
from gemmule.tensor import Variable

if TYPE_CHECKING:
    from gemmule.models.model import Model

# heavy lines around the head, light ones below: corner, line, junctions
_HEAD_TOP, _HEAD_ROW, _HEAD_END = tuple("┏━┳┓"), tuple("┃ ┃┃"), tuple("┡━╇┩")
_ROW, _BETWEEN, _BOTTOM = tuple("│ ││"), tuple("├─┼┤"), tuple("└─┴┘")
_ASCII = str.maketrans("┏━┳┓┃┡╇┩│├─┼┤└┴┘", "+=++|+++|+-+++++")
_WIDTH, _NARROWEST = 80, 4


def print_summary(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """What `Model.summary` does; see there."""
    layers = _in_range(model.layers, layer_range)
    rows = [row for layer in layers for row in _rows(layer, expand_nested, show_trainable, 0)]
    header = ["Layer (type)", "Output Shape", "Param #"] + (["Trainable"] if show_trainable else [])
    widths = _widths(line_length, positions, show_trainable)
    text = "\n".join([f'Model: "{model.name}"', *_table(header, rows, widths), *_totals(model)])
    if print_fn is None:
        print(text if _can_print(text) else text.translate(_ASCII))
    else:
        print_fn(text)


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# ---- Rows ------------------------------------------------------------------------------------------------------------


def _rows(layer: Layer, expand_nested: bool, show_trainable: bool, level: int) -> list[list[str]]:
    prefix = "   " * level + "└ " if level else ""
    params = f"{count_elements(layer.weights):,}" if layer.built else "0 (unbuilt)"
    row = [f"{prefix}{layer.name} ({type(layer).__name__})", _shape_text(layer), params]
    if show_trainable:
        row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
    rows = [row]
    if expand_nested and hasattr(layer, "layers"):
        for inner in layer.layers:
            rows += _rows(inner, expand_nested, show_trainable, level + 1)
    return rows


def _shape_text(layer: Layer) -> str:
    shape = layer._output_shape
    if shape is None:
        return "?"
    if is_shape(shape):
        return str(tuple(shape))
    return str(map_shapes(tuple, shape))


def _in_range(layers: list[Layer], layer_range: Sequence[str] | None) -> list[Layer]:
    if layer_range is None:
        return layers
    if len(layer_range) != 2:
        raise ValueError(f"layer_range holds the names of two layers.{received(layer_range=layer_range)}")
    names = [layer.name for layer in layers]
    found = [[i for i, name in enumerate(names) if re.fullmatch(pattern, name)] for pattern in layer_range]
    for pattern, places in zip(layer_range, found):
        if not places:
            raise ValueError(f"No layer is called {pattern!r}. Known: {', '.join(names)}.")
    start, stop = min(found[0][0], found[1][-1]), max(found[0][0], found[1][-1])
    return layers[start : stop + 1]


# ---- Table -----------------------------------------------------------------------------------------------------------


def _widths(line_length: int | None, positions: Sequence[float] | None, show_trainable: bool) -> list[int]:
    """Width of each column with its margins, without the lines between them."""
    columns = 4 if show_trainable else 3
    if positions is None:
        positions = [0.45, 0.80, 1.0]
        if show_trainable:
            positions = [0.40, 0.67, 0.83, 1.0]
    if len(positions) != columns or any(b <= a for a, b in zip([0, *positions], positions)):
        raise ValueError(f"positions holds {columns} growing numbers, ends of columns.{received(positions=positions)}")
    if line_length is None:
        line_length = max(40, min(_WIDTH + 12 * show_trainable, shutil.get_terminal_size().columns) - 4)
    room = line_length - columns - 1
    ends = [round(p * room) if positions[-1] <= 1 else round(p) for p in positions]
    widths = [b - a for a, b in zip([0, *ends], ends)]
    if min(widths) < _NARROWEST:
        raise ValueError(f"The table is too narrow.{received(line_length=line_length, positions=positions)}")
    return widths


def _table(header: list[str], rows: list[list[str]], widths: list[int]) -> list[str]:
    aligns = ["<", "<", ">", "^"]
    lines = [_rule(_HEAD_TOP, widths), *_cells(_HEAD_ROW, header, widths, aligns), _rule(_HEAD_END, widths)]
    for index, row in enumerate(rows):
        if index:
            lines.append(_rule(_BETWEEN, widths))
        lines += _cells(_ROW, row, widths, aligns)
    return [*lines, _rule(_BOTTOM, widths)]


def _rule(style: tuple[str, ...], widths: list[int]) -> str:
    left, line, inner, right = style
    return left + inner.join(line * width for width in widths) + right


def _cells(style: tuple[str, ...], row: list[str], widths: list[int], aligns: list[str]) -> list[str]:
    """One row; texts that are too long continue on further lines."""
    left, _, inner, right = style
    wrapped = [_wrap(text, width - 2) for text, width in zip(row, widths)]
    lines = []
    for number in range(max(len(parts) for parts in wrapped)):
        parts = [w[number] if number < len(w) else "" for w in wrapped]
        cells = [f" {part:{align}{width - 2}} " for part, width, align in zip(parts, widths, aligns)]
        lines.append(left + inner.join(cells) + right)
    return lines


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in re.findall(r"\s*\S+", text):
        if len(lines[-1]) + len(word) <= width:
            lines[-1] += word
            continue
        word = word.lstrip() if lines[-1] else word
        pieces = [word[i : i + width] for i in range(0, len(word), width)]
        lines = lines[:-1] + ([lines[-1]] if lines[-1] else []) + pieces
    return lines


# ---- Totals ----------------------------------------------------------------------------------------------------------


def _totals(model: Model) -> list[str]:
    trainable, others = model.trainable_weights, model.non_trainable_weights
    return [
        f" Total params: {_amount([*trainable, *others])}",
        f" Trainable params: {_amount(trainable)}",
        f" Non-trainable params: {_amount(others)}",
    ]


def _amount(variables: list[Variable]) -> str:
    size = float(sum(variable.array.nbytes for variable in variables))
    unit = 0
    units = ("B", "KB", "MB", "GB", "TB")
    while size >= 1024 and unit + 1 < len(units):
        size, unit = size / 1024, unit + 1
    return f"{count_elements(variables):,} ({size:.2f} {units[unit]})"
