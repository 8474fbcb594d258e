"""Symbolic tensors: what `Input` gives and what layers and ops make of it, and the nodes that remember how.

A symbolic tensor has a shape and a type, but no values. A call on it computes nothing; it adds a `Node` to a graph, and
`gm.Model(inputs, outputs)` walks those nodes from its outputs back to its inputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from gemmule.errors import received
from gemmule.tensor import Tensor, Variable

Shape = tuple["int | None", ...]
_orders = itertools.count()


class SymbolicTensor:
    """A tensor to come: shape and type are known, values are not.

    `gm.Input` makes the first one; layers, operators and `gm.ops` called on it make others. They are the inputs and
    outputs that `gm.Model` is built from.

    Args:
        shape: dimensions with the batch; unknown ones are `None`.
        dtype: element type.

    Example:
        >>> x = gm.Input((4,))
        >>> (x * 2.0).shape
        (None, 4)
    """

    __slots__ = ("__weakref__", "dtype", "index", "node", "shape")

    def __init__(self, shape: Shape, dtype: Any) -> None:
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self.node: Node | None = None
        self.index = 0  # among the outputs of its node

    @property
    def ndim(self) -> int:
        """Number of dimensions, the batch included."""
        return len(self.shape)

    @property
    def name(self) -> str:
        """The name of the layer or operation it comes from."""
        return self.node.operation.name if self.node else "symbolic_tensor"

    def no_value(self, use: str) -> TypeError:
        """The error for a use that needs values."""
        return TypeError(
            f"A symbolic tensor has no values yet, so {use} does not work: it stands for what "
            f'"{self.name}" will give when the model runs. Compute with operators and gm.ops, which become part of the '
            "model; a decision that depends on values belongs into the call() of a Layer subclass, or use gm.ops.where."
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise self.no_value("making an array of it")

    def numpy(self) -> NoReturn:
        """Refused: there are no values yet."""
        raise self.no_value("numpy()")

    def item(self) -> NoReturn:
        """Refused: there are no values yet."""
        raise self.no_value("item()")

    def tolist(self) -> NoReturn:
        """Refused: there are no values yet."""
        raise self.no_value("tolist()")

    def __bool__(self) -> bool:
        raise self.no_value("a decision by it (if, while, and, or, not, in)")

    def __float__(self) -> float:
        raise self.no_value("float()")

    def __int__(self) -> int:
        raise self.no_value("int()")

    def __index__(self) -> int:
        raise self.no_value("using it as an index")

    def __len__(self) -> int:
        raise self.no_value("len()")

    def __iter__(self) -> Iterator[SymbolicTensor]:
        raise self.no_value("going through its elements (x[:, i] takes one of them)")

    if TYPE_CHECKING:  # attached by gemmule.ops.operators

        def __getitem__(self, key: Any) -> SymbolicTensor: ...
        def __add__(self, other: Any) -> SymbolicTensor: ...
        def __mul__(self, other: Any) -> SymbolicTensor: ...

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f'<SymbolicTensor shape={self.shape} dtype={self.dtype} from "{self.name}">'


class Node:
    """One call of a layer or an op on symbolic tensors.

    Args:
        operation: what was called; has a `name`.
        args: its arguments, symbolic tensors among them, possibly in lists and dicts.
        kwargs: its keyword arguments.
        outputs: what it gives, a structure of new symbolic tensors.

    Attributes:
        inputs: the symbolic tensors among the arguments, in order.
        order: numbers calls as they were made. A call's inputs exist before it, so this is a topological order.
    """

    __slots__ = ("args", "inputs", "kwargs", "operation", "order", "outputs")

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any) -> None:
        self.operation, self.args, self.kwargs, self.outputs = operation, args, dict(kwargs), outputs
        self.inputs = find((args, self.kwargs))
        self.order = next(_orders)
        for index, tensor in enumerate(find(outputs)):
            tensor.node, tensor.index = self, index

    def __repr__(self) -> str:
        return f'<Node of "{self.operation.name}" with {len(self.inputs)} inputs>'


# ---- Structures of arguments -----------------------------------------------------------------------------------------


def is_symbolic(arguments: Any) -> bool:
    """Whether there is a symbolic tensor in (nested) arguments. On the path of every call of a layer or an op."""
    for value in arguments:
        kind = type(value)
        if kind is SymbolicTensor:
            return True
        if kind is float or kind is int:
            continue
        if (kind is list or kind is tuple) and is_symbolic(value):
            return True
        if isinstance(value, Mapping) and is_symbolic(value.values()):
            return True
    return False


def find(structure: Any) -> list[SymbolicTensor]:
    """The symbolic tensors in a structure of lists, tuples and dicts, in order."""
    if isinstance(structure, SymbolicTensor):
        return [structure]
    if isinstance(structure, Mapping):
        structure = structure.values()
    elif not isinstance(structure, (list, tuple)):
        return []
    return [tensor for part in structure for tensor in find(part)]


def replace(structure: Any, function: Callable[[SymbolicTensor], Any]) -> Any:
    """The structure with `function` applied to its symbolic tensors; all else stays."""
    if isinstance(structure, SymbolicTensor):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: replace(value, function) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return rebuilt(structure, [replace(value, function) for value in structure])
    return structure


def rebuilt(like: Any, values: list[Any]) -> Any:
    """A list, tuple or named tuple of the kind of `like`."""
    return type(like)(*values) if hasattr(like, "_fields") else type(like)(values)


# ---- Shapes that nobody wrote a rule for -----------------------------------------------------------------------------

# What unknown dimensions are tried as: the batch, and all others. What differs between the runs is unknown, too.
_PROBES = ((2, 32), (3, 64))


def probe(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Finds shapes and types of results by running `function` on small tensors of zeros.

    Where dimensions of the inputs are unknown it runs twice, with batches of 2 and 3 examples (and 32 and 64 for other
    unknown dimensions), and a dimension of a result that differs is unknown.

    Args:
        function: what to run.
        args: its arguments with symbolic tensors.
        kwargs: likewise.

    Returns:
        The structure that the function returns, with new symbolic tensors.

    Raises:
        ValueError: if the number of dimensions depends on the batch.
    """
    inputs = find((args, kwargs))
    sizes = _PROBES if any(None in tensor.shape for tensor in inputs) else _PROBES[:1]
    with np.errstate(all="ignore"):
        results = [_run_on_zeros(function, args, kwargs, *size) for size in sizes]
    return _merged(results[0], results[-1], inputs)


