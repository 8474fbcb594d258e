"""Figures of the networks that are no races: memory of a training step, and LeNet-5 trained to the end."""

from __future__ import annotations

from typing import Any

from bench.figures import child, figure, numbers

MEMORY = """
import resource
import numpy as np
from bench import networks
networks.TRAINING["resnet18_cifar"] = (32, 4, 0.0)  # rows for four steps: two eager ones, two replayed
x, y = networks.examples("resnet18_cifar", 32)
{build}
def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
before = resident_bytes()
{train}
with open("/proc/self/status") as file:  # ru_maxrss would begin with the size of the process that started this one
    peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
print(peak - before)
"""
GEMMULE = MEMORY.format(
    build="from bench.peers import gemmule_networks as peer",
    train='peer.prepare("train/resnet18_cifar/32")(4)',
)
TORCH = MEMORY.format(
    build="from bench.peers import torch_networks as peer",
    train='peer.prepare("train/resnet18_cifar/32", "{variant}")(4)',
)

LENET = """
import time
import gemmule as gm
gm.utils.set_random_seed(0)
(x, y), (x_test, y_test) = gm.datasets.mnist.load_data()
x, x_test = x[..., None] / np.float32(255), x_test[..., None] / np.float32(255)
model = gm.applications.LeNet5()
model.compile(gm.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
class Decay(gm.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch in (6, 8):
            self.model.optimizer.learning_rate = 0.3 * float(self.model.optimizer.learning_rate)
start = time.perf_counter()
model.fit(x, y, batch_size=64, epochs=10, verbose=0, callbacks=[Decay()])
seconds = time.perf_counter() - start
print(seconds, model.evaluate(x_test, y_test, verbose=0)[1])
"""


def memory() -> dict[str, Any]:
    """Peak resident size above the level before building, each in a fresh process."""
    own = child(GEMMULE, common=False) / 2**20
    peers = [child(TORCH.replace("{variant}", variant), common=False) / 2**20 for variant in ("eager", "channels-last")]
    title = "training step of ResNet-18 for CIFAR, b=32: peak resident size above the level before building"
    value = f"{own:.0f} MB; PyTorch {peers[0]:.0f} MB, channels last {peers[1]:.0f} MB: {own / min(peers):.2f}×"
    return figure(title, "≤ 0.8× PyTorch's", value, own <= 0.8 * min(peers))


def lenet() -> dict[str, Any]:
    """Ten epochs of MNIST: seconds, GFLOP/s and the accuracy reached."""
    from bench.networks import FLOPS

    seconds, accuracy = numbers(LENET)
    rate = 3 * FLOPS["lenet5"] * 60000 * 10 / seconds * 1e-9
    value = f"{seconds:.1f} s, {rate:.0f} GFLOP/s, test accuracy {accuracy:.2%}"
    return figure("LeNet-5, 10 epochs of MNIST, b=64, Adam", "≥ 98.5 %", value, accuracy >= 0.985)


FIGURES = {"network_memory": memory, "lenet_epochs": lenet}
