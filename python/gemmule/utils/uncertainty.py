"""Monte-Carlo dropout: many predictions with random layers at work, and what they agree on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gemmule.data import adapter
from gemmule.data.nested import check_inputs, take_apart
from gemmule.deferral import TrainingStep
from gemmule.errors import received
from gemmule.layers.rules import without_losses
from gemmule.layers.structure import attributes_of
from gemmule.models.predictor import BatchForm, Predictor
from gemmule.random import Stream

if TYPE_CHECKING:
    from gemmule.models.model import Model

_SLACK = 1e-3  # how far sums of probabilities may be from 1


class MCPrediction(NamedTuple):
    """What `mc_predict` found, for one output as arrays, for several in the structure the model returns them in.

    Attributes:
        mean: over the samples.
        std: standard deviation over the samples (divided by their number, as `np.std` does).
        entropy: that of the mean, `-Σ p ln p` over the classes, or `-p ln p - (1-p) ln(1-p)` of each unit behind a
            sigmoid; `None` for outputs that are no probabilities.
    """

    mean: Any
    std: Any
    entropy: Any


def mc_predict(
    model: Model, x: Any, samples: int = 100, batch_size: int | None = None, seed: int | None = None
) -> MCPrediction:
    """Predicts many times with dropout on: the spread of the predictions tells how sure the model is.

    Dropout, noise and random augmentation work as in training. Batch normalization works as in inference, and nothing
    of the model changes, neither statistics nor the random numbers of a training to come. The random numbers differ
    from call to call unless there is a seed; with one, the same call gives the same bits.

    Args:
        model: a model with random layers.
        x: examples, as for `predict`.
        samples: how many predictions for each example.
        batch_size: examples per step, 128 by default.
        seed: an integer for the same random numbers at each call.

    Returns:
        An `MCPrediction`: mean, standard deviation and predictive entropy.

    Raises:
        ValueError: if no layer of the model draws random numbers, or for numbers out of range.

    Example:
        >>> found = gm.utils.mc_predict(model, x_test, samples=100, seed=1)
        >>> unsure = found.entropy.argsort()[-10:]

    Source: Gal and Ghahramani, "Dropout as a Bayesian Approximation", 2016.
    """
    for name, value, least in (("samples", samples, 2), ("batch_size", 1 if batch_size is None else batch_size, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"mc_predict: {name} must be an integer from {least} on.{received(**{name: value})}")
    return _Sampler(model).sample(x, int(samples), int(batch_size or 128), seed)


class _SampledForm(BatchForm):
    """A prediction in which layers behave as in training, except that nothing is learned."""

    def _call(self, inputs: Any) -> Any:
        step = TrainingStep({id(layer): layer for layer in self._model._flatten_layers()})
        with step, without_losses():
            outputs = self._model(inputs, training=True)
            step.pending.clear()  # what layers of the user's would write to their state
        self.marks = [getattr(leaf, "logits_op", "") for leaf in take_apart(outputs)[1]]
        return outputs


class _Sampler(Predictor):
    _form_class = _SampledForm

    def sample(self, x: Any, samples: int, batch_size: int, seed: int | None) -> MCPrediction:
        data = adapter.dataset(x)
        structure = data.forms[0]
        self.model.ensure_built(self._as_taken(data.inputs, structure), check_inputs(structure, self.model.input_names))
        parts = []
        with _own_numbers(self.model, seed) as streams:
            for start in range(0, data.size, batch_size):
                rows = [array[start : start + batch_size] for array in data.inputs]
                inputs = self._as_taken(rows, structure)
                form: Any = self._form(inputs, structure)
                parts.append(_moments(form(inputs) for _ in range(samples)))
            if not any(stream.key[-1] for stream in streams):
                raise ValueError(
                    f'mc_predict: no layer of "{self.model.name}" draws random numbers, so that all samples are equal. '
                    "Use a model with Dropout layers, and leave out their argument training=False."
                )
        whole = [[np.concatenate(leaf) for leaf in zip(*moments)] for moments in zip(*parts)]
        means, deviations = whole
        entropies = [_entropy(mean, mark) for mean, mark in zip(means, form.marks)]
        return MCPrediction(*(form.pack(leaves) for leaves in (means, deviations, entropies)))


def _moments(runs: Iterator[list[np.ndarray]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Mean and standard deviation of each output over the runs, in float64 and one pass (Welford's method)."""
    first = next(runs)
    means = [leaf.astype(np.float64) for leaf in first]
    squares = [np.zeros_like(mean) for mean in means]
    count = 1
    for leaves in runs:
        count += 1
        for leaf, mean, square in zip(leaves, means, squares):
            distance = leaf - mean
            mean += distance / count
            square += distance * (leaf - mean)
    kinds = [leaf.dtype if leaf.dtype.kind == "f" else np.dtype(np.float64) for leaf in first]
    deviations = [np.sqrt(square / count).astype(kind) for square, kind in zip(squares, kinds)]
    return [mean.astype(kind) for mean, kind in zip(means, kinds)], deviations


def _entropy(mean: np.ndarray, mark: str) -> np.ndarray | None:
    """Of probabilities: those behind a sigmoid one by one, others if they add up to 1 over the last dimension."""
    p = mean.astype(np.float64)
    if mark == "sigmoid":
        return (_information(p) + _information(1.0 - p)).astype(mean.dtype)
    if p.ndim < 2 or p.shape[-1] < 2 or not (p >= 0).all() or not (np.abs(p.sum(axis=-1) - 1) <= _SLACK).all():
        return None
    return _information(p).sum(axis=-1).astype(mean.dtype)


def _information(p: np.ndarray) -> np.ndarray:
    return -p * np.log(np.where(p > 0, p, 1.0))


@contextmanager
def _own_numbers(model: Model, seed: int | None) -> Iterator[Sequence[Stream]]:
    """Gives the random layers of a model other numbers inside the block, and those they had afterwards."""
    layers = list(model._flatten_layers())
    found = {id(s): s for layer in layers for _, s in attributes_of(layer, (Stream,), layer._untracked)}
    streams = list(found.values())
    saved = [stream.key.copy() for stream in streams]
    source = Stream(seed)
    for number, stream in enumerate(streams):
        stream.key[:] = (source.key[0], source.key[1] + np.uint64(number << 32), 0)
    try:
        yield streams
    finally:
        for stream, key in zip(streams, saved):
            stream.key[:] = key
