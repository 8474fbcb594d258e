"""Lion: steps of one size, in the direction of a mean gradient's sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.optimizer import Optimizer
from gemmule.optimizers.settings import Common

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Lion(Optimizer):
    """Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023).

    `w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)`, then `m = beta_2 * m + (1 - beta_2) * g`. Its learning
    rate should be 3 to 10 times smaller than Adam's, and its weight decay as many times larger.

    Args:
        learning_rate: step size, or a schedule of it.
        beta_1: share of the mean in the direction, from 0 to below 1.
        beta_2: share of the mean that is kept, from 0 to below 1.
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers, or a beta that is not below 1.

    Example:
        >>> model.compile(optimizer=gm.optimizers.Lion(1e-4), loss="mse")
    """

    kernel = "lion_step"
    hyper_names = ("learning_rate", "beta_1", "beta_2")
    slot_names = ("mean",)

    beta_1 = HyperParameter(below=1.0)
    beta_2 = HyperParameter(below=1.0)

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: Any = 0.9, beta_2: Any = 0.99, **common: Unpack[Common]
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2 = beta_1, beta_2
