"""Activations: the reference of `csrc/kernels/activation.cpp`. All arrays of one call have the same shape.

The backward of a monotone activation works from its output y, that of the others from its input x.
"""

from __future__ import annotations

import math

import numpy as np

# Klambauer et al., "Self-normalizing neural networks" (2017)
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def relu_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = max(x, 0)."""
    y[...] = np.maximum(x, 0)


def relu_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = dy where y > 0, else 0."""
    dx[...] = np.where(y > 0, dy, y * 0)


def leaky_relu_forward(y: np.ndarray, x: np.ndarray, *, negative_slope: float) -> None:
    """y = x where x > 0, else negative_slope x."""
    y[...] = np.where(x > 0, x, x * negative_slope)


def leaky_relu_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray, *, negative_slope: float) -> None:
    """dx = dy where y > 0, else negative_slope dy; negative_slope > 0, so that y has the sign of x."""
    dx[...] = np.where(y > 0, dy, dy * np.where(np.isnan(y), y, negative_slope))


def elu_forward(y: np.ndarray, x: np.ndarray, *, alpha: float) -> None:
    """y = x where x > 0, else alpha (e^x - 1). Clevert et al. (2016)."""
    y[...] = np.where(x > 0, x, alpha * np.expm1(x))


def elu_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray, *, alpha: float) -> None:
    """dx = dy where y > 0, else dy (y + alpha); alpha > 0, so that y has the sign of x."""
    dx[...] = np.where(y > 0, dy, dy * (y + alpha))


def selu_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = scale x where x > 0, else scale alpha (e^x - 1)."""
    y[...] = SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x))


def selu_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = dy scale where y > 0, else dy (y + scale alpha)."""
    dx[...] = dy * np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


def sigmoid_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = 1 / (1 + e^-x)."""
    y[...] = _sigmoid(x)


def sigmoid_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = dy y (1 - y)."""
    dx[...] = dy * (y * (1 - y))


def tanh_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = tanh(x)."""
    y[...] = np.tanh(x)


def tanh_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = dy (1 - y²)."""
    dx[...] = dy * ((1 - y) * (1 + y))


def softplus_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), where nothing overflows."""
    y[...] = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = dy (1 - e^-y)."""
    dx[...] = -dy * np.expm1(-y)


def exponential_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = e^x."""
    y[...] = np.exp(x)


def exponential_backward(dx: np.ndarray, dy: np.ndarray, y: np.ndarray) -> None:
    """dx = dy y."""
    dx[...] = dy * y


def silu_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = x sigmoid(x). Elfwing et al. (2017)."""
    y[...] = x * _sigmoid(x)


def silu_backward(dx: np.ndarray, dy: np.ndarray, x: np.ndarray) -> None:
    """dx = dy s (1 + x (1 - s)) with s = sigmoid(x)."""
    s = _sigmoid(x)
    dx[...] = dy * (s * (1 + x * (1 - s)))


def mish_forward(y: np.ndarray, x: np.ndarray) -> None:
    """y = x tanh(softplus(x)). Misra (2019)."""
    y[...] = x * np.tanh(np.logaddexp(x, 0))


def mish_backward(dx: np.ndarray, dy: np.ndarray, x: np.ndarray) -> None:
    """dx = dy (w + x (1 - w²) sigmoid(x)) with w = tanh(softplus(x))."""
    w = np.tanh(np.logaddexp(x, 0))
    dx[...] = dy * (w + x * (1 - w * w) * _sigmoid(x))


def gelu_forward(y: np.ndarray, x: np.ndarray, *, approximate: bool) -> None:
    """y = x Φ(x), or its approximation x (1 + tanh(u)) / 2. Hendrycks and Gimpel (2016)."""
    y[...] = x * (_tanh_gate(x) if approximate else _normal_cdf(x))


def gelu_backward(dx: np.ndarray, dy: np.ndarray, x: np.ndarray, *, approximate: bool) -> None:
    """dx = dy (Φ(x) + x φ(x)), or dy (s + 2 x s (1 - s) u') with s = (1 + tanh(u)) / 2."""
    if approximate:
        s = _tanh_gate(x)
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        dx[...] = dy * (s + 2 * x * s * (1 - s) * slope)
    else:
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        dx[...] = dy * (_normal_cdf(x) + x * density)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    """Φ(x) = (1 + erf(x / √2)) / 2; NumPy has no erf, the standard library has."""
    erf = np.array([math.erf(value) for value in (x / math.sqrt(2)).ravel()], dtype=x.dtype)
    return (1 + erf.reshape(x.shape)) / 2


def _tanh_gate(x: np.ndarray) -> np.ndarray:
    """(1 + tanh(u)) / 2 = sigmoid(2 u) with u = √(2 / π) (x + 0.044715 x³)."""
    return _sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
