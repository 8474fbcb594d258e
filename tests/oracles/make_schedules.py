"""Makes the oracle values of schedules: what Keras's give in each step, in its float32.

    python tests/oracles/make_schedules.py

Needs torch and keras. Writes schedules_keras.npz beside this file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
os.environ["KERAS_BACKEND"] = "torch"

from tests.optimizers.schedule_specs import ROWS, STEPS  # noqa: E402


def main() -> None:
    """Writes the file."""
    import keras

    values = {}
    for row in (row for row in ROWS if row.keras):
        schedule = getattr(keras.optimizers.schedules, row.schedule)(**row.kwargs)
        values[row.id] = np.array([float(schedule(step)) for step in range(STEPS)])
    np.savez_compressed(HERE / "schedules_keras.npz", **values)
    print(f"schedules_keras.npz: {len(values)} arrays")


if __name__ == "__main__":
    main()
