"""THE table of optimizers: one row drives the comparison with the formula, with PyTorch and with Keras, and replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Formula = Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray], int, dict[str, Any]], np.ndarray]


@dataclass(frozen=True)
class Row:
    """One optimizer with one set of arguments.

    Attributes:
        optimizer: name in `gm.optimizers`.
        formula: `(w, g, state, t, kwargs) -> new w` in float64, the state by name, the step t from 1 on.
        kwargs: arguments, of which the formula needs all.
        torch: name and arguments in `torch.optim`.
        tolerance: allowed error of 100 float32 steps, relative to the largest parameter.
    """

    optimizer: str
    formula: Formula
    kwargs: dict[str, Any] = field(default_factory=dict)
    torch: tuple[str, dict[str, Any]] | None = None
    tolerance: float = 1e-5

    @property
    def id(self) -> str:
        """A name for the test."""
        return f"{self.optimizer}({','.join(f'{name}={value}' for name, value in self.kwargs.items())})"


def sgd(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    rate, momentum = kwargs["learning_rate"], kwargs.get("momentum", 0.0)
    v = state["v"] = momentum * state.get("v", 0.0) - rate * g
    return w + (momentum * v - rate * g if kwargs.get("nesterov") else v)


def adam(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    b1, b2, epsilon = kwargs.get("beta_1", 0.9), kwargs.get("beta_2", 0.999), kwargs.get("epsilon", 1e-7)
    m = state["m"] = b1 * state.get("m", 0.0) + (1 - b1) * g
    v = state["v"] = b2 * state.get("v", 0.0) + (1 - b2) * g * g
    rate = kwargs["learning_rate"] * np.sqrt(1 - b2**t) / (1 - b1**t)
    return w - rate * m / (np.sqrt(v) + epsilon)


ROWS = [
    Row("SGD", sgd, {"learning_rate": 0.05}, ("SGD", {"lr": 0.05})),
    Row("SGD", sgd, {"learning_rate": 0.02, "momentum": 0.9}, ("SGD", {"lr": 0.02, "momentum": 0.9})),
    Row(
        "SGD",
        sgd,
        {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ),
    Row("Adam", adam, {"learning_rate": 0.01}),
    # With next to no epsilon PyTorch's formula, which puts it elsewhere, is the same.
    Row("Adam", adam, {"learning_rate": 0.01, "epsilon": 1e-30}, ("Adam", {"lr": 0.01, "eps": 1e-30})),
    Row(
        "Adam",
        adam,
        {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    ),
]

STEPS, EVERY = 100, 10
SHAPES = ((7, 5), (5,), (1,))


def problem() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Where to start (one array for each variable), the curvature of a bowl, and noise for each step's gradient."""
    rng = np.random.default_rng(20)
    start = [rng.normal(size=shape) for shape in SHAPES]
    size = sum(w.size for w in start)
    return start, rng.uniform(0.1, 2.0, size), rng.normal(size=(STEPS, size)) / 10


def gradient(flat: np.ndarray, curvature: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The gradient at the parameters `flat`: it depends on them, so errors feed back as in training."""
    return curvature * flat + noise


def split(flat: np.ndarray) -> list[np.ndarray]:
    """A flat array as one array for each variable."""
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), SHAPES)]


def join(parts: list[np.ndarray]) -> np.ndarray:
    """The arrays of all variables, flat."""
    return np.concatenate([np.asarray(part).reshape(-1) for part in parts])
