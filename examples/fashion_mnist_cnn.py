"""A convolutional network learns Fashion-MNIST to more than 92 % in ten epochs.

    python examples/fashion_mnist_cnn.py [--epochs 10]

Uses the full set when it is on this machine (GEMMULE_DATA_DIR or the download cache), otherwise the sample that comes
with gemmule. Shows convolution, pooling and dropout, random flips as augmentation inside the model, and the filters
the first layer has learned.
"""

from __future__ import annotations

import argparse

import numpy as np

import gemmule as gm
from gemmule.datasets import fashion_mnist


def build_model() -> gm.Sequential:
    """Two blocks of convolutions, each followed by pooling and dropout, and a dense classifier."""
    layers = gm.layers
    model = gm.Sequential(
        [
            gm.Input(shape=(28, 28, 1)),
            layers.RandomFlip("horizontal"),
            layers.Conv2D(32, 3, padding="same", use_bias=False, kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Dropout(0.2),
            layers.Conv2D(64, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(64, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(128, activation="relu", kernel_initializer="he_normal"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(gm.optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Decay(gm.callbacks.Callback):
    """Multiplies the learning rate after each epoch."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Takes the next rate."""
        self.model.optimizer.learning_rate = self.factor * float(self.model.optimizer.learning_rate)


def main() -> None:
    """Trains, evaluates, and draws the first layer's filters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    epochs = parser.parse_args().epochs

    load = fashion_mnist.load_data if fashion_mnist.is_available() else fashion_mnist.load_sample
    (x_train, y_train), (x_test, y_test) = load()
    x_train, x_test = (x[..., np.newaxis].astype(np.float32) / 255 for x in (x_train, x_test))

    gm.utils.set_random_seed(42)
    model = build_model()
    model.summary()
    model.fit(x_train, y_train, batch_size=64, epochs=epochs, validation_split=1 / 12, callbacks=[Decay(0.75)])
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.2%}")
    try:
        gm.utils.plot_filters(model, to_file="fashion_filters.png")
    except ImportError as error:
        print(error)
    else:
        print("The first layer's filters: fashion_filters.png")


if __name__ == "__main__":
    main()
