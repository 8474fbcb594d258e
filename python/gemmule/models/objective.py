"""What training makes small: the weighted sum of the losses of all outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, ValuesView
from typing import Any, NamedTuple

import numpy as np

from gemmule import losses as losses_module
from gemmule import ops
from gemmule.data.nested import Form
from gemmule.errors import received
from gemmule.losses import Loss
from gemmule.memory import persistent
from gemmule.metrics import Mean
from gemmule.models.outputs import Outputs
from gemmule.mutation import Watched
from gemmule.tensor import Tensor, Variable


class Part(NamedTuple):
    """The loss of one output.

    Attributes:
        output: its place among the outputs.
        loss: computes it.
        weight: what it counts in the sum, one number in memory that recorded steps read.
        tracker: its mean for the logs, when there are several.
    """

    output: int
    loss: Loss
    weight: Tensor | None
    tracker: Mean | None


class Objective(Watched):
    """The compiled loss.

    Args:
        loss: a loss for all outputs, a list with one for each, or a dict by name; `None` for outputs without.
        loss_weights: numbers or variables likewise; 1 by default.
        dtype: floating type of the model.

    Attributes:
        loss: as given, with `Loss` objects in the places of names and functions.
        outputs: the model's outputs, once they are known.
        parts: the losses of the outputs that have one.
        slots: which objects hold the weights.
    """

    _unwatched = frozenset({"_values", "_weights", "outputs", "parts"})

    def __init__(self, loss: Any, loss_weights: Any, dtype: str) -> None:
        self.loss = _resolved(loss)
        self.outputs: Outputs | None = None
        self.parts: tuple[Part, ...] = ()
        self.slots: tuple[int, ...] = ()
        self._weights, self._dtype = loss_weights, dtype
        self._values: list[tuple[Part, Tensor]] = []
        _check_weights(loss_weights)

    def resolve(self, outputs: Outputs) -> None:
        """Gives each output its loss, its weight and a place in the logs; does nothing the second time.

        Raises:
            ValueError: if losses or weights do not fit the outputs.
        """
        if self.outputs is not None:
            return
        found = outputs.settings("loss", self.loss, repeat=True)
        several = sum(loss is not None for loss in found) > 1
        parts = tuple(
            Part(index, loss, None, Mean(name=f"{outputs.names[index]}_loss") if several else None)
            for index, loss in enumerate(found)
            if loss is not None
        )
        self.parts = self._weighted(parts, outputs) if several or self._weights is not None else parts
        self.outputs = outputs

    @property
    def losses(self) -> list[Loss | None]:
        """The loss of each output."""
        found: dict[int, Loss] = {part.output: part.loss for part in self.parts}
        return [found.get(index) for index in range(len(self.outputs.names if self.outputs else ()))]

    @property
    def trackers(self) -> list[Mean]:
        """The means of the outputs' losses."""
        return [part.tracker for part in self.parts if part.tracker is not None]

    # ---- Weights of the losses -----------------------------------------------------------------------------------

    @property
    def weights(self) -> Any:
        """As given to `compile`, or set since."""
        return self._weights

    @weights.setter
    def weights(self, value: Any) -> None:
        _check_weights(value)
        before, self._weights = self._weights, value
        try:
            if self.outputs is not None:
                self.parts = self._weighted(self.parts, self.outputs)
        except ValueError:
            self._weights = before
            raise

    def _weighted(self, parts: tuple[Part, ...], outputs: Outputs) -> tuple[Part, ...]:
        """The parts with the weights of now: numbers are written to where recorded steps read them."""
        given, wanted = self._weights, {part.output for part in parts}
        count = len(outputs.names)
        if isinstance(given, (list, tuple)) and len(given) == len(wanted) != count:  # as in Keras: one for each loss
            rest = iter(given)
            given = [next(rest) if index in wanted else None for index in range(count)]
        weights = outputs.settings("loss_weights", given, repeat=False)
        parts = tuple(part._replace(weight=self._slot(weights[part.output], part.weight)) for part in parts)
        self.slots = tuple(id(part.weight) for part in parts)  # watched: other places in memory record another step
        return parts

    def _slot(self, weight: Any, before: Tensor | None) -> Tensor:
        if isinstance(weight, Variable):
            return weight
        slot = (
            before if before is not None and not isinstance(before, Variable) else Tensor(persistent((), self._dtype))
        )
        slot.array[...] = 1.0 if weight is None else weight
        return slot

    # ---- Computing -----------------------------------------------------------------------------------------------

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Tensor | None:
        """The sum of `weight * loss` over the outputs of one batch; `None` if no output has a loss.

        Args:
            y: targets; a list or dict of them for several outputs.
            y_pred: what the model returned.
            sample_weight: weights of the examples, one for all outputs or a list or dict of them.

        Raises:
            ValueError: if targets and outputs do not fit, or a loss is not one number.
        """
        targets, predictions, weights = self.arrange(y, y_pred, sample_weight)
        self._values = []
        total = None
        for part in self.parts:
            value = part.loss(targets[part.output], predictions[part.output], sample_weight=weights[part.output])
            if value.size != 1:
                raise ValueError(
                    "Training needs one number as its loss, but the compiled loss gives one for each example. Make it "
                    f"with reduction='sum_over_batch_size'.{received(loss=part.loss, shape=value.shape)}"
                )
            self._values.append((part, value))
            value = value if part.weight is None else ops.multiply(value, part.weight)
            total = value if total is None else ops.add(total, value)
        return total

    def arrange(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Targets, predictions and weights in the order of the outputs.

        Raises:
            ValueError: if their structures do not fit the outputs.
        """
        outputs = self.outputs
        if outputs is None:
            raise RuntimeError("The losses wait for the outputs of the model: call resolve first.")
        if not isinstance(y_pred, (list, tuple, Mapping)) and not isinstance(y, (list, tuple, Mapping)):
            return [y], [y_pred], [sample_weight]
        wanted = [loss is not None for loss in self.losses]
        targets = outputs.arrange("y", y, wanted)
        if isinstance(sample_weight, (list, tuple, Mapping)):
            weights = outputs.arrange("sample_weight", sample_weight, wanted)
        else:
            weights = [sample_weight] * len(outputs.names)
        return targets, outputs.flat(y_pred), weights

    def track(self, size: int) -> None:
        """Adds the losses of the batch that was computed last to their means; each counts `size` times."""
        for part, value in self._values:
            if part.tracker is not None:
                part.tracker.update_state(value, sample_weight=np.full((1,), size, value.dtype))
        self._values = []

    # ---- Checking ------------------------------------------------------------------------------------------------

    def places(self, form: Form) -> list[Form]:
        """For each output, where in the list of all targets its own are; see `Outputs.places`."""
        return self.outputs.places("y", form, [loss is not None for loss in self.losses]) if self.outputs else []

    def check_targets(self, places: Sequence[Form], targets: Sequence[np.ndarray]) -> None:
        """Refuses targets that cannot belong to the outputs, before anything is trained.

        Args:
            places: what the method of that name returned.
            targets: all arrays of targets.

        Raises:
            ValueError: naming the output, if there are several.
        """
        names, shapes = (self.outputs.names, self.outputs.shapes) if self.outputs else ((), ())
        for part in self.parts:
            place, name = places[part.output], names[part.output]
            if place is None:
                raise ValueError(
                    f"Output {name!r} has the loss {part.loss.name}, but y has no targets for it. Pass them, or give "
                    "this output the loss None."
                )
            if isinstance(place, int):
                try:
                    part.loss.check_targets(targets[place], shapes[part.output])
                except ValueError as error:
                    raise ValueError(f"Output {name!r}: {error}" if len(names) > 1 else str(error)) from None

    def class_numbers(self, places: Sequence[Form], count: int) -> list[bool]:
        """For each array of targets whether its integers stay integers: not if a loss wants floating targets."""
        keep = [not self.parts or self.parts[0].loss.wants_class_numbers] * count
        for loss, place in zip(self.losses, places):
            if isinstance(place, int):
                keep[place] = loss is None or loss.wants_class_numbers
        return keep


def _resolved(loss: Any) -> Any:
    """The losses a user named, in their list or dict."""
    if isinstance(loss, Mapping) and "class_name" not in loss:
        return {name: losses_module.get(one) for name, one in loss.items()}
    if isinstance(loss, (list, tuple)):
        return [losses_module.get(one) for one in loss]
    return losses_module.get(loss)


def _check_weights(weights: Any) -> None:
    if weights is None or _is_weight(weights):
        return
    given = weights.values() if isinstance(weights, Mapping) else weights
    if not isinstance(given, (list, tuple, ValuesView)) or not all(one is None or _is_weight(one) for one in given):
        raise ValueError(
            "loss_weights must be finite numbers (or variables without dimensions): one for each output in a list, or "
            f"in a dict by the names of the outputs.{received(loss_weights=weights)}"
        )


def _is_weight(weight: Any) -> bool:
    if isinstance(weight, Variable):
        return weight.shape == () and weight.dtype.kind == "f"
    return isinstance(weight, (int, float, np.number)) and not isinstance(weight, bool) and bool(np.isfinite(weight))
