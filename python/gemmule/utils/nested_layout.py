"""Places graphs inside of boxes of other graphs: each is laid out by itself, and is one box of the graph around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gemmule.utils.graph_layout import Layout, arrange

_PAD = 0.2  # inches between a frame and what is in it
_PORT = (0.12, 0.0)  # size of the place where lines pass a frame

Point = tuple[float, float]
Key = tuple[str, int]  # a box, a group, or the port of lines that come "in" or go "out", by the box they come from


class Nested(NamedTuple):
    """Where everything goes, frames included.

    Attributes:
        layout: boxes and lines, as `arrange` places them.
        frames: left, top, right and bottom of each group.
    """

    layout: Layout
    frames: dict[int, tuple[float, float, float, float]]


class _Level(NamedTuple):
    keys: dict[Key, int]
    layout: Layout
    routes: dict[int, list[Point]]  # of the edges that pass it
    children: dict[int, _Level]


def arrange_nested(
    sizes: Sequence[Point], edges: Sequence[tuple[int, int]], groups: Sequence[int], parents: Sequence[int]
) -> Nested:
    """Lays a graph with groups out; nothing but the boxes of a group stands in its frame.

    Args:
        sizes: width and height of each box, in inches.
        edges: pairs of boxes, from and to.
        groups: the group of each box; 0 is the whole.
        parents: the group around each group.

    Returns:
        The places of boxes, lines and frames.
    """
    maker = _Maker(sizes, edges, groups, parents)
    whole = maker.level(0)
    centers: list[Point] = [(0.0, 0.0)] * len(sizes)
    frames: dict[int, tuple[float, float, float, float]] = {}
    routes: list[list[Point]] = [[] for _ in edges]
    maker.place(whole, 0.0, 0.0, centers, frames)
    for number, (a, _) in enumerate(edges):
        routes[number] = maker.route(whole, number, a, 0.0, 0.0)
    return Nested(Layout(centers, routes, whole.layout.width, whole.layout.height), frames)


class _Maker:
    def __init__(
        self, sizes: Sequence[Point], edges: Sequence[tuple[int, int]], groups: Sequence[int], parents: Sequence[int]
    ) -> None:
        self._sizes, self._edges, self._parents = sizes, edges, parents
        self._paths = [self._path(group) for group in groups]

    def _path(self, group: int) -> list[int]:
        path = [group]
        while path[-1]:
            path.append(self._parents[path[-1]])
        return path[::-1]

    def _item(self, box: int, group: int) -> Key | None:
        """What stands for a box in a group: itself, or the group in it that holds it; `None` if it is outside."""
        path = self._paths[box]
        if group not in path:
            return None
        below = path[path.index(group) + 1 :]
        return ("group", below[0]) if below else ("box", box)

    def level(self, group: int) -> _Level:
        """A group laid out, with all in it."""
        items = dict.fromkeys(i for box in range(len(self._sizes)) if (i := self._item(box, group)) is not None)
        children = {number: self.level(number) for kind, number in items if kind == "group"}
        passing: dict[int, tuple[Key, Key]] = {}
        for number, (a, b) in enumerate(self._edges):
            start, end = self._item(a, group), self._item(b, group)
            if start != end:
                passing[number] = start or ("in", a), end or ("out", a)
        keys = {
            key: index for index, key in enumerate(dict.fromkeys([*items, *(k for p in passing.values() for k in p)]))
        }
        pairs = list(dict.fromkeys((keys[start], keys[end]) for start, end in passing.values()))
        ends = {index: kind for (kind, _), index in keys.items() if kind in ("in", "out")}
        layout = arrange([self._size(key, children) for key in keys], pairs, ends)
        routes = {
            number: layout.routes[pairs.index((keys[start], keys[end]))] for number, (start, end) in passing.items()
        }
        return _Level(keys, layout, routes, children)

    def _size(self, key: Key, children: dict[int, _Level]) -> Point:
        kind, number = key
        if kind == "box":
            return self._sizes[number]
        if kind != "group":
            return _PORT
        inside = children[number].layout
        return inside.width + 2 * _PAD, inside.height + 2 * _PAD

    def _corner(self, level: _Level, group: int, left: float, top: float) -> Point:
        """Left and top of a group's frame."""
        x, y = level.layout.centers[level.keys["group", group]]
        width, height = self._size(("group", group), level.children)
        return left + x - width / 2, top + y - height / 2

    def place(self, level: _Level, left: float, top: float, centers: list[Point], frames: dict) -> None:
        """Fills in the places of boxes and frames."""
        for (kind, number), index in level.keys.items():
            if kind == "box":
                x, y = level.layout.centers[index]
                centers[number] = left + x, top + y
            elif kind == "group":
                x, y = self._corner(level, number, left, top)
                width, height = self._size((kind, number), level.children)
                frames[number] = x, y, x + width, y + height
                self.place(level.children[number], x + _PAD, y + _PAD, centers, frames)

    def route(self, level: _Level, edge: int, source: int, left: float, top: float) -> list[Point]:
        """The points of a line in a level, and in those groups of it that it comes from and goes to."""
        points = [(left + x, top + y) for x, y in level.routes.get(edge, [])]
        for group, child in level.children.items():
            if edge not in child.routes and not any(edge in g.routes for g in child.children.values()):
                continue
            x, y = self._corner(level, group, left, top)
            inside = self.route(child, edge, source, x + _PAD, y + _PAD)
            if ("in", source) in child.keys and points and inside:
                points = [*points[:-1], (inside[0][0], y), *inside]
            elif ("out", source) in child.keys and points and inside:
                bottom = y + child.layout.height + 2 * _PAD
                points = [*inside, (inside[-1][0], bottom), *points[1:]]
            else:
                points = points or inside
        return points
