"""The loss over all data as a function of the parameters, for optimizers that want it whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule.autograd import GradientTape
from gemmule.backend import execute
from gemmule.data import adapter
from gemmule.memory import persistent
from gemmule.models.compiled import Compiled
from gemmule.models.feed import Feed, new_cursor
from gemmule.models.runner import SLICE_SECONDS, EpochRunner, Training
from gemmule.optimizers.lbfgs import check_variables
from gemmule.plan import StepFunction

if TYPE_CHECKING:
    from gemmule.data.adapter import Dataset
    from gemmule.models.model import Model

_ROWS = 1024  # computed at a time


class FullBatch:
    """Loss and gradient of a compiled model over a data set, in inference mode; a context that holds the model.

    Args:
        model: the model.
        compiled: its losses, and which variables are trained.
        runner: prepares the data.
        data: all of it.
        batch_size: rows computed at a time.

    Attributes:
        start: the trained parameters, float64, one behind the other.
        precision: relative rounding error of the loss.
    """

    what = "The loss"

    def __init__(
        self, model: Model, compiled: Compiled, runner: EpochRunner, data: Dataset, batch_size: int | None
    ) -> None:
        self._model, self._compiled, self._training = model, compiled, Training(runner, compiled, data)
        self._rows = min(batch_size or _ROWS, data.size)
        self._loss, self._cursor = persistent((1,), "float64"), new_cursor()

    def __enter__(self) -> FullBatch:
        feed = self._training.__enter__()
        try:
            self._variables = self._compiled.floating_trainable()
            check_variables(self._variables)
            self._parts = [
                (run.array[segment], gradients[segment], persistent(gradients[segment].shape, "float64"))
                for run, gradients, segments in self._compiled._runs
                for segment in segments
            ]
            self.start = np.concatenate([parameters.astype(np.float64) for parameters, _, _ in self._parts])
            self.precision = max(float(np.finfo(parameters.dtype).eps) for parameters, _, _ in self._parts)
            whole, rest = divmod(feed.size, self._rows)
            self._steps = [(self._step(feed, rows), count) for rows, count in ((self._rows, whole), (rest, 1)) if rows]
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exception: object) -> None:
        self._training.__exit__()

    def place(self, point: np.ndarray) -> None:
        """Gives the trained parameters these values; `point` receives what they could take, in their own type."""
        begin = 0
        for parameters, _, _ in self._parts:
            part = point[begin : begin + parameters.size]
            execute("copy", [parameters], [part])
            part[...] = parameters
            begin += parameters.size
        for variable in self._variables:
            variable.changes += 1

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Loss and gradient, summed over all batches in their order."""
        self._loss[...] = self._cursor[...] = 0
        for _, _, total in self._parts:
            total[...] = 0
        for step, count in self._steps:
            done = 0
            while done < count:
                done += step.run(count - done, SLICE_SECONDS)[0]
        return float(self._loss[0]), np.concatenate([total for _, _, total in self._parts])

    def _step(self, feed: Feed, rows: int) -> StepFunction:
        model = self._model
        body = self._body(feed, rows)
        strict = model.jit_compile is True
        return StepFunction(body, feed.arrays, model.run_eagerly, strict, name=f"{model.name}.minimize")

    def _body(self, feed: Feed, rows: int) -> Callable[[dict[str, np.ndarray]], None]:
        model, compiled, share = self._model, self._compiled, persistent((1,), "float64")
        share[0] = rows / feed.size

        def add(total: np.ndarray, value: np.ndarray) -> None:
            exact, scaled = np.empty(total.shape), np.empty(total.shape)
            execute("copy", [exact], [value])
            execute("multiply", [scaled], [exact, share])
            execute("add", [total], [total, scaled])

        def body(feeds: dict[str, np.ndarray]) -> None:
            x, y, weights = adapter.unpack_x_y_sample_weight(feed.layout.batch(feeds, self._cursor, rows))
            with compiled.training_step():
                with GradientTape() as tape:
                    tape.watch(self._variables)
                    y_pred: Any = model(x, training=False)
                    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=False)
                compiled.differentiate(tape, loss)
            add(self._loss, loss.array.reshape(1))
            for _, gradient, total in self._parts:
                add(total, gradient)
            execute("advance", [self._cursor], [], by=rows)

        return body
