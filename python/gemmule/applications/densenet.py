"""Densely connected networks (G. Huang, Z. Liu, L. van der Maaten and K. Weinberger, "Densely connected convolutional
networks", 2017)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gemmule import layers
from gemmule.applications._parts import Shape, channels_of, entrance, finish, head
from gemmule.applications.resnet import stem
from gemmule.models import Model
from gemmule.symbolic import SymbolicTensor


def _before(x: SymbolicTensor, filters: int, kernel_size: int, name: str, last: str) -> SymbolicTensor:
    """Batch normalization and ReLU, then a convolution."""
    x = layers.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)
    x = layers.Activation("relu", name=f"{name}_relu")(x)
    return layers.Conv2D(
        filters, kernel_size, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{last}_conv"
    )(x)


def dense_block(x: SymbolicTensor, count: int, growth: int, name: str) -> SymbolicTensor:
    """Layers each of which sees the maps of all before it.

    Args:
        x: feature maps.
        count: number of layers.
        growth: maps that each adds.
        name: beginning of the layers' names.
    """
    for number in range(1, count + 1):
        part = f"{name}_block{number}"
        new = _before(x, 4 * growth, 1, f"{part}_0", f"{part}_1")
        new = _before(new, growth, 3, f"{part}_1", f"{part}_2")
        x = layers.Concatenate(name=f"{part}_concat")([x, new])
    return x


def transition(x: SymbolicTensor, name: str) -> SymbolicTensor:
    """Halves the number of maps and their sides."""
    x = _before(x, channels_of(x) // 2, 1, name, name)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)


def _body(x: SymbolicTensor, counts: Sequence[int], growth: int) -> SymbolicTensor:
    for stage, count in enumerate(counts, start=2):
        x = dense_block(x, count, growth, f"conv{stage}")
        if stage < len(counts) + 1:
            x = transition(x, f"pool{stage}")
    x = layers.BatchNormalization(epsilon=1e-5, name="bn")(x)
    return layers.Activation("relu", name="relu")(x)


_HUANG = 'G. Huang, Z. Liu, L. van der Maaten and K. Weinberger, "Densely connected convolutional networks", 2017'


def _network(title: str, counts: Sequence[int], total: str) -> Callable[..., Model]:
    """A function that builds a network for large pictures."""

    def build(
        include_top: bool = True,
        weights: None = None,
        input_tensor: Any = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = title.lower(),
    ) -> Model:
        inputs = entrance(title, weights, input_tensor, input_shape, (224, 224, 3), 32, classes)
        x = _body(stem(inputs, False), counts, 32)
        return finish(inputs, head(title, x, include_top, pooling, classes, classifier_activation), name)

    build.__name__ = build.__qualname__ = title
    build.__doc__ = f"""{title} ({_HUANG}): {total} weights with 1000 classes.

    Args:
        include_top: whether the network classifies; else it ends with feature maps.
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(224, 224, 3)` by default.
        pooling: without the top: `None` for feature maps, `"avg"` or `"max"` for vectors.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        name: of the model.

    Returns:
        A model that is not compiled yet.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.{title}(include_top=False, pooling="avg")
        >>> model.output_shape
        (None, 1024)
    """
    return build


DenseNet121 = _network("DenseNet121", (6, 12, 24, 16), "8,062,504")
DenseNet169 = _network("DenseNet169", (6, 12, 32, 32), "14,307,880")
DenseNet201 = _network("DenseNet201", (6, 12, 48, 32), "20,242,984")


def DenseNetBC100(  # noqa: N802 - the name of a network
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    depth: int = 100,
    growth: int = 12,
    name: str | None = "densenet_bc_100",
) -> Model:
    """The DenseNet-BC of 100 layers for CIFAR-10 (G. Huang et al., "Densely connected convolutional networks", 2017).

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(32, 32, 3)` by default.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        depth: number of layers, `6n + 4`; 40 gives a network that trains quickly.
        growth: maps that each layer adds.
        name: of the model.

    Returns:
        A model that is not compiled yet.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.DenseNetBC100(depth=40)
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    inputs = entrance("DenseNetBC100", weights, input_tensor, input_shape, (32, 32, 3), 8, classes)
    x = layers.Conv2D(2 * growth, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name="conv1_conv")(
        inputs
    )
    x = _body(x, [(depth - 4) // 6] * 3, growth)
    return finish(inputs, head("DenseNetBC100", x, True, None, classes, classifier_activation), name)
