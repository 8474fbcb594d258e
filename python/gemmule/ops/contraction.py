"""Sums of products over named axes: `einsum` and its special cases, brought to `matmul`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.ops.arranging import diagonal
from gemmule.ops.elementwise import multiply, subtract
from gemmule.ops.gather import take
from gemmule.ops.gemm import matmul
from gemmule.ops.reduce import sum
from gemmule.ops.registry import op
from gemmule.ops.reshaping import reshape, squeeze, transpose
from gemmule.ops.shapes import as_tensors, normalize_axis
from gemmule.scope import where as at
from gemmule.tensor import Tensor

Labels = tuple[Any, ...]  # a name for each axis: letters, and numbers from -1 down for the axes of an ellipsis


@op
def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Einstein's summation: axes with a letter that the result lacks are summed over.

    Args:
        subscripts: `"bij,bjk->bik"`: letters for the axes of each operand, and of the result. A letter twice in one
            operand means its diagonal; `...` stands for axes that broadcast; without `->` the result has the letters
            that occur once, in alphabetical order.
        *operands: tensors, arrays or lists. More than two are multiplied from left to right.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the text cannot be understood, or lengths of one letter differ.

    Example:
        >>> gm.ops.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0]).numpy()
        array([21., 43.], dtype=float32)
    """
    tensors = as_tensors(*operands)
    inputs, output = _parse(subscripts, tensors)
    sizes = _sizes(subscripts, tensors, inputs)
    terms = [_simple(x, labels, sizes) for x, labels in zip(tensors, inputs)]
    y, labels = terms[0]
    for index, (other, others) in enumerate(terms[1:], start=2):
        keep = {*output, *(label for _, later in terms[index:] for label in later)}
        y, labels = _product(y, labels, other, others, keep)
    y, labels = _summed(y, labels, set(output))
    order = [labels.index(label) for label in output]
    return y if order == list(range(y.ndim)) else transpose(y, order)


def _parse(subscripts: str, tensors: Sequence[Tensor]) -> tuple[list[Labels], Labels]:
    """Labels of the axes of each operand and of the result."""
    text = subscripts.replace(" ", "") if isinstance(subscripts, str) else "?"
    left, arrow, right = text.partition("->")
    names = left.split(",")
    plain = [name.replace("...", "") for name in (*names, right)]
    valid = all(name.isalpha() or not name for name in plain) and all(n.count("...") < 2 for n in (*names, right))
    if not valid or len(names) != len(tensors) or not tensors:
        raise ValueError(
            f"{at('einsum')}: subscripts have letters for each operand, divided by commas, then '->' and letters for "
            f"the result.{received(subscripts=subscripts, operands=len(tensors))}"
        )
    inputs = [_labels(subscripts, name, x) for name, x in zip(names, tensors)]
    wide = min((label for labels in inputs for label in labels if isinstance(label, int)), default=0)
    ellipsis = tuple(range(wide, 0))
    if not arrow:
        letters = "".join(plain)
        return inputs, (*ellipsis, *sorted(c for c in set(letters) if letters.count(c) == 1))
    front, dots, back = right.partition("...")
    output = (*front, *(ellipsis if dots else ()), *back)
    known = {label for labels in inputs for label in labels}
    if len(set(output)) != len(output) or not known.issuperset(output):
        raise ValueError(
            f"{at('einsum')}: each letter of the result must occur in an operand, and once in the result."
            f"{received(subscripts=subscripts)}"
        )
    return inputs, output


def _labels(subscripts: str, name: str, x: Tensor) -> Labels:
    front, dots, back = name.partition("...")
    rest = x.ndim - len(front) - len(back)
    if rest < 0 or (rest and not dots):
        raise ValueError(
            f"{at('einsum')}: {name!r} does not fit an operand of {x.ndim} dimensions."
            f"{received(subscripts=subscripts, operand=x)}"
        )
    return (*front, *range(-rest, 0), *back)


