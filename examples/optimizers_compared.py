"""All optimizers, and learning rates that change, on one net and one budget.

    python examples/optimizers_compared.py [--epochs 5] [--plot FILE]

A 784-300-100-10 net (He initialisation, ReLU) learns Fashion-MNIST in batches of 32. First every optimizer with a rate
that suits it; then SGD with Nesterov's momentum under different schedules; last 1cycle (Smith, 2018) with half of the
epochs against a constant rate with all of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import gemmule as gm
from gemmule.datasets import fashion_mnist

optimizers, schedules = gm.optimizers, gm.optimizers.schedules
BATCH = 32
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: optimizers.SGD(0.05),
    "SGD, momentum 0.9": lambda: optimizers.SGD(0.02, momentum=0.9),
    "SGD, Nesterov": lambda: optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    "Adagrad": lambda: optimizers.Adagrad(0.02),
    "Adadelta": lambda: optimizers.Adadelta(1.0),
    "RMSprop": lambda: optimizers.RMSprop(0.0005),
    "Adam": lambda: optimizers.Adam(0.001),
    "Adam, AMSGrad": lambda: optimizers.Adam(0.001, amsgrad=True),
    "Adamax": lambda: optimizers.Adamax(0.002),
    "Nadam": lambda: optimizers.Nadam(0.001),
    "AdamW": lambda: optimizers.AdamW(0.001),
    "Lion": lambda: optimizers.Lion(0.0001),
}


def rates(steps: int) -> dict[str, Any]:
    """Learning rates for SGD with momentum, over so many steps."""
    return {
        "constant": 0.02,
        "inverse time": schedules.InverseTimeDecay(0.04, steps / 5, 1.0),
        "exponential": schedules.ExponentialDecay(0.04, steps, 0.1),
        "piecewise constant": schedules.PiecewiseConstantDecay([steps // 2, steps * 4 // 5], [0.03, 0.01, 0.002]),
        "polynomial": schedules.PolynomialDecay(0.04, steps, 0.0001, power=1.0),
        "cosine": schedules.CosineDecay(0.04, steps),
        "cosine, warm restarts": schedules.CosineDecayRestarts(0.04, steps // 3 + 1, t_mul=1.0),
    }


def train(data: Any, optimizer: Any, epochs: int) -> tuple[dict[str, list[float]], float, float]:
    """History, test accuracy and seconds of the same net with one optimizer."""
    (x, y), test = data
    gm.utils.set_random_seed(42)
    dense = gm.layers.Dense
    model = gm.Sequential([gm.Input((28, 28)), gm.layers.Flatten()])
    for units in (300, 100):
        model.add(dense(units, activation="relu", kernel_initializer="he_normal"))
    model.add(dense(10, activation="softmax"))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    history = model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0).history
    seconds = time.perf_counter() - start
    return history, model.evaluate(*test, verbose=0)[1], seconds


def compare(title: str, data: Any, cases: dict[str, Callable[[], Any]], epochs: int) -> dict[str, list[float]]:
    """Prints a line for each case and returns the losses by epoch."""
    losses = {}
    print(f"\n{title:<28}{'training loss':>14}{'accuracy':>10}{'test accuracy':>15}{'seconds':>9}")
    for name, make in cases.items():
        history, accuracy, seconds = train(data, make(), epochs)
        losses[name] = history["loss"]
        print(f"{name:<28}{history['loss'][-1]:>14.3f}{history['accuracy'][-1]:>10.2%}{accuracy:>15.2%}{seconds:>9.1f}")
    return losses


def plot(losses: dict[str, list[float]], path: str) -> None:
    """The training loss of each optimizer by epoch."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), constrained_layout=True)
    for number, (name, values) in enumerate(losses.items()):
        style = "-" if number < 10 else "--"  # there are ten colours
        axes.plot(range(1, len(values) + 1), values, style, marker="o", markersize=3, label=name)
    axes.set(xlabel="epoch", ylabel="training loss", title="One net, one budget, twelve optimizers")
    axes.set_xticks(range(1, max(map(len, losses.values())) + 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Runs the three comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--plot", metavar="FILE", help="also draws the first comparison (needs gemmule[plot])")
    arguments = parser.parse_args()
    epochs = arguments.epochs

    load = fashion_mnist.load_data if fashion_mnist.is_available() else fashion_mnist.load_sample
    data = [(x.astype("float32") / 255, y) for x, y in load()]
    steps = -(-len(data[0][0]) // BATCH) * epochs

    losses = compare(f"{epochs} epochs", data, OPTIMIZERS, epochs)
    scheduled = {
        name: lambda rate=rate: optimizers.SGD(rate, momentum=0.9, nesterov=True) for name, rate in rates(steps).items()
    }
    compare(f"SGD, Nesterov, {epochs} epochs", data, scheduled, epochs)

    constant = {"constant rate": lambda: optimizers.SGD(0.02, momentum=0.9, nesterov=True)}
    compare(f"{2 * epochs} epochs", data, constant, 2 * epochs)
    cycle = schedules.OneCycle(0.05, total_steps=steps)
    one_cycle = {"1cycle": lambda: optimizers.SGD(cycle, momentum=cycle.momentum(), nesterov=True)}
    compare(f"{epochs} epochs", data, one_cycle, epochs)
    if arguments.plot:
        plot(losses, arguments.plot)


if __name__ == "__main__":
    main()
