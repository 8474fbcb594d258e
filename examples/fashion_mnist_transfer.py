"""Transfer learning: what a network has learned on eight classes of Fashion-MNIST helps it tell two others apart.

    python examples/fashion_mnist_transfer.py [--seeds 10]

Model A learns all classes but sandals and shirts. Model B has to tell sandals from shirts and sees 200 pictures. It
starts from scratch, or from A's layers under a new output, which is trained alone at first; then all layers are, at a
tenth of the rate. Needs the full data set (GEMMULE_DATA_DIR or the download cache). The experiment is that of A. Géron,
"Hands-On Machine Learning with Scikit-Learn, Keras and TensorFlow", 2nd edition, chapter 11.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import gemmule as gm
from gemmule.datasets import fashion_mnist

SANDAL, SHIRT = 5, 6
Data = tuple[np.ndarray, np.ndarray]


def split(x: np.ndarray, y: np.ndarray) -> tuple[Data, Data]:
    """The eight classes, numbered from 0 to 7, and the other two: whether it is a shirt."""
    of_b = (y == SANDAL) | (y == SHIRT)
    labels = y[~of_b].astype(np.int32)
    labels[labels > SHIRT] -= 2
    x = x.astype(np.float32) / 255
    return (x[~of_b], labels), (x[of_b], (y[of_b] == SHIRT).astype(np.float32)[:, np.newaxis])


def build_model(*output: gm.layers.Layer) -> gm.Sequential:
    """Five hidden layers and an output."""
    hidden = [
        gm.layers.Dense(units, activation="selu", name=f"hidden_{number}")
        for number, units in enumerate((300, 100, 50, 50, 50))
    ]
    return gm.Sequential([gm.Input((28, 28)), gm.layers.Flatten(), *hidden, *output])


def train_a(model: gm.Sequential, data: Data) -> None:
    """Trains on the eight classes."""
    model.compile(gm.optimizers.SGD(0.003, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*data, batch_size=64, epochs=12, verbose=0)


def train_b(model: gm.Sequential, data: Data, rate: float, epochs: int) -> None:
    """Compiles, which is also when changes of `trainable` take effect, and trains."""
    model.compile(gm.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
    model.fit(*data, batch_size=32, epochs=epochs, verbose=0)


def accuracy(model: gm.Sequential, data: Data) -> float:
    """In percent."""
    return 100 * model.evaluate(*data, verbose=0, return_dict=True)["accuracy"]


def output() -> gm.layers.Dense:
    """The output of model B."""
    return gm.layers.Dense(1, activation="sigmoid", name="output")


ROWS = [
    "A: eight classes",
    "B from scratch, rate 0.001, 20 epochs",
    "B from scratch, rate 0.01, 20 epochs",
    "B on A's frozen layers, rate 0.01, 20 epochs",
    "the same, then not frozen, rate 0.001, 20 epochs",
]


def run(seed: int, data_a: Data, test_a: Data, data_b: Data, test_b: Data) -> list[float]:
    """Accuracies for the rows of the table."""
    gm.utils.set_random_seed(seed)
    model_a = build_model(gm.layers.Dense(8, activation="softmax", name="classes"))
    train_a(model_a, data_a)
    found = [accuracy(model_a, test_a)]

    for rate in (0.001, 0.01):
        scratch = build_model(output())
        train_b(scratch, data_b, rate, 20)
        found.append(accuracy(scratch, test_b))

    copy = gm.models.clone_model(model_a)  # so that training B leaves A as it is
    copy.set_weights(model_a.get_weights())
    model_b = gm.Sequential([gm.Input((28, 28)), *copy.layers[:-1], output()])
    for layer in model_b.layers[:-1]:
        layer.trainable = False
    train_b(model_b, data_b, 0.01, 20)
    found.append(accuracy(model_b, test_b))
    model_b.trainable = True
    train_b(model_b, data_b, 0.001, 20)
    return [*found, accuracy(model_b, test_b)]


def main() -> None:
    """Runs all seeds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds

    training, test = fashion_mnist.load_data()
    (data_a, data_b), (test_a, test_b) = split(*training), split(*test)
    few = (data_b[0][:200], data_b[1][:200])
    start = time.perf_counter()
    found = np.array([run(seed, data_a, test_a, few, test_b) for seed in range(seeds)])
    print(f"Test accuracy in percent over {seeds} seeds; {time.perf_counter() - start:.0f} s")
    print("| model | mean | std | least | most |\n| --- | --- | --- | --- | --- |")
    for row, values in zip(ROWS, found.T):
        print(f"| {row} | {values.mean():.2f} | {values.std():.2f} | {values.min():.2f} | {values.max():.2f} |")


if __name__ == "__main__":
    main()
