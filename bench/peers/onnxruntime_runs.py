"""ONNX Runtime on the model PyTorch exports."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import onnxruntime
import torch

from bench import data
from bench.cases import MLP
from bench.machine import usable_cores
from bench.peers.torch_runs import network


def versions() -> dict[str, str]:
    """What is installed."""
    return {"onnxruntime": onnxruntime.__version__}


def threads() -> int:
    """The default session takes every core the process may use."""
    return usable_cores()


def session(batch: int) -> onnxruntime.InferenceSession:
    """The MLP with softmax at a fixed batch size, all graph optimizations on."""
    model = torch.nn.Sequential(network(MLP), torch.nn.Softmax(dim=-1)).eval()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "mlp.onnx")
        torch.onnx.export(
            model, (torch.zeros(batch, MLP[0]),), path, input_names=["x"], dynamo=True, external_data=False
        )
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of a case: inference only."""
    if not case.startswith("predict_on_batch"):
        raise NotImplementedError(case)
    batch = int(case.split("_")[-1])
    ready = session(batch)
    x = data.images()[0][:batch]

    def run(steps: int) -> None:
        for _ in range(steps):
            ready.run(None, {"x": x})

    return run
