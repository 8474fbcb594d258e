"""Makes the oracle values of losses and metrics: what Keras computes for the rows of their tables.

    python tests/oracles/make_losses.py

Needs keras and torch. Writes losses_keras.npz (loss and gradient of the predictions) and metrics_keras.npz (the value
after each of three batches), float32, beside this file. Inputs are stored with them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
os.environ["KERAS_BACKEND"] = "torch"

from tests.losses.specs import ROWS as LOSSES  # noqa: E402
from tests.losses.specs import Row as LossRow  # noqa: E402
from tests.metrics.specs import BATCHES  # noqa: E402
from tests.metrics.specs import ROWS as METRICS  # noqa: E402
from tests.metrics.specs import Row as MetricRow  # noqa: E402

Arrays = dict[str, np.ndarray]


def stored(y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray | None) -> Arrays:
    """The inputs of a row as they go into the file."""
    arrays = {"y_true": y_true, "y_pred": y_pred}
    return arrays if weights is None else arrays | {"weights": weights}


def multiclass_hinge(margin: float = 1.0) -> Any:
    """PyTorch's, which divides by the number of classes."""
    import keras
    import torch

    class Loss(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            values = torch.nn.functional.multi_margin_loss(y_pred, y_true.long(), margin=margin, reduction="none")
            return values * y_pred.shape[1]

    return Loss()


def loss_values(row: LossRow) -> Arrays:
    """Loss, and gradient of its sum."""
    import keras
    import torch

    y_true, y_pred, weights = row.draw()
    prediction = torch.tensor(y_pred, requires_grad=True)
    loss = (multiclass_hinge if row.loss == "MulticlassHinge" else getattr(keras.losses, row.loss))(**row.kwargs)
    value = loss(torch.tensor(y_true), prediction, sample_weight=None if weights is None else torch.tensor(weights))
    value.sum().backward()
    return stored(y_true, y_pred, weights) | {"loss": value.detach().numpy(), "gradient": prediction.grad.numpy()}


def metric_values(row: MetricRow) -> Arrays:
    """The value after each batch."""
    import keras

    y_true, y_pred, weights = row.draw()
    real = {"dtype": "float32"} if row.metric.endswith("IoU") else {}  # it would cut weights to integers
    metric: Any = getattr(keras.metrics, row.metric)(**row.kwargs, **real)
    found, start = [], 0
    for size in BATCHES:
        rows = slice(start, start + size)
        metric.update_state(y_true[rows], y_pred[rows], sample_weight=None if weights is None else weights[rows])
        found.append(metric.result().detach().numpy().copy())
        start += size
    return stored(y_true, y_pred, weights) | {"values": np.stack(found)}


def main() -> None:
    """Writes both files."""
    for name, rows, values in (("losses", LOSSES, loss_values), ("metrics", METRICS, metric_values)):
        arrays = {f"{row.id}/{part}": array for row in rows for part, array in values(row).items()}
        np.savez_compressed(HERE / f"{name}_keras.npz", **arrays)
        print(f"{name}_keras.npz: {len(arrays)} arrays")


if __name__ == "__main__":
    main()
