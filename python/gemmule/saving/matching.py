"""Which weights of a foreign file belong to which layer: by a mapping, by name, else by kind, shape and order."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from gemmule.errors import GemmuleWarning, did_you_mean, received
from gemmule.tensor import Variable

Place = tuple["int | str", ...]
Mapped = Mapping[str, "str | None"] | Callable[[str], "str | None"] | str | None
_SHOWN = 10  # entries of a list in a message


@dataclass(frozen=True, eq=False)
class Group:
    """The arrays of one layer in a file: what it is called there, their roles, and its place among the others."""

    name: str
    arrays: Mapping[str, Any]  # with `shape`; may be read later
    place: Place
    kind: str = ""  # the class, where the file tells it
    path: str = ""  # where it lies in the file, if that is not its name


@dataclass(frozen=True, eq=False)
class Target:
    """A layer that is to get weights, or a part of one: its path in the model, and its variables by role."""

    path: str
    layer: Any
    variables: Mapping[str, Variable]

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return type(self.layer).__name__

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What its variables look like."""
        return {role: tuple(variable.shape) for role, variable in self.variables.items()}


Convert = Callable[[Group, Target], "dict[str, Any] | None"]


def targets_of(model: Any) -> list[Target]:
    """The layers of a model that have weights of their own, each once, in order.

    Raises:
        ValueError: if there are none, or not yet.
    """
    found: list[Target] = []
    seen: set[int] = set()

    def walk(layer: Any, path: str) -> None:
        seen.add(id(layer))
        frozen = {id(variable) for variable in layer._frozen}
        own = sorted(layer._own_variables(), key=lambda pair: not (pair[1].trainable or id(pair[1]) in frozen))
        if own:
            found.append(Target(path or layer.name, layer, dict(own)))
        for label, child in layer._children():
            if id(child) not in seen:
                walk(child, f"{path}/{label}" if path else label)

    walk(model, "")
    if not found or not model.built:
        raise ValueError(f'"{model.name}" has no weights yet. Build it, or call it on data, first.')
    return found


