"""Dense layers: the reference of `csrc/kernels/dense.cpp`. x (..., K), w (K, N), y and dz (..., N)."""

from __future__ import annotations

import numpy as np

from gemmule.backend.reference.gemm import apply_activation


def dense_forward(
    y: np.ndarray, x: np.ndarray, w: np.ndarray, b: np.ndarray | None, *, activation: str, alpha: float
) -> None:
    """y = act(x · w + b)."""
    z = x @ w
    if b is not None:
        z += b
    y[...] = apply_activation(z, activation, alpha)


def dense_backward_input(dx: np.ndarray, dz: np.ndarray, w: np.ndarray) -> None:
    """dx = dz · wᵀ."""
    dx[...] = dz @ w.T


def dense_backward_weights(dw: np.ndarray | None, db: np.ndarray | None, x: np.ndarray, dz: np.ndarray) -> None:
    """dw = xᵀ · dz and db = column sums of dz, over all leading axes."""
    gradient = dz.reshape(-1, dz.shape[-1])
    if dw is not None:
        dw[...] = x.reshape(-1, x.shape[-1]).T @ gradient
    if db is not None:
        db[...] = gradient.sum(axis=0)
