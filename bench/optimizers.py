"""One optimizer step over ten million parameters, in forty arrays, beside copies and PyTorch.

PyTorch takes part twice: `foreach`, its default for lists of tensors on a CPU, and `fused`, where it has one.
"""

from __future__ import annotations

from bench.cases import Case

ARRAYS, SIZE = 40, (500, 500)
PARAMETERS = ARRAYS * SIZE[0] * SIZE[1]
LIBRARIES = ["gemmule", "torch", "torch-fused"]

# What it is called, arguments here, arguments there, and how many arrays are read or written.
OPTIMIZERS: dict[str, tuple[str, str, dict[str, object], str, dict[str, object], int]] = {
    "sgd": (
        "SGD with momentum",
        "SGD",
        {"learning_rate": 0.01, "momentum": 0.9},
        "SGD",
        {"lr": 0.01, "momentum": 0.9},
        5,
    ),
    "adam": ("Adam", "Adam", {"learning_rate": 1e-3}, "Adam", {"lr": 1e-3}, 7),
    "adamw": ("AdamW", "AdamW", {"learning_rate": 1e-3}, "AdamW", {"lr": 1e-3}, 7),
    "rmsprop": ("RMSprop", "RMSprop", {"learning_rate": 1e-3}, "RMSprop", {"lr": 1e-3}, 5),
    "nadam": ("Nadam", "Nadam", {"learning_rate": 1e-3}, "NAdam", {"lr": 1e-3}, 7),
}  # fmt: skip

CASES = {
    f"optimizer/{name}": Case(
        title=f"{title}: one step over {PARAMETERS:,} parameters",
        steps=3,
        rounds=9,
        flops=0.0,
        bytes=4.0 * PARAMETERS * arrays,
        targets={"torch": 1.2, "torch-fused": 1.0},
    )
    for name, (title, _, _, _, _, arrays) in OPTIMIZERS.items()
}
