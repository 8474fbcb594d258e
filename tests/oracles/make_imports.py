"""Makes the files that imports of weights are tested with: small networks of PyTorch and Keras, and what they compute.

    python tests/oracles/make_imports.py

Needs torch, safetensors, keras and h5py. Writes into `imports/` beside this file: weights as PyTorch and Keras write
them, and `values.npz` with inputs and outputs.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"
FOLDER = Path(__file__).resolve().parent / "imports"
VALUES: dict[str, np.ndarray] = {}

import h5py  # noqa: E402
import keras  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

L = keras.layers


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def images(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(*shape)


def shaken(net: nn.Module, batches: torch.Tensor) -> nn.Module:
    """Normalizations with statistics and factors of their own, and then inference."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(batches + 0.3 * torch.randn_like(batches))
    return net.eval()


def store(name: str, net: nn.Module, x: torch.Tensor, dtype: torch.dtype | None = None) -> None:
    """Weights, and inputs and outputs with channels last."""
    net = shaken(net, x)
    if dtype is not None:
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.to(dtype))
    state = {
        key: value.contiguous().to(dtype) if dtype is not None and value.is_floating_point() else value.contiguous()
        for key, value in net.state_dict().items()
    }
    save_file(state, FOLDER / f"{name}.safetensors")
    with torch.no_grad():
        y = net(x)
    VALUES[f"{name}_x"], VALUES[f"{name}_y"] = (np.moveaxis(t.numpy(), 1, -1) for t in (x, y))


def torch_nets() -> None:
    store("mlp", nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5)), images((4, 6)))
    cnn = OrderedDict(
        conv1=nn.Conv2d(3, 4, 3, padding=1), bn1=nn.BatchNorm2d(4), act1=nn.ReLU(), pool=nn.MaxPool2d(2),
        conv2=nn.Conv2d(4, 6, 3, bias=False), bn2=nn.BatchNorm2d(6), act2=nn.ReLU(), flat=nn.Flatten(),
        bn3=nn.BatchNorm1d(6 * 2 * 3), fc1=nn.Linear(6 * 2 * 3, 7), act3=nn.ReLU(), fc2=nn.Linear(7, 2),
    )  # fmt: skip
    store("cnn", nn.Sequential(cnn), images((4, 3, 8, 10)))
    for name, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        store(name, nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(27, 2)),
              images((2, 2, 5, 5)), dtype)  # fmt: skip
    depthwise = nn.Sequential(
        nn.Conv2d(3, 6, 3, groups=3, padding=1), nn.PReLU(6), nn.Conv2d(6, 4, 1), nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.Conv2d(4, 5, 1), nn.Conv2d(5, 6, 3, groups=1),
        nn.ConvTranspose2d(6, 2, 3, stride=2),
    )  # fmt: skip
    store("depthwise", depthwise, images((2, 3, 9, 8)))
    signal = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(15, 2))
    store("signal", signal, images((3, 2, 7)))
    store("resnet", ResNet(), images((2, 3, 65, 65)))
    autoencoder = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 5), nn.BatchNorm1d(5), nn.Linear(5, 24),
        nn.BatchNorm1d(24), nn.PReLU(24), nn.Unflatten(1, (4, 2, 3)), nn.ConvTranspose2d(4, 2, 3, stride=2),
    )  # fmt: skip
    store("autoencoder", autoencoder, images((3, 2, 5, 6)))
    store("joined", Joined(), images((3, 2, 5, 6)))
    norms = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Conv2d(4, 3, 2), nn.LayerNorm((3, 2, 3)), nn.Flatten(),
        nn.LayerNorm(18), nn.Linear(18, 3),
    )  # fmt: skip
    store("norms", norms, images((3, 2, 5, 6)))


class Joined(nn.Module):
    """Pixels of an image and of its convolution, flattened and side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(2, 3, 3), nn.Linear(60 + 36, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.cat([torch.tanh(x.flatten(1)), self.conv(x).flatten(1)], 1))


class Block(nn.Module):
    """torchvision's basic block, with its names."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or before != width:
            self.downsample = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(x + shortcut)


