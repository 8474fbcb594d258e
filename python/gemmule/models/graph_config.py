"""Graphs as plain dictionaries, and back: every layer with its calls, every argument of a call by what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gemmule.config import standardize_dtype
from gemmule.errors import describe, did_you_mean, received
from gemmule.layers.layer import Layer
from gemmule.layers.serialization import deserialize, serialize
from gemmule.models.graph import Graph
from gemmule.ops.registry import OPS, Operation
from gemmule.symbolic import SymbolicTensor, find
from gemmule.tensor import Tensor

Place = tuple[str, int, int]  # of a tensor: name of the operation, number of its call, number of the output


def graph_to_config(graph: Graph, inputs: Any, outputs: Any) -> dict[str, Any]:
    """Layers with their calls, and the structures of inputs and outputs, in what JSON can hold.

    Args:
        graph: the graph.
        inputs: structure of symbolic tensors.
        outputs: likewise.

    Raises:
        TypeError: for an argument of a call that is no number, text, tensor or structure of them.
    """
    places: dict[int, Place] = {
        id(tensor): (layer.name, 0, 0) for tensor, layer in zip(graph.inputs, graph.input_layers)
    }
    calls: dict[str, list[dict[str, Any]]] = {operation.name: [] for operation in graph.operations}
    for order, node in enumerate(graph.nodes):
        name = node.operation.name
        encoded = {"order": order, "args": _encode(list(node.args), places), "kwargs": _encode(node.kwargs, places)}
        for index, tensor in enumerate(find(node.outputs)):
            places.setdefault(id(tensor), (name, len(calls[name]), index))
        calls[name].append(encoded)
    return {
        "layers": [_described(operation) | {"inbound_nodes": calls[operation.name]} for operation in graph.operations],
        "input_layers": _encode(inputs, places),
        "output_layers": _encode(outputs, places),
    }


def _described(operation: Any) -> dict[str, Any]:
    if isinstance(operation, Layer):
        return {"name": operation.name, **serialize(operation)}
    return {"name": operation.name, "class_name": "Operation", "config": operation.get_config()}


def _encode(value: Any, places: Mapping[int, Place]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, SymbolicTensor):
        return {"tensor": list(places[id(value)])}
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return {"array": np.asarray(value).tolist(), "dtype": np.asarray(value).dtype.name}
    if isinstance(value, Mapping):
        return {"dict": {str(key): _encode(part, places) for key, part in value.items()}}
    if isinstance(value, (list, tuple)):
        parts = [_encode(part, places) for part in value]
        return parts if isinstance(value, list) else {"tuple": parts}
    if isinstance(value, slice):
        return {"slice": [_encode(part, places) for part in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, (np.dtype, type)):
        return np.dtype(value).name
    raise TypeError(f"A model with this argument of a call has no configuration.{received(argument=value)}")


def _decode(value: Any, tensors: Mapping[Place, SymbolicTensor]) -> Any:
    if isinstance(value, list):
        return [_decode(part, tensors) for part in value]
    if not isinstance(value, Mapping):
        return value
    kind = next(iter(value), None)
    if kind == "tensor":
        return tensors[_place(value)]
    if kind == "array":
        return np.array(value["array"], standardize_dtype(value["dtype"]))
    if kind == "dict":
        return {key: _decode(part, tensors) for key, part in value["dict"].items()}
    if kind == "tuple":
        return tuple(_decode(part, tensors) for part in value["tuple"])
    if kind == "slice":
        return slice(*(_decode(part, tensors) for part in value["slice"]))
    if kind == "ellipsis":
        return Ellipsis
    raise ValueError(f"This is no argument of a call in the configuration of a model.{received(argument=value)}")


def _place(value: Mapping[str, Any]) -> Place:
    name, call, index = value["tensor"]
    return str(name), int(call), int(index)


def _needed(value: Any) -> list[Place]:
    """The tensors an encoded argument refers to."""
    if isinstance(value, Mapping):
        if "tensor" in value:
            return [_place(value)]
        value = list(value.values())
    return [place for part in value for place in _needed(part)] if isinstance(value, list) else []


def graph_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, type[Layer]] | None) -> tuple[Any, Any]:
    """Makes all layers anew and calls them on symbolic tensors.

    Args:
        config: what `graph_to_config` returned.
        custom_objects: the caller's own classes, by name.

    Returns:
        The structures of inputs and outputs.

    Raises:
        ValueError: if a call needs what no layer gives, or layers form a cycle.
    """
    name = config.get("name")
    operations: dict[str, Any] = {}
    for entry in config["layers"]:
        if entry["name"] in operations:
            raise ValueError(f'Model "{name}": the configuration has two layers named "{entry["name"]}".')
        operations[entry["name"]] = _made(entry, custom_objects)
    tensors: dict[Place, SymbolicTensor] = {}
    waiting = []
    for entry in config["layers"]:
        calls = entry["inbound_nodes"]
        if not calls:  # the input layers
            tensors[entry["name"], 0, 0] = operations[entry["name"]].output
        waiting += [(call.get("order", 0), entry["name"], number, call) for number, call in enumerate(calls)]
    waiting.sort(key=lambda one: one[0])
    while waiting:
        ready = [
            one for one in waiting if all(place in tensors for place in _needed([one[3]["args"], one[3]["kwargs"]]))
        ]
        if not ready:
            raise ValueError(_stuck(name, waiting, operations))
        _, layer, number, call = ready[0]
        outputs = operations[layer](*_decode(call["args"], tensors), **_decode(call["kwargs"], tensors))
        tensors |= {(layer, number, index): tensor for index, tensor in enumerate(find(outputs))}
        waiting.remove(ready[0])
    for place in _needed([config["input_layers"], config["output_layers"]]):
        if place not in tensors:
            raise ValueError(f'Model "{name}": no call gives the input or output {list(place)}.')
    return _decode(config["input_layers"], tensors), _decode(config["output_layers"], tensors)


def _made(entry: Mapping[str, Any], custom_objects: Mapping[str, type[Layer]] | None) -> Any:
    if entry["class_name"] != "Operation":
        return deserialize(entry, custom_objects)
    op = entry["config"].get("op")
    if op not in OPS:
        raise ValueError(f"Unknown operation {describe(op)}.{did_you_mean(str(op), OPS)}")
    return Operation(op, entry["name"])


def _stuck(name: Any, waiting: list[Any], operations: Mapping[str, Any]) -> str:
    """Why none of the calls that are left can be made."""
    coming = {(layer, number) for _, layer, number, _ in waiting}
    for _, layer, _, call in waiting:
        for needed, number, _ in _needed([call["args"], call["kwargs"]]):
            if needed not in operations:
                return f'Model "{name}": layer "{layer}" needs the output of "{needed}", which the model does not have.'
            if (needed, number) not in coming and not _is_input(operations[needed]):
                return f'Model "{name}": layer "{layer}" needs call {number} of "{needed}", which is never made.'
    names = list(dict.fromkeys(layer for _, layer, _, _ in waiting))
    return (
        f'Model "{name}": its layers form a cycle, so that none of them can be called first: each of '
        f"{', '.join(names)} needs what another one gives. A model is a graph without cycles."
    )


def _is_input(operation: Any) -> bool:
    return type(operation).__name__ == "InputLayer"
