"""Networks from the literature, built with the functional API and ready to be trained.

They have the arguments of `keras.applications`, and no weights but freshly drawn ones: gemmule is a small package and
ships no pre-trained networks.

| network | for pictures of | weights |
| --- | --- | --- |
| `LeNet5` | 28×28×1 | 61,706 |
| `CifarCNN` | 32×32×3 | 122,570 |
| `FashionCNN` | 28×28×1 | 1,413,834 |
| `AllConvNet` | 32×32×3 | 1,369,738 |
| `ResNet20`, `ResNet32`, `ResNet44`, `ResNet56` | 32×32×3 | 274,042 for 20 layers |
| `ResNet18`, `ResNet34`, `ResNet50`, `ResNet101`, `ResNet152` | 224×224×3 | 11,699,112; 21,814,696; 25,636,712; ... |
| `SEResNet18`, `SEResNet34`, `SEResNet50` | 224×224×3 | 28,141,144 for 50 layers |
| `ResNeXt29` | 32×32×3 | 34,484,170 |
| `ResNeXt50`, `ResNeXt101` | 224×224×3 | 25,097,128 for 50 layers |
| `DenseNetBC100` | 32×32×3 | 793,150 |
| `DenseNet121`, `DenseNet169`, `DenseNet201` | 224×224×3 | 8,062,504 for 121 layers |
| `MiniXception` | 180×180×3 | 726,474 |
| `Xception` | 299×299×3 | 22,910,480 |
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gemmule.leftovers import missing

_HOMES = {
    "allconv": ("AllConvNet",),
    "cifar": ("CifarCNN",),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201", "DenseNetBC100"),
    "fashion": ("FashionCNN",),
    "lenet": ("LeNet5",),
    "resnet": (
        "ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152", "ResNet20", "ResNet32", "ResNet44", "ResNet56",
    ),
    "resnext": ("ResNeXt29", "ResNeXt50", "ResNeXt101"),
    "senet": ("SEResNet18", "SEResNet34", "SEResNet50", "squeeze_and_excite"),
    "xception": ("MiniXception", "Xception"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, made from the table above


def __getattr__(name: str) -> Any:
    """Imports a family on first use: most programs use one network, or none."""
    if name in _HOMES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise missing(__name__, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
