"""LeNet-5 reads handwritten digits: more than 99 % of them after ten epochs (LeCun et al., 1998).

    python examples/mnist_lenet.py [--epochs 10]

Needs MNIST: in GEMMULE_DATA_DIR, or downloaded on first use. The digits are shifted and turned a little at random
while it trains, as the paper distorts them: without that the network learns its examples by heart and stays below 99 %.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import gemmule as gm


class Decay(gm.callbacks.Callback):
    """Takes three tenths of the learning rate at two thirds of the epochs, and again near the end."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.when = {round(epochs * share) for share in (0.6, 0.85)}

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Lowers the rate."""
        if epoch in self.when:
            self.model.optimizer.learning_rate = 0.3 * float(self.model.optimizer.learning_rate)


def main() -> None:
    """Trains, evaluates, and shows mistakes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    epochs = parser.parse_args().epochs

    (x_train, y_train), (x_test, y_test) = gm.datasets.mnist.load_data()
    x_train, x_test = (x[..., np.newaxis].astype(np.float32) / 255 for x in (x_train, x_test))

    gm.utils.set_random_seed(42)
    model = gm.Sequential(
        [
            gm.Input(shape=(28, 28, 1)),
            gm.layers.RandomTranslation(0.07, 0.07, fill_mode="constant"),
            gm.layers.RandomRotation(0.025, fill_mode="constant"),
            gm.applications.LeNet5(),
        ]
    )
    model.compile(gm.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    start = time.perf_counter()
    model.fit(x_train, y_train, batch_size=32, epochs=epochs, verbose=2, callbacks=[Decay(epochs)])
    print(f"{epochs} epochs of {len(x_train):,} digits in {time.perf_counter() - start:.1f} s")
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.2%}")

    said = model.predict(x_test, verbose=0).argmax(axis=1)
    wrong = np.flatnonzero(said != y_test)[:5]
    print("Mistakes: " + ", ".join(f"digit {i} is {y_test[i]}, read as {said[i]}" for i in wrong))


if __name__ == "__main__":
    main()
