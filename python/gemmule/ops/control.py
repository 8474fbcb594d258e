"""Python's control flow as functions, and gradients of one's own.

All of these run the given functions while the step runs, so a recorded step contains what they did: loops are unrolled.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gemmule.autograd import Gradients, record
from gemmule.errors import received
from gemmule.ops.arrays import frozen
from gemmule.ops.joining import stack, unstack
from gemmule.ops.registry import op, reading_op
from gemmule.ops.shapes import as_tensor
from gemmule.scope import where as at
from gemmule.tensor import Tensor


@reading_op
def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """One of two functions, by a condition. The condition is read, so a step that branches runs eagerly.

    Args:
        pred: a boolean, or a tensor of one element.
        true_fn: called when it holds.
        false_fn: called when it does not.

    Returns:
        What the function gives. `gm.ops.where` chooses element by element, and can be recorded.

    Raises:
        ValueError: if the condition has several elements.

    Example:
        >>> gm.ops.cond(True, lambda: 1, lambda: 2)
        1
    """
    return true_fn() if bool(pred) else false_fn()


@reading_op
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """One of several functions, by number. The number is read, so a step that branches runs eagerly.

    Args:
        index: the number; limited to those there are.
        branches: the functions.
        *operands: what the function is called with.

    Returns:
        What the function gives.

    Example:
        >>> gm.ops.switch(1, [lambda x: x, lambda x: -x], 5)
        -5
    """
    return branches[builtins.min(builtins.max(int(index), 0), len(branches) - 1)](*operands)


@reading_op
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """A loop that goes on while a condition holds. It is read each time, so a step with such a loop runs eagerly.

    Args:
        cond: called with the variables; whether to go on.
        body: called with the variables; gives the next ones.
        loop_vars: the first ones: a value, or a tuple or list of them.
        maximum_iterations: at most so many rounds.

    Returns:
        The last variables. `fori_loop` with a known number of rounds can be recorded.

    Example:
        >>> gm.ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0)
        6
    """
    several = isinstance(loop_vars, (tuple, list))
    values = tuple(loop_vars) if several else (loop_vars,)
    rounds = 0
    while (maximum_iterations is None or rounds < maximum_iterations) and bool(cond(*values)):
        following = body(*values)
        values = tuple(following) if isinstance(following, (tuple, list)) else (following,)
        rounds += 1
    return type(loop_vars)(values) if several else values[0]


@op
def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """A loop over numbers: `value = body_fun(i, value)` for i from `lower` up to, but without, `upper`.

    Args:
        lower: the first number.
        upper: behind the last one.
        body_fun: called with the number and the value; gives the next value.
        init_val: the first value.

    Returns:
        The last value.

    Example:
        >>> gm.ops.fori_loop(0, 4, lambda i, total: total + i, 0)
        6
    """
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


@op
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """A function called with each entry of the first axis, the results stacked.

    Args:
        f: called with an entry, or with a tuple of entries; gives a tensor or a tuple of them.
        xs: a tensor, or a tuple or list of tensors of equal length.

    Returns:
        A tensor or a tuple of tensors, with the results along the first axis.

    Raises:
        ValueError: if lengths differ, or there is nothing to go through.

    Example:
        >>> gm.ops.map(lambda x: x * 2, gm.ops.convert_to_tensor([1.0, 2.0])).numpy()
        array([2., 4.], dtype=float32)
    """
    return _stacked([f(entry) for entry in _entries("map", xs)])


@op
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`map` under another name: the function is called with each entry. Operations on whole tensors are much faster.

    Args:
        function: called with an entry, or with a tuple of entries.
        elements: a tensor, or a tuple or list of tensors of equal length.

    Returns:
        A tensor or a tuple of tensors, with the results along the first axis.

    Raises:
        ValueError: if lengths differ, or there is nothing to go through.

    Example:
        >>> gm.ops.vectorized_map(gm.ops.sum, gm.ops.ones((2, 3))).numpy()
        array([3., 3.], dtype=float32)
    """
    return _stacked([function(entry) for entry in _entries("vectorized_map", elements)])


