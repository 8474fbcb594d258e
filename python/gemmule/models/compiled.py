"""What `compile` sets up and the first training step completes: parameter runs, gradients, accumulators."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule import losses as losses_module
from gemmule import metrics as metrics_module
from gemmule import optimizers as optimizers_module
from gemmule.autograd import GradientTape
from gemmule.backend import execute, guard
from gemmule.memory import persistent
from gemmule.models.feed import new_cursor
from gemmule.random import Stream
from gemmule.store import ParameterRun, pack
from gemmule.tensor import Tensor, Variable

if TYPE_CHECKING:
    from gemmule.models.model import Model

LOSS, GRADIENT = 1, 2  # codes of the finite check


class Compiled:
    """Optimizer, loss and metrics of a model, and the memory its training needs.

    Args:
        model: the model that is compiled.
        optimizer: name or object.
        loss: name, object or function; `None` for models that define `compute_loss`.
        metrics: names, objects or functions.
        weighted_metrics: likewise, fed with the sample weights.
    """

    def __init__(
        self, model: Model, optimizer: Any, loss: Any, metrics: Sequence[Any], weighted_metrics: Sequence[Any]
    ) -> None:
        self.optimizer = optimizers_module.get(optimizer)
        self.loss = losses_module.get(loss) if loss is not None else None
        self._metric_specs = (list(metrics or ()), list(weighted_metrics or ()))
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.plain: list[Any] | None = None
        self.weighted: list[Any] = []
        self.shuffle_stream = Stream()
        self.cursor, self.test_cursor = new_cursor(), new_cursor()
        self.flag = persistent((1,), "int32")
        self.logs: dict[str, np.ndarray] = {}
        self.lock = threading.Lock()
        self.trainable: list[Variable] | None = list(model.trainable_variables) if model.built else None
        self._known: dict[int, Variable] = {}
        self._runs: list[tuple[ParameterRun, np.ndarray, list[slice]]] = []

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker and the compiled metrics."""
        return [self.loss_tracker, *(self.plain or ()), *self.weighted]

    def resolve_metrics(self, targets: Sequence[np.ndarray], output_shape: tuple[int, ...]) -> None:
        """Turns names into metrics once the shapes of targets and outputs are known."""
        if self.plain is not None:
            return
        shape = targets[0].shape if targets else ()
        groups = [
            [metrics_module.resolve(spec, self.loss, shape, output_shape) for spec in specs]
            for specs in self._metric_specs
        ]
        self.plain, self.weighted = groups

    def reset_metrics(self) -> None:
        """Starts all sums anew."""
        for metric in self.metrics:
            metric.reset_state()

    def results(self) -> dict[str, float]:
        """Current values by name."""
        values = {metric.name: float(metric.result()) for metric in self.metrics}
        values.update({name: float(array[0]) for name, array in self.logs.items()})
        return values

    @contextmanager
    def own_accumulators(self) -> Iterator[None]:
        """Sums of its own for an evaluation in the middle of an epoch."""
        states = [(metric, metric.save_state()) for metric in self.metrics]
        self.reset_metrics()
        try:
            yield
        finally:
            for metric, state in states:
                metric.restore_state(state)

    def prepare(self, model: Model) -> None:
        """Packs the parameters and allocates gradients and slots; does nothing the second time.

        Raises:
            RuntimeError: if a layer created a weight after the model was compiled and trained.
        """
        if self._known:
            return
        if self.trainable is None:
            self.trainable = list(model.trainable_variables)
        self._known = {id(variable): variable for variable in model.variables}
        for run in pack(self.trainable):
            segments = run.segments(self.trainable)
            self._runs.append((run, persistent(run.array.shape, run.array.dtype), segments))
            self.optimizer.build_run(run)

    def run_locks(self) -> list[threading.Lock]:
        """The locks of all parameters that training updates."""
        return [run.lock for run, _, _ in self._runs]

    def check_no_new_weights(self, model: Model) -> None:
        """Refuses weights that appeared after the first training step: no gradient would ever reach them.

        Raises:
            RuntimeError: naming them.
        """
        late = [v.path for v in model.trainable_variables if id(v) not in self._known]
        if late:
            raise RuntimeError(
                f"Weights were created after the model began to train and would never be updated: {', '.join(late)}. "
                "Create all weights in build(), or call compile() again."
            )

    def destinations(self) -> dict[int, np.ndarray]:
        """Where the gradient of each trainable variable goes, by `id`."""
        wanted = {id(v) for v in self.trainable or ()}
        return {
            id(variable): run.view(gradients, variable)
            for run, gradients, _ in self._runs
            for variable in run.variables
            if id(variable) in wanted
        }

    def differentiate(self, tape: GradientTape, loss: Tensor) -> None:
        """Fills the gradient arrays. A variable the loss does not reach gets zeros."""
        variables = self.trainable or []
        places = self.destinations()
        found = tape.gradient_arrays([loss], variables, into=places)
        for variable, gradient in zip(variables, found, strict=True):
            if gradient is None:
                execute("fill", [places[id(variable)]], [], value=0.0)

    def check_finite(self, loss: Tensor, gradients: bool = True) -> None:
        """Ends the step before anything is updated if the loss or a gradient is NaN or infinite."""
        execute("check_finite", [self.flag], [loss.array], code=LOSS)
        if gradients:
            for _, array, segments in self._runs:
                for segment in segments:
                    execute("check_finite", [self.flag], [array[segment]], code=GRADIENT)
        guard(self.flag)

    def update(self) -> None:
        """One optimizer step over all parameter runs."""
        for run, gradients, segments in self._runs:
            self.optimizer.update_run(run, gradients, segments)
        self.optimizer.finish_step()

    def track(self, y: Any, y_pred: Any, weights: Tensor | None, loss: Tensor, size: int) -> None:
        """Adds a batch to the loss and metric sums; the loss counts as often as the batch has rows."""
        self.loss_tracker.update_state(loss, sample_weight=np.full((1,), size, loss.dtype))
        for metric in self.plain or ():
            metric.update_state(y, y_pred)
        for metric in self.weighted:
            metric.update_state(y, y_pred, sample_weight=weights)

    def keep_logs(self, logs: Any) -> None:
        """Keeps what a custom `train_step` returned, so that replays can refresh it."""
        known = {metric.name for metric in self.metrics}
        for name, value in (logs or {}).items():
            if isinstance(value, Tensor) and name not in known:
                place = self.logs.setdefault(name, persistent((1,), "float64"))
                execute("copy", [place], [value.array])

    def gradient_bytes(self) -> int:
        """Bytes of gradients and optimizer slots."""
        slots = len(self.optimizer.slot_names)
        return sum(array.nbytes * (1 + slots) for _, array, _ in self._runs)

    def parameter_bytes(self) -> int:
        """Bytes of the packed parameters."""
        return sum(run.array.nbytes for run, _, _ in self._runs)
