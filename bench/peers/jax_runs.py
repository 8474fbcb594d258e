"""JAX at its best: arrays on the device, one jitted step with donated buffers, or a jitted loop over all steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench import data
from bench.cases import MLP, TINY
from bench.machine import usable_cores
from bench.peers.array_ops import jax_op


def versions() -> dict[str, str]:
    """What is installed."""
    return {"jax": jax.__version__}


def threads() -> int:
    """XLA's CPU client takes every core the process may use."""
    return usable_cores()


def logits_of(weights: Any, x: jax.Array) -> jax.Array:
    """The MLP."""
    for kernel, bias in weights[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = weights[-1]
    return x @ kernel + bias


def loss_of(weights: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean cross-entropy."""
    scores = jax.nn.log_softmax(logits_of(weights, x))
    return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))


def sgd(weights: Any, slots: Any, gradients: Any, rate: float = 0.01, momentum: float = 0.9) -> tuple[Any, Any]:
    """Keras's Nesterov momentum."""
    slots = jax.tree.map(lambda m, g: momentum * m - rate * g, slots, gradients)
    return jax.tree.map(lambda w, m, g: w + momentum * m - rate * g, weights, slots, gradients), slots


def adam(weights: Any, slots: Any, gradients: Any, rate: float = 0.001) -> tuple[Any, Any]:
    """Keras's Adam."""
    t, first, second = slots
    t = t + 1
    first = jax.tree.map(lambda m, g: m + (g - m) * 0.1, first, gradients)
    second = jax.tree.map(lambda v, g: v + (g * g - v) * 0.001, second, gradients)
    alpha = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    weights = jax.tree.map(lambda w, m, v: w - alpha * m / (jnp.sqrt(v) + 1e-7), weights, first, second)
    return weights, (t, first, second)


def trainer(
    sizes: tuple[int, ...], x: Any, y: Any, batch: int, optimizer: str, variant: str
) -> Callable[[int], float | None]:
    """Shuffled batches, gathered inside the jitted function."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    weights = jax.tree.map(jnp.asarray, data.initial_weights(sizes))
    zeros = partial(jax.tree.map, jnp.zeros_like)
    update = sgd if optimizer == "sgd" else adam
    slots = zeros(weights) if optimizer == "sgd" else (jnp.float32(0), zeros(weights), zeros(weights))

    def step(weights: Any, slots: Any, rows: jax.Array) -> tuple[Any, Any]:
        gradients = jax.grad(loss_of)(weights, x[rows], y[rows])
        return update(weights, slots, gradients)

    def loop(weights: Any, slots: Any, order: jax.Array) -> tuple[Any, Any]:
        return jax.lax.scan(lambda state, rows: (step(*state, rows), None), (weights, slots), order)[0]

    jitted = jax.jit(loop if variant == "scan" else step, donate_argnums=(0, 1))
    state = [weights, slots]

    def run(steps: int) -> None:
        order = np.random.permutation(steps * batch).astype("int32").reshape(steps, batch)
        if variant == "scan":
            state[:] = jitted(*state, order)
        else:
            for rows in order:
                state[:] = jitted(*state, rows)
        jax.block_until_ready(state)

    return run


def predictor(batch: int) -> Callable[[int], float | None]:
    """NumPy in, probabilities as NumPy out."""
    x = data.images()[0][:batch]
    weights = jax.tree.map(jnp.asarray, data.initial_weights(MLP))
    forward = jax.jit(lambda rows: jax.nn.softmax(logits_of(weights, rows)))

    def run(steps: int) -> None:
        for _ in range(steps):
            np.asarray(forward(x))

    return run


def op(options: dict[str, Any]) -> Callable[[int], float | None]:
    """An op of the spec table, jitted, on arrays on the device."""
    function = jax.jit(jax_op(options["op"], options["arguments"]))
    inputs = [jnp.asarray(array) for array in data.inputs(options["inputs"])]

    def run(steps: int) -> None:
        for _ in range(steps):
            jax.block_until_ready(function(*inputs))

    return run


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of a case."""
    np.random.seed(0)
    if case.startswith("op/") and options["arguments"] is not None:
        return op(options)
    if case == "mlp_train":
        return trainer(MLP, *data.images(), 32, "sgd", variant)
    if case == "mlp_epoch":
        steps = trainer(MLP, *data.images(), 32, "sgd", variant)
        return lambda epochs: [steps(1718) for _ in range(epochs)] and None
    if case in ("tiny_train_1", "tiny_train_32"):
        return trainer(TINY, *data.rows(), int(case.split("_")[-1]), "adam", variant)
    if case in ("predict_on_batch_1", "predict_on_batch_32") and variant == "jit":
        return predictor(int(case.split("_")[-1]))
    raise NotImplementedError(case)
