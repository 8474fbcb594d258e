"""Do these targets belong to that output? Asked of shapes in every step, of all values once before training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gemmule.errors import received, takes

Shape = tuple[Any, ...]  # sizes; the number of examples may be None
_SPARSE = {  # what takes class numbers instead of one-hot targets
    "categorical_accuracy": "sparse_categorical_accuracy",
    "categorical_crossentropy": "sparse_categorical_crossentropy",
    "categorical_hinge": "multiclass_hinge",
    "top_k_categorical_accuracy": "sparse_top_k_categorical_accuracy",
}
_ONE_HOT = {sparse: name for name, sparse in _SPARSE.items()}


def check_function(what: str, function: Any, kwargs: Mapping[str, Any]) -> None:
    """Refuses what cannot be called with targets and predictions.

    Args:
        what: what it is to be, and its name.
        function: it.
        kwargs: what it is called with besides.

    Raises:
        TypeError: with how it is to be written.
    """
    if not callable(function) or not takes(function, None, None, **kwargs):
        more = "".join(f", {name}" for name in kwargs)
        raise TypeError(f"{what} must be a function f(y_true, y_pred{more}).{received(function=function)}")


def check_returned(what: str, value: Any) -> None:
    """Refuses a function or method that returned nothing.

    Raises:
        ValueError: naming it.
    """
    if value is None:
        raise ValueError(f"{what} returned None. End it with `return` and the value.")


def check_same_shape(name: str, targets: Shape, outputs: Shape) -> None:
    """Refuses targets that do not have the shape of the predictions; nothing is broadcast.

    Raises:
        ValueError: with both shapes and what to do.
    """
    if len(targets) == len(outputs) and targets[1:] == outputs[1:] and _may_equal(targets[:1], outputs[:1]):
        return
    raise ValueError(
        f"{name}: the targets have shape {targets}, but the predictions have shape {outputs}. "
        f"{_cure_of_shapes(targets, outputs)}"
    )


def refuse_column_against_row(name: str, targets: Shape, outputs: Shape) -> None:
    """Refuses `(n,)` against `(n, 1)` where a function of the user's would broadcast them to `(n, n)`."""
    longer = max(targets, outputs, key=len)
    if abs(len(targets) - len(outputs)) == 1 and longer[-1] == 1:
        check_same_shape(name, targets, outputs)


def check_one_hot(name: str, targets: Shape, outputs: Shape) -> None:
    """Refuses targets that are not one probability for each class of the predictions.

    Raises:
        ValueError: with both shapes and what to do.
    """
    if len(targets) == len(outputs) and targets[1:] == outputs[1:] and _may_equal(targets[:1], outputs[:1]):
        return
    classes = outputs[-1] if outputs else None
    as_numbers = len(targets) == len(outputs) - 1 or (len(targets) == len(outputs) and targets[-1] == 1)
    if as_numbers:
        raise ValueError(
            f"{name}: the targets have shape {targets}, one number for each example, but this loss wants one "
            f"probability for each of the {classes} classes, shape {outputs}. "
            f"{_instead('class numbers', _SPARSE.get(name))}y = gm.utils.to_categorical(y, {classes})."
        )
    raise ValueError(
        f"{name}: the targets have shape {targets}, but the predictions have shape {outputs}. "
        f"{_cure_of_shapes(targets, outputs)}"
    )


def check_class_shapes(name: str, targets: Shape, outputs: Shape) -> None:
    """Refuses targets that are not one class number for each example.

    Raises:
        ValueError: with both shapes and what to do.
    """
    expected = outputs[:-1]
    squeezed = targets[:-1] if len(targets) == len(outputs) and targets[-1:] == (1,) else targets
    if outputs and len(squeezed) == len(expected) and squeezed[1:] == expected[1:] and _may_equal(squeezed, expected):
        return
    if len(targets) == len(outputs) and targets[-1:] == outputs[-1:]:
        raise ValueError(
            f"{name}: the targets have shape {targets}, which looks one-hot, but this loss wants one class number for "
            f"each example, shape {expected}. {_instead('one-hot targets', _ONE_HOT.get(name))}y = y.argmax(axis=-1)."
        )
    raise ValueError(
        f"{name}: the targets have shape {targets}, but predictions of shape {outputs} need one class number for each "
        f"example, shape {expected}."
    )


