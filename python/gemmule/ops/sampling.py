"""Random tensors: what `gm.random` offers, with the names of `keras.random`.

`seed` is an integer: the same numbers at every call; a `SeedGenerator`: the next ones each time; or `None`: the next
ones of a generator that all calls share. `set_random_seed` restarts both kinds that were not given a seed themselves.
Inside a recorded step generators go on counting, so every replay draws other numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.config import standardize_dtype
from gemmule.errors import received
from gemmule.ops.arrays import compute
from gemmule.ops.elementary import floor
from gemmule.ops.elementwise import add, multiply
from gemmule.ops.gather import take
from gemmule.ops.logic import greater_equal, where
from gemmule.ops.reduce import argmax
from gemmule.ops.reshaping import cast, expand_dims
from gemmule.ops.shapes import as_float, as_tensor, normalize_axis
from gemmule.ops.unary import log, negative
from gemmule.random import Stream, seeded_key, shared_stream
from gemmule.scope import where as at
from gemmule.tensor import Tensor

__all__ = ["categorical", "dropout", "normal", "randint", "shuffle", "truncated_normal", "uniform"]


def _drawn(kernel: str, shape: Any, dtype: str, seed: Any, **attributes: Any) -> Tensor:
    """Numbers of a kernel; a generator counts the call."""
    if seed is not None and not isinstance(seed, Stream):  # a constant, which a recorded step keeps
        return Tensor(compute(kernel, seeded_key(seed), shape=shape, dtype=dtype, **attributes))
    stream = seed or shared_stream()
    y = compute(kernel, stream.key, shape=shape, dtype=dtype, **attributes)
    stream.advance()
    return Tensor(y)


def _float(name: str, dtype: Any) -> str:
    wanted = standardize_dtype(dtype)
    if not wanted.startswith("float"):
        raise ValueError(f"{at(name)}: gives floats; gm.random.randint gives integers.{received(dtype=dtype)}")
    return wanted


def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normally distributed numbers.

    Args:
        shape: dimensions of the result.
        mean: their mean.
        stddev: their standard deviation.
        dtype: a floating type; `floatx()` by default.
        seed: an integer, a `SeedGenerator` or `None`.

    Returns:
        A tensor.

    Raises:
        ValueError: for a type that is not floating, or another seed.

    Example:
        >>> gm.random.normal((2, 3), seed=1).shape
        (2, 3)
    """
    return _normal("normal", shape, mean, stddev, dtype, seed, False)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normally distributed numbers within two standard deviations of the mean; `stddev` is that before the cut.

    Args:
        shape: dimensions of the result.
        mean: their mean.
        stddev: standard deviation of the whole distribution.
        dtype: a floating type; `floatx()` by default.
        seed: an integer, a `SeedGenerator` or `None`.

    Returns:
        A tensor.

    Raises:
        ValueError: for a type that is not floating, or another seed.

    Example:
        >>> bool(gm.ops.all(gm.ops.abs(gm.random.truncated_normal((99,), seed=1)) <= 2))
        True
    """
    return _normal("truncated_normal", shape, mean, stddev, dtype, seed, True)


def _normal(name: str, shape: Any, mean: float, stddev: float, dtype: Any, seed: Any, truncated: bool) -> Tensor:
    dtype = _float(name, dtype)
    how = {"mean": float(mean), "stddev": float(stddev), "truncated": truncated}
    return cast(_drawn("random_normal", _shape(shape), "float64", seed, **how), dtype)


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers from an interval, all equally likely.

    Args:
        shape: dimensions of the result.
        minval: the lower end, which can occur.
        maxval: the upper end, which cannot.
        dtype: a floating type; `floatx()` by default.
        seed: an integer, a `SeedGenerator` or `None`.

    Returns:
        A tensor.

    Raises:
        ValueError: for a type that is not floating, or another seed.

    Example:
        >>> gm.random.uniform((2, 3), seed=1).shape
        (2, 3)
    """
    dtype = _float("uniform", dtype)
    return _drawn("random_uniform", _shape(shape), dtype, seed, low=float(minval), high=float(maxval))


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Integers from `minval` up to, but without, `maxval`, all equally likely.

    Args:
        shape: dimensions of the result.
        minval: the smallest.
        maxval: behind the largest.
        dtype: an integer type.
        seed: an integer, a `SeedGenerator` or `None`.

    Returns:
        A tensor.

    Raises:
        ValueError: for an empty interval, a type that is not an integer, or another seed.

    Example:
        >>> gm.random.randint((2,), 0, 1).numpy()
        array([0, 0], dtype=int32)
    """
    wanted = standardize_dtype(dtype)
    if "int" not in wanted or not minval < maxval:
        raise ValueError(
            f"{at('randint')}: minval must be less than maxval, and dtype an integer type."
            f"{received(minval=minval, maxval=maxval, dtype=dtype)}"
        )
    parts = _drawn("random_uniform", _shape(shape), "float64", seed, low=0.0, high=1.0)
    return cast(add(floor(multiply(parts, float(maxval - minval))), float(minval)), wanted)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """The entries along an axis in random order.

    Args:
        x: a tensor, array or list.
        axis: the axis.
        seed: an integer, a `SeedGenerator` or `None`.

    Returns:
        A tensor of the type and shape of `x`.

    Raises:
        ValueError: if the axis does not exist, or for another seed.

    Example:
        >>> sorted(gm.random.shuffle([3, 1, 2]).tolist())
        [1, 2, 3]
    """
    x = as_tensor(x)
    axis = normalize_axis("shuffle", axis, x.ndim)
    return take(x, _drawn("random_permutation", (x.shape[axis],), "int64", seed), axis)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Classes drawn with the probabilities `softmax(logits)`: the largest of logits with Gumbel noise added.

    Args:
        logits: unnormalized log probabilities `(batch, classes)`.
        num_samples: how many to draw for each row.
        dtype: an integer type.
        seed: an integer, a `SeedGenerator` or `None`.

    Returns:
        A tensor `(batch, num_samples)`.

    Raises:
        ValueError: if logits do not have two dimensions, or for another seed.

    Example:
        >>> gm.random.categorical([[0.0, -1e9]], 3).numpy()
        array([[0, 0, 0]], dtype=int32)

    Source: Gumbel, "Statistical Theory of Extreme Values and Some Practical Applications", 1954.
    """
    scores = as_tensor(as_float(logits), "float64")
    if scores.ndim != 2:
        raise ValueError(f"{at('categorical')}: logits have the shape (batch, classes).{received(logits=scores)}")
    batch, classes = scores.shape
    parts = _drawn("random_uniform", (batch, int(num_samples), classes), "float64", seed, low=0.0, high=1.0)
    noise = negative(log(negative(log(parts))))
    return cast(argmax(add(expand_dims(scores, 1), noise), axis=-1), standardize_dtype(dtype))


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """Zeroes elements with probability `rate` and divides the others by `1 - rate`, so that the mean stays.

    Args:
        inputs: a tensor, array or list.
        rate: a number from 0 up to, but without, 1.
        noise_shape: shape of the pattern, 1 where it repeats and `None` where it is that of the inputs.
        seed: an integer, a `SeedGenerator` or `None`.

    Returns:
        A floating tensor.

    Raises:
        ValueError: for another rate, or another seed.

    Example:
        >>> gm.random.dropout([1.0, 2.0], 0.0).numpy()
        array([1., 2.], dtype=float32)
    """
    x = as_float(inputs)
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise ValueError(f"{at('dropout')}: rate must be a number from 0 up to, but without, 1.{received(rate=rate)}")
    pattern = (
        x.shape if noise_shape is None else [n if n is not None else x.shape[i] for i, n in enumerate(noise_shape)]
    )
    kept = greater_equal(uniform(pattern, seed=seed), float(rate))
    return where(kept, multiply(x, 1 / (1 - rate)), as_tensor(0.0, x.dtype))
