"""`plot_model`: the graph of a model as a picture, drawn by Graphviz if it is there, else with matplotlib."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gemmule.errors import received
from gemmule.utils.files import atomic_write
from gemmule.utils.graph_layout import Layout
from gemmule.utils.model_picture import Box, Picture
from gemmule.utils.nested_layout import arrange_nested

__all__ = ["Drawing", "plot_model"]

_INK, _LINE, _FRAME = "#333333", "#8a8f98", "#b9a7d6"
_FILLS = {"input": "#dff0e3", "weights": "#dbe9f6", "frozen": "#e6e6e6", "plain": "#fbfaf5", "model": "#ece4f7"}
_LARGEST = 30_000  # pixels along a side: what programs still open
_DIRECTIONS = ("TB", "BT", "LR", "RL")
_SIZE, _LEADING, _MARGIN = 9.0, 0.175, 0.09  # text in points; line height and margin in inches


class Drawing:
    """What Graphviz drew. Notebooks show it.

    Attributes:
        source: the graph in Graphviz's language.
        png: the picture.
    """

    def __init__(self, source: str, png: bytes) -> None:
        self.source, self.png = source, png

    def _repr_png_(self) -> bytes:
        return self.png


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    renderer: str | None = None,
) -> Any:
    """Draws the graph of a model: a box for each layer and op, an arrow for each tensor.

    Args:
        model: a `Sequential` model, or one made by `gm.Model(inputs, outputs)`.
        to_file: where to write the picture; its ending says the format (png, svg, pdf). `None` writes nothing.
        show_shapes: whether boxes tell the shapes of what goes in and comes out.
        show_dtype: whether they tell the type of what comes out.
        show_layer_names: whether they tell names besides classes.
        rankdir: the direction, `"TB"` from top to bottom, `"BT"`, `"LR"` from left to right, `"RL"`.
        expand_nested: whether models inside of the model are drawn with their layers, in a frame.
        dpi: pixels per inch.
        show_layer_activations: whether boxes tell activation functions.
        show_trainable: whether they tell that layers are frozen.
        renderer: `"graphviz"` (its program `dot`) or `"matplotlib"`; by default the first of them that is there.

    Returns:
        A `Drawing` by Graphviz or a matplotlib `Figure`; notebooks show both.

    Raises:
        ValueError: if the model is no graph, or for an unknown direction, renderer or format.
        ImportError: if neither Graphviz nor matplotlib is there.

    Example:
        >>> gm.utils.plot_model(model, "model.png", show_shapes=True)
    """
    if rankdir not in _DIRECTIONS:
        raise ValueError(f"plot_model: rankdir is one of {', '.join(_DIRECTIONS)}.{received(rankdir=rankdir)}")
    if renderer not in (None, "graphviz", "matplotlib"):
        raise ValueError(f"plot_model: renderer is 'graphviz' or 'matplotlib'.{received(renderer=renderer)}")
    if isinstance(dpi, bool) or not isinstance(dpi, (int, float)) or not 10 <= dpi <= 2400:
        raise ValueError(f"plot_model: dpi is a number from 10 to 2400.{received(dpi=dpi)}")
    show = {
        "shapes": show_shapes,
        "dtype": show_dtype,
        "names": show_layer_names,
        "activations": show_layer_activations,
        "trainable": show_trainable,
    }
    picture = Picture(show, expand_nested)
    picture.add_model(model)
    if renderer == "graphviz" or (renderer is None and shutil.which("dot")):
        return _by_graphviz(picture, to_file, rankdir, dpi)
    return _by_matplotlib(picture, to_file, rankdir, dpi)


# ---- Graphviz --------------------------------------------------------------------------------------------------------


def _by_graphviz(picture: Picture, to_file: Any, rankdir: str, dpi: float) -> Drawing:
    source = to_dot(picture.boxes, picture.edges, picture.frames, rankdir)
    if to_file is not None:
        data = _run_dot(source, Path(to_file).suffix.lstrip(".").lower() or "png", dpi)
        with atomic_write(to_file) as file:
            file.write(data)
    return Drawing(source, _run_dot(source, "png", dpi))


def _run_dot(source: str, kind: str, dpi: float) -> bytes:
    try:
        done = subprocess.run(
            ["dot", f"-T{kind}", f"-Gdpi={dpi}"], input=source.encode(), capture_output=True, check=True
        )
    except FileNotFoundError as error:
        raise ImportError(
            "plot_model: Graphviz's program dot is not there. Install Graphviz, or pass renderer='matplotlib'."
        ) from error
    except subprocess.CalledProcessError as error:
        text = error.stderr.decode(errors="replace").strip()[:300]
        if "not recognized" in text:
            raise _unknown_format(kind) from None
        raise ValueError(f"plot_model: Graphviz could not draw the model: {text}.{received(format=kind)}") from error
    return done.stdout


def _unknown_format(kind: str) -> ValueError:
    return ValueError(
        "plot_model: no picture of this format can be drawn. Let to_file end with .png, .svg, .pdf or .jpg."
        f"{received(format=kind)}"
    )


def to_dot(boxes: list[Box], edges: list[tuple[int, int]], frames: list[tuple[str, int]], rankdir: str) -> str:
    """The picture in Graphviz's language."""
    lines = [
        "digraph model {",
        f'  rankdir={rankdir}; nodesep=0.25; ranksep=0.35; fontname="Helvetica"; fontsize=10; fontcolor="{_INK}";',
        f'  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=10, fontcolor="{_INK}", '
        f'color="{_LINE}", margin="0.1,0.04", height=0.3];',
        f'  edge [color="{_LINE}", arrowsize=0.6];',
    ]
    for group, (title, _) in enumerate(frames):
        if group:
            parents = _path(frames, group)
            lines += [f"  {'subgraph cluster_' + str(g)} {{" for g in parents]
            lines.append(f'  label={_quoted(title)}; style="rounded,dashed"; color="{_FRAME}"; labeljust=l;')
            lines.append("  " + "}" * len(parents))
        for index, box in enumerate(boxes):
            if box.group == group:
                name = f'  n{index} [fillcolor="{_FILLS[box.kind]}", label=<{_html(box)}>];'
                parents = _path(frames, group)
                lines.append("".join(f"subgraph cluster_{g} {{" for g in parents) + name + "}" * len(parents))
    lines += [f"  n{a} -> n{b};" for a, b in edges]
    return "\n".join([*lines, "}"]) + "\n"