def check_classes(name: str, y: np.ndarray, output_shape: Shape) -> None:
    """Refuses arrays that are not one class number for each example, from 0 to the number of outputs less one.

    Raises:
        ValueError: with the first bad label and what to do.
    """
    check_class_shapes(name, y.shape, output_shape)
    classes = output_shape[-1]
    labels = y.reshape(-1)
    bad = (labels < 0) | (labels >= classes)
    if y.dtype.kind == "f":
        whole = labels == np.floor(labels)  # False for NaN, which the comparisons above let pass
        _refuse_labels(name, labels, ~whole, "is not a whole number", "Class numbers are 0, 1, 2, ...")
    units = f"{classes} unit{'s' * (classes != 1)}"
    cure = f"The model's last layer has {units}, so labels run from 0 to {classes - 1}."
    if classes == 1:
        cure += " For two classes and one unit use binary_crossentropy."
    elif bad.any() and labels.min() >= 0:
        cure += f" Give it {int(labels.max()) + 1} units, or number the classes anew from 0."
    else:
        cure += " Number the classes anew from 0: y = np.unique(y, return_inverse=True)[1]."
    _refuse_labels(name, labels, bad, "is out of range", cure)


def check_binary(name: str, y: np.ndarray) -> None:
    """Refuses arrays with values that are not between 0 and 1.

    Raises:
        ValueError: with the first bad target and what to do.
    """
    values = y.reshape(-1)
    cure = "Targets of this loss are 0, 1 or a probability between them."
    if values.size and values.min() == -1 and values.max() == 1:
        cure += " For targets -1 and 1: y = (y + 1) / 2."
    check_range(name, y, 0, 1, cure)


def check_range(name: str, y: np.ndarray, low: float, high: float, cure: str) -> None:
    """Refuses arrays with values outside of a range, or NaN.

    Raises:
        ValueError: with the first bad target and what to do.
    """
    values = y.reshape(-1)
    what = f"is not between {low} and {high}" if high < np.inf else f"is not at least {low}"
    _refuse_labels(name, values, ~((values >= low) & (values <= high)), what, cure)


def _refuse_labels(name: str, labels: np.ndarray, bad: np.ndarray, what: str, cure: str) -> None:
    if bad.any():
        first = int(bad.argmax())
        count = int(bad.sum())
        others = f" (and {count - 1} more)" if count > 1 else ""
        raise ValueError(f"{name}: target {labels[first].item()!r} at position {first}{others} {what}. {cure}")


def _instead(targets: str, other: str | None) -> str:
    return f"For {targets} use {other}, or convert them: " if other else "Convert them: "


def _may_equal(first: Shape, second: Shape) -> bool:
    """Whether the numbers of examples agree, as far as they are known."""
    return first[:1] == second[:1] or None in first[:1] or None in second[:1]


def _cure_of_shapes(targets: Shape, outputs: Shape) -> str:
    if len(targets) + 1 == len(outputs) and outputs[-1] == 1:
        return f"Give the targets a last axis of 1: y = {'y.reshape(-1, 1)' if len(targets) == 1 else 'y[..., None]'}."
    if len(targets) == len(outputs) + 1 and targets[-1] == 1:
        return "Remove the last axis of the targets: y = y.squeeze(-1)."
    if len(targets) == 1 and len(outputs) == 2:
        return (
            f"The last layer has {outputs[-1]} units, one output each. Give it 1 unit and the targets a last axis of "
            "1, or use sparse_categorical_crossentropy for class numbers."
        )
    return "They must agree in all axes: change the last layer or the targets."