def place_of(name: str) -> Place:
    """A key that sorts `layer2` before `layer10`: texts and numbers in turns."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))


class Matcher:
    """Finds the layer for each group of a file.

    Args:
        groups: of the file.
        targets: of the model.
        convert: the arrays of a group by the roles of a target, in this library's layout; `None` if they are of
            another kind.
        source: what to call the file in messages.
        model: what to call the model in messages.
    """

    def __init__(
        self, groups: Sequence[Group], targets: Sequence[Target], convert: Convert, source: str, model: str
    ) -> None:
        self.groups, self.targets, self._convert = list(groups), list(targets), convert
        self._source, self._model = source, model
        self.pairs: list[tuple[Group, Target]] = []
        self.misshaped: list[tuple[Group, Target]] = []
        self._fitting: dict[tuple[str, str, str, str], bool] = {}

    # ---- Finding pairs ---------------------------------------------------------------------------------------------

    def fits(self, group: Group, target: Target) -> bool:
        """Whether roles and shapes agree; asked for all pairs, answered once for all alike."""
        key = (group.kind, str(_shapes_of(group.arrays)), target.kind, str(target.shapes))
        if key not in self._fitting:
            arrays = self._convert(group, target)
            self._fitting[key] = arrays is not None and _shapes_of(arrays) == target.shapes
        return self._fitting[key]

    def pin(self, group: Group, target: Target, trusted: bool = False) -> None:
        """Decides on a pair; whether it fits is told at the end. Where it is `trusted`, classes may differ."""
        self.groups.remove(group)
        group = replace(group, kind="") if trusted else group
        (self.pairs if self.fits(group, target) else self.misshaped).append((group, target))
        self.targets.remove(target)

    def by_mapping(self, mapping: Mapping[str, str | None] | Callable[[str], str | None]) -> None:
        """Pins what a dict or a function of the caller says. `None` as a layer leaves a group out.

        Raises:
            ValueError: for names that neither file nor model have, or a layer named twice.
        """
        if isinstance(mapping, Mapping):
            for name in mapping:
                if name not in {group.name for group in self.groups}:
                    raise ValueError(
                        f"mapping: {self._source} has no layer {name!r}."
                        f"{did_you_mean(name, [group.name for group in self.groups])}"
                    )
        for group in list(self.groups):
            if isinstance(mapping, Mapping) and group.name not in mapping:
                continue
            layer = mapping[group.name] if isinstance(mapping, Mapping) else mapping(group.name)
            if layer is None:
                self.groups.remove(group)
            else:
                self.pin(group, self._named(layer), trusted=True)

    def _named(self, name: str) -> Target:
        found = [t for t in self.targets if t.path == name] or [t for t in self.targets if t.layer.name == name]
        if len(found) != 1:
            taken = [target.path for _, target in [*self.pairs, *self.misshaped]]
            if name in taken:
                raise ValueError(f"mapping: the layer {name!r} is named for two layers of {self._source}.")
            raise ValueError(
                f"mapping: {self._model} has no layer {name!r} with weights."
                f"{did_you_mean(name, [target.path for target in self.targets])}"
            )
        return found[0]

    def by_name(self, names: Callable[[Group], Sequence[str]], automatic: bool = False) -> None:
        """Pins groups to layers of the same name.

        Args:
            names: what a layer may be called that belongs to a group; paths or names.
            automatic: whether names that layers got by counting tell anything.
        """
        for group in list(self.groups):
            for name in names(group):
                found = [
                    target
                    for target in self.targets
                    if name in (target.path, target.layer.name if automatic else target.layer._given_name)
                ]
                if len(found) == 1 and self._convert(group, found[0]) is not None:
                    self.pin(group, found[0])
                    break

    def by_order(self) -> None:
        """Pairs what is left by shape, and what has the same shapes in its order.

        Raises:
            ValueError: if the names in the file do not tell the order.
        """
        for groups, targets in self._alike():
            groups.sort(key=lambda group: sortable(group.place))
            if len(groups) != len(targets) or not all(map(self.fits, groups, targets)):
                continue
            for one, two in zip(groups, groups[1:]):
                if not _tells_order(one.place, two.place):
                    raise ValueError(
                        f"{self._source}: {one.name!r} and {two.name!r} have the same shapes, and the file does not "
                        f"keep the order of layers. Say which is which, for example mapping={{{one.name!r}: "
                        f"{targets[0].path!r}, {two.name!r}: {targets[1].path!r}}}."
                    )
            for group, target in zip(groups, targets):
                self.pin(group, target)

    def _alike(self) -> list[tuple[list[Group], list[Target]]]:
        """Groups and targets that could be exchanged for one another."""
        parts: list[tuple[list[Group], list[Target]]] = []
        for target in self.targets:
            fitting = [group for group in self.groups if self.fits(group, target)]
            if not fitting:
                continue
            merged, rest = (fitting, [target]), []
            for part in parts:
                if any(group in part[0] for group in merged[0]):
                    more = [group for group in merged[0] if group not in part[0]]
                    merged = (part[0] + more, part[1] + merged[1])
                else:
                    rest.append(part)
            parts = [*rest, merged]
        return parts

    # ---- Assigning -------------------------------------------------------------------------------------------------

    def assign(self, skip_mismatch: bool, finish: Callable[[Target, str, Any], np.ndarray]) -> None:
        """Writes the values of all pairs into the variables; nothing changes unless all fit.

        Args:
            skip_mismatch: whether to load what fits, with a warning about the rest.
            finish: the values of a variable from what `convert` gave.

        Raises:
            ValueError: if layers are missing, left over or of other shapes.
        """
        self._pair_leftovers()
        lists = self._differences()
        if not self.pairs or (lists and not skip_mismatch):
            raise ValueError(
                f"{self._source} does not hold the weights of {self._model}; nothing was loaded.{lists} Change the "
                "model, say what belongs together with mapping={'name in the file': 'name of the layer'} (None leaves "
                "a layer of the file out), or pass skip_mismatch=True to load what fits."
            )
        if lists:
            warnings.warn(
                f"{self._source}: {self._model} keeps some weights it had.{lists}", GemmuleWarning, stacklevel=3
            )
        values = [
            (variable, finish(target, role, arrays[role]))
            for group, target in self.pairs
            for arrays in [self._convert(group, target) or {}]
            for role, variable in target.variables.items()
        ]
        for variable, value in values:
            variable.assign(value)

    def _pair_leftovers(self) -> None:
        """What is left of the same kind, in order, so that the message can tell shapes side by side."""
        for target in list(self.targets):
            kin = [g for g in self.groups if self._convert(g, target) is not None and not self.fits(g, target)]
            kin.sort(key=lambda group: sortable(group.place))
            if kin:
                self.pin(kin[0], target)

    def _differences(self) -> str:
        names = [group.name for group in self.groups]
        missing = [f"{t.path} {_shapes(t.shapes)}{_near(t.path, names)}" for t in self.targets]
        paths = [target.path for target in self.targets]
        unexpected = [f"{g.name} {_shapes(_shapes_of(g.arrays))}{_near(g.name, paths)}" for g in self.groups]
        misshaped = [
            f"{target.path}: model {_shapes(target.shapes)}, file ({group.name}) "
            f"{_shapes(_shapes_of(self._convert(group, target) or group.arrays))}"
            for group, target in self.misshaped
        ]
        return (
            _listed("Missing in the file", missing)
            + _listed("Not in the model", unexpected)
            + _listed("Other shapes", misshaped)
        )


def check_mapping(mapping: Any) -> None:
    """Refuses what is no mapping.

    Raises:
        TypeError: for another type or another text than `"name"` and `"order"`.
    """
    if mapping is None or mapping in ("name", "order") or isinstance(mapping, Mapping) or callable(mapping):
        return
    raise TypeError(
        "mapping is None, 'name', 'order', a dict from names in the file to names of layers, or a function that gives "
        f"one for the other.{received(mapping=mapping)}"
    )


def quoted(path: Any) -> str:
    """A path in a message."""
    return repr(os.fspath(path))


def sortable(place: Place) -> list[tuple[bool, Any]]:
    """A place as something that can be compared with any other."""
    return [(isinstance(part, str), part) for part in place]


def _tells_order(one: Place, two: Place) -> bool:
    """Whether two neighbours differ first by a number."""
    for a, b in zip(one, two):
        if a != b:
            return isinstance(a, int) and isinstance(b, int)
    return False


def _shapes_of(arrays: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {role: tuple(array.shape) for role, array in arrays.items()}


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return "(" + ", ".join(f"{role} {shape}" for role, shape in shapes.items()) + ")"


def _near(name: str, others: Sequence[str]) -> str:
    near = get_close_matches(name, others, n=1)
    return f" - is it {near[0]!r}?" if near else ""


def _listed(title: str, entries: Sequence[str]) -> str:
    more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    return f" {title}: {'; '.join(entries[:_SHOWN])}{more}." if entries else ""
