"""A network for Fashion-MNIST, from a textbook."""

from __future__ import annotations

from typing import Any

from gemmule import layers
from gemmule.applications._parts import Shape, entrance, finish
from gemmule.models import Model


def FashionCNN(  # noqa: N802 - the name of a network
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    dropout: float = 0.5,
    name: str | None = "fashion_cnn",
) -> Model:
    """The network of A. Géron, "Hands-On Machine Learning with Scikit-Learn, Keras and TensorFlow", chapter 14: five
    convolutions whose number of filters doubles after each pooling, then dense layers with dropout.

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(28, 28, 1)` by default.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        dropout: rate behind both hidden dense layers.
        name: of the model.

    Returns:
        A model that is not compiled yet, with 1,413,834 weights.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.FashionCNN()
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    hidden: dict[str, Any] = {"activation": "relu", "kernel_initializer": "he_normal"}
    inputs = entrance("FashionCNN", weights, input_tensor, input_shape, (28, 28, 1), 8, classes)
    x = layers.Conv2D(64, 7, padding="same", name="conv1", **hidden)(inputs)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    for number, filters in ((2, 128), (3, 256)):
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{number}_1", **hidden)(x)
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{number}_2", **hidden)(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in ((1, 128), (2, 64)):
        x = layers.Dense(units, name=f"dense{number}", **hidden)(x)
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    return finish(inputs, layers.Dense(classes, activation=classifier_activation, name="predictions")(x), name)
