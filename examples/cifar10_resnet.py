"""A small residual network learns CIFAR-10 with random flips and shifts (He et al., 2015, section 4.2).

    python examples/cifar10_resnet.py [--epochs 30]

Works with the whole set or with a part of it: put the binary version's files into GEMMULE_DATA_DIR/cifar-10, or let
gemmule download it.
"""

from __future__ import annotations

import argparse

import numpy as np

import gemmule as gm


class Cosine(gm.callbacks.Callback):
    """Lets the learning rate fall to zero along half a cosine (Loshchilov and Hutter, 2017)."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Remembers where the rate starts."""
        self.start = float(self.model.optimizer.learning_rate)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Sets the epoch's rate."""
        self.model.optimizer.learning_rate = self.start * 0.5 * (1 + np.cos(np.pi * epoch / self.epochs))


def build_model(mean: np.ndarray, deviation: np.ndarray) -> gm.Model:
    """Augmentation and normalisation in front of ResNet-20."""
    x = inputs = gm.Input(shape=(32, 32, 3))
    x = gm.layers.RandomFlip("horizontal")(x)
    x = gm.layers.RandomTranslation(0.125, 0.125, fill_mode="constant")(x)
    x = gm.layers.Normalization(mean=mean, variance=deviation**2)(x)
    resnet = gm.applications.ResNet20(input_shape=(32, 32, 3), classes=10)
    model = gm.Model(inputs, resnet(x))
    optimizer = gm.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Trains and evaluates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs

    (x_train, y_train), (x_test, y_test) = gm.datasets.cifar10.load_data()
    print(f"{len(x_train):,} training and {len(x_test):,} test pictures")
    mean, deviation = x_train.mean(axis=(0, 1, 2)), x_train.std(axis=(0, 1, 2))

    gm.utils.set_random_seed(42)
    model = build_model(mean, deviation)
    model.summary()
    model.fit(x_train, y_train, batch_size=128, epochs=epochs, verbose=2, callbacks=[Cosine(epochs)])
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.2%}")


if __name__ == "__main__":
    main()
