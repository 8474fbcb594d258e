"""The outputs of a model by name, and what was given for each of them: targets, weights, losses, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gemmule.data.nested import Form, check_keys, has_inner, is_dict, labels, parts_of, put_together, take_apart
from gemmule.errors import received


class Outputs(NamedTuple):
    """What a model returns.

    Attributes:
        names: of the outputs, in order.
        shapes: of the outputs, the first dimension of any size.
        form: how they are put together.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    form: Form

    @classmethod
    def of(cls, result: Any, names: Sequence[str] | None) -> Outputs:
        """The outputs as a model's `call` returned them.

        Args:
            result: tensors in lists and dicts.
            names: the model's own names for them, if it has some. Else keys of dicts count, then positions:
                `"output_1"`, ...
        """
        form, leaves = take_apart(result)
        if names is None or len(names) != len(leaves):
            names = [path.strip("[]'").replace("'][", "/").replace("][", "/") for path in labels("", form)]
            if not is_dict(form):
                names = [f"output_{number}" for number in range(1, len(leaves) + 1)]
        return cls(tuple(names), tuple(leaf.shape for leaf in leaves), form)

    @property
    def listed(self) -> str:
        """For messages: `"2 outputs (main, aux)"`."""
        count = len(self.names)
        return f"{count} output{'s' * (count != 1)} ({', '.join(self.names)})"

    def prefix(self, index: int) -> str:
        """What the names of an output's values in the logs begin with: nothing when it is the only one."""
        return "" if len(self.names) == 1 else f"{self.names[index]}_"

    def flat(self, result: Any) -> list[Any]:
        """The tensors of another result of the model, in order.

        Raises:
            ValueError: if their number changed.
        """
        leaves = take_apart(result)[1]
        if len(leaves) != len(self.names):
            raise ValueError(
                f"The model returned {len(leaves)} tensors, but before it had {self.listed}. Return the same outputs "
                "in training and in inference; for the losses of inner layers override compute_loss."
            )
        return leaves

    def arrange(self, argument: str, data: Any, wanted: Sequence[bool]) -> list[Any]:
        """Targets or weights in the order of the outputs, `None` for an output that has none.

        Args:
            argument: what the data was passed as, `"y"` for example.
            data: arrays, tensors, or anything else, in a structure.
            wanted: which outputs have a loss or a metric; a list may leave the others out.

        Raises:
            ValueError: for missing and surplus arrays, and for unknown keys.
        """
        form, leaves = take_apart(data)
        return [put_together(part, leaves) for part in self.places(argument, form, wanted)]

    def places(self, argument: str, form: Form, wanted: Sequence[bool]) -> list[Form]:
        """Likewise, of the form of the data: for each output the form of what belongs to it."""
        count = len(self.names)
        if form is None:
            return [None] * count
        if isinstance(form, int):
            if count == 1:
                return [form]
            raise ValueError(
                f"The model has {self.listed}, but {argument} is one array. Pass a list of arrays in this order, or a "
                "dict with these names."
            )
        if is_dict(form):
            given = dict(parts_of(form))
            if not has_inner(form):
                check_keys(argument, list(given), self.names, "output")
                return [given.get(name) for name in self.names]
        parts = [part for _, part in parts_of(form)]
        if has_inner(form):
            found = labels("", form)
            parts = list(range(len(found)))
        if len(parts) == count:
            return parts
        if len(parts) == sum(wanted):  # as in Keras: nothing for the outputs without a loss
            rest = iter(parts)
            return [next(rest) if one else None for one in wanted]
        cure = (
            f"If they are the examples, stack them: {argument} = np.stack({argument})."
            if count == 1
            else ("Pass a list of arrays in this order, or a dict with these names.")
        )
        arrays = "one array" if len(parts) == 1 else f"{len(parts)} arrays"
        raise ValueError(f"The model has {self.listed}, but {argument} holds {arrays}. {cure}")

    def check_names(self, argument: str, value: Any) -> None:
        """Refuses keys that name no output, if what `compile` was told is a dict by name.

        Raises:
            ValueError: naming the first one and what it may have meant.
        """
        if _is_by_name(value):
            check_keys(argument, list(value), self.names, "output")

    def settings(self, argument: str, value: Any, repeat: bool) -> list[Any]:
        """What `compile` was told for each output.

        Args:
            argument: its name there.
            value: one setting, a list with one for each output, or a dict by name; `None` for none.
            repeat: whether one setting is meant for all outputs.

        Raises:
            ValueError: for a list of another length, unknown names, or one setting where each output needs its own.
        """
        count = len(self.names)
        if value is None:
            return [None] * count
        self.check_names(argument, value)
        if _is_by_name(value):
            return [value.get(name) for name in self.names]
        if isinstance(value, (list, tuple)):
            if len(value) == count:
                return list(value)
            raise ValueError(
                f"{argument} needs one entry for each of the model's {self.listed}, but "
                f"{len(value)} came. Outputs can be left out in a dict by name, or have None in the list."
            )
        if repeat or count == 1:
            return [value] * count
        raise ValueError(
            f"{argument} needs one entry for each of the model's {self.listed}, as a list or a dict by name."
            f"{received(**{argument: value})}"
        )


def _is_by_name(value: Any) -> bool:
    """Whether a setting is a dict by the names of outputs, and not the configuration of one object."""
    return isinstance(value, Mapping) and "class_name" not in value
