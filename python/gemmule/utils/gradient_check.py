"""Do the gradients agree with the loss? Centred differences in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from gemmule.autograd import GradientTape
from gemmule.data import adapter
from gemmule.deferral import Rehearsal
from gemmule.errors import received
from gemmule.memory import persistent
from gemmule.tensor import Variable

__all__ = ["GradientCheck", "check_gradients"]

VERDICTS = ((1e-7, "happy"), (1e-4, "okay with kinks"), (1e-2, "uncomfortable"), (np.inf, "wrong"))
SILENT = "all zero"
_ROUNDING = 64 * np.finfo(np.float64).eps  # of a loss, relative; the difference of two is divided by the step
_SMALLER = 1 / 32  # step of the second attempt


class GradientRow(NamedTuple):
    """What was found for one variable.

    Attributes:
        variable: its path.
        shape: its shape.
        checked: how many of its elements were looked at.
        error: the largest relative error among them, |a - n| / max(|a|, |n|).
        verdict: `"happy"`, `"okay with kinks"`, `"uncomfortable"`, `"wrong"`; `"all zero"` if nothing was to compare.
        worst: the index of the element with the largest error.
        analytic: its gradient by backpropagation.
        numeric: its gradient by centred differences.
    """

    variable: str
    shape: tuple[int, ...]
    checked: int
    error: float
    verdict: str
    worst: tuple[int, ...]
    analytic: float
    numeric: float


class GradientCheck(NamedTuple):
    """The result of `check_gradients`; prints as a table.

    Attributes:
        rows: a `GradientRow` for each variable.
        loss: the loss.
        epsilon: the step.
    """

    rows: tuple[GradientRow, ...]
    loss: float
    epsilon: float

    @property
    def error(self) -> float:
        """The largest relative error of all variables."""
        return max((row.error for row in self.rows), default=0.0)

    @property
    def ok(self) -> bool:
        """Whether no variable is worse than `"okay with kinks"`."""
        return self.error <= VERDICTS[1][0]

    def __repr__(self) -> str:
        head = ("variable", "shape", "checked", "relative error", "verdict", "worst element: backward, differences")
        lines = [head]
        for row in self.rows:
            where = f"{list(row.worst)}: {row.analytic:.6e}, {row.numeric:.6e}"
            lines.append((row.variable, str(row.shape), str(row.checked), f"{row.error:.1e}", row.verdict, where))
        widths = [max(map(len, column)) for column in zip(*lines)]
        text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
        return "\n".join([f"Gradient check: loss {self.loss:.6g}, step {self.epsilon:g}, float64", *text])


def check_gradients(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    samples: int = 20,
    epsilon: float = 1e-5,
    training: bool = False,
    seed: int = 0,
) -> GradientCheck:
    """Compares the gradients of a compiled model's loss with centred differences, (L(w + h) - L(w - h)) / 2h.

    For the duration of the check the model computes in float64: with float32's seven digits a difference of two losses
    says little. Weights, random counters and moving statistics are afterwards what they were. An element that
    disagrees is tried again with a smaller step: a kink, such as that of relu, that lay between w - h and w + h is
    passed by then, and a gradient that is wrong stays wrong.

    The verdicts are those of the course CS231n ("Neural Networks Part 3: gradient checks") on the relative error
    |a - n| / max(|a|, |n|), where the rounding of the losses does not explain it: above 1e-2 wrong, above 1e-4
    uncomfortable, up to 1e-4 okay if the loss has kinks, up to 1e-7 happy. A few examples are enough, and have fewer
    kinks than many.

    Args:
        model: a compiled model.
        x: examples; see `fit`.
        y: targets.
        sample_weight: weight of each example.
        samples: how many elements of each variable are checked, drawn at random.
        epsilon: the step h.
        training: whether layers behave as in training: dropout with the same units dropped each time, batch
            normalization with the statistics of the batch. By default as in inference.
        seed: of the drawing of elements.

    Returns:
        The errors and verdicts; `print` shows a table.

    Raises:
        RuntimeError: if the model is not compiled.
        ValueError: for a step or a number of samples that is not positive, or if the loss is not finite.

    Example:
        >>> print(gm.utils.check_gradients(model, x_train[:8], y_train[:8]))
    """
    if not epsilon > 0 or isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1:
        raise ValueError(
            "check_gradients: epsilon must be positive and samples a positive integer."
            f"{received(epsilon=epsilon, samples=samples)}"
        )
    compiled = model._require_compiled("check_gradients")
    data, places = model._runner.prepare(adapter.dataset(x, y, sample_weight), training=False)
    generator = np.random.default_rng(seed)
    with in_double(model):
        feed = model._runner.feed(data, places)
        batch = feed.layout.batch(feed.arrays, persistent((1,), "int64"), feed.size)
        variables = [v for v in model.trainable_variables if v.dtype.kind == "f"]
        state = [v.array for v in model.non_trainable_variables]
        frozen = compiled.training_step().frozen
        probe = _Probe(model, batch, training, lambda: Rehearsal(frozen, state))
        loss, gradients = probe.differentiate(variables)
        if not np.isfinite(loss):
            raise ValueError(f"check_gradients: the loss is not finite.{received(loss=loss)}")
        rows = [_check(probe.loss, *pair, samples, epsilon, generator) for pair in zip(variables, gradients)]
    return GradientCheck(tuple(rows), loss, epsilon)


@contextmanager
def in_double(model: Any) -> Iterator[None]:
    """Lets a model compute in float64 inside the block, with copies of its weights."""
    layers = [(layer, layer._dtype, layer._array_dtype) for layer in model._flatten_layers()]
    arrays = [(variable, variable._array) for variable in model.variables if variable.dtype.kind == "f"]
    try:
        for layer, _, _ in layers:  # past __setattr__: recorded steps remain valid for what comes afterwards
            layer.__dict__.update(_dtype="float64", _array_dtype=np.dtype("float64"))
        for variable, array in arrays:
            variable._array = persistent(array.shape, "float64")
            variable._array[...] = array
        yield
    finally:
        for layer, dtype, array_dtype in layers:
            layer.__dict__.update(_dtype=dtype, _array_dtype=array_dtype)
        for variable, array in arrays:
            variable._array = array


class _Probe:
    """The loss of one batch as a function of the weights."""

    def __init__(self, model: Any, batch: Any, training: bool, rehearsal: Callable[[], Rehearsal]) -> None:
        self._model, self._training, self._rehearsal = model, training, rehearsal
        self._x, self._y, self._weights = adapter.unpack_x_y_sample_weight(batch)

    def _loss(self) -> Any:
        y_pred = self._model(self._x, training=self._training)
        return self._model.compute_loss(
            x=self._x, y=self._y, y_pred=y_pred, sample_weight=self._weights, training=self._training
        )

    def loss(self) -> float:
        with self._rehearsal():
            return float(self._loss())

    def differentiate(self, variables: Sequence[Variable]) -> tuple[float, list[np.ndarray]]:
        with self._rehearsal():
            with GradientTape() as tape:
                tape.watch(variables)
                loss = self._loss()
            found = tape.gradient(loss, variables, unconnected_gradients="zero")
            return float(loss), [gradient.numpy() for gradient in found]


def _check(
    loss: Callable[[], float],
    variable: Variable,
    gradient: np.ndarray,
    samples: int,
    epsilon: float,
    generator: np.random.Generator,
) -> GradientRow:
    weights = variable.array.reshape(-1)
    chosen = np.sort(generator.permutation(weights.size)[:samples])
    found = [_compare(loss, weights, int(index), float(gradient.reshape(-1)[index]), epsilon) for index in chosen]
    error, analytic, numeric = max(found, default=(0.0, 0.0, 0.0))
    index = int(chosen[found.index((error, analytic, numeric))]) if found else 0
    worst = tuple(int(i) for i in np.unravel_index(index, variable.shape)) if found else ()
    silent = not any(a or n for _, a, n in found)
    verdict = SILENT if silent else next(name for limit, name in VERDICTS if error <= limit)
    return GradientRow(variable.path, variable.shape, len(found), error, verdict, worst, analytic, numeric)


def _compare(
    loss: Callable[[], float], weights: np.ndarray, index: int, analytic: float, epsilon: float
) -> tuple[float, float, float]:
    """(relative error, gradient by backpropagation, gradient by differences) of one element."""
    attempts = []
    for step in (epsilon, epsilon * _SMALLER):
        numeric, rounding = _difference(loss, weights, index, step)
        difference, scale = abs(analytic - numeric), max(abs(analytic), abs(numeric))
        error = difference / scale if scale else 0.0
        if error > VERDICTS[0][0]:
            error = max(difference - rounding, 0.0) / scale
        attempts.append((error, analytic, numeric))
        if error <= VERDICTS[0][0]:
            break
    return min(attempts)


def _difference(loss: Callable[[], float], weights: np.ndarray, index: int, step: float) -> tuple[float, float]:
    """The centred difference, and how far it may be off for rounding alone."""
    value = float(weights[index])
    try:
        weights[index] = above = value + step
        high = loss()
        weights[index] = below = value - step
        low = loss()
    finally:
        weights[index] = value
    return (high - low) / (above - below), _ROUNDING * max(abs(high), abs(low)) / step
