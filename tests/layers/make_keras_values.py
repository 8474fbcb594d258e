"""Writes keras_values.npz: inputs, weights and outputs of Keras's layers for every row of the table.

KERAS_BACKEND=tensorflow python -m tests.layers.make_keras_values
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from tests.layers.specs import ROWS


def main() -> None:
    rng = np.random.default_rng(0)
    found = {}
    for row in ROWS:
        if not row.keras:
            continue
        layer = getattr(keras.layers, row.layer)(**row.kwargs)
        arrays = [rng.normal(size=(5, *shape)).astype(np.float32) for shape in row.input_shapes]
        x = arrays if row.several else arrays[0]
        y = np.asarray(layer(x, training=row.training) if row.training or row.layer == "Dropout" else layer(x))
        found |= {f"{row.id}/x{i}": array for i, array in enumerate(arrays)} | {f"{row.id}/y": y}
        found |= {f"{row.id}/w{i}": w for i, w in enumerate(layer.get_weights())}
    np.savez_compressed(Path(__file__).parent / "keras_values.npz", **found)


if __name__ == "__main__":
    main()
