"""A hundred recorded steps with each loss against its formula in NumPy, float64, with centred differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import rng_for

Array = np.ndarray
N, D, C, RATE = 40, 3, 4, 0.05


def softmax(z: Array) -> Array:
    powers = np.exp(z - z.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def unit(x: Array) -> Array:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def sum_of_margins(labels: Array, s: Array) -> Array:
    own = np.take_along_axis(s, labels[:, None], 1)
    return np.maximum(s - own + 1, 0).sum(1) - 1  # the label's own margin is 1


def binary_focal(t: Array, z: Array, alpha: float = 0.25, gamma: float = 2.0) -> Array:
    q = np.where(t == 1, sigmoid(z), 1 - sigmoid(z))
    return (np.where(t == 1, alpha, 1 - alpha) * -((1 - q) ** gamma) * np.log(q)).mean(-1)


def smooth(t: Array, s: float, classes: int) -> Array:
    return t * (1 - s) + s / classes


# The loss, kind of the targets, activation of the output, and the loss of each row from targets and scores.
FORMULAS: dict[str, tuple[Any, str, str, Callable[[Array, Array], Array]]] = {
    "MeanSquaredError": (gm.losses.MeanSquaredError(), "real", "linear", lambda t, z: ((t - z) ** 2).mean(-1)),
    "MeanAbsoluteError": (gm.losses.MeanAbsoluteError(), "real", "linear", lambda t, z: np.abs(t - z).mean(-1)),
    "MeanAbsolutePercentageError": (
        gm.losses.MeanAbsolutePercentageError(), "far", "linear", lambda t, z: 100 * np.abs((t - z) / t).mean(-1),
    ),
    "MeanSquaredLogarithmicError": (
        gm.losses.MeanSquaredLogarithmicError(), "counts", "exponential",
        lambda t, z: ((np.log1p(np.maximum(t, 1e-7)) - np.log1p(np.exp(z))) ** 2).mean(-1),
    ),
    "Huber": (
        gm.losses.Huber(0.5), "real", "linear",
        lambda t, z: np.where(abs(t - z) <= 0.5, (t - z) ** 2 / 2, 0.5 * abs(t - z) - 0.125).mean(-1),
    ),
    "LogCosh": (gm.losses.LogCosh(), "real", "linear", lambda t, z: np.log(np.cosh(t - z)).mean(-1)),
    "CosineSimilarity": (gm.losses.CosineSimilarity(), "real", "linear", lambda t, z: -(unit(t) * unit(z)).sum(-1)),
    "Hinge": (gm.losses.Hinge(), "signs", "linear", lambda t, z: np.maximum(1 - t * z, 0).mean(-1)),
    "SquaredHinge": (
        gm.losses.SquaredHinge(), "signs", "linear", lambda t, z: (np.maximum(1 - t * z, 0) ** 2).mean(-1),
    ),
    "CategoricalHinge": (
        gm.losses.CategoricalHinge(), "one_hot", "linear",
        lambda t, z: np.maximum(np.where(t == 1, 0, z).max(-1) - (t * z).sum(-1) + 1, 0),
    ),
    "MulticlassHinge": (gm.losses.MulticlassHinge(), "classes", "linear", sum_of_margins),
    "KLDivergence": (
        gm.losses.KLDivergence(), "soft", "softmax", lambda t, z: (t * (np.log(t) - np.log(softmax(z)))).sum(-1),
    ),
    "Poisson": (
        gm.losses.Poisson(), "counts", "exponential", lambda t, z: (np.exp(z) - t * np.log(np.exp(z) + 1e-7)).mean(-1),
    ),
    "BinaryCrossentropy": (
        gm.losses.BinaryCrossentropy(label_smoothing=0.1), "binary", "sigmoid",
        lambda t, z: (np.log1p(np.exp(z)) - smooth(t, 0.1, 2) * z).mean(-1),
    ),
    "CategoricalCrossentropy": (
        gm.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2), "one_hot", "linear",
        lambda t, z: -(smooth(t, 0.2, C) * np.log(softmax(z))).sum(-1),
    ),
    "SparseCategoricalCrossentropy": (
        gm.losses.SparseCategoricalCrossentropy(), "classes", "softmax",
        lambda t, z: -np.log(np.take_along_axis(softmax(z), t[:, None], 1)[:, 0]),
    ),
    "BinaryFocalCrossentropy": (
        gm.losses.BinaryFocalCrossentropy(True, from_logits=True), "binary", "linear", binary_focal,
    ),
    "CategoricalFocalCrossentropy": (
        gm.losses.CategoricalFocalCrossentropy(), "one_hot", "softmax",
        lambda t, z: -(0.25 * (1 - softmax(z)) ** 2 * t * np.log(softmax(z))).sum(-1),
    ),
}  # fmt: skip


def data(name: str, kind: str) -> tuple[Array, Array]:
    rng = rng_for("formula", name)
    classes = rng.integers(0, C, N)
    y = {
        "real": lambda: rng.normal(size=(N, C)),
        "far": lambda: 2 + rng.uniform(size=(N, C)),
        "counts": lambda: rng.poisson(2.0, (N, C)).astype(float),
        "signs": lambda: rng.choice([-1.0, 1.0], (N, C)),
        "binary": lambda: rng.integers(0, 2, (N, C)).astype(float),
        "soft": lambda: softmax(rng.normal(size=(N, C))),
        "one_hot": lambda: np.eye(C)[classes],
        "classes": lambda: classes,
    }[kind]()
    return rng.normal(size=(N, D)), y


def slope(rows: Callable[[Array, Array], Array], t: Array, z: Array, h: float = 1e-5) -> Array:
    """Derivative of the sum over rows: each row depends on its own scores alone."""
    columns = [h * np.eye(C)[j] for j in range(C)]
    return np.stack([(rows(t, z + step) - rows(t, z - step)) / (2 * h) for step in columns], axis=-1)


@pytest.fixture
def doubles() -> Iterator[None]:
    gm.config.set_floatx("float64")
    yield
    gm.config.set_floatx("float32")


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_a_hundred_steps(name: str) -> None:
    loss, kind, activation, rows = FORMULAS[name]
    x, y = data(name, kind)
    gm.utils.set_random_seed(0)
    model = gm.Sequential([gm.Input((D,)), gm.layers.Dense(C, activation=activation)])
    model.compile(gm.optimizers.SGD(RATE), loss, jit_compile=True)
    w, b = model.get_weights()
    history = model.fit(x, y, batch_size=8, epochs=20, shuffle=False, verbose=0).history["loss"]
    expected = []
    for step in range(100):
        part = slice(step % 5 * 8, step % 5 * 8 + 8)
        z = x[part] @ w + b
        expected.append(rows(y[part], z).mean())
        dz = slope(rows, y[part], z) / 8
        w, b = w - RATE * x[part].T @ dz, b - RATE * dz.sum(0)
    np.testing.assert_allclose(history, np.reshape(expected, (20, 5)).mean(1), rtol=1e-7)
    for found, wanted in zip(model.get_weights(), (w, b)):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


def test_every_loss_has_a_formula() -> None:
    assert set(FORMULAS) == {cls.__name__ for cls in gm.losses.CLASSES.values()}
