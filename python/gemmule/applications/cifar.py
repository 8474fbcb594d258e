"""The small network that CNN lectures begin with."""

from __future__ import annotations

from typing import Any

from gemmule import layers
from gemmule.applications._parts import Shape, entrance, finish
from gemmule.models import Model


def CifarCNN(  # noqa: N802 - the name of a network
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    classes: int = 10,
    classifier_activation: Any = None,
    name: str | None = "cifar_cnn",
) -> Model:
    """Three convolutions of 32, 64 and 64 filters, two poolings and two dense layers: the network of TensorFlow's
    tutorial "Convolutional neural network (CNN)".

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(32, 32, 3)` by default.
        classes: number of classes.
        classifier_activation: of the last layer; by default none, for a loss with `from_logits=True`.
        name: of the model.

    Returns:
        A model that is not compiled yet, with 122,570 weights.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.CifarCNN()
        >>> model.compile("adam", gm.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    """
    inputs = entrance("CifarCNN", weights, input_tensor, input_shape, (32, 32, 3), 18, classes)
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(inputs)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(64, 3, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Conv2D(64, 3, activation="relu", name="conv3")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(64, activation="relu", name="dense")(x)
    return finish(inputs, layers.Dense(classes, activation=classifier_activation, name="predictions")(x), name)
