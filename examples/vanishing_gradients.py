"""Gradients that vanish or explode in a deep net, and what initialisation, activation and normalisation do about it.

    python examples/vanishing_gradients.py [--plot FILE]

A net of 20 layers of 100 units sees one batch of Fashion-MNIST. The first table has the norm of the gradient of each
layer's kernel before any training (Glorot and Bengio, 2010; He et al., 2015; Ioffe and Szegedy, 2015). The second one
follows mean and standard deviation of activations through 100 layers of SELU, which keep themselves near 0 and 1
(Klambauer et al., 2017) until plain dropout comes between them.
"""

from __future__ import annotations

import argparse

import numpy as np

import gemmule as gm
from gemmule.datasets import fashion_mnist

DEPTH, UNITS = 20, 100
NETS = {
    "sigmoid, N(0, 1)": {"activation": "sigmoid", "initializer": gm.initializers.RandomNormal(stddev=1.0)},
    "sigmoid, Glorot": {"activation": "sigmoid", "initializer": "glorot_normal"},
    "tanh, Glorot": {"activation": "tanh", "initializer": "glorot_normal"},
    "ReLU, He": {"activation": "relu", "initializer": "he_normal"},
    "ELU, He, batch norm": {"activation": "elu", "initializer": "he_normal", "normalize": True},
}


def deep_net(activation: str, initializer: object, normalize: bool = False) -> gm.Sequential:
    """`DEPTH` hidden layers, each perhaps normalised before its activation."""
    model = gm.Sequential([gm.Input((28, 28)), gm.layers.Flatten()])
    for _ in range(DEPTH):
        model.add(gm.layers.Dense(UNITS, kernel_initializer=initializer))
        if normalize:
            model.add(gm.layers.BatchNormalization())
        model.add(gm.layers.Activation(activation))
    model.add(gm.layers.Dense(10))
    return model


def gradient_norms(model: gm.Sequential, x: np.ndarray, y: np.ndarray) -> list[float]:
    """Of the loss with respect to the kernel of each hidden layer."""
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, gm.layers.Dense)][:-1]
    loss_function = gm.losses.SparseCategoricalCrossentropy(from_logits=True)
    with gm.GradientTape() as tape:
        loss = loss_function(y, model(x, training=True))
    return [float(np.linalg.norm(gradient.numpy())) for gradient in tape.gradient(loss, kernels)]


def selu_statistics(dropout: float) -> list[tuple[float, float]]:
    """Mean and standard deviation of the activations of 100 layers, for normalised inputs."""
    x = gm.ops.convert_to_tensor(np.random.default_rng(42).standard_normal((512, UNITS)).astype("float32"))
    found = []
    for _ in range(100):
        x = gm.layers.Dense(UNITS, activation="selu", kernel_initializer="lecun_normal")(x)
        x = gm.layers.Dropout(dropout)(x, training=True)
        found.append((float(x.numpy().mean()), float(x.numpy().std())))
    return found


def plot(norms: dict[str, list[float]], path: str) -> None:
    """The gradients by layer, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), constrained_layout=True)
    for (name, values), marker in zip(norms.items(), "oxsv^", strict=True):
        axes.semilogy(range(1, DEPTH + 1), values, marker=marker, markersize=4, label=name)
    axes.set(xlabel="hidden layer, from the input", ylabel="norm of the kernel's gradient")
    axes.set_title("Gradients of a 20-layer net before training")
    axes.set_xticks(range(1, DEPTH + 1, 3))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="also draws the first table (needs gemmule[plot])")
    arguments = parser.parse_args()

    (images, labels), _ = fashion_mnist.load_sample()
    x, y = images[:256].astype("float32") / 255, labels[:256].astype("int32")
    x = (x - x.mean()) / x.std()

    norms = {}
    for name, settings in NETS.items():
        gm.utils.set_random_seed(42)
        norms[name] = gradient_norms(deep_net(**settings), x, y)
    shown = (1, 5, 10, 15, 20)
    print(f"{'norm of the gradient in layer':<30}" + "".join(f"{layer:>10}" for layer in shown) + f"{'first/last':>12}")
    for name, values in norms.items():
        numbers = "".join(f"{values[layer - 1]:>10.2g}" for layer in shown)
        print(f"{name:<30}{numbers}{values[0] / values[-1]:>12.2g}")

    print(f"\n{'SELU, mean ± deviation in layer':<32}" + "".join(f"{layer:>16}" for layer in (1, 10, 50, 100)))
    for dropout in (0.0, 0.2):
        gm.utils.set_random_seed(42)
        found = selu_statistics(dropout)
        name = f"with dropout {dropout}" if dropout else "without dropout"
        print(f"{name:<32}" + "".join("{:>8.2f} ± {:<5.2f}".format(*found[layer - 1]) for layer in (1, 10, 50, 100)))
    if arguments.plot:
        plot(norms, arguments.plot)


if __name__ == "__main__":
    main()
