"""Data and a model as courses and books draw them."""

from __future__ import annotations

import numpy as np

import gemmule as keras
from gemmule.layers import Dense

K = keras.backend
rng = np.random.default_rng(42)
X = rng.normal(size=(96, 8)).astype(np.float32)
Y = (X[:, :1] * 2 - X[:, 1:2] + 0.1 * rng.normal(size=(96, 1))).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
IMAGES = rng.integers(0, 256, size=(64, 28, 28), dtype=np.uint8)
CLASSES = rng.integers(0, 10, size=64).astype(np.uint8)
X_train, X_valid, Y_train, Y_valid = X[:64], X[64:], Y[:64], Y[64:]


def regressor(**kwargs):
    model = keras.models.Sequential([Dense(30, activation="relu", input_shape=X.shape[1:]), Dense(1)])
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.SGD(learning_rate=1e-2), **kwargs)
    return model
