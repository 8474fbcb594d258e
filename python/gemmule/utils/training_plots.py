"""Figures of trainings: curves, what `Diagnostics` saw, confusion matrices. Need matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gemmule.errors import did_you_mean, received
from gemmule.utils.confusion import confusion_matrix
from gemmule.utils.plots import _written

__all__ = ["plot_confusion_matrix", "plot_diagnostics", "plot_history"]

_INK, _GRID = "#333333", "#dddddd"
_TRAINING, _VALIDATION = "#1f6fb4", "#d1592a"
_MOST_LABELS = 12  # lines of a legend
_PANELS = (
    ("update_ratio", "‖Δw‖ / ‖w‖ of a step", True),
    ("gradient_std", "std of the gradient", True),
    ("activation_std", "std of the activation", False),
    ("activation_mean", "mean of the activation", False),
    ("dead", "share of dead units", False),
    ("saturated", "share of saturated outputs", False),
)
Path = str | os.PathLike[str] | None


def _figure(caller: str, width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f'{caller} needs matplotlib: pip install "gemmule[plot]".') from error
    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _panel(figure: Any, place: tuple[int, int, int], title: str, x_label: str) -> Any:
    axes = figure.add_subplot(*place)
    axes.set_title(title, fontsize=10, color=_INK)
    axes.set_xlabel(x_label, fontsize=9, color=_INK)
    axes.tick_params(labelsize=8, colors=_INK, which="both")
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


# ---- Curves ----------------------------------------------------------------------------------------------------------


def plot_history(
    history: Any, metrics: Sequence[str] | None = None, log_scale: bool = False, to_file: Path = None
) -> Any:
    """Draws the values of each epoch: a panel for each, training as a line with dots, validation dashed with squares.

    Args:
        history: what `fit` returned, or its `history` dict.
        metrics: names of what is drawn, without `val_`; all that are numbers by default.
        log_scale: whether losses have a logarithmic axis.
        to_file: where to write the figure, `"history.png"` for example.

    Returns:
        A matplotlib `Figure`; notebooks show it.

    Raises:
        ImportError: if matplotlib is missing.
        ValueError: if there is nothing to draw, or an unknown name.

    Example:
        >>> history = model.fit(x, y, epochs=20, validation_split=0.1)
        >>> gm.utils.plot_history(history, to_file="history.png")
    """
    values = getattr(history, "history", history)
    if not isinstance(values, Mapping):
        raise ValueError(f"plot_history takes what fit() returned, or a dict of lists.{received(history=history)}")
    numbers = {name: list(one) for name, one in values.items() if len(one) and all(np.ndim(v) == 0 for v in one)}
    known = list(dict.fromkeys(name.removeprefix("val_") for name in numbers))
    names = known if metrics is None else list(metrics)
    for name in names:
        if name not in known:
            raise ValueError(f"plot_history: {name!r} is not in the history.{did_you_mean(name, known)}")
    if not names:
        raise ValueError("plot_history: the history is empty. Train for at least one epoch.")
    names.sort(key=lambda name: (name != "loss", name == "learning_rate"))
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = _figure("plot_history", max(4.2 * columns, 4.6), 3.3 * rows)
    epochs = getattr(history, "epoch", None)
    for place, name in enumerate(names, start=1):
        axes = _panel(figure, (rows, columns, place), name, "epoch")
        styles = ((name, "training", _TRAINING, "o-"), (f"val_{name}", "validation", _VALIDATION, "s--"))
        for key, label, colour, style in styles:
            if key in numbers:
                found = numbers[key]
                several = epochs is not None and len(epochs) == len(found)
                x = np.asarray(epochs if several else range(len(found))) + 1
                axes.plot(x, found, style, color=colour, label=label, linewidth=1.6, markersize=_marker(len(found)))
        if log_scale and name.endswith("loss"):
            axes.set_yscale("log")
        if name == "learning_rate":
            axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4))
        axes.xaxis.get_major_locator().set_params(integer=True)
        if f"val_{name}" in numbers and name in numbers:
            axes.legend(fontsize=8, framealpha=0.9, edgecolor="none", labelcolor=_INK)
    return _written(figure, to_file)


def _marker(points: int) -> float:
    return 4.0 if points <= 30 else 0.0


# ---- Diagnostics -----------------------------------------------------------------------------------------------------


def plot_diagnostics(
    diagnostics: Any, what: str = "numbers", layers: Sequence[str] | None = None, to_file: Path = None
) -> Any:
    """Draws what a `Diagnostics` callback saw.

    Args:
        diagnostics: the callback, after training.
        what: `"numbers"`, a panel for each number, with a line for each layer from dark (first) to light (last), or
            `"activations"` or `"gradients"`: histograms of each layer, the first look in grey and the last in blue.
        layers: names of the layers that are drawn, all by default.
        to_file: where to write the figure, `"diagnostics.png"` for example.

    Returns:
        A matplotlib `Figure`; notebooks show it.

    Raises:
        ImportError: if matplotlib is missing.
        ValueError: for an unknown name, or if nothing was seen yet.

    Example:
        >>> diagnostics = gm.callbacks.Diagnostics(every=50)
        >>> model.fit(x, y, epochs=5, callbacks=[diagnostics])
        >>> gm.utils.plot_diagnostics(diagnostics, to_file="diagnostics.png")
    """
    kinds = ("numbers", "activations", "gradients")
    if what not in kinds:
        raise ValueError(f"plot_diagnostics: unknown what={what!r}.{did_you_mean(what, kinds)}")
    if not diagnostics.steps:
        raise ValueError("plot_diagnostics: nothing was seen yet. Pass the callback to fit() first.")
    names = list(diagnostics.history) if layers is None else list(layers)
    for name in names:
        if name not in diagnostics.history:
            raise ValueError(f"plot_diagnostics: no layer {name!r} was seen.{did_you_mean(name, diagnostics.history)}")
    seen = {name: diagnostics.history[name] for name in names}
    if what == "numbers":
        return _written(_numbers(diagnostics.steps, seen), to_file)
    return _written(_histograms(diagnostics.steps, seen, f"{what[:-1]}_histogram", what), to_file)


def _numbers(steps: Sequence[int], seen: Mapping[str, Mapping[str, Sequence[float]]]) -> Any:
    panels = [panel for panel in _PANELS if any(np.isfinite(one[panel[0]]).any() for one in seen.values())]
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure = _figure("plot_diagnostics", 9.6, 2.8 * rows)
    colours = _shades(len(seen))
    lines = {}
    for place, (number, title, logarithmic) in enumerate(panels, start=1):
        axes = _panel(figure, (rows, columns, place), title, "batch")
        for (name, numbers), colour in zip(seen.items(), colours):
            if np.isfinite(numbers[number]).any():
                (lines[name],) = axes.plot(
                    steps, numbers[number], "o-", color=colour, linewidth=1.4, markersize=_marker(len(steps)) * 0.8
                )
        if logarithmic:
            axes.set_yscale("log", nonpositive="mask")
        if number == "update_ratio":
            axes.axhline(1e-3, color=_INK, linewidth=0.9, linestyle=":")
            axes.annotate(
                "1e-3", (1, 1e-3), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                fontsize=8, color=_INK, va="center", annotation_clip=False,
            )  # fmt: skip
        if number in ("dead", "saturated"):
            axes.set_ylim(-0.03, 1.03)
    shown = [name for name in seen if name in lines]
    if len(shown) > _MOST_LABELS:  # the first, the last, and some in between
        shown = [shown[i] for i in np.unique(np.linspace(0, len(shown) - 1, _MOST_LABELS).round().astype(int))]
    figure.legend(
        [lines[name] for name in shown], shown, loc="outside right upper", fontsize=8, frameon=False, labelcolor=_INK
    )
    return figure


def _shades(count: int) -> list[Any]:
    """Colours from dark to light that also differ in a black and white print."""
    from matplotlib import colormaps

    return [colormaps["viridis"](0.92 * index / max(count - 1, 1)) for index in range(count)]


def _histograms(steps: Sequence[int], seen: Mapping[str, Mapping[str, Sequence[Any]]], key: str, what: str) -> Any:
    found = {name: [(s, h) for s, h in zip(steps, one[key]) if h is not None] for name, one in seen.items()}
    found = {name: pairs for name, pairs in found.items() if pairs}
    if not found:
        raise ValueError(f"plot_diagnostics: no {what} were seen of these layers.")
    columns = min(len(found), 4)
    rows = -(-len(found) // columns)
    figure = _figure("plot_diagnostics", max(2.7 * columns, 4.6), 2.3 * rows + 0.5)
    figure.suptitle(f"{what}: batch {steps[0]} in grey, batch {steps[-1]} in blue", fontsize=11, color=_INK)
    for place, (name, pairs) in enumerate(found.items(), start=1):
        axes = _panel(figure, (rows, columns, place), name, "")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        for (_, histogram), style in ((pairs[0], {"color": "#999999"}), (pairs[-1], {"color": _TRAINING})):
            edges = np.linspace(histogram.low, histogram.high, len(histogram.counts) + 1)
            density = histogram.counts / (histogram.counts.sum() * (edges[1] - edges[0]))
            axes.stairs(density, edges, fill=True, alpha=0.45, **style)
            axes.stairs(density, edges, linewidth=1.2, **style)
        axes.locator_params(axis="x", nbins=4)
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
        axes.xaxis.get_offset_text().set_fontsize(7)
    return figure


# ---- Confusion matrix ------------------------------------------------------------------------------------------------


def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any = None,
    class_names: Sequence[str] | None = None,
    normalize: bool = False,
    to_file: Path = None,
) -> Any:
    """Draws how often examples of each class (rows) were taken for each class (columns).

    Args:
        y_true: the classes, or the matrix itself when `y_pred` is left out.
        y_pred: the predicted classes, or what `predict` returned; see `gm.utils.confusion_matrix`.
        class_names: names of the classes; their numbers by default.
        normalize: whether to show shares of each row in per cent instead of counts.
        to_file: where to write the figure, `"confusion.png"` for example.

    Returns:
        A matplotlib `Figure`; notebooks show it.

    Raises:
        ImportError: if matplotlib is missing.
        ValueError: if the matrix is not square, or the names are not as many as the classes.

    Example:
        >>> gm.utils.plot_confusion_matrix(y_test, model.predict(x_test), class_names, to_file="confusion.png")
    """
    matrix = _matrix(y_true, y_pred)
    count = len(matrix)
    names = [str(number) for number in range(count)] if class_names is None else [str(name) for name in class_names]
    if len(names) != count:
        raise ValueError(
            f"plot_confusion_matrix needs one name for each class.{received(class_names=len(names), classes=count)}"
        )
    totals = matrix.sum(1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    side = min(max(0.52 * count + 1.8, 3.6), 14.0)
    figure = _figure("plot_confusion_matrix", side + 0.4, side)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    turned = max(map(len, names)) > 3
    axes.set_xticks(range(count), names, rotation=45 if turned else 0, ha="right" if turned else "center")
    if turned:
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
    axes.set_yticks(range(count), names)
    axes.tick_params(labelsize=8 if count <= 30 else 5, colors=_INK, length=0)
    axes.set_xlabel("predicted", color=_INK)
    axes.set_ylabel("true", color=_INK)
    right = float(np.trace(matrix) / max(matrix.sum(), 1))
    unit = "; per cent of each row" if normalize else ""
    axes.set_title(f"{matrix.sum():,.0f} examples, {right:.1%} right{unit}", fontsize=11, color=_INK)
    if count <= 30:
        _write_cells(axes, matrix, shares, normalize)
    return _written(figure, to_file)


def _matrix(y_true: Any, y_pred: Any) -> np.ndarray:
    if y_pred is None:
        matrix = np.asarray(y_true)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise ValueError(
                "plot_confusion_matrix takes true and predicted classes, or a square matrix alone."
                f"{received(y_true=matrix)}"
            )
        return matrix
    return confusion_matrix(y_true, y_pred)


def _write_cells(axes: Any, matrix: np.ndarray, shares: np.ndarray, normalize: bool) -> None:
    widest = max(len(f"{value:.0f}") for value in matrix.ravel())
    size = (8.5 if len(matrix) <= 15 else 6) * (1 if normalize or widest <= 4 else 4 / widest)
    for row, column in np.ndindex(*matrix.shape):
        if matrix[row, column]:
            share = shares[row, column]
            text = f"{100 * share:.0f}" if normalize else f"{matrix[row, column]:.0f}"
            if text == "0":
                text = "<1"
            colour = "white" if share > 0.5 else _INK
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
