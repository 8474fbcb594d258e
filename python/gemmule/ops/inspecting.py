"""What a tensor is: shape, type, kind. Nothing is computed, and symbolic tensors answer, too."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.symbolic import SymbolicTensor
from gemmule.tensor import Tensor


def shape(x: Any) -> tuple[int | None, ...]:
    """The dimensions of a tensor, array or nested list; `None` where a symbolic tensor does not know yet."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def ndim(x: Any) -> int:
    """The number of dimensions."""
    return len(shape(x))


def dtype(x: Any) -> str:
    """The name of the element type, such as `"float32"`."""
    from gemmule.ops.shapes import as_tensor

    return str(x.dtype if hasattr(x, "dtype") else as_tensor(x).dtype)


def size(x: Any) -> int | None:
    """The number of elements; `None` for a symbolic tensor with an unknown dimension."""
    lengths = shape(x)
    return None if None in lengths else int(np.prod(lengths, dtype=np.int64))  # type: ignore[arg-type]


def is_tensor(x: Any) -> bool:
    """Whether a value is a tensor: a `Tensor`, a `Variable` or a symbolic one."""
    return isinstance(x, (Tensor, SymbolicTensor))
