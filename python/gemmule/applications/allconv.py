"""The all-convolutional network: no pooling and no dense layers."""

from __future__ import annotations

from typing import Any

from gemmule import layers
from gemmule.applications._parts import Shape, entrance, finish
from gemmule.models import Model


def AllConvNet(  # noqa: N802 - the name of a network
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    dropout: float = 0.5,
    name: str | None = "all_conv_net",
) -> Model:
    """All-CNN-C (J. T. Springenberg, A. Dosovitskiy, T. Brox and M. Riedmiller, "Striving for simplicity: the all
    convolutional net", 2015): convolutions with strides take the place of poolings, a 1×1 convolution that of the dense
    layer.

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(32, 32, 3)` by default.
        classes: number of classes.
        classifier_activation: at the end; `None` for logits.
        dropout: rate behind the convolutions with strides. The pictures themselves have 0.4 times it: 0.2, as the
            authors chose.
        name: of the model.

    Returns:
        A model that is not compiled yet, with 1,369,738 weights.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.AllConvNet()
        >>> model.compile(gm.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
    """
    hidden: dict[str, Any] = {"activation": "relu", "kernel_initializer": "he_normal"}
    inputs = entrance("AllConvNet", weights, input_tensor, input_shape, (32, 32, 3), 12, classes)
    x = layers.Dropout(0.4 * dropout, name="dropout0")(inputs)
    for stage, filters in ((1, 96), (2, 192)):
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{stage}_1", **hidden)(x)
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{stage}_2", **hidden)(x)
        x = layers.Conv2D(filters, 3, strides=2, padding="same", name=f"conv{stage}_3", **hidden)(x)
        x = layers.Dropout(dropout, name=f"dropout{stage}")(x)
    x = layers.Conv2D(192, 3, name="conv3_1", **hidden)(x)
    x = layers.Conv2D(192, 1, name="conv3_2", **hidden)(x)
    x = layers.Conv2D(classes, 1, kernel_initializer="he_normal", name="conv3_3")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return finish(inputs, layers.Activation(classifier_activation or "linear", name="predictions")(x), name)
