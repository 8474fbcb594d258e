"""From the arguments of `fit`, `evaluate` and `predict` to checked arrays.

Arrays stay what they are as far as the kernels can read them: pixels of one byte are converted batch by batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gemmule.data.nested import ONE, Form, labels, take_apart
from gemmule.errors import describe, received
from gemmule.tensor import Tensor

KEPT = ("float32", "float64", "int32", "int64", "uint8", "bool")
_CHUNK = 1 << 20  # elements
_READY = frozenset(map(np.dtype, KEPT))  # in native byte order
CONVERTED = {"float16": "float32", "int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}


class Dataset(NamedTuple):
    """Arrays whose first dimension counts the examples.

    Attributes:
        inputs: one array for each input of the model.
        targets: one array for each target, or `None`.
        weights: one number for each example, once or for each output, or `None`.
        size: number of examples.
        forms: how inputs, targets and weights were put together in lists and dicts.
    """

    inputs: list[np.ndarray]
    targets: list[np.ndarray] | None
    weights: list[np.ndarray] | None
    size: int
    forms: tuple[Form, Form, Form] = (ONE, ONE, ONE)


def dataset(x: Any, y: Any = None, sample_weight: Any = None) -> Dataset:
    """The arguments as arrays that fit each other.

    Args:
        x: examples: an array, a nested list, a DataFrame; for a model with several inputs a list or dict of them.
        y: targets, likewise, or `None`; in lists and dicts `None` stands for an output without targets.
        sample_weight: one number for each example, or a list or dict of such arrays, or `None`.

    Returns:
        A `Dataset`.

    Raises:
        TypeError: for what is not made of numbers.
        ValueError: for empty data and for arguments of different length.
    """
    if x is None:
        raise ValueError("x is missing: pass an array, a nested list or a DataFrame.")
    x_form, inputs = _arrays("x", x)
    y_form, targets = _arrays("y", y)
    if not inputs:
        raise ValueError(f"x holds no arrays.{received(x=x)}")
    size = len(inputs[0])
    if size == 0:
        raise ValueError(f"x has no examples: its first dimension is 0.{received(x=inputs[0])}")
    if len(inputs) > 1 or targets:
        _check_lengths(labels("x", x_form), inputs, labels("y", y_form), targets)
    w_form, parts = take_apart(sample_weight)
    weights = [_weights(label, part, size) for label, part in zip(labels("sample_weight", w_form), parts)]
    return Dataset(inputs, targets or None, weights or None, size, (x_form, y_form, w_form))


def training_data(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
) -> tuple[Dataset, Dataset | None]:
    """The data to train on and the data to validate on.

    Args:
        x: see `dataset`.
        y: see `dataset`.
        sample_weight: see `dataset`.
        class_weight: weight by class number, 1 for classes left out.
        validation_split: share of the examples, the last ones, to validate on.
        validation_data: `(x, y)` or `(x, y, sample_weight)`; wins over `validation_split`.

    Returns:
        Both; the second is `None` when there is nothing to validate on.

    Raises:
        ValueError: if `class_weight` and `sample_weight` are both given, or the split leaves nothing.
    """
    if class_weight is not None and sample_weight is not None:
        raise ValueError(
            "class_weight and sample_weight cannot be used together. Multiply the class weights into sample_weight: "
            "sample_weight * np.array([class_weight[c] for c in y])."
        )
    data = dataset(x, y, sample_weight)
    held_out = None if validation_data is None else validation(validation_data)
    if held_out is None and validation_split:
        data, held_out = _split(data, validation_split)
    if class_weight is not None:
        weights = [_class_weights(class_weight, data.targets)]
        data = data._replace(weights=weights, forms=(*data.forms[:2], ONE))
    return data, held_out


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`x`, `y` and `sample_weight` of a batch, `None` for what is missing.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        ValueError: for a tuple of another length.
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"A batch is (x,), (x, y) or (x, y, sample_weight).{received(length=len(data))}")
    return tuple([*data, None, None][:3])


def as_array(name: str, value: Any) -> np.ndarray:
    """One argument as a C-contiguous array in native byte order, of a type kernels can read.

    Raises:
        TypeError: for what is not made of real numbers.
        ValueError: for nested lists of different lengths, and for single numbers.
    """
    array = _raw_array(name, value)
    if array.ndim and array.dtype in _READY and array.flags.c_contiguous and array.flags.aligned:
        return array
    kind = array.dtype.kind
    if kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers.{received(**{name: array})} {_cure_of_dtype(name, kind)}")
    if array.ndim == 0:
        raise ValueError(
            f"{name} must be an array whose first dimension counts the examples.{received(**{name: value})} "
            f"For one example: {name} = np.array([{name}])."
        )
    dtype = array.dtype.name
    if dtype not in KEPT:
        dtype = CONVERTED.get(dtype, "float64" if kind == "f" else "int64")
        if kind == "u" and array.size and array.max() > np.iinfo(dtype).max:
            raise ValueError(f"{name} holds integers that do not fit int64.{received(**{name: array})}")
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def check_exact(name: str, array: np.ndarray, dtype: Any) -> None:
    """Refuses values that another type cannot hold: nothing is cut off silently.

    Args:
        name: of the argument.
        array: its values.
        dtype: an integer type or bool; floating types round, and are not looked at.

    Raises:
        ValueError: with the first such value.
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "f" or np.can_cast(array.dtype, dtype):
        return
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        with np.errstate(invalid="ignore"):
            different = part.astype(dtype) != part
        if different.any():
            raise ValueError(
                f"{name} has values that its Input(dtype={dtype.name!r}) cannot hold. Received: "
                f"{part[different.argmax()].item()!r}. Round or encode them first, or declare another dtype."
            )


