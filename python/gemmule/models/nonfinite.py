"""Finds out where NaN or infinity came from, by running the failed batch again with a look after every call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from gemmule.backend import GUARD, Call, GuardTripped, listening
from gemmule.errors import NonFiniteError
from gemmule.models.compiled import LOSS
from gemmule.scope import current_direction, current_layer


class _FoundError(Exception):
    """Ends the second run at the first non-finite value."""


class _Detective:
    def __init__(self, columns: Sequence[str]) -> None:
        self.clue = ""
        self._columns = iter(columns)

    def hear(self, call: Call) -> None:
        if call.name == GUARD:
            raise _FoundError  # what follows would change the weights, should the second run be finite by chance
        column = next(self._columns, "x") if call.name == "gather" else ""
        for output in call.outputs:
            if output is not None and output.dtype.kind == "f" and not np.isfinite(output).all():
                self.clue = _describe(call, output, column)
                raise _FoundError


def _describe(call: Call, output: np.ndarray, column: str) -> str:
    bad = ~np.isfinite(output)
    kinds = f"{int(np.isnan(output).sum())} NaN and {int(np.isinf(output).sum())} infinite of {output.size} values"
    if call.name == "gather":
        return (
            f"The data itself is not finite: the batch has {kinds}, first in row {_data_row(call, bad)} of {column}. "
            "Clean it, for example with x[np.isfinite(x).all(axis=1)]."
        )
    layer = current_layer()
    place = f'layer "{layer}"' if layer else "the loss"
    return (
        f"The first such value came from {place}, {current_direction()}, operation {call.name}: {kinds}, "
        f"from inputs {_ranges(call)}. Likely causes: a learning rate that is too high, inputs that are not scaled, "
        "log or division of zero."
    )


def _data_row(call: Call, bad: np.ndarray) -> int:
    """The row of the user's array that the first bad row of a gathered batch came from."""
    _, indices, cursor = call.inputs
    return int(indices[cursor[0] + np.nonzero(bad)[0][0]])  # type: ignore[index]


def _ranges(call: Call) -> str:
    texts = []
    for array in call.inputs:
        if array is not None and array.dtype.kind == "f" and array.size:
            texts.append(f"{array.shape} in [{np.nanmin(array):.3g}, {np.nanmax(array):.3g}]")
    return ", ".join(texts) or "none"


def explain(run_again: Callable[[], None], code: int, place: str, columns: Sequence[str]) -> NonFiniteError:
    """The error for a batch whose loss or gradient was not finite.

    Args:
        run_again: repeats the batch eagerly, with the same random numbers.
        code: what the finite check found.
        place: text such as `"epoch 2, batch 17"`.
        columns: what to call the arrays of the data, in the order they are gathered.
    """
    detective = _Detective(columns)
    with suppress(_FoundError, GuardTripped), listening(detective.hear), np.errstate(all="ignore"):
        run_again()
    clue = detective.clue or "Running the batch again did not show where; it may be an overflow inside a sum."
    what = "The loss" if code == LOSS else "A gradient"
    return NonFiniteError(
        f"{what} became NaN or infinite at {place}. {clue} Weights and statistics are those of the last finite step."
    )
