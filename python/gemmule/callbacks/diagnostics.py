"""Looking into layers while they are trained."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from gemmule.callbacks.callback import Logs, Periodic
from gemmule.callbacks.layer_numbers import Histogram, Watched, measure
from gemmule.data.adapter import unpack_x_y_sample_weight
from gemmule.deferral import Rehearsal
from gemmule.errors import GemmuleWarning, received
from gemmule.layers.holding import watching
from gemmule.layers.structure import distinct
from gemmule.tensor import Tensor

NUMBERS = ("update_ratio", "activation_mean", "activation_std", "gradient_mean", "gradient_std", "dead", "saturated")
HISTOGRAMS = ("activation_histogram", "gradient_histogram")
_DEAD = _SATURATED = 0.5  # shares of units and of outputs
_LARGE_UPDATE, _SMALL_UPDATE, _VANISHING = 0.1, 1e-6, 1e-5
_PATIENCE = 3  # looks in a row that a rule has to hold


class Diagnostics(Periodic):
    """Looks at every layer from time to time, keeps what it sees, and warns in words when something is wrong.

    Recorded of each layer that has weights or an activation, in a batch out of `every`:

    - `update_ratio`, ‖Δw‖ / ‖w‖ of its trained weights in that step. Around 1e-3 is healthy (CS231n, "Neural Networks
      Part 3: ratio of weights:updates"); much more is too fast, much less too slow.
    - `activation_mean`, `activation_std` and `activation_histogram` of its output for that batch, in training mode.
    - `gradient_mean`, `gradient_std` and `gradient_histogram` of the gradient of its largest weight.
    - `dead`: the share of units (of maps, after a convolution) behind relu that were 0 for all examples of the last
      three looks. `saturated`: the share of outputs of sigmoid, tanh and the like where the slope is less than 5 % of
      the largest one.

    Of arrays with more than 1024 elements about as many are measured, evenly spaced, which makes deviations right to a
    few per cent; only dead units are looked for everywhere. What was not measured is NaN, or `None` for a histogram.

    A look runs the batch forward once more, by itself; random counters and moving statistics are put back, so training
    takes the same course, to the last bit, with or without. Batches in between are not touched.

    Args:
        every: distance of the batches that are looked at, counted through all epochs; the first one is looked at.
        warn: whether to warn when something is wrong with a layer in three looks in a row.

    Attributes:
        steps: numbers of the batches that were looked at.
        history: for each layer, by its name, a dict of lists with one entry for each step.
        warnings: what was warned of.

    Raises:
        ValueError: for a distance that is not a positive integer.

    Example:
        >>> diagnostics = gm.callbacks.Diagnostics(every=100)
        >>> model.fit(x, y, callbacks=[diagnostics])
        >>> print(diagnostics.report())
        >>> gm.utils.plot_diagnostics(diagnostics, to_file="diagnostics.png")
    """

    def __init__(self, every: int = 100, warn: bool = True) -> None:
        if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
            raise ValueError(f"Diagnostics: every must be a positive integer.{received(every=every)}")
        super().__init__(int(every))
        self.warn = bool(warn)
        self._start()

    def _start(self) -> None:
        self.steps: list[int] = []
        self.history: dict[str, dict[str, list[Any]]] = {}
        self.warnings: list[str] = []
        self._layers: dict[int, Watched] = {}
        self._state: list[np.ndarray] = []
        self._broken: Counter[tuple[str, str]] = Counter()  # looks in a row, by layer and rule
        self._said: set[tuple[str, str]] = set()
        self._updates = 0
        self._looking = False  # whether the beginning of the batch was seen

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        super().on_train_begin(logs)
        self._start()
        model = self.model
        places = model._compiled.destinations()
        leaves = [layer for layer in model._flatten_layers() if not layer._children()]
        names = [name for name, _ in distinct([(layer.name, layer) for layer in leaves])]
        for name, layer in zip(names, leaves):
            trained = [v for _, v in layer._own_variables() if id(v) in places and v.dtype.kind == "f"]
            watched = Watched(name, layer, [(v.array, places[id(v)]) for v in trained])
            if trained or watched.kind:
                self._layers[id(layer)] = watched
                self.history[name] = {key: [] for key in (*NUMBERS, *HISTOGRAMS)}
        self._state = [variable.array for variable in model.non_trainable_variables]

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {
            "batches": self.batches,
            "steps": list(self.steps),
            "warnings": list(self.warnings),
            "history": {
                layer: {name: [list(v) if isinstance(v, Histogram) else v for v in lists[name]] for name in lists}
                for layer, lists in self.history.items()
            },
            "fired": {watched.name: list(watched.fired) for watched in self._layers.values()},
            "broken": [[*key, number] for key, number in self._broken.items()],
            "said": [list(key) for key in self._said],
        }

    def set_state(self, state: dict[str, Any]) -> None:  # noqa: D102
        self.batches, self.steps, self.warnings = state["batches"], list(state["steps"]), list(state["warnings"])
        self.history = {
            layer: {name: [Histogram(*v) if isinstance(v, (list, tuple)) else v for v in lists[name]] for name in lists}
            for layer, lists in state["history"].items()
        }
        for watched in self._layers.values():
            watched.fired.extend(state["fired"].get(watched.name, ()))
        self._broken = Counter({(layer, rule): number for layer, rule, number in state["broken"]})
        self._said = {(layer, rule) for layer, rule in state["said"]}

    # ---- A look ----------------------------------------------------------------------------------------------------

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        if not self.is_due(batch):
            return
        model = self.model
        data = model._runner.peek()
        if data is None:  # a run that was interrupted right here is taken up: leave this one out
            return
        x, _, _ = unpack_x_y_sample_weight(data)
        outputs: dict[int, int] = {}

        def see(layer: Any, result: Any) -> None:
            watched = self._layers.get(id(layer))
            if watched is not None and isinstance(result, Tensor) and result.dtype.kind == "f":
                outputs[id(layer)] = result.number
                watched.see_outputs(result.array)

        with Rehearsal(model._compiled.training_step().frozen, self._state), watching(see):
            final = model(x, training=True)
        ends = {tensor.number for tensor in _tensors(final)}
        for number, watched in self._layers.items():
            watched.is_output = outputs.get(number) in ends
            watched.outputs = watched.outputs if number in outputs else None
            watched.see_weights()
        self._updates = int(model.optimizer.iterations)
        self._looking = True

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        if not self._looking:
            return
        self._looking = False
        self.steps.append(self.batches + batch)
        updated = int(self.model.optimizer.iterations) != self._updates
        graded = self.model._compiled.fills_gradients
        samples: dict[tuple[str, str], np.ndarray] = {}
        found: dict[str, dict[str, Any]] = {}
        for watched in self._layers.values():
            found[watched.name] = dict(watched.shares())
            if watched.outputs is not None:
                samples[watched.name, "activation"] = watched.outputs
            if watched.parameters and updated:
                found[watched.name]["update_ratio"] = watched.update_ratio()
            if watched.parameters and graded:
                samples[watched.name, "gradient"] = watched.gradient()
        for (name, what), numbers in zip(samples, measure(list(samples.values()))):
            found[name] |= {f"{what}_{field}": value for field, value in numbers._asdict().items()}
        self._keep(found)
        if self.warn:
            self._judge()

    def _keep(self, found: dict[str, dict[str, Any]]) -> None:
        for name, lists in self.history.items():
            for number in NUMBERS:
                lists[number].append(found[name].get(number, math.nan))
            for histogram in HISTOGRAMS:
                lists[histogram].append(found[name].get(histogram))

    # ---- Advice ----------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        steepest = max((numbers["gradient_std"][-1] for numbers in self.history.values()), default=math.nan)
        for watched in self._layers.values():
            now = {name: self.history[watched.name][name][-1] for name in NUMBERS}
            advice = _advice(now, watched.is_output, steepest)
            for rule in ("dead", "saturated", "fast", "slow", "vanishing"):
                key = watched.name, rule
                self._broken[key] = self._broken[key] + 1 if rule in advice else 0
                new = self._broken[key] == _PATIENCE and key not in self._said
                if new and (rule != "slow" or len(self.steps) == _PATIENCE):  # late in training slow is as it should be
                    self._said.add(key)
                    self._say(f"{watched.name}: {advice[rule]}")

    def _say(self, text: str) -> None:
        self.warnings.append(text)
        warnings.warn(text, GemmuleWarning, stacklevel=2)

    def report(self) -> str:
        """The latest numbers of all layers, as a table."""
        rows = [("layer", *(name.replace("_", " ") for name in NUMBERS))]
        for layer, numbers in self.history.items():
            latest = [numbers[name][-1] if numbers[name] else math.nan for name in NUMBERS]
            rows.append((layer, *("" if math.isnan(value) else f"{value:.3g}" for value in latest)))
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([f"Batch {self.steps[-1] if self.steps else 'none'}", *lines, *self.warnings])


def _tensors(structure: Any) -> list[Tensor]:
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [tensor for part in structure for tensor in _tensors(part)]
    return [structure]


def _advice(now: dict[str, float], is_output: bool, steepest: float) -> dict[str, str]:
    """What is wrong with a layer, by the name of the rule. Comparisons with NaN are false."""
    found = {}
    if now["dead"] >= _DEAD:
        found["dead"] = f"{100 * now['dead']:.0f} % of units never fire; lower the learning rate or use leaky_relu"
    if now["saturated"] >= _SATURATED and not is_output:
        found["saturated"] = (
            f"{100 * now['saturated']:.0f} % of outputs are saturated, where hardly any gradient passes; use smaller "
            "initial weights, scale the inputs, or use relu"
        )
    ratio = now["update_ratio"]
    if _LARGE_UPDATE <= ratio < math.inf:
        found["fast"] = f"a step changes the weights by {100 * ratio:.0f} % (0.1 % is usual); lower the learning rate"
    if 0 < ratio <= _SMALL_UPDATE:
        found["slow"] = (
            f"a step changes the weights by {ratio:.1e} of their size (1e-3 is usual); raise the learning rate"
        )
    if now["gradient_std"] <= _VANISHING * steepest:
        found["vanishing"] = (
            f"gradients vanish on their way back: {now['gradient_std']:.1e} against {steepest:.1e} in other layers; "
            "use relu with he_normal, batch normalization or shortcuts"
        )
    return found
