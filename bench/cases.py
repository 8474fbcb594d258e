"""The model benchmarks: what each measures, how much work it is, and what is asked of it.

A library implements a case by a function of the same name in `bench/peers/<library>.py`, which prepares everything and
returns `run(steps)`; `run` does that many steps and returns when they are finished. It may return the seconds
itself, where the steps are only a part of what it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MLP = (784, 300, 100, 10)
TINY = (4, 32, 16, 4)


@dataclass(frozen=True)
class Case:
    """One measurement.

    Args:
        title: what the report calls it.
        steps: steps of one round; 1 with `each_call` times every call by itself.
        rounds: rounds for each library, interleaved with the others.
        flops: floating-point operations of one step.
        bytes: bytes one step must touch.
        targets: library -> ratio of its median to gemmule's that is asked for.
        slow: libraries that do fewer rounds, because a round takes seconds.
        calls: calls timed one by one in a round; 0 where a round is timed as a whole.
    """

    title: str
    steps: int
    rounds: int
    flops: float
    bytes: float
    targets: dict[str, float] = field(default_factory=dict)
    slow: tuple[str, ...] = ()
    calls: int = 0


def parameters(sizes: tuple[int, ...]) -> int:
    """Weights and biases of an MLP."""
    return sum(n * m + m for n, m in zip(sizes, sizes[1:]))


def forward_flops(sizes: tuple[int, ...], batch: int) -> float:
    """Multiplications and additions of one forward pass."""
    return 2.0 * batch * sum(n * m for n, m in zip(sizes, sizes[1:]))


def training_flops(sizes: tuple[int, ...], batch: int) -> float:
    """Forward, gradients of the weights, and gradients of the inputs of all layers but the first."""
    return 2 * forward_flops(sizes, batch) + forward_flops(sizes[1:], batch)


def training_bytes(sizes: tuple[int, ...], batch: int, slots: int) -> float:
    """Parameters read once and updated once with their optimizer slots, and the batch."""
    return 4.0 * (parameters(sizes) * (1 + 2 * (1 + slots)) + batch * sizes[0])


CASES = {
    "mlp_train": Case(
        title="MLP 784-300-100-10, b=32, SGD Nesterov: one step inside `fit`",
        steps=400,
        rounds=15,
        flops=training_flops(MLP, 32),
        bytes=training_bytes(MLP, 32, slots=1),
        targets={"torch": 3.0, "jax": 2.0},
    ),
    "mlp_epoch": Case(
        title="the same MLP: second epoch of `fit`, 55,000 images in memory, b=32",
        steps=1,
        rounds=5,
        flops=training_flops(MLP, 32) * 1719,
        bytes=training_bytes(MLP, 32, slots=1) * 1719,
        targets={"keras-jax": 2.5, "keras-tensorflow": 8.0},
        slow=("keras-jax", "keras-tensorflow"),
    ),
    "tiny_train_1": Case(
        title="MLP 4-32-16-4, b=1, Adam: one step inside `fit`",
        steps=1000,
        rounds=15,
        flops=training_flops(TINY, 1),
        bytes=training_bytes(TINY, 1, slots=2),
        targets={"torch": 10.0},
    ),
    "tiny_train_32": Case(
        title="MLP 4-32-16-4, b=32, Adam: one step inside `fit`",
        steps=1000,
        rounds=15,
        flops=training_flops(TINY, 32),
        bytes=training_bytes(TINY, 32, slots=2),
        targets={"torch": 10.0},
    ),
    "predict_1": Case(
        title="one row through the MLP: `predict`",
        steps=1,
        rounds=10,
        calls=1000,
        flops=forward_flops(MLP, 1),
        bytes=4.0 * parameters(MLP),
        slow=("keras-jax", "keras-tensorflow"),
    ),
    "predict_on_batch_1": Case(
        title="one row through the MLP: `predict_on_batch`",
        steps=1,
        rounds=10,
        calls=1000,
        flops=forward_flops(MLP, 1),
        bytes=4.0 * parameters(MLP),
        targets={"torch": 3.0, "onnxruntime": 1.0},
        slow=("keras-jax", "keras-tensorflow"),
    ),
    "predict_on_batch_32": Case(
        title="32 rows through the MLP: `predict_on_batch`",
        steps=1,
        rounds=10,
        calls=300,
        flops=forward_flops(MLP, 32),
        bytes=4.0 * parameters(MLP),
        slow=("keras-jax", "keras-tensorflow"),
    ),
}
