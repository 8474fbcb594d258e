"""The convolutional networks of the benchmarks in PyTorch, layer for layer what `gemmule.applications` builds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def lenet5() -> nn.Module:
    """LeNet-5 as it is taught: tanh, average pooling."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def cifar_cnn() -> nn.Module:
    """Convolutions of 32, 64 and 64 filters."""
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def geron_cnn() -> nn.Module:
    """Géron's Fashion-MNIST network, dropout included."""
    pairs = [(1, 64, 7), None, (64, 128, 3), (128, 128, 3), None, (128, 256, 3), (256, 256, 3), None]
    layers: list[nn.Module] = []
    for pair in pairs:
        if pair is None:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(*pair, padding="same"), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(2304, 128), nn.ReLU(), nn.Dropout(0.5)]
    layers += [nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10)]
    return nn.Sequential(*layers)


def deep_mlp() -> nn.Module:
    """Twenty times dense, batch norm, ELU."""
    layers: list[nn.Module] = [nn.Flatten()]
    for i in range(20):
        layers += [nn.Linear(784 if i == 0 else 100, 100, bias=False), nn.BatchNorm1d(100, 1e-3, 0.01), nn.ELU()]
    return nn.Sequential(*layers, nn.Linear(100, 10))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(inputs, filters, 3, stride, 1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, 1, 1, bias=False),
            nn.BatchNorm2d(filters),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != filters:
            convolution = nn.Conv2d(inputs, filters, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(filters))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of path and shortcut, rectified."""
        return torch.relu(self.path(x) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut: version 1, the stride in the first, biases as Keras has them."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        steps = ((inputs, filters, 1, stride, 0), (filters, filters, 3, 1, 1), (filters, 4 * filters, 1, 1, 0))
        layers: list[nn.Module] = []
        for step in steps:
            layers += [nn.Conv2d(*step), nn.BatchNorm2d(step[1]), nn.ReLU()]
        self.path = nn.Sequential(*layers[:-1])
        self.shortcut: nn.Module = nn.Identity()
        if inputs != 4 * filters:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, 4 * filters, 1, stride), nn.BatchNorm2d(4 * filters))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of path and shortcut, rectified."""
        return torch.relu(self.path(x) + self.shortcut(x))


def resnet18_cifar() -> nn.Module:
    """ResNet-18 with a 3×3 first layer and no first pooling."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    inputs = 64
    for filters, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [BasicBlock(inputs, filters, stride), BasicBlock(filters, filters, 1)]
        inputs = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def resnet50() -> nn.Module:
    """ResNet-50, version 1."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for filters, stride, blocks in ((64, 1, 3), (128, 2, 4), (256, 2, 6), (512, 2, 3)):
        for i in range(blocks):
            layers.append(Bottleneck(inputs, filters, stride if i == 0 else 1))
            inputs = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "lenet5": lenet5,
    "cifar_cnn": cifar_cnn,
    "geron_cnn": geron_cnn,
    "deep_mlp": deep_mlp,
    "resnet18_cifar": resnet18_cifar,
    "resnet50": resnet50,
}


def network(name: str, variant: str) -> nn.Module:
    """The network in the memory layout of the variant."""
    model = NETWORKS[name]()
    return model.to(memory_format=torch.channels_last) if variant != "eager" else model


def _images(x: Any, variant: str) -> torch.Tensor:
    images = torch.from_numpy(x).permute(0, 3, 1, 2)
    # `compile` chooses layouts itself for what it generates, but convolutions follow their input: the better one.
    return images.contiguous(memory_format=torch.contiguous_format if variant == "eager" else torch.channels_last)


def trainer(name: str, x: Any, y: Any, batch: int, variant: str) -> Callable[[int], float | None]:
    """Shuffled batches gathered by index from tensors in memory; fused Adam."""
    images, labels = _images(x, variant), torch.from_numpy(y).long()
    model = network(name, variant)
    update = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)

    def loss_of(xb: torch.Tensor, yb: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(model(xb), yb)

    if variant == "compile":
        loss_of = torch.compile(loss_of)

    def run(steps: int) -> None:
        order = torch.randperm(min(len(images), steps * batch))
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            loss = loss_of(images[rows], labels[rows])
            update.zero_grad(set_to_none=True)
            loss.backward()
            update.step()
        loss.item()

    return run


def predictor(name: str, x: Any, variant: str) -> Callable[[int], float | None]:
    """Probabilities of one batch under `inference_mode`."""
    model = network(name, variant).eval()
    images = _images(x, variant)

    def forward(rows: torch.Tensor) -> torch.Tensor:
        return torch.softmax(model(rows), dim=-1)

    if variant == "compile":
        forward = torch.compile(forward)

    def run(steps: int) -> None:
        with torch.inference_mode():
            for _ in range(steps):
                forward(images).numpy()

    return run


def prepare(case: str, variant: str) -> Callable[[int], float | None]:
    """The run of `train/<network>/<batch>` or `predict/<network>/<batch>`.

    Raises:
        NotImplementedError: for compiled inference, where ONNX Runtime is the peer.
    """
    from bench import networks

    doing, name, batch = case.split("/")
    x, y = networks.examples(name, int(batch))
    if doing == "train":
        return trainer(name, x, y, int(batch), variant)
    if variant == "compile":
        raise NotImplementedError(case)
    return predictor(name, x[: int(batch)], variant)
