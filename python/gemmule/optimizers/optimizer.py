"""The base of optimizers: hyper-parameters, slots, and the two ways to apply gradients.

`fit` updates whole runs of packed parameters at once. `apply_gradients`, for training loops of your own, goes from
variable to variable. Both use the same slots.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gemmule import deferral
from gemmule.backend import execute
from gemmule.errors import GemmuleWarning, did_you_mean, not_yet, received
from gemmule.memory import persistent
from gemmule.mutation import Watched
from gemmule.naming import snake_case
from gemmule.ops.shapes import as_tensor
from gemmule.optimizers.hyper import HyperParameter
from gemmule.store import ParameterRun
from gemmule.tensor import Variable

# Arguments of Keras's that wait for their time, with the values that change nothing.
LATER = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class Optimizer(Watched):
    """Base class of optimizers. A subclass names its slots and hyper-parameters and defines `update`.

    Args:
        learning_rate: step size.
        name: its name; the class's in snake case by default.
        **kwargs: arguments of Keras's that are not supported yet; only their defaults are accepted.

    Attributes:
        hyper: float64 vector of the hyper-parameters, in the order of `hyper_names`; kernels read it.
        iterations: int64 variable, the number of steps done.

    Raises:
        ValueError: for hyper-parameters that make no sense.
        NotImplementedError: for what is not supported yet.
    """

    hyper_names: tuple[str, ...] = ("learning_rate",)
    slot_names: tuple[str, ...] = ()
    _unwatched = frozenset({"name"})
    _copyable = False

    learning_rate = HyperParameter()

    def __init__(self, learning_rate: float, name: str | None = None, **kwargs: Any) -> None:
        self._check_kwargs(kwargs)
        self.name = name or snake_case(type(self).__name__)
        self.hyper = persistent((len(self.hyper_names),), "float64")
        self.iterations = Variable(np.zeros((), np.int64), trainable=False, name="iterations")
        self.step = self.iterations.array.reshape(1)  # as kernels want it
        self._variables: dict[int, tuple[Variable, list[np.ndarray]]] = {}
        self._runs: dict[int, tuple[ParameterRun, list[np.ndarray]]] = {}
        self.learning_rate = learning_rate

    def _check_kwargs(self, kwargs: dict[str, Any]) -> None:
        kind = type(self).__name__
        for argument, value in kwargs.items():
            if argument == "lr":
                raise ValueError(f"{kind}: the argument is called learning_rate: {kind}(learning_rate={value!r}).")
            if argument not in LATER:
                raise TypeError(
                    f"{kind} has no argument {argument!r}.{did_you_mean(argument, [*self.hyper_names, 'name'])}"
                )
            if value != LATER[argument]:
                raise not_yet(f"{kind}({argument}=...)")

    @property
    def built(self) -> bool:
        """Whether slots exist."""
        return bool(self._variables)

    def build(self, variables: Iterable[Variable]) -> None:
        """Makes slots for variables that have none.

        Args:
            variables: what `apply_gradients` will update.
        """
        for variable in variables:
            if id(variable) not in self._variables:
                slots = [persistent((variable.size,), variable.dtype) for _ in self.slot_names]
                self._variables[id(variable)] = (variable, slots)

    def build_run(self, run: ParameterRun) -> None:
        """Makes slots that mirror a run of parameters, and moves into them what its variables' slots held so far.

        Args:
            run: the packed parameters.
        """
        if id(run) in self._runs:
            return
        flat = [persistent(run.array.shape, run.array.dtype) for _ in self.slot_names]
        for variable in run.variables:
            parts = [slot[run.slices[id(variable)]] for slot in flat]
            _, earlier = self._variables.get(id(variable), (None, []))
            for part, values in zip(parts, earlier):
                part[...] = values
            self._variables[id(variable)] = (variable, parts)
        self._runs[id(run)] = (run, flat)

    def update(self, w: np.ndarray, dw: np.ndarray, slots: Sequence[np.ndarray]) -> None:
        """One step for one stretch of parameters, by one backend call. To be overridden.

        Args:
            w: parameters (n,), changed in place.
            dw: their gradient (n,).
            slots: the state (n,) each, changed in place, in the order of `slot_names`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update(self, w, dw, slots).")

    def update_run(self, run: ParameterRun, gradients: np.ndarray, segments: Sequence[slice]) -> None:
        """One step for stretches of a run.

        Args:
            run: the packed parameters.
            gradients: laid out like the run.
            segments: the stretches to update.
        """
        _, slots = self._runs[id(run)]
        for segment in segments:
            self.update(run.array[segment], gradients[segment], [slot[segment] for slot in slots])

    def finish_step(self) -> None:
        """Counts a step, after all its updates, and lets the writes to state that waited for them be made."""
        execute("advance", [self.step], [], by=1)
        deferral.commit()

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
        self._check_connected(pairs, len(found))
        self.build(variable for _, variable in found)
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
        for g, (_, variable) in zip(arrays, found, strict=True):
            _, slots = self._variables[id(variable)]
            self.update(variable.array.reshape(-1), g.reshape(-1), slots)
            variable.changes += 1
        self.finish_step()
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
        known = [variable for variable, _ in self._variables.values()]
        variables = known if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"apply() needs one gradient for each variable.{received(grads=len(grads), variables=len(variables))}"
            )
        self.apply_gradients(zip(grads, variables))

    def _check_connected(self, pairs: Sequence[tuple[Any, Variable]], found: int) -> None:
        if found == len(pairs) and pairs:
            return
        missing = ", ".join(variable.path for _, variable in pairs)
        if not found:
            raise ValueError(
                f"There is no gradient for any variable: {missing or 'the list is empty'}. Compute the loss inside the "
                "GradientTape block, with gm.ops, from these variables."
            )
        missing = ", ".join(variable.path for gradient, variable in pairs if gradient is None)
        warnings.warn(
            f"The loss does not depend on these variables, which are not updated: {missing}.",
            GemmuleWarning,
            stacklevel=3,
        )

    def get_config(self) -> dict[str, Any]:
        """What the optimizer can be made from again; its slots are not part of it."""
        return {"name": self.name} | {name: float(getattr(self, name)) for name in self.hyper_names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """An optimizer from its `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={float(getattr(self, name)):g}" for name in self.hyper_names)
        return f"<{type(self).__name__} {numbers}>"
