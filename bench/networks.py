"""The convolutional networks that are compared: their cases, and the pictures they see."""

from __future__ import annotations

import numpy as np

from bench.cases import Case

SHAPES = {
    "lenet5": (28, 28, 1),
    "cifar_cnn": (32, 32, 3),
    "geron_cnn": (28, 28, 1),
    "deep_mlp": (28, 28, 1),
    "resnet18_cifar": (32, 32, 3),
    "resnet50": (224, 224, 3),
}
TITLES = {
    "lenet5": "LeNet-5",
    "cifar_cnn": "CIFAR CNN 32-64-64",
    "geron_cnn": "Géron's CNN",
    "deep_mlp": "20×(Dense 100 + BN + ELU)",
    "resnet18_cifar": "ResNet-18 for CIFAR",
    "resnet50": "ResNet-50 at 224×224",
}
# Multiplications and additions of one example's forward pass, from the layers' shapes.
FLOPS = {
    "lenet5": 833_040.0,
    "cifar_cnn": 9_097_216.0,
    "geron_cnn": 178_932_992.0,
    "deep_mlp": 538_800.0,
    "resnet18_cifar": 1_110_845_440.0,
    "resnet50": 7_715_946_496.0,
}
# network -> (batch, steps of a round, ratio asked of the better of PyTorch eager and compiled)
TRAINING = {
    "cifar_cnn": (64, 20, 1.5),
    "geron_cnn": (32, 4, 1.4),
    "resnet18_cifar": (32, 2, 1.4),
    "lenet5": (32, 200, 3.0),
    "deep_mlp": (32, 40, 5.0),
}
TORCH = ("torch", "torch-channels-last", "torch-compile")
LIBRARIES = ["gemmule", *TORCH, "onnxruntime"]


def examples(name: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise in the shape of the network's pictures, and labels: enough for a round, the same for every library."""
    rng = np.random.default_rng(0)
    steps = TRAINING[name][1] if name in TRAINING else 1
    count = batch * steps
    return rng.random((count, *SHAPES[name]), "float32"), rng.integers(0, 10, count).astype("int32")


def _training(name: str) -> Case:
    batch, steps, asked = TRAINING[name]
    title = f"{TITLES[name]}, b={batch}, Adam: one step inside `fit`"
    return Case(title, steps, 7, 3 * batch * FLOPS[name], 1.0, dict.fromkeys(TORCH, asked))


def _inference(name: str, batch: int) -> Case:
    title = f"{TITLES[name]}, b={batch}: `predict_on_batch`"
    work = batch * FLOPS[name]
    calls = int(np.clip(1e10 / work, 2, 300))
    return Case(title, 1, 7, work, 1.0, {"onnxruntime": 1.0}, calls=calls)


CASES = {f"train/{name}/{TRAINING[name][0]}": _training(name) for name in TRAINING} | {
    f"predict/{name}/{batch}": _inference(name, batch) for name in SHAPES for batch in (1, 32)
}
