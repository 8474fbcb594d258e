"""Adam and its relatives: steps of a size that adapts to each parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gemmule.backend import execute
from gemmule.optimizers.hyper import HyperParameter
from gemmule.optimizers.optimizer import Optimizer
from gemmule.optimizers.settings import Common

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), in the form at the end of the paper's section 2.

    `m += (1 - beta_1) * (g - m)`, `v += (1 - beta_2) * (g² - v)`,
    `w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`.

    Here `epsilon` is the paper's "epsilon hat", 1e-7 as in Keras. PyTorch adds its 1e-8 to the corrected root instead.

    Args:
        learning_rate: step size, or a schedule of it.
        beta_1: share of the mean of gradients that is kept, from 0 to below 1.
        beta_2: share of the mean of squared gradients that is kept, from 0 to below 1.
        epsilon: keeps the division finite.
        amsgrad: whether to divide by the largest `v` so far (Reddi, Kale and Kumar, 2018).
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers, or a beta that is not below 1.

    Example:
        >>> model.compile(optimizer=gm.optimizers.Adam(learning_rate=1e-3), loss="mse")
    """

    kernel = "adam_step"
    hyper_names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    slot_names = ("mean", "square", "largest_square")

    beta_1 = HyperParameter(below=1.0)
    beta_2 = HyperParameter(below=1.0)
    epsilon = HyperParameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad = bool(amsgrad)

    @property
    def used_slots(self) -> tuple[str, ...]:  # noqa: D102
        return self.slot_names if self.amsgrad else self.slot_names[:2]

    @property
    def variant(self) -> int:  # type: ignore[override]
        """Whether the kernel divides by the largest square."""
        return int(self.amsgrad)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return super().get_config() | {"amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with weight decay that is no part of the gradient (Loshchilov and Hutter, 2019).

    Before each step of `Adam`: `w -= learning_rate * weight_decay * w`.

    Args:
        learning_rate: step size, or a schedule of it.
        weight_decay: share of the weights, times the learning rate, that goes in each step; PyTorch's default is 0.01.
        beta_1: share of the mean of gradients that is kept, from 0 to below 1.
        beta_2: share of the mean of squared gradients that is kept, from 0 to below 1.
        epsilon: keeps the division finite.
        amsgrad: whether to divide by the largest mean square so far.
        **common: as for `Optimizer`: clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers, or a beta that is not below 1.

    Example:
        >>> optimizer = gm.optimizers.AdamW(1e-3, weight_decay=0.01)
        >>> optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adamax(Optimizer):
    """Adam with the largest gradient in the place of the mean square (Kingma and Ba, 2015, section 7.1).

    `m += (1 - beta_1) * (g - m)`, `u = max(beta_2 * u, |g|)`,
    `w -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)`.

    Args:
        learning_rate: step size, or a schedule of it; PyTorch's default is 0.002.
        beta_1: share of the mean of gradients that is kept, from 0 to below 1.
        beta_2: share of the largest gradient that is kept, from 0 to below 1.
        epsilon: keeps the division finite.
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers, or a beta that is not below 1.

    Example:
        >>> model.compile(optimizer=gm.optimizers.Adamax(1e-3), loss="mse")
    """

    kernel = "adamax_step"
    hyper_names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    slot_names = ("mean", "largest")

    beta_1 = HyperParameter(below=1.0)
    beta_2 = HyperParameter(below=1.0)
    epsilon = HyperParameter()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon


class Nadam(Adamax):
    """Adam with Nesterov's momentum (Dozat, 2016).

    With `u_t = beta_1 * (1 - 0.96^t / 2)` and moments as Adam's: `w -= learning_rate * n / (sqrt(v / (1 - beta_2^t)) +
    epsilon)`, `n = u_{t+1} m / (1 - u_1···u_{t+1}) + (1 - u_t) g / (1 - u_1···u_t)`. PyTorch's 0.96 is the power of
    `t * momentum_decay`, 0.004 by default.

    Args:
        learning_rate: step size, or a schedule of it; PyTorch's default is 0.002.
        beta_1: share of the mean of gradients that is kept, from 0 to below 1.
        beta_2: share of the mean of squared gradients that is kept, from 0 to below 1.
        epsilon: keeps the division finite.
        **common: as for `Optimizer`: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ...

    Raises:
        ValueError: for negative numbers, or a beta that is not below 1.

    Example:
        >>> model.compile(optimizer=gm.optimizers.Nadam(1e-3), loss="mse")
    """

    kernel = "nadam_step"
    derived = 3  # u_t, u_{t+1} and the product of all u
    slot_names = ("mean", "square")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def prepare_step(self) -> None:  # noqa: D102
        execute("nadam_schedule", [self.hyper], [self.updates, self._gate])
