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


def moments(g: np.ndarray, state: dict[str, np.ndarray], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    b1, b2 = kwargs.get("beta_1", 0.9), kwargs.get("beta_2", 0.999)
    m = state["m"] = b1 * state.get("m", 0.0) + (1 - b1) * g
    v = state["v"] = b2 * state.get("v", 0.0) + (1 - b2) * g * g
    return m, v, b1, b2, kwargs.get("epsilon", 1e-7)


def adam(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    m, v, b1, b2, epsilon = moments(g, state, kwargs)
    if kwargs.get("amsgrad"):
        v = state["largest"] = np.maximum(state.get("largest", 0.0), v)
    rate = kwargs["learning_rate"] * np.sqrt(1 - b2**t) / (1 - b1**t)
    return w - rate * m / (np.sqrt(v) + epsilon)


def adamax(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    m, _, b1, b2, epsilon = moments(g, state, kwargs)
    u = state["u"] = np.maximum(b2 * state.get("u", 0.0), np.abs(g))
    return w - kwargs["learning_rate"] / (1 - b1**t) * m / (u + epsilon)


def nadam(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    m, v, b1, b2, epsilon = moments(g, state, kwargs)
    u = [b1 * (1 - 0.5 * 0.96**i) for i in range(1, t + 2)]
    mean = u[-1] * m / (1 - np.prod(u)) + (1 - u[-2]) * g / (1 - np.prod(u[:-1]))
    return w - kwargs["learning_rate"] * mean / (np.sqrt(v / (1 - b2**t)) + epsilon)


def adagrad(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    a = state["a"] = state.get("a", kwargs.get("initial_accumulator_value", 0.1)) + g * g
    return w - kwargs["learning_rate"] * g / np.sqrt(a + kwargs.get("epsilon", 1e-7))


def adadelta(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    rho, epsilon = kwargs.get("rho", 0.95), kwargs.get("epsilon", 1e-7)
    a = state["a"] = rho * state.get("a", 0.0) + (1 - rho) * g * g
    d = g * np.sqrt(state.get("d", 0.0) + epsilon) / np.sqrt(a + epsilon)
    state["d"] = rho * state.get("d", 0.0) + (1 - rho) * d * d
    return w - kwargs["learning_rate"] * d


def rmsprop(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    rho, momentum = kwargs.get("rho", 0.9), kwargs.get("momentum", 0.0)
    a = state["a"] = rho * state.get("a", 0.0) + (1 - rho) * g * g
    if kwargs.get("centered"):
        mean = state["mean"] = rho * state.get("mean", 0.0) + (1 - rho) * g
        a = a - mean * mean
    step = kwargs["learning_rate"] * g / np.sqrt(a + kwargs.get("epsilon", 1e-7))
    v = state["v"] = momentum * state.get("v", 0.0) + step
    return w - v


def lion(w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray], t: int, kwargs: dict[str, Any]) -> np.ndarray:
    b1, b2, m = kwargs.get("beta_1", 0.9), kwargs.get("beta_2", 0.99), state.get("m", 0.0)
    state["m"] = b2 * m + (1 - b2) * g
    return w - kwargs["learning_rate"] * np.sign(b1 * m + (1 - b1) * g)


def around(formula: Formula) -> Formula:
    """The same with everything that optimizers do alike."""

    def run(w: np.ndarray, g: np.ndarray, state: dict[str, Any], t: int, kwargs: dict[str, Any]) -> np.ndarray:
        if every := kwargs.get("gradient_accumulation_steps"):
            state["total"] = g + (0.0 if t % every == 1 else state["total"])
            if t % every:
                return w
            g, t = state["total"] / every, t // every
        if limit := kwargs.get("clipnorm"):
            g = join([part * min(1.0, limit / np.linalg.norm(part)) for part in split(g)])
        if limit := kwargs.get("global_clipnorm"):
            g = g * min(1.0, limit / np.linalg.norm(g))
        if limit := kwargs.get("clipvalue"):
            g = np.clip(g, -limit, limit)
        w = w - kwargs["learning_rate"] * kwargs.get("weight_decay", 0.0) * w
        w = formula(w, g, state, t, kwargs)
        if kwargs.get("use_ema"):
            share = kwargs.get("ema_momentum", 0.99) if t > 1 else 0.0
            state["ema"] = share * state.get("ema", 0.0) + (1 - share) * w
            if t % kwargs.get("ema_overwrite_frequency", t + 1) == 0:
                return state["ema"]
        return w

    return run


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
    Row("Adam", adam, {"learning_rate": 0.05, "amsgrad": True}),
    Row("AdamW", around(adam), {"learning_rate": 0.01, "weight_decay": 0.1, "epsilon": 1e-30},
        ("AdamW", {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-30})),
    Row("Adamax", adamax, {"learning_rate": 0.02}),
    Row("Adamax", adamax, {"learning_rate": 0.02, "epsilon": 1e-30}, ("Adamax", {"lr": 0.02, "eps": 1e-30})),
    Row("Nadam", nadam, {"learning_rate": 0.01}),
    Row("Nadam", nadam, {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    Row("Adagrad", adagrad, {"learning_rate": 0.1}),
    Row("Adagrad", adagrad, {"learning_rate": 0.1, "initial_accumulator_value": 1.0, "epsilon": 1e-30},
        ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 1.0, "eps": 1e-30})),
    Row("Adadelta", adadelta, {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-3},
        ("Adadelta", {"lr": 1.0, "rho": 0.9, "eps": 1e-3})),
    Row("Adadelta", adadelta, {"learning_rate": 1.0, "epsilon": 1e-4}),
    Row("RMSprop", rmsprop, {"learning_rate": 0.01}),
    Row("RMSprop", rmsprop, {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.5, "epsilon": 1e-30},
        ("RMSprop", {"lr": 0.01, "alpha": 0.8, "momentum": 0.5, "eps": 1e-30})),
    Row("RMSprop", rmsprop, {"learning_rate": 0.01, "centered": True, "epsilon": 1e-2}),
    Row("RMSprop", rmsprop, {"learning_rate": 0.01, "momentum": 0.9, "centered": True, "epsilon": 1e-2}),
    # Lion's steps have one size: where a mean gradient is next to zero, float32 may go the other way.
    Row("Lion", lion, {"learning_rate": 0.01, "beta_1": 0.8}, tolerance=3e-2),
    Row("SGD", around(sgd), {"learning_rate": 0.05, "weight_decay": 0.2}),
    Row("SGD", around(sgd), {"learning_rate": 0.05, "momentum": 0.5, "clipnorm": 0.3}),
    Row("SGD", around(sgd), {"learning_rate": 0.05, "clipvalue": 0.1}),
    Row("Adam", around(adam), {"learning_rate": 0.01, "global_clipnorm": 0.5, "epsilon": 1e-3}),
    Row("Adam", around(adam), {"learning_rate": 0.01, "gradient_accumulation_steps": 4}),
    Row("Nadam", around(nadam), {"learning_rate": 0.01, "gradient_accumulation_steps": 3, "clipnorm": 0.2}),
    Row("SGD", around(sgd),
        {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 7}),
    Row("RMSprop", around(rmsprop), {"learning_rate": 0.01, "weight_decay": 0.3, "clipvalue": 0.2, "momentum": 0.5}),
]  # fmt: skip

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
