"""The list of public ops. `@op` adds to it; tests, benchmarks and `gm.ops` read it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from gemmule import naming
from gemmule.scope import layer_scope
from gemmule.symbolic import Node, find, is_symbolic, probe, refuse_variables

F = TypeVar("F", bound=Callable[..., Any])

OPS: dict[str, Callable[..., Any]] = {}
_READING: set[str] = set()


def op(function: F) -> F:
    """Registers a public op under its own name.

    Called on symbolic tensors, an op computes nothing: it becomes an `Operation` of the graph.

    Raises:
        ValueError: if the name is taken.
    """
    name = function.__name__.rstrip("_")
    if name in OPS:
        raise ValueError(f"The op {name!r} is registered twice.")

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or (kwargs and is_symbolic(kwargs.values())):
            return _record(name, args, kwargs)
        return function(*args, **kwargs)

    OPS[name] = public
    return cast("F", public)


def reading_op(function: F) -> F:
    """Registers an op that looks at values, as Python's `if` does: no graph can contain it."""
    _READING.add(function.__name__.rstrip("_"))
    return op(function)


class Operation:
    """An op in the graph of a model: `x * 2` and `gm.ops.exp(x)` of symbolic tensors make one.

    Args:
        op: name of the op.
        name: name in the graph; made from the op by default.
    """

    def __init__(self, op: str, name: str | None = None) -> None:
        self.op, self.name = op, name or naming.unique_name(op)
        self.function = OPS[op]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Computes; or, on symbolic tensors, adds itself to their graph."""
        if is_symbolic(args) or is_symbolic(kwargs.values()):
            outputs = self.infer(args, kwargs)
            Node(self, args, kwargs, outputs)
            return outputs
        with layer_scope(self.name):
            return self.function(*args, **kwargs)

    def infer(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """New symbolic tensors with the shapes and types of the results, found by running the op on zeros."""
        return probe(self.function, args, kwargs)

    def get_config(self) -> dict[str, Any]:
        """What makes this operation again."""
        return {"name": self.name, "op": self.op}

    def __repr__(self) -> str:
        return f"<Operation {self.op} name={self.name}>"


def _record(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    refuse_variables(name, (args, kwargs))
    if name in _READING:
        raise ValueError(
            f"{name}: what it gives depends on values, which a symbolic tensor does not have yet. Use it in the call() "
            "of a Layer subclass, where the step then runs eagerly, or choose with gm.ops.where."
        )
    if name == "getitem" and any(t.dtype == bool for t in find((args[1:], kwargs))):
        raise ValueError(
            "getitem: the size of what a mask selects depends on values, which a symbolic tensor does not have yet. "
            "Keep the shape with gm.ops.where(mask, x, 0.0), or index in the call() of a Layer subclass."
        )
    outputs = probe(OPS[name], args, kwargs)
    Node(Operation(name), args, kwargs, outputs)
    return outputs
