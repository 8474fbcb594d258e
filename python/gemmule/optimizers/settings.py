"""What optimizers are set to besides hyper-parameters, and rules for single variables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict, TypeVar

from gemmule.errors import did_you_mean
from gemmule.mutation import Watched
from gemmule.naming import snake_case
from gemmule.optimizers.rules import Rules
from gemmule.optimizers.schedules.schedule import LearningRateSchedule, serialize
from gemmule.tensor import Variable

T = TypeVar("T", bound="Adjustable")


class Common(TypedDict, total=False):
    """The arguments all optimizers have; `Optimizer` tells what they do."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


SETTINGS = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "ema_momentum")


class Adjustable(Watched):
    """The part of an optimizer that is told how to update: settings by name, and variables with rules of their own."""

    hyper_names: tuple[str, ...] = ("learning_rate",)
    name: str
    use_ema: bool
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    _rules: Rules
    _schedules: dict[str, LearningRateSchedule]

    @classmethod
    def default_name(cls) -> str:
        """What optimizers of the class are called; those of Keras as there."""
        own = cls.__module__.startswith("gemmule.")
        return cls.__name__.lower() if own else snake_case(cls.__name__)

    def _check_kwargs(self, kwargs: dict[str, Any]) -> None:
        kind = type(self).__name__
        for argument, value in kwargs.items():
            if argument == "lr":
                raise ValueError(f"{kind}: the argument is called learning_rate: {kind}(learning_rate={value!r}).")
            if argument == "decay":
                raise ValueError(
                    f"{kind}: the argument decay has become a schedule: {kind}(gm.optimizers.schedules."
                    f"InverseTimeDecay(learning_rate, decay_steps=1, decay_rate={value!r}))."
                )
            known = [*self.hyper_names, *SETTINGS, "use_ema", "gradient_accumulation_steps", "name"]
            raise TypeError(f"{kind} has no argument {argument!r}.{did_you_mean(argument, known)}")

    def __getattr__(self, name: str) -> Any:
        if name in SETTINGS:
            return getattr(self._rules, name)
        if name == "lr":
            raise AttributeError("The attribute lr of optimizers is called learning_rate.", name=name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SETTINGS:
            setattr(self._rules, name, value)
        elif name == "lr":
            raise AttributeError(f"The attribute is called learning_rate: optimizer.learning_rate = {value!r}.")
        else:
            super().__setattr__(name, value)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leaves variables out of weight decay. To be called before training.

        Args:
            var_list: variables.
            var_names: patterns (regular expressions) looked for in the paths of variables, such as `"bias"`.

        Raises:
            RuntimeError: if training began.
            ValueError: when training begins, if no pattern fits a variable, or one looks like a misspelt name.

        Example:
            >>> optimizer = gm.optimizers.AdamW(1e-3)
            >>> optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        """
        self._rules.exclude(var_list or (), var_names or ())

    def set_learning_rate_multipliers(self, factors: dict[str, float]) -> None:
        """Gives layers or variables a learning rate of their own. To be called before training.

        Args:
            factors: by a pattern (regular expression) looked for in the paths of variables, what their learning rate is
                multiplied by. If several fit, the last one counts.

        Raises:
            ValueError: for a factor below 0; when training begins, for a pattern that fits no variable.
            RuntimeError: if training began.

        Example:
            >>> optimizer = gm.optimizers.Adam(1e-3)
            >>> optimizer.set_learning_rate_multipliers({"^pretrained/": 0.1, "bias": 2.0})
        """
        self._rules.multiply(factors)

    def check_names(self, variables: Iterable[Variable]) -> None:
        """Refuses rules for variables by names that none of them has.

        Args:
            variables: all there are.

        Raises:
            ValueError: with near matches.
        """
        unknown = self._rules.unknown_names([variable.path for variable in variables])
        if unknown:
            raise ValueError(unknown)

    def variable_rules(self, names: dict[int, str]) -> dict[str, Any]:
        """The rules for single variables as plain values: exclusions from weight decay, factors of the learning rate.

        Args:
            names: of variables, by `id`.
        """
        return {"multipliers": self._rules.multipliers, **self._rules.exclusions(names)}

    def set_variable_rules(self, rules: dict[str, Any], variables: dict[str, Variable]) -> None:
        """Takes over what `variable_rules` returned.

        Args:
            rules: the rules.
            variables: by name.
        """
        self._rules.multiply(rules["multipliers"])
        self._rules.exclude([variables[name] for name in rules["undecayed"]], rules["undecayed_patterns"])

    def get_config(self) -> dict[str, Any]:
        """What the optimizer can be made from again; its slots are not part of it."""
        return {
            "name": self.name,
            **{name: self._setting(name) for name in self.hyper_names},
            **self._rules.values,
            "use_ema": self.use_ema,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    def _setting(self, name: str) -> Any:
        """A hyper-parameter as a number, or the configuration of its schedule."""
        return serialize(self._schedules[name]) if name in self._schedules else float(getattr(self, name))

    @classmethod
    def from_config(cls: type[T], config: dict[str, Any]) -> T:
        """An optimizer from its `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={float(getattr(self, name)):g}" for name in self.hyper_names)
        return f"<{type(self).__name__} {numbers}>"
