"""What a tape remembers of an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from gemmule.scope import current_layer
from gemmule.tensor import Tensor, Variable

Backward = Callable[["Gradients"], None]


class Source(NamedTuple):
    """What a node knows of an input that is no variable: enough for its gradient, but not its values."""

    number: int
    shape: tuple[int, ...]
    dtype: np.dtype


class Node:
    """One recorded op: the tensor numbered `output` was computed from `inputs`; `backward` leads back.

    Only what `backward` refers to is kept alive.
    """

    __slots__ = ("backward", "changes", "inputs", "layer", "op", "output")

    def __init__(self, op: str, output: Tensor, inputs: Iterable[Tensor | Source], backward: Backward) -> None:
        self.op, self.output, self.backward = op, output.number, backward
        self.inputs = tuple([_light(tensor) for tensor in inputs])
        self.layer = current_layer()
        self.changes = sum(t.changes for t in self.variables())

    def variables(self) -> list[Variable]:
        """The trainable variables among the inputs."""
        return [t for t in self.inputs if isinstance(t, Variable) and t.trainable]

    def check_unchanged(self) -> None:
        """Refuses to go back through a variable that has another value by now: the gradient would be wrong.

        Raises:
            RuntimeError: naming the variables.
        """
        variables = self.variables()
        if sum(v.changes for v in variables) != self.changes:
            names = ", ".join(f'"{v.path}"' for v in variables)
            raise RuntimeError(
                f"{self.op} was recorded with other values of {names} than it has now. Compute all gradients before "
                "changing variables: call tape.gradient for every loss first, and then apply_gradients."
            )


def _light(tensor: Tensor | Source) -> Variable | Source:
    if isinstance(tensor, (Variable, Source)):
        return tensor
    return Source(tensor.number, tensor.shape, tensor.dtype)


class Gradients:
    """What a backward function sees: the incoming gradient and one place per input for the outgoing ones.

    Attributes:
        d: gradient of the target with respect to the node's output, a raw array of the output's shape.
    """

    def __init__(
        self,
        d: np.ndarray,
        inputs: Sequence[Variable | Source],
        buffers: Callable[[Variable | Source], np.ndarray],
        needed: set[int],
    ) -> None:
        self.d = d
        self._inputs, self._buffers, self._needed = inputs, buffers, needed
        self.results: dict[int, np.ndarray] = {}

    def needs(self, index: int) -> bool:
        """Whether anybody asked for the gradient of input `index`."""
        return self._inputs[index].number in self._needed

    def buffer(self, index: int) -> np.ndarray | None:
        """The array to fill with the gradient of input `index`, or `None` when nobody needs it."""
        if not self.needs(index):
            return None
        if index not in self.results:
            self.results[index] = self._buffers(self._inputs[index])
        return self.results[index]

    def alias(self, index: int, array: np.ndarray) -> None:
        """Says that the gradient of input `index` is `array` itself: nothing to compute, nothing to copy."""
        if self.needs(index):
            self.results[index] = array
