"""ONNX Runtime on the model PyTorch exports."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import onnxruntime
import torch

from bench import data, networks
from bench.cases import MLP
from bench.machine import usable_cores
from bench.peers import torch_networks
from bench.peers.torch_runs import network


def versions() -> dict[str, str]:
    """What is installed."""
    return {"onnxruntime": onnxruntime.__version__}


def threads() -> int:
    """The default session takes every core the process may use."""
    return usable_cores()


def session(model: torch.nn.Module, x: torch.Tensor) -> onnxruntime.InferenceSession:
    """The network with softmax at a fixed batch size, all graph optimizations on."""
    model = torch.nn.Sequential(model, torch.nn.Softmax(dim=-1)).eval()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "model.onnx")
        torch.onnx.export(model, (x,), path, input_names=["x"], dynamo=True, external_data=False)
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def prepared(case: str) -> tuple[torch.nn.Module, torch.Tensor]:
    """The network of a case and its input, channels first as ONNX wants images.

    Raises:
        NotImplementedError: for training.
    """
    if case.startswith("predict_on_batch"):
        return network(MLP), torch.from_numpy(data.images()[0][: int(case.split("_")[-1])])
    if not case.startswith("predict/"):
        raise NotImplementedError(case)
    _, name, batch = case.split("/")
    images = torch.from_numpy(networks.examples(name, int(batch))[0][: int(batch)])
    return torch_networks.NETWORKS[name](), images.permute(0, 3, 1, 2).contiguous()


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of a case: inference only."""
    model, inputs = prepared(case)
    ready, x = session(model, inputs), inputs.numpy()

    def run(steps: int) -> None:
        for _ in range(steps):
            ready.run(None, {"x": x})

    return run
