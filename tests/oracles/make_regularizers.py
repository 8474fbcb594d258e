"""Makes the oracle values of regularizers and constraints: where Keras's weights and losses are in 20 steps.

    python tests/oracles/make_regularizers.py

Needs keras with torch. Writes regularizers.npz beside this file, with weights to start from and data. Keras
computes in float64, but takes some scalars in float32 (the mean of the loss, bounds of norms).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
STEPS = 20

# For each case the arguments of the hidden layer, made with the library in question.
CASES: dict[str, Any] = {
    "l1": lambda k: {"kernel_regularizer": k.regularizers.L1(0.02), "bias_regularizer": "l1"},
    "l2": lambda k: {"kernel_regularizer": k.regularizers.l2(0.05), "bias_regularizer": "l2"},
    "l1_l2": lambda k: {"kernel_regularizer": k.regularizers.L1L2(l1=0.02, l2=0.05)},
    "orthogonal": lambda k: {"kernel_regularizer": k.regularizers.OrthogonalRegularizer(0.5)},
    "columns": lambda k: {"kernel_regularizer": k.regularizers.OrthogonalRegularizer(0.5, mode="columns")},
    "activity": lambda k: {"activity_regularizer": k.regularizers.L2(0.1), "kernel_regularizer": "l2"},
    "function": lambda k: {"kernel_regularizer": lambda w: 0.03 * k.ops.sum(k.ops.square(w) * k.ops.abs(w))},
    "max_norm": lambda k: {"kernel_constraint": k.constraints.MaxNorm(0.75), "bias_constraint": "non_neg"},
    "min_max_norm": lambda k: {"kernel_constraint": k.constraints.MinMaxNorm(0.875, 1.125, rate=0.25, axis=0)},
    "unit_norm": lambda k: {"kernel_constraint": k.constraints.UnitNorm(axis=1)},
    "all": lambda k: {
        "kernel_constraint": k.constraints.max_norm(0.75),
        "kernel_regularizer": k.regularizers.l1_l2(0.01, 0.02),
        "activity_regularizer": "l1",
    },
}


def problem() -> dict[str, np.ndarray]:
    """Weights of 5-6-3 units to start from, and 30 examples: three batches of 8 and one of 6. All fit into float32."""
    rng = np.random.default_rng(17)
    shapes = {"w1": (5, 6), "b1": (6,), "w2": (6, 3), "b2": (3,), "x": (30, 5), "y": (30, 3)}
    return {
        name: np.round(rng.normal(size=shape) * 32) / (64 if name[0] in "wb" else 32) for name, shape in shapes.items()
    }


def trajectory(k: Any, case: str, data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Weights after each epoch of four steps, flat, and its loss and that of an evaluation.

    Args:
        k: keras or gemmule, set to float64.
        case: one of `CASES`.
        data: what `problem` returned.
    """
    layers = [k.Input((5,)), k.layers.Dense(6, activation="tanh", **CASES[case](k)), k.layers.Dense(3)]
    model = k.Sequential(layers)
    model.set_weights([data[name] for name in ("w1", "b1", "w2", "b2")])
    model.compile(k.optimizers.SGD(0.125, momentum=0.5), "mse")
    places, losses = [], []
    for _ in range(STEPS // 4):
        done = model.fit(data["x"], data["y"], batch_size=8, shuffle=False, verbose=0)
        losses += [done.history["loss"][0], model.evaluate(data["x"], data["y"], batch_size=8, verbose=0)]
        places.append(np.concatenate([np.ravel(w) for w in model.get_weights()]))
    return np.stack(places), np.array(losses)


def main() -> None:
    """Writes the file."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.config.set_floatx("float64")
    data = problem()
    values = dict(data)
    for case in CASES:
        values[f"{case}/weights"], values[f"{case}/losses"] = trajectory(keras, case, data)
    np.savez_compressed(HERE / "regularizers.npz", **values)
    print(f"regularizers.npz: {len(values)} arrays", file=sys.stderr)


if __name__ == "__main__":
    main()
