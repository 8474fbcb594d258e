"""Where a training stands, so that it can be written down at any batch and taken up again there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gemmule.errors import received
from gemmule.random import shared_stream

if TYPE_CHECKING:
    from gemmule.callbacks import CallbackList
    from gemmule.models.compiled import Compiled


class Interrupted(NamedTuple):
    """What a file says of a run that was not finished: plain values, and the arrays they refer to.

    Attributes:
        state: the values.
        arrays: the arrays by name.
        otherwise: what to do instead of going on.
    """

    state: dict[str, Any]
    arrays: dict[str, np.ndarray]
    otherwise: str = "call fit() without resume=True to train on from these weights"


class Progress:
    """The place a `fit` has reached. Callbacks are counted, because one in the middle of a hook may save the model.

    Args:
        compiled: what is trained.
        hooks: the callbacks.
        order: the order of the examples in the current epoch; changes in place.
        settings: what has to be the same when the run is taken up again.
        epoch: the first one.

    Attributes:
        epoch: the current epoch.
        logs: values of the epoch, once it is over.
        counted: batches done in this epoch, when they come one by one; else the cursor tells.
    """

    counted: int | None = None

    def __init__(
        self, compiled: Compiled, hooks: CallbackList, order: np.ndarray, settings: dict[str, Any], epoch: int
    ) -> None:
        self.hooks, self.settings, self.epoch = hooks, settings, epoch
        self._order = order
        self.logs: dict[str, float] = {}
        self._compiled = compiled

    @property
    def batch(self) -> int:
        """Batches done in this epoch."""
        if self.counted is not None:
            return self.counted
        return -(-int(self._compiled.cursor[0]) // self.settings["batch_size"])

    def start_epoch(self) -> None:
        """Goes back to the first batch."""
        self._compiled.cursor[0] = 0
        self.counted = None if self.counted is None else 0
        self.logs = {}

    # ---- Writing it down -----------------------------------------------------------------------------------------

    def capture(self, arrays: dict[str, np.ndarray], stop: bool) -> dict[str, Any]:
        """All there is to know, as plain values; what is large goes into `arrays`.

        Args:
            arrays: receives arrays by name.
            stop: the model's `stop_training`.
        """
        hook, called = self.hooks.calling
        arrays["/order"] = self._order
        arrays["/random"] = shared_stream().key
        for number, metric in enumerate(self._compiled.training_sums()):
            arrays |= {f"/metrics/{number}/{part}": array for part, array in enumerate(metric)}
        arrays |= {f"/logs/{name}": array for name, array in self._compiled.step_logs().items()}
        return {
            "hook": hook,
            "epoch": self.epoch,
            "batch": self.batch,
            "logs": {name: float(value) for name, value in self.logs.items()},
            "stop_training": bool(stop),
            "settings": self.settings,
            "tracked": self._compiled.is_tracked(),
            "callbacks": [
                {
                    "class": type(callback).__name__,
                    "called": number < called,
                    "state": _stored(callback.get_state(), f"/callbacks/{number}", arrays),
                }
                for number, callback in enumerate(self.hooks.callbacks)
            ],
        }

    # ---- Taking it up --------------------------------------------------------------------------------------------

    def restore(self, interrupted: Interrupted) -> tuple[str, list[int]]:
        """Puts everything but weights and optimizer back to where it was.

        Args:
            interrupted: the run.

        Returns:
            The hook in which it was interrupted, and the places of the callbacks that had not heard of it yet.

        Raises:
            ValueError: if data, batch size or callbacks are not those of the run.
        """
        try:
            return self._restore(*interrupted)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            kind = type(error).__name__
            raise ValueError(f"The interrupted run in the file is damaged: {kind}: {str(error)[:200]}.") from error

    def _restore(self, state: dict[str, Any], arrays: dict[str, np.ndarray], otherwise: str) -> tuple[str, list[int]]:
        self._check(state["settings"], otherwise)
        partners = self._partners(state["callbacks"], otherwise)
        self.epoch, self.logs = int(state["epoch"]), dict(state["logs"])
        if self.counted is None:
            self._compiled.cursor[0] = min(int(state["batch"]) * self.settings["batch_size"], self._order.size)
        else:
            self.counted = int(state["batch"])
        self._order[...] = self._checked_order(arrays["/order"])
        shared_stream().key[...] = arrays["/random"]  # what layers draw from that call gm.random without a seed
        self._compiled.restore_sums(arrays, bool(state["tracked"]))
        for number, saved in partners.items():
            self.hooks.callbacks[number].set_state(_fetched(saved["state"], arrays))
        return str(state["hook"]), [number for number, saved in partners.items() if not saved["called"]]

    def _check(self, saved: dict[str, Any], otherwise: str) -> None:
        different = [
            f"{name} was {saved.get(name)!r} and is {value!r}"
            for name, value in self.settings.items()
            if saved.get(name) != value
        ]
        if different:
            raise ValueError(
                f"A run is taken up with the data and settings it was interrupted with, but {'; '.join(different)}. "
                f"Pass the same, or {otherwise}."
            )

    def _checked_order(self, order: np.ndarray) -> np.ndarray:
        if order.shape != (self._order.size,) or (np.bincount(order.clip(0), minlength=self._order.size) != 1).any():
            raise ValueError("The order of the examples in the file is damaged: each must come once.")
        return order

    def _partners(self, saved: list[dict[str, Any]], otherwise: str) -> dict[int, dict[str, Any]]:
        """For the place of each callback what was saved of one like it: the first of its class, the second..."""
        left = list(saved)
        found = {}
        for number, callback in enumerate(self.hooks.callbacks):
            one = next((entry for entry in left if entry["class"] == type(callback).__name__), None)
            if one is not None:
                found[number] = one
                left.remove(one)
        missing = [entry["class"] for entry in left if entry["state"]["items"]]
        if missing:
            raise ValueError(
                f"The run had callbacks that fit needs, too: {', '.join(missing)}. Pass them, or {otherwise}."
                f"{received(callbacks=[type(callback).__name__ for callback in self.hooks.callbacks])}"
            )
        return found


def _stored(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """A state with its arrays put aside; long lists of numbers count as such."""
    if isinstance(value, np.generic):
        return value.item()
    long = isinstance(value, list) and len(value) > 256 and all(type(part) is float for part in value)
    if long or isinstance(value, np.ndarray):
        arrays[name] = np.array(value)
        return {"stored": name, "list": long}
    if isinstance(value, dict):
        items = [[key, _stored(part, f"{name}/{number}", arrays)] for number, (key, part) in enumerate(value.items())]
        return {"items": items}
    if isinstance(value, (list, tuple)):
        return type(value)([_stored(part, f"{name}/{number}", arrays) for number, part in enumerate(value)])
    return value


def _fetched(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict) and "stored" in value:
        array = arrays[value["stored"]]
        return array.tolist() if value["list"] else array
    if isinstance(value, dict):
        return {key: _fetched(part, arrays) for key, part in value["items"]}
    if isinstance(value, (list, tuple)):
        return type(value)([_fetched(part, arrays) for part in value])
    return value
