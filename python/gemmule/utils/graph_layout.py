"""Places the boxes of a directed graph: ranks by longest paths, few crossings, straight lines.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981. Lines that
pass a rank get a place there, too (a *bend*), so that they do not run through boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

_ORDER_SWEEPS, _PLACE_SWEEPS = 12, 16
_GAP, _RANK_GAP, _BEND = 0.25, 0.32, 0.12  # inches between boxes, between ranks; width of a passing line


class Layout(NamedTuple):
    """Where everything goes.

    Attributes:
        centers: of each box, `(x, y)` in inches from the upper left corner.
        routes: for each edge the points it passes, from the lower side of a box to the upper side of the next.
        width: of the whole.
        height: of the whole.
    """

    centers: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


def arrange(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], ends: Mapping[int, str] | None = None
) -> Layout:
    """Lays a graph without cycles out from top to bottom.

    Args:
        sizes: width and height of each box, in inches.
        edges: pairs of boxes, from and to.
        ends: boxes that stay in the first rank (`"in"`) or in the last one (`"out"`).

    Returns:
        The places of boxes and lines.
    """
    ranks = _ranks(len(sizes), edges, ends or {})
    chains, rank_of, widths = _with_bends(sizes, edges, ranks)
    rows: list[list[int]] = [[] for _ in range(max(rank_of, default=-1) + 1)]
    for node, rank in enumerate(rank_of):
        rows[rank].append(node)
    links = [pair for chain in chains for pair in zip(chain, chain[1:])]
    above: list[list[int]] = [[] for _ in rank_of]
    below: list[list[int]] = [[] for _ in rank_of]
    for a, b in links:
        below[a].append(b)
        above[b].append(a)
    rows = _ordered(rows, above, below)
    x = _places(rows, above, below, widths, len(sizes))
    left = min((x[n] - widths[n] / 2 for n in range(len(widths))), default=0.0)
    x = [value - left for value in x]
    heights = [max([sizes[n][1] for n in row if n < len(sizes)], default=0.0) for row in rows]
    tops = [sum(heights[:r]) + r * _RANK_GAP for r in range(len(rows))]
    middle = [top + height / 2 for top, height in zip(tops, heights)]
    centers = [(x[n], middle[ranks[n]]) for n in range(len(sizes))]
    routes = [_route(chain, x, centers, sizes, rank_of, tops, heights) for chain in chains]
    width = max((x[n] + widths[n] / 2 for n in range(len(widths))), default=0.0)
    return Layout(centers, routes, width, tops[-1] + heights[-1] if rows else 0.0)


def _ranks(count: int, edges: Sequence[tuple[int, int]], ends: Mapping[int, str]) -> list[int]:
    """Longest distance from a start. What leads to one box only stands right above it, however late that comes."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in dict.fromkeys(edges):
        before[b].append(a)
        after[a].append(b)
    missing = [len(nodes) for nodes in before]
    order = [node for node in range(count) if not missing[node]]
    ranks = [0] * count
    alone = [node not in ends for node in range(count)]  # whether nothing above leads elsewhere
    for node in order:  # grows while it is walked
        for other in after[node]:
            ranks[other] = max(ranks[other], ranks[node] + 1)
            alone[other] = alone[other] and alone[node] and len(after[node]) == 1
            missing[other] -= 1
            if not missing[other]:
                order.append(other)
    for node in reversed(order):
        if alone[node] and after[node]:
            ranks[node] = min(ranks[other] for other in after[node]) - 1
    for node in (node for node, end in ends.items() if end == "out"):
        ranks[node] = max(ranks)
    return ranks


def _with_bends(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], ranks: list[int]
) -> tuple[list[list[int]], list[int], list[float]]:
    """Each edge as a chain of nodes, one on each rank; with rank and width of all nodes."""
    rank_of, widths = list(ranks), [width for width, _ in sizes]
    chains = []
    for a, b in edges:
        chain = [a]
        for rank in range(ranks[a] + 1, ranks[b]):
            chain.append(len(rank_of))
            rank_of.append(rank)
            widths.append(_BEND)
        chains.append([*chain, b])
    return chains, rank_of, widths


