"""`compile`, `fit`, `evaluate`, `predict` and their one-batch forms: Keras's training API over recorded plans."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gemmule.autograd import GradientTape, _flatten
from gemmule.callbacks import CallbackList
from gemmule.data import adapter
from gemmule.errors import not_yet, received
from gemmule.layers.structure import attributes_of
from gemmule.metrics import Metric
from gemmule.models.compiled import Compiled
from gemmule.models.loops import EpochRunner, test_loop, train_loop
from gemmule.models.predictor import Predictor
from gemmule.tensor import Tensor

if TYPE_CHECKING:
    from gemmule.models.model import Model

Logs = dict[str, float]
_building = threading.RLock()  # weights are made by one thread at a time


class Trainer:
    """The training half of a model. `Model` adds the layers.

    A step (forward, backward, update, metrics) runs eagerly the first two times and is replayed from then on by one
    C++ call for many batches. Override `train_step`, `test_step` or `compute_loss` to change what a step does.
    """

    _compiled: Compiled | None = None
    _predictor: Predictor | None = None
    _forms: Mapping[Any, tuple[int, ...]] = {}
    stop_training = False
    run_eagerly = False
    jit_compile: bool | str = "auto"

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Chooses optimizer, loss and metrics. Which weights are trainable is fixed now, as in Keras.

        Args:
            optimizer: name or optimizer object.
            loss: name, `Loss` object or function of `(y_true, y_pred)`.
            loss_weights: not supported yet.
            metrics: names, `Metric` objects or functions; `"accuracy"` is chosen by the loss.
            weighted_metrics: like `metrics`, weighted by sample and class weights.
            run_eagerly: never record a step; for debugging.
            steps_per_execution: only 1; many batches run in one call anyway.
            jit_compile: `True` raises `PlanError` when a step cannot be recorded; `"auto"` warns and goes on
                eagerly; `False` is the same as `run_eagerly=True`.
            auto_scale_loss: only `True`; it concerns mixed precision, which gemmule does not use.

        Raises:
            ValueError: for unknown names.

        Example:
            >>> model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        if loss_weights is not None:
            raise not_yet("compile(loss_weights=...)")
        if steps_per_execution != 1:
            raise not_yet("compile(steps_per_execution=...) other than 1")
        if auto_scale_loss is not True:
            raise not_yet("compile(auto_scale_loss=False)")
        if jit_compile not in (True, False, "auto"):
            raise ValueError(f"jit_compile must be True, False or 'auto'.{received(jit_compile=jit_compile)}")
        for argument, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if value is not None and not isinstance(value, (list, tuple)):
                raise ValueError(f"{argument} must be a list, such as {argument}=['accuracy'].{received(value=value)}")
        self.run_eagerly = bool(run_eagerly) or jit_compile is False
        self.jit_compile = jit_compile
        self._compiled = Compiled(cast("Model", self), optimizer, loss, metrics or (), weighted_metrics or ())
        self._runner = EpochRunner(cast("Model", self), self._compiled)
        self._predictor = None  # run_eagerly and jit_compile concern predictions, too

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Any:
        """The compiled optimizer, or `None`."""
        return self._compiled.optimizer if self._compiled else None

    @property
    def loss(self) -> Any:
        """The compiled loss, or `None`."""
        return self._compiled.loss if self._compiled else None

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics, and those that are attributes of the model."""
        own = [metric for _, metric in attributes_of(self, (Metric,), frozenset())]
        return [*(self._compiled.metrics if self._compiled else ()), *own]

    @property
    def metrics_names(self) -> list[str]:
        """Their names, in the order `evaluate` returns them."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Sets all metric sums to zero."""
        for metric in self.metrics:
            metric.reset_state()

    def _require_compiled(self, method: str) -> Compiled:
        if self._compiled is None:
            raise RuntimeError(
                f"{method}() needs a compiled model. Call model.compile(optimizer=..., loss=...) before {method}()."
            )
        return self._compiled

    def ensure_built(self, inputs: Sequence[np.ndarray]) -> tuple[int, ...]:
        """Creates all weights by running one example through the model, and returns the shape of the output.

        A shape that does not fit is found here, before anything is recorded or trained.
        """
        form = tuple((array.shape[1:], array.dtype.str) for array in inputs)
        shape = self._forms.get(form)
        if shape is not None:
            return shape
        with _building:
            model = cast("Model", self)
            one = [Tensor(np.ascontiguousarray(array[:1], model.dtype)) for array in inputs]
            result = model(one[0] if len(one) == 1 else one, training=False)
            shape = _flatten(result)[0].shape
            self._forms = {form: shape}
        return shape

    # ---- What a step does; to be overridden ---------------------------------------------------------------------

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """The scalar loss of one batch: Σ wᵢ lᵢ / N with the compiled loss."""
        loss = self._require_compiled("compute_loss").loss
        if loss is None:
            raise ValueError("The model was compiled without a loss. Call compile(loss=...), or override compute_loss.")
        value = loss(y, y_pred, sample_weight=sample_weight)
        if value.size != 1:
            raise ValueError(
                "Training needs one number as its loss, but the compiled loss gives one for each example. Make it with "
                f"reduction='sum_over_batch_size'.{received(loss=loss, shape=value.shape)}"
            )
        return value

    def train_step(self, data: tuple[Any, ...]) -> Mapping[str, Any]:
        """One training step on one batch.

        Args:
            data: `(x, y)` or `(x, y, sample_weight)` of tensors.

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
    ) -> Any:
        """Trains the model.

        Args:
            x: examples, an array, nested list or DataFrame, first dimension the examples.
            y: targets.
            batch_size: examples per step, 32 by default; the last batch of an epoch may be smaller.
            epochs: number of the last epoch (with `initial_epoch` the count starts there).
            verbose: 0 silent, 1 progress bar, 2 one line per epoch; `"auto"` is 1.
            callbacks: list of `Callback` objects.
            validation_split: fraction of the data, the last rows before shuffling, to validate on.
            validation_data: `(x, y)` or `(x, y, sample_weight)`; wins over `validation_split`.
            shuffle: whether to put the examples in a new order each epoch.
            class_weight: weight of each class number.
            sample_weight: weight of each example.
            initial_epoch: epoch to start with.
            steps_per_epoch: batches per epoch, all by default.
            validation_steps: batches of the validation data, all by default.
            validation_batch_size: `batch_size` by default.
            validation_freq: validate every so many epochs.

        Returns:
            A `History`; its `history` dict has the values of each epoch. Training values are means over the epoch,
            taken while the weights changed and with dropout on; `evaluate` gives those of the final weights.

        Raises:
            RuntimeError: if the model is not compiled, or is being trained by another thread.
            ValueError: for data that does not fit the model, the loss or each other.
            NonFiniteError: when the loss or a gradient becomes NaN or infinite.
        """
        compiled = self._require_compiled("fit")
        for name, value in (
            ("batch_size", batch_size),
            ("epochs", epochs),
            ("validation_freq", validation_freq),
            ("steps_per_epoch", steps_per_epoch),
            ("validation_steps", validation_steps),
            ("validation_batch_size", validation_batch_size),
        ):
            _check_count(name, value)
        if isinstance(initial_epoch, bool) or not isinstance(initial_epoch, (int, np.integer)) or initial_epoch < 0:
            raise ValueError(f"initial_epoch must be a non-negative integer.{received(initial_epoch=initial_epoch)}")
        data, validation = adapter.training_data(x, y, sample_weight, class_weight, validation_split, validation_data)
        return train_loop(
            cast("Model", self),
            compiled,
            self._runner,
            data,
            validation,
            batch_size=batch_size or 32,
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=verbose,
            callbacks=callbacks,
            shuffle=shuffle,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size or batch_size or 32,
            validation_freq=validation_freq,
        )

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
            x: examples.
            y: targets.
            batch_size: examples per step, 32 by default.
            verbose: 0 silent, 1 progress bar, 2 one line.
            sample_weight: weight of each example.
            steps: number of batches, all by default.
            callbacks: list of `Callback` objects.
            return_dict: whether to return a dict instead of a list.

        Returns:
            The loss, or `[loss, metric, ...]` in the order of `metrics_names`, or a dict.
        """
        compiled = self._require_compiled("evaluate")
        _check_count("batch_size", batch_size)
        _check_count("steps", steps)
        data = adapter.dataset(x, y, sample_weight)
        logs = test_loop(cast("Model", self), compiled, self._runner, data, batch_size or 32, verbose, callbacks, steps)
        return _packed(logs, self.metrics_names, return_dict)

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
            x: examples.
            batch_size: examples per step, 32 by default.
            verbose: accepted values as in `fit`; predictions are quick and show no bar.
            steps: number of batches, all by default.
            callbacks: list of `Callback` objects.

        Returns:
            A NumPy array (or a list of them, one for each output).

        Example:
            >>> model.predict(np.zeros((2, 784))).shape
            (2, 10)
        """
        _check_count("batch_size", batch_size)
        _check_count("steps", steps)
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 0, 1, 2 or 'auto'.{received(verbose=verbose)}")
        if self._predictor is None:
            self._predictor = Predictor(cast("Model", self))
        hooks = CallbackList(callbacks, model=self) if callbacks else None
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
        return _packed(logs, self.metrics_names, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of the given batch."""
        compiled = self._require_compiled("test_on_batch")
        data = adapter.dataset(x, y, sample_weight)
        logs = test_loop(cast("Model", self), compiled, self._runner, data, data.size, 0, None, None)
        return _packed(logs, self.metrics_names, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch, with the least overhead: no batching, no callbacks.

        Args:
            x: one batch; a C-contiguous array of the model's type is used without a copy.

        Returns:
            A NumPy array (or a list of them, one for each output).
        """
        if self._predictor is None:
            self._predictor = Predictor(cast("Model", self))
        return self._predictor.predict_on_batch(x)

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


def _check_count(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a positive integer or None.{received(**{name: value})}")


def _packed(logs: Logs, names: Sequence[str], return_dict: bool) -> Any:
    if return_dict:
        return logs
    values = [logs[name] for name in dict.fromkeys((*names, *logs)) if name in logs]
    return values[0] if len(values) == 1 else values
