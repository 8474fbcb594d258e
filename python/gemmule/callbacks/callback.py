"""The base of callbacks."""

from __future__ import annotations

from typing import Any

from gemmule.errors import NonFiniteError

Logs = dict[str, Any]


class Callback:
    """Something that is told what happens during `fit`, `evaluate` and `predict`. Override what you want to hear.

    Hooks receive the number of the epoch or batch, and `logs`, a dict of values so far. A callback that overrides a
    batch hook makes Python look in after every batch, which costs speed for small models.

    Attributes:
        model: the model.
        params: dict with `"verbose"`, `"epochs"` and `"steps"`, as far as they are known.

    Example:
        >>> class StopWhenGood(gm.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         if logs["accuracy"] > 0.9:
        ...             self.model.stop_training = True
        >>> model.fit(x, y, callbacks=[StopWhenGood()])
    """

    params: dict[str, Any] | None = None
    _model: Any = None

    @property
    def model(self) -> Any:
        """The model."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives the parameters of the loop."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receives the model."""
        self._model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch; `logs` are those of its end."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before each epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After each epoch; `logs` has the loss and metrics, and those of the validation as `val_...`."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The old name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before each training batch, counted from 0 in every epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After each training batch; `logs` has the means of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_non_finite(self, error: NonFiniteError) -> bool:
        """When loss or gradients became NaN or infinite. Returns whether training is to end without the error."""
        return False

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation or validation, with its loss and metrics."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before each batch of an evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After each batch of an evaluation or validation; `logs` has the means so far."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before each batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After each batch of a prediction; `logs["outputs"]` has its outputs."""


def overrides(callback: Callback, *hooks: str) -> bool:
    """Whether a callback defines one of these hooks itself."""
    return any(getattr(type(callback), hook) is not getattr(Callback, hook) or hook in vars(callback) for hook in hooks)
