"""Layers that normalize what passes through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule import deferral, initializers, ops
from gemmule.errors import not_yet, received
from gemmule.layers.layer import Layer
from gemmule.layers.rules import pop_rules
from gemmule.layers.structure import Shape, arguments_of
from gemmule.naming import snake_case
from gemmule.scope import where
from gemmule.tensor import Tensor


class _Normalization(Layer):
    """What normalizing layers share: a factor gamma and a summand beta for each channel, and an epsilon."""

    _wants_floats = True
    _refused: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        epsilon: float,
        center: bool,
        scale: bool,
        **more: Any,
    ) -> None:
        self._check_supported({name: more.pop(name) for name in self._refused})
        rules = pop_rules(more, "beta", "gamma")
        super().__init__(**more)
        self.epsilon = self._number("epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self._keep_rules(rules)

    def _number(self, name: str, value: Any, most: float = float("inf")) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= most:
            limit = "that is not negative" if most == float("inf") else f"from 0 to {most:g}"
            raise ValueError(f"{self._where()}: {name} must be a number {limit}.{received(**{name: value})}")
        return float(value)

    def _axis(self, axis: Any, input_shape: Shape) -> tuple[int, int]:
        """The axis, counted from the front, and the length of the input along it, which must be known."""
        rank = len(input_shape)
        whole = isinstance(axis, (int, np.integer)) and not isinstance(axis, bool)
        length = input_shape[axis] if whole and -rank <= axis < rank else None
        if not length:
            raise ValueError(
                f"{self._where()}: axis must name a dimension of the input whose length is known."
                f"{received(axis=axis, input_shape=input_shape)}"
            )
        return int(axis) % rank, length

    def _add_parameters(self, shape: tuple[int, ...]) -> None:
        self.gamma = self.add_weight(shape, name="gamma", **self._rules_of("gamma")) if self.scale else None
        self.beta = self.add_weight(shape, name="beta", **self._rules_of("beta")) if self.center else None

    def _check_shape(self, inputs: Tensor, axes: Sequence[int], shape: tuple[int, ...]) -> None:
        rank = inputs.ndim
        found = tuple(inputs.shape[axis] if -rank <= axis < rank else None for axis in axes)
        if found != shape:
            raise ValueError(
                f"{where(snake_case(type(self).__name__))}: the layer was built for {shape} channels along axis "
                f"{', '.join(map(str, axes))}, and the input does not have them.{received(inputs=inputs)}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = {"epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        return super().get_config() | config | self._rules_config("beta", "gamma")


class BatchNormalization(_Normalization):
    """Normalizes each channel to mean 0 and variance 1 over the batch, then scales by gamma and shifts by beta.

    In training the statistics are those of the batch, and moving averages of them are kept; in inference, and while
    the layer is not trainable, the moving averages are used. In `fit` they change together with the weights: a step
    that ends in NaN leaves them alone, too. As in Keras the variance is divided by the number of values (PyTorch keeps
    a moving variance divided by one less), and `momentum` is the weight of the past (PyTorch's is one minus that).

    Args:
        axis: where the channels are. Statistics are over all other axes.
        momentum: weight of the past in the moving averages, from 0 to 1. Keras's 0.99 is 0.01 for PyTorch, whose
            default is 0.1.
        epsilon: added to the variance. PyTorch's default is 1e-5.
        center: whether there is a beta.
        scale: whether there is a gamma.
        beta_initializer: how beta begins.
        gamma_initializer: how gamma begins.
        moving_mean_initializer: how the moving mean begins.
        moving_variance_initializer: how the moving variance begins.
        beta_regularizer: what beta adds to the loss; see `gemmule.regularizers`.
        gamma_regularizer: what gamma adds to the loss; see `gemmule.regularizers`.
        beta_constraint: what beta must satisfy after each update; see `gemmule.constraints`.
        gamma_constraint: what gamma must satisfy after each update; see `gemmule.constraints`.
        renorm: not supported yet.
        renorm_clipping: not supported yet.
        renorm_momentum: only 0.99; it belongs to `renorm`.
        synchronized: not supported yet.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, ..., channels)`, or with the channels along `axis`

    Output shape:
        that of the input

    Raises:
        ValueError: if `axis`, `momentum` or `epsilon` make no sense.

    Example:
        >>> layer = gm.layers.BatchNormalization(epsilon=0.0)
        >>> layer(np.array([[1.0], [3.0]]), training=True).numpy()
        array([[-1.],
               [ 1.]], dtype=float32)

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", 2015.
    """

    _refused = ("renorm", "renorm_clipping", "renorm_momentum", "synchronized")

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        own = ("axis", "momentum", "moving_mean_initializer", "moving_variance_initializer")
        arguments = arguments_of(locals(), "own", *own)
        if renorm_momentum == 0.99:  # the default of what is not supported
            arguments["renorm_momentum"] = None
        super().__init__(**arguments)
        axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
        self.axis = int(axis) if isinstance(axis, np.integer) else axis
        self.momentum = self._number("momentum", momentum, most=1.0)
        self.moving_mean_initializer = self._find(initializers.get, moving_mean_initializer)
        self.moving_variance_initializer = self._find(initializers.get, moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        _, channels = self._axis(self.axis, input_shape)
        shape = (channels,)
        self._add_parameters(shape)
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def call(self, inputs: Tensor, training: bool = False, mask: Any = None) -> Tensor:
        if mask is not None:
            raise not_yet("BatchNormalization(...)(inputs, mask=...)", "Call it without a mask.")
        self._check_shape(inputs, (self.axis,), self.moving_mean.shape)
        statistics = (self.moving_mean, self.moving_variance)
        if not training or deferral.is_frozen(self):
            return ops.batch_normalization(inputs, *statistics, self.axis, self.beta, self.gamma, self.epsilon)
        return ops.normalize_batch(
            inputs, self.axis, self.beta, self.gamma, self.epsilon, *statistics, momentum=self.momentum
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
        }


class LayerNormalization(_Normalization):
    """Normalizes each example by itself to mean 0 and variance 1, then scales by gamma and shifts by beta.

    Args:
        axis: the axis, or several, that statistics are over; gamma and beta have one entry for each place along them.
        epsilon: added to the variance. PyTorch's default is 1e-5.
        center: whether there is a beta.
        scale: whether there is a gamma.
        beta_initializer: how beta begins.
        gamma_initializer: how gamma begins.
        beta_regularizer: what beta adds to the loss; see `gemmule.regularizers`.
        gamma_regularizer: what gamma adds to the loss; see `gemmule.regularizers`.
        beta_constraint: what beta must satisfy after each update; see `gemmule.constraints`.
        gamma_constraint: what gamma must satisfy after each update; see `gemmule.constraints`.
        rms_scaling: not supported yet.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Output shape:
        that of the input

    Raises:
        ValueError: if an axis is the batch or does not exist.

    Example:
        >>> layer = gm.layers.LayerNormalization(epsilon=0.0)
        >>> layer(np.array([[1.0, 3.0]])).numpy()
        array([[-1.,  1.]], dtype=float32)

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """

    _refused = ("rms_scaling",)

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments_of(locals(), "axis"))
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def build(self, input_shape: Shape) -> None:
        given = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted(self._axis(axis, input_shape) for axis in given)
        self._place = tuple(axis - len(input_shape) for axis, _ in axes)  # from the end, whatever comes before
        self._lengths = tuple(length for _, length in axes)
        self._add_parameters(self._lengths)

    def call(self, inputs: Tensor) -> Tensor:
        self._check_shape(inputs, self._place, self._lengths)
        return ops.layer_normalization(inputs, self.gamma, self.beta, self._place, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class GroupNormalization(_Normalization):
    """Normalizes each example in groups of channels, then scales by gamma and shifts by beta.

    Args:
        groups: number of groups of neighbouring channels; it divides the number of channels. -1 makes every channel a
            group of its own, which is instance normalization.
        axis: where the channels are.
        epsilon: added to the variance. PyTorch's default is 1e-5.
        center: whether there is a beta.
        scale: whether there is a gamma.
        beta_initializer: how beta begins.
        gamma_initializer: how gamma begins.
        beta_regularizer: what beta adds to the loss; see `gemmule.regularizers`.
        gamma_regularizer: what gamma adds to the loss; see `gemmule.regularizers`.
        beta_constraint: what beta must satisfy after each update; see `gemmule.constraints`.
        gamma_constraint: what gamma must satisfy after each update; see `gemmule.constraints`.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Output shape:
        that of the input

    Raises:
        ValueError: if the groups do not divide the channels.

    Example:
        >>> layer = gm.layers.GroupNormalization(groups=2, epsilon=0.0)
        >>> layer(np.array([[1.0, 3.0, 4.0, 2.0]])).numpy()
        array([[-1.,  1.,  1., -1.]], dtype=float32)

    Source: Wu and He, "Group Normalization", 2018.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments_of(locals(), "groups", "axis"))
        if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or (groups < 1 and groups != -1):
            raise ValueError(
                f"{self._where()}: groups must be a positive integer, or -1 for one group a channel."
                f"{received(groups=groups)}"
            )
        self.groups, self.axis = int(groups), axis

    def build(self, input_shape: Shape) -> None:
        axis, channels = self._axis(self.axis, input_shape)
        if axis == 0 or (self.groups != -1 and channels % self.groups):
            raise ValueError(
                f"{self._where()}: groups must divide the number of channels, and channels are not the batch."
                f"{received(groups=self.groups, axis=self.axis, input_shape=input_shape)}"
            )
        self._channels = channels
        self._add_parameters((channels,))

    def call(self, inputs: Tensor) -> Tensor:
        self._check_shape(inputs, (self.axis,), (self._channels,))
        groups = self._channels if self.groups == -1 else self.groups
        return ops.group_normalization(inputs, groups, self.axis, self.gamma, self.beta, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups, "axis": self.axis}
