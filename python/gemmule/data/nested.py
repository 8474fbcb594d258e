"""Structures of arrays: one array, or several in lists, tuples and dicts.

The *form* of a structure says how it is put together, without its arrays: a number is the place of an array in the
flat list of all, `None` stands for nothing, and `("list", form, ...)`, `("tuple", form, ...)` and
`("dict", (key, form), ...)` hold further forms. Forms can be hashed, so that recorded steps are found by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gemmule.errors import did_you_mean
from gemmule.tensor import Tensor

Form = Any  # int | None | tuple
ONE: Form = 0  # the form of a single array


def holds_arrays(value: Any) -> bool:
    """Whether a list or tuple is a structure of arrays, rather than numbers that make up one array.

    Example:
        >>> holds_arrays([np.zeros(3), None]), holds_arrays([[1, 2], [3, 4]])
        (True, False)
    """
    return (
        isinstance(value, (list, tuple))
        and any(part is not None for part in value)
        and all(
            part is None
            or getattr(part, "ndim", 0) > 0
            or isinstance(part, (Tensor, Mapping))
            or (isinstance(part, (list, tuple)) and holds_arrays(part))
            for part in value
        )
    )


def take_apart(structure: Any) -> tuple[Form, list[Any]]:
    """The form of a structure, and its arrays in order of appearance; `None` leaves no array.

    Example:
        >>> take_apart({"a": x, "b": [y, None]})
        (('dict', ('a', 0), ('b', ('list', 1, None))), [x, y])
    """
    if type(structure) is np.ndarray:  # the usual case, on the way of every prediction
        return ONE, [structure]
    if structure is None:
        return None, []
    leaves: list[Any] = []

    def visit(part: Any) -> Form:
        if type(part) is np.ndarray:
            leaves.append(part)
            return len(leaves) - 1
        if part is None:
            return None
        if isinstance(part, Mapping):
            return ("dict", *((key, visit(value)) for key, value in part.items()))
        if holds_arrays(part):
            return ("tuple" if isinstance(part, tuple) else "list", *map(visit, part))
        leaves.append(part)
        return len(leaves) - 1

    return visit(structure), leaves


def put_together(form: Form, leaves: Sequence[Any]) -> Any:
    """The structure of that form with these arrays; the inverse of `take_apart`."""
    if form is None:
        return None
    if isinstance(form, int):
        return leaves[form]
    kind, *parts = form
    if kind == "dict":
        return {key: put_together(part, leaves) for key, part in parts}
    return (tuple if kind == "tuple" else list)([put_together(part, leaves) for part in parts])


def labels(name: str, form: Form) -> list[str]:
    """What to call each array in messages: `"x"`, `"x[1]"`, `"x['left']"`."""
    if form is None:
        return []
    if isinstance(form, int):
        return [name]
    kind, *parts = form
    pairs = parts if kind == "dict" else enumerate(parts)
    return [label for key, part in pairs for label in labels(f"{name}[{key!r}]", part)]


def parts_of(form: Form) -> list[tuple[Any, Form]]:
    """Keys (or positions) and forms of a structure's direct parts."""
    kind, *parts = form
    return list(parts) if kind == "dict" else list(enumerate(parts))


def is_dict(form: Form) -> bool:
    """Whether the outermost structure is a dict."""
    return isinstance(form, tuple) and form[0] == "dict"


def has_inner(form: Form) -> bool:
    """Whether there are structures inside the structure."""
    return any(isinstance(part, tuple) for _, part in parts_of(form))


def check_keys(argument: str, given: Sequence[Any], known: Sequence[str], what: str) -> None:
    """Refuses keys of a dict that name no input or output.

    Args:
        argument: what the dict was passed as.
        given: its keys.
        known: the names there are.
        what: `"input"` or `"output"`.

    Raises:
        ValueError: naming the first unknown key and what it may have meant.
    """
    for key in given:
        if key not in known:
            raise ValueError(
                f"{argument} has the key {key!r}, but the model has no {what} of this name.{did_you_mean(key, known)}"
            )


def check_inputs(form: Form, names: Sequence[str] | None) -> Form:
    """Compares the form of `x` with the names of a model's inputs.

    Args:
        form: the form of `x`.
        names: names of the inputs in order; `None` when the model takes whatever its `call` understands.

    Returns:
        The form the model is called with: a structure around the array of an only input is left out.

    Raises:
        ValueError: if arrays are missing or too many, or keys unknown.
    """
    if names is None or (form == ONE and len(names) == 1):
        return form
    count = len(labels("x", form))
    listed = f"{len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})"
    if is_dict(form) and not has_inner(form):
        given = dict(parts_of(form))
        check_keys("x", list(given), names, "input")
        missing = [name for name in names if given.get(name) is None]
        if missing:
            raise ValueError(f"x lacks the array of input {missing[0]!r}. The model has {listed}.")
    elif count != len(names):
        arrays = "one array" if count == 1 else f"{count} arrays"
        cure = "Pass a list of arrays in this order, or a dict with these names."
        if len(names) == 1:
            cure = "If they are the examples, stack them: x = np.stack(x). If they are features, concatenate them."
        raise ValueError(f"The model has {listed}, but x holds {arrays}. {cure}")
    return ONE if len(names) == 1 else form
