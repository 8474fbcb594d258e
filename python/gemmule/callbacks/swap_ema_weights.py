"""Evaluating with averaged weights while training goes on with its own."""

from __future__ import annotations

import numpy as np

from gemmule.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Gives the model the moving averages of its weights for evaluations and predictions, and takes them away again.

    The averages, w̄ ← m w̄ + (1 - m) w, are kept by an optimizer with `use_ema=True` (Polyak and Juditsky, 1992).

    Args:
        swap_on_epoch: whether the averages also stand in the model from the end of an epoch to the beginning of the
            next one, for callbacks that come after this one, such as one that saves the model.

    Raises:
        ValueError: when it is first used, if the optimizer keeps no averages.

    Example:
        >>> model.compile(optimizer=gm.optimizers.SGD(use_ema=True), loss="mse")
        >>> model.fit(x, y, validation_split=0.1, callbacks=[gm.callbacks.SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = bool(swap_on_epoch)
        self._own: list[np.ndarray] | None = None  # what the weights are while the averages stand in their place

    def _swap_in(self) -> None:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights needs an optimizer that averages the weights. Compile the model with "
                f"{type(optimizer).__name__}(use_ema=True)."
            )
        if self._own is None:
            variables = self.model.trainable_variables
            self._own = [variable.numpy() for variable in variables]
            optimizer.finalize_variable_values(variables)

    def _swap_out(self) -> None:
        if self._own is not None:
            for variable, values in zip(self.model.trainable_variables, self._own, strict=True):
                variable.assign(values)
            self._own = None

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._own = None  # of a training that was interrupted

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._swap_out()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        if self.swap_on_epoch:
            self._swap_in()

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._own = None  # `fit` itself left the averages in the weights

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._swap_in()

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._swap_out()

    def on_predict_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._swap_in()

    def on_predict_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._swap_out()