def _run_on_zeros(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any], batch: int, other: int) -> Any:
    def zeros(tensor: SymbolicTensor) -> Tensor:
        dims = [(other if axis else batch) if dim is None else dim for axis, dim in enumerate(tensor.shape)]
        return Tensor(np.zeros(dims, tensor.dtype))

    try:
        return function(*replace(args, zeros), **replace(dict(kwargs), zeros))
    except (ValueError, TypeError, IndexError) as error:
        if len(error.args) != 1 or not any(None in t.shape for t in find((args, kwargs))):
            raise
        given = ", ".join(f'"{tensor.name}" {tensor.shape}' for tensor in find((args, kwargs)))
        hint = f" (Called on {given}; shapes are those of a batch of {batch} examples, on which it was tried.)"
        raise type(error)(f"{error}{hint}") from error


def _merged(first: Any, second: Any, inputs: list[SymbolicTensor]) -> Any:
    if isinstance(first, Mapping):
        return {key: _merged(first[key], second[key], inputs) for key in first}
    if isinstance(first, (list, tuple)):
        return rebuilt(first, [_merged(a, b, inputs) for a, b in zip(first, second, strict=True)])
    if not isinstance(first, Tensor):
        raise inputs[0].no_value("taking values out of it")
    if first.ndim != second.ndim:
        raise ValueError(
            "The number of dimensions of a result must not depend on the size of the batch."
            f"{received(shape_for_2_examples=first.shape, shape_for_3_examples=second.shape)}"
        )
    shape = tuple(a if a == b else None for a, b in zip(first.shape, second.shape))
    return SymbolicTensor(shape, first.dtype)


def refuse_variables(op: str, structure: Any) -> None:
    """Refuses variables as operands of symbolic tensors: no model would know of them.

    Raises:
        ValueError: naming op and variable.
    """
    if isinstance(structure, Variable):
        raise ValueError(
            f'{op}: the variable "{structure.path}" cannot be combined with a symbolic tensor, because it would belong '
            "to no layer, and so be neither trained nor saved. Use it in the call() of a Layer subclass."
        )
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    for part in structure if isinstance(structure, (list, tuple)) else ():
        refuse_variables(op, part)
