"""Residual networks that weigh their channels (J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks", 2018)."""

from __future__ import annotations

from functools import partial

from gemmule import layers
from gemmule.applications._parts import channels_of
from gemmule.applications.resnet import basic_block, bottleneck_block, network
from gemmule.errors import received
from gemmule.symbolic import SymbolicTensor


def squeeze_and_excite(x: SymbolicTensor, name: str | None = None, ratio: int = 16) -> SymbolicTensor:
    """Multiplies each channel by a number between 0 and 1 that is computed from the means of all channels.

    Args:
        x: feature maps, shape `(batch, height, width, channels)`.
        name: beginning of the layers' names.
        ratio: how many times fewer units the hidden layer has than there are channels.

    Returns:
        Feature maps of the same shape.

    Raises:
        ValueError: if the ratio leaves no unit, or `x` are no feature maps.

    Example:
        >>> maps = gm.Input((8, 8, 64))
        >>> gm.applications.squeeze_and_excite(maps, ratio=4).shape
        (None, 8, 8, 64)
    """
    channels = channels_of(x)
    if isinstance(ratio, bool) or not isinstance(ratio, int) or not 1 <= ratio <= channels:
        raise ValueError(f"ratio must be a number from 1 to that of the channels, {channels}.{received(ratio=ratio)}")
    means = layers.GlobalAveragePooling2D(keepdims=True, name=name and f"{name}_squeeze")(x)
    hidden = layers.Dense(channels // ratio, activation="relu", name=name and f"{name}_reduce")(means)
    weights = layers.Dense(channels, activation="sigmoid", name=name and f"{name}_expand")(hidden)
    return layers.Multiply(name=name and f"{name}_excite")([x, weights])


_HU = 'J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks", 2018'

SEResNet18 = network(
    "SEResNet18",
    f"ResNet-18 whose blocks weigh their channels ({_HU}).",
    partial(basic_block, attention=squeeze_and_excite),
    (2, 2, 2, 2),
)
SEResNet34 = network(
    "SEResNet34",
    f"ResNet-34 whose blocks weigh their channels ({_HU}).",
    partial(basic_block, attention=squeeze_and_excite),
    (3, 4, 6, 3),
)
SEResNet50 = network(
    "SEResNet50",
    f"ResNet-50 whose blocks weigh their channels ({_HU}): 28,141,144 weights with 1000 classes.",
    partial(bottleneck_block, attention=squeeze_and_excite),
    (3, 4, 6, 3),
)
