"""What the networks share: the checks of their arguments, entrance and head, and convolutions with normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gemmule import layers
from gemmule.errors import received
from gemmule.models import Model
from gemmule.symbolic import SymbolicTensor

Shape = Sequence["int | None"]


def entrance(
    network: str,
    weights: Any,
    input_tensor: Any,
    input_shape: Shape | None,
    default_shape: tuple[int, int, int],
    smallest: int,
    classes: int,
) -> SymbolicTensor:
    """Checks the arguments all networks have, and makes the input.

    Args:
        network: what messages call it.
        weights: only `None`.
        input_tensor: a symbolic tensor to build the network on, instead of an input of its own.
        input_shape: height, width and channels.
        default_shape: if neither is given.
        smallest: height and width the network needs at least.
        classes: number of classes.

    Raises:
        ValueError: for weights, shapes and numbers of classes that cannot be.
    """
    if weights is not None:
        raise ValueError(
            f"{network} starts from fresh weights: gemmule ships no pre-trained networks and downloads none. Leave "
            "weights=None, and train it or load a file of your own with model.load_weights(path)."
            f"{received(weights=weights)}"
        )
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ValueError(f"{network} needs a positive number of classes.{received(classes=classes)}")
    if input_tensor is not None:
        if not isinstance(input_tensor, SymbolicTensor):
            raise ValueError(
                f"input_tensor of {network} must be symbolic, such as gm.Input(shape) or what a layer made of it."
                f"{received(input_tensor=input_tensor)}"
            )
        shape: Shape = input_tensor.shape[1:]
    else:
        shape = default_shape if input_shape is None else tuple(input_shape)
    if len(shape) != 3 or shape[2] is None or any(side is not None and side < smallest for side in shape[:2]):
        raise ValueError(
            f"{network} takes pictures of shape (height, width, channels), at least {smallest}×{smallest} pixels large."
            f"{received(input_shape=shape)}"
        )
    return layers.Input(shape=shape) if input_tensor is None else input_tensor


def head(
    network: str,
    x: SymbolicTensor,
    include_top: bool,
    pooling: str | None,
    classes: int,
    classifier_activation: Any,
) -> SymbolicTensor:
    """The end of a network: means of the maps and a dense layer, or what `pooling` says.

    Args:
        network: what messages call it.
        x: feature maps.
        include_top: whether the network classifies.
        pooling: without the top: `None` leaves the maps, `"avg"` and `"max"` make vectors of them.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.

    Raises:
        ValueError: for another `pooling`.
    """
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"{network}: pooling must be None, 'avg' or 'max'.{received(pooling=pooling)}")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return layers.Dense(classes, activation=classifier_activation, name="predictions")(x)
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.GlobalMaxPooling2D(name="max_pool")(x) if pooling == "max" else x


def channels_of(x: SymbolicTensor) -> int:
    """The number of maps.

    Raises:
        ValueError: if it is not known.
    """
    channels = x.shape[-1] if x.ndim == 4 else None
    if channels is None:
        raise ValueError(
            f"Feature maps have the shape (batch, height, width, channels), with a known number of channels."
            f"{received(x=x)}"
        )
    return channels


def finish(inputs: SymbolicTensor, outputs: SymbolicTensor, name: str | None) -> Model:
    """The model from its input to its output."""
    return Model(inputs, outputs, name=name)


def normalized(
    x: SymbolicTensor,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    activation: str | None = "relu",
    name: str | None = None,
    epsilon: float = 1e-5,
    **options: Any,
) -> SymbolicTensor:
    """Convolution without bias, batch normalization, activation.

    Args:
        x: feature maps.
        filters: of the convolution.
        kernel_size: of the convolution, which is padded to keep the size.
        strides: of the convolution.
        activation: `None` for none.
        name: beginning of the layers' names: `<name>_conv`, `<name>_bn`, `<name>_relu`.
        epsilon: of the normalization.
        **options: further arguments of the convolution.
    """
    usual: dict[str, Any] = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, kernel_size, strides=strides, name=name and f"{name}_conv", **(usual | options))(x)
    x = layers.BatchNormalization(epsilon=epsilon, name=name and f"{name}_bn")(x)
    return x if activation is None else layers.Activation(activation, name=name and f"{name}_{activation}")(x)