def _path(frames: list[tuple[str, int]], group: int) -> list[int]:
    """The frames around a group from the outermost on, itself included."""
    path = []
    while group:
        path.append(group)
        group = frames[group][1]
    return path[::-1]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _html(box: Box) -> str:
    title, *lines = (t.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for t in (box.title, *box.lines))
    rows = "".join(f"<TR><TD>{line}</TD></TR>" for line in (f"<B>{title}</B>", *lines))
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'


# ---- matplotlib ------------------------------------------------------------------------------------------------------


def _by_matplotlib(picture: Picture, to_file: Any, rankdir: str, dpi: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'plot_model needs Graphviz (its program dot) or matplotlib: pip install "gemmule[plot]".'
        ) from error
    sizes = [_size(box) for box in picture.boxes]
    across = rankdir in ("LR", "RL")
    layout, frames = arrange_nested(
        [(h, w) if across else (w, h) for w, h in sizes],
        picture.edges,
        [box.group for box in picture.boxes],
        [parent for _, parent in picture.frames],
    )
    extent = (layout.height, layout.width) if across else (layout.width, layout.height)
    border = 0.15
    width, height = (max(side + 2 * border, 1.0) for side in extent)
    dpi = min(dpi, _LARGEST / max(width, height))
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-border, width - border)
    axes.set_ylim(height - border, -border)  # y grows downward, as in the layout
    turn = _Turn(rankdir, layout)
    _draw_frames(axes, picture, turn, frames)
    for route in layout.routes:
        _draw_arrow(axes, [turn(point) for point in route], across)
    for box, center, size in zip(picture.boxes, layout.centers, sizes):
        _draw_box(axes, box, turn(center), size)
    if to_file is not None:
        kind = Path(to_file).suffix.lstrip(".").lower() or "png"
        if kind not in figure.canvas.get_supported_filetypes():
            raise _unknown_format(kind)
        with atomic_write(to_file) as file:
            figure.savefig(file, format=kind, dpi=dpi)
    return figure


class _Turn:
    """Points of a layout from top to bottom, turned to the wanted direction."""

    def __init__(self, rankdir: str, layout: Layout) -> None:
        self._rankdir, self._length = rankdir, layout.height

    def __call__(self, point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        if self._rankdir in ("BT", "RL"):
            y = self._length - y
        return (x, y) if self._rankdir in ("TB", "BT") else (y, x)


def _size(box: Box) -> tuple[float, float]:
    """Width and height of a box in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    def width(text: str, weight: str) -> float:
        return TextPath((0, 0), text, size=_SIZE, prop=FontProperties(weight=weight)).get_extents().width / 72

    widest = max([width(box.title, "bold"), *(width(line, "normal") for line in box.lines)])
    return max(widest + 2.4 * _MARGIN, 0.7), (1 + len(box.lines)) * _LEADING + 1.4 * _MARGIN


def _draw_box(axes: Any, box: Box, center: tuple[float, float], size: tuple[float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = center, size
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(
        FancyBboxPatch((x - width / 2, y - height / 2), width, height, style, fc=_FILLS[box.kind], ec=_LINE, lw=0.8)
    )
    for number, line in enumerate((box.title, *box.lines)):
        weight = "normal" if number else "bold"
        at = y + (number - len(box.lines) / 2) * _LEADING
        axes.text(x, at, line, ha="center", va="center_baseline", fontsize=_SIZE, fontweight=weight, color=_INK)


def _draw_arrow(axes: Any, points: list[tuple[float, float]], across: bool) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    vertices, codes = [points[0]], [Curve.MOVETO]
    for number, (a, b) in enumerate(zip(points, points[1:])):
        if number % 2:  # through a rank
            vertices.append(b)
            codes.append(Curve.LINETO)
            continue
        half = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        vertices += [(half[0], a[1]), (half[0], b[1]), b] if across else [(a[0], half[1]), (b[0], half[1]), b]
        codes += [Curve.CURVE4] * 3
    style = "-|>,head_length=3,head_width=1.8"
    axes.add_patch(
        FancyArrowPatch(path=Curve(vertices, codes), arrowstyle=style, color=_LINE, lw=1.0, mutation_scale=1)
    )


def _draw_frames(axes: Any, picture: Picture, turn: _Turn, frames: Mapping[int, tuple[float, ...]]) -> None:
    from matplotlib.patches import FancyBboxPatch

    for group, (x0, y0, x1, y1) in frames.items():
        (left, right), (top, bottom) = (sorted(ends) for ends in zip(turn((x0, y0)), turn((x1, y1))))
        axes.add_patch(
            FancyBboxPatch(
                (left, top),
                right - left,
                bottom - top,
                "round,pad=0,rounding_size=0.08",
                fc="none",
                ec=_FRAME,
                lw=1,
                ls="--",
                zorder=0,
            )
        )
        title = picture.frames[group][0]
        axes.text(left + 0.05, top + 0.09, title, fontsize=6.5, color="#7d64ad", va="center", ha="left")