# ---- Order in a rank -------------------------------------------------------------------------------------------------


def _ordered(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """Rows sorted by the means of their neighbours' places, up and down; the best of some sweeps."""
    best, fewest = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_ORDER_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for rank in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = rows[rank - 1 if down else rank + 1]
            place = {node: float(index) for index, node in enumerate(fixed)}
            neighbours = above if down else below
            key = {node: _mean([place[o] for o in neighbours[node]], index) for index, node in enumerate(rows[rank])}
            rows[rank].sort(key=key.__getitem__)
        found = _crossings(rows, below)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    return best


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else float(otherwise)


def _crossings(rows: list[list[int]], below: list[list[int]]) -> int:
    total = 0
    for row, following in zip(rows, rows[1:]):
        place = {node: index for index, node in enumerate(following)}
        ends = [sorted(place[other] for other in below[node]) for node in row]
        for index, one in enumerate(ends):
            for other in ends[index + 1 :]:
                total += sum(a > b for a in one for b in other)
    return total


# ---- Places in a rank ------------------------------------------------------------------------------------------------


def _places(
    rows: list[list[int]], above: list[list[int]], below: list[list[int]], widths: list[float], boxes: int
) -> list[float]:
    """Horizontal places: each node above or below the middle one of its neighbours, as far as the order allows.

    A median rather than a mean: it keeps chains of boxes straight and lets the lines around them bend.
    """
    x = [0.0] * len(widths)
    for row in rows:
        _spread(row, [0.0] * len(row), [1.0] * len(row), widths, x)

    def pull(a: int, b: int) -> float:
        return 1.0 if (a < boxes) != (b < boxes) else 8.0  # a line around boxes bends where it leaves and arrives

    best, least = list(x), float("inf")
    for sweep in range(_PLACE_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            wanted, weights = [], []
            for node in row:
                pairs = [(x[other], pull(node, other)) for other in (above if down else below)[node]]
                wanted.append(_median(pairs) if pairs else x[node])
                weights.append(sum(w for _, w in pairs) or 0.1)
            _spread(row, wanted, weights, widths, x)
        length = sum(pull(a, b) * abs(x[a] - x[b]) for a, others in enumerate(below) for b in others)
        if length < least - 1e-9:
            best, least = list(x), length
    return best


def _median(pairs: list[tuple[float, float]]) -> float:
    """The weighted median; between two equal halves, their middle."""
    half, passed = sum(weight for _, weight in pairs) / 2, 0.0
    pairs = sorted(pairs)
    for (value, weight), (following, _) in zip(pairs, [*pairs[1:], pairs[-1]]):
        passed += weight
        if passed == half:
            return (value + following) / 2
        if passed > half:
            return value
    return pairs[-1][0]


def _spread(row: list[int], wanted: list[float], weights: list[float], widths: list[float], x: list[float]) -> None:
    """Least squares to the wanted places with room for each node: violators are pooled."""
    offsets = [0.0]
    for a, b in zip(row, row[1:]):
        offsets.append(offsets[-1] + (widths[a] + widths[b]) / 2 + _GAP)
    blocks: list[list[float]] = []  # mean, weight, number of nodes
    for want, offset, weight in zip(wanted, offsets, weights):
        blocks.append([want - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, total, count = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + mean * total) / (last[1] + total)
            last[1], last[2] = last[1] + total, last[2] + count
    places = [mean for mean, _, count in blocks for _ in range(int(count))]
    for node, place, offset in zip(row, places, offsets):
        x[node] = place + offset


def _route(
    chain: list[int],
    x: list[float],
    centers: list[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    rank_of: list[int],
    tops: list[float],
    heights: list[float],
) -> list[tuple[float, float]]:
    first, last = chain[0], chain[-1]
    points = [(x[first], centers[first][1] + sizes[first][1] / 2)]
    for node in chain[1:-1]:  # straight through a whole rank
        top = tops[rank_of[node]]
        points += [(x[node], top), (x[node], top + heights[rank_of[node]])]
    return [*points, (x[last], centers[last][1] - sizes[last][1] / 2)]
