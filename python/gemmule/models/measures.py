"""The compiled metrics: which output each one watches, and what it is called in the logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gemmule import metrics as metrics_module
from gemmule.errors import received
from gemmule.layers.structure import attributes_of, unique
from gemmule.losses import Loss
from gemmule.metrics import Metric
from gemmule.models.outputs import Outputs

if TYPE_CHECKING:
    from gemmule.models.model import Model


class Measure(NamedTuple):
    """A metric at its place.

    Attributes:
        label: its name in the logs.
        metric: the metric.
        output: its place among the outputs.
        weighted: whether it is given the sample weights.
    """

    label: str
    metric: Metric
    output: int
    weighted: bool


class Measures:
    """The compiled metrics.

    Args:
        metrics: for one output a list of names, objects or functions; for several outputs a list with one entry (a
            metric or a list of them) for each, or a dict by name.
        weighted_metrics: likewise, fed with the sample weights.

    Attributes:
        found: the metrics at their places, once the outputs are known.
        given: the arguments by name.
    """

    def __init__(self, metrics: Any, weighted_metrics: Any) -> None:
        self.given = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        for argument, value in self.given.items():
            if value is not None and not isinstance(value, (list, tuple, Mapping)):
                raise ValueError(
                    f"{argument} must be a list, such as {argument}=['accuracy'], or for several outputs a dict by "
                    f"their names.{received(value=value)}"
                )
        self.found: list[Measure] = []
        self._resolved = False

    def resolve(
        self, outputs: Outputs, losses: Sequence[Loss | None], target_shapes: Sequence[tuple[int, ...] | None]
    ) -> None:
        """Turns names into metrics; does nothing the second time.

        Args:
            outputs: of the model.
            losses: of each output; `"accuracy"` depends on it.
            target_shapes: of each output.

        Raises:
            ValueError: for unknown metrics, and if there is not one entry for each output.
        """
        if self._resolved:
            return
        names: dict[str, int] = {}
        for argument, value in self.given.items():
            for index, specs in enumerate(_by_output(argument, value, outputs)):
                for spec in specs:
                    metric = metrics_module.resolve(
                        spec, losses[index], target_shapes[index] or (), outputs.shapes[index]
                    )
                    weighted = argument == "weighted_metrics"
                    label = _free_label(outputs.prefix(index), metric.name, weighted, names)
                    self.found.append(Measure(label, metric, index, weighted))
        if len(outputs.names) > 1:
            self.found.sort(key=lambda measure: measure.label)  # the order of Keras
        self._resolved = True

    def update(self, targets: Sequence[Any], predictions: Sequence[Any], weights: Sequence[Any]) -> None:
        """Adds a batch: targets, predictions and sample weights by output."""
        for measure in self.found:
            y, y_pred = targets[measure.output], predictions[measure.output]
            if measure.weighted:
                measure.metric.update_state(y, y_pred, sample_weight=weights[measure.output])
            else:
                measure.metric.update_state(y, y_pred)


def held_metrics(model: Model) -> list[Metric]:
    """The metrics that a model and its layers have as attributes, without those of models inside of it."""
    layers = [layer for layer in model._flatten_layers() if layer is model or not hasattr(layer, "train_step")]
    return unique(metric for layer in layers for _, metric in attributes_of(layer, (Metric,), layer._untracked))


def _by_output(argument: str, value: Any, outputs: Outputs) -> list[list[Any]]:
    """The metrics of each output."""
    outputs.check_names(argument, value)
    if len(outputs.names) == 1:
        return [list(_flat(value))]
    return [list(_flat(entry)) for entry in outputs.settings(argument, value or None, repeat=False)]


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _flat(part)
    elif isinstance(value, Mapping) and "class_name" not in value:
        for part in value.values():
            yield from _flat(part)
    elif value is not None:
        yield value


def _free_label(prefix: str, name: str, weighted: bool, taken: dict[str, int]) -> str:
    """As Keras: the same metric with and without weights are two values in the logs; further ones are numbered."""
    label = f"{prefix}{name}"
    if weighted and label in taken:
        label = f"{prefix}weighted_{name}"
    taken[label] = taken.get(label, 0) + 1
    return next(islice(free_labels(label), taken[label] - 1, None))


def free_labels(label: str) -> Iterator[str]:
    """A name, and how further metrics of that name are numbered."""
    yield label
    yield from (f"{label}_{number}" for number in count(1))
