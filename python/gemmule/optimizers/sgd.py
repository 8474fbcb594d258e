"""Gradient descent, with momentum and with Nesterov's look-ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.backend import execute
from gemmule.errors import received
from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.optimizer import Optimizer


class _Momentum(HyperParameter):
    """Momentum needs a velocity for each parameter: it cannot be switched on once there is none."""

    def __set__(self, optimizer: Any, value: Any) -> None:
        if self.checked(optimizer, value) > 0 and optimizer.built and not optimizer.slot_names:
            raise ValueError(
                "SGD: momentum cannot be set after training began without it, because no velocities were kept. "
                f"Make the optimizer with it: SGD(momentum=...), and compile again.{received(momentum=value)}"
            )
        super().__set__(optimizer, value)


class SGD(Optimizer):
    """Gradient descent: `w -= learning_rate * g`.

    With momentum: `v = momentum * v - learning_rate * g; w += v`. With Nesterov's look-ahead the second line is
    `w += momentum * v - learning_rate * g` (Sutskever et al., 2013). PyTorch's SGD scales the velocity by the learning
    rate when it is used instead; with a constant learning rate the results are the same.

    Args:
        learning_rate: step size.
        momentum: share of the velocity that is kept, from 0 to below 1.
        nesterov: whether to look ahead.
        weight_decay: only `None`.
        clipnorm: only `None`.
        clipvalue: only `None`.
        global_clipnorm: only `None`.
        use_ema: only `False`.
        ema_momentum: only 0.99.
        ema_overwrite_frequency: only `None`.
        loss_scale_factor: only `None`.
        gradient_accumulation_steps: only `None`.
        name: its name.
        **kwargs: refused, with the new names of old arguments.

    Raises:
        ValueError: for a negative learning rate or a momentum outside [0, 1).

    Example:
        >>> model.compile(optimizer=gm.optimizers.SGD(learning_rate=0.1, momentum=0.9), loss="mse")
    """

    hyper_names = ("learning_rate", "momentum")

    momentum = _Momentum(below=1.0)

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = "SGD",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            name,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            **kwargs,
        )
        self.momentum = momentum
        self.nesterov = bool(nesterov)

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The velocity, unless training began without momentum."""
        if not self.built:
            return ("velocity",) if self.momentum > 0 else ()
        _, slots = next(iter(self._variables.values()))
        return ("velocity",) if slots else ()

    def update(self, w: np.ndarray, dw: np.ndarray, slots: Sequence[np.ndarray]) -> None:  # noqa: D102
        execute("sgd_step", [w, slots[0] if slots else None], [dw, self.hyper], nesterov=self.nesterov)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"nesterov": self.nesterov}
