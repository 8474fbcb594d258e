"""PyTorch's optimizers."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.optimizers import ARRAYS, OPTIMIZERS, SIZE


def prepare(case: str, variant: str) -> Callable[[int], float | None]:
    """The run of `optimizer/<name>`, as a list of tensors at a time or fused."""
    *_, name, arguments, _ = OPTIMIZERS[case.split("/")[1]]
    parameters = [torch.nn.Parameter(torch.randn(SIZE)) for _ in range(ARRAYS)]
    for parameter in parameters:
        parameter.grad = torch.randn(SIZE)
    kind = getattr(torch.optim, name)
    if variant == "fused":
        try:
            optimizer = kind(parameters, fused=True, **arguments)
        except TypeError as error:  # RMSprop and NAdam have no such form
            raise NotImplementedError(case) from error
    else:
        optimizer = kind(parameters, foreach=True, **arguments)
    return lambda steps: [optimizer.step() for _ in range(steps)] and None
