"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule import activations, ops
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.rules import pop_rules
from gemmule.layers.structure import Shape, arguments_of
from gemmule.ops.dense import FUSED
from gemmule.scope import where
from gemmule.tensor import Tensor

_FUSED = {activations.get(name): name for name in FUSED}


class Dense(Layer):
    """Fully connected layer: `y = activation(x @ kernel + bias)`.

    Inputs may have more than two dimensions; the kernel is applied to the last one.

    Args:
        units: number of outputs, a positive integer.
        activation: name or function; `None` for none.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel begins. Keras's default `"glorot_uniform"` draws from
            ±sqrt(6 / (features + units)); PyTorch's `Linear` draws kernel and bias from ±1/sqrt(features).
        bias_initializer: how the bias begins.
        kernel_regularizer: what the kernel adds to the loss: a name such as `"l2"`, an object or a function.
        bias_regularizer: likewise for the bias.
        activity_regularizer: likewise for the outputs, divided by the size of the batch.
        kernel_constraint: what the kernel must satisfy after each update: a name, an object or a function.
        bias_constraint: likewise for the bias.
        lora_rank: not supported yet.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, ..., features)`

    Output shape:
        `(batch, ..., units)`

    Raises:
        ValueError: if `units` is no positive integer, or the activation unknown.

    Example:
        >>> layer = gm.layers.Dense(3, activation="relu")
        >>> layer(np.ones((2, 4))).shape
        (2, 3)
    """

    _wants_floats = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = arguments_of(locals(), "units", "activation", "use_bias", "lora_rank")
        rules = pop_rules(arguments, "kernel", "bias")
        self._check_supported({"lora_rank": lora_rank})
        super().__init__(**arguments)
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1:
            raise ValueError(
                f"{self._where()}: units must be a positive integer, the number of outputs.{received(units=units)}"
            )
        self.units = int(units)
        self.activation = self._find(activations.get, activation)
        self.use_bias = bool(use_bias)
        self._keep_rules(rules)

    def build(self, input_shape: Shape) -> None:
        features = self._features(input_shape)
        columns = self._columns()
        self.kernel = self.add_weight((features, columns), name="kernel", **self._rules_of("kernel"))
        self.bias = self.add_weight((columns,), name="bias", **self._rules_of("bias")) if self.use_bias else None

    def _columns(self) -> int:
        return self.units

    def _features(self, input_shape: Shape) -> int:
        if len(input_shape) < 2:
            raise ValueError(
                f"{where('dense')}: the input must have at least 2 dimensions, (batch, features). "
                "Reshape one column of numbers with x.reshape(-1, 1), one example with x[np.newaxis]. "
                f"Received: input.shape={input_shape}."
            )
        if input_shape[-1] is None:
            raise ValueError(
                f"{where('dense')}: the last dimension of the input, the features, must be known. "
                f"Received: input.shape={input_shape}."
            )
        return input_shape[-1]

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.ndim < 2 or inputs.shape[-1] != self.kernel.shape[0]:
            self._refuse_input(inputs)
        fused = _FUSED.get(self.activation)
        if fused is not None:
            return ops.dense(inputs, self.kernel, self.bias, activation=fused)
        return self.activation(ops.dense(inputs, self.kernel, self.bias))

    def _refuse_input(self, inputs: Tensor) -> None:
        features = self._features(inputs.shape)
        flat = int(np.prod(inputs.shape[1:])) == self.kernel.shape[0]
        cure = "Feed as many features as the layer was built for, or make a new layer for the new number."
        if flat:
            cure = "Flatten each example first, with a Flatten layer."
        raise ValueError(
            f"{where('dense')}: input has {features} features but the kernel expects {self.kernel.shape[0]}. {cure} "
            f"Received: input.shape={inputs.shape}, kernel.shape={self.kernel.shape}."
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._features(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        config = {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
        return super().get_config() | config | self._rules_config("kernel", "bias")
