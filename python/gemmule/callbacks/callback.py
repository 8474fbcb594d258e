"""The base of callbacks."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np

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
    sets_rate = ""  # "epoch" or "batch": how often it sets the learning rate, if it does

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

    def get_state(self) -> dict[str, Any]:
        """What `fit(resume=True)` needs to go on as if never stopped: numbers, texts and arrays in lists and dicts.

        By default every attribute that holds such, except those named like arguments of `__init__`: settings are what
        the new object was made with.
        """
        return {name: value for name, value in vars(self).items() if self._is_state(name) and _is_plain(value)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes over what `get_state` returned; called behind `on_train_begin`."""
        for name, value in state.items():
            if self._is_state(name):
                setattr(self, name, value)

    def _is_state(self, name: str) -> bool:
        if name in ("params", "_model", "__class__", "__dict__") or not _is_plain(getattr(type(self), name, None)):
            return False
        return all(name not in signature(init).parameters for init in _constructors(type(self)))

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

    def next_batch(self, batch: int) -> int:
        """The next training batch, this one or a later one, that the batch hooks want to hear of: by default this one.

        Hooks may be called for other batches all the same, when another callback wants those. Not part of Keras.
        """
        return batch

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


def _constructors(cls: type) -> list[Any]:
    return [vars(kind)["__init__"] for kind in cls.__mro__[:-1] if "__init__" in vars(kind)]


def _is_plain(value: Any) -> bool:
    if isinstance(value, (dict, list, tuple)):
        keys = all(isinstance(key, (str, int)) for key in value) if isinstance(value, dict) else True
        return keys and all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "fiub"
    return value is None or isinstance(value, (bool, int, float, str))


def overrides(callback: Callback, *hooks: str) -> bool:
    """Whether a callback defines one of these hooks itself."""
    return any(getattr(type(callback), hook) is not getattr(Callback, hook) or hook in vars(callback) for hook in hooks)


class Periodic(Callback):
    """A callback whose batch hooks are for each n-th training batch, counted through all epochs from 0.

    Batches in between run without a look at Python, unless another callback wants one.

    Args:
        period: the distance of batches, n.
    """

    def __init__(self, period: int) -> None:
        self.period = period
        self.batches = 0  # of the epochs before

    def is_due(self, batch: int) -> bool:
        """Whether this batch of the epoch is one of them."""
        return (self.batches + batch) % self.period == 0

    def next_batch(self, batch: int) -> int:  # noqa: D102
        return batch + -(self.batches + batch) % self.period

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self.batches = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self.batches += (self.params or {}).get("steps") or 0
