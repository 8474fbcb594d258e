"""The arrays the model benchmarks train on: the same for every library, written once to a file they all read."""

from __future__ import annotations

import os
from functools import cache

import numpy as np

VARIABLE = "GEMMULE_BENCH_DATA"


def write(directory: str) -> None:
    """Saves the arrays and tells child processes where. Fashion-MNIST, or noise of its size where it is not there."""
    rng = np.random.default_rng(0)
    try:
        from gemmule.datasets import fashion_mnist

        (x, y), _ = fashion_mnist.load_data()
    except Exception as error:
        print(f"Fashion-MNIST could not be loaded; noise of its size stands in for it: {str(error)[:200]}")
        x, y = rng.integers(0, 256, (60000, 28, 28)), rng.integers(0, 10, 60000)
    path = os.path.join(directory, "bench.npz")
    np.savez(
        path,
        images=(x.reshape(-1, 784)[:55000] / 255).astype("float32"),
        classes=y[:55000].astype("int32"),
        rows=rng.standard_normal((32000, 4)).astype("float32"),
        labels=rng.integers(0, 4, 32000).astype("int32"),
    )
    os.environ[VARIABLE] = path


@cache
def _load() -> dict[str, np.ndarray]:
    with np.load(os.environ[VARIABLE]) as file:
        return dict(file)


def images() -> tuple[np.ndarray, np.ndarray]:
    """55,000 pictures of 784 pixels in [0, 1], float32, and their classes, int32."""
    return _load()["images"], _load()["classes"]


def rows() -> tuple[np.ndarray, np.ndarray]:
    """32,000 rows of 4 features, float32, and one of 4 labels for each, int32."""
    return _load()["rows"], _load()["labels"]


def initial_weights(sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same starting point for every library: (kernel, bias) of each layer, uniform after Glorot."""
    rng = np.random.default_rng(1)
    weights = []
    for n, m in zip(sizes, sizes[1:]):
        limit = (6 / (n + m)) ** 0.5
        weights.append((rng.uniform(-limit, limit, (n, m)).astype("float32"), np.zeros(m, "float32")))
    return weights


def inputs(path: str) -> list[np.ndarray]:
    """The inputs of an op, as the parent saved them."""
    with np.load(path) as file:
        return [file[f"x{number}"] for number in range(len(file.files))]
