"""Calling a layer on symbolic tensors: its weights are made, the shape of its output is found, a node remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gemmule.layers.rules import without_losses
from gemmule.layers.structure import map_shapes, map_tensors
from gemmule.scope import layer_scope
from gemmule.symbolic import Node, Shape, SymbolicTensor, find, probe, refuse_variables

if TYPE_CHECKING:
    from gemmule.layers.layer import Layer


def call_symbolically(layer: Layer, args: tuple[Any, ...], training: bool | None, kwargs: dict[str, Any]) -> Any:
    """Adds one call of a layer to the graph its arguments belong to.

    Args:
        layer: the layer; it is built if it is not yet.
        args: arguments of its `call`, with symbolic tensors.
        training: what the call says, to be said again whenever the model runs; `None` leaves it to the model.
        kwargs: keyword arguments of its `call`.

    Returns:
        New symbolic tensors, in the structure of the layer's outputs.
    """
    position = layer._training_position
    if position is not None and len(args) == position + 1:
        args, training = args[:-1], args[-1]
    with layer_scope(layer.name):
        refuse_variables(layer.name, (args, kwargs))
        outputs = infer_outputs(layer, args, kwargs)
    if training is not None:
        kwargs = {**kwargs, "training": bool(training)}
    layer._nodes.append(Node(layer, args, kwargs, outputs))
    return outputs


def infer_outputs(layer: Layer, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """New symbolic tensors of the shapes and types a layer gives; builds it if need be.

    `compute_output_shape` says it where the layer defines that. Otherwise, and where a built layer meets another shape
    than it was built for (it has to check it then), the layer runs on zeros; see `gemmule.symbolic.probe`.
    """
    inputs = args[0] if args else next(iter(kwargs.values()), None)
    shapes = map_tensors(_shape_of, inputs)
    known = not layer._built or _compatible(shapes, layer._build_shape)
    if not layer._built:
        layer._prepare_weights(shapes)
    if known and len(args) == 1 and not find(kwargs) and _has_rule(layer) and _is_floating(layer, inputs):
        outputs = map_shapes(lambda shape: SymbolicTensor(shape, layer.dtype), layer.compute_output_shape(shapes))
    else:
        with without_losses():
            outputs = probe(layer, args, {**kwargs, "training": False})
    if layer._output_shape is None or not layer._built:
        layer._built = True
        layer._input_shape, layer._output_shape = shapes, map_tensors(_shape_of, outputs)
    return outputs


def _shape_of(tensor: Any) -> Shape:
    return tuple(getattr(tensor, "shape", ()))


def _has_rule(layer: Layer) -> bool:
    """Whether the layer knows the shape of its output, and all layers in it have their weights already."""
    return layer._knows_output_shape() and all(inner._built for inner in layer._flatten_layers())


def _is_floating(layer: Layer, inputs: Any) -> bool:
    """Whether the output has the layer's own type: it converts its inputs, or they are floating already."""
    return layer._wants_floats or any(tensor.dtype.kind == "f" for tensor in find(inputs))


def _compatible(shapes: Any, built: Any) -> bool:
    """Whether shapes are those a layer was built for, apart from the batch and from what was not known then."""
    if isinstance(shapes, Mapping):
        return isinstance(built, Mapping) and all(_compatible(shapes[k], built.get(k)) for k in shapes)
    if not isinstance(shapes, (tuple, list)) or not isinstance(built, (tuple, list)) or len(shapes) != len(built):
        return False
    if any(isinstance(part, (tuple, list, Mapping)) for part in shapes):
        return all(_compatible(a, b) for a, b in zip(shapes, built))
    return all(b is None or a == b for a, b in zip(shapes[1:], built[1:]))
