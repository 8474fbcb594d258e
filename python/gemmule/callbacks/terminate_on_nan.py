"""Ending a training quietly when its numbers are no longer finite."""

from __future__ import annotations

from gemmule.callbacks.callback import Callback
from gemmule.errors import NonFiniteError


class TerminateOnNaN(Callback):
    """Ends training, instead of raising an error, when the loss or a gradient becomes NaN or infinite.

    gemmule checks loss and gradients before every update, with or without callbacks, and `fit` raises
    `NonFiniteError`, which says where the first such value came from. With this callback `fit` prints that and ends
    as if `stop_training` had been set: validation, the other callbacks and `History` see the epoch up to the last
    finite step, whose weights the model keeps. Keras leaves the model with NaN in its weights there.

    Args:
        raise_error: whether to raise the `NonFiniteError` all the same; Keras raises a `RuntimeError` then.

    Example:
        >>> history = model.fit(x, y, epochs=100, callbacks=[gm.callbacks.TerminateOnNaN()])
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = bool(raise_error)

    def on_non_finite(self, error: NonFiniteError) -> bool:  # noqa: D102
        if not self.raise_error:
            print(f"{error} Training ends here.")
        return not self.raise_error
