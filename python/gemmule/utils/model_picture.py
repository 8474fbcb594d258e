"""What the picture of a model shows: boxes for layers and ops, arrows between them, frames around nested models."""

from __future__ import annotations

from typing import Any, NamedTuple

from gemmule.errors import received
from gemmule.layers import InputLayer, Layer
from gemmule.symbolic import find


class Box(NamedTuple):
    """One layer or op in the picture.

    Attributes:
        title: its first line, in bold.
        lines: further lines.
        kind: `"input"`, `"weights"`, `"frozen"`, `"plain"` or `"model"`: the colour.
        group: number of the nested model it belongs to, 0 for none.
    """

    title: str
    lines: tuple[str, ...]
    kind: str
    group: int


class Picture:
    """Boxes and arrows of a model.

    Args:
        show: what to tell in boxes.
        expand: whether nested models are drawn with their layers.
    """

    def __init__(self, show: dict[str, bool], expand: bool) -> None:
        self._show, self._expand = show, expand
        self.boxes: list[Box] = []
        self.edges: list[tuple[int, int]] = []
        self.frames: list[tuple[str, int]] = [("", 0)]  # titles of nested models and the groups around them
        self._from: dict[int, list[int]] = {}  # the boxes a symbolic tensor comes from, by its id

    def add_model(self, model: Any) -> None:
        """All layers and calls of a model."""
        if not _is_graph(model):
            raise ValueError(
                "plot_model draws the graph of a Sequential model or of gm.Model(inputs, outputs). What a subclass of "
                f"Model does in call() is not known as a graph.{received(model=model)}"
            )
        try:
            _ = model.input
        except AttributeError as error:  # a Sequential that is not built
            raise ValueError(str(error)) from None
        self._add_graph(model, 0, [])

    def _add_graph(self, model: Any, group: int, sources: list[list[int]]) -> None:
        """A graph; `sources` are the boxes that feed its inputs when it stands inside another one."""
        boxes: dict[int, int] = {}
        for index, (tensor, layer) in enumerate(_inputs(model)):
            if sources:
                self._from[id(tensor)] = list(sources[index])
            else:
                self._from[id(tensor)] = [self._add_box(layer, None, group)]
        for node in _nodes(model):
            operation = node.operation
            feeds = [self._from[id(tensor)] for tensor in node.inputs]
            if self._expand and _is_graph(operation):
                self.frames.append((f"{operation.name} ({type(operation).__name__})", group))
                self._add_graph(operation, len(self.frames) - 1, feeds)
                for outer, inner in zip(find(node.outputs), find(operation.output_structure)):
                    self._from[id(outer)] = self._from[id(inner)]
                continue
            if id(operation) not in boxes:
                boxes[id(operation)] = self._add_box(operation, node, group)
            box = boxes[id(operation)]
            self.edges += [(source, box) for feed in feeds for source in feed if (source, box) not in self.edges]
            self._from.update((id(tensor), [box]) for tensor in find(node.outputs))

    def _add_box(self, operation: Any, node: Any, group: int) -> int:
        is_layer = isinstance(operation, Layer)
        kind = type(operation).__name__ if is_layer else operation.op
        show, lines = self._show, []
        if show["names"]:
            lines.append(kind if is_layer else f"ops.{kind}")
        if show["activations"] and getattr(operation, "activation", None) is not None:
            lines.append(getattr(operation.activation, "__name__", str(operation.activation)))
        if show["shapes"]:
            lines.append(_shapes(operation, node))
        outputs = find(node.outputs) if node else find(operation.output)
        if show["dtype"]:
            lines.append(", ".join(str(tensor.dtype) for tensor in outputs))
        if show["trainable"] and getattr(operation, "weights", None):
            lines.append("trainable" if operation.trainable else "frozen")
        self.boxes.append(Box(operation.name if show["names"] else kind, tuple(lines), _kind(operation), group))
        return len(self.boxes) - 1


def _is_graph(model: Any) -> bool:
    return hasattr(model, "_graph") or hasattr(type(model), "input_structure")


def _inputs(model: Any) -> list[tuple[Any, Any]]:
    graph = getattr(model, "_graph", None)
    return list(zip(graph.inputs, graph.input_layers)) if graph else [(model.input, model.input.node.operation)]


def _nodes(model: Any) -> list[Any]:
    graph = getattr(model, "_graph", None)
    return graph.nodes if graph else model._calls


def _kind(operation: Any) -> str:
    if isinstance(operation, InputLayer):
        return "input"
    if hasattr(operation, "layers"):
        return "model"
    if not getattr(operation, "weights", None):
        return "plain"
    return "weights" if operation.trainable else "frozen"


def _shapes(operation: Any, node: Any) -> str:
    out = ", ".join(str(tensor.shape) for tensor in find(node.outputs if node else operation.output))
    into = list(dict.fromkeys(str(tensor.shape) for tensor in node.inputs)) if node else []
    return out if not into or into == [out] else f"{', '.join(into)} → {out}"
