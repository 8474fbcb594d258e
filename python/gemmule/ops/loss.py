"""Losses per row, and the weighted mean that makes one number of them.

The cross-entropies take logits, the scores before a softmax or sigmoid: fused with it they neither overflow nor
lose small probabilities.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.arrays import compute, constant
from gemmule.ops.registry import op
from gemmule.ops.shapes import as_float, as_tensor, empty
from gemmule.scope import where
from gemmule.tensor import Tensor


@op
def sparse_softmax_crossentropy(logits: Any, labels: Any) -> Tensor:
    """Cross-entropy of integer labels: `loss = log(sum(exp(z))) - z[label]` for each row `z` of the logits.

    Args:
        logits: scores, shape `(..., classes)`.
        labels: class numbers from 0, shape `(...)`. A label outside the classes gives NaN.

    Returns:
        The losses, shape `(...)`.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> gm.ops.sparse_softmax_crossentropy([[0.0, 0.0]], [1]).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "sparse_softmax_crossentropy"
    logits, labels = as_float(logits), as_tensor(as_tensor(labels), "int32")
    if logits.ndim == 0 or labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"{where(name)}: labels must have the shape of the logits without the last axis, one class number per row."
            f"{received(logits=logits, labels=labels)}"
        )
    rows = (prod(logits.shape[:-1]), logits.shape[-1])
    z, classes = logits.array.reshape(rows), labels.array.reshape(rows[0])
    loss = empty(labels.shape, logits.dtype)
    execute(name, [loss.array.reshape(rows[0])], [z, classes])

    def backward(grad: Gradients) -> None:
        execute(f"{name}_backward", [_rows(grad.buffer(0), rows)], [grad.d.reshape(rows[0]), z, classes])

    return record(loss, (logits,), backward, name)


