"""Twenty dense layers of a hundred units on CIFAR-10: plain, batch-normalised, self-normalising, and with 1cycle.

    python examples/cifar10_dnn.py [--epochs 15]

The exercise of A. Géron, "Hands-On Machine Learning", chapter 11. Trains each net with early stopping on a tenth of
the training pictures, and prints seconds, epochs and test accuracy. The set is that of GEMMULE_DATA_DIR, whole or in
part; dense nets see no neighbourhoods, so about 50 % is what to expect.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import gemmule as gm
from gemmule.datasets import cifar10

DEPTH, UNITS, BATCH = 20, 100, 64


def net(activation: str, initializer: str, normalize: bool = False, alpha_dropout: float = 0.0) -> gm.Sequential:
    """The deep net; dropout, if any, stands before the last layer."""
    model = gm.Sequential([gm.Input((32, 32, 3)), gm.layers.Flatten()])
    if normalize:
        model.add(gm.layers.BatchNormalization())
    for _ in range(DEPTH):
        model.add(gm.layers.Dense(UNITS, kernel_initializer=initializer))
        if normalize:
            model.add(gm.layers.BatchNormalization())
        model.add(gm.layers.Activation(activation))
    if alpha_dropout:
        model.add(gm.layers.AlphaDropout(alpha_dropout))
    model.add(gm.layers.Dense(10, activation="softmax"))
    return model


def train(model: gm.Sequential, optimizer: Any, data: Any, epochs: int, patience: int = 5) -> tuple[int, float]:
    """Trains with early stopping; epochs done and seconds."""
    (x, y), validation = data
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    stopping = gm.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    start = time.perf_counter()
    history = model.fit(
        x, y, batch_size=BATCH, epochs=epochs, validation_data=validation, callbacks=[stopping], verbose=0
    )
    return len(history.epoch), time.perf_counter() - start


def accuracy_of(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of the pictures whose likeliest class is the right one."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def main() -> None:
    """Trains the variants and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    epochs = parser.parse_args().epochs

    (x, y), (x_test, y_test) = cifar10.load_data()
    mean, deviation = x.mean(axis=(0, 1, 2)), x.std(axis=(0, 1, 2))
    x, x_test = (((part - mean) / deviation).astype("float32") for part in (x, x_test))
    y, y_test = y.reshape(-1), y_test.reshape(-1)
    held = len(x) // 10
    data = (x[held:], y[held:]), (x[:held], y[:held])

    steps = -(-len(data[0][0]) // BATCH) * epochs
    cycle = gm.optimizers.schedules.OneCycle(0.02, total_steps=steps)
    variants = {
        "plain: ELU, He": (net, ("elu", "he_normal"), gm.optimizers.Nadam(2e-4)),
        "batch norm": (net, ("elu", "he_normal", True), gm.optimizers.Nadam(5e-4)),
        "SELU, LeCun": (net, ("selu", "lecun_normal"), gm.optimizers.Nadam(5e-4)),
        "SELU, alpha dropout 0.1": (net, ("selu", "lecun_normal", False, 0.1), gm.optimizers.Nadam(5e-4)),
        "SELU, 1cycle": (
            net,
            ("selu", "lecun_normal", False, 0.1),
            gm.optimizers.SGD(cycle, momentum=cycle.momentum(), nesterov=True),
        ),
    }
    print(f"{'net':<32}{'epochs':>8}{'seconds':>9}{'s/epoch':>9}{'test accuracy':>15}")
    for name, (make, arguments, optimizer) in variants.items():
        gm.utils.set_random_seed(42)
        model = make(*arguments)
        done, seconds = train(model, optimizer, data, epochs, epochs if "cycle" in name else 5)
        accuracy = accuracy_of(model.predict(x_test, batch_size=512, verbose=0), y_test)
        print(f"{name:<32}{done:>8}{seconds:>9.1f}{seconds / done:>9.2f}{accuracy:>15.2%}")
        if name == "SELU, alpha dropout 0.1":
            start = time.perf_counter()
            accuracy = accuracy_of(gm.utils.mc_predict(model, x_test, samples=20).mean, y_test)
            print(
                f"{'  the same, MC dropout × 20':<32}{'':>8}{time.perf_counter() - start:>9.1f}{'':>9}{accuracy:>15.2%}"
            )


if __name__ == "__main__":
    main()
