"""Makes the oracle values of optimizers: where PyTorch and Keras are after every ten of 100 steps.

    python tests/oracles/make_optimizers.py

Needs torch and keras. Writes optimizers.npz (float64) beside this file, with the problem it was made for.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
os.environ["KERAS_BACKEND"] = "torch"

from tests.optimizers.specs import EVERY, ROWS, STEPS, Row, gradient, join, problem, split  # noqa: E402


def torch_trajectory(row: Row) -> np.ndarray:
    """Parameters after each `EVERY` steps of PyTorch's optimizer."""
    import torch

    start, curvature, noise = problem()
    params = [torch.tensor(w, requires_grad=True) for w in start]
    name, kwargs = row.torch or ("", {})
    optimizer = getattr(torch.optim, name)(params, **kwargs)
    found = []
    for step in range(STEPS):
        flat = join([p.detach().numpy() for p in params])
        for p, g in zip(params, split(gradient(flat, curvature, noise[step]))):
            p.grad = torch.tensor(g)
        optimizer.step()
        if (step + 1) % EVERY == 0:
            found.append(join([p.detach().numpy() for p in params]))
    return np.stack(found)


def keras_trajectory(row: Row) -> np.ndarray:
    """Parameters after each `EVERY` steps of Keras's optimizer, in float64."""
    import keras

    keras.config.set_floatx("float64")
    start, curvature, noise = problem()
    variables = [keras.Variable(w, dtype="float64") for w in start]
    optimizer = getattr(keras.optimizers, row.optimizer)(**row.kwargs)
    optimizer.build(variables)
    found = []
    for step in range(STEPS):
        flat = join([keras.ops.convert_to_numpy(v) for v in variables])
        grads = [keras.ops.convert_to_tensor(g) for g in split(gradient(flat, curvature, noise[step]))]
        optimizer.apply(grads, variables)
        if (step + 1) % EVERY == 0:
            found.append(join([keras.ops.convert_to_numpy(v) for v in variables]))
    return np.stack(found)


def main() -> None:
    """Writes the file."""
    start, curvature, noise = problem()
    values = {"start": join(start), "curvature": curvature, "noise": noise}
    for row in ROWS:
        values[f"{row.id}/keras"] = keras_trajectory(row)
        if row.torch:
            values[f"{row.id}/torch"] = torch_trajectory(row)
    np.savez_compressed(HERE / "optimizers.npz", **values)
    print(f"optimizers.npz: {len(values)} arrays")


if __name__ == "__main__":
    main()
