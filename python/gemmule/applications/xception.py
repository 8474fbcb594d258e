"""Networks of separable convolutions (F. Chollet, "Xception: deep learning with depthwise separable convolutions",
2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gemmule import layers
from gemmule.applications._parts import Shape, entrance, finish, head
from gemmule.models import Model
from gemmule.symbolic import SymbolicTensor


def _normalized(x: SymbolicTensor, kind: Any, filters: int, size: int, name: str, **options: Any) -> SymbolicTensor:
    """A convolution of some kind without bias, and batch normalization."""
    x = kind(filters, size, use_bias=False, name=name, **options)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def _separable(x: SymbolicTensor, filters: int, name: str, before: bool = True) -> SymbolicTensor:
    """ReLU (if `before`), a separable 3×3 convolution and batch normalization."""
    if before:
        x = layers.Activation("relu", name=f"{name}_act")(x)
    return _normalized(x, layers.SeparableConv2D, filters, 3, name, padding="same")


def _shrinking(x: SymbolicTensor, widths: Sequence[int], name: str, first: bool = False) -> SymbolicTensor:
    """Two separable convolutions and a pooling; the shortcut is a 1×1 convolution with strides."""
    shortcut = _normalized(x, layers.Conv2D, widths[-1], 1, f"{name}_shortcut", strides=2, padding="same")
    for number, filters in enumerate(widths, start=1):
        x = _separable(x, filters, f"{name}_sepconv{number}", before=not (first and number == 1))
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])


def Xception(  # noqa: N802 - the name of a network
    include_top: bool = True,
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "xception",
) -> Model:
    """Xception (F. Chollet, "Xception: deep learning with depthwise separable convolutions", 2017).

    Args:
        include_top: whether the network classifies; else it ends with feature maps.
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(299, 299, 3)` by default.
        pooling: without the top: `None` for feature maps, `"avg"` or `"max"` for vectors.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        name: of the model.

    Returns:
        A model that is not compiled yet, with 22,910,480 weights for 1000 classes.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.Xception(classes=5, input_shape=(128, 128, 3))
        >>> model.output_shape
        (None, 5)
    """
    inputs = entrance("Xception", weights, input_tensor, input_shape, (299, 299, 3), 71, classes)
    x = _normalized(inputs, layers.Conv2D, 32, 3, "block1_conv1", strides=2)
    x = layers.Activation("relu", name="block1_conv1_act")(x)
    x = _normalized(x, layers.Conv2D, 64, 3, "block1_conv2")
    x = layers.Activation("relu", name="block1_conv2_act")(x)
    for number, filters in ((2, 128), (3, 256), (4, 728)):
        x = _shrinking(x, (filters, filters), f"block{number}", first=number == 2)
    for number in range(5, 13):
        shortcut = x
        for part in range(1, 4):
            x = _separable(x, 728, f"block{number}_sepconv{part}")
        x = layers.Add(name=f"block{number}_add")([x, shortcut])
    x = _shrinking(x, (728, 1024), "block13")
    for part, filters in ((1, 1536), (2, 2048)):
        x = _separable(x, filters, f"block14_sepconv{part}", before=False)
        x = layers.Activation("relu", name=f"block14_sepconv{part}_act")(x)
    return finish(inputs, head("Xception", x, include_top, pooling, classes, classifier_activation), name)


def MiniXception(  # noqa: N802 - the name of a network
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    filters: Sequence[int] = (32, 64, 128, 256, 512),
    dropout: float = 0.5,
    name: str | None = "mini_xception",
) -> Model:
    """A small network in the manner of Xception, of F. Chollet, "Deep Learning with Python", chapter 9.

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(180, 180, 3)` by default; `(32, 32, 3)` goes with three stages of filters.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits. The book has one unit with `"sigmoid"`.
        filters: of the stages, each of which halves the maps.
        dropout: rate before the last layer.
        name: of the model.

    Returns:
        A model that is not compiled yet, with 726,474 weights.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.MiniXception(input_shape=(32, 32, 3), filters=(32, 64, 128))
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    inputs = entrance("MiniXception", weights, input_tensor, input_shape, (180, 180, 3), 8, classes)
    x = layers.Conv2D(32, 5, use_bias=False, name="conv1")(inputs)
    for stage, width in enumerate(filters, start=2):
        shortcut = layers.Conv2D(width, 1, strides=2, padding="same", use_bias=False, name=f"block{stage}_shortcut")(x)
        for part in (1, 2):
            x = layers.BatchNormalization(name=f"block{stage}_bn{part}")(x)
            x = layers.Activation("relu", name=f"block{stage}_act{part}")(x)
            x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False, name=f"block{stage}_sepconv{part}")(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{stage}_pool")(x)
        x = layers.Add(name=f"block{stage}_add")([x, shortcut])
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return finish(inputs, layers.Dense(classes, activation=classifier_activation, name="predictions")(x), name)
