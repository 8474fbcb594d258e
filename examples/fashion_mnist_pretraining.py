"""Unsupervised pretraining: many pictures without labels and few with them, Fashion-MNIST.

    python examples/fashion_mnist_pretraining.py [--seeds 5] [--labels 200]

A classifier of three hidden layers learns from a few labelled pictures: from scratch; on the encoder of an autoencoder
that has seen all pictures without labels; and on layers that were trained greedily, one after another, each as a small
autoencoder of what the layers below give (Hinton, Osindero and Teh 2006; Bengio et al., "Greedy layer-wise training of
deep networks", 2007). Both kinds of pretraining have to undo dropout at their inputs (Vincent et al. 2008). Afterwards
the new output is trained alone, and then all layers are.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import gemmule as gm
from gemmule.datasets import fashion_mnist

UNITS = (256, 128, 64)
Data = tuple[np.ndarray, np.ndarray]


def hidden(units: int) -> gm.layers.Dense:
    """One hidden layer."""
    return gm.layers.Dense(units, activation="elu", kernel_initializer="he_normal")


def whole_autoencoder(x: np.ndarray, epochs: int) -> list[gm.layers.Layer]:
    """Trains encoder and decoder together; returns the layers of the encoder."""
    encoder = [hidden(units) for units in UNITS]
    decoder = [hidden(units) for units in UNITS[-2::-1]]
    output = gm.layers.Dense(x.shape[1], activation="sigmoid")
    model = gm.Sequential([gm.Input(x.shape[1:]), gm.layers.Dropout(0.3), *encoder, *decoder, output])
    model.compile(gm.optimizers.Adam(0.001), "binary_crossentropy")
    model.fit(x, x, batch_size=256, epochs=epochs, verbose=0)
    return encoder


def greedy_layers(x: np.ndarray, epochs: int) -> list[gm.layers.Layer]:
    """Trains each layer to give back its input, then feeds the next one with what it gives."""
    layers: list[gm.layers.Layer] = []
    for units in UNITS:
        first = not layers
        layer, size = hidden(units), x.shape[1]
        output = gm.layers.Dense(size, activation="sigmoid" if first else None)
        model = gm.Sequential([gm.Input((size,)), gm.layers.Dropout(0.3), layer, output])
        model.compile(gm.optimizers.Adam(0.001), "binary_crossentropy" if first else "mse")
        model.fit(x, x, batch_size=256, epochs=epochs, verbose=0)
        layers.append(layer)
        x = gm.Sequential([gm.Input((size,)), layer]).predict(x, batch_size=1000, verbose=0)
    return layers


def train(model: gm.Sequential, data: Data, rate: float, epochs: int) -> None:
    """Compiles, which is also when changes of `trainable` take effect, and trains."""
    model.compile(gm.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*data, batch_size=20, epochs=epochs, verbose=0)


def classify(layers: list[gm.layers.Layer], data: Data, test: Data, pretrained: bool) -> list[float]:
    """Test accuracies in percent: of a new output alone on frozen layers, and of all layers trained."""
    found = []
    model = gm.Sequential([gm.Input(data[0].shape[1:]), *layers, gm.layers.Dense(10, activation="softmax")])
    if pretrained:
        for layer in layers:
            layer.trainable = False
        train(model, data, 0.003, 30)
        found.append(model.evaluate(*test, verbose=0, return_dict=True)["accuracy"])
        model.trainable = True
    train(model, data, 0.0003 if pretrained else 0.001, 30)
    found.append(model.evaluate(*test, verbose=0, return_dict=True)["accuracy"])
    return [100 * value for value in found]


ROWS = [
    "from scratch",
    "autoencoder, frozen",
    "autoencoder, fine-tuned",
    "greedy layers, frozen",
    "greedy layers, fine-tuned",
]


def main() -> None:
    """Runs all seeds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=8, help="of pretraining")
    arguments = parser.parse_args()

    load = fashion_mnist.load_data if fashion_mnist.is_available() else fashion_mnist.load_sample
    (x, y), (x_test, y_test) = load()
    x, x_test = (images.reshape(len(images), -1).astype(np.float32) / 255 for images in (x, x_test))
    start = time.perf_counter()
    table = []
    for seed in range(arguments.seeds):
        gm.utils.set_random_seed(seed)
        chosen = np.random.default_rng(seed).permutation(len(x))[: arguments.labels]
        few = (x[chosen], y[chosen])
        row = classify([hidden(units) for units in UNITS], few, (x_test, y_test), pretrained=False)
        row += classify(whole_autoencoder(x, arguments.epochs), few, (x_test, y_test), pretrained=True)
        row += classify(greedy_layers(x, arguments.epochs), few, (x_test, y_test), pretrained=True)
        table.append(row)

    title = f"{arguments.labels} labels of {len(x)} pictures, {arguments.seeds} seeds"
    print(f"Test accuracy in percent, {title}; {time.perf_counter() - start:.0f} s")
    print("| hidden layers | mean | std |\n| --- | --- | --- |")
    for name, values in zip(ROWS, np.array(table).T):
        print(f"| {name} | {values.mean():.1f} | {values.std():.1f} |")


if __name__ == "__main__":
    main()
