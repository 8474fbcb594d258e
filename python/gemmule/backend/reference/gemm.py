"""Matrix products: the reference of `csrc/kernels/gemm.cpp`."""

from __future__ import annotations

import numpy as np

from gemmule.backend.reference import activation as activations


def gemm(
    out: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    bias: np.ndarray | None,
    residual: np.ndarray | None,
    *,
    transpose_a: bool,
    transpose_b: bool,
    activation: str,
    alpha: float,
) -> None:
    """out = act(op(a) · op(b) + bias + residual), op(x) = x or its last two axes exchanged.

    a (batch?, M, K), b (batch?, K, N), bias (N,), residual and out (batch?, M, N). A matrix without a batch axis is
    shared by all entries of the batch.
    """
    left = np.swapaxes(a, -1, -2) if transpose_a else a
    right = np.swapaxes(b, -1, -2) if transpose_b else b
    y = left @ right
    if bias is not None:
        y += bias
    if residual is not None:
        y += residual
    out[...] = apply_activation(y, activation, alpha)


def apply_activation(x: np.ndarray, activation: str, alpha: float) -> np.ndarray:
    """act(x); `alpha` is the slope of leaky_relu and the alpha of elu, and means nothing to the others."""
    if activation == "linear":
        return x
    attributes = {"leaky_relu": {"negative_slope": alpha}, "elu": {"alpha": alpha}}.get(activation, {})
    y = np.empty_like(x)
    getattr(activations, f"{activation}_forward")(y, x, **attributes)
    return y