@op
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> tuple[Any, Any]:
    """A loop that carries a value along and collects results: `carry, y = f(carry, x)`.

    Args:
        f: called with carry and entry; gives the next carry and a result.
        init: the first carry.
        xs: what to go through along the first axis, or a tuple of tensors; `None` with a `length`.
        length: how many rounds, without `xs`.
        reverse: whether to begin at the end; results stay in the order of `xs`.
        unroll: makes no difference: recorded loops are unrolled.

    Returns:
        The last carry and the stacked results.

    Raises:
        ValueError: if there is nothing to go through.

    Example:
        >>> total, sums = gm.ops.scan(lambda c, x: (c + x, c + x), 0.0, gm.ops.convert_to_tensor([1.0, 2.0]))
        >>> sums.numpy()
        array([1., 3.], dtype=float32)
    """
    entries = [None] * int(length or 0) if xs is None else _entries("scan", xs)
    if not entries:
        raise ValueError(f"{at('scan')}: give xs with entries, or a length.{received(xs=xs, length=length)}")
    results = []
    carry = init
    for entry in entries[:: -1 if reverse else 1]:
        carry, result = f(carry, entry)
        results.append(result)
    return carry, _stacked(results[:: -1 if reverse else 1])


def _entries(name: str, xs: Any) -> list[Any]:
    tensors = [as_tensor(x) for x in xs] if isinstance(xs, (tuple, list)) else [as_tensor(xs)]
    lengths = {t.shape[0] if t.ndim else 0 for t in tensors}
    if len(lengths) != 1 or not min(lengths):
        shapes = [t.shape for t in tensors]
        raise ValueError(f"{at(name)}: needs tensors with equally many entries, at least one.{received(shapes=shapes)}")
    columns = [unstack(t) for t in tensors]
    return [tuple(row) for row in zip(*columns)] if isinstance(xs, (tuple, list)) else columns[0]


def _stacked(results: list[Any]) -> Any:
    if results[0] is None:
        return None
    if isinstance(results[0], (tuple, list)):
        return type(results[0])(_stacked(list(column)) for column in zip(*results))
    return stack(results)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Tensor]:
    """Decorator for a function with a gradient of its own.

    Args:
        f: called with tensors; gives the result, one tensor, and a function that is called with the gradient arriving
            at the result and gives the gradient of the argument, or a tuple with one for each.

    Returns:
        A function of tensors.

    Raises:
        ValueError: when it is called and gives something else.

    Example:
        >>> @gm.ops.custom_gradient
        ... def straight_through(x):
        ...     return gm.ops.round(x), lambda upstream: upstream
        >>> x = gm.Variable([1.4])
        >>> with gm.GradientTape() as tape:
        ...     y = straight_through(x)
        >>> tape.gradient(y, x).numpy()
        array([1.], dtype=float32)
    """

    def call(*args: Any) -> Tensor:
        inputs = [as_tensor(arg) for arg in args]
        results = f(*(Tensor(frozen(t)) for t in inputs))
        if not isinstance(results, tuple) or len(results) != 2 or not callable(results[1]):
            raise ValueError(
                f"{at('custom_gradient')}: the function must return its result and a function for the gradient."
                f"{received(result=results)}"
            )
        y, shapes = as_tensor(results[0]), [t.shape for t in inputs]

        def backward(grad: Gradients) -> None:
            given = results[1](Tensor(grad.d))
            given = given if isinstance(given, (tuple, list)) else (given,)
            if [np.shape(g) for g in given if g is not None] != [
                s for s, g in zip(shapes, given, strict=False) if g is not None
            ] or len(given) != len(shapes):
                raise ValueError(
                    f"{at('custom_gradient')}: there must be one gradient for each argument, of its shape."
                    f"{received(gradients=[np.shape(g) for g in given], arguments=shapes)}"
                )
            for index, (gradient, t) in enumerate(zip(given, inputs)):
                if gradient is not None:
                    grad.alias(index, as_tensor(gradient, t.dtype).array)

        return record(Tensor(y.array), inputs, backward, "custom_gradient")

    return call
