"""Models made anew: the same layers with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.models.functional import Functional
from gemmule.models.sequential import Sequential
from gemmule.ops.registry import Operation
from gemmule.symbolic import SymbolicTensor, find, replace


def clone_model(model: Any, clone_function: Callable[[Layer], Layer] | None = None) -> Any:
    """A model of the same layers with new weights; compiled state is not copied.

    Args:
        model: a `Sequential` model, or one made by `gm.Model(inputs, outputs)`.
        clone_function: makes a new layer from each layer but inputs; by default one of the same configuration. The
            layer itself may be returned: then both models share it.

    Returns:
        A `Sequential` or functional model.

    Raises:
        TypeError: for a subclass of `Model` that is no graph.

    Example:
        >>> twin = gm.models.clone_model(model)
        >>> twin.set_weights(model.get_weights())
    """
    clone = clone_function or _like
    if isinstance(model, Sequential):
        inputs = [_like(model._input_layer)] if model._input_layer else []
        twin = Sequential([*inputs, *(clone(layer) for layer in model.layers)], name=model.name)
        if model.built and not twin.built:
            twin.build(model.input_shape)
    elif isinstance(model, Functional):
        twin = _cloned_graph(model, clone)
    else:
        raise TypeError(
            "clone_model makes models of layers that stand in a Sequential or a graph; a subclass of gm.Model is made "
            f"anew by calling its class.{received(model=model)}"
        )
    twin._trainable = model._trainable
    return twin


def _like(layer: Any) -> Any:
    if isinstance(layer, (Sequential, Functional)):
        return clone_model(layer)
    twin = type(layer).from_config(layer.get_config())
    twin._given_name = layer._given_name  # an automatic name stays one: files number those anew
    return twin


def _cloned_graph(model: Functional, clone: Callable[[Layer], Layer]) -> Any:
    graph = model._graph
    made: dict[int, Any] = {}
    tensors: dict[int, SymbolicTensor] = {}
    for tensor, layer in zip(graph.inputs, graph.input_layers):
        tensors[id(tensor)] = _like(layer).output

    def twin(tensor: SymbolicTensor) -> SymbolicTensor:
        return tensors[id(tensor)]

    for node in graph.nodes:
        operation = node.operation
        if id(operation) not in made:
            is_layer = isinstance(operation, Layer)
            made[id(operation)] = clone(operation) if is_layer else Operation(operation.op, operation.name)
        outputs = made[id(operation)](*replace(node.args, twin), **replace(node.kwargs, twin))
        tensors |= {id(old): new for old, new in zip(find(node.outputs), find(outputs), strict=True)}
    structures = replace(model.input_structure, twin), replace(model.output_structure, twin)
    return type(model)(*structures, name=model.name)
