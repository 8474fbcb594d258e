"""The demo's result as text for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gemmule.datasets.fashion_mnist import CLASS_NAMES
from gemmule.utils.pictures import curve, picture, side_by_side, table

PICTURES = 3  # 28 columns each: three fit a terminal of 100 columns, with their gaps


def confusion(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts of shape `(10, 10)`: true class by predicted class."""
    counts = np.zeros((len(CLASS_NAMES),) * 2, np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def worst(labels: np.ndarray, probabilities: np.ndarray, count: int) -> np.ndarray:
    """Indices of the misclassified images of which the network was most certain, at most one of each true class."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    _, first = np.unique(labels[wrong], return_index=True)
    return wrong[np.sort(first)][:count]


def text(history: dict[str, list[float]], x: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> str:
    """Learning curve, test accuracy, confusion table and misclassified pictures."""
    predicted = probabilities.argmax(axis=1)
    accuracies = {name: values for name, values in history.items() if name in ("accuracy", "val_accuracy")}
    right = int((predicted == labels).sum())
    sections = [
        ["", "Learning curve", "", *curve(accuracies, stream=sys.stdout)],
        ["", f"Test accuracy: {right / len(labels):.2%} ({right:,} of {len(labels):,} images)"],
        ["", "Confusion: rows are what an image shows, columns what the network says", ""],
        table(confusion(labels, predicted), CLASS_NAMES),
        _mistakes(x, labels, probabilities),
    ]
    return "\n".join(line.rstrip() for section in sections for line in section)


def _mistakes(x: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> list[str]:
    """The most confident mistakes as pictures with captions."""
    chosen = worst(labels, probabilities, PICTURES)
    if not len(chosen):
        return ["", "No image was misclassified."]
    # The power lifts dark clothes out of a black background.
    pictures = [picture(x[index] ** 0.6, sys.stdout) for index in chosen]
    truth = [f"is: {CLASS_NAMES[labels[index]]}" for index in chosen]
    guess = [f"said: {CLASS_NAMES[row.argmax()]} {row.max():.0%}" for row in probabilities[chosen]]
    lines = side_by_side([[*lines, caption.center(28)] for lines, caption in zip(pictures, truth)], guess)
    return ["", "Its most confident mistakes", "", *lines]


def next_steps(model: str, data: str, files: Sequence[Path]) -> str:
    """What was written and what to try next."""
    lines = ["", *(f"Saved {file}" for file in files)]
    if len(files) == 1:
        lines.append('For a figure too: pip install "gemmule[plot]"')
    lines += ["", "What to try next:"]
    if data == "sample":
        lines.append("  python -m gemmule demo --data full     train on all 60,000 images (downloads 30 MB; needs the "
                     'extra "data")')  # fmt: skip
    if model == "mlp":
        lines.append("  python -m gemmule demo --model cnn     a convolutional network sees more in the same images")
    lines += [
        "  python -m gemmule demo --epochs 30     more passes over the data, or another --seed",
        "  python -m gemmule config               what runs on this machine",
        "  from gemmule.demo.training import build",
        f"  build({model!r}).load_weights({str(files[0])!r})     use the trained network",
    ]
    return "\n".join(lines)
