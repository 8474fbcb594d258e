"""Ways against overfitting, and a few old questions, on the sample of Fashion-MNIST that comes with gemmule.

    python examples/regularisation_compared.py [--epochs 30]

4,000 pictures are few enough for a net of 300 and 100 units to learn by heart. The first table compares what is done
against it: dropout (Srivastava et al., 2014), predictions with dropout left on (Gal and Ghahramani, 2016), max-norm,
l1 and l2. Then a linear classifier with the margin loss of support vector machines against softmax, and a
batch-normalised net before and after its normalisation is folded into its weights. With CIFAR-10 at hand the two-layer
net of Stanford's CS231n comes last.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import gemmule as gm
from gemmule.datasets import cifar10, fashion_mnist

layers, regularizers = gm.layers, gm.regularizers
MAX_NORM = {"kernel_constraint": gm.constraints.MaxNorm(2.0)}
VARIANTS: dict[str, tuple[dict[str, Any], float]] = {
    "nothing": ({}, 0.0),
    "l2 0.001": ({"kernel_regularizer": regularizers.l2(1e-3)}, 0.0),
    "l1 0.0001": ({"kernel_regularizer": regularizers.l1(1e-4)}, 0.0),
    "dropout 0.4": ({}, 0.4),
    "max-norm 2, dropout 0.4": (MAX_NORM, 0.4),
}


def dense_net(arguments: dict[str, Any], rate: float) -> gm.Sequential:
    """Two hidden layers, each perhaps followed by dropout."""
    model = gm.Sequential([gm.Input((28, 28)), layers.Flatten()])
    for units in (300, 100):
        model.add(layers.Dense(units, activation="relu", kernel_initializer="he_normal", **arguments))
        if rate:
            model.add(layers.Dropout(rate))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def fit(model: gm.Sequential, data: Any, epochs: int, loss: Any = "sparse_categorical_crossentropy") -> float:
    """Seconds to train it."""
    model.compile(gm.optimizers.Adam(0.001), loss, metrics=["accuracy"] if isinstance(loss, str) else [])
    start = time.perf_counter()
    model.fit(*data, batch_size=32, epochs=epochs, verbose=0)
    return time.perf_counter() - start


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows whose largest score is that of the right class."""
    return float(np.mean(scores.argmax(axis=1) == labels))


def against_overfitting(train: Any, test: Any, epochs: int) -> None:
    """The first table."""
    print(f"{'against overfitting':<32}{'training':>10}{'test':>9}{'zeros':>8}{'seconds':>9}")
    for name, (arguments, rate) in VARIANTS.items():
        gm.utils.set_random_seed(42)
        model = dense_net(arguments, rate)
        seconds = fit(model, train, epochs)
        zeros = gm.utils.sparsify(model, threshold=1e-3).fraction if "l1" in name else 0.0
        found = [accuracy(model.predict(x, verbose=0), y) for x, y in (train, test)]
        print(f"{name:<32}{found[0]:>10.2%}{found[1]:>9.2%}{zeros:>8.0%}{seconds:>9.1f}")
        if name == "dropout 0.4":
            sampled = gm.utils.mc_predict(model, test[0], samples=100)
            print(f"{'  its mean of 100 samples':<32}{'':>10}{accuracy(sampled.mean, test[1]):>9.2%}")
            wrong = sampled.mean.argmax(axis=1) != test[1]
            right, mistaken = sampled.entropy[~wrong].mean(), sampled.entropy[wrong].mean()
            print(f"  predictive entropy {right:.2f} where it is right, {mistaken:.2f} where it is wrong")


def margins_against_softmax(train: Any, test: Any, epochs: int) -> None:
    """Linear classifiers."""
    print(f"\n{'linear classifier':<32}{'training':>10}{'test':>9}")
    losses = {
        "softmax": gm.losses.SparseCategoricalCrossentropy(from_logits=True),
        "SVM, sum of margins": gm.losses.MulticlassHinge(),
    }
    for name, loss in losses.items():
        gm.utils.set_random_seed(42)
        linear = layers.Dense(10, kernel_regularizer=regularizers.l2(1e-4))
        model = gm.Sequential([gm.Input((28, 28)), layers.Flatten(), linear])
        fit(model, train, epochs, loss)
        found = [accuracy(model.predict(x, verbose=0), y) for x, y in (train, test)]
        print(f"{name:<32}{found[0]:>10.2%}{found[1]:>9.2%}")


def folded_normalisation(train: Any, test: Any, epochs: int) -> None:
    """w·(x) → (w·γ/σ)·x + β - μγ/σ: the net computes the same without its normalisation."""
    gm.utils.set_random_seed(42)
    model = gm.Sequential([gm.Input((28, 28)), layers.Flatten()])
    for units in (300, 100):
        model.add(layers.Dense(units, use_bias=False, kernel_initializer="he_normal"))
        model.add(layers.BatchNormalization())
        model.add(layers.Activation("relu"))
    model.add(layers.Dense(10, activation="softmax"))
    fit(model, train, epochs)

    folded = gm.Sequential([gm.Input((28, 28)), layers.Flatten()])
    stack = model.layers[1:]
    for dense, norm in zip(stack[:-1:3], stack[1:-1:3], strict=True):
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / np.sqrt(variance + norm.epsilon)
        folded.add(layers.Dense(dense.units, activation="relu"))
        folded.layers[-1].set_weights([dense.get_weights()[0] * scale, beta - mean * scale])
    folded.add(layers.Dense(10, activation="softmax"))
    folded.layers[-1].set_weights(stack[-1].get_weights())
    outputs = [net.predict(test[0], verbose=0) for net in (model, folded)]
    both = ", ".join(f"{accuracy(output, test[1]):.2%}" for output in outputs)
    print(f"\nBatch norm as layers and folded: {both}; largest difference {np.abs(outputs[0] - outputs[1]).max():.1e}")


def two_layer_net(epochs: int) -> None:
    """CS231n's assignment 1: one hidden layer on the pixels of CIFAR-10."""
    (x, y), (x_test, y_test) = cifar10.load_data()
    mean, deviation = x.mean(axis=0), x.std()
    x, x_test = (((part - mean) / deviation).astype("float32") for part in (x, x_test))
    gm.utils.set_random_seed(42)
    hidden = layers.Dense(200, activation="relu", kernel_regularizer=regularizers.l2(1e-3))
    model = gm.Sequential([gm.Input((32, 32, 3)), layers.Flatten(), hidden, layers.Dense(10, activation="softmax")])
    seconds = fit(model, (x, y.reshape(-1)), epochs)
    test = accuracy(model.predict(x_test, verbose=0), y_test.reshape(-1))
    print(f"\nTwo-layer net on CIFAR-10 ({len(x)} pictures): {test:.2%} after {epochs} epochs, {seconds:.1f} s")


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs
    train, test = ((x.astype("float32") / 255, y) for x, y in fashion_mnist.load_sample())
    against_overfitting(train, test, epochs)
    margins_against_softmax(train, test, epochs)
    folded_normalisation(train, test, min(epochs, 10))
    if cifar10.is_available():
        two_layer_net(min(epochs, 10))


if __name__ == "__main__":
    main()
