"""Nested inputs and outputs of layers: tensors in lists and dicts, and their shapes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from gemmule import mutation
from gemmule.errors import received
from gemmule.symbolic import Shape, SymbolicTensor, rebuilt
from gemmule.tensor import Tensor, Variable


def holds_arrays(values: Any) -> bool:
    """Whether a list or tuple is a structure of tensors rather than numbers that make up one tensor."""
    return any(
        isinstance(value, (Tensor, SymbolicTensor, Mapping))
        or getattr(value, "ndim", 0) > 0
        or (isinstance(value, (list, tuple)) and holds_arrays(value[:1]))
        for value in values
    )


def map_tensors(function: Callable[[Any], Any], structure: Any) -> Any:
    """Applies a function to every tensor, array or list of numbers in a structure of lists, tuples and dicts."""
    if isinstance(structure, Mapping):
        return {key: map_tensors(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)) and holds_arrays(structure):
        return rebuilt(structure, [map_tensors(function, value) for value in structure])
    return function(structure)


def leaves(structure: Any) -> Iterator[Any]:
    """The leaves of a structure of lists, tuples and dicts."""
    if isinstance(structure, Mapping):
        for value in structure.values():
            yield from leaves(value)
    elif isinstance(structure, (list, tuple)):
        for value in structure:
            yield from leaves(value)
    else:
        yield structure


def is_shape(value: Any) -> bool:
    """Whether this is one shape, and not a structure of shapes."""
    return isinstance(value, (list, tuple)) and all(
        d is None or (isinstance(d, (int, np.integer)) and not isinstance(d, bool)) for d in value
    )


def map_shapes(function: Callable[[Shape], Any], structure: Any) -> Any:
    """Applies a function to every shape in a structure."""
    if is_shape(structure):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: map_shapes(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)([map_shapes(function, value) for value in structure])
    raise ValueError(
        f"A shape is a tuple of positive integers, with None for the batch.{received(input_shape=structure)}"
    )


def standardize_shape(shape: Any) -> Any:
    """Shapes as tuples of `int` and `None`, checked."""

    def one(dims: Shape) -> Shape:
        if any(d is not None and d < 0 for d in dims):
            raise ValueError(f"A shape has no negative dimensions; unknown ones are None.{received(shape=dims)}")
        return tuple(None if d is None else int(d) for d in dims)

    return map_shapes(one, shape)


def batch_shapes(structure: Any) -> Any:
    """The shapes of tensors with `None` for the batch, in the same structure."""
    return map_tensors(lambda t: (None, *t.shape[1:]) if t.shape else (), structure)


def attributes_of(owner: Any, kinds: tuple[type, ...], skip: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Objects of some kinds that an object holds, directly or in lists, tuples and dicts, with their paths."""
    for name, value in list(vars(owner).items()):  # another thread may add one
        if type(value) not in _BARE and name not in skip:
            yield from _held(name, value, kinds)


_BARE = frozenset({int, float, str, bool, type(None), np.dtype})  # they hold nothing: training asks often


def _held(path: str, value: Any, kinds: tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    if type(value) in _BARE:
        return
    if isinstance(value, kinds):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _held(f"{path}/{key}", part, kinds)
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield from _held(f"{path}/{index}", part, kinds)


def arguments_of(scope: dict[str, Any], *kept: str) -> dict[str, Any]:
    """The arguments of a constructor, to hand them on: `super().__init__(**arguments_of(locals()))`.

    Args:
        scope: its `locals()`.
        *kept: names of arguments it keeps to itself.
    """
    left_out = {"self", "__class__", "kwargs", *kept}
    return {name: value for name, value in scope.items() if name not in left_out} | scope["kwargs"]


class Inventory:
    """What layers hold at one moment, so that a look tells whether they may hold something else by now.

    Assignments to attributes are counted anyway (`mutation.holdings`); lists and dicts can change without one.

    Args:
        layers: objects with attributes to leave out in `_untracked`.
    """

    def __init__(self, layers: Iterable[Any]) -> None:
        self._count = mutation.holdings()
        self._contents = [
            (held, _members(held))
            for layer in layers
            for _, outer in attributes_of(layer, (list, tuple, Mapping), layer._untracked)
            for held in _containers(outer)
        ]

    def is_current(self) -> bool:
        """Whether nothing was assigned anywhere, and all lists and dicts hold the same objects."""
        return self._count == mutation.holdings() and all(_same(_members(held), old) for held, old in self._contents)


def _containers(value: Any) -> Iterator[Any]:
    """A list or dict and those in it; tuples never change, but may hold some."""
    if not isinstance(value, tuple):
        yield value
    for part in _members(value):
        if isinstance(part, (list, tuple, Mapping)):
            yield from _containers(part)


def _members(value: Any) -> list[Any]:
    return list(value.values() if isinstance(value, Mapping) else value)


def _same(one: list[Any], two: list[Any]) -> bool:
    return len(one) == len(two) and all(map(operator.is_, one, two))


def unique(objects: Any) -> list[Any]:
    """The objects in order, each once."""
    return list({id(one): one for one in objects}.values())


def count_elements(variables: list[Variable]) -> int:
    """Numbers held by variables."""
    return sum(variable.size for variable in variables)


def is_data(argument: Any) -> bool:
    """Whether an argument of a call is a tensor, an array, a data frame or a structure of them."""
    return isinstance(argument, (Tensor, list, tuple, dict)) or hasattr(argument, "__array__")


def shapes_or_none(structure: Any) -> Any:
    """The shapes of a structure of tensors and arrays, `None` for the batch; `None` if it holds anything else."""
    tensors = all(isinstance(leaf, (Tensor, np.ndarray)) for leaf in leaves(structure))
    return batch_shapes(structure) if tensors else None


def distinct(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Numbers equal labels: `weight`, `weight_1`."""
    used: dict[str, int] = {}
    result = []
    for label, variable in pairs:
        count = used[label] = used.get(label, -1) + 1
        result.append((f"{label}_{count}" if count else label, variable))
    return result
