"""RMSprop: gradients divided by the root of their recent mean square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.optimizer import Optimizer
from gemmule.optimizers.settings import Common
from gemmule.optimizers.sgd import OptionalMomentum

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RMSprop(Optimizer):
    """RMSprop (Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012).

    `a = rho * a + (1 - rho) * g²`, `w -= learning_rate * g / sqrt(a + epsilon)`. With momentum:
    `v = momentum * v + learning_rate * g / sqrt(a + epsilon); w -= v`. Centered, the square of the mean gradient is
    taken from `a` (Graves, 2013). PyTorch adds its epsilon, 1e-8, to the root.

    Args:
        learning_rate: step size, or a schedule of it; PyTorch's default is 0.01.
        rho: share of the means that is kept, from 0 to below 1; PyTorch calls it alpha, 0.99 by default.
        momentum: share of the velocity that is kept, from 0 to below 1, or a schedule of it.
        epsilon: keeps the division finite.
        centered: whether gradients are divided by their standard deviation.
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers, or a rho or momentum that is not below 1.

    Example:
        >>> model.compile(optimizer=gm.optimizers.RMSprop(1e-3, momentum=0.9), loss="mse")
    """

    kernel = "rmsprop_step"
    hyper_names = ("learning_rate", "rho", "momentum", "epsilon")
    slot_names = ("square", "velocity", "mean")

    rho = HyperParameter(below=1.0)
    momentum = OptionalMomentum(below=1.0)
    epsilon = HyperParameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-7,
        centered: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon
        self.centered = bool(centered)

    @property
    def used_slots(self) -> tuple[str, ...]:  # noqa: D102
        if self.built:
            _, state = next(iter(self._states.values()))
            return tuple([name for name, slot in zip(self.slot_names, state.slots) if slot is not None])
        moves = self.momentum > 0 or "momentum" in self._schedules
        return ("square", *(["velocity"] if moves else []), *(["mean"] if self.centered else []))

    @property
    def variant(self) -> int:  # type: ignore[override]
        """Whether the kernel divides by the standard deviation."""
        return int(self.centered)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"centered": self.centered}
