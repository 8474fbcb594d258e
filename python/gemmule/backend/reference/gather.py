"""Rows by index: batches out of a data set, embeddings and their gradients, one-hot rows."""

from __future__ import annotations

import numpy as np

from gemmule.backend.reference.reshaping import copy


def _missing(dtype: np.dtype) -> float:
    """What stands where an index points outside: NaN for floating dtypes, 0 for the others."""
    return np.nan if np.issubdtype(dtype, np.floating) else 0


def gather(out: np.ndarray, src: np.ndarray, indices: np.ndarray, cursor: np.ndarray | None) -> None:
    """Rows of a data set with a cast: `out[r] = src[indices[cursor + r]]`.

    Args:
        out: (B, ...).
        src: (n, ...) of any dtype.
        indices: int64 (n_idx,).
        cursor: int64 (1,), the place in `indices` where the batch begins; `None` is 0.
    """
    first = 0 if cursor is None else int(cursor[0])
    for r in range(len(out)):
        at = first + r
        index = indices[at] if 0 <= at < len(indices) else -1
        if 0 <= index < len(src):
            copy(out[r : r + 1], src[index : index + 1])
        else:
            out[r] = _missing(out.dtype)


def _entries(indices: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices counted from the front, and which of them exist."""
    at = np.where(indices < 0, indices + n, indices).astype(np.int64)
    return at, (at >= 0) & (at < n)


def take(out: np.ndarray, x: np.ndarray, indices: np.ndarray, axis: int) -> None:
    """Entries of `x` along `axis`, which `indices`' shape replaces.

    Negative indices count from the end. Those that point outside give NaN, or 0 for integers.
    """
    at, valid = _entries(indices, x.shape[axis])
    if x.shape[axis]:
        out[...] = np.take(x, np.where(valid, at, 0), axis=axis)
    selection = (slice(None),) * axis + (~valid,)
    out[selection] = _missing(out.dtype)


def take_backward(dx: np.ndarray, dy: np.ndarray, indices: np.ndarray, axis: int) -> None:
    """Gradient of `take`: `dx[..., indices[i], ...] += dy[..., i, ...]`, in the order of the indices."""
    outer = int(np.prod(dx.shape[:axis], dtype=np.int64))
    inner = int(np.prod(dx.shape[axis + 1 :], dtype=np.int64))
    n = dx.shape[axis]
    to, rows = dx.reshape(outer, n, inner), dy.reshape(outer, indices.size, inner)
    at, valid = _entries(indices.ravel(), n)
    to[...] = 0
    for i in np.flatnonzero(valid):
        to[:, at[i]] += rows[:, i]


def one_hot(out: np.ndarray, indices: np.ndarray) -> None:
    """`out[..., k]` is 1 where `indices` is k and 0 elsewhere; all zeros for an index outside of `[0, depth)`."""
    out[...] = indices[..., np.newaxis] == np.arange(out.shape[-1])


def put(out: np.ndarray, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> None:
    """`out = x` but for `out[indices[i]] = updates[i]`: the last of equal indices counts, others outside do nothing."""
    out[...] = x
    at, valid = _entries(indices, len(x))
    for i in np.flatnonzero(valid):
        out[at[i]] = updates[i]