def _arrays(name: str, value: Any) -> tuple[Form, list[np.ndarray]]:
    form, parts = take_apart(value)
    return form, [as_array(label, part) for label, part in zip(labels(name, form), parts)]


def _raw_array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.numpy()
    if hasattr(value, "to_numpy"):
        return _from_frame(name, value)
    if hasattr(value, "__iter__") and not hasattr(value, "__array__") and not isinstance(value, Sequence):
        raise ValueError(
            f"{name} is no array, and only fit, evaluate and predict take generators and other things that give "
            f"batches, as their x.{received(**{name: value})}"
        )
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name} is a nested list whose parts have different lengths. Bring them to one length, for example by "
            "padding."
        ) from None


def _from_frame(name: str, frame: Any) -> np.ndarray:
    """The values of a pandas object; columns of different numeric types are brought to one, gaps become NaN."""
    dtypes = frame.dtypes if hasattr(frame, "columns") else {getattr(frame, "name", None) or name: frame.dtype}
    text = [str(column) for column, dtype in dtypes.items() if getattr(dtype, "kind", "O") not in "fiub"]
    if text:
        raise TypeError(
            f"{name} has columns that do not hold real numbers: {', '.join(text)}. Drop or encode them, for example "
            "with pandas.get_dummies."
        )
    array = frame.to_numpy()
    return array if array.dtype.kind in "fiub" else frame.to_numpy(dtype="float64", na_value=np.nan)


def _cure_of_dtype(name: str, kind: str) -> str:
    if kind == "c":
        return f"Split complex numbers: np.stack([{name}.real, {name}.imag], axis=-1)."
    if kind in "USTV":
        return f"Encode text first; class names become numbers by np.unique({name}, return_inverse=True)[1]."
    if kind in "mM":
        return f"Convert dates and times to numbers first, for example {name}.astype('int64')."
    return f"If all elements are numbers of one shape: {name} = np.array({name}.tolist(), dtype='float32')."


