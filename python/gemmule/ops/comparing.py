"""Questions about elements: are they finite, close, among others; and choices by the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.ops.elementwise import add, multiply, subtract
from gemmule.ops.logic import equal, less, less_equal, logical_and, logical_not, logical_or, not_equal, where
from gemmule.ops.reduce import all, any
from gemmule.ops.registry import op
from gemmule.ops.reshaping import expand_dims, reshape
from gemmule.ops.shapes import as_float, as_tensor, as_tensors
from gemmule.ops.unary import abs
from gemmule.scope import where as at
from gemmule.tensor import Tensor

_DOC = """Whether an element {what}.

    Args:
        x: a tensor, array, number or list.

    Returns:
        A boolean tensor.

    Example:
        >>> gm.ops.{name}([1.0, np.inf, np.nan]).numpy()
        {value}
    """


def _question(name: str, what: str, answer: Any, value: str) -> Any:
    def function(x: Any) -> Tensor:
        return answer(as_tensor(x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _DOC.format(what=what, name=name, value=value)
    return op(function)


isnan = _question("isnan", "is not a number", lambda x: not_equal(x, x), "array([False, False,  True])")
isfinite = _question(
    "isfinite", "is neither infinite nor NaN", lambda x: less(abs(x), np.inf), "array([ True, False, False])"
)
isinf = _question("isinf", "is infinite", lambda x: equal(abs(x), np.inf), "array([False,  True, False])")


@op
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether `|x1 - x2| <= atol + rtol * |x2|`, element by element with broadcasting; infinities equal themselves.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN is close to NaN.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.isclose([1.0, 2.0], [1.0, 2.1]).numpy()
        array([ True, False])
    """
    a, b = (as_float(t) for t in as_tensors(x1, x2))
    near = less_equal(abs(subtract(a, b)), add(multiply(abs(b), rtol), atol))
    near = logical_or(equal(a, b), logical_and(near, isfinite(b)))
    return logical_or(near, logical_and(isnan(a), isnan(b))) if equal_nan else near


@op
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all elements are close, see `isclose`.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN is close to NaN.

    Returns:
        A boolean tensor without dimensions.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> bool(gm.ops.allclose([1.0, 2.0], [1.0, 2.000001]))
        True
    """
    return all(isclose(x1, x2, rtol, atol, equal_nan))


@op
def logical_xor(x1: Any, x2: Any) -> Tensor:
    """Whether exactly one is true, element by element with broadcasting. Numbers are true unless they are zero.

    Args:
        x1: a tensor, array, number or list.
        x2: the same.

    Returns:
        A boolean tensor.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:
        >>> gm.ops.logical_xor([True, False], True).numpy()
        array([False,  True])
    """
    a, b = (as_tensor(as_tensor(x), "bool") for x in (x1, x2))
    return logical_and(logical_or(a, b), logical_not(logical_and(a, b)))


@op
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Numbers in the place of NaN and infinities. No gradient passes there.

    Args:
        x: a tensor, array, number or list.
        nan: what replaces NaN.
        posinf: what replaces infinity; the greatest number of the type by default.
        neginf: what replaces minus infinity; the least number of the type by default.

    Returns:
        A tensor of the type of `x`.

    Example:
        >>> gm.ops.nan_to_num([np.nan, np.inf], posinf=9.0).numpy()
        array([0., 9.], dtype=float32)
    """
    x = as_tensor(x)
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    x = where(equal(x, np.inf), float(limits.max) if posinf is None else posinf, x)
    x = where(equal(x, -np.inf), float(limits.min) if neginf is None else neginf, x)
    return where(isnan(x), nan, x)


@op
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether an element occurs in another tensor.

    Args:
        x1: a tensor, array, number or list.
        x2: what to look for; every element is compared with every other, so it should be short.
        assume_unique: makes no difference.
        invert: whether to ask for those that do not occur.

    Returns:
        A boolean tensor of the shape of `x1`.

    Example:
        >>> gm.ops.isin([1, 2, 3], [3, 5]).numpy()
        array([False, False,  True])
    """
    a, b = as_tensors(x1, x2)
    found = any(equal(expand_dims(a, -1), reshape(b, (b.size,))), axis=-1)
    return logical_not(found) if invert else found


@op
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """The first choice whose condition holds, element by element with broadcasting.

    Args:
        condlist: conditions.
        choicelist: one choice for each.
        default: where none holds.

    Returns:
        A tensor of the common dtype of the choices.

    Raises:
        ValueError: if the lists are empty or differ in length, or shapes cannot be broadcast together.

    Example:
        >>> gm.ops.select([[True, False], [True, True]], [1, 2]).numpy()
        array([1, 2], dtype=int32)
    """
    if not condlist or len(condlist) != len(choicelist):
        raise ValueError(
            f"{at('select')}: needs one choice for each condition."
            f"{received(conditions=len(condlist), choices=len(choicelist))}"
        )
    y = default
    for condition, choice in list(zip(condlist, choicelist))[::-1]:
        y = where(condition, choice, y)
    return y
