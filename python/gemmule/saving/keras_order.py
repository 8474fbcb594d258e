"""Where Keras 3 would put each layer of a model in a weights file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gemmule import naming
from gemmule.layers.layer import Layer
from gemmule.symbolic import find


def keras_paths(model: Any) -> dict[int, str]:
    """The paths of all layers, by `id`: `layers/dense_1` in graphs, names of attributes in subclasses.

    A list of layers is numbered by class, whatever the layers are called, in the order of the list; the layers of a
    graph are ordered by their distance from its outputs.

    Args:
        model: the model.
    """
    found: dict[int, str] = {}
    _walk(model, "", found)
    return found


def _walk(layer: Any, path: str, found: dict[int, str]) -> None:
    if id(layer) in found:
        return
    found[id(layer)] = path
    children = layer._children()
    if not children:
        return
    attributes: dict[str, list[Layer]] = {}
    for label, child in children:
        attributes.setdefault(label.split("/")[0], []).append(child)
    if getattr(layer, "_graph", None) is not None or hasattr(layer, "_stack"):
        attributes = {}
    single = {label for label, _ in children if "/" not in label}
    attributes["layers"] = _ordered(layer)
    for label in sorted(attributes):
        prefix = f"{path}/{label}" if path else label
        if label in single and label != "layers":
            _walk(attributes[label][0], prefix, found)
            continue
        for name, child in _numbered(attributes[label]):
            _walk(child, f"{prefix}/{name}", found)


def _numbered(layers: Iterable[Layer]) -> list[tuple[str, Layer]]:
    counts: dict[str, int] = {}
    named = []
    for layer in layers:
        base = naming.snake_case(type(layer).__name__)
        number = counts[base] = counts.get(base, -1) + 1
        named.append((f"{base}_{number}" if number else base, layer))
    return named


def _ordered(model: Any) -> list[Layer]:
    """The layers of a model as Keras lists them."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        return list(model.layers) if hasattr(model, "layers") else [child for _, child in model._children()]
    finished, first = _visited(graph)
    node_depth: dict[int, int] = {}
    depth: dict[int, int] = {}
    for node in reversed(finished):
        here = max(node_depth.get(id(node), 0), depth.get(id(node.operation), 0))
        depth[id(node.operation)] = node_depth[id(node)] = here
        for tensor in node.inputs:
            if tensor.node is not None:
                node_depth[id(tensor.node)] = max(here + 1, node_depth.get(id(tensor.node), 0))
    operations = sorted(model.operations, key=lambda one: (-depth.get(id(one), 0), first.get(id(one), 0)))
    return [operation for operation in operations if isinstance(operation, Layer)]


def _visited(graph: Any) -> tuple[list[Any], dict[int, int]]:
    """The calls of a graph, each behind those it needs, as found from the outputs; and when each operation was met."""
    known = {id(node) for node in graph.nodes}
    finished: list[Any] = []
    first: dict[int, int] = {}
    done: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(tensor.node, False) for tensor in reversed(find(graph.outputs))]
    while waiting:
        node, complete = waiting.pop()
        if complete:
            finished.append(node)
            continue
        first.setdefault(id(node.operation), len(first))
        if id(node) in done or id(node) not in known:
            continue
        done.add(id(node))
        waiting.append((node, True))
        waiting += [(tensor.node, False) for tensor in reversed(node.inputs) if tensor.node is not None]
    return finished, first
