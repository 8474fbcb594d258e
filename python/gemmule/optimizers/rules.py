"""What all optimizers do alike with gradients and parameters: clipping, decay, averages, accumulation.

The numbers lie in rows of float64 that the update kernels read, one row for each stretch of parameters that is treated
alike; so all of it happens in the one pass over memory that a step is. Only a norm is a pass of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from gemmule.backend import execute
from gemmule.constraints import NonNeg
from gemmule.errors import did_you_mean, received
from gemmule.memory import persistent
from gemmule.tensor import Variable

SCALE, LIMIT, DECAY, MULTIPLIER, FLOOR, MOMENTUM, COLUMNS = range(7)  # as in csrc/kernels/update.h


class Part(NamedTuple):
    """A stretch of parameters that one call updates.

    Attributes:
        w: the parameters (n,).
        slots: the optimizer's state (n,) each; `None` for slots that the optimizer does not use as it is set.
        average: the moving average of the parameters (n,), or `None`.
        total: the sum of accumulated gradients (n,), or `None`.
        variables: whose parameters they are.
    """

    w: np.ndarray
    slots: tuple[np.ndarray | None, ...]
    average: np.ndarray | None
    total: np.ndarray | None
    variables: tuple[Variable, ...]


def _listed(owner: str, name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{owner}: {name} must be a list.{received(**{name: values})}")
    return list(values)


def _fits(pattern: str, paths: Iterable[str]) -> bool:
    return any(re.search(pattern, path) for path in paths)


class Setting:
    """A property of an optimizer that the rows depend on: a number, or `None` for a rule that is switched off.

    Args:
        least: smallest value.
        below: values must be smaller; any by default.
        strictly: whether `least` itself is refused.
        fixed: whether it stays on or off once rows exist, because recorded steps and rows are made for it.
    """

    def __init__(
        self, least: float = 0.0, below: float = math.inf, strictly: bool = False, fixed: bool = False
    ) -> None:
        self._least, self._below, self._strictly, self._fixed = least, below, strictly, fixed

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, rules: Rules | None, owner: type) -> Any:
        return self if rules is None else rules.values[self._name]

    def __set__(self, rules: Rules, value: Any) -> None:
        number = None if value is None else self._checked(rules, value)
        if self._fixed and (number is None) != (rules.values[self._name] is None):
            rules.check_open(f"{self._name} cannot be switched on or off")
        rules.values[self._name] = number
        rules.write()

    def _checked(self, rules: Rules, value: Any) -> float:
        number = (
            float(value) if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) else math.nan
        )
        fits = self._least < number if self._strictly else self._least <= number
        if not fits or not number < self._below:
            above = f"above {self._least:g}" if self._strictly else f"from {self._least:g} on"
            limit = "" if self._below == math.inf else f" and below {self._below:g}"
            raise ValueError(
                f"{rules.owner}: {self._name} must be None or a finite number {above}{limit}."
                f"{received(**{self._name: value})}"
            )
        return number


class Rules:
    """The settings of one optimizer, and the rows made from them.

    Args:
        owner: class of the optimizer, for messages.
        weight_decay: share of each parameter, times the learning rate, that goes in each step.
        clipnorm: largest norm of the gradient of a variable.
        clipvalue: largest absolute value of an element of a gradient.
        global_clipnorm: largest norm of all gradients together.
        ema_momentum: share of the moving averages that is kept.

    Raises:
        ValueError: for numbers that make no sense, or two kinds of clipping.
    """

    weight_decay = Setting()
    clipnorm = Setting(strictly=True, fixed=True)
    clipvalue = Setting(strictly=True)
    global_clipnorm = Setting(strictly=True, fixed=True)
    ema_momentum = Setting(below=1.0 + 1e-12)

    def __init__(self, owner: str, **settings: float | None) -> None:
        self.owner = owner
        self.values: dict[str, float | None] = dict.fromkeys(settings)
        self.share = 1.0  # of the sum of accumulated gradients
        self.limits = persistent((2,), "float64")  # share, limit of the norm: what clip_scale reads
        self._undecayed: dict[int, Variable] = {}
        self._undecayed_patterns: list[str] = []
        self._multipliers: dict[str, float] = {}
        self._rows: list[tuple[tuple[Part, ...], np.ndarray]] = []
        self._made = False  # whether there ever were rows
        for name, value in settings.items():
            setattr(self, name, value)
        given = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if self.values[name] is not None]
        if len(given) > 1:
            raise ValueError(
                f"{owner}: only one kind of clipping can be used at a time."
                f"{received(**{name: settings[name] for name in given})}"
            )

    def check_open(self, what: str) -> None:
        """Refuses a change that rows made already cannot follow.

        Args:
            what: what cannot be done.

        Raises:
            RuntimeError: if there are rows.
        """
        if self._made:
            raise RuntimeError(
                f"{self.owner}: {what} after training began. Make the optimizer with it, and compile again."
            )

    # ---- Variables with rules of their own -----------------------------------------------------------------------

    def exclude(self, variables: Iterable[Variable], names: Iterable[str]) -> None:
        """Leaves variables out of weight decay, by object or by a pattern found in their names."""
        self.check_open("variables cannot be excluded from weight decay")
        variables, patterns = _listed(self.owner, "var_list", variables), _listed(self.owner, "var_names", names)
        for variable in variables:
            if not isinstance(variable, Variable):
                raise TypeError(
                    f"{self.owner}: var_list has variables; patterns of names are var_names.{received(entry=variable)}"
                )
        for pattern in patterns:
            self._check_pattern(pattern)
        self._undecayed |= {id(variable): variable for variable in variables}
        self._undecayed_patterns += patterns

    def exclusions(self, names: dict[int, str]) -> dict[str, list[str]]:
        """What `exclude` was told, with the names of variables given by `id`."""
        known = [names[key] for key in self._undecayed if key in names]
        return {"undecayed": known, "undecayed_patterns": list(self._undecayed_patterns)}

    def multiply(self, factors: dict[str, float]) -> None:
        """Factors of the learning rate by patterns found in the names of variables; the last one that fits counts."""
        self.check_open("multipliers of the learning rate cannot be set")
        if not isinstance(factors, Mapping):
            raise TypeError(
                f"{self.owner}: multipliers of the learning rate are a dict of factors by patterns of names, such as "
                f"{{'bias': 2.0}}.{received(factors=factors)}"
            )
        for name, factor in factors.items():
            self._check_pattern(name)
            if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 0 <= factor < math.inf:
                raise ValueError(
                    f"{self.owner}: a multiplier of the learning rate must be a finite number from 0 on."
                    f"{received(**{name: factor})}"
                )
        self._multipliers.update(factors)

    def _check_pattern(self, pattern: Any) -> None:
        try:
            re.compile(pattern)
        except (TypeError, re.error) as error:
            raise ValueError(
                f"{self.owner}: variables are named by regular expressions: {error}.{received(pattern=pattern)}"
            ) from None

    def unknown_names(self, paths: Sequence[str]) -> str:
        """What is wrong with patterns when these are all variables, as a sentence; `""` if nothing is.

        A list of what does not decay may name what only other models have, if it fits something and is not misspelt.

        Args:
            paths: of the variables.
        """
        undecayed = [one for one in self._undecayed_patterns if not _fits(one, paths)]
        for pattern in (*(one for one in self._multipliers if not _fits(one, paths)), *undecayed):
            plain = re.sub(r"[^\w/]", "", pattern).strip("/")
            parts = {part for path in paths for part in path.split("/")}
            hint = did_you_mean(plain, paths if "/" in plain else parts)
            generic = pattern not in self._multipliers and len(undecayed) < len(self._undecayed_patterns)
            if not generic or " Did you mean " in hint:
                what = "a learning rate of its own" if pattern in self._multipliers else "no weight decay"
                return f"{self.owner}: no variable has {pattern!r} in its path, which was to have {what}.{hint}"
        return ""

    @property
    def multipliers(self) -> dict[str, float]:
        """As they were set."""
        return dict(self._multipliers)

    def _decays(self, variable: Variable) -> bool:
        patterns = self._undecayed_patterns
        return id(variable) not in self._undecayed and not any(_fits(one, [variable.path]) for one in patterns)

    def _multiplier(self, variable: Variable) -> float:
        found = [factor for name, factor in self._multipliers.items() if re.search(name, variable.path)]
        return found[-1] if found else 1.0

    def key(self, variable: Variable) -> tuple[Any, ...]:
        """Variables of one key can share a row."""
        own = id(variable) if self.clipnorm is not None else None
        return self._decays(variable), self._multiplier(variable), isinstance(variable.constraint, NonNeg), own

    # ---- Rows ----------------------------------------------------------------------------------------------------

    def rows(self, parts: Sequence[Part]) -> np.ndarray:
        """A row for each part, kept up to date with the settings."""
        rows = persistent((len(parts), COLUMNS), "float64")
        self._made = True
        self._rows.append((tuple(parts), rows))
        self.write()
        return rows

    def forget(self, rows: np.ndarray) -> None:
        """Lets go of what `rows` returned, and of the parameters and slots behind it."""
        self._rows = [pair for pair in self._rows if pair[1] is not rows]

    def write(self) -> None:
        """Brings rows and limits up to date."""
        norm = self.clipnorm if self.clipnorm is not None else self.global_clipnorm
        self.limits[:] = self.share, math.inf if norm is None else norm
        for part, row in chain.from_iterable(zip(parts, rows, strict=True) for parts, rows in self._rows):
            variable = part.variables[0]
            row[SCALE] = self.share
            row[LIMIT] = math.inf if self.clipvalue is None else self.clipvalue
            row[DECAY] = (self.weight_decay or 0.0) if self._decays(variable) else 0.0
            row[MULTIPLIER] = self._multiplier(variable)
            row[FLOOR] = 0.0 if isinstance(variable.constraint, NonNeg) else -math.inf
            row[MOMENTUM] = self.ema_momentum or 0.0

    def clip(self, rows: np.ndarray, sums: np.ndarray, gradients: Iterable[np.ndarray]) -> None:
        """Makes the backend calls that scale gradients down to the largest norm, if there is one.

        Args:
            rows: of the parts that are updated.
            sums: place for the sum of squares of each variable's gradient.
            gradients: of the variables.
        """
        if self.clipnorm is None and self.global_clipnorm is None:
            return
        for number, gradient in enumerate(gradients):
            total = np.empty(1, gradient.dtype)
            execute("sum_squares", [total], [gradient])
            execute("copy", [sums[number : number + 1]], [total])
        execute("clip_scale", [rows], [sums, self.limits], together=self.clipnorm is None)
