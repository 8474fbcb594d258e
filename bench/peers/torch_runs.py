"""PyTorch at its best: tensors in memory, no DataLoader, fused optimizers, eager or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench import data
from bench.cases import MLP, TINY
from bench.peers import torch_networks, torch_optimizers, torch_shapes
from bench.peers.array_ops import torch_op


def versions() -> dict[str, str]:
    """What is installed."""
    return {"torch": torch.__version__}


def threads() -> int:
    """Threads PyTorch uses by default."""
    return torch.get_num_threads()


def network(sizes: tuple[int, ...]) -> torch.nn.Sequential:
    """An MLP with ReLU, started from the common weights."""
    layers: list[torch.nn.Module] = []
    for kernel, bias in data.initial_weights(sizes):
        linear = torch.nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel.T))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def trainer(
    sizes: tuple[int, ...], x: Any, y: Any, batch: int, optimizer: str, variant: str
) -> Callable[[int], float | None]:
    """Shuffled batches gathered by index from tensors in memory."""
    x, y = torch.from_numpy(x), torch.from_numpy(y).long()
    model = network(sizes)
    if optimizer == "sgd":
        update = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True)
    else:
        update = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)

    def loss_of(xb: torch.Tensor, yb: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(model(xb), yb)

    if variant == "compile":
        loss_of = torch.compile(loss_of)

    def run(steps: int) -> None:
        order = torch.randperm(min(len(x), steps * batch))
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            loss = loss_of(x[rows], y[rows])
            update.zero_grad(set_to_none=True)
            loss.backward()
            update.step()
        loss.item()

    return run


def predictor(batch: int, variant: str) -> Callable[[int], float | None]:
    """NumPy in, probabilities as NumPy out, under `inference_mode`."""
    x = data.images()[0][:batch]
    model = network(MLP).eval()

    def forward(rows: torch.Tensor) -> torch.Tensor:
        return torch.softmax(model(rows), dim=-1)

    if variant == "compile":
        forward = torch.compile(forward)

    def run(steps: int) -> None:
        for _ in range(steps):
            with torch.inference_mode():
                forward(torch.from_numpy(x)).numpy()

    return run


def op(options: dict[str, Any]) -> Callable[[int], float | None]:
    """An op of the spec table on ready tensors."""
    function = torch_op(options["op"], options["arguments"])
    inputs = [torch.from_numpy(array) for array in data.inputs(options["inputs"])]

    def run(steps: int) -> None:
        with torch.inference_mode():
            for _ in range(steps):
                function(*inputs)

    return run


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of a case."""
    torch.manual_seed(0)
    if case.startswith("shape/"):
        return torch_shapes.prepare(case.removeprefix("shape/"), variant, options)
    if "/" in case and case.split("/")[0] in ("train", "predict"):
        return torch_networks.prepare(case, variant)
    if case.startswith("optimizer/"):
        return torch_optimizers.prepare(case, variant)
    if case.startswith("op/") and options["arguments"] is not None:
        return op(options)
    if case == "mlp_train":
        return trainer(MLP, *data.images(), 32, "sgd", variant)
    if case == "mlp_epoch":
        steps = trainer(MLP, *data.images(), 32, "sgd", variant)
        return lambda epochs: [steps(1719) for _ in range(epochs)] and None
    if case in ("tiny_train_1", "tiny_train_32"):
        return trainer(TINY, *data.rows(), int(case.split("_")[-1]), "adam", variant)
    if case in ("predict_on_batch_1", "predict_on_batch_32"):
        return predictor(int(case.split("_")[-1]), variant)
    raise NotImplementedError(case)
