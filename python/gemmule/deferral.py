"""What a training step knows while it runs: which layers are frozen, and which writes to state wait for its update.

Moving statistics are computed in the forward pass, but a step whose loss or gradients turn out to be NaN must leave no
trace. So inside a `TrainingStep` such writes are collected and made together with the optimizer's update, behind the
check of the gradients. Elsewhere they are made at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from gemmule.backend import Call, execute, listening
from gemmule.memory import root

Arrays = Sequence[np.ndarray]


class _Local(threading.local):
    def __init__(self) -> None:
        self.step: TrainingStep | None = None


_local = _Local()


class TrainingStep:
    """One training step of a compiled model, as a context. What is left to write is written at its end.

    Args:
        frozen: layers, by `id`, that were not trainable when the model was compiled.
        check: ends the step when one of the given gradients is not finite.
        trained: variables, by `id`, that were trainable then; `None` for those that are now.

    Example:
        >>> with TrainingStep():
        ...     y = batch_normalization_layer(x, training=True)  # moving statistics wait
        ...     optimizer.apply_gradients(...)  # and are written here
    """

    def __init__(
        self,
        frozen: Collection[int] = (),
        check: Callable[[Arrays], None] | None = None,
        trained: Collection[int] | None = None,
    ) -> None:
        self.frozen, self.check, self.trained = frozen, check, trained
        self.pending: list[tuple[str, Arrays, Arrays, dict[str, Any]]] = []
        self._around: TrainingStep | None = None

    def __enter__(self) -> TrainingStep:
        self._around, _local.step = _local.step, self
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            if kind is None:
                commit()
        finally:
            _local.step = self._around


class Rehearsal(TrainingStep):
    """A forward pass that leaves no trace: writes that wait are dropped, random counters and given state set back.

    Args:
        frozen: as for `TrainingStep`.
        state: arrays, besides, that are to be what they were.

    Attributes:
        changed: those of them that the pass did change.
    """

    def __init__(self, frozen: Collection[int] = (), state: Arrays = ()) -> None:
        super().__init__(frozen)
        self._before = [(array, array.copy()) for array in state]
        self._counted: list[tuple[np.ndarray, int]] = []
        self._owners = {id(root(array)): array for array in state}
        self.changed: list[np.ndarray] = []
        self._listening = listening(self._hear)

    def _hear(self, call: Call) -> None:
        if call.name == "advance" and call.outputs[0] is not None:
            self._counted.append((call.outputs[0], call.attributes["by"]))
        written = {id(root(array)) for array in call.outputs if array is not None}
        self.changed += [self._owners.pop(owner) for owner in written & self._owners.keys()]

    def __enter__(self) -> Rehearsal:
        super().__enter__()
        self._listening.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.pending = []
        self._listening.__exit__(*exception)
        super().__exit__(*exception)
        for counter, by in self._counted:
            counter[-1] -= counter.dtype.type(by)
        for array, values in self._before:
            array[...] = values


def write(kernel: str, outputs: Arrays, inputs: Arrays, **attributes: Any) -> None:
    """Changes state by a backend call: now, or when the training step this thread is in makes its update.

    Args:
        kernel: name of the kernel.
        outputs: persistent arrays that it changes.
        inputs: what it reads; nobody may change it before the update.
        **attributes: as for `execute`.
    """
    step = _local.step
    if step is None:
        execute(kernel, outputs, inputs, **attributes)
    else:
        step.pending.append((kernel, outputs, inputs, attributes))


def commit() -> None:
    """Makes the writes that wait. Optimizers call it with each update."""
    step = _local.step
    if step is None:
        return
    pending, step.pending = step.pending, []
    for kernel, outputs, inputs, attributes in pending:
        execute(kernel, outputs, inputs, **attributes)


def check_gradients(gradients: Arrays) -> None:
    """Ends the training step this thread is in, if any, before an update by gradients that are not finite."""
    step = _local.step
    if step is not None and step.check is not None:
        step.check(gradients)


def is_frozen(layer: Any) -> bool:
    """Whether a layer is to behave as in inference: as `compile` found it in a training step, else as it is now."""
    step = _local.step
    return not layer.trainable if step is None else id(layer) in step.frozen


def trained() -> Collection[int] | None:
    """The variables that the training step this thread is in updates, by `id`; `None` where it is in none."""
    return None if _local.step is None else _local.step.trained
