"""The table that `model.summary()` prints."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import count_elements, is_shape, map_shapes
from gemmule.symbolic import Node, replace
from gemmule.tensor import Variable

if TYPE_CHECKING:
    from gemmule.models.model import Model

# heavy lines around the head, light ones below: corner, line, junctions
_HEAD_TOP, _HEAD_ROW, _HEAD_END = tuple("┏━┳┓"), tuple("┃ ┃┃"), tuple("┡━╇┩")
_ROW, _BETWEEN, _BOTTOM = tuple("│ ││"), tuple("├─┼┤"), tuple("└─┴┘")
_ASCII = str.maketrans("┏━┳┓┃┡╇┩│├─┼┤└┴┘", "+=++|+++|+-+++++")
_WIDTH, _NARROWEST = 80, 4
_SHAPE = 20  # columns for a shape in a table with connections; longer ones continue on another line


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
    connected = not _graph_of(model).is_chain if _graph_of(model) else False
    rows = _rows_of(model, layer_range, expand_nested, show_trainable, connected, 0)
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Connected to"] * connected + ["Trainable"] * show_trainable
    if connected and positions is None:
        widths = _fitted_widths([header, *rows], _line_length(line_length, show_trainable, connected))
    else:
        widths = _widths(line_length, positions, connected, show_trainable)
    aligns = ["<", "<", ">"] + ["<"] * connected + ["^"] * show_trainable
    text = "\n".join([f'Model: "{model.name}"', *_table(header, rows, widths, aligns), *_totals(model)])
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


def _graph_of(model: Any) -> Any:
    return getattr(model, "_graph", None)


def _rows_of(
    model: Any,
    layer_range: Sequence[str] | None,
    expand_nested: bool,
    show_trainable: bool,
    connected: bool,
    level: int,
) -> list[list[str]]:
    """A row for each layer (and op) of a model, and those of the models in it."""
    graph = _graph_of(model)
    shown = _in_range(graph.operations if graph else model.layers, layer_range)
    calls = graph.calls() if graph else {}
    rows = []
    for one in shown:
        nodes = calls.get(id(one), [])
        row = _row(one, nodes, level)
        if connected:
            row.append(_sources_text(graph, nodes) if graph else "")
        if show_trainable:
            row.append(("Y" if one.trainable else "N") if getattr(one, "weights", None) else "-")
        rows.append(row)
        if expand_nested and hasattr(one, "layers"):
            rows += _rows_of(one, None, True, show_trainable, connected, level + 1)
    return rows


def _row(one: Any, nodes: Sequence[Node], level: int) -> list[str]:
    """Name and class, output shape, number of weights."""
    prefix = "   " * level + "└ " if level else ""
    if not isinstance(one, Layer):
        kind = "".join(part.capitalize() for part in one.op.split("_"))
        return [f"{prefix}{one.name} ({kind})", _shape_text(_output_shape(nodes[0])), "0"]
    params = f"{count_elements(one.weights):,}" if one.built else "0 (unbuilt)"
    shape = _output_shape(nodes[0]) if nodes else one._output_shape
    return [f"{prefix}{one.name} ({type(one).__name__})", _shape_text(shape), params]


def _output_shape(node: Node) -> Any:
    return replace(node.outputs, lambda tensor: tensor.shape)


def _sources_text(graph: Any, nodes: Sequence[Node]) -> str:
    """Where the inputs come from, as Keras writes it: name[number of the call][number of the output]."""
    found = [f"{source.name}[{call}][{index}]" for node in nodes for source, call, index in graph.sources(node)]
    return ", ".join(found) or "-"


def _shape_text(shape: Any) -> str:
    if shape is None:
        return "?"
    if is_shape(shape):
        return str(tuple(shape))
    return str(map_shapes(tuple, shape))


def _in_range(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
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


def _widths(
    line_length: int | None, positions: Sequence[float] | None, connected: bool, show_trainable: bool
) -> list[int]:
    """Width of each column with its margins, without the lines between them."""
    columns = 3 + connected + show_trainable
    if positions is None:
        positions = (0.40, 0.67, 0.83, 1.0) if show_trainable else (0.45, 0.80, 1.0)
    if len(positions) != columns or any(b <= a for a, b in zip([0, *positions], positions)):
        raise ValueError(f"positions holds {columns} growing numbers, ends of columns.{received(positions=positions)}")
    line_length = _line_length(line_length, show_trainable, connected)
    room = line_length - columns - 1
    ends = [round(p * room) if positions[-1] <= 1 else round(p) for p in positions]
    widths = [b - a for a, b in zip([0, *ends], ends)]
    if min(widths) < _NARROWEST:
        least = min(b - a for a, b in zip([0, *positions], positions))
        cure = f" Pass line_length={int((_NARROWEST + 1) / least) + columns + 2} or more." if positions[-1] <= 1 else ""
        raise ValueError(f"The table is too narrow.{cure}{received(line_length=line_length, positions=positions)}")
    return widths


def _line_length(line_length: int | None, show_trainable: bool, connected: bool) -> int:
    if line_length is not None:
        if isinstance(line_length, bool) or not isinstance(line_length, (int, np.integer)):
            raise TypeError(f"summary: line_length is an integer.{received(line_length=line_length)}")
        return int(line_length)
    columns = shutil.get_terminal_size().columns
    if connected:
        return max(60, min(_WIDTH + 40, columns))
    return max(40, min(_WIDTH + 12 * show_trainable, columns) - 4)


def _fitted_widths(rows: list[list[str]], line_length: int) -> list[int]:
    """Widths that suit the texts: room for each word, if there is enough, and then for whole cells."""
    columns = [list(column) for column in zip(*rows)]
    room = line_length - len(columns) - 1
    full = [max(len(part) for text in column for part in _parts(text, c == 3)) + 2 for c, column in enumerate(columns)]
    least = [max(len(word) for text in column for word in re.split(r"[\s\[]", text)) + 2 for column in columns]
    least[1:3] = [min(full[1], _SHAPE), full[2]]
    names = room - sum(least[1:3]) - sum(least[4:])  # room for names of layers, in two columns
    if least[0] + least[3] > names:
        least[0] = full[0] = max(names * least[0] // (least[0] + least[3]), _NARROWEST)
        least[3] = full[3] = max(names - least[0], _NARROWEST)
    wanted = [max(b - a, 0) for a, b in zip(least, full)]
    spare = max(room - sum(least), 0)
    if sum(least) > room:
        fits = sum(least) + len(columns) + 1
        raise ValueError(
            f"The table is too narrow. Pass line_length={fits} or more.{received(line_length=line_length)}"
        )
    return [a + min(w, w * spare // max(sum(wanted), 1)) for a, w in zip(least, wanted)]


def _parts(text: str, sources: bool) -> list[str]:
    """What should stay on one line: all of a cell, or each of several sources."""
    return re.findall(r"\S+", text) if sources else [text]


def _table(header: list[str], rows: list[list[str]], widths: list[int], aligns: list[str]) -> list[str]:
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
        lines = lines[:-1] + ([lines[-1]] if lines[-1] else []) + _broken(word, width)
    return lines


def _broken(word: str, width: int) -> list[str]:
    """A word that stands on a line of its own, broken if it must be: before `[0][0]` rather than elsewhere."""
    name, bracket, rest = word.partition("[")
    if len(word) > width and name and bracket and len(bracket + rest) <= width:
        return [*_broken(name, width), bracket + rest]
    return [word[i : i + width] for i in range(0, len(word), width)]


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
