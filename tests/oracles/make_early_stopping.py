"""Makes the oracle values of EarlyStopping: when Keras stops, with which weights, for random settings and losses.

    python tests/oracles/make_early_stopping.py

Needs keras and torch. Writes early_stopping_keras.json beside this file.
"""

from __future__ import annotations

import json
import os
import random
import warnings
from pathlib import Path
from typing import Any

CASES = 150


class Model:
    """As much of a model as the callback touches; its weights say which epoch they are from."""

    stop_training = False
    metrics: tuple = ()
    epoch = 0
    restored: list[int] | None = None

    def get_weights(self) -> list[int]:
        return [self.epoch]

    def set_weights(self, weights: list[int]) -> None:
        self.restored = weights


def outcome(callback: Any, values: list[float | None]) -> dict[str, Any]:
    """Feeds losses epoch by epoch (`None`: no such value in the logs) until the callback stops."""
    model = Model()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_end(epoch, {"other": 1.0} if value is None else {"val_loss": value})
        if model.stop_training:
            break
    callback.on_train_end({})
    names = ("stopped_epoch", "best_epoch", "wait", "best")
    return {"restored": model.restored} | {name: getattr(callback, name) for name in names}


def settings(generator: random.Random) -> dict[str, Any]:
    """Random arguments."""
    choices = {
        "min_delta": [0, 0, 0.1, -0.2, 0.25],
        "patience": [0, 1, 2, 3],
        "mode": ["min", "max", "auto"],
        "baseline": [None, None, 0.3, 0.6],
        "restore_best_weights": [False, True],
        "start_from_epoch": [0, 0, 2, 5],
    }
    return {name: generator.choice(values) for name, values in choices.items()}


def main() -> None:
    """Writes the file."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    warnings.simplefilter("ignore")
    generator = random.Random(0)
    cases = []
    for _ in range(CASES):
        arguments = settings(generator)
        values = [generator.choice([0.5, 0.25, None, round(generator.random(), 3)]) for _ in range(12)]
        found = outcome(keras.callbacks.EarlyStopping(**arguments), values)
        cases.append({"arguments": arguments, "values": values, "outcome": found})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (Path(__file__).parent / "early_stopping_keras.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
