"""`compile`, `fit`, `evaluate`, `predict` and their one-batch forms: Keras's training API over recorded plans."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gemmule.autograd import GradientTape
from gemmule.callbacks import CallbackList
from gemmule.data import adapter
from gemmule.data.batches import Batches, check_alone, gives_batches
from gemmule.data.nested import ONE, Form, put_together
from gemmule.errors import received
from gemmule.layers.rules import total_loss
from gemmule.models.arguments import count, packed, training_data
from gemmule.models.compilation import Compilation
from gemmule.models.full_batch import FullBatch
from gemmule.models.loops import Plan, test_loop, train_loop
from gemmule.models.outputs import Outputs
from gemmule.models.predictor import Predictor
from gemmule.models.progress import Interrupted, Progress
from gemmule.tensor import Tensor

if TYPE_CHECKING:
    from gemmule.models.model import Model

_building = threading.RLock()  # weights are made by one thread at a time


class Trainer(Compilation):
    """The training half of a model. `Model` adds the layers.

    A step (forward, backward, update, metrics) runs eagerly the first two times and is replayed from then on by one
    C++ call for many batches. Override `train_step`, `test_step` or `compute_loss` to change what a step does.
    """

    _forms: Mapping[Any, Outputs] = {}
    _progress: Progress | None = None  # of the last `fit`
    _interrupted: Interrupted | None = None  # a run that `fit(resume=True)` will go on with
    stop_training = False

    @property
    def input_names(self) -> list[str] | None:
        """Names of the inputs in order; `None` when only `call` knows what it takes."""
        return None

    def input_dtypes(self, form: Form, arrays: Sequence[Any]) -> list[str]:
        """The types that arrays of examples are converted to: those of the `Input`s, else that of the model.

        Args:
            form: how the arrays are put together.
            arrays: one for each input. If they do not fit the model, its call will say so.
        """
        return [cast("Model", self).dtype] * len(arrays)

    def ensure_built(self, inputs: Sequence[np.ndarray], form: Form = ONE) -> Outputs:
        """Creates all weights by running one example through the model, and tells what it returns.

        A shape that does not fit is found here, before anything is recorded or trained.

        Args:
            inputs: arrays of examples.
            form: how they are put together for the model.
        """
        key = (form, *((array.shape[1:], array.dtype.str) for array in inputs))
        outputs = self._forms.get(key)
        if outputs is not None:
            return outputs
        with _building:
            model = cast("Model", self)
            dtypes = self.input_dtypes(form, inputs)
            one = [Tensor(np.ascontiguousarray(array[:1], dtype)) for array, dtype in zip(inputs, dtypes)]
            outputs = Outputs.of(model(put_together(form, one), training=False), self.output_names)
            self._forms = {key: outputs}
        return outputs

    @property
    def has_own_step(self) -> bool:
        """Whether a subclass defines what a step does, so that only it knows what targets it takes."""
        cls = type(self)
        return any(
            getattr(cls, name) is not getattr(Trainer, name) for name in ("train_step", "test_step", "compute_loss")
        )

    # ---- What a step does; to be overridden ---------------------------------------------------------------------

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The scalar loss of one batch: Σ wᵢ lᵢ / N with the compiled loss, summed over the outputs, plus `losses`.

        Raises:
            ValueError: if there is neither a compiled loss nor one of a layer.
        """
        objective = self._require_compiled("compute_loss").objective
        if objective.outputs is None:
            objective.resolve(Outputs.of(y_pred, self.output_names))
        value = objective(y, y_pred, sample_weight)
        model = cast("Model", self)
        total = total_loss(value, model.losses, model.dtype)
        if total is None:
            raise ValueError(
                "The model was compiled without a loss. Call compile(loss=...), override compute_loss, or call "
                "self.add_loss(...) in a layer."
            )
        return total

    def train_step(self, data: tuple[Any, ...]) -> Mapping[str, Any]:
        """One training step on one batch.

        Args:
            data: `(x, y)` or `(x, y, sample_weight)` of tensors, in lists and dicts if they were passed so.

        Returns:
            Values for the logs, by name: tensors of one element. What is returned wins over a compiled metric of that
            name; of a step that feeds no compiled metrics, only what it returns is logged.
        """
        x, y, weights = adapter.unpack_x_y_sample_weight(data)
        compiled = self._require_compiled("train_step")
        with GradientTape() as tape:
            tape.watch(compiled.floating_trainable())  # as `compile` found them, whatever was frozen since
            y_pred = cast("Model", self)(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=True)
        compiled.differentiate(tape, loss)
        compiled.check_finite(loss)
        compiled.update()
        compiled.track(y, y_pred, weights, loss, _rows(x))
        return {}

    def test_step(self, data: tuple[Any, ...]) -> Mapping[str, Any]:
        """Loss and metrics of one batch, without training."""
        x, y, weights = adapter.unpack_x_y_sample_weight(data)
        compiled = self._require_compiled("test_step")
        y_pred = cast("Model", self)(x, training=False)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=False)
        compiled.track(y, y_pred, weights, loss, _rows(x))
        return {}

    # ---- Public loops -------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        resume: bool = False,
    ) -> Any:
        """Trains the model.

        Args:
            x: examples, an array, nested list or DataFrame, first dimension the examples; for several inputs a list
                of them or a dict by the names of the inputs. Or what gives batches `(x, y)` or `(x, y,
                sample_weight)`: a generator, a loader, or an object with `__len__` and `__getitem__`
                (`utils.PyDataset`), whose batches `shuffle` puts in another order.
            y: targets; for several outputs a list or a dict by their names.
            batch_size: examples per step, 32 by default; the last batch of an epoch may be smaller.
            epochs: number of the last epoch (with `initial_epoch` the count starts there).
            verbose: 0 silent, 1 progress bar, 2 one line per epoch; `"auto"` is 1.
            callbacks: list of `Callback` objects.
            validation_split: fraction of the data, the last rows before shuffling, to validate on.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or what gives batches; wins over `validation_split`.
            shuffle: whether to put the examples in a new order each epoch.
            class_weight: weight of each class number; for models with one output.
            sample_weight: weight of each example; one array for all outputs, or a list or dict with one for each.
            initial_epoch: epoch to start with.
            steps_per_epoch: batches per epoch, all by default; a generator without end needs it. The next epoch goes
                on where this one ended.
            validation_steps: batches of the validation data, all by default.
            validation_batch_size: `batch_size` by default.
            validation_freq: validate every so many epochs.
            resume: go on with the run that was interrupted when the model was saved with `state="full"`, with the same
                data, settings and callbacks: it ends with the same bits as if it had never stopped. A validation that
                was under way begins anew. A generator goes on with the batch it gives next, with a warning: where it
                stood cannot be restored. Not together with `initial_epoch`.

        Returns:
            A `History`; its `history` dict has the values of each epoch. Training values are means over the epoch,
            taken while the weights changed and with dropout on; `evaluate` gives those of the final weights.

        Raises:
            RuntimeError: if the model is not compiled, or is being trained by another thread.
            ValueError: for data that does not fit the model, the loss or each other.
            NonFiniteError: when the loss or a gradient becomes NaN or infinite.
        """
        compiled = self._require_compiled("fit")
        batch_size = count("batch_size", batch_size)
        epochs, validation_freq = count("epochs", epochs) or 1, count("validation_freq", validation_freq) or 1
        steps_per_epoch = count("steps_per_epoch", steps_per_epoch)
        validation_steps = count("validation_steps", validation_steps)
        validation_batch_size = count("validation_batch_size", validation_batch_size)
        if isinstance(initial_epoch, bool) or not isinstance(initial_epoch, (int, np.integer)) or initial_epoch < 0:
            raise ValueError(f"initial_epoch must be a non-negative integer.{received(initial_epoch=initial_epoch)}")
        if resume and initial_epoch:
            raise ValueError(
                "fit(resume=True) goes on in the epoch that was interrupted. Leave out initial_epoch, or resume."
                f"{received(initial_epoch=initial_epoch)}"
            )
        data, validation = training_data(
            x, y, sample_weight, class_weight, validation_split, validation_data, batch_size=batch_size
        )
        batch_size = batch_size or 32
        plan = Plan(
            batch_size, epochs, int(initial_epoch), bool(shuffle), steps_per_epoch, validation_steps,
            validation_batch_size or batch_size, validation_freq, resume,
        )  # fmt: skip
        return train_loop(cast("Model", self), compiled, self._runner, data, validation, plan, verbose, callbacks)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics of the model in inference mode, exact over uneven batches.

        Args:
            x: examples; see `fit`.
            y: targets; see `fit`.
            batch_size: examples per step, 32 by default.
            verbose: 0 silent, 1 progress bar, 2 one line.
            sample_weight: weight of each example; see `fit`.
            steps: number of batches, all by default.
            callbacks: list of `Callback` objects.
            return_dict: whether to return a dict instead of a list.

        Returns:
            The loss, or `[loss, metric, ...]` in the order of `metrics_names`, or a dict.
        """
        compiled = self._require_compiled("evaluate")
        batch_size, steps = count("batch_size", batch_size), count("steps", steps)
        if gives_batches(x):
            check_alone(y=y, batch_size=batch_size, sample_weight=sample_weight)
            data: Any = Batches(x)
        else:
            data = adapter.dataset(x, y, sample_weight)
        logs = test_loop(cast("Model", self), compiled, self._runner, data, batch_size or 32, verbose, callbacks, steps)
        return packed(logs, self.metrics_names, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs for many examples, batch by batch, in inference mode.

        Args:
            x: examples; a list or dict of arrays for several inputs; or what gives batches, see `fit`, of which only
                the inputs are looked at.
            batch_size: examples per step, 32 by default.
            verbose: accepted values as in `fit`; predictions are quick and show no bar.
            steps: number of batches, all by default.
            callbacks: list of `Callback` objects.

        Returns:
            A NumPy array; a list or dict of them for a model that returns its outputs so.

        Example:
            >>> model.predict(np.zeros((2, 784))).shape
            (2, 10)
        """
        batch_size, steps = count("batch_size", batch_size), count("steps", steps)
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 0, 1, 2 or 'auto'.{received(verbose=verbose)}")
        if self._predictor is None:
            self._predictor = Predictor(cast("Model", self))
        hooks = CallbackList(callbacks, model=self) if callbacks else None
        if gives_batches(x):
            check_alone(batch_size=batch_size)
            return self._predictor.predict_batches(Batches(x), steps, hooks)
        return self._predictor.predict(x, batch_size or 32, steps, hooks)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on the given batch.

        Returns:
            Loss and metrics of this batch (not running means): a number, a list or a dict.
        """
        compiled = self._require_compiled("train_on_batch")
        data, _ = adapter.training_data(x, y, sample_weight, class_weight, 0.0, None)
        logs = self._runner.train_on_batch(compiled, data)
        return packed(logs, self.metrics_names, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of the given batch."""
        compiled = self._require_compiled("test_on_batch")
        data = adapter.dataset(x, y, sample_weight)
        logs = test_loop(cast("Model", self), compiled, self._runner, data, data.size, 0, None, None)
        return packed(logs, self.metrics_names, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch, with the least overhead: no batching, no callbacks.

        Args:
            x: one batch; a C-contiguous array of the model's type is used without a copy.

        Returns:
            A NumPy array; a list or dict of them for a model that returns its outputs so.
        """
        if self._predictor is None:
            self._predictor = Predictor(cast("Model", self))
        return self._predictor.predict_on_batch(x)

    def _full_batch(self, x: Any, y: Any, sample_weight: Any, batch_size: int | None) -> FullBatch:
        """Loss and gradient over all data as a function of the weights, for `LBFGS.minimize`."""
        compiled = self._require_compiled("minimize")
        batch_size = count("batch_size", batch_size)
        if type(self).train_step is not Trainer.train_step:
            raise ValueError(
                "LBFGS.minimize does not call the train_step of your model, only its compute_loss. Override that "
                "instead, or minimize a function of variables."
            )
        data, _ = adapter.training_data(x, y, sample_weight, None, 0.0, None)
        return FullBatch(cast("Model", self), compiled, self._runner, data, batch_size)

    def memory_report(self) -> dict[str, int]:
        """Bytes the model holds: parameters, gradients and optimizer slots, arenas of the recorded plans.

        Returns:
            A dict with `"parameters"`, `"gradients_and_slots"`, `"arenas"` and `"total"`.

        Example:
            >>> model.memory_report()["arenas"]
            198144
        """
        parameters = sum(v.array.nbytes for v in cast("Model", self).variables)
        training = self._compiled.gradient_bytes() if self._compiled else 0
        arenas = self._predictor.arena_bytes() if self._predictor else 0
        arenas += self._runner.arena_bytes() if self._compiled else 0
        return {
            "parameters": parameters,
            "gradients_and_slots": training,
            "arenas": arenas,
            "total": parameters + training + arenas,
        }


def _rows(x: Any) -> int:
    while isinstance(x, (list, tuple, dict)):
        x = next(iter(x.values())) if isinstance(x, dict) else x[0]
    return int(x.shape[0])
