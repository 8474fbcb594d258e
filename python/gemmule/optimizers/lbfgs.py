"""Limited-memory BFGS on all data at once: Nocedal and Wright, "Numerical Optimization", 2006, ch. 7.2."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np

from gemmule import ops
from gemmule.autograd import GradientTape
from gemmule.backend import execute
from gemmule.errors import NonFiniteError, received
from gemmule.optimizers.line_search import Trial, WolfeSearch
from gemmule.optimizers.optimizer import Optimizer
from gemmule.optimizers.states import Targets
from gemmule.tensor import Tensor, Variable


class MinimizeResult(NamedTuple):
    """What `LBFGS.minimize` did.

    Attributes:
        loss: the loss at the end.
        losses: the loss at the start and after each iteration.
        gradient_norm: the largest absolute element of the gradient at the end.
        iterations: number of steps.
        evaluations: how often loss and gradient were computed over all data.
        converged: whether a tolerance was reached.
        message: why it ended, in words.
    """

    loss: float
    losses: list[float]
    gradient_norm: float
    iterations: int
    evaluations: int
    converged: bool
    message: str


class Problem(Protocol):
    """A loss as a function of one flat float64 vector.

    Attributes:
        start: the parameters as they are.
        precision: relative rounding error of a loss.
        what: what to call it in messages.
    """

    start: np.ndarray
    precision: float
    what: str

    def place(self, point: np.ndarray) -> None:
        """Gives the parameters these values; `point` receives what they could take, in their own type."""

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Loss and gradient at the parameters."""
        ...


