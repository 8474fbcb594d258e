"""Figures of gemmule that are no races: import time, size, first fit, memory that stays flat, same bits."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

COMMON = """
import hashlib, os, resource, time
import numpy as np
import gemmule as gm
from bench import data
from bench.cases import MLP, TINY
from bench.peers.keras_like import compiled, network

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
"""

IMPORT = """
import time
import numpy
start = time.perf_counter()
import gemmule
print(time.perf_counter() - start)
"""

FIRST_FIT = """
model = compiled(gm, MLP, "sgd")
x, y = (array[:32] for array in data.images())
start = time.perf_counter()
model.fit(x, y, batch_size=32, verbose=0)
print(time.perf_counter() - start)
"""

EPOCHS_MEMORY = """
model = compiled(gm, MLP, "sgd")
x, y = data.images()
class Memory(gm.callbacks.Callback):
    seen = []
    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(resident_bytes())
model.fit(x, y, batch_size=32, epochs=20, verbose=0, callbacks=[Memory()])
print(Memory.seen[19] - Memory.seen[0])
"""

PREDICT_MEMORY = """
model = network(gm, MLP)
x = data.images()[0][:1]
for i in range(100_000):
    model.predict(x, verbose=0)
    if i == 999:
        before = resident_bytes()
print(resident_bytes() - before)
"""

SAME_BITS = """
hashes = []
for threads in (1, 2, 3, 4, 1):
    gm.utils.clear_session()
    gm.utils.set_random_seed(0)
    gm.set_num_threads(threads)
    model = gm.Sequential([
        gm.layers.Input((784,)),
        gm.layers.Dense(300, activation="relu"), gm.layers.Dropout(0.2),
        gm.layers.Dense(100, activation="relu"), gm.layers.Dense(10, activation="softmax"),
    ])
    model.compile(gm.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy")
    x, y = data.images()
    model.fit(x, y, batch_size=32, epochs=2, verbose=0)
    hashes.append(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()[:12])
print(len(set(hashes)))
"""

REPLAY = """
from gemmule.plan import StepFunction

def replay_of(model, x, y):
    # The step that fit replays, on one batch that is always the same: no gather, no cursor.
    batch = gm.Tensor(x.copy()), gm.Tensor(y.copy())
    step = StepFunction(lambda feeds: model.train_step(batch) and None, {})
    step.run(3)
    return step.plan
"""

OVERHEAD = (
    REPLAY
    + """
model = compiled(gm, MLP, "sgd")
x, y = (array[:12800] for array in data.images())
model.fit(x, y, batch_size=32, verbose=0)
plan = replay_of(model, x[:32], y[:32])
whole, fixed = [], []
for _ in range(25):
    start = time.perf_counter()
    model.fit(x, y, batch_size=32, verbose=0)
    whole.append((time.perf_counter() - start) / 400)
    start = time.perf_counter()
    plan.run(400, float("inf"))
    fixed.append((time.perf_counter() - start) / 400)
print(np.median(whole) - np.median(fixed))
"""
)

PER_CALL = (
    REPLAY
    + """
model = compiled(gm, TINY, "adam")
x, y = (array[:1] for array in data.rows())
model.fit(x, y, batch_size=1, verbose=0)
plan = replay_of(model, x, y)
times = []
for _ in range(25):
    start = time.perf_counter()
    plan.run(10_000, float("inf"))
    times.append((time.perf_counter() - start) / 10_000)
print(np.median(times) / plan._native.step_count)
"""
)


def numbers(code: str, common: bool = True) -> list[float]:
    """Runs code in a fresh process; the last line it prints are the figures."""
    source = (COMMON if common else "") + code
    printed = subprocess.check_output([sys.executable, "-c", source], text=True)
    return [float(word) for word in printed.strip().splitlines()[-1].split()]


def child(code: str, common: bool = True) -> float:
    """Runs code that prints one figure."""
    return numbers(code, common)[-1]


def figure(title: str, asked: str, value: str, met: bool) -> dict[str, Any]:
    """A row of the table."""
    return {"title": title, "asked": asked, "value": value, "met": met}


def import_time() -> dict[str, Any]:
    """Import beyond NumPy."""
    seconds = statistics.median(child(IMPORT, common=False) for _ in range(7))
    return figure("`import gemmule` beyond NumPy", "≤ 80 ms", f"{seconds * 1e3:.0f} ms", seconds <= 0.080)


def first_fit() -> dict[str, Any]:
    """The first `fit` on 32 rows after `compile`, everything included."""
    seconds = statistics.median(child(FIRST_FIT) for _ in range(5))
    return figure("first `fit` on 32 rows after `compile`", "≤ 20 ms", f"{seconds * 1e3:.1f} ms", seconds <= 0.020)


def growth(title: str, code: str) -> dict[str, Any]:
    """Growth of the resident size."""
    size = child(code) / 2**20
    return figure(title, "≤ 1 MB", f"{size:.2f} MB", size <= 1)


def overhead() -> dict[str, Any]:
    """What `fit` costs beyond its kernels."""
    seconds = child(OVERHEAD)
    title = "`fit` per batch of 32 beyond replay on a fixed batch (gather and shuffle included)"
    return figure(title, "≤ 30 µs", f"{seconds * 1e6:.1f} µs", seconds <= 30e-6)


def per_call() -> dict[str, Any]:
    """What a recorded call costs at least: a network so small that its kernels hardly count."""
    seconds = child(PER_CALL)
    title = "replay of MLP 4-32-16-4, b=1: time per recorded call, kernel included"
    return figure(title, "≤ 0.2 µs", f"{seconds * 1e6:.3f} µs", seconds <= 0.2e-6)


def wheel_size() -> dict[str, Any]:
    """The wheel as `pip wheel` makes it."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", directory]
        subprocess.run([*command, f"-Cbuild-dir={directory}/build", str(ROOT)], check=True, stderr=subprocess.DEVNULL)
        size = next(Path(directory).glob("gemmule-*.whl")).stat().st_size / 2**20
    return figure("wheel, sample included", "≤ 3.5 MB", f"{size:.2f} MB", size <= 3.5)


def same_bits() -> dict[str, Any]:
    """Hashes of the weights for several thread counts and a repeat."""
    different = int(child(SAME_BITS))
    title = "SHA-256 of the weights after 2 epochs, threads 1, 2, 3, 4, 1"
    return figure(title, "all equal", "all equal" if different == 1 else f"{different} different", different == 1)


FIGURES: dict[str, Callable[[], dict[str, Any]]] = {
    "import": import_time,
    "wheel": wheel_size,
    "first_fit": first_fit,
    "overhead": overhead,
    "per_call": per_call,
    "memory_fit": lambda: growth("resident size, epoch 1 to 20 of `fit`", EPOCHS_MEMORY),
    "memory_predict": lambda: growth("resident size, `predict` 1,000 to 100,000", PREDICT_MEMORY),
    "same_bits": same_bits,
}


def measure(suite: str, only: str = "") -> list[dict[str, Any]]:
    """The figures of a suite whose name contains `only`."""
    from bench import network_figures

    chosen = {"models": FIGURES, "networks": network_figures.FIGURES}.get(suite, {})
    rows = []
    for name, function in chosen.items():
        if only in name:
            print(f"measuring {name} ...", flush=True)
            rows.append(function())
    return rows
