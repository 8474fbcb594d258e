"""Softmax and its logarithm over the last axis: the reference of `csrc/kernels/softmax.cpp`."""

from __future__ import annotations

import numpy as np


def softmax_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = e^x / Σ e^x, shifted by the maximum of each row so that nothing overflows."""
    terms = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    y[...] = terms / terms.sum(axis=-1, keepdims=True)


def softmax_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = y (dy - Σ dy y)."""
    dx[...] = y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def log_softmax_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = x - log Σ e^x."""
    shifted = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
    y[...] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = dy - e^y Σ dy."""
    dx[...] = dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)
