"""Residual networks of grouped convolutions (S. Xie, R. Girshick, P. Dollár, Z. Tu and K. He, "Aggregated residual
transformations for deep neural networks", 2017)."""

from __future__ import annotations

from functools import partial
from typing import Any

from gemmule.applications._parts import Shape, channels_of, entrance, finish, head, normalized
from gemmule.applications.resnet import _joined, network, stack, stem
from gemmule.models import Model
from gemmule.symbolic import SymbolicTensor


def aggregated_block(
    x: SymbolicTensor, filters: int, strides: int, name: str, cardinality: int = 32, width: int = 4
) -> SymbolicTensor:
    """1×1, grouped 3×3 and 1×1 convolution, the last with four times the filters, and the shortcut around them.

    Args:
        x: feature maps.
        filters: a quarter of the outputs; 64 in the first stage.
        strides: of the 3×3 convolution.
        name: beginning of the layers' names.
        cardinality: number of groups.
        width: channels of a group in the first stage; it grows with `filters`.
    """
    shortcut, inner = x, cardinality * width * filters // 64
    if strides != 1 or channels_of(x) != 4 * filters:
        shortcut = normalized(x, 4 * filters, 1, strides, None, f"{name}_0")
    x = normalized(x, inner, 1, 1, "relu", f"{name}_1")
    x = normalized(x, inner, 3, strides, "relu", f"{name}_2", groups=cardinality)
    return _joined(normalized(x, 4 * filters, 1, 1, None, f"{name}_3"), shortcut, name)


_XIE = 'S. Xie, R. Girshick, P. Dollár, Z. Tu and K. He, "Aggregated residual transformations", 2017'

ResNeXt50 = network(
    "ResNeXt50",
    f"ResNeXt-50 with 32 groups of 4 channels ({_XIE}): 25,097,128 weights with 1000 classes.",
    aggregated_block,
    (3, 4, 6, 3),
)
ResNeXt101 = network(
    "ResNeXt101",
    f"ResNeXt-101 with 32 groups of 4 channels ({_XIE}): 44,315,560 weights with 1000 classes.",
    aggregated_block,
    (3, 4, 23, 3),
)


def ResNeXt29(  # noqa: N802 - the name of a network
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    cardinality: int = 8,
    width: int = 64,
    name: str | None = "resnext29",
) -> Model:
    """ResNeXt-29 for CIFAR-10 (S. Xie et al., "Aggregated residual transformations for deep neural networks", 2017).

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(32, 32, 3)` by default.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        cardinality: number of groups.
        width: channels of a group in the first of the three stages. The paper has 64, which makes 34 million
            weights; 4 gives a network that trains quickly.
        name: of the model.

    Returns:
        A model that is not compiled yet.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.ResNeXt29(width=4)
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    inputs = entrance("ResNeXt29", weights, input_tensor, input_shape, (32, 32, 3), 8, classes)
    block = partial(aggregated_block, cardinality=cardinality, width=width)
    x = stack(stem(inputs, True), block, (64, 128, 256), (3, 3, 3))
    return finish(inputs, head("ResNeXt29", x, True, None, classes, classifier_activation), name)
