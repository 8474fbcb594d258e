"""The base of optimizers: hyper-parameters, slots, and the one way to make a step.

`fit` updates whole runs of packed parameters at once. `apply_gradients`, for training loops of your own, goes from
variable to variable. Both make `Targets` and hand them to `step`; both use the same slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import Parameter, signature
from typing import Any

import numpy as np

from gemmule import deferral
from gemmule.backend import execute
from gemmule.constraints import NonNeg
from gemmule.errors import check_connected, received
from gemmule.memory import persistent
from gemmule.ops.shapes import as_tensor
from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.rules import Part, Rules
from gemmule.optimizers.schedules.schedule import LearningRateSchedule
from gemmule.optimizers.settings import Common
from gemmule.optimizers.states import State, StateKeeper, Targets, place
from gemmule.store import ParameterRun, generation
from gemmule.tensor import Variable


class Optimizer(StateKeeper):
    """Base class of optimizers. A subclass names its kernel, its slots and its hyper-parameters.

    Args:
        learning_rate: step size, or a schedule of it.
        weight_decay: share of each parameter, times the learning rate, that goes in each step ("decoupled" decay).
            PyTorch's optimizers other than AdamW add it to the gradient instead.
        clipnorm: scales the gradient of each variable down to this norm.
        clipvalue: cuts each element of the gradients at plus and minus this value.
        global_clipnorm: scales all gradients down so that their norm together is at most this.
        use_ema: keeps a moving average of the parameters. At the end of `fit` they take its values; see
            `finalize_variable_values`.
        ema_momentum: share of the moving average that is kept in a step.
        ema_overwrite_frequency: after how many steps, again and again, parameters take the values of their averages.
        loss_scale_factor: only `None`; it concerns mixed precision, which gemmule does not use.
        gradient_accumulation_steps: over how many batches gradients are averaged before a step is made. `iterations`
            and so schedules count steps, where Keras counts batches; constraints wait for the step, too.
        name: its name.
        **kwargs: refused, with the new names of old arguments.

    Attributes:
        hyper: float64 vector of the hyper-parameters, in the order of `hyper_names`; kernels read it.

    Raises:
        ValueError: for hyper-parameters that make no sense.
        NotImplementedError: for a class without a kernel, or with an `update_step` as in Keras.

    Source: decoupled weight decay: Loshchilov and Hutter, 2019; averages: Polyak and Juditsky, 1992; clipping by norm:
    Pascanu, Mikolov and Bengio, 2013.
    """

    kernel = ""
    derived = 0  # how many numbers that the optimizer computes follow the hyper-parameters in their vector
    variant = 0  # which form of its formula the kernel computes
    _unwatched = frozenset({"name"})
    _copyable = False

    learning_rate = HyperParameter()

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        makes_steps = self.kernel or type(self).step is not Optimizer.step
        if not makes_steps or hasattr(self, "update_step"):
            raise NotImplementedError(
                f"{kind}: update_step(gradient, variable, learning_rate) of Keras's optimizers is not called: here the "
                "formula of an optimizer is a kernel. Derive from one that has it, such as gm.optimizers.SGD, to set "
                "it up in another way; write a formula of your own with gm.ops and variable.assign in the train_step "
                "of a model, which is recorded as well."
            )
        self._check_kwargs(kwargs)
        if loss_scale_factor is not None:
            raise ValueError(
                f"{kind}: loss_scale_factor is for mixed precision, which gemmule does not use."
                f"{received(loss_scale_factor=loss_scale_factor)}"
            )
        _check_count(kind, "gradient_accumulation_steps", gradient_accumulation_steps, 2)
        _check_count(kind, "ema_overwrite_frequency", ema_overwrite_frequency, 1)
        self.name = name or self.default_name()
        self.hyper = persistent((len(self.hyper_names) + self.derived,), "float64")
        self.use_ema, self.ema_overwrite_frequency = bool(use_ema), ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._rules = Rules(
            kind,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            ema_momentum=ema_momentum,
        )
        self._rules.share = 1.0 / (gradient_accumulation_steps or 1)
        self._rules.write()
        self.iterations = Variable(np.zeros((), np.int64), trainable=False, name="iterations")
        self.updates = self.iterations.array.reshape(1)  # as kernels want it
        self.calls = persistent((1,), "int64")  # steps and those that only accumulated
        self._gate = persistent((1,), "int32") if gradient_accumulation_steps else None
        self._states: dict[int, tuple[Variable, State]] = {}
        self._runs: dict[int, tuple[ParameterRun, State]] = {}
        self._known_targets: dict[tuple[int, ...], Targets] = {}
        self._schedules: dict[str, LearningRateSchedule] = {}
        self.learning_rate = learning_rate

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Shows the arguments all optimizers have in the signature of a class that takes them as `**common`."""
        super().__init_subclass__(**kwargs)
        own = list(signature(cls.__init__).parameters.values())[1:]
        if own and own[-1].kind is Parameter.VAR_KEYWORD:
            taken = {parameter.name for parameter in own}
            every = signature(Optimizer.__init__).parameters
            rest = [every[name] for name in Common.__annotations__ if name not in taken]
            rest = [p.replace(default=cls.default_name()) if p.name == "name" else p for p in rest]
            shown = [*own[:-1], *rest, own[-1].replace(name="kwargs")]
            cls.__signature__ = signature(cls.__init__).replace(parameters=shown)  # type: ignore[attr-defined]

    def named_state(self) -> dict[str, np.ndarray]:
        """What is kept besides slots, in place: a file holds it, and writes it back. A subclass adds what it has."""
        return {"iterations": self.updates, "calls": self.calls, "hyper": self.hyper}

    @property
    def variables(self) -> list[Variable]:
        """The number of steps. Slots are plain arrays here: see `slots_of`."""
        return [self.iterations]

    # ---- What a step updates -------------------------------------------------------------------------------------

    def targets_of_runs(self, runs: Sequence[tuple[ParameterRun, Sequence[Variable]]]) -> Targets:
        """What `fit` updates.

        Args:
            runs: packed parameters, and which of their variables are trained.
        """
        parts, where = [], []
        for number, (run, variables) in enumerate(runs):
            self.build_run(run)
            groups: dict[Any, list[Variable]] = {}
            for variable in variables:
                groups.setdefault(self._rules.key(variable), []).append(variable)
            for group in groups.values():
                for segment in run.segments(group):
                    inside = [v for v in group if segment.start <= run.slices[id(v)].start < segment.stop]
                    parts.append(Part(run.array[segment], *self._runs[id(run)][1].cut(segment), tuple(inside)))
                    where.append((number, segment))
        return self._targets(parts, where, [variable for _, variables in runs for variable in variables])

    def _targets_of_variables(self, variables: Sequence[Variable]) -> Targets:
        key = (generation(), *[id(variable) for variable in variables])
        if key not in self._known_targets:
            if any(other[0] != key[0] for other in self._known_targets):
                self._forget_targets()  # variables have moved since
            self.build(variables)
            parts = [Part(v.array.reshape(-1), *self._states[id(v)][1], (v,)) for v in variables]
            self._known_targets[key] = self._targets(parts, [(i, slice(None)) for i in range(len(parts))], variables)
        return self._known_targets[key]

    def _targets(self, parts: list[Part], where: list[tuple[int, slice]], variables: Sequence[Variable]) -> Targets:
        constrained = [v for v in variables if v.constraint is not None and not isinstance(v.constraint, NonNeg)]
        pieces = [(number, place(v, part.w)) for number, part in enumerate(parts) for v in part.variables]
        sums = persistent((len(pieces),), "float64")
        return Targets(tuple(parts), tuple(where), tuple(pieces), self._rules.rows(parts), sums, tuple(constrained))

    # ---- A step --------------------------------------------------------------------------------------------------

    def step(self, targets: Targets, gradients: Sequence[np.ndarray]) -> None:
        """One step, by backend calls alone.

        Args:
            targets: what to update.
            gradients: laid out like the runs, or the variables, that the targets were made of; flat.
        """
        found = [gradients[number][segment] for number, segment in targets.where]
        self._follow_schedules()
        gate = self._gate
        if gate is not None:
            every = self.gradient_accumulation_steps
            execute("open_gate", [gate], [self.calls], every=every)
            for part, gradient in zip(targets.parts, found):
                execute("accumulate_gradient", [part.total], [gradient, self.calls], every=every)
            found = [part.total for part in targets.parts if part.total is not None]
        self._rules.clip(targets.rows, targets.sums, (found[number][place] for number, place in targets.pieces))
        self.prepare_step()
        for part, gradient, row in zip(targets.parts, found, targets.rows):
            inputs = [gradient, self.hyper, row, self.updates, gate]
            execute(self.kernel, [part.w, *part.slots, part.average], inputs, variant=self.variant)
        self._overwrite(targets)
        for variable in targets.constrained:
            variable.assign(variable.constraint(variable))
        execute("advance", [self.updates], [] if gate is None else [gate], by=1)
        if gate is not None:
            execute("advance", [self.calls], [], by=1)
        deferral.commit()

    def prepare_step(self) -> None:
        """Makes backend calls that come before the updates of a step. For subclasses."""

    def _follow_schedules(self) -> None:
        for name, schedule in self._schedules.items():
            place = self.hyper_names.index(name)
            value = as_tensor(schedule(self.iterations)).array
            execute("copy", [self.hyper[place : place + 1]], [value.reshape(1)])

    def _overwrite(self, targets: Targets) -> None:
        every = self.ema_overwrite_frequency
        if self.use_ema and every is not None:
            for part in targets.parts:
                execute("take_average", [part.w], [part.average, self.updates, self._gate], every=every)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """One step for the given variables.

        Args:
            grads_and_vars: pairs of a gradient and its variable. Variables with the gradient `None` are left alone.

        Returns:
            The number of steps done.

        Raises:
            ValueError: if there is no gradient at all, or one does not have the shape of its variable.

        Example:
            >>> w = gm.Variable([1.0])
            >>> optimizer = gm.optimizers.SGD(learning_rate=0.5)
            >>> with gm.GradientTape() as tape:
            ...     loss = w * w
            >>> _ = optimizer.apply_gradients([(tape.gradient(loss, w), w)])
            >>> w.numpy()
            array([0.], dtype=float32)
        """
        pairs = list(grads_and_vars)
        found = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        check_connected(
            ((gradient, variable.path) for gradient, variable in pairs),
            "Compute the loss inside the GradientTape block, with gm.ops, from these variables.",
        )
        arrays = []
        for gradient, variable in found:
            g = as_tensor(gradient, variable.dtype).array
            if g.shape != variable.shape:
                raise ValueError(
                    f'The gradient of variable "{variable.path}" does not have its shape.'
                    f"{received(gradient=g, variable=variable)}"
                )
            arrays.append(g)
        deferral.check_gradients(arrays)
        self.step(self._targets_of_variables([v for _, v in found]), [g.reshape(-1) for g in arrays])
        for _, variable in found:
            variable.changes += 1
        return self.iterations

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        """One step, gradients and variables in two lists.

        Args:
            grads: the gradients.
            trainable_variables: their variables; those of `build` by default.

        Raises:
            ValueError: if the lists are not of the same length.
        """
        grads = list(grads)
        known = [variable for variable, _ in self._states.values()]
        variables = known if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"apply() needs one gradient for each variable.{received(grads=len(grads), variables=len(variables))}"
            )
        self.apply_gradients(zip(grads, variables))


def _check_count(owner: str, name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least):
        raise ValueError(f"{owner}: {name} must be None or an integer from {least} on.{received(**{name: value})}")
