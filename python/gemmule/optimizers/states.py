"""What optimizers keep for parameters: slots, moving averages and sums of gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from gemmule.memory import persistent
from gemmule.optimizers.rules import Part
from gemmule.optimizers.settings import Adjustable
from gemmule.store import ParameterRun
from gemmule.tensor import Tensor, Variable


class State(NamedTuple):
    """What an optimizer keeps for some parameters, flat: `slots`, a moving average and a sum of gradients."""

    slots: tuple[np.ndarray | None, ...]
    average: np.ndarray | None
    total: np.ndarray | None

    def arrays(self) -> list[np.ndarray]:
        """Those that exist."""
        return [array for array in (*self.slots, self.average, self.total) if array is not None]

    def cut(self, where: slice) -> State:
        """The same for a stretch."""
        slots = tuple([None if slot is None else slot[where] for slot in self.slots])
        return State(slots, *(None if one is None else one[where] for one in (self.average, self.total)))


class Targets(NamedTuple):
    """What one step updates, and the memory that takes besides parameters and slots.

    Attributes:
        parts: stretches of parameters.
        where: for each part the number of its run, and its place there.
        pieces: for each variable the number of its part, and its place there.
        rows: the rules, a row for each part.
        sums: squares of the gradients, one number for each variable.
        constrained: variables with a constraint of their own.
    """

    parts: tuple[Part, ...]
    where: tuple[tuple[int, slice], ...]
    pieces: tuple[tuple[int, slice], ...]
    rows: np.ndarray
    sums: np.ndarray
    constrained: tuple[Variable, ...]


class StateKeeper(Adjustable):
    """The part of an optimizer that remembers: slots, moving averages and sums of gradients, by variable and by run."""

    slot_names: tuple[str, ...] = ()
    slot_start = 0.0  # what slots hold before the first step
    _states: dict[int, tuple[Variable, State]]
    _runs: dict[int, tuple[ParameterRun, State]]
    _known_targets: dict[tuple[int, ...], Targets]

    @property
    def built(self) -> bool:
        """Whether slots exist."""
        return bool(self._states)

    @property
    def used_slots(self) -> tuple[str, ...]:
        """The slots that are kept as the optimizer is set; fixed when the first ones are made."""
        return self.slot_names

    def _new_state(self, size: tuple[int, ...], dtype: Any) -> State:
        used = self.used_slots
        slots = [persistent(size, dtype) if name in used else None for name in self.slot_names]
        for slot in slots:
            if slot is not None:
                slot[...] = self.slot_start
        average = persistent(size, dtype) if self.use_ema else None
        return State(tuple(slots), average, persistent(size, dtype) if self.gradient_accumulation_steps else None)

    def build(self, variables: Iterable[Variable]) -> None:
        """Makes slots for variables that have none.

        Args:
            variables: what `apply_gradients` will update.

        Raises:
            ValueError: the first time, if there are rules for names that no variable has.
        """
        variables = list(variables)
        if not self._states:
            self.check_names(variables)
        for variable in variables:
            if id(variable) not in self._states:
                self._states[id(variable)] = variable, self._new_state((variable.size,), variable.dtype)

    def build_run(self, run: ParameterRun) -> None:
        """Makes slots that mirror a run of parameters, and moves into them what its variables' slots held so far.

        Args:
            run: the packed parameters.
        """
        if id(run) in self._runs:
            return
        whole = self._new_state(run.array.shape, run.array.dtype)
        for variable in run.variables:
            mine = whole.cut(run.slices[id(variable)])
            _, earlier = self._states.get(id(variable), (None, None))
            for array, values in zip(mine.arrays(), earlier.arrays() if earlier else ()):
                array[...] = values
            self._states[id(variable)] = variable, mine
        self._runs[id(run)] = run, whole
        self._forget_targets()  # their slots are elsewhere now

    def slots_of(self, variable: Variable) -> dict[str, np.ndarray]:
        """The state kept for a variable, by the names of slots, `"average"` and `"accumulated_gradient"`; flat."""
        _, state = self._states[id(variable)]
        named = dict(zip((*self.slot_names, "average", "accumulated_gradient"), (*state.slots, *state[1:])))
        return {name: array for name, array in named.items() if array is not None}

    def has_slots(self, variable: Variable) -> bool:
        """Whether state is kept for a variable."""
        return id(variable) in self._states

    def state_bytes(self, run: ParameterRun) -> int:
        """Bytes of all that is kept for a run."""
        return sum(array.nbytes for array in self._runs[id(run)][1].arrays())

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Gives variables the values of their moving averages, if `use_ema`. `fit` does it at its end.

        Args:
            var_list: the variables.
        """
        for variable, average in self._averages(var_list):
            variable.assign(Tensor(average))

    def swap_averages(self, var_list: Iterable[Variable]) -> None:
        """Exchanges the values of variables and their moving averages.

        Args:
            var_list: the variables.

        Raises:
            ValueError: without `use_ema`.
        """
        if not self.use_ema:
            raise ValueError(
                f"There are no moving averages. Make the optimizer with {type(self).__name__}(use_ema=True)."
            )
        for variable, average in self._averages(var_list):
            values = variable.array.copy()
            variable.assign(Tensor(average.copy()))
            average[...] = values

    def _averages(self, variables: Iterable[Variable]) -> list[tuple[Variable, np.ndarray]]:
        known = [(v, self._states[id(v)][1].average) for v in variables if id(v) in self._states]
        return [(v, average.reshape(v.shape)) for v, average in known if average is not None]

    def _forget_targets(self) -> None:
        for targets in self._known_targets.values():
            self._rules.forget(targets.rows)
        self._known_targets.clear()


def place(variable: Variable, stretch: np.ndarray) -> slice:
    """Where the elements of a variable are in a stretch of a run."""
    first = (variable.array.ctypes.data - stretch.ctypes.data) // stretch.itemsize
    return slice(first, first + variable.size)
