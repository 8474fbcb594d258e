"""Gradient descent, with momentum and with Nesterov's look-ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gemmule.errors import received
from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.optimizer import Optimizer
from gemmule.optimizers.settings import Common

if TYPE_CHECKING:
    from typing_extensions import Unpack


class OptionalMomentum(HyperParameter):
    """Momentum needs a velocity for each parameter: it cannot be switched on once there is none."""

    def __set__(self, optimizer: Any, value: Any) -> None:
        super().__set__(optimizer, value)
        if getattr(optimizer, self._name) > 0 and optimizer.built and "velocity" not in optimizer.used_slots:
            optimizer.hyper[optimizer.hyper_names.index(self._name)] = 0.0
            kind = type(optimizer).__name__
            raise ValueError(
                f"{kind}: momentum cannot be set after training began without it, because no velocities were kept. "
                f"Make the optimizer with it: {kind}(momentum=...), and compile again.{received(momentum=value)}"
            )


class SGD(Optimizer):
    """Gradient descent: `w -= learning_rate * g`.

    With momentum: `v = momentum * v - learning_rate * g; w += v`. With Nesterov's look-ahead the second line is
    `w += momentum * v - learning_rate * g` (Sutskever et al., 2013). PyTorch's SGD scales the velocity by the learning
    rate when it is used instead; with a constant learning rate the results are the same.

    Args:
        learning_rate: step size, or a schedule of it.
        momentum: share of the velocity that is kept, from 0 to below 1, or a schedule of it.
        nesterov: whether to look ahead.
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for a negative learning rate or a momentum outside [0, 1).

    Example:
        >>> model.compile(optimizer=gm.optimizers.SGD(learning_rate=0.1, momentum=0.9), loss="mse")
    """

    kernel = "sgd_step"
    hyper_names = ("learning_rate", "momentum")
    slot_names = ("velocity",)

    momentum = OptionalMomentum(below=1.0)

    def __init__(
        self, learning_rate: Any = 0.01, momentum: Any = 0.0, nesterov: bool = False, **common: Unpack[Common]
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = momentum
        self.nesterov = bool(nesterov)

    @property
    def used_slots(self) -> tuple[str, ...]:  # noqa: D102
        if self.built:
            _, state = next(iter(self._states.values()))
            return ("velocity",) if state.slots[0] is not None else ()
        return ("velocity",) if self.momentum > 0 or "momentum" in self._schedules else ()

    @classmethod
    def default_name(cls) -> str:  # noqa: D102
        return "SGD"

    @property
    def variant(self) -> int:  # type: ignore[override]
        """Whether the kernel looks ahead."""
        return int(self.nesterov)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"nesterov": self.nesterov}
