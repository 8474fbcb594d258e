"""Reverse-mode differentiation: a list of what was computed, walked backwards.

An op that has a gradient ends in `record(output, inputs, backward)`. The tape keeps the node when one of the inputs
is being watched. Going back, each node's `backward(grad)` receives a `Gradients`: the incoming gradient and, for every
input that needs one, the buffer to fill. Buffers are raw arrays and backward functions make backend calls on them,
so a plan can record the way back like the way forth.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gemmule.backend import execute
from gemmule.errors import describe
from gemmule.memory import unset
from gemmule.nodes import Backward, Gradients, Node, Source
from gemmule.scope import layer_scope
from gemmule.tensor import Tensor, Variable


class _Local(threading.local):
    def __init__(self) -> None:
        self.tapes: tuple[GradientTape, ...] = ()


_local = _Local()


def recording() -> bool:
    """Whether a tape of this thread is open."""
    return bool(_local.tapes)


def record(output: Tensor, inputs: Sequence[Tensor], backward: Backward, op: str) -> Tensor:
    """Puts an op on every open tape that watches one of its inputs, and returns `output`.

    Args:
        output: what the op computed.
        inputs: the tensors it was computed from, in the order `backward` numbers them.
        backward: fills the gradients of the inputs; see `Gradients`.
        op: the op's name, for error messages.
    """
    node = None
    for tape in _local.tapes:
        if any([tape._tracks(tensor) for tensor in inputs]):  # a list: every input gets its chance to be watched
            node = node or Node(op, output, inputs, backward)
            tape._append(node)
    return output


def is_tracked(tensor: Tensor) -> bool:
    """Whether an open tape of this thread follows `tensor`."""
    return any(tape._tracks(tensor) for tape in _local.tapes)


class GradientTape:
    """Records ops for automatic differentiation, with TensorFlow's semantics.

    Trainable variables are watched when they are used; other tensors after `watch`. `gradient` gives `None` for a
    source the target does not depend on.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched by themselves.

    Example:
        >>> x = gm.ops.convert_to_tensor(3.0)
        >>> with gm.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent, self._watch_variables = persistent, watch_accessed_variables
        self._used = False
        self._nodes: list[Node] = []
        self._tracked: set[int] = set()  # numbers of the tensors it follows
        self._variables: list[Variable] = []  # those among them

    def __enter__(self) -> GradientTape:
        if self in _local.tapes:
            raise ValueError("This tape is already recording. Use a new GradientTape, or leave the first block.")
        _local.tapes = (*_local.tapes, self)
        return self

    def __exit__(self, *exception: object) -> None:
        _local.tapes = tuple(tape for tape in _local.tapes if tape is not self)

    def watch(self, tensor: Tensor | Iterable[Tensor]) -> None:
        """Follows a tensor, or each of a list of tensors, that is not a trainable variable.

        Raises:
            ValueError: if a value is not a floating tensor.
        """
        for one in [tensor] if isinstance(tensor, Tensor) else tensor:
            if not isinstance(one, Tensor) or one.dtype.kind != "f":
                raise ValueError(
                    f"Only floating tensors can be watched. Received: {describe(one)}. "
                    "Convert it first: x = gm.ops.convert_to_tensor(x, dtype='float32')."
                )
            self._follow(one)
            one.logits = None  # a loss that went back to the logits would pass by what is watched

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables watched so far, in the order of their first use."""
        return tuple(self._variables)

    def reset(self) -> None:
        """Forgets everything recorded."""
        self._nodes = []
        self._tracked.clear()
        self._variables.clear()
        self._used = False

    def stop_recording(self) -> _Paused:
        """A context in which this tape records nothing."""
        return _Paused(self)

    def _follow(self, tensor: Tensor) -> None:
        if tensor.number not in self._tracked:
            self._tracked.add(tensor.number)
            if isinstance(tensor, Variable):
                self._variables.append(tensor)

    def _tracks(self, tensor: Tensor | Source) -> bool:
        if tensor.number in self._tracked:
            return True
        if isinstance(tensor, Variable) and tensor.trainable and self._watch_variables and tensor.dtype.kind == "f":
            self._follow(tensor)
            return True
        return False

    def _append(self, node: Node) -> None:
        self._nodes.append(node)
        self._tracked.add(node.output)

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Gradients of `target` (summed over its elements) with respect to `sources`.

        Args:
            target: a tensor, or a list of tensors whose sums are added.
            sources: a tensor or variable, or a (nested) list, tuple or dict of them.
            output_gradients: gradients arriving at the targets; ones by default.
            unconnected_gradients: `"none"` or `"zero"`: what a source that does not matter gets.

        Returns:
            Tensors in the structure of `sources`.

        Raises:
            RuntimeError: on a second call of a tape that is not persistent.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape gives gradients once. Use GradientTape(persistent=True) to ask again."
            )
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(f"unconnected_gradients must be 'none' or 'zero'. Received: {unconnected_gradients!r}.")
        self._used = True
        targets = _flatten(target)
        seeds = [np.asarray(g) for g in _flatten(output_gradients)] if output_gradients is not None else None
        flat = _flatten(sources)
        used = [*flat, *(tensor for node in self._nodes for tensor in node.inputs)] if len(_local.tapes) else flat
        found = self.gradient_arrays(targets, flat, seeds)
        results = [_wrap(source, array, unconnected_gradients) for source, array in zip(flat, found, strict=True)]
        _poison_outer_tapes(self, used, [r for r in results if r is not None])
        iterator = iter(results)
        return _pack_like(sources, iterator)

    def gradient_arrays(
        self,
        targets: Sequence[Tensor],
        sources: Sequence[Tensor],
        seeds: Sequence[np.ndarray] | None = None,
        into: Mapping[int, np.ndarray] | None = None,
    ) -> list[np.ndarray | None]:
        """The engine under `gradient`: raw arrays, written straight `into` given places (by `id` of the source)."""
        nodes = self._nodes
        if not self._persistent:
            self._nodes = []  # each node is let go, with what it keeps, as soon as the walk is past it
        walk = _Walk(nodes, targets, sources, into or {})
        del nodes
        return walk.run(seeds)


class _Paused:
    def __init__(self, tape: GradientTape) -> None:
        self._tape = tape
        self._before: tuple[GradientTape, ...] = ()

    def __enter__(self) -> None:
        self._before = _local.tapes
        _local.tapes = tuple(tape for tape in _local.tapes if tape is not self._tape)

    def __exit__(self, *exception: object) -> None:
        _local.tapes = self._before


class _Walk:
    """One walk back over the nodes that lie between the sources and the targets."""

    def __init__(
        self,
        nodes: Sequence[Node],
        targets: Sequence[Tensor],
        sources: Sequence[Tensor],
        into: Mapping[int, np.ndarray],
    ) -> None:
        self.targets, self.sources = targets, sources
        self.into = {source.number: into[id(source)] for source in sources if id(source) in into}
        self.kept = {source.number for source in sources}  # gradients that are results
        self.needed = set(self.kept)
        forward = []
        for node in nodes:
            if any(tensor.number in self.needed for tensor in node.inputs):
                self.needed.add(node.output)
                forward.append(node)
        reached = {target.number for target in targets}
        backward: list[Node] = []
        self.awaited: dict[int, int] = {}  # contributions still to come, by tensor
        for target in targets:
            self.awaited[target.number] = self.awaited.get(target.number, 0) + 1
        for node in reversed(forward):
            if node.output in reached:
                backward.append(node)
                for tensor in node.inputs:
                    if tensor.number in self.needed:
                        reached.add(tensor.number)
                        self.awaited[tensor.number] = self.awaited.get(tensor.number, 0) + 1
        self.nodes = backward[::-1]  # the next one last
        self.grads: dict[int, np.ndarray] = {}

    def run(self, seeds: Sequence[np.ndarray] | None) -> list[np.ndarray | None]:
        for index, target in enumerate(self.targets):
            if target.number in self.needed:
                self._add(target, _seed(target, seeds[index] if seeds else None))
        while self.nodes:
            self._pass(self.nodes.pop())
        return [self.grads.get(source.number) for source in self.sources]

    def _pass(self, node: Node) -> None:
        d = self.grads.get(node.output)
        if d is None:
            return
        grad = Gradients(d, node.inputs, self._buffer, self.needed)
        node.check_unchanged()
        with layer_scope(node.layer, "backward"):
            node.backward(grad)
            for index, tensor in enumerate(node.inputs):
                if index in grad.results:
                    self._add(tensor, grad.results[index])
                elif tensor.number in self.needed:
                    self.awaited[tensor.number] -= 1
        if node.output not in self.into and node.output not in self.kept:
            del self.grads[node.output]

    def _buffer(self, tensor: Variable | Source) -> np.ndarray:
        """The final place when this is the only contribution, else a temporary."""
        number = tensor.number
        if self.awaited[number] == 1 and number not in self.grads and number in self.into:
            return self.into[number]
        return unset(tensor.shape, tensor.dtype, "gradient")

    def _add(self, tensor: Tensor | Source, array: np.ndarray) -> None:
        key = tensor.number
        self.awaited[key] -= 1
        last = self.awaited[key] == 0
        place = self.into.get(key) if last else None
        if key in self.grads:
            total = place if place is not None else np.empty(tensor.shape, tensor.dtype)
            execute("add", [total], [self.grads[key], array])
            array = total
        elif place is not None and place is not array:
            execute("copy", [place], [array])
            array = place
        self.grads[key] = array


def _seed(target: Tensor, given: np.ndarray | None) -> np.ndarray:
    if given is not None:
        if given.shape != target.shape:
            raise ValueError(
                "output_gradients must have the shape of the target. "
                f"Received: output_gradients.shape={given.shape}, target.shape={target.shape}."
            )
        return np.ascontiguousarray(given, target.dtype).reshape(target.shape)  # NumPy makes scalars 1-d
    ones = np.empty(target.shape, target.dtype)
    execute("fill", [ones], [], value=1.0)
    return ones


def _wrap(source: Tensor, array: np.ndarray | None, unconnected: str) -> Tensor | None:
    if array is not None:
        return Tensor(array)
    return Tensor(np.zeros(source.shape, source.dtype)) if unconnected == "zero" else None


def _poison_outer_tapes(inner: GradientTape, used: Sequence[Tensor | Source], results: Sequence[Tensor]) -> None:
    """Second derivatives do not exist here: an outer tape that runs into this gradient has to say so, not give 0."""

    def refuse(grad: Gradients) -> None:
        raise NotImplementedError(
            "Differentiating through tape.gradient (second derivatives) is not supported. "
            "Compute the inner gradient outside the outer tape, or wrap it in gm.ops.stop_gradient."
        )

    for tape in _local.tapes:
        if tape is inner:
            continue
        inputs = {tensor.number: tensor for tensor in used if tape._tracks(tensor)}.values()
        if inputs:
            for result in results:
                tape._append(Node("gradient", result, inputs, refuse))


def _flatten(structure: Any) -> list[Any]:
    if isinstance(structure, Mapping):
        return [leaf for key in structure for leaf in _flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in _flatten(part)]
    return [structure]


def _pack_like(structure: Any, leaves: Any) -> Any:
    if isinstance(structure, Mapping):
        return {key: _pack_like(structure[key], leaves) for key in structure}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_pack_like(part, leaves) for part in structure)
    return next(leaves)
