"""Weights that begin as an identity or an orthogonal matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from gemmule.backend import execute
from gemmule.config import standardize_dtype
from gemmule.errors import received
from gemmule.initializers.initializer import Initializer, RandomInitializer
from gemmule.random import Stream
from gemmule.tensor import Tensor

_BLOCK = 32  # vectors that are made orthogonal to those before them at once


class Identity(Initializer):
    """`gain` on the diagonal and 0 elsewhere: units begin by handing their inputs on.

    Args:
        gain: the number on the diagonal.

    Raises:
        ValueError: for weights that are no matrix.

    Example:
        >>> gm.initializers.Identity()((2, 3)).numpy()
        array([[1., 0., 0.],
               [0., 1., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = _number(gain)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) != 2:
            raise ValueError(f"Identity is for matrices, weights of two dimensions.{received(shape=tuple(shape))}")
        rows, columns = shape
        return Tensor((self.gain * np.eye(rows, columns)).astype(standardize_dtype(dtype)))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class Orthogonal(RandomInitializer):
    """A random matrix whose rows or columns, whichever are fewer, are orthogonal and of length `gain`.

    It neither stretches nor shrinks what passes through. Kernels of convolutions are seen as matrices
    `(everything else, out)`. The matrix is Q of the decomposition QR of normal numbers with a positive diagonal of R,
    computed in float64 in a fixed order.

    Args:
        gain: length of the vectors.
        seed: an integer for the same values at each call.

    Raises:
        ValueError: for weights of less than two dimensions.

    Example:
        >>> q = gm.initializers.Orthogonal()((4, 3)).numpy()
        >>> bool(np.allclose(q.T @ q, np.eye(3), atol=1e-6))
        True

    Source: Saxe, McClelland and Ganguli, "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
    Networks", 2014.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = _number(gain)

    def _draw(self, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal is for weights of at least two dimensions.{received(shape=shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = stream.normal((max(rows, columns), min(rows, columns)))
        vectors = np.ascontiguousarray(drawn.T)
        _make_orthonormal(vectors)
        return self.gain * (vectors if rows < columns else vectors.T).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


def _make_orthonormal(vectors: np.ndarray) -> None:
    """Gram-Schmidt on the rows, in place, every projection twice, which is as exact as reflections.

    LAPACK, which NumPy would ask, gives other bits on other machines; the kernels for float64 do not.
    """
    for first in range(0, len(vectors), _BLOCK):
        block = vectors[first : first + _BLOCK]
        _remove(block, vectors[:first])
        for index in range(len(block)):
            vector = block[index : index + 1]
            _remove(vector, block[:index])
            vector /= math.sqrt(_product(vector, vector, True)[0, 0])


def _remove(rows: np.ndarray, basis: np.ndarray) -> None:
    """Takes from each row its part in the space of the basis."""
    for _ in range(2 if len(basis) else 0):
        rows -= _product(_product(rows, basis, True), basis, False)


def _product(a: np.ndarray, b: np.ndarray, transpose_b: bool) -> np.ndarray:
    out = np.empty((len(a), len(b) if transpose_b else b.shape[1]))
    how: dict[str, Any] = {"transpose_a": False, "transpose_b": transpose_b, "activation": "linear", "alpha": 0.0}
    execute("gemm", [out], [a, b, None, None], **how)
    return out


def _number(gain: Any) -> float:
    if isinstance(gain, bool) or not isinstance(gain, Real) or not math.isfinite(gain):
        raise ValueError(f"gain must be a number.{received(gain=gain)}")
    return float(gain)
