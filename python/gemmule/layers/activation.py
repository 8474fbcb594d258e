"""Activations as layers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any

from gemmule import activations, ops, regularizers
from gemmule.errors import GemmuleWarning, received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape
from gemmule.scope import where
from gemmule.tensor import Tensor


class _Elementwise(Layer):
    """A layer whose output has the shape of its input."""

    _wants_floats = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def _number(self, argument: str, value: Any, least: float = 0.0) -> float:
        if isinstance(value, bool) or not isinstance(value, Real) or not least <= float(value) < float("inf"):
            raise ValueError(
                f"{self._where()}: {argument} must be a number of at least {least:g}.{received(**{argument: value})}"
            )
        return float(value)


class Activation(_Elementwise):
    """Applies an activation function.

    Args:
        activation: name or function.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> gm.layers.Activation("relu")([-1.0, 2.0]).numpy()
        array([0., 2.], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = self._find(activations.get, activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"activation": activations.serialize(self.activation)}


class Identity(_Elementwise):
    """Returns its inputs, tensors of any structure: a place to put another layer later.

    Args:
        **kwargs: `name`, `dtype`.

    Example:
        >>> gm.layers.Identity()([-1.0, 2.0]).numpy()
        array([-1.,  2.], dtype=float32)
    """

    _wants_floats = False

    def call(self, inputs: Any) -> Any:
        return inputs


class ReLU(_Elementwise):
    """Rectified linear unit with variations: see `gm.activations.relu`.

    Args:
        max_value: the largest output, or `None`.
        negative_slope: slope to the left of the threshold.
        threshold: where the left part ends.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if an argument is negative.

    Example:
        >>> gm.layers.ReLU(max_value=6.0)([-1.0, 9.0]).numpy()
        array([0., 6.], dtype=float32)
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else self._number("max_value", max_value)
        self.negative_slope = self._number("negative_slope", negative_slope)
        self.threshold = self._number("threshold", threshold)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(_Elementwise):
    """Leaky ReLU: `y = x` where `x > 0`, else `negative_slope * x`.

    Args:
        negative_slope: not negative. Keras's layer has 0.3, its activation function 0.2, PyTorch's layer 0.01.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: if the slope is negative.

    Example:
        >>> gm.layers.LeakyReLU(0.5)([-1.0, 2.0]).numpy()
        array([-0.5,  2. ], dtype=float32)

    Source: Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:  # as in Keras 3
            warnings.warn("LeakyReLU: alpha is called negative_slope now.", GemmuleWarning, stacklevel=2)
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = self._number("negative_slope", negative_slope)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"negative_slope": self.negative_slope}


class ELU(_Elementwise):
    """Exponential linear unit: `y = x` where `x > 0`, else `alpha * (exp(x) - 1)`.

    Args:
        alpha: a positive number; the output tends to `-alpha` on the left.
        **kwargs: `name`, `dtype`.

    Example:
        >>> gm.layers.ELU()([0.0, 2.0]).numpy()
        array([0., 2.], dtype=float32)

    Source: Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by ELUs", 2016.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = self._number("alpha", alpha)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.elu(inputs, alpha=self.alpha) if self.alpha else ops.relu(inputs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha}


class Softmax(_Elementwise):
    """Probabilities from scores: `y = exp(x) / sum(exp(x))` along an axis.

    Called with a mask, `layer(x, mask=mask)`, it shares the probabilities among the places where the mask is true (or
    greater than 0.5) and gives 0 to the others. The mask may have length 1 where the input has more.

    Args:
        axis: the axis that sums to one, or several that do so together.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for a mask that cannot be broadcast to the input.

    Example:
        >>> gm.layers.Softmax()([[0.0, 0.0, 5.0]], mask=[[True, True, False]]).numpy()
        array([[0.5, 0.5, 0. ]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return ops.softmax(inputs, axis=self.axis)
        tail = inputs.shape[inputs.ndim - mask.ndim :]
        if mask.ndim > inputs.ndim or any(n not in (1, d) for n, d in zip(mask.shape, tail)):
            raise ValueError(
                f"{where('softmax')}: each dimension of the mask must be 1 or that of the input, counted from the last."
                f" Received: input.shape={inputs.shape}, mask.shape={mask.shape}."
            )
        kept = mask if mask.dtype == bool else ops.greater(mask, 0.5)
        # -1e9, as in Keras, and no -inf: where everything is masked, zeros come out and no NaN.
        return ops.where(kept, ops.softmax(ops.where(kept, inputs, -1e9), axis=self.axis), 0.0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class ActivityRegularization(Layer):
    """Hands its input on and adds `l1 * sum(|x|) + l2 * sum(x²)`, divided by the size of the batch, to the loss.

    Args:
        l1: factor of the absolute values: for sparse codes, for example.
        l2: factor of the squares.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: for negative factors.

    Example:
        >>> layer = gm.layers.ActivityRegularization(l2=0.5)
        >>> _ = layer([[2.0], [4.0]])
        >>> float(layer.losses[0])
        5.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = float(l1), float(l2)

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"l1": self.l1, "l2": self.l2}
        del config["activity_regularizer"]
        return config
