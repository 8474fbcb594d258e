"""A network of three layers learns Fashion-MNIST (Géron, "Hands-On Machine Learning", chapter 10).

    python examples/fashion_mnist_mlp.py [--epochs 30]

Uses the full set when it is on this machine (GEMMULE_DATA_DIR or the download cache), otherwise the sample that comes
with gemmule. Shows the habits of course code: validation data, early stopping, weights saved and loaded, predictions.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

import gemmule as gm
from gemmule.datasets import fashion_mnist


def build_model() -> gm.Sequential:
    """784-300-100-10 with ReLU and softmax."""
    model = gm.Sequential(
        [
            gm.Input(shape=(28, 28)),
            gm.layers.Flatten(),
            gm.layers.Dense(300, activation="relu"),
            gm.layers.Dense(100, activation="relu"),
            gm.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=gm.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def main() -> None:
    """Trains, evaluates, and shows that saved weights give the same predictions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30, help="at most so many; early stopping may end sooner")
    epochs = parser.parse_args().epochs

    load = fashion_mnist.load_data if fashion_mnist.is_available() else fashion_mnist.load_sample
    (x_train, y_train), (x_test, y_test) = load()
    x_train, x_test = x_train.astype(np.float32) / 255, x_test.astype(np.float32) / 255
    held_out = len(x_train) // 12

    gm.utils.set_random_seed(42)
    model = build_model()
    model.summary()
    history = model.fit(
        x_train[:-held_out],
        y_train[:-held_out],
        epochs=epochs,
        validation_data=(x_train[-held_out:], y_train[-held_out:]),
        callbacks=[gm.callbacks.EarlyStopping(patience=5, restore_best_weights=True)],
    )
    print(f"\nStopped after {len(history.history['loss'])} epochs")

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.2%}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clothes.safetensors"
        model.save_weights(path)
        twin = build_model()
        twin.load_weights(path)
        same = np.array_equal(model.predict(x_test[:100], verbose=0), twin.predict(x_test[:100], verbose=0))
    print(f"Saved and loaded weights predict the same: {same}")

    probabilities = model.predict(x_test[:3], verbose=0)
    for label, row in zip(y_test[:3], probabilities):
        print(
            f"is {fashion_mnist.CLASS_NAMES[label]}, said {fashion_mnist.CLASS_NAMES[row.argmax()]} ({row.max():.0%})"
        )


if __name__ == "__main__":
    main()
