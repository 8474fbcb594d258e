"""Activations with parameters that are learned or drawn: PReLU, randomized leaky ReLU, maxout."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from gemmule import activations, ops
from gemmule.errors import received
from gemmule.layers.dense import Dense
from gemmule.layers.dropout import RandomLayer
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape
from gemmule.scope import where
from gemmule.tensor import Tensor


class PReLU(Layer):
    """Leaky ReLU with learned slopes: `y = x` where `x > 0`, else `alpha * x`.

    Args:
        alpha_initializer: how the slopes begin. Keras's default is 0; PyTorch's is 0.25.
        alpha_regularizer: what the slopes add to the loss. The authors advise against any: it pulls them to ReLU.
        alpha_constraint: what the slopes must satisfy after each update.
        shared_axes: axes along which one slope serves all, the batch being 0: `[1, 2]` for one in each channel of
            images. By default every input has its own; PyTorch has one for all.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if an axis does not exist, or has no known length and is not shared.

    Example:
        >>> gm.layers.PReLU("ones")([[-2.0, 3.0]]).numpy()
        array([[-2.,  3.]], dtype=float32)

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """

    _wants_floats = True

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep_rules(
            {
                "alpha_initializer": alpha_initializer,
                "alpha_regularizer": alpha_regularizer,
                "alpha_constraint": alpha_constraint,
            }
        )
        axes: Any = shared_axes if isinstance(shared_axes, (list, tuple, type(None))) else [shared_axes]
        if any(isinstance(a, bool) or not isinstance(a, (int, np.integer)) or a < 1 for a in axes or ()):
            raise ValueError(
                f"{self._where()}: shared_axes are positive integers, 1 for the first axis behind the batch."
                f"{received(shared_axes=shared_axes)}"
            )
        self.shared_axes = None if axes is None else [int(axis) for axis in axes]

    def build(self, input_shape: Shape) -> None:
        shared = self.shared_axes or []
        shape: list[Any] = [1 if axis in shared else d for axis, d in enumerate(input_shape)][1:]
        if any(axis >= len(input_shape) for axis in shared) or None in shape:
            raise ValueError(
                f"{where('prelu')}: each axis of the input behind the batch must have a known length or be shared, and "
                f"shared axes must exist. Received: input.shape={input_shape}, shared_axes={self.shared_axes}."
            )
        self.alpha = self.add_weight(tuple(shape), name="alpha", **self._rules_of("alpha"))

    def call(self, inputs: Tensor) -> Tensor:
        slopes = self.alpha.shape
        if inputs.ndim != len(slopes) + 1 or any(n not in (1, d) for n, d in zip(slopes, inputs.shape[1:])):
            raise ValueError(
                f"{where('prelu')}: the input does not fit the slopes the layer was built with. "
                f"Received: input.shape={inputs.shape}, alpha.shape={slopes}."
            )
        return ops.subtract(ops.relu(inputs), ops.multiply(self.alpha, ops.relu(ops.negative(inputs))))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self._rules_config("alpha") | {"shared_axes": self.shared_axes}


class RandomizedLeakyReLU(RandomLayer):
    """Leaky ReLU whose slope is drawn anew for each negative input in training, and is the mean in inference.

    Args:
        lower: the smallest slope.
        upper: the largest one. Both defaults are those of PyTorch's `RReLU`; Keras has no such layer.
        seed: an integer for slopes that do not depend on `set_random_seed`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: unless `0 <= lower <= upper`.

    Example:
        >>> gm.layers.RandomizedLeakyReLU(0.25, 0.75)([-2.0, 3.0]).numpy()  # inference
        array([-1.,  3.], dtype=float32)

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015.
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        numbers = all(isinstance(n, Real) and not isinstance(n, bool) for n in (lower, upper))
        if not numbers or not 0 <= lower <= upper < float("inf"):
            raise ValueError(
                f"{self._where()}: lower and upper are two slopes, 0 <= lower <= upper."
                f"{received(lower=lower, upper=upper)}"
            )
        self.lower, self.upper = float(lower), float(upper)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return activations.relu(inputs, negative_slope=(self.lower + self.upper) / 2)
        slopes = Tensor(self._random().uniform(inputs.shape, self.lower, self.upper, inputs.dtype))
        return ops.subtract(ops.relu(inputs), ops.multiply(slopes, ops.relu(ops.negative(inputs))))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"lower": self.lower, "upper": self.upper}


class Maxout(Dense):
    """Fully connected layer that learns its activation: each unit is the largest of several linear ones.

    `y = max over pieces of (x @ kernel + bias)`; the kernel has the first pieces of all units, then the second ones ...

    Args:
        units: number of outputs.
        pieces: how many linear functions each unit chooses from.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel, shape `(features, pieces * units)`, begins.
        bias_initializer: how the bias begins.
        **kwargs: regularizers and constraints as in `Dense`, `name`, `dtype`.

    Input shape:
        `(batch, ..., features)`

    Output shape:
        `(batch, ..., units)`

    Raises:
        ValueError: if `units` or `pieces` is no positive integer.

    Example:
        >>> gm.layers.Maxout(3, pieces=4)(np.ones((2, 5))).shape
        (2, 3)

    Source: Goodfellow et al., "Maxout Networks", 2013.
    """

    def __init__(
        self,
        units: int,
        pieces: int = 2,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        if "activation" in kwargs:
            self._refuse({"activation": None})
        super().__init__(units, None, use_bias, kernel_initializer, bias_initializer, **kwargs)
        if isinstance(pieces, bool) or not isinstance(pieces, (int, np.integer)) or pieces < 1:
            raise ValueError(f"{self._where()}: pieces must be a positive integer.{received(pieces=pieces)}")
        self.pieces = int(pieces)

    def _columns(self) -> int:
        return self.pieces * self.units

    def call(self, inputs: Tensor) -> Tensor:
        each = super().call(inputs)
        return ops.max(ops.reshape(each, (*each.shape[:-1], self.pieces, self.units)), axis=-2)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"pieces": self.pieces}
        del config["activation"]
        return config
