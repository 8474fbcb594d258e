"""A function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gemmule.errors import not_yet, received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import is_shape


class Lambda(Layer):
    """Wraps a function of tensors into a layer.

    The function computes with `gm.ops` and operators. What it reads besides its arguments, such as a global number, is
    not watched: a recorded step keeps using what it saw. Weights need a subclass of `Layer`.

    Args:
        function: takes the inputs, and `training` if it names it.
        output_shape: shape of the result for one example, or a function of the input's shape; needed only where the
            function cannot be tried on zeros.
        mask: not supported yet.
        arguments: further keyword arguments of the function.
        **kwargs: `name`, `dtype`, `input_shape`.

    Raises:
        TypeError: if `function` is none.
        NotImplementedError: from `get_config`: files hold no code, so a model with a `Lambda` cannot be rebuilt from
            its configuration.

    Example:
        >>> layer = gm.layers.Lambda(lambda x: x / 255)
        >>> layer(np.full((1, 2), 51.0)).numpy()
        array([[0.2, 0.2]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if mask is not None:
            raise not_yet("Lambda(mask=...)")
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"{self._where()}: function must be callable.{received(function=function)}")
        if output_shape is not None and not callable(output_shape) and not is_shape(output_shape):
            raise ValueError(
                f"{self._where()}: output_shape must be the shape of one example, or a function."
                f"{received(output_shape=output_shape)}"
            )
        if arguments is not None and not isinstance(arguments, Mapping):
            raise TypeError(
                f"{self._where()}: arguments must be a dict of keyword arguments.{received(arguments=arguments)}"
            )
        self.function = function
        self.arguments = dict(arguments or {})
        self._shape_of_result = output_shape
        self._takes_training = _names_training(function)

    def call(self, inputs: Any, training: bool = False) -> Any:
        more = {"training": training} if self._takes_training else {}
        return self.function(inputs, **self.arguments, **more)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self._shape_of_result
        if callable(shape):
            return shape(input_shape)
        if shape is not None:
            first = input_shape if is_shape(input_shape) else next(iter(input_shape))
            return (first[0], *shape)
        return super().compute_output_shape(input_shape)

    def _knows_output_shape(self) -> bool:
        return self._shape_of_result is not None

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            f"{self._where()}: a Lambda has no configuration, because files hold no code. Write a "
            "subclass of gm.Layer for what the function does, or keep the script that builds the model, and save its "
            "weights with save_weights."
        )

    def _twin(self) -> Any:
        config = super().get_config()  # in memory, the function itself goes along
        return type(self)(self.function, self._shape_of_result, arguments=self.arguments, **config)


def _names_training(function: Callable[..., Any]) -> bool:
    try:
        return "training" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function without a signature
        return False