def _sizes(subscripts: str, tensors: Sequence[Tensor], inputs: Sequence[Labels]) -> dict[Any, int]:
    sizes: dict[Any, int] = {}
    for x, labels in zip(tensors, inputs):
        for label, n in zip(labels, x.shape):
            before = sizes.setdefault(label, n)
            broadcasts = isinstance(label, int) and 1 in (before, n)
            if before != n and not broadcasts:
                what = f"axis {label!r}" if isinstance(label, str) else "an axis of '...'"
                shapes = [t.shape for t in tensors]
                raise ValueError(
                    f"{at('einsum')}: {what} has {before} entries in one place and {n} in another."
                    f"{received(subscripts=subscripts, shapes=shapes)}"
                )
            if before == 1:
                sizes[label] = n
    return sizes


def _simple(x: Tensor, labels: Labels, sizes: dict[Any, int]) -> tuple[Tensor, Labels]:
    """Without repeated letters (their diagonal), and without axes that are there to be broadcast."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = diagonal(x, 0, first, second)
            labels = (*(other for i, other in enumerate(labels) if i not in (first, second)), label)
    dropped = tuple(i for i, label in enumerate(labels) if x.shape[i] == 1 != sizes[label])
    if dropped:
        x, labels = squeeze(x, dropped), tuple(rest for i, rest in enumerate(labels) if i not in dropped)
    return x, labels


def _summed(x: Tensor, labels: Labels, keep: set[Any]) -> tuple[Tensor, Labels]:
    axes = tuple(i for i, label in enumerate(labels) if label not in keep)
    return (sum(x, axis=axes) if axes else x), tuple(label for label in labels if label in keep)


def _product(a: Tensor, a_labels: Labels, b: Tensor, b_labels: Labels, keep: set[Any]) -> tuple[Tensor, Labels]:
    """One matrix product for each entry of the axes that both have and the result keeps."""
    a, a_labels = _summed(a, a_labels, keep | set(b_labels))
    b, b_labels = _summed(b, b_labels, keep | set(a_labels))
    batch = [label for label in a_labels if label in b_labels and label in keep]
    inner = [label for label in a_labels if label in b_labels and label not in keep]
    rows = [label for label in a_labels if label not in b_labels]
    columns = [label for label in b_labels if label not in a_labels]
    sizes = {**dict(zip(b_labels, b.shape)), **dict(zip(a_labels, a.shape))}
    result = (*batch, *rows, *columns)
    shape = [sizes[label] for label in result]
    if not inner:  # nothing to sum: rows against columns
        left = reshape(_ordered(a, a_labels, batch + rows), [sizes[n] for n in batch + rows] + [1] * len(columns))
        right = _ordered(b, b_labels, batch + columns)
        right = reshape(right, [sizes[n] for n in batch] + [1] * len(rows) + [sizes[n] for n in columns])
        return multiply(left, right), result
    lead, m, k, n = (prod(sizes[label] for label in group) for group in (batch, rows, inner, columns))
    left = reshape(_ordered(a, a_labels, batch + rows + inner), (*([lead] if batch else []), m, k))
    right = reshape(_ordered(b, b_labels, batch + inner + columns), (*([lead] if batch else []), k, n))
    return reshape(matmul(left, right), shape), result


def _ordered(x: Tensor, labels: Labels, order: list[Any]) -> Tensor:
    axes = [labels.index(label) for label in order]
    return x if axes == list(range(x.ndim)) else transpose(x, axes)


@op
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """Sum of products over pairs of axes.

    Args:
        x1: a tensor, array or list.
        x2: the same.
        axes: how many of the last axes of `x1` meet the first ones of `x2`; or the two lists of axes that meet.

    Returns:
        A tensor with the other axes of `x1`, then those of `x2`.

    Raises:
        ValueError: if the axes do not fit.

    Example:
        >>> gm.ops.tensordot(gm.ops.ones((2, 3, 4)), gm.ops.ones((3, 4, 5))).shape
        (2, 5)
    """
    a, b = as_tensors(x1, x2)
    if isinstance(axes, (int, np.integer)):
        axes = list(range(a.ndim - int(axes), a.ndim)), list(range(int(axes)))
    pairs = [list(group) if isinstance(group, (list, tuple)) else [group] for group in axes]
    left = [normalize_axis("tensordot", axis, a.ndim) for axis in pairs[0]]
    right = [normalize_axis("tensordot", axis, b.ndim) for axis in pairs[1]]
    if len(left) != len(right) or [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError(
            f"{at('tensordot')}: axes that meet must be as long as each other.{received(x1=a, x2=b, axes=axes)}"
        )
    a_labels = tuple(("a", i) for i in range(a.ndim))
    b_labels = tuple(("a", left[right.index(i)]) if i in right else ("b", i) for i in range(b.ndim))
    keep = {label for label in (*a_labels, *b_labels) if (label in a_labels) != (label in b_labels)}
    return _product(a, a_labels, b, b_labels, keep)[0]


@op
def dot(x1: Any, x2: Any) -> Tensor:
    """NumPy's dot product: of vectors and matrices as `matmul`, with a number the product of all elements.

    Args:
        x1: a tensor, array or list.
        x2: the same; its last axis but one (or its only one) meets the last one of `x1`.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the axes that meet differ in length.

    Example:
        >>> float(gm.ops.dot([1.0, 2.0], [3.0, 4.0]))
        11.0
    """
    a, b = as_tensors(x1, x2)
    if not a.ndim or not b.ndim:
        return multiply(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, [[-1], [-2 if b.ndim > 1 else -1]])


@op
def inner(x1: Any, x2: Any) -> Tensor:
    """Sum of products over the last axes.

    Args:
        x1: a tensor, array or list.
        x2: the same.

    Returns:
        A tensor with the other axes of both.

    Raises:
        ValueError: if the last axes differ in length.

    Example:
        >>> float(gm.ops.inner([1.0, 2.0], [3.0, 4.0]))
        11.0
    """
    a, b = as_tensors(x1, x2)
    return multiply(a, b) if not a.ndim or not b.ndim else tensordot(a, b, [[-1], [-1]])


@op
def outer(x1: Any, x2: Any) -> Tensor:
    """Products of all pairs: `y[i, j] = x1[i] * x2[j]`.

    Args:
        x1: a tensor, array or list; flattened.
        x2: the same.

    Returns:
        A matrix.

    Example:
        >>> gm.ops.outer([1, 2], [3, 4]).numpy()
        array([[3, 4],
               [6, 8]], dtype=int32)
    """
    a, b = as_tensors(x1, x2)
    return multiply(reshape(a, (a.size, 1)), reshape(b, (1, b.size)))


@op
def vdot(x1: Any, x2: Any) -> Tensor:
    """Dot product of all elements of two tensors.

    Args:
        x1: a tensor, array or list; flattened.
        x2: the same, of as many elements.

    Returns:
        A tensor without dimensions.

    Raises:
        ValueError: if the numbers of elements differ.

    Example:
        >>> float(gm.ops.vdot([1.0, 2.0], [3.0, 4.0]))
        11.0
    """
    a, b = as_tensors(x1, x2)
    return matmul(reshape(a, (a.size,)), reshape(b, (b.size,)))


@op
def cross(x1: Any, x2: Any, axis: int = -1) -> Tensor:
    """Cross product of vectors in space.

    Args:
        x1: vectors of length 3 along an axis.
        x2: the same; other axes are broadcast.
        axis: the axis, of both and of the result.

    Returns:
        A tensor of the common dtype.

    Raises:
        ValueError: if the axis does not have three entries. (Keras also takes two.)

    Example:
        >>> gm.ops.cross([1, 0, 0], [0, 1, 0]).numpy()
        array([0, 0, 1], dtype=int32)
    """
    a, b = as_tensors(x1, x2)
    for x in (a, b):
        if x.shape[normalize_axis("cross", axis, x.ndim)] != 3:
            raise ValueError(f"{at('cross')}: vectors have three entries.{received(x1=a, x2=b, axis=axis)}")
    ahead, behind = [1, 2, 0], [2, 0, 1]
    return subtract(
        multiply(take(a, ahead, axis), take(b, behind, axis)), multiply(take(a, behind, axis), take(b, ahead, axis))
    )
