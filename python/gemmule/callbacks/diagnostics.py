"""Looking into layers while they are trained."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from gemmule.callbacks.callback import Logs, Periodic
from gemmule.callbacks.layer_numbers import Histogram, Watched, measure, update_ratios
from gemmule.callbacks.looking import Look, Seen
from gemmule.errors import GemmuleWarning, received
from gemmule.layers.structure import distinct

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

    Of large arrays 1024 evenly spaced elements are measured, of deep networks' fewer, down to 256, which makes
    deviations right to a few per cent; only dead units are looked for everywhere. What was not measured is NaN, or
    `None` for a histogram.

    A look runs the batch forward once more, recorded and replayed as steps are; random counters and moving statistics
    are put back, so training takes the same course, to the last bit, with or without. Batches in between are not
    touched.

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
        self._look: Look | None = None
        self._seen: Seen | None = None  # in the forward pass, between the beginning and the end of a batch
        self._broken: Counter[tuple[str, str]] = Counter()  # looks in a row, by layer and rule
        self._said: set[tuple[str, str]] = set()
        self._updates = 0

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
        coming = self.model._runner.coming if self.is_due(batch) else None
        if coming is None:  # or a run that was interrupted right here is taken up: leave this one out
            return
        self._look = self._look or Look(self.model, self._layers)
        self._seen = self._look.begin(*coming)
        for key, watched in self._layers.items():
            watched.is_output = key in self._seen.ends
            if key in self._seen.highest:
                watched.see_units(self._seen.highest[key])
        self._updates = int(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        seen, self._seen = self._seen, None
        if seen is None or self._look is None:
            return
        look = self._look
        look.end()
        self.steps.append(self.batches + batch)
        samples = {(key, "activation"): sample for key, sample in seen.outputs.items()}
        if self.model._compiled.fills_gradients:
            samples |= {(key, "gradient"): sample for key, sample in look.gradients.items()}
        found: dict[int, dict[str, Any]] = {key: {} for key in self._layers}
        for key, sample in seen.outputs.items():
            found[key] |= self._layers[key].shares(sample)
        if int(self.model.optimizer.iterations) != self._updates:
            ratios = update_ratios(look.before, look.after, look.shares, look.owners, len(self._layers))
            for one, ratio in zip(found.values(), ratios.tolist()):
                one["update_ratio"] = ratio
        for (key, what), numbers in zip(samples, measure(list(samples.values()))):
            found[key] |= zip((f"{what}_mean", f"{what}_std", f"{what}_histogram"), numbers)
        self._keep(found.values())
        if self.warn:
            self._judge()

    def _keep(self, found: Iterable[dict[str, Any]]) -> None:
        for one, lists in zip(found, self.history.values(), strict=True):
            for name, values in lists.items():
                values.append(one.get(name, None if name in HISTOGRAMS else math.nan))

    # ---- Advice ----------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        latest = {layer: {name: lists[name][-1] for name in NUMBERS} for layer, lists in self.history.items()}
        found = {
            watched.name: _advice(latest[watched.name], watched.is_output, _steepest_other(latest, watched.name))
            for watched in self._layers.values()
        }
        if _all_zero(latest):
            found["all layers"] = {
                "zero": "every gradient is 0, so nothing is learnt; look for units that never fire, "
            }
            found["all layers"]["zero"] += "saturated outputs, or a loss that does not depend on the weights"
        vanishing = any("vanishing" in advice or "zero" in advice for advice in found.values())
        for layer, advice in {"all layers": {}, **found}.items():
            for rule in ("dead", "saturated", "fast", "slow", "vanishing", "zero"):
                key = layer, rule
                self._broken[key] = self._broken[key] + 1 if rule in advice else 0
                new = self._broken[key] == _PATIENCE and key not in self._said
                if rule == "slow":  # late in training it is as it should be; a larger rate is no cure for no gradient
                    new = new and len(self.steps) == _PATIENCE and not vanishing
                if new:
                    self._said.add(key)
                    self._say(f"{layer}: {advice[rule]}")

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


def _steepest_other(latest: dict[str, dict[str, float]], layer: str) -> float:
    """The largest deviation of gradients in other layers, NaN if none was measured."""
    others = [numbers["gradient_std"] for name, numbers in latest.items() if name != layer]
    return max((one for one in others if not math.isnan(one)), default=math.nan)


def _all_zero(latest: dict[str, dict[str, float]]) -> bool:
    """Whether there are gradients, and all that were measured are 0."""
    found = [(one["gradient_mean"], one["gradient_std"]) for one in latest.values()]
    return any(pair == (0.0, 0.0) for pair in found) and all(
        pair == (0.0, 0.0) or math.isnan(pair[1]) for pair in found
    )


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
    if now["gradient_std"] <= _VANISHING * steepest and steepest > 0:
        found["vanishing"] = (
            f"gradients vanish on their way back: {now['gradient_std']:.1e} against {steepest:.1e} in another layer; "
            "use relu with he_normal, batch normalization or shortcuts"
        )
    return found
