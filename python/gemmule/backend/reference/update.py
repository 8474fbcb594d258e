"""Optimizer steps, in place, with Keras's formulas."""

from __future__ import annotations

import numpy as np


def sgd_step(w: np.ndarray, m: np.ndarray | None, dw: np.ndarray, hyper: np.ndarray, nesterov: bool) -> None:
    """Gradient descent: `w -= lr*dw`, or with momentum `m = momentum*m - lr*dw; w += m`.

    With Nesterov's look-ahead the last line is `w += momentum*m - lr*dw`.

    Args:
        w: parameters (n,), updated in place.
        m: velocity (n,), updated in place, or `None`.
        dw: gradient (n,).
        hyper: float64 (2,): learning rate, momentum.
        nesterov: whether to look ahead.
    """
    learning_rate, momentum = hyper.astype(w.dtype)
    if m is None:
        w[...] = w - learning_rate * dw
        return
    m[...] = momentum * m - learning_rate * dw
    w[...] = w + (momentum * m - learning_rate * dw if nesterov else m)


def adam_step(w: np.ndarray, m: np.ndarray, v: np.ndarray, dw: np.ndarray, hyper: np.ndarray, step: np.ndarray) -> None:
    """Adam (Kingma & Ba, 2015), the bias correction moved into the step size as at the end of their section 2.

    Args:
        w: parameters (n,), updated in place.
        m: mean of gradients (n,), updated in place.
        v: mean of squared gradients (n,), updated in place.
        dw: gradient (n,).
        hyper: float64 (4,): learning rate, beta_1, beta_2, epsilon.
        step: int64 (1,): the number of updates done before this one.
    """
    learning_rate, beta_1, beta_2, epsilon = hyper
    t = float(step[0] + 1)
    T = w.dtype.type
    alpha = T(learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t))
    m[...] = m + (dw - m) * T(1 - beta_1)
    v[...] = v + (dw * dw - v) * T(1 - beta_2)
    w[...] = w - m * alpha / (np.sqrt(v) + T(epsilon))
