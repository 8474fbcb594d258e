"""Python's operators and NumPy's protocols for tensors, in terms of ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gemmule.autograd import is_tracked
from gemmule.ops.registry import OPS
from gemmule.symbolic import SymbolicTensor, is_symbolic
from gemmule.tensor import Tensor

_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
}
_COMPARE = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
# NumPy's ufuncs that have an op: `np.multiply(array, tensor)` must give a tensor the tape can follow.
_SAME_NAMES = (
    "add subtract multiply divide power matmul maximum minimum negative sign sqrt square exp log reciprocal sin cos "
    "tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh exp2 expm1 log1p log2 log10 logaddexp "
    "floor ceil trunc fmod floor_divide isnan isinf isfinite logical_and logical_or logical_xor logical_not"
)
_UFUNC_OPS = {
    **{name: name for name in (*_SAME_NAMES.split(), *_COMPARE.values())},
    "absolute": "abs",
    "remainder": "mod",
    "rint": "round",
}


def _forward(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        return NotImplemented if other is None or isinstance(other, str) else OPS[name](self, other)

    return operator


def _reflected(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        return NotImplemented if other is None or isinstance(other, str) else OPS[name](other, self)

    return operator


def _getitem(self: Tensor, key: Any) -> Tensor:
    return OPS["getitem"](self, key)


def _refuse_under_tape(tensors: list[Tensor], function: str) -> None:
    if any(is_tracked(t) for t in tensors):
        name = function if function in OPS else None
        cure = f"Use gm.ops.{name}" if name else "Use functions of gm.ops"
        raise TypeError(
            f"numpy.{function} was called on a tensor that a GradientTape follows; NumPy's results have no gradient. "
            f"{cure}, or take the values out with gm.ops.stop_gradient(x).numpy()."
        )


def _refuse_symbolic(arguments: Any, function: str) -> None:
    if is_symbolic(arguments):
        cure = f"Use gm.ops.{function}, which becomes" if function in OPS else "Use functions of gm.ops, which become"
        raise TypeError(
            f"numpy.{function} was called on a symbolic tensor, which has no values yet. {cure} part of the model."
        )


def _tensors_in(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, (list, tuple)):
        return []
    return [t for value in values for t in _tensors_in(value)]


def _to_numpy(values: Any) -> Any:
    if isinstance(values, Tensor):
        return values.numpy()
    if isinstance(values, dict):
        return {key: _to_numpy(value) for key, value in values.items()}
    return type(values)(_to_numpy(v) for v in values) if isinstance(values, (list, tuple)) else values


def _array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__" and not kwargs and ufunc.__name__ in _UFUNC_OPS:
        return OPS[_UFUNC_OPS[ufunc.__name__]](*inputs)
    _refuse_symbolic((inputs, kwargs), ufunc.__name__)
    _refuse_under_tape(_tensors_in(inputs), ufunc.__name__)
    return getattr(ufunc, method)(*_to_numpy(inputs), **_to_numpy(kwargs))


def _array_function(self: Tensor, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    _refuse_symbolic((args, kwargs), function.__name__)
    _refuse_under_tape(_tensors_in(args) + _tensors_in(kwargs), function.__name__)
    return function(*_to_numpy(args), **_to_numpy(kwargs))


def install() -> None:
    """Attaches the operators to `Tensor` and to `SymbolicTensor`."""
    methods: dict[str, Any] = {f"__{python}__": _forward(name) for python, name in {**_BINARY, **_COMPARE}.items()}
    methods |= {f"__r{python}__": _reflected(name) for python, name in _BINARY.items()}
    methods |= {
        "__neg__": lambda self: OPS["negative"](self),
        "__pos__": lambda self: self,
        "__abs__": lambda self: OPS["abs"](self),
        "__invert__": lambda self: OPS["logical_not"](self),
        "__getitem__": _getitem,
        "__array_ufunc__": _array_ufunc,
        "__array_function__": _array_function,
        "__hash__": lambda self: id(self),  # defining __eq__ would clear it
    }
    for kind in (Tensor, SymbolicTensor):
        for name, method in methods.items():
            setattr(kind, name, method)
