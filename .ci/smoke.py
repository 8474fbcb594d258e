"""Trains, predicts, saves and runs the demo with an installed wheel; `python -I smoke.py SOURCE_TREE WHEEL`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import gemmule as gm

MEGABYTE = 1 << 20


def check(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(f"smoke.py: {message}")


def main() -> None:
    tree, wheel = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    loaded = [Path(m.__file__).resolve() for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
    check(not any(tree in path.parents for path in loaded), "something was imported from the source tree")
    check(
        wheel.stat().st_size <= 3.5 * MEGABYTE, f"the wheel has {wheel.stat().st_size / MEGABYTE:.2f} MB, more than 3.5"
    )
    print(f"wheel: {wheel.stat().st_size / MEGABYTE:.2f} MB, installed: {Path(gm.__file__).parent}")

    gm.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1000, 8)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int32")
    model = gm.Sequential(
        [gm.layers.Input((8,)), gm.layers.Dense(16, activation="relu"), gm.layers.Dense(2, activation="softmax")]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=10, verbose=0)
    check(history.history["accuracy"][-1] > 0.9, f"a linear problem was not learnt: {history.history['accuracy']}")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "smoke.weights.safetensors")
        before = model.predict(x, verbose=0)
        model.save_weights(path)
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])
        model.load_weights(path)
        check(np.array_equal(model.predict(x, verbose=0), before), "weights changed on their way to a file and back")

        heavy = {"GEMMULE_DATA_DIR"}
        environment = {k: v for k, v in os.environ.items() if k not in heavy} | {"HOME": directory}
        demo = [sys.executable, "-I", "-m", "gemmule", "demo"]
        done = subprocess.run(demo, cwd=directory, env=environment, capture_output=True, text=True)
        check(done.returncode == 0, f"the demo failed:\n{done.stdout}\n{done.stderr}")
        print("\n".join(line for line in done.stdout.splitlines() if line.startswith("Test accuracy")))
    print("smoke.py: trained, predicted, saved, loaded, ran the demo")


if __name__ == "__main__":
    main()