class ResNet(nn.Module):
    """torchvision's ResNet-18 with fewer filters."""

    def __init__(self, widths: tuple[int, ...] = (4, 6, 6, 8), classes: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu, self.maxpool = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        before = widths[0]
        for number, width in enumerate(widths, start=1):
            stride = 1 if number == 1 else 2
            setattr(self, f"layer{number}", nn.Sequential(Block(before, width, stride), Block(width, width, 1)))
            before = width
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(before, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def recurrent() -> None:
    """Arrays of PyTorch's LSTM and GRU, and what they make of a sequence."""
    for name, kind in (("lstm", nn.LSTM), ("gru", nn.GRU)):
        layer = kind(3, 4, batch_first=True)
        x = torch.randn(2, 5, 3)
        with torch.no_grad():
            VALUES[f"{name}_x"], VALUES[f"{name}_y"] = x.numpy(), layer(x)[0].numpy()
        for key, value in layer.state_dict().items():
            VALUES[f"{name}_{key}"] = value.numpy()


# ---- Keras -----------------------------------------------------------------------------------------------------------


def shake(model: keras.Model) -> None:
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.uniform(0.05, 0.5, np.shape(w)).astype(np.float32) for w in model.get_weights()])


def branched() -> keras.Model:
    """Branches of layers of the same shapes without names, made in another order than their depth's."""
    x = keras.Input((8, 8, 3))
    late = L.Conv2D(4, 3, padding="same")
    early = L.Conv2D(4, 3, padding="same")(x)
    y = L.BatchNormalization()(early)
    y = L.Conv2D(4, 3, padding="same", activation="relu")(y)
    y = L.Add()([late(x), y + early])
    y = L.SeparableConv2D(4, 3)(y)
    y = L.DepthwiseConv2D(3, depth_multiplier=2)(y)
    y = L.Conv2DTranspose(3, 3, strides=2)(y)
    y = L.LayerNormalization()(L.GroupNormalization(3)(y))
    y = keras.Sequential([keras.Input((9, 9, 3)), L.Flatten(), L.Dense(4), L.BatchNormalization()])(y)
    y = L.Concatenate()([L.Dense(4)(y), L.Dense(4, name="named")(y)])
    return keras.Model(x, L.Dense(2)(y))


class Subclassed(keras.Model):
    """Attributes before and after `layers` in the alphabet, and a list."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = L.Dense(4)
        self.heads = [L.Dense(4), L.Dense(4)]
        self.out = L.Dense(2)
        self.body = keras.Sequential([L.Dense(4), L.Dense(4)])
        self.norm = L.Normalization()

    def call(self, x):
        x = self.body(self.hidden(self.norm(x)))
        return self.out(self.heads[1](self.heads[0](x)))


def keras_nets() -> None:
    rng = np.random.default_rng(0)
    model, x = branched(), rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    shake(model)
    model.save_weights(FOLDER / "branched.weights.h5")
    model.compile("adam", "mse", metrics=["mae"])
    y = np.asarray(model.predict(x, verbose=0))
    model.save(FOLDER / "branched.keras")
    model.save(FOLDER / "branched.h5")
    VALUES["branched_x"], VALUES["branched_y"] = x, y
    own, z = Subclassed(), rng.normal(size=(3, 4)).astype(np.float32)
    own.norm.adapt(rng.normal(size=(20, 4)).astype(np.float32))
    own(z)
    shake_all = [w for w in own.weights if w.path.split("/")[-1] in ("kernel", "bias")]
    for weight in shake_all:
        weight.assign(weight + 0.1)
    own.save_weights(FOLDER / "subclassed.weights.h5")
    VALUES["subclassed_x"], VALUES["subclassed_y"] = z, np.asarray(own.predict(z, verbose=0))


def keras2() -> None:
    """A file in the layout Keras 2 wrote, made by hand: names as bytes that end in `:0`."""
    rng = np.random.default_rng(5)
    shapes = {
        "depthwise_conv2d_3": {"depthwise_kernel": (3, 3, 2, 2), "bias": (4,)},
        "flatten_1": {},
        "dense_8": {"kernel": (36, 3), "bias": (3,)},
        "batch_normalization_2": {"gamma": (3,), "beta": (3,), "moving_mean": (3,), "moving_variance": (3,)},
        "dense_9": {"kernel": (3, 3), "bias": (3,)},
        "dense_10": {"kernel": (3, 3), "bias": (3,)},
    }
    with h5py.File(FOLDER / "keras2.h5", "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in shapes]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.12.0"
        for layer, roles in shapes.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{role}:0".encode() for role in roles]
            for role, shape in roles.items():
                values = rng.uniform(0.1, 1, shape).astype(np.float32)
                group[f"{layer}/{role}:0"] = values
                VALUES[f"keras2_{layer}_{role}"] = values


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    torch_nets()
    recurrent()
    keras_nets()
    keras2()
    np.savez_compressed(FOLDER / "values.npz", **VALUES)


if __name__ == "__main__":
    main()
