"""gemmule's networks, through its public API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gemmule as gm
from bench import networks


def deep_mlp() -> Any:
    """Twenty times dense, batch norm, ELU."""
    layers: list[Any] = [gm.layers.Input((28, 28, 1)), gm.layers.Flatten()]
    for _ in range(20):
        layers += [gm.layers.Dense(100, use_bias=False), gm.layers.BatchNormalization(), gm.layers.Activation("elu")]
    return gm.Sequential([*layers, gm.layers.Dense(10, activation="softmax")])


BUILDERS: dict[str, Callable[[], Any]] = {
    "lenet5": lambda: gm.applications.LeNet5(),
    "cifar_cnn": lambda: gm.applications.CifarCNN(),
    "geron_cnn": lambda: gm.applications.FashionCNN(),
    "deep_mlp": deep_mlp,
    "resnet18_cifar": lambda: gm.applications.ResNet18(input_shape=(32, 32, 3), classes=10, cifar=True),
    "resnet50": lambda: gm.applications.ResNet50(),
}


def prepare(case: str) -> Callable[[int], float | None]:
    """The run of `train/<network>/<batch>` or `predict/<network>/<batch>`."""
    gm.utils.set_random_seed(0)
    doing, name, size = case.split("/")
    batch, model = int(size), BUILDERS[name]()
    x, y = networks.examples(name, batch)
    if doing == "predict":
        rows = x[:batch]
        return lambda steps: [model.predict_on_batch(rows) for _ in range(steps)] and None
    model.compile(gm.optimizers.Adam(), "sparse_categorical_crossentropy")

    def run(steps: int) -> None:
        model.fit(x[: steps * batch], y[: steps * batch], batch_size=batch, epochs=1, verbose=0)

    return run
