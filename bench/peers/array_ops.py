"""What PyTorch and JAX call the ops of the table, with the table's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Ops whose name or arguments differ; the others are looked up by their name.


def torch_op(op: str, arguments: dict[str, Any]) -> Callable[..., Any]:
    """The PyTorch function with its arguments filled in.

    Raises:
        NotImplementedError: where there is no single function for it.
    """
    import torch
    import torch.nn.functional as functions

    dims = {"dim": arguments.get("axis"), "keepdim": arguments.get("keepdims", False)}
    whole = dims["dim"] is None
    activation = arguments.get("activation")
    special: dict[str, Callable[..., Any]] = {
        "power": lambda x, *y: torch.pow(x, *(y or (arguments["x2"],))),
        "equal": torch.eq,
        "clip": lambda x: torch.clamp(x, arguments.get("x_min"), arguments.get("x_max")),
        "sum": lambda x: torch.sum(x) if whole else torch.sum(x, **dims),
        "mean": lambda x: torch.mean(x) if whole else torch.mean(x, **dims),
        "prod": lambda x: torch.prod(x) if whole else torch.prod(x, **dims),
        "max": lambda x: torch.max(x) if whole else torch.amax(x, **dims),
        "min": lambda x: torch.min(x) if whole else torch.amin(x, **dims),
        "argmax": lambda x: torch.argmax(x, **dims),
        "argmin": lambda x: torch.argmin(x, **dims),
        "leaky_relu": lambda x: functions.leaky_relu(x, 0.2),
        "exponential": torch.exp,
        "gelu": lambda x: functions.gelu(x, approximate="tanh" if arguments.get("approximate", True) else "none"),
        "softmax": lambda x: torch.softmax(x, dim=arguments.get("axis", -1)),
        "log_softmax": lambda x: torch.log_softmax(x, dim=arguments.get("axis", -1)),
        "transpose": lambda x: x.permute(*arguments.get("axes", range(x.ndim)[::-1])).contiguous(),
        "concatenate": lambda *xs: torch.cat(xs, dim=arguments.get("axis", -1)),
        "cast": lambda x: x.to(getattr(torch, arguments["dtype"])),
        "take": lambda x, i: torch.index_select(x, arguments.get("axis", 0), i % x.shape[arguments.get("axis", 0)]),
        "sparse_softmax_crossentropy": lambda x, y: functions.cross_entropy(x, y.long(), reduction="none"),
        "softmax_crossentropy": lambda x, y: functions.cross_entropy(x, y, reduction="none"),
        "sigmoid_crossentropy": lambda x, y: functions.binary_cross_entropy_with_logits(x, y, reduction="none"),
        "dropout": lambda x: functions.dropout(x, 0.3, training=True),
    }
    if op == "dense":
        if activation not in (None, "linear", "relu"):
            raise NotImplementedError(op)
        final = functions.relu if activation == "relu" else lambda y: y
        return lambda x, kernel, bias: final(torch.addmm(bias, x, kernel))
    if op in special:
        return special[op]
    found = getattr(torch, op, None) or getattr(functions, op, None)
    if found is None or arguments or op == "linear":
        raise NotImplementedError(op)
    return found


def jax_op(op: str, arguments: dict[str, Any]) -> Callable[..., Any]:
    """The JAX function with its arguments filled in, not yet jitted.

    Raises:
        NotImplementedError: where there is no single function for it.
    """
    import jax
    import jax.numpy as jnp

    rest = {name: value for name, value in arguments.items() if name != "activation"}
    special: dict[str, Callable[..., Any]] = {
        "power": lambda x, *y: jnp.power(x, *(y or (arguments["x2"],))),
        "clip": lambda x: jnp.clip(x, arguments.get("x_min"), arguments.get("x_max")),
        "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
        "exponential": jnp.exp,
        "concatenate": lambda *xs: jnp.concatenate(xs, axis=arguments.get("axis", -1)),
        "cast": lambda x: x.astype(arguments["dtype"]),
        "softmax_crossentropy": lambda x, y: -jnp.sum(jax.nn.log_softmax(x) * y, axis=-1),
    }
    if op == "dense":
        if arguments.get("activation") not in (None, "linear", "relu"):
            raise NotImplementedError(op)
        final = jax.nn.relu if arguments.get("activation") == "relu" else lambda y: y
        return lambda x, kernel, bias: final(x @ kernel + bias)
    if op in special:
        return special[op]
    found = getattr(jnp, op, None) or getattr(jax.nn, op, None)
    if found is None or op in ("linear", "getitem", "dropout", "reshape", "zeros", "ones", "full", "arange"):
        raise NotImplementedError(op)
    return lambda *arrays: found(*arrays, **rest)
