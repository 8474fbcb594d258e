"""The demo's result as a figure: learning curves, confusion matrix, misclassified pictures. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gemmule.datasets.fashion_mnist import CLASS_NAMES
from gemmule.demo.report import confusion, worst
from gemmule.utils.files import atomic_write

PICTURES = 10
TRAINING, HELD_OUT, INK = "#1b6ca8", "#d1603d", "#333333"


def save(
    path: Path, history: dict[str, list[float]], x: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """Draws the figure into a PNG file.

    Args:
        path: Where to write.
        history: `History.history` of the training.
        x: Test images of shape `(n, 28, 28)`.
        labels: Their classes, `(n,)`.
        probabilities: What the network says, `(n, 10)`.
    """
    predicted = probabilities.argmax(axis=1)
    figure = Figure(figsize=(13, 9.5), dpi=110, layout="constrained")
    figure.suptitle(f"Fashion-MNIST, 784-300-100-10: {(predicted == labels).mean():.2%} of the test images right",
                    fontsize=15, color=INK)  # fmt: skip
    panels: Any = figure.subfigures(2, 1, height_ratios=(1.35, 1), hspace=0.04)
    upper, lower = panels
    left, right = upper.subfigures(1, 2, width_ratios=(1, 1.15))
    _curves(left, history)
    _confusion(right, confusion(labels, predicted))
    _mistakes(lower, x, labels, probabilities)
    with atomic_write(path) as file:
        FigureCanvasAgg(figure).print_png(file)


def _curves(panel: Any, history: dict[str, list[float]]) -> None:
    """Accuracy above, loss below, over the epochs."""
    for axes, name in zip(panel.subplots(2, 1, sharex=True), ("accuracy", "loss")):
        for key, label, color in ((name, "training", TRAINING), (f"val_{name}", "validation", HELD_OUT)):
            if key in history:
                axes.plot(np.arange(1, len(history[key]) + 1), history[key], "o-", color=color, label=label, ms=4)
        axes.set_ylabel(name)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    panel.axes[0].legend(frameon=False)


def _confusion(panel: Any, counts: np.ndarray) -> None:
    """Shares of each true class, with the counts written in."""
    axes = panel.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts > 0):
        color = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(len(CLASS_NAMES)), CLASS_NAMES, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(CLASS_NAMES)), CLASS_NAMES)
    axes.set_xlabel("what the network says")
    axes.set_ylabel("what the image shows")
    axes.spines[:].set_visible(False)


def _mistakes(panel: Any, x: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
    """The most confident mistakes, one of each class."""
    panel.suptitle("Most confident mistakes", fontsize=12, color=INK)
    chosen = worst(labels, probabilities, PICTURES)
    grid = panel.subplots(2, PICTURES // 2)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, index in zip(grid.flat, chosen):
        guess = probabilities[index]
        axes.imshow(x[index], cmap="gray", vmin=0, vmax=1)
        axes.set_title(f"{CLASS_NAMES[labels[index]]}\nsays {CLASS_NAMES[guess.argmax()]}, {guess.max():.0%}",
                       fontsize=9, color=INK)  # fmt: skip
