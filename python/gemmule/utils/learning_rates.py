"""Which learning rate? Smith's range test: let it grow from batch to batch, and watch the loss."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from gemmule.callbacks import Callback
from gemmule.data import adapter
from gemmule.errors import NonFiniteError, received
from gemmule.memory import note_writes
from gemmule.random import shared_stream

__all__ = ["LearningRateSearch", "find_learning_rate"]

_INK, _LINE, _MARKS = "#333333", "#1f6fb4", ("#2a9d4a", "#d1592a")
_FEWEST = 10  # batches


class Suggestion(NamedTuple):
    """Two rates to begin with.

    Attributes:
        steepest: where the loss falls fastest, with the logarithm of the rate.
        tenth: a tenth of the rate at which the loss exploded, or, if it did not, of that with the least loss.
    """

    steepest: float
    tenth: float


class LearningRateSearch(NamedTuple):
    """What `find_learning_rate` found.

    Attributes:
        rates: the learning rate of each batch.
        losses: its loss, before its update.
        smoothed: moving averages of the losses.
        explosion: the rate at which the loss exploded; `None` if it never did.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    explosion: float | None

    @property
    def suggestion(self) -> Suggestion:
        """Rates to begin with; look at the curve before you trust them."""
        finite = np.isfinite(self.smoothed)
        rates, smoothed = self.rates[finite], self.smoothed[finite]
        lowest = int(smoothed.argmin())
        wide = max(len(rates) // 12, 1)  # slopes over a sixth of the curve: noise has steep places, too
        falls = smoothed[2 * wide :] - smoothed[: -2 * wide]
        steepest = wide + int(falls[: max(lowest - wide, 1)].argmin())
        return Suggestion(float(rates[steepest]), float((self.explosion or rates[lowest]) / 10))

    def plot(self, to_file: str | os.PathLike[str] | None = None) -> Any:
        """Draws the losses over the rates, with the suggestions.

        Args:
            to_file: where to write the figure, `"rates.png"` for example.

        Returns:
            A matplotlib `Figure`; notebooks show it.

        Raises:
            ImportError: if matplotlib is missing.
        """
        from gemmule.utils.plots import _written

        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError('LearningRateSearch.plot needs matplotlib: pip install "gemmule[plot]".') from error
        figure = Figure(figsize=(7, 4.2), dpi=110, layout="constrained")
        axes = figure.add_subplot()
        axes.plot(self.rates, self.losses, color=_LINE, alpha=0.3, linewidth=1, label="loss of the batch")
        axes.plot(self.rates, self.smoothed, color=_LINE, linewidth=2, label="smoothed")
        labels = ("steepest", "a tenth of the explosion" if self.explosion else "a tenth of the least loss's")
        for rate, label, color in zip(self.suggestion, labels, _MARKS):
            axes.axvline(rate, color=color, linestyle="--", linewidth=1.5, label=f"{label}: {rate:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=self._limits())
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_INK)
        axes.legend(framealpha=0.9, edgecolor="none", labelcolor=_INK)
        return _written(figure, to_file)

    def _limits(self) -> tuple[float, float]:
        """What the picture shows: from the least loss to somewhat above the first ones, not the whole explosion."""
        smoothed = self.smoothed[np.isfinite(self.smoothed)]
        low = float(min(smoothed.min(), np.nanmin(np.where(np.isfinite(self.losses), self.losses, np.nan))))
        high = float(smoothed[: max(len(smoothed) // 2, 1)].max())
        margin = (high - low) or abs(high) or 1.0
        return low - 0.08 * margin, high + 0.4 * margin


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    min_rate: float = 1e-5,
    max_rate: float = 10.0,
    batch_size: int = 32,
    epochs: int = 1,
    steps: int | None = None,
    sample_weight: Any = None,
    smoothing: float = 0.9,
    stop_factor: float = 4.0,
) -> LearningRateSearch:
    """Trains a little with a learning rate that grows exponentially from batch to batch: the learning-rate range test.

    It ends early when the smoothed loss is more than `stop_factor` times the least one, or NaN. Afterwards weights,
    statistics, optimizer state and random streams are exactly what they were, as if nothing had been trained.

    Args:
        model: a compiled model.
        x: examples; see `fit`.
        y: targets.
        min_rate: rate of the first batch.
        max_rate: rate of the last one.
        batch_size: examples in a batch.
        epochs: how often to go through the data, when `steps` does not say how many batches.
        steps: number of batches.
        sample_weight: weight of each example.
        smoothing: share of the moving average of the losses that is kept from batch to batch, from 0 to below 1.
        stop_factor: how many times the least loss is an explosion.

    Returns:
        Rates, losses and suggestions; `plot()` draws them.

    Raises:
        RuntimeError: if the model is not compiled.
        ValueError: for arguments that make no sense, fewer than 10 batches, or a loss that explodes at once.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017; Géron, "Hands-On Machine Learning",
    ch. 11.

    Example:
        >>> search = gm.utils.find_learning_rate(model, x_train, y_train)
        >>> search.plot("rates.png")
        >>> model.optimizer.learning_rate = search.suggestion.tenth
    """
    _check(min_rate, max_rate, smoothing, stop_factor)
    model._require_compiled("find_learning_rate")
    data, _ = adapter.training_data(x, y, sample_weight, None, 0.0, None)
    in_epoch = -(-data.size // batch_size)
    steps = epochs * in_epoch if steps is None else steps
    if steps < _FEWEST:
        raise ValueError(
            f"find_learning_rate: at least {_FEWEST} batches are needed. Make them smaller, or set epochs or steps."
            f"{received(examples=data.size, batch_size=batch_size, epochs=epochs, steps=steps)}"
        )
    growing = _Growing(np.geomspace(min_rate, max_rate, steps), smoothing, stop_factor)
    model._runner.prepare(data, training=True)
    with _restored(model):
        try:
            model.fit(
                x, y, batch_size=batch_size, epochs=-(-steps // in_epoch), verbose=0, callbacks=[growing],
                sample_weight=sample_weight,
            )  # fmt: skip
        except NonFiniteError:
            growing.note(math.nan)
    return growing.result()


def _check(min_rate: Any, max_rate: Any, smoothing: Any, stop_factor: Any) -> None:
    if not 0 < min_rate < max_rate < math.inf:
        raise ValueError(
            "find_learning_rate: rates must be finite, above 0, and max_rate the larger one."
            f"{received(min_rate=min_rate, max_rate=max_rate)}"
        )
    if not 0 <= smoothing < 1 or not stop_factor > 1:
        raise ValueError(
            "find_learning_rate: smoothing must be from 0 to below 1, stop_factor above 1."
            f"{received(smoothing=smoothing, stop_factor=stop_factor)}"
        )


class _Growing(Callback):
    """Sets the rate of each batch, and notes its loss."""

    def __init__(self, rates: np.ndarray, smoothing: float, stop_factor: float) -> None:
        self._rates, self._smoothing, self._stop_factor = rates, smoothing, stop_factor
        self._losses: list[float] = []
        self._smoothed: list[float] = []
        self._average = 0.0
        self.explosion: float | None = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = self._rates[len(self._losses)]
        self.model.reset_metrics()  # so that the logs have the loss of this batch alone

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if "loss" not in (logs or {}):
            raise ValueError(
                "find_learning_rate needs a loss in the logs, but this train_step does not report one. Return "
                f"{{'loss': loss}} from it.{received(logs=sorted(logs or {}))}"
            )
        self.note(float((logs or {})["loss"]))
        if self.explosion is not None or len(self._losses) == len(self._rates):
            self.model.stop_training = True

    def note(self, loss: float) -> None:
        """Adds the loss of a batch to the curve."""
        done = len(self._losses) + 1
        self._average = self._smoothing * self._average + (1 - self._smoothing) * loss
        smoothed = self._average / (1 - self._smoothing**done)
        least = min(self._smoothed, default=smoothed)
        self._losses.append(loss)
        self._smoothed.append(smoothed)
        if not smoothed <= least + (self._stop_factor - 1) * abs(least):
            self.explosion = float(self._rates[done - 1])

    def result(self) -> LearningRateSearch:
        count = len(self._losses)
        if count < 4:
            raise ValueError(
                "find_learning_rate: the loss exploded or became NaN in the first batches. Begin with a smaller "
                f"min_rate, or look for NaN in the data.{received(losses=self._losses)}"
            )
        curves = np.array(self._losses), np.array(self._smoothed)
        return LearningRateSearch(self._rates[:count].copy(), *curves, self.explosion)


@contextmanager
def _restored(model: Any) -> Iterator[None]:
    """Whatever is trained inside, the model and its optimizer are what they were afterwards."""
    from gemmule.models.training_state import places_of  # a storey above: it knows all that a training changes

    optimizer = model.optimizer
    saved = [(array, array.copy()) for array in (shared_stream().key, *places_of(model, full=True).values())]
    weights = [(variable, variable.numpy()) for variable in model.variables]
    metrics = [(metric, metric.save_state()) for metric in model.metrics]
    attributes = {name: vars(model)[name] for name in ("history", "stop_training") if name in vars(model)}
    schedules = optimizer._schedules
    optimizer._schedules = {name: one for name, one in schedules.items() if name != "learning_rate"}
    try:
        yield
    finally:
        optimizer._schedules = schedules
        for variable, values in weights:
            variable.assign(values)
        for array, values in saved:
            array[...] = values
        note_writes(array for array, _ in saved)
        for metric, state in metrics:
            metric.restore_state(state)
        vars(model).pop("history", None)
        vars(model).update(attributes)