class LBFGS(Optimizer):
    """L-BFGS with a strong-Wolfe line search, for full-batch training. It has `minimize` in the place of `fit`.

    The direction is `-H g`, with an approximation `H` of the inverse Hessian from the last `history_size` changes of
    parameters and gradients (algorithms 7.4 and 7.5); the step is that of algorithms 3.5 and 3.6. All vectors are
    float64: some `8 * (2 * history_size + 8)` bytes for each parameter. PyTorch's `LBFGS` searches only when told to.

    Args:
        max_iterations: most steps.
        history_size: how many changes are kept.
        tolerance_gradient: converged when no element of the gradient is larger.
        tolerance_change: converged when a step lowers the loss by no more than this share of it (of 1, if it is less).
        max_line_search: most evaluations in one step.
        c1: share of the promised fall that a step must reach (sufficient decrease).
        c2: share of the slope that may be left behind a step (curvature).
        learning_rate: first step length that is tried.
        name: its name.

    Raises:
        ValueError: for numbers that make no sense.

    Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.

    Example:
        >>> model.compile(optimizer=gm.optimizers.LBFGS(max_iterations=100), loss="mse")
        >>> result = model.optimizer.minimize(model, x, y)
        >>> result.loss, result.message
    """

    def __init__(
        self,
        max_iterations: int = 200,
        history_size: int = 10,
        tolerance_gradient: float = 1e-5,
        tolerance_change: float = 1e-9,
        max_line_search: int = 20,
        c1: float = 1e-4,
        c2: float = 0.9,
        learning_rate: float = 1.0,
        name: str | None = "lbfgs",
    ) -> None:
        super().__init__(learning_rate, name=name)
        counts = {"max_iterations": max_iterations, "history_size": history_size, "max_line_search": max_line_search}
        for argument, count in counts.items():
            if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
                raise ValueError(f"LBFGS: {argument} must be a positive integer.{received(**{argument: count})}")
        if not (tolerance_gradient >= 0 and tolerance_change >= 0):
            raise ValueError(
                "LBFGS: tolerances must be numbers from 0 on."
                f"{received(tolerance_gradient=tolerance_gradient, tolerance_change=tolerance_change)}"
            )
        if not 0 < c1 < c2 < 1:
            raise ValueError(f"LBFGS: c1 and c2 must be numbers with 0 < c1 < c2 < 1.{received(c1=c1, c2=c2)}")
        self.max_iterations, self.history_size, self.max_line_search = max_iterations, history_size, max_line_search
        self.tolerance_gradient, self.tolerance_change = tolerance_gradient, tolerance_change
        self.c1, self.c2 = c1, c2

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {name: getattr(self, name) for name in _ARGUMENTS} | {"learning_rate": self._setting("learning_rate")}

    def step(self, targets: Targets, gradients: Sequence[np.ndarray]) -> None:
        """Refuses steps of single batches.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            "LBFGS works on all data at once: it cannot make the steps of fit(), train_on_batch() or apply_gradients()."
            " Call model.optimizer.minimize(model, x, y)."
        )

    def minimize(
        self,
        model: Any,
        x: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        variables: Iterable[Variable] | None = None,
    ) -> MinimizeResult:
        """Minimizes the loss of a compiled model over all data, or any function of variables.

        A model computes as in inference, without dropout and with moving statistics, so that its loss is a function of
        its weights: the one that `evaluate` gives. Loss and gradient are summed in float64 over batches in their order.

        Args:
            model: a compiled model; or a function without arguments that returns the loss, computed with `gm.ops`.
            x: examples, see `fit`; for a function its variables.
            y: targets.
            sample_weight: weight of each example.
            batch_size: examples that are computed at a time, at most 1024 by default. It changes no more than rounding.
            variables: of a function.

        Returns:
            What was done. The parameters are at the lowest loss that was found.

        Raises:
            ValueError: for variables with constraints, without trainable variables, or data that does not fit.
            NonFiniteError: if the loss or the gradient is not finite at the start.

        Example:
            >>> w = gm.Variable([3.0, -2.0])
            >>> gm.optimizers.LBFGS().minimize(lambda: gm.ops.sum(w * w), [w]).converged
            True
        """
        if hasattr(model, "compute_loss"):
            if variables is not None:
                raise ValueError(
                    "LBFGS.minimize: variables are for functions; freeze those of a model that shall stay."
                )
            problem: AbstractContextManager[Problem] = model._full_batch(x, y, sample_weight, batch_size)
            with problem as found:
                return self._minimize(found)
        if not callable(model) or any(value is not None for value in (y, sample_weight, batch_size)):
            raise ValueError(
                "LBFGS.minimize takes a compiled model and data, or a function and variables."
                f"{received(model=model, y=y, sample_weight=sample_weight, batch_size=batch_size)}"
            )
        return self._minimize(FunctionProblem(model, x if variables is None else variables))

    # ---- The iteration -------------------------------------------------------------------------------------------

    def _minimize(self, problem: Problem) -> MinimizeResult:
        run = _Run(self, problem)
        try:
            converged, message = run.go()
        finally:
            problem.place(run.here.point)  # not the last trial of a search, also after Ctrl-C
        execute("advance", [self.updates], [], by=run.iterations)
        losses, norm = run.losses, _largest(run.here.gradient)
        return MinimizeResult(losses[-1], losses, norm, run.iterations, run.evaluations, converged, message)


_ARGUMENTS = (
    "max_iterations", "history_size", "tolerance_gradient", "tolerance_change", "max_line_search", "c1", "c2",
    "learning_rate", "name",
)  # fmt: skip


class _Run:
    """One minimization: where it is, and what it knows of the curvature."""

    def __init__(self, settings: LBFGS, problem: Problem) -> None:
        self._settings, self._problem = settings, problem
        self.iterations, self.evaluations = 0, 0
        self._pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=settings.history_size)
        self.here = Trial(0.0, math.nan, math.nan, problem.start, problem.start)
        self.here = self._evaluate(0.0, problem.start.copy(), None)
        self.losses = [self.here.loss]
        if not math.isfinite(self.here.loss) or not np.isfinite(self.here.gradient).all():
            raise NonFiniteError(
                f"{problem.what} or its gradient is not finite at the start, so that there is no way down. Look for "
                f"NaN in the data, for too large weights, for log or division of zero.{received(loss=self.here.loss)}"
            )

    def go(self) -> tuple[bool, str]:
        """Iterates to the end; whether it converged, and why it ended."""
        settings = self._settings
        while _largest(self.here.gradient) > settings.tolerance_gradient:
            if self.iterations == settings.max_iterations:
                return False, f"max_iterations={settings.max_iterations} were made"
            found = self._search()
            if found is None and self._pairs:
                self._pairs.clear()  # what was learned misleads: straight down once more
                found = self._search()
            if found is None:
                return False, "no step lowered the loss: rounding hides what is left, or the gradient is wrong"
            before, fallen = self.here, self.here.loss - found.loss
            self._learn(before, found)
            self.here = found
            self.losses.append(found.loss)
            self.iterations += 1
            if fallen <= settings.tolerance_change * max(abs(before.loss), abs(found.loss), 1.0):
                return True, "the loss changed by less than tolerance_change"
        return True, "the gradient is within tolerance_gradient"

    def _search(self) -> Trial | None:
        settings, here = self._settings, self.here
        direction = self._direction()
        slope = dot(direction, here.gradient)
        if not slope < 0:
            self._pairs.clear()
            direction = -here.gradient
            slope = dot(direction, here.gradient)
        first = float(settings.learning_rate)
        if not self._pairs:  # the scale is not known yet
            first *= min(1.0, 1.0 / math.sqrt(-slope))
        start = here._replace(step=0.0, slope=slope)
        slack = 2 * self._problem.precision * abs(here.loss)
        search = WolfeSearch(
            lambda step: self._evaluate(step, here.point + step * direction, direction),
            start, settings.c1, settings.c2, slack, settings.max_line_search,
        )  # fmt: skip
        return search.run(first)

    def _evaluate(self, step: float, point: np.ndarray, direction: np.ndarray | None) -> Trial:
        self.evaluations += 1
        self._problem.place(point)
        loss, gradient = self._problem.evaluate()
        return Trial(step, loss, math.nan if direction is None else dot(direction, gradient), point, gradient)

    def _learn(self, before: Trial, found: Trial) -> None:
        moved, turned = found.point - before.point, found.gradient - before.gradient
        curvature, size = dot(moved, turned), dot(turned, turned)
        if curvature > np.finfo(np.float64).eps * size:
            self._pairs.append((moved, turned, 1.0 / curvature))

    def _direction(self) -> np.ndarray:
        """-H g by the two loops of algorithm 7.4, with the first H of equation 7.20."""
        q = -self.here.gradient
        shares = []
        for moved, turned, inverse in reversed(self._pairs):
            shares.append(inverse * dot(moved, q))
            q -= shares[-1] * turned
        if self._pairs:
            _, turned, inverse = self._pairs[-1]
            q *= 1.0 / (inverse * dot(turned, turned))
        for (moved, turned, inverse), share in zip(self._pairs, reversed(shares)):
            q += (share - inverse * dot(turned, q)) * moved
        return q


class FunctionProblem:
    """A function of variables, computed eagerly.

    Args:
        function: returns the loss.
        variables: what it depends on; those that are not trainable are left alone.

    Raises:
        ValueError: without trainable variables, or for one with a constraint.
    """

    what = "The function"

    def __init__(self, function: Callable[[], Any], variables: Any) -> None:
        given = [variables] if isinstance(variables, Variable) else list(variables or ())
        if not all(isinstance(variable, Variable) for variable in given):
            raise ValueError(
                f"LBFGS.minimize: a function comes with a list of its variables.{received(variables=given)}"
            )
        self._function = function
        self._variables = [variable for variable in given if variable.trainable and variable.dtype.kind == "f"]
        check_variables(self._variables)
        self.start = np.concatenate([variable.array.reshape(-1).astype(np.float64) for variable in self._variables])
        self.precision = max(float(np.finfo(variable.dtype).eps) for variable in self._variables)

    def place(self, point: np.ndarray) -> None:  # noqa: D102
        begin = 0
        for variable in self._variables:
            part = point[begin : begin + variable.size]
            variable.assign(part.reshape(variable.shape))
            part[...] = variable.array.reshape(-1)
            begin += variable.size

    def evaluate(self) -> tuple[float, np.ndarray]:  # noqa: D102
        with GradientTape() as tape:
            loss = self._function()
        if not isinstance(loss, Tensor) or loss.size != 1:
            raise ValueError(
                "LBFGS.minimize: the function must return one number as a tensor, computed from the variables with "
                f"gm.ops.{received(returned=loss)}"
            )
        found = tape.gradient(loss, self._variables)
        if all(gradient is None for gradient in found):
            raise ValueError("LBFGS.minimize: what the function returns does not depend on the variables.")
        parts = [np.zeros(v.size) if g is None else g.numpy().reshape(-1) for v, g in zip(self._variables, found)]
        return float(loss.item()), np.concatenate(parts).astype(np.float64)


def check_variables(variables: Sequence[Variable]) -> None:
    """Refuses what L-BFGS cannot minimize.

    Raises:
        ValueError: without variables, or for one with a constraint.
    """
    if not variables:
        raise ValueError("LBFGS.minimize: there is no trainable variable.")
    held = [variable.path for variable in variables if variable.constraint is not None]
    if held:
        raise ValueError(
            f"LBFGS.minimize: L-BFGS knows no constraints, but these variables have one: {', '.join(held)}. Take "
            "another optimizer, or a penalty in the place of the constraint."
        )


def dot(one: np.ndarray, two: np.ndarray) -> float:
    """The inner product of two vectors, by our own sum: its order does not depend on the number of threads."""
    return float(ops.sum(Tensor(one * two)).item())


def _largest(vector: np.ndarray) -> float:
    return float(np.abs(vector).max(initial=0.0))
