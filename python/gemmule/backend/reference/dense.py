"""Dense layers: the reference of `csrc/kernels/dense.cpp`. x (M, K), w (K, N), y and dz (M, N)."""

from __future__ import annotations

import numpy as np

from gemmule.backend.reference.gemm import apply_activation


def dense_forward(
    y: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    shift: np.ndarray | None = None,
    residual: np.ndarray | None = None,
    *,
    activation: str,
    alpha: float,
) -> None:
    """y = act((x · w + b)·scale + shift + residual); scale and shift have one entry per column."""
    z = x @ w
    if b is not None:
        z += b
    if scale is not None:
        z = z * scale + shift
    if residual is not None:
        z += residual
    y[...] = apply_activation(z, activation, alpha)


def dense_backward_input(dx: np.ndarray, dz: np.ndarray, w: np.ndarray) -> None:
    """dx = dz · wᵀ."""
    dx[...] = dz @ w.T


def dense_backward_weights(dw: np.ndarray | None, db: np.ndarray | None, x: np.ndarray, dz: np.ndarray) -> None:
    """dw = xᵀ · dz and db = column sums of dz."""
    if dw is not None:
        dw[...] = x.T @ dz
    if db is not None:
        db[...] = dz.sum(axis=0)
