"""Makes the oracle values of schedules: what Keras's give in each step, in its float32, and how it reduces rates.

    python tests/oracles/make_schedules.py

Needs torch and keras. Writes schedules_keras.npz beside this file.
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

from tests.optimizers.schedule_specs import PLATEAUS, ROWS, STEPS, plateau_values  # noqa: E402


def reduced(keras: Any, kwargs: dict[str, Any]) -> list[float]:
    """The learning rate after each epoch of a made-up training."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="mse")
    callback = keras.callbacks.ReduceLROnPlateau(**kwargs)
    callback.set_model(model)
    callback.on_train_begin()
    found = []
    for epoch, value in enumerate(plateau_values()):
        callback.on_epoch_end(epoch, {callback.monitor: value})
        found.append(float(model.optimizer.learning_rate))
    return found


def main() -> None:
    """Writes the file."""
    import keras

    values = {}
    for row in (row for row in ROWS if row.keras):
        schedule = getattr(keras.optimizers.schedules, row.schedule)(**row.kwargs)
        values[row.id] = np.array([float(schedule(step)) for step in range(STEPS)])
    for name, kwargs in PLATEAUS.items():
        values[name] = np.array(reduced(keras, kwargs))
    np.savez_compressed(HERE / "schedules_keras.npz", **values)
    print(f"schedules_keras.npz: {len(values)} arrays")


if __name__ == "__main__":
    main()
