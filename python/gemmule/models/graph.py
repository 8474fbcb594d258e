"""The graph behind a functional model: found from its outputs, checked, and run call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from gemmule.errors import received
from gemmule.layers.input import InputLayer
from gemmule.layers.layer import Layer
from gemmule.layers.structure import leaves, unique
from gemmule.symbolic import Node, SymbolicTensor, find, replace


class Graph:
    """All calls that lead from inputs to outputs, in the order in which they were made.

    Args:
        name: of the model, for messages.
        inputs: symbolic tensors; where they were computed from others, the graph begins behind that.
        outputs: symbolic tensors.

    Raises:
        ValueError: if an input does not reach the outputs, an output depends on an input that is not listed, an input
            is listed twice, or layers share a name.

    Attributes:
        nodes: the calls; those of `InputLayer` are not among them.
        operations: layers and operations in the order of their first call, the `InputLayer`s of the inputs included.
    """

    def __init__(self, name: str, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> None:
        self.name, self.inputs, self.outputs = name, list(inputs), list(outputs)
        self._check_inputs()
        self.nodes = self._trace()
        self.input_layers = [_input_layer(tensor) for tensor in self.inputs]
        first = {id(layer): _place(tensor) for layer, tensor in zip(self.input_layers, self.inputs)}
        for node in self.nodes:
            first.setdefault(id(node.operation), (node.order, 0))
        found = unique([*self.input_layers, *(node.operation for node in self.nodes)])
        self.operations: list[Any] = sorted(found, key=lambda operation: first[id(operation)])
        self._check_names()
        self._compile()

    # ---- Finding and checking --------------------------------------------------------------------------------------

    def _check_inputs(self) -> None:
        counts = Counter(id(tensor) for tensor in self.inputs)
        twice = [tensor.name for tensor in self.inputs if counts[id(tensor)] > 1]
        if twice:
            raise ValueError(
                f'Model "{self.name}": the input "{twice[0]}" is listed {len(twice)} times. List it once; it may be '
                "used as often as you like."
            )

    def _trace(self) -> list[Node]:
        """Walks back from the outputs as far as the inputs."""
        given = {id(tensor) for tensor in self.inputs}
        reached: set[int] = set()
        nodes: dict[int, Node] = {}
        waiting: list[tuple[SymbolicTensor, Node | None]] = [(tensor, None) for tensor in self.outputs]
        while waiting:
            tensor, user = waiting.pop()
            if id(tensor) in given:
                reached.add(id(tensor))
                continue
            node = tensor.node
            if node is None or not node.inputs:
                raise ValueError(self._unlisted(tensor, user))
            if id(node) not in nodes:
                nodes[id(node)] = node
                waiting += [(one, node) for one in node.inputs]
        unused = [f'"{tensor.name}"' for tensor in self.inputs if id(tensor) not in reached]
        if unused:
            verb = "does" if len(unused) == 1 else "do"
            raise ValueError(
                f'Model "{self.name}": {", ".join(unused)} {verb} not reach the outputs. '
                "Leave it out of the inputs, or compute something from it that is an output or leads to one."
            )
        return sorted(nodes.values(), key=lambda node: node.order)

    def _unlisted(self, tensor: SymbolicTensor, user: Node | None) -> str:
        of = f', which "{user.operation.name}" needs,' if user else ""
        listed = ", ".join(f'"{t.name}"' for t in self.inputs)
        return (
            f'Model "{self.name}": its outputs depend on the input "{tensor.name}"{of} but only {listed} is listed '
            f'in inputs. Add "{tensor.name}" to the inputs. If it is the input of a model inside this one, take a '
            "tensor of this graph: what calling that model returned."
        )

    def _check_names(self) -> None:
        counts = Counter(operation.name for operation in self.operations)
        for operation in self.operations:
            if counts[operation.name] > 1:
                kinds = [type(o).__name__ for o in self.operations if o.name == operation.name]
                raise ValueError(
                    f'Model "{self.name}": the layers of a model have different names, but "{operation.name}" is the '
                    f"name of {len(kinds)}. Pass another name= to all but one.{received(layers=kinds)}"
                )

    # ---- What it looks like ----------------------------------------------------------------------------------------

    def calls(self) -> dict[int, list[Node]]:
        """The calls of each operation, by its `id`; none for the layers of the inputs."""
        found: dict[int, list[Node]] = {id(operation): [] for operation in self.operations}
        for node in self.nodes:
            found[id(node.operation)].append(node)
        return found

    def sources(self, node: Node) -> list[tuple[Any, int, int]]:
        """Where the inputs of a call come from: operation, number of its call in this graph, number of the output."""
        inputs = {id(tensor): layer for tensor, layer in zip(self.inputs, self.input_layers)}
        calls = self.calls()
        found = []
        for tensor in node.inputs:
            if id(tensor) in inputs:
                found.append((inputs[id(tensor)], 0, 0))
            elif tensor.node is not None:
                operation = tensor.node.operation
                found.append((operation, calls[id(operation)].index(tensor.node), tensor.index))
        return found

    @property
    def is_chain(self) -> bool:
        """Whether each operation is called once, on what the one before it gave."""
        before = self.inputs
        for node in self.nodes:
            if len(before) != 1 or [id(t) for t in node.inputs] != [id(before[0])]:
                return False
            before = find(node.outputs)
        return len(self.nodes) + len(self.inputs) == len(self.operations)

    # ---- Running ---------------------------------------------------------------------------------------------------

    def _compile(self) -> None:
        """Gives each tensor a slot, and finds out after which call it is not needed any more."""
        slots: dict[int, int] = {id(tensor): slot for slot, tensor in enumerate(self.inputs)}
        last: dict[int, int] = {}
        for place, node in enumerate(self.nodes):
            for tensor in find(node.outputs):
                last[slots.setdefault(id(tensor), len(slots))] = place  # an output nobody uses is freed at once
            for tensor in node.inputs:
                last[slots[id(tensor)]] = place
        self._results = [slots[id(tensor)] for tensor in self.outputs]
        self._count = len(slots)
        frees: list[list[int]] = [[] for _ in self.nodes]
        for slot, place in last.items():
            if slot not in self._results:
                frees[place].append(slot)
        self._steps = [_Step(node, slots, free) for node, free in zip(self.nodes, frees)]

    def run(self, feeds: Sequence[Any], infer: bool = False) -> list[Any]:
        """Carries out all calls.

        Args:
            feeds: a tensor for each input.
            infer: whether only to find out shapes: feeds and results are symbolic tensors then.

        Returns:
            The outputs.
        """
        values: list[Any] = [*feeds, *([None] * (self._count - len(feeds)))]
        for step in self._steps:
            step(values, infer)
        return [values[slot] for slot in self._results]


class _Step:
    """One call with the slots of its tensors."""

    __slots__ = ("_args", "_frees", "_kwargs", "_operation", "_single", "_slots", "_targets")

    def __init__(self, node: Node, slots: dict[int, int], frees: list[int]) -> None:
        self._operation, self._frees = node.operation, frees
        self._args, self._kwargs = node.args, node.kwargs
        self._targets = [slots[id(tensor)] for tensor in find(node.outputs)]
        self._slots = {id(tensor): slots[id(tensor)] for tensor in node.inputs}
        plain = len(node.args) == 1 and not node.kwargs and isinstance(node.args[0], SymbolicTensor)
        self._single = self._slots[id(node.args[0])] if plain and isinstance(node.outputs, SymbolicTensor) else None

    def __call__(self, values: list[Any], infer: bool) -> None:
        if self._single is not None and not infer:  # the usual case, without looking for tensors in structures
            values[self._targets[0]] = self._operation(values[self._single])
        else:
            result = self._general(values, infer)
            for slot, tensor in zip(self._targets, leaves(result), strict=True):
                values[slot] = tensor
        for slot in self._frees:
            values[slot] = None

    def _general(self, values: list[Any], infer: bool) -> Any:
        def value(tensor: SymbolicTensor) -> Any:
            return values[self._slots[id(tensor)]]

        args, kwargs = replace(self._args, value), replace(self._kwargs, value)
        return _infer(self._operation, args, kwargs) if infer else self._operation(*args, **kwargs)


def _infer(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs = {name: value for name, value in kwargs.items() if name != "training"}
    infer: Callable[..., Any] = operation._infer_outputs if isinstance(operation, Layer) else operation.infer
    return infer(args, kwargs)


def _input_layer(tensor: SymbolicTensor) -> InputLayer:
    """The `InputLayer` a tensor comes from; one that stands for it when it was computed from others."""
    if tensor.node is not None and isinstance(tensor.node.operation, InputLayer):
        return tensor.node.operation
    return InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype.name, name=f"{tensor.name}_input")


def _place(tensor: SymbolicTensor) -> tuple[int, int]:
    return (tensor.node.order if tensor.node else -1, tensor.index)
