"""Losses, one number a row (or an element): the reference of `csrc/kernels/loss.cpp`.

logits, targets, y_pred and y_true are (N, C); loss, its gradient dloss and labels are (N,).
"""

from __future__ import annotations

import numpy as np


def sparse_softmax_crossentropy(loss: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> None:
    """loss = -log softmax(logits)[label], and NaN where the label is no class."""
    known, safe = _known_labels(logits, labels)
    picked = np.take_along_axis(_log_softmax(logits), safe[:, np.newaxis], axis=-1)[:, 0]
    loss[...] = np.where(known, -picked, np.nan)


def sparse_softmax_crossentropy_backward(
    dlogits: np.ndarray, dloss: np.ndarray, logits: np.ndarray, labels: np.ndarray
) -> None:
    """dlogits = dloss (softmax(logits) - onehot(label)), and NaN where the label is no class."""
    known, safe = _known_labels(logits, labels)
    difference = np.exp(_log_softmax(logits))
    difference[np.arange(len(safe)), safe] -= 1
    dlogits[...] = np.where(known[:, np.newaxis], dloss[:, np.newaxis] * difference, np.nan)


def softmax_crossentropy(loss: np.ndarray, logits: np.ndarray, targets: np.ndarray) -> None:
    """loss = -Σ targets log softmax(logits)."""
    loss[...] = -(targets * _log_softmax(logits)).sum(axis=-1)


def softmax_crossentropy_backward(
    dlogits: np.ndarray, dloss: np.ndarray, logits: np.ndarray, targets: np.ndarray
) -> None:
    """dlogits = dloss (softmax(logits) Σ targets - targets); the targets need not sum to 1."""
    total = targets.sum(axis=-1, keepdims=True)
    dlogits[...] = dloss[:, np.newaxis] * (np.exp(_log_softmax(logits)) * total - targets)


def sigmoid_crossentropy(loss: np.ndarray, logits: np.ndarray, targets: np.ndarray) -> None:
    """loss = max(z, 0) - z t + log(1 + e^-|z|), element by element."""
    loss[...] = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))


def sigmoid_crossentropy_backward(
    dlogits: np.ndarray, dloss: np.ndarray, logits: np.ndarray, targets: np.ndarray
) -> None:
    """dlogits = dloss (sigmoid(logits) - targets), element by element."""
    dlogits[...] = dloss * (1 / (1 + np.exp(-logits)) - targets)


def mean_squared_error(loss: np.ndarray, y_pred: np.ndarray, y_true: np.ndarray) -> None:
    """loss = mean of (y_pred - y_true)² over the row."""
    loss[...] = np.square(y_pred - y_true).mean(axis=-1)


def mean_squared_error_backward(dpred: np.ndarray, dloss: np.ndarray, y_pred: np.ndarray, y_true: np.ndarray) -> None:
    """dpred = dloss 2 (y_pred - y_true) / C."""
    dpred[...] = dloss[..., np.newaxis] * (2 / y_pred.shape[-1]) * (y_pred - y_true)


def mean_absolute_error(loss: np.ndarray, y_pred: np.ndarray, y_true: np.ndarray) -> None:
    """loss = mean of |y_pred - y_true| over the row."""
    loss[...] = np.abs(y_pred - y_true).mean(axis=-1)


def mean_absolute_error_backward(dpred: np.ndarray, dloss: np.ndarray, y_pred: np.ndarray, y_true: np.ndarray) -> None:
    """dpred = dloss sign(y_pred - y_true) / C, with sign(0) = 0."""
    dpred[...] = dloss[..., np.newaxis] / y_pred.shape[-1] * np.sign(y_pred - y_true)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _known_labels(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which labels are classes, and the labels with 0 in place of those that are not."""
    known = (labels >= 0) & (labels < logits.shape[-1])
    return known, np.where(known, labels, 0)
