"""Comparisons, logic and choices, element by element, with NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.backend import execute
from gemmule.errors import received
from gemmule.ops.arrays import cast_array, constant, give_computed
from gemmule.ops.registry import OPS, op
from gemmule.ops.shapes import as_tensor, as_tensors, broadcast_shapes, empty
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@op
def equal(x1: Any, x2: Any) -> Tensor:
    """Whether `x1 == x2`, element by element with broadcasting. NaN equals nothing.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.equal([1, 2], 2).numpy()
        array([False,  True])
    """
    return _compare("equal", x1, x2)


@op
def not_equal(x1: Any, x2: Any) -> Tensor:
    """Whether `x1 != x2`, element by element with broadcasting.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.not_equal([1, 2], 2).numpy()
        array([ True, False])
    """
    return _compare("not_equal", x1, x2)


@op
def less(x1: Any, x2: Any) -> Tensor:
    """Whether `x1 < x2`, element by element with broadcasting.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.less([1, 2], 2).numpy()
        array([ True, False])
    """
    return _compare("less", x1, x2)


@op
def less_equal(x1: Any, x2: Any) -> Tensor:
    """Whether `x1 <= x2`, element by element with broadcasting.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.less_equal([1, 2], 2).numpy()
        array([ True,  True])
    """
    return _compare("less_equal", x1, x2)


@op
def greater(x1: Any, x2: Any) -> Tensor:
    """Whether `x1 > x2`, element by element with broadcasting.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.greater([1, 2], 1).numpy()
        array([False,  True])
    """
    return _compare("greater", x1, x2)


@op
def greater_equal(x1: Any, x2: Any) -> Tensor:
    """Whether `x1 >= x2`, element by element with broadcasting.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.greater_equal([1, 2], 1).numpy()
        array([ True,  True])
    """
    return _compare("greater_equal", x1, x2)


@op
def logical_and(x1: Any, x2: Any) -> Tensor:
    """Whether both are true, element by element with broadcasting. Numbers count as true unless they are zero.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.logical_and([True, False], True).numpy()
        array([ True, False])
    """
    return _logical("logical_and", x1, x2)


@op
def logical_or(x1: Any, x2: Any) -> Tensor:
    """Whether at least one is true, element by element with broadcasting. Numbers are true unless they are zero.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.logical_or([True, False], False).numpy()
        array([ True, False])
    """
    return _logical("logical_or", x1, x2)


@op
def logical_not(x: Any) -> Tensor:
    """Whether an element is false. Numbers count as true unless they are zero.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A boolean tensor.

    Example:
        >>> gm.ops.logical_not([True, False]).numpy()
        array([False,  True])
    """
    return _logical("logical_not", x)


@op
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition is true, `x2` elsewhere, with broadcasting.

    Args:
        condition: booleans; numbers count as true unless they are zero. Alone: `gm.ops.nonzero(condition)`.
        x1: a tensor, array, number or list.
        x2: the same. A branch that is not chosen gets the gradient 0, but 0 times an infinite slope further back is
            NaN: guard the *input* of such a function, too.

    Returns:
        A tensor of the common dtype of `x1` and `x2`.

    Raises:
        ValueError: if the shapes cannot be broadcast together, or only one of `x1` and `x2` is given.

    Example:
        >>> gm.ops.where([True, False], 1.0, 2.0).numpy()
        array([1., 2.], dtype=float32)
    """
    if x1 is None or x2 is None:
        if x1 is x2:
            return OPS["nonzero"](condition)
        raise ValueError(f"{at('where')}: give both x1 and x2, or neither.{received(x1=x1, x2=x2)}")
    chosen = as_tensor(as_tensor(condition), "bool").array
    t1, t2 = as_tensors(x1, x2)
    y = empty(broadcast_shapes("where", chosen.shape, t1.shape, t2.shape), t1.dtype)
    execute("where", [y.array], [chosen, t1.array, t2.array])

    def backward(grad: Gradients) -> None:
        zero = constant(0, grad.d)
        give_computed(grad, 0, "where", chosen, grad.d, zero, shape=grad.d.shape)
        give_computed(grad, 1, "where", chosen, zero, grad.d, shape=grad.d.shape)

    return record(y, (t1, t2), backward, "where")


def _compare(name: str, x1: Any, x2: Any) -> Tensor:
    t1, t2 = as_tensors(x1, x2)
    y = empty(broadcast_shapes(name, t1.shape, t2.shape), bool)
    execute(name, [y.array], [t1.array, t2.array])
    return y


def _logical(name: str, *values: Any) -> Tensor:
    operands = [cast_array(as_tensor(value).array, np.dtype(bool)) for value in values]
    y = empty(broadcast_shapes(name, *(a.shape for a in operands)), bool)
    execute(name, [y.array], operands)
    return y
