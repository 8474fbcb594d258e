"""Adam: steps of a size that adapts to each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule.backend import execute
from gemmule.errors import not_yet
from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), in the form at the end of the paper's section 2.

    `m += (1 - beta_1) * (g - m)`, `v += (1 - beta_2) * (g² - v)`,
    `w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`.

    Here `epsilon` is the paper's "epsilon hat", 1e-7 as in Keras. PyTorch adds its 1e-8 to the corrected root instead.

    Args:
        learning_rate: step size.
        beta_1: share of the mean of gradients that is kept, from 0 to below 1.
        beta_2: share of the mean of squared gradients that is kept, from 0 to below 1.
        epsilon: keeps the division finite.
        amsgrad: only `False`.
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
        ValueError: for negative numbers, or a beta that is not below 1.

    Example:
        >>> model.compile(optimizer=gm.optimizers.Adam(learning_rate=1e-3), loss="mse")
    """

    hyper_names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    slot_names = ("mean", "square")

    beta_1 = HyperParameter(below=1.0)
    beta_2 = HyperParameter(below=1.0)
    epsilon = HyperParameter()

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = "adam",
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
        if amsgrad:
            raise not_yet("Adam(amsgrad=True)")
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def update(self, w: np.ndarray, dw: np.ndarray, slots: Sequence[np.ndarray]) -> None:  # noqa: D102
        execute("adam_step", [w, *slots], [dw, self.hyper, self.step])
