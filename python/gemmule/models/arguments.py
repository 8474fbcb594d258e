"""What `fit`, `evaluate` and `predict` are given and give back, in one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.data import adapter
from gemmule.data.batches import Batches, check_alone, gives_batches
from gemmule.errors import received

Logs = dict[str, float]


def training_data(
    x: Any, y: Any, sample_weight: Any, class_weight: Any, split: Any, held_out: Any, batch_size: Any
) -> tuple[adapter.Dataset | Batches, adapter.Dataset | Batches | None]:
    """What `fit` trains and validates on, arrays or what gives batches, from its arguments of these names.

    Raises:
        ValueError: for arguments that do not go together.
    """
    later = Batches(held_out, "validation_data") if gives_batches(held_out) else None
    if gives_batches(x):
        check_alone(y=y, batch_size=batch_size, sample_weight=sample_weight, validation_split=split)
        arrays = None if later is not None or held_out is None else adapter.validation(held_out)
        return Batches(x, "x", class_weight), later or arrays
    if later is not None:
        return adapter.training_data(x, y, sample_weight, class_weight)[0], later
    return adapter.training_data(x, y, sample_weight, class_weight, split, held_out)


def count(name: str, value: Any) -> int | None:
    """A positive integer of Python's own, or `None`.

    Raises:
        ValueError: for anything else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a positive integer or None.{received(**{name: value})}")
    return int(value)


def packed(logs: Logs, names: Sequence[str], return_dict: bool) -> Any:
    """What `evaluate` returns: one number, a list in the order of `names` and what else there is, or a dict."""
    if return_dict:
        return logs
    values = [logs[name] for name in dict.fromkeys((*names, *logs)) if name in logs]
    return values[0] if len(values) == 1 else values
