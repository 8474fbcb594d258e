"""Models made anew: the same layers with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gemmule.errors import received
from gemmule.layers.input import InputLayer
from gemmule.layers.layer import Layer
from gemmule.layers.structure import leaves
from gemmule.models.functional import Functional
from gemmule.models.sequential import Sequential
from gemmule.ops.registry import Operation
from gemmule.symbolic import SymbolicTensor, find, replace

CloneFunction = Callable[[Any], Any]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: CloneFunction | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """A model of the same layers with new weights. It is not compiled, even if the model is (in Keras it would be).

    Args:
        model: a `Sequential` model, or one made by `gm.Model(inputs, outputs)`.
        input_tensors: symbolic tensors to build the clone on, in the structure of the model's inputs; new inputs by
            default. A `Sequential` takes one, from `gm.Input`.
        clone_function: makes a new layer from each layer but inputs; by default one of the same configuration. The
            layer itself may be returned: then both models share it.
        call_function: called as `call_function(layer, *args, **kwargs)` instead of each cloned layer of a graph; so
            layers can be put before or behind others. Not for a `Sequential`, whose layers are only listed.
        recursive: whether `clone_function` and `call_function` see the layers of nested models, too, instead of the
            nested models themselves.

    Returns:
        A `Sequential` or functional model. What was frozen is frozen in the clone.

    Raises:
        TypeError: for a subclass of `Model` that is no graph, or arguments of the wrong kind.
        ValueError: for input tensors that do not fit, or `call_function` with a `Sequential`.

    Example:
        >>> twin = gm.models.clone_model(model)
        >>> twin.set_weights(model.get_weights())
    """
    for name, function in (("clone_function", clone_function), ("call_function", call_function)):
        if function is not None and not callable(function):
            raise TypeError(f"clone_model: {name} must be a function.{received(**{name: function})}")
    if not isinstance(model, (Sequential, Functional)):
        raise TypeError(
            "clone_model makes models of layers that stand in a Sequential or a graph; a subclass of gm.Model is made "
            f"anew by calling its class.{received(model=model)}"
        )
    if call_function is not None and isinstance(model, Sequential):
        raise ValueError(
            "clone_model: call_function is for graphs; the layers of a Sequential are listed, not called. Rewrite the "
            f"list of layers, or pass gm.Model(model.inputs, model.outputs).{received(model=model)}"
        )
    return _Cloner(clone_function, call_function, recursive).model(model, input_tensors)


class _Cloner:
    """One cloning: how layers are made and called, and which were made, for a layer may occur several times."""

    def __init__(
        self, clone: CloneFunction | None, call: Callable[..., Any] | None = None, recursive: bool = False
    ) -> None:
        self._clone, self._call, self._recursive = clone or _like, call, recursive
        self._made: dict[int, Any] = {}

    def model(self, model: Any, input_tensors: Any = None) -> Any:
        if isinstance(model, Sequential):
            twin = self._stack(model, input_tensors)
        else:
            twin = self._graph(model, input_tensors)
        twin._given_name = model._given_name
        twin._trainable = model._trainable
        return twin

    def layer(self, layer: Layer) -> Any:
        if id(layer) not in self._made:
            nested = self._recursive and isinstance(layer, (Sequential, Functional))
            self._made[id(layer)] = self.model(layer) if nested else self._clone(layer)
        return self._made[id(layer)]

    def _stack(self, model: Sequential, input_tensors: Any) -> Any:
        if input_tensors is not None:
            inputs = [_only_input(input_tensors)]
        else:
            inputs = [_like(model._input_layer)] if model._input_layer else []
        twin = Sequential([*inputs, *(self.layer(layer) for layer in model.layers)], name=model.name)
        if model.built and not twin.built:
            twin.build(model.input_shape)
        return twin

    def _graph(self, model: Functional, input_tensors: Any) -> Any:
        graph = model._graph
        if input_tensors is None:
            tensors = {id(old): _like(layer).output for old, layer in zip(graph.inputs, graph.input_layers)}
        else:
            tensors = {id(old): new for old, new in zip(graph.inputs, _given(model, input_tensors))}

        def twin(tensor: SymbolicTensor) -> SymbolicTensor:
            return tensors[id(tensor)]

        for node in graph.nodes:
            args, kwargs = replace(node.args, twin), replace(node.kwargs, twin)
            outputs = self._called(node.operation, args, kwargs)
            tensors |= {id(old): new for old, new in zip(find(node.outputs), find(outputs), strict=True)}
        structures = replace(model.input_structure, twin), replace(model.output_structure, twin)
        return type(model)(*structures, name=model.name)

    def _called(self, operation: Any, args: Any, kwargs: Any) -> Any:
        if not isinstance(operation, Layer):
            twin = self._made.setdefault(id(operation), Operation(operation.op, operation.name))
            return twin(*args, **kwargs)
        layer = self.layer(operation)
        return layer(*args, **kwargs) if self._call is None else self._call(layer, *args, **kwargs)


def _like(layer: Any) -> Any:
    if isinstance(layer, (Sequential, Functional)):
        return _Cloner(None).model(layer)
    twin = layer._twin()
    twin._given_name = layer._given_name  # an automatic name stays one: files number those anew
    return twin


def _only_input(tensors: Any) -> SymbolicTensor:
    """The input a `Sequential` is to begin with."""
    one = tensors[0] if isinstance(tensors, (list, tuple)) and len(tensors) == 1 else tensors
    _check_symbolic(one)
    if not isinstance(one, SymbolicTensor):
        raise ValueError(f"clone_model: a Sequential takes one input tensor.{received(input_tensors=tensors)}")
    if one.node is None or not isinstance(one.node.operation, InputLayer):
        raise ValueError(
            "clone_model: a Sequential begins with a tensor from gm.Input. To continue another tensor, call the clone "
            f"on it: clone_model(model)(tensor).{received(input_tensors=one)}"
        )
    return one


def _given(model: Functional, tensors: Any) -> list[SymbolicTensor]:
    """The tensors a graph is to begin with, in the order of its inputs and of their shapes and types."""
    _check_symbolic(tensors)
    ordered = model._in_order(tensors)
    for old, new in zip(model._graph.inputs, ordered):
        fits = len(old.shape) == len(new.shape) and all(
            a is None or a == b for a, b in zip(old.shape[1:], new.shape[1:])
        )
        if not fits or old.dtype != new.dtype:
            raise ValueError(
                f'clone_model: the input "{old.name}" of "{model.name}" has shape {old.shape} and type {old.dtype}. '
                f"Pass a tensor like it.{received(shape=new.shape, dtype=new.dtype.name)}"
            )
    return ordered


def _check_symbolic(tensors: Any) -> None:
    wrong = [leaf for leaf in leaves(tensors) if not isinstance(leaf, SymbolicTensor)]
    if wrong:
        raise TypeError(
            "clone_model: input_tensors are symbolic, such as gm.Input(shape) returns."
            f"{received(input_tensors=wrong[0])}"
        )
