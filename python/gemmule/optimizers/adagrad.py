"""Adagrad and Adadelta: steps that shrink where gradients were large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.optimizer import Optimizer
from gemmule.optimizers.settings import Common

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011): `a += g²; w -= learning_rate * g / sqrt(a + epsilon)`.

    Args:
        learning_rate: step size, or a schedule of it; PyTorch's default is 0.01.
        initial_accumulator_value: what `a` starts with; 0 in PyTorch.
        epsilon: keeps the division finite. PyTorch adds its 1e-10 to the root.
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers.

    Example:
        >>> model.compile(optimizer=gm.optimizers.Adagrad(0.01), loss="mse")
    """

    kernel = "adagrad_step"
    hyper_names = ("learning_rate", "epsilon")
    slot_names = ("total_square",)

    epsilon = HyperParameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: Any = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.epsilon = epsilon
        self.initial_accumulator_value = Optimizer.learning_rate.checked(
            self, initial_accumulator_value, "initial_accumulator_value"
        )

    @property
    def slot_start(self) -> float:  # type: ignore[override]
        """What the sums of squares start with."""
        return self.initial_accumulator_value

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"initial_accumulator_value": self.initial_accumulator_value}


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012): steps as large as the steps before, compared with the gradients before.

    `a = rho * a + (1 - rho) * g²`, `d = g * sqrt(b + epsilon) / sqrt(a + epsilon)`,
    `b = rho * b + (1 - rho) * d²`, `w -= learning_rate * d`.

    Args:
        learning_rate: step size, or a schedule of it; 1.0 is the paper's and PyTorch's.
        rho: share of the means that is kept, from 0 to below 1; PyTorch's default is 0.9.
        epsilon: keeps the division finite; PyTorch's default is 1e-6.
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers, or a rho that is not below 1.

    Example:
        >>> model.compile(optimizer=gm.optimizers.Adadelta(1.0), loss="mse")
    """

    kernel = "adadelta_step"
    hyper_names = ("learning_rate", "rho", "epsilon")
    slot_names = ("square", "step_square")

    rho = HyperParameter(below=1.0)
    epsilon = HyperParameter()

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-7, **common: Unpack[Common]
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = rho, epsilon
