"""Normalization by the statistics of a batch, of examples, or of groups of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from gemmule import deferral
from gemmule.autograd import Gradients, is_tracked, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.registry import op
from gemmule.ops.reshaping import transpose
from gemmule.ops.shapes import as_float, as_tensor, empty_like, normalize_axes, normalize_axis
from gemmule.scope import where
from gemmule.tensor import Tensor, Variable

_PLAIN: dict[str, Any] = {"activation": "linear", "alpha": 0.0}


@op
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 0.001
) -> Tensor:
    """Normalization by given statistics: `(x - mean) / sqrt(variance + epsilon) * scale + offset`.

    Args:
        x: a floating tensor of at least one dimension.
        mean: shape `(channels,)`.
        variance: shape `(channels,)`.
        axis: where the channels of `x` are.
        offset: shape `(channels,)`, zero by default; often called beta.
        scale: shape `(channels,)`, one by default; often called gamma.
        epsilon: added to the variance. PyTorch's default is 1e-5.

    Returns:
        A tensor of the shape of `x`.

    Raises:
        ValueError: if a shape does not fit the channels, or the axis does not exist.

    Example:
        >>> gm.ops.batch_normalization([[1.0], [3.0]], mean=[2.0], variance=[1.0], axis=-1, epsilon=0.0).numpy()
        array([[-1.],
               [ 1.]], dtype=float32)

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """
    name = "batch_normalization"
    epsilon = _epsilon(name, epsilon)

    def normalize(x: Tensor) -> Tensor:
        center, spread = _parameters(name, x, x.shape[-1:], mean=mean, variance=variance)
        gamma, beta = _parameters(name, x, x.shape[-1:], scale=scale, offset=offset)
        if center is None or spread is None:
            raise ValueError(f"{where(name)}: mean and variance must be given.{received(mean=mean, variance=variance)}")
        return _by_given_statistics(x, center, spread, gamma, beta, epsilon)

    return _channels_last(name, x, axis, normalize)


def _by_given_statistics(
    x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor | None, beta: Tensor | None, epsilon: float
) -> Tensor:
    slope, shift, y = np.empty_like(mean.array), np.empty_like(mean.array), empty_like(x)
    statistics = [mean.array, variance.array]
    execute("batch_norm_coefficients", [slope, shift], [*statistics, _array(gamma), _array(beta)], epsilon=epsilon)
    execute("scale_shift", [y.array], [x.array, slope, shift, None], **_PLAIN)
    inputs = {"x": x, "gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    tensors = {label: tensor for label, tensor in inputs.items() if tensor is not None}
    if not any([is_tracked(tensor) for tensor in tensors.values()]):
        return y
    center, inverse, unused = (np.empty_like(mean.array) for _ in range(3))  # moving statistics may go on changing
    execute("copy", [center], [mean.array])
    execute("batch_norm_coefficients", [inverse, unused], [*statistics, None, None], epsilon=epsilon)
    places = {label: index for index, label in enumerate(tensors)}

    def backward(grad: Gradients) -> None:
        def buffer(label: str) -> np.ndarray | None:
            return grad.buffer(places[label]) if label in places else None

        dgamma, dbeta, dmean, dvariance = (buffer(label) for label in ("gamma", "beta", "mean", "variance"))
        dgamma = np.empty_like(slope) if dgamma is None and dvariance is not None else dgamma
        dbeta = np.empty_like(slope) if dbeta is None and dmean is not None else dbeta
        operands = [grad.d, x.array, None, center, inverse, _array(gamma)]
        execute("batch_norm_backward", [buffer("x"), dgamma, dbeta], operands, training=False, **_PLAIN)
        if dmean is not None:  # -slope dbeta
            execute("multiply", [dmean], [slope, dbeta])
            execute("negative", [dmean], [dmean])
        if dvariance is not None:  # -slope dgamma / (2 √(variance + epsilon))
            execute("multiply", [dvariance], [slope, dgamma])
            execute("multiply", [dvariance], [dvariance, inverse])
            execute("multiply", [dvariance], [dvariance, np.asarray(-0.5, slope.dtype)])

    return record(y, list(tensors.values()), backward, "batch_normalization")


@op
def normalize_batch(
    x: Any,
    axis: int = -1,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 0.001,
    moving_mean: Variable | None = None,
    moving_variance: Variable | None = None,
    momentum: float = 0.99,
) -> Tensor:
    """Normalization by the batch's own mean and variance, as batch normalization does in training.

    Args:
        x: a floating tensor of at least two dimensions.
        axis: where the channels are; statistics are over all other axes.
        offset: shape `(channels,)`, zero by default.
        scale: shape `(channels,)`, one by default.
        epsilon: added to the variance.
        moving_mean: a variable `(channels,)` that follows the mean: `moving += (mean - moving) * (1 - momentum)`. In a
            training step of `fit` it changes together with the weights.
        moving_variance: likewise for the variance, divided by the number of rows as in Keras (PyTorch: by one less).
        momentum: how slowly they follow. PyTorch's `momentum` is one minus this.

    Returns:
        A tensor of the shape of `x`.

    Raises:
        ValueError: if a shape does not fit the channels, or there is nothing to average over.

    Example:
        >>> gm.ops.normalize_batch([[1.0], [3.0]], epsilon=0.0).numpy()
        array([[-1.],
               [ 1.]], dtype=float32)

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """
    name = "normalize_batch"
    epsilon = _epsilon(name, epsilon)

    def normalize(x: Tensor) -> Tensor:
        if x.size == 0 or x.ndim < 2:
            raise ValueError(
                f"{where(name)}: needs a batch, at least one row of at least one channel, to take statistics of."
                f"{received(x=x)}"
            )
        gamma, beta = _parameters(name, x, x.shape[-1:], scale=scale, offset=offset)
        moving = _parameters(name, x, x.shape[-1:], moving_mean=moving_mean, moving_variance=moving_variance)
        return _by_own_statistics(x, gamma, beta, epsilon, moving, momentum)

    return _channels_last(name, x, axis, normalize)


def _by_own_statistics(
    x: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    epsilon: float,
    moving: Sequence[Tensor | None],
    momentum: float,
) -> Tensor:
    y = empty_like(x)
    mean, inverse = np.empty(x.shape[-1], x.dtype), np.empty(x.shape[-1], x.dtype)
    operands = [x.array, _array(gamma), _array(beta), None]
    execute("batch_norm_forward", [y.array, mean, inverse], operands, epsilon=epsilon, **_PLAIN)
    if moving[0] is not None and moving[1] is not None:
        places = [moving[0].array, moving[1].array]
        deferral.write("batch_norm_update", places, [mean, inverse], momentum=momentum, epsilon=epsilon)

    def backward(grad: Gradients) -> None:
        dx, dgamma, dbeta = _buffers(grad, gamma, beta)
        operands = [grad.d, x.array, None, mean, inverse, _array(gamma)]
        execute("batch_norm_backward", [dx, dgamma, dbeta], operands, training=True, **_PLAIN)

    return record(y, _present(x, gamma, beta), backward, "normalize_batch")


@op
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Tensor:
    """Normalization of each example by its own statistics: `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.

    Args:
        x: a floating tensor of at least one dimension.
        gamma: its shape is that of `x` along `axis`; one by default.
        beta: likewise; zero by default.
        axis: the axis, or several, that statistics are over.
        epsilon: added to the variance; 1e-7 by default as in Keras. PyTorch's default is 1e-5.

    Returns:
        A tensor of the shape of `x`.

    Raises:
        ValueError: if a shape does not fit, or an axis does not exist.

    Example:
        >>> gm.ops.layer_normalization([[1.0, 3.0], [5.0, 5.0]], epsilon=0.0001).numpy().round(2)
        array([[-1.,  1.],
               [ 0.,  0.]], dtype=float32)

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """
    name = "layer_normalization"
    x = as_float(x)
    epsilon = _epsilon(name, 1e-7 if epsilon is None else epsilon)
    axes = normalize_axes(name, list(axis) if isinstance(axis, (tuple, list)) else axis, x.ndim)
    if x.ndim == 0 or not axes:
        raise ValueError(f"{where(name)}: needs at least one axis to normalize over.{received(x=x, axis=axis)}")
    scale, shift = _parameters(name, x, tuple(x.shape[a] for a in axes), gamma=gamma, beta=beta)
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    if order == tuple(range(x.ndim)):
        return _by_rows(x, len(axes), scale, shift, epsilon)
    inverse = [order.index(a) for a in range(x.ndim)]
    return transpose(_by_rows(transpose(x, order), len(axes), scale, shift, epsilon), inverse)


def _by_rows(x: Tensor, axes: int, gamma: Tensor | None, beta: Tensor | None, epsilon: float) -> Tensor:
    rows, columns = prod(x.shape[: x.ndim - axes]), prod(x.shape[x.ndim - axes :])
    y, flat = empty_like(x), x.array.reshape(rows, columns)
    mean, inverse = np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    operands = [flat, _array(gamma, columns), _array(beta, columns)]
    execute("layer_norm_forward", [y.array.reshape(rows, columns), mean, inverse], operands, epsilon=epsilon)

    def backward(grad: Gradients) -> None:
        dx, dgamma, dbeta = _buffers(grad, gamma, beta)
        outputs = [_reshaped(dx, rows, columns), _reshaped(dgamma, columns), _reshaped(dbeta, columns)]
        operands = [grad.d.reshape(rows, columns), flat, mean, inverse, _array(gamma, columns)]
        execute("layer_norm_backward", outputs, operands)

    return record(y, _present(x, gamma, beta), backward, "layer_normalization")


@op
def group_normalization(
    x: Any, groups: int, axis: int = -1, gamma: Any = None, beta: Any = None, epsilon: float = 0.001
) -> Tensor:
    """Normalization of each example in groups of channels, over all positions and the channels of a group.

    With one group this is layer normalization over all axes, with as many groups as channels instance normalization.

    Args:
        x: a floating tensor of at least two dimensions, the first one the examples.
        groups: number of groups; it divides the number of channels.
        axis: where the channels are; not the first axis.
        gamma: shape `(channels,)`, one by default.
        beta: shape `(channels,)`, zero by default.
        epsilon: added to the variance. PyTorch's default is 1e-5.

    Returns:
        A tensor of the shape of `x`.

    Raises:
        ValueError: if the groups do not divide the channels, or a shape does not fit.

    Example:
        >>> gm.ops.group_normalization([[1.0, 3.0, 5.0, 5.0]], groups=2, epsilon=0.0001).numpy().round(2)
        array([[-1.,  1.,  0.,  0.]], dtype=float32)

    Source: Wu and He, "Group Normalization", 2018.
    """
    name = "group_normalization"
    epsilon = _epsilon(name, epsilon)
    x = as_float(x)
    if x.ndim < 2 or normalize_axis(name, axis, x.ndim) == 0:
        raise ValueError(f"{where(name)}: channels come after the first axis, the examples.{received(x=x, axis=axis)}")
    channels = x.shape[axis]
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1 or channels % groups:
        raise ValueError(
            f"{where(name)}: groups must be a positive integer that divides the {channels} channels."
            f"{received(groups=groups, x=x)}"
        )

    def normalize(x: Tensor) -> Tensor:
        scale, shift = _parameters(name, x, x.shape[-1:], gamma=gamma, beta=beta)
        return _by_groups(x, int(groups), scale, shift, epsilon)

    return _channels_last(name, x, axis, normalize)


def _by_groups(x: Tensor, groups: int, gamma: Tensor | None, beta: Tensor | None, epsilon: float) -> Tensor:
    y = empty_like(x)
    mean, inverse = np.empty((x.shape[0], groups), x.dtype), np.empty((x.shape[0], groups), x.dtype)
    operands = [x.array, _array(gamma), _array(beta)]
    execute("group_norm_forward", [y.array, mean, inverse], operands, groups=groups, epsilon=epsilon)

    def backward(grad: Gradients) -> None:
        operands = [grad.d, x.array, mean, inverse, _array(gamma)]
        execute("group_norm_backward", list(_buffers(grad, gamma, beta)), operands)

    return record(y, _present(x, gamma, beta), backward, "group_normalization")


# ---- What they share -------------------------------------------------------------------------------------------------


def _channels_last(name: str, x: Any, axis: int, normalize: Callable[[Tensor], Tensor]) -> Tensor:
    """Applies `normalize` with the channels moved to the end and back."""
    x = as_float(x)
    axis = normalize_axis(name, axis, x.ndim)
    if axis == x.ndim - 1:
        return normalize(x)
    order = [a for a in range(x.ndim) if a != axis] + [axis]
    return transpose(normalize(transpose(x, order)), [order.index(a) for a in range(x.ndim)])


def _epsilon(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value < float("inf"):
        raise ValueError(f"{where(name)}: epsilon must be a number that is not negative.{received(epsilon=value)}")
    return float(value)


def _parameters(name: str, x: Tensor, shape: tuple[int, ...], **given: Any) -> list[Tensor | None]:
    """Parameters as tensors of the type of `x`, `None` for absent ones, their shapes checked."""
    found: list[Tensor | None] = []
    for label, value in given.items():
        tensor = None if value is None else as_tensor(value, None if isinstance(value, Tensor) else x.dtype)
        if tensor is not None and tensor.shape != shape:
            raise ValueError(
                f"{where(name)}: {label} must have the shape {shape}, one entry for each channel of the input."
                f"{received(**{label: tensor})} The input's shape is {x.shape}."
            )
        if tensor is not None and tensor.dtype != x.dtype:
            raise TypeError(
                f"{where(name)}: {label} and the input must have the same dtype; convert with gm.ops.cast."
                f"{received(**{label: tensor})} The input's dtype is {x.dtype}."
            )
        found.append(tensor)
    return found


def _present(*tensors: Tensor | None) -> list[Tensor]:
    return [tensor for tensor in tensors if tensor is not None]


def _buffers(
    grad: Gradients, gamma: Tensor | None, beta: Tensor | None
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Where the gradients of x, gamma and beta go; absent ones are not among the inputs."""
    dgamma = None if gamma is None else grad.buffer(1)
    dbeta = None if beta is None else grad.buffer(1 if gamma is None else 2)
    return grad.buffer(0), dgamma, dbeta


def _array(tensor: Tensor | None, *shape: int) -> np.ndarray | None:
    return None if tensor is None else _reshaped(tensor.array, *shape)


def _reshaped(array: np.ndarray | None, *shape: int) -> np.ndarray | None:
    return array if array is None or not shape else array.reshape(shape)
