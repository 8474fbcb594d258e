"""What every op starts with: tensors from arguments, common dtypes, shapes of results, checked axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gemmule.config import FLOATS, floatx, standardize_dtype
from gemmule.errors import describe, received
from gemmule.memory import unset
from gemmule.scope import current_layer, where
from gemmule.tensor import Tensor

_RANK = {"bool": 0, "uint8": 1, "int32": 2, "int64": 3, "float32": 4, "float64": 5}


def as_tensor(value: Any, dtype: Any = None) -> Tensor:
    """A tensor from a tensor, array, number or nested list.

    Python floats and float64 lists become the engine's floating type, Python integers int32, as in Keras. A NumPy
    array keeps its type when it is one gemmule computes with.

    Raises:
        TypeError: for text, objects and complex numbers.
    """
    if isinstance(value, Tensor) and (dtype is None or value.dtype == dtype):
        return value
    if isinstance(value, Tensor):
        from gemmule.ops.reshaping import cast

        return cast(value, dtype)
    return Tensor(to_array(value, dtype))


def to_array(value: Any, dtype: Any = None) -> np.ndarray:
    """A C-contiguous array of a supported type, in native byte order; copies only when it must."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        if not isinstance(value, (list, tuple)):
            raise
        raise ValueError(
            f"{where('tensor')}: all rows of nested lists must be equally long.{received(value=value)}"
        ) from error
    if dtype is None:
        dtype = _natural_dtype(value, array)
    result = np.ascontiguousarray(array, standardize_dtype(dtype)).reshape(array.shape)
    return result if result.flags.aligned else result.copy()


def _natural_dtype(value: Any, array: np.ndarray) -> str:
    if array.dtype.kind not in "fiub":
        start = f"{where('tensor')}: tensors" if current_layer() else "Tensors"
        raise TypeError(
            f"{start} hold real numbers or booleans. Received: value={describe(value)}, dtype={array.dtype}."
        )
    from_python = not isinstance(value, (np.ndarray, np.generic))
    name = array.dtype.name
    if array.dtype.kind == "f":
        return name if name in FLOATS and not from_python else floatx()
    if from_python and array.dtype.kind == "i":
        return "int32" if array.size == 0 or -(2**31) <= array.min() <= array.max() < 2**31 else "int64"
    return name if name in _RANK else "int32" if array.dtype.itemsize < 4 else "int64"


def result_dtype(*values: Any) -> str:
    """The common type of tensors and Python numbers.

    Among tensors the wider kind wins (bool < integers < floats). A Python number adopts the tensors' type unless it
    is of a higher kind, integer tensor with a Python float gives `floatx()`, or does not fit.
    """
    names = [v.dtype.name for v in values if isinstance(v, Tensor)]
    names += [_natural_dtype(v, np.asarray(v)) for v in values if isinstance(v, (np.ndarray, np.generic))]
    weak = [v for v in values if not isinstance(v, (Tensor, np.ndarray, np.generic))]
    strongest = max(names, key=_RANK.__getitem__, default="")
    for value in weak:
        array = np.asarray(value)
        natural = _natural_dtype(value, array)
        if not strongest or _kind(natural) > _kind(strongest) or not _holds(strongest, array):
            strongest = natural
    return strongest


def _holds(dtype: str, numbers: np.ndarray) -> bool:
    """Whether integers fit into an integer type; `uint8_tensor == 300` must not compare with 44."""
    if numbers.dtype.kind not in "iu" or np.dtype(dtype).kind not in "iu" or not numbers.size:
        return True
    limits = np.iinfo(dtype)
    return bool(limits.min <= numbers.min() and numbers.max() <= limits.max)


def _kind(name: str) -> int:
    return 0 if name == "bool" else 2 if name.startswith("float") else 1


def as_tensors(*values: Any) -> tuple[Tensor, ...]:
    """The values as tensors of their common type."""
    dtype = result_dtype(*values)
    return tuple(as_tensor(value, dtype) for value in values)


def as_float(value: Any) -> Tensor:
    """The value as a floating tensor: integers and booleans become `floatx()`."""
    tensor = as_tensor(value)
    return tensor if tensor.dtype.kind == "f" else as_tensor(tensor, floatx())


def empty(shape: Iterable[int], dtype: Any, op: str = "result") -> Tensor:
    """A tensor to be filled by a kernel.

    Raises:
        MemoryError: naming `op` and layer, if there is not enough memory.
    """
    return Tensor(unset(tuple(shape), dtype, op))


def empty_like(tensor: Tensor, op: str = "result") -> Tensor:
    """A tensor of the same shape and type, to be filled by a kernel."""
    return Tensor(unset(tensor.shape, tensor.dtype, op))


def broadcast_shapes(op: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape NumPy's broadcasting gives.

    Raises:
        ValueError: naming op, layer and shapes when they do not fit.
    """
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(tuple(s)) for s in shapes)
        raise ValueError(
            f"{where(op)}: shapes {listed} cannot be broadcast together: from the right, each pair of dimensions "
            "must be equal or contain a 1."
        ) from None


def normalize_axis(op: str, axis: Any, ndim: int) -> int:
    """An axis counted from the front.

    Raises:
        ValueError: if it is outside the tensor.
    """
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise ValueError(f"{where(op)}: axis must be an integer from {-ndim} to {ndim - 1}.{received(axis=axis)}")
    return int(axis) % ndim


def normalize_axes(op: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """One axis, several or `None` (all) as sorted axes counted from the front, without repeats."""
    if axis is None:
        return tuple(range(ndim))
    axes = [normalize_axis(op, a, ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ValueError(f"{where(op)}: an axis is named twice.{received(axis=axis)}")
    return tuple(sorted(axes))


def check_float(op: str, tensor: Tensor) -> None:
    """Refuses integers where only real numbers make sense."""
    if tensor.dtype.name not in FLOATS:
        raise TypeError(f"{where(op)}: needs a floating tensor; convert it with gm.ops.cast.{received(x=tensor)}")