@op
def softmax_crossentropy(logits: Any, targets: Any) -> Tensor:
    """Cross-entropy of one-hot labels or probabilities: `loss = -sum(t * log_softmax(z))` for each row.

    Args:
        logits: scores, shape `(..., classes)`.
        targets: probabilities, the same shape. They need not sum to one.

    Returns:
        The losses, shape `(...)`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> gm.ops.softmax_crossentropy([[0.0, 0.0]], [[0.0, 1.0]]).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "softmax_crossentropy"
    logits, targets = _pair(name, logits, targets, "logits", "targets")
    rows = _row_shape(name, logits)
    z, t = logits.array.reshape(rows), targets.array.reshape(rows)
    loss = empty(logits.shape[:-1], logits.dtype)
    execute(name, [loss.array.reshape(rows[0])], [z, t])

    def backward(grad: Gradients) -> None:
        if grad.needs(0):
            execute(f"{name}_backward", [_rows(grad.buffer(0), rows)], [grad.d.reshape(rows[0]), z, t])
        if grad.needs(1):
            log_p = compute("log_softmax_forward", z, shape=rows, dtype=z.dtype)
            minus = compute("negative", grad.d.reshape(rows[0], 1), shape=(rows[0], 1), dtype=z.dtype)
            execute("multiply", [_rows(grad.buffer(1), rows)], [log_p, minus])

    return record(loss, (logits, targets), backward, name)


@op
def sigmoid_crossentropy(logits: Any, targets: Any) -> Tensor:
    """Cross-entropy of independent yes-or-no targets: `loss = max(z, 0) - z * t + log(1 + exp(-|z|))`.

    Args:
        logits: scores, any shape.
        targets: probabilities, the same shape.

    Returns:
        The losses, element by element, in the shape of the logits.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> gm.ops.sigmoid_crossentropy([0.0], [1.0]).numpy()
        array([0.6931472], dtype=float32)
    """
    name = "sigmoid_crossentropy"
    logits, targets = _pair(name, logits, targets, "logits", "targets")
    z, t = logits.array, targets.array
    loss = empty(logits.shape, logits.dtype)
    execute(name, [loss.array], [z, t])

    def backward(grad: Gradients) -> None:
        if grad.needs(0):
            execute(f"{name}_backward", [grad.buffer(0)], [grad.d, z, t])
        if grad.needs(1):
            minus = compute("negative", z, shape=z.shape, dtype=z.dtype)
            execute("multiply", [grad.buffer(1)], [grad.d, minus])

    return record(loss, (logits, targets), backward, name)


@op
def mean_squared_error(y_pred: Any, y_true: Any) -> Tensor:
    """Mean over the last axis of the squared differences: `loss = mean((y_pred - y_true)²)`.

    Args:
        y_pred: predictions, shape `(..., d)`.
        y_true: targets, the same shape.

    Returns:
        The losses, shape `(...)`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> gm.ops.mean_squared_error([[1.0, 3.0]], [[1.0, 1.0]]).numpy()
        array([2.], dtype=float32)
    """
    return _row_error("mean_squared_error", y_pred, y_true)


@op
def mean_absolute_error(y_pred: Any, y_true: Any) -> Tensor:
    """Mean over the last axis of the absolute differences: `loss = mean(|y_pred - y_true|)`; gradient 0 at equality.

    Args:
        y_pred: predictions, shape `(..., d)`.
        y_true: targets, the same shape.

    Returns:
        The losses, shape `(...)`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> gm.ops.mean_absolute_error([[1.0, 3.0]], [[1.0, 1.0]]).numpy()
        array([1.], dtype=float32)
    """
    return _row_error("mean_absolute_error", y_pred, y_true)


@op
def weighted_mean(values: Any, weights: Any = None) -> Tensor:
    """`sum(w * v) / N` over all N values: how Keras reduces per-sample losses with sample weights.

    The divisor is the number of values, not the sum of the weights.

    Args:
        values: any shape.
        weights: the same shape, or `None` for ones.

    Returns:
        A tensor without dimensions.

    Raises:
        ValueError: if the shapes differ, or there are no values.

    Example:
        >>> float(gm.ops.weighted_mean([1.0, 3.0], [1.0, 0.0]))
        0.5
    """
    values = as_float(values)
    if weights is not None:
        values, weights = _pair("weighted_mean", values, weights, "values", "weights")
    if values.size == 0:
        raise ValueError(f"{where('weighted_mean')}: there is no mean of zero values.{received(values=values)}")
    flat = values.array.reshape(-1)
    w = None if weights is None else weights.array.reshape(-1)
    out = empty((), values.dtype)
    execute("weighted_mean", [out.array], [flat, w])

    def backward(grad: Gradients) -> None:
        if (place := grad.buffer(0)) is not None:
            execute("weighted_mean_backward", [place.reshape(-1)], [grad.d, w, flat])
        if weights is not None and (place := grad.buffer(1)) is not None:
            share = compute("scale", grad.d, constant(1 / flat.size, flat), shape=(), dtype=flat.dtype)
            execute("scale", [place.reshape(-1)], [flat, share])

    inputs = (values,) if weights is None else (values, weights)
    return record(out, inputs, backward, "weighted_mean")


def _row_error(name: str, y_pred: Any, y_true: Any) -> Tensor:
    pred, true = _pair(name, y_pred, y_true, "y_pred", "y_true")
    rows = _row_shape(name, pred)
    p, t = pred.array.reshape(rows), true.array.reshape(rows)
    loss = empty(pred.shape[:-1], pred.dtype)
    execute(name, [loss.array.reshape(rows[0])], [p, t])

    def backward(grad: Gradients) -> None:
        d = grad.d.reshape(rows[0])
        if grad.needs(0):
            execute(f"{name}_backward", [_rows(grad.buffer(0), rows)], [d, p, t])
        if grad.needs(1):  # the loss depends on the difference alone
            execute(f"{name}_backward", [_rows(grad.buffer(1), rows)], [d, t, p])

    return record(loss, (pred, true), backward, name)


def _rows(place: np.ndarray | None, rows: tuple[int, int]) -> np.ndarray | None:
    return None if place is None else place.reshape(rows)


def _row_shape(name: str, x: Tensor) -> tuple[int, int]:
    if x.ndim == 0:
        raise ValueError(f"{where(name)}: needs at least one dimension.{received(x=x)}")
    return prod(x.shape[:-1]), x.shape[-1]


def _pair(name: str, first: Any, second: Any, first_name: str, second_name: str) -> tuple[Tensor, Tensor]:
    """Both as tensors of the first one's floating type and of equal shape; nothing is broadcast silently."""
    a = as_float(first)
    b = as_tensor(as_tensor(second), a.dtype)
    if a.shape != b.shape:
        raise ValueError(
            f"{where(name)}: {first_name} and {second_name} must have the same shape."
            f"{received(**{first_name: a, second_name: b})}"
        )
    return a, b