def _check_lengths(names: list[str], inputs: list[np.ndarray], more: list[str], targets: list[np.ndarray]) -> None:
    for who, labeled in (("All inputs", zip(names, inputs)), ("x and y", zip(more, targets))):
        for label, array in labeled:
            if len(array) != len(inputs[0]):
                shapes = received(**{f"{names[0]}.shape": inputs[0].shape, f"{label}.shape": array.shape})
                raise ValueError(f"{who} must have the same number of examples, their first dimension.{shapes}")


def _weights(name: str, sample_weight: Any, size: int) -> np.ndarray:
    weights = as_array(name, sample_weight)
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights = weights.reshape(-1)
    if len(weights) != size:
        raise ValueError(
            f"{name} must have one number for each example."
            f"{received(**{f'{name}.shape': weights.shape, 'examples': size})}"
        )
    if not np.isfinite(weights).all():
        raise ValueError(f"{name} holds NaN or infinite values.{received(**{name: weights})}")
    return weights if weights.dtype.kind == "f" else weights.astype("float32")


def _class_weights(class_weight: Any, targets: list[np.ndarray] | None) -> np.ndarray:
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight must be a dict, as in {{0: 1.0, 1: 5.0}}.{received(class_weight=class_weight)}")
    for label, weight in class_weight.items():
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
            raise ValueError(f"The keys of class_weight must be class numbers.{received(key=label)}")
        if not isinstance(weight, (int, float, np.number)) or not 0 <= weight < np.inf:
            raise ValueError(
                f"The values of class_weight must be finite numbers from 0 on.{received(label=label, weight=weight)}"
            )
    if not targets:
        raise ValueError("class_weight needs one array of targets. Pass y, or use sample_weight.")
    if len(targets) > 1:
        raise ValueError(
            f"class_weight works for models with one output only, but y holds {len(targets)} arrays. Use "
            "sample_weight, a list or dict with one array for each output."
        )
    labels = _labels(targets[0])
    weights = np.ones(len(labels), np.float32)
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights


def _labels(y: np.ndarray) -> np.ndarray:
    """Class numbers of the examples; of one-hot rows the position of the largest value."""
    if y.ndim == 1:
        return y
    if y.ndim == 2:
        return y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1)
    raise ValueError(
        "class_weight needs one class for each example: targets of shape (n,), (n, 1) or one-hot (n, classes)."
        f"{received(y=y)}"
    )


def validation(validation_data: Any) -> Dataset:
    """The argument of `fit`, `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        ValueError: if it is neither, or the arrays do not fit each other.
    """
    if not isinstance(validation_data, (tuple, list)) or not 2 <= len(validation_data) <= 3:
        raise ValueError(
            f"validation_data must be a tuple (x, y) or (x, y, sample_weight). Received: {_outline(validation_data)}."
        )
    try:
        return dataset(*validation_data)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation_data: {error}") from None


def _outline(value: Any) -> str:
    """`"a tuple of 1"`, or the value when it is none."""
    return f"a {type(value).__name__} of {len(value)}" if isinstance(value, (tuple, list)) else describe(value)


def _split(data: Dataset, share: Any) -> tuple[Dataset, Dataset]:
    if isinstance(share, bool) or not isinstance(share, (int, float, np.number)) or not 0 < share < 1:
        raise ValueError(f"validation_split must be a number from 0 to below 1.{received(validation_split=share)}")
    first = int(np.floor(data.size * (1 - share)))
    if first in (0, data.size):
        side = "training" if first == 0 else "validation"
        raise ValueError(
            f"validation_split leaves no example for {side}.{received(validation_split=share, examples=data.size)} "
            "Change it, or pass validation_data."
        )
    return _rows(data, slice(0, first)), _rows(data, slice(first, data.size))


def _rows(data: Dataset, rows: slice) -> Dataset:
    inputs, targets, weights = (
        None if group is None else [array[rows] for array in group]
        for group in (data.inputs, data.targets, data.weights)
    )
    return Dataset(inputs or [], targets, weights, rows.stop - rows.start, data.forms)
