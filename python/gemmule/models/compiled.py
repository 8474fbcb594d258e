"""What `compile` sets up and the first training step completes: parameter runs, gradients, accumulators."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule import metrics as metrics_module
from gemmule import optimizers as optimizers_module
from gemmule.autograd import GradientTape
from gemmule.backend import execute, guard
from gemmule.deferral import TrainingStep
from gemmule.errors import check_connected, received
from gemmule.layers.structure import Inventory, unique
from gemmule.memory import persistent
from gemmule.models.feed import new_cursor
from gemmule.models.measures import Measures, free_labels, held_metrics
from gemmule.models.objective import Objective
from gemmule.models.outputs import Outputs
from gemmule.optimizers.states import Targets
from gemmule.plan import refuse_replay
from gemmule.random import Stream
from gemmule.store import ParameterRun, pack, renew_after_fork
from gemmule.tensor import Tensor, Variable

if TYPE_CHECKING:
    from gemmule.data.adapter import Dataset
    from gemmule.data.nested import Form
    from gemmule.models.model import Model

LOSS, GRADIENT = 1, 2  # codes of the finite check
_PATIENCE_SECONDS = 0.05  # how long an evaluation waits for the model before it looks why it has to


class Compiled:
    """Optimizer, losses and metrics of a model, and the memory its training needs.

    Args:
        model: the model that is compiled.
        optimizer: name or object.
        objective: the losses; none for models that define `compute_loss`.
        measures: the metrics.
    """

    def __init__(self, model: Model, optimizer: Any, objective: Objective, measures: Measures) -> None:
        self.optimizer = optimizers_module.get(optimizer)
        self.objective, self.measures = objective, measures
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.shuffle_stream = Stream()
        self.cursor, self.test_cursor = new_cursor(), new_cursor()
        self.flag = persistent((1,), "int32")
        self._model = model
        self._held: tuple[Inventory, list[Any]] | None = None  # metrics of model and layers, and what these held then
        self._training = True  # what `results` speaks of: the training, or the evaluation in the middle of it
        self._aside: list[
            tuple[Any, list[np.ndarray]]
        ] = []  # the sums of the training, while an evaluation has its own
        self._tracked: set[bool] = set()  # for which of them the step feeds the compiled metrics
        self._logs: dict[bool, dict[str, np.ndarray]] = {True: {}, False: {}}  # what a step of the user's returns
        self.lock = threading.Lock()  # held while the model trains
        self.sums = threading.RLock()  # held by the thread the metrics count for
        renew_after_fork(self, "lock", threading.Lock)
        renew_after_fork(self, "sums", threading.RLock)
        self.trainable: list[Variable] | None = list(model.trainable_variables) if model.built else None
        self._frozen: dict[int, Any] | None = _frozen_layers(model) if model.built else None
        self._known: dict[int, Variable] = {}
        self._inventory: Inventory | None = None  # of the model's layers when all their weights were known
        self._runs: list[tuple[ParameterRun, np.ndarray, list[slice]]] = []
        self._targets: Targets | None = None  # what the optimizer updates
        self._connected = False  # whether the first step has found what the loss depends on
        self.fills_gradients = False  # whether steps leave their gradients in `destinations`; custom ones may not

    def named_metrics(self) -> dict[str, Any]:
        """By their names in the logs: those of `metrics`, then those that the model and its layers hold, numbered if a
        name is taken.
        """
        named = self._compiled_metrics()
        for metric in self._all_metrics()[len(named) :]:
            label = next(label for label in free_labels(metric.name) if label not in named)
            named[label] = metric
        return named

    def _compiled_metrics(self) -> dict[str, Any]:
        trackers = (self.loss_tracker, *self.objective.trackers)
        return {tracker.name: tracker for tracker in trackers} | {
            measure.label: measure.metric for measure in self.measures.found
        }

    @property
    def metrics(self) -> list[Any]:
        """The loss trackers and the compiled metrics."""
        return list(self._compiled_metrics().values())

    def _all_metrics(self) -> list[Any]:
        """Those that the model and its layers hold, too."""
        return unique([*self.metrics, *self._model.metrics])

    def held_metrics(self) -> list[Any]:
        """Those that the model and its layers have as attributes, looked for when they may have others."""
        if self._held is None or not self._held[0].is_current():
            self._held = Inventory(self._model._flatten_layers()), held_metrics(self._model)
        return self._held[1]

    def resolve(self, outputs: Outputs, data: Dataset) -> list[Form]:
        """Completes losses and metrics once the outputs are known, and checks the targets against them.

        Args:
            outputs: of the model.
            data: what it is to be trained or evaluated on.

        Returns:
            For each output where in the list of all targets its own are.

        Raises:
            ValueError: if losses, metrics or targets do not fit the outputs.
        """
        self.objective.resolve(outputs)
        targets = data.targets or []
        places = self._places(data.forms[1])
        shapes = [targets[place].shape if isinstance(place, int) else None for place in places]
        self.measures.resolve(outputs, self.objective.losses, shapes)
        if targets and any(place is not None for place in places):
            self.objective.check_targets(places, targets)
        return places

    def _places(self, form: Form) -> list[Form]:
        """Steps and losses of the user's own may use targets of any structure."""
        try:
            return self.objective.places(form)
        except ValueError:
            if self._model.has_own_step:
                return [None] * len(self.objective.losses)
            raise

    def reset_metrics(self) -> None:
        """Starts all sums anew."""
        for metric in self._all_metrics():
            metric.reset_state()

    def results(self) -> dict[str, float]:
        """Current values by name: of the compiled metrics, if the step feeds them, and what the step returned."""
        returned = {name: float(array[0]) for name, array in self._logs[self._training].items()}
        if returned and self._training not in self._tracked:
            return returned
        return {name: metric.current() for name, metric in self.named_metrics().items()} | returned

    @contextmanager
    def own_accumulators(self) -> Iterator[None]:
        """Sums of its own for an evaluation in the middle of an epoch."""
        states = [(metric, metric.save_state()) for metric in self._all_metrics()]
        before, self._training = self._training, False
        aside, self._aside = self._aside, self._aside or states
        self.reset_metrics()
        try:
            yield
        finally:
            self._training, self._aside = before, aside
            for metric, state in states:
                metric.restore_state(state)

    def training_sums(self) -> list[list[np.ndarray]]:
        """The sums of all metrics over the epoch of training, also in the middle of a validation."""
        return [state for _, state in self._aside] or [metric.save_state() for metric in self._all_metrics()]

    def step_logs(self) -> dict[str, np.ndarray]:
        """What a training step of the user's returned last, by name."""
        return self._logs[True]

    def is_tracked(self) -> bool:
        """Whether the training step feeds the compiled metrics."""
        return True in self._tracked

    def restore_sums(self, arrays: Mapping[str, np.ndarray], tracked: bool) -> None:
        """Goes back to sums and logs of an epoch of training.

        Args:
            arrays: by names as `Progress` gives them.
            tracked: what `is_tracked` said.

        Raises:
            ValueError: if there are other metrics now.
        """
        metrics = self._all_metrics()
        for number, metric in enumerate(metrics):
            prefix, now = f"/metrics/{number}/", metric.save_state()
            saved = [arrays[f"{prefix}{part}"] for part in range(sum(name.startswith(prefix) for name in arrays))]
            if len(saved) < len(now) or any(one.shape != state.shape for one, state in zip(saved, now)):
                raise ValueError(f"The run had other metrics than this model, which has {metric.name!r}.")
            metric.restore_state(saved)
        for name, array in arrays.items():
            if name.startswith("/logs/"):
                self._logs[True].setdefault(name[6:], persistent((1,), "float64"))[...] = array
        self._tracked |= {True} if tracked else set()

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """One evaluation at a time: its plans and sums are the model's. Waits for another thread's to end.

        Raises:
            RuntimeError: if another thread trains the model, which may take long.
        """
        while not self.sums.acquire(timeout=_PATIENCE_SECONDS):
            if self.lock.locked():
                raise RuntimeError(
                    "This model is being trained by another thread, and an evaluation would disturb its metrics. Wait "
                    "for that fit() to end, or evaluate in a callback. predict() works from any thread at any time."
                )
        try:
            yield
        finally:
            self.sums.release()

    def prepare(self, model: Model) -> None:
        """Packs the parameters and allocates gradients and slots; does nothing the second time."""
        if self._known:
            return
        if self.trainable is None:
            self.trainable = list(model.trainable_variables)
        if self._frozen is None:
            self._frozen = _frozen_layers(model)
        self.optimizer.check_names(model.variables)
        self._known = {id(variable): variable for variable in model.variables}
        for run in pack(self.trainable):
            segments = run.segments(self.trainable)
            self._runs.append((run, persistent(run.array.shape, run.array.dtype), segments))
        wanted = {id(variable) for variable in self.trainable}
        trained = [(run, [v for v in run.variables if id(v) in wanted]) for run, _, _ in self._runs]
        self._targets = self.optimizer.targets_of_runs(trained)

    def floating_trainable(self) -> list[Variable]:
        """The variables that training updates, as `compile` found them."""
        return [variable for variable in self.trainable or () if variable.dtype.kind == "f"]

    def run_locks(self) -> list[threading.Lock]:
        """The locks of all parameters that training updates."""
        return [run.lock for run, _, _ in self._runs]

    def check_no_new_weights(self, model: Model) -> None:
        """Refuses weights that appeared after the first training step: no gradient would ever reach them.

        Raises:
            RuntimeError: naming them.
        """
        if self._inventory is not None and self._inventory.is_current():
            return
        inventory = Inventory(model._flatten_layers())
        late = [v.path for v in model.trainable_variables if id(v) not in self._known]
        if late:
            raise RuntimeError(
                f"Weights were created after the model began to train and would never be updated: {', '.join(late)}. "
                "Create all weights in build(), or call compile() again."
            )
        if all(id(variable) in self._known for variable in model.variables):
            self._inventory = inventory

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
        """Fills the gradient arrays. A variable the loss does not reach gets zeros, with a warning.

        Raises:
            ValueError: if the loss reaches none.
        """
        self.fills_gradients = True
        variables = self.trainable or []
        places = self.destinations()
        found = tape.gradient_arrays([loss], variables, into=places)
        self._check_connected(variables, found)
        for variable, gradient in zip(variables, found, strict=True):
            if gradient is None:
                execute("fill", [places[id(variable)]], [], value=0.0)

    def _check_connected(self, variables: Sequence[Variable], found: Sequence[Any]) -> None:
        if variables and not self._connected:
            check_connected(
                ((gradient, variable.path) for gradient, variable in zip(found, variables)),
                "The loss does not depend on the weights: NumPy functions, comparisons, argmax and casts to integers "
                "pass no gradient on. Compute it from the predictions with gm.ops.",
            )
            self._connected = True

    def check_finite(self, loss: Tensor) -> None:
        """Ends the step before anything is updated if the loss or a gradient is NaN or infinite."""
        execute("check_finite", [self.flag], [loss.array], code=LOSS)
        for _, array, segments in self._runs:
            for segment in segments:
                execute("check_finite", [self.flag], [array[segment]], code=GRADIENT)
        guard(self.flag)

    def training_step(self) -> TrainingStep:
        """The context of one training step: writes to state wait for its update, frozen layers are as `compile` saw."""
        return TrainingStep(self._frozen or {}, self._check_gradients, frozenset(map(id, self.trainable or ())))

    def _check_gradients(self, gradients: Sequence[np.ndarray]) -> None:
        """The same check for a `train_step` that hands its gradients to the optimizer itself."""
        for gradient in gradients:
            execute("check_finite", [self.flag], [gradient], code=GRADIENT)
        guard(self.flag)

    def update(self) -> None:
        """One optimizer step over all parameter runs."""
        if self._targets is not None:
            self.optimizer.step(self._targets, [gradients for _, gradients, _ in self._runs])

    def finish_training(self) -> None:
        """Gives the weights the values of their moving averages, if the optimizer keeps any."""
        if self.optimizer.use_ema:
            self.optimizer.finalize_variable_values(self.floating_trainable())

    def track(self, y: Any, y_pred: Any, weights: Any, loss: Tensor, size: int) -> None:
        """Adds a batch to the sums of losses and metrics; a loss counts as often as the batch has rows."""
        self._tracked.add(self._training)
        self.loss_tracker.update_state(loss, sample_weight=np.full((1,), size, loss.dtype))
        self.objective.track(size)
        if self.measures.found:
            self.measures.update(*self.objective.arrange(y, y_pred, weights))

    def keep_logs(self, logs: Any) -> None:
        """Keeps what a custom `train_step` or `test_step` returned, so that replays can refresh it.

        Raises:
            ValueError: for a value that is not one number.
        """
        for name, value in (logs or {}).items():
            if np.size(value.array if isinstance(value, Tensor) else value) != 1:
                raise ValueError(
                    f"A step must return one number for each name of the logs.{received(**{name: value})} "
                    "Reduce it first, for example with gm.ops.mean."
                )
            place = self._logs[self._training].setdefault(name, persistent((1,), "float64"))
            if isinstance(value, Tensor):
                execute("copy", [place], [value.array])
            else:
                refuse_replay(f"it returns {name!r} as a Python number, which a replay cannot compute")
                place[0] = float(value)

    def gradient_bytes(self) -> int:
        """Bytes of gradients and optimizer slots."""
        return sum(array.nbytes + self.optimizer.state_bytes(run) for run, array, _ in self._runs)

    def parameter_bytes(self) -> int:
        """Bytes of the packed parameters."""
        return sum(run.array.nbytes for run, _, _ in self._runs)


def _frozen_layers(model: Model) -> dict[int, Any]:
    """The layers that are not trainable now, by `id`; they are kept, so that no other layer gets the same one."""
    return {id(layer): layer for layer in model._flatten_layers() if not layer.trainable}
