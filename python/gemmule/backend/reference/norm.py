"""Normalization: the reference of `csrc/kernels/norm.cpp`. x has its channels C last; gamma, beta, mean … are (C,)."""

from __future__ import annotations

from math import prod

import numpy as np

from gemmule.backend.reference import activation as activations
from gemmule.backend.reference.gemm import apply_activation

_SLOPES = {"leaky_relu": "negative_slope", "elu": "alpha"}


def batch_norm_forward(
    y: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    residual: np.ndarray | None,
    *,
    epsilon: float,
    activation: str,
    alpha: float,
) -> None:
    """y = act((x - mean) inv_std gamma + beta + residual), statistics of the batch. Ioffe and Szegedy (2015)."""
    rows = x.reshape(-1, x.shape[-1])
    mean[...] = rows.sum(axis=0) / rows.shape[0]
    variance = np.square(rows - mean).sum(axis=0) / rows.shape[0]
    inv_std[...] = 1 / np.sqrt(variance + epsilon)
    z = (x - mean) * (inv_std if gamma is None else gamma * inv_std)
    if beta is not None:
        z += beta
    if residual is not None:
        z += residual
    y[...] = apply_activation(z, activation, alpha)


def batch_norm_backward(
    dx: np.ndarray | None,
    dgamma: np.ndarray | None,
    dbeta: np.ndarray | None,
    dy: np.ndarray,
    x: np.ndarray,
    y: np.ndarray | None,
    mean: np.ndarray,
    inv_std: np.ndarray,
    gamma: np.ndarray | None,
    *,
    activation: str,
    alpha: float,
    training: bool,
) -> None:
    """Gradients of the normalization; with `training=False` the statistics are constants."""
    dz = _through_activation(dy, y, activation, alpha)
    z = (x - mean) * inv_std
    axes = tuple(range(x.ndim - 1))
    total, turned = dz.sum(axis=axes), (dz * z).sum(axis=axes)
    if dbeta is not None:
        dbeta[...] = total
    if dgamma is not None:
        dgamma[...] = turned
    if dx is not None:
        slope = inv_std if gamma is None else gamma * inv_std
        rows = x.size // max(x.shape[-1], 1)
        dx[...] = slope * (dz - total / rows - z * turned / rows) if training else slope * dz


def _through_activation(dy: np.ndarray, y: np.ndarray | None, activation: str, alpha: float) -> np.ndarray:
    if activation == "linear":
        return dy
    dz = np.empty_like(dy)
    arguments = {_SLOPES[activation]: alpha} if activation in _SLOPES else {}
    getattr(activations, f"{activation}_backward")(dz, dy, y, **arguments)
    return dz


def batch_norm_update(
    moving_mean: np.ndarray,
    moving_variance: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    *,
    momentum: float,
    epsilon: float,
) -> None:
    """moving += (value of the batch - moving) (1 - momentum), for the mean and the (biased) variance."""
    moving_mean += (mean - moving_mean) * (1 - momentum)
    moving_variance += (np.maximum(1 / (inv_std * inv_std) - epsilon, 0) - moving_variance) * (1 - momentum)


def batch_norm_coefficients(
    scale: np.ndarray,
    shift: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    *,
    epsilon: float,
) -> None:
    """x scale + shift = (x - mean) / √(variance + epsilon) gamma + beta."""
    scale[...] = (1 if gamma is None else gamma) / np.sqrt(variance + epsilon)
    shift[...] = (0 if beta is None else beta) - mean * scale


def scale_shift(
    y: np.ndarray,
    x: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    residual: np.ndarray | None,
    *,
    activation: str,
    alpha: float,
) -> None:
    """y = act(x scale + shift + residual)."""
    z = x * scale + shift
    if residual is not None:
        z += residual
    y[...] = apply_activation(z, activation, alpha)


def layer_norm_forward(
    y: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    *,
    epsilon: float,
) -> None:
    """y = (x - mean) inv_std gamma + beta with the statistics of each row. Ba, Kiros and Hinton (2016)."""
    _normalize(y, mean, inv_std, x, (-1,), gamma, beta, epsilon)


def layer_norm_backward(
    dx: np.ndarray | None,
    dgamma: np.ndarray | None,
    dbeta: np.ndarray | None,
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    gamma: np.ndarray | None,
) -> None:
    """Gradients of `layer_norm_forward`."""
    _normalize_backward(dx, dgamma, dbeta, dy, x, (-1,), mean, inv_std, gamma)


def group_norm_forward(
    y: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    *,
    groups: int,
    epsilon: float,
) -> None:
    """y = (x - mean) inv_std gamma + beta, statistics over the positions and channels of a group. Wu and He (2018)."""
    _normalize(y, mean, inv_std, _in_groups(x, groups), (1, 3), gamma, beta, epsilon)


def group_norm_backward(
    dx: np.ndarray | None,
    dgamma: np.ndarray | None,
    dbeta: np.ndarray | None,
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    gamma: np.ndarray | None,
) -> None:
    """Gradients of `group_norm_forward`."""
    _normalize_backward(dx, dgamma, dbeta, dy, _in_groups(x, mean.shape[1]), (1, 3), mean, inv_std, gamma)


def _in_groups(x: np.ndarray, groups: int) -> np.ndarray:
    """x (N, ..., C) as (N, positions, groups, channels of a group)."""
    positions = prod(x.shape[1:-1])
    return x.reshape(x.shape[0], positions, groups, x.shape[-1] // groups)


def _normalize(
    y: np.ndarray,
    mean: np.ndarray,
    inv_std: np.ndarray,
    parts: np.ndarray,
    axes: tuple[int, ...],
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
) -> None:
    """The statistics are over some axes of the input, seen as `parts`; gamma and beta belong to its channels."""
    count = prod(parts.shape[axis] for axis in axes)
    mean[...] = parts.sum(axis=axes) / count
    centered = parts - np.expand_dims(mean, axes)
    inv_std[...] = 1 / np.sqrt(np.square(centered).sum(axis=axes) / count + epsilon)
    z = (centered * np.expand_dims(inv_std, axes)).reshape(y.shape)
    y[...] = z * (1 if gamma is None else gamma) + (0 if beta is None else beta)


def _normalize_backward(
    dx: np.ndarray | None,
    dgamma: np.ndarray | None,
    dbeta: np.ndarray | None,
    dy: np.ndarray,
    parts: np.ndarray,
    axes: tuple[int, ...],
    mean: np.ndarray,
    inv_std: np.ndarray,
    gamma: np.ndarray | None,
) -> None:
    """With z the normalized part and dz = gamma dy: dx = inv_std (dz - mean of dz - z mean of dz z)."""
    inverse = np.expand_dims(inv_std, axes)
    z = (parts - np.expand_dims(mean, axes)) * inverse
    before = tuple(range(dy.ndim - 1))
    if dgamma is not None:
        dgamma[...] = (dy * z.reshape(dy.shape)).sum(axis=before)
    if dbeta is not None:
        dbeta[...] = dy.sum(axis=before)
    if dx is not None:
        dz = (dy if gamma is None else dy * gamma).reshape(parts.shape)
        count = prod(parts.shape[axis] for axis in axes)
        total, turned = dz.sum(axis=axes, keepdims=True), (dz * z).sum(axis=axes, keepdims=True)
        dx[...] = (inverse * (dz - total / count - z * turned / count)).reshape(dy.shape)
