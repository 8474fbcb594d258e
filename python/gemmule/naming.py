"""Automatic names, `dense`, `dense_1`, ..., as Keras gives them."""

from __future__ import annotations

import re
from collections import Counter

_used: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """`"LeakyReLU"` becomes `"leaky_re_lu"`, as in Keras."""
    step = re.sub(r"\W+", "", name)
    step = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", step)
    return re.sub("([a-z])([A-Z])", r"\1_\2", step).lower()


def unique_name(base: str) -> str:
    """`base`, then `base_1`, `base_2`, ... since the last `reset_names`."""
    _used[base] += 1
    return base if _used[base] == 1 else f"{base}_{_used[base] - 1}"


def reset_names() -> None:
    """Starts counting anew; part of `clear_session`."""
    _used.clear()
