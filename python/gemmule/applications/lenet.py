"""LeNet-5, the network that read cheques."""

from __future__ import annotations

from typing import Any

from gemmule import layers
from gemmule.applications._parts import Shape, entrance, finish
from gemmule.errors import received
from gemmule.models import Model


def LeNet5(  # noqa: N802 - the name of a network
    weights: None = None,
    input_tensor: Any = None,
    input_shape: Shape | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    activation: Any = "tanh",
    pooling: str = "average",
    padding: str = "same",
    name: str | None = "lenet5",
) -> Model:
    """LeNet-5 (Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", 1998), with all maps of one layer connected to all of the next and a softmax at the end.

    Two times a convolution with 5×5 filters and a pooling, then dense layers of 120, 84 and 10 units. The original's
    pictures were padded from 28×28 to 32×32, which `padding="same"` of the first convolution does here.

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(28, 28, 1)` by default; `(32, 32, 1)` goes with `padding="valid"`.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        activation: of the other layers; newer versions have `"relu"`.
        pooling: `"average"`, or `"max"` as in newer versions.
        padding: of the first convolution.
        name: of the model.

    Returns:
        A model that is not compiled yet, with 61,706 weights.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.LeNet5(activation="relu", pooling="max")
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    if pooling not in ("average", "max"):
        raise ValueError(f"LeNet5: pooling must be 'average' or 'max'.{received(pooling=pooling)}")
    pool = layers.AveragePooling2D if pooling == "average" else layers.MaxPooling2D
    inputs = entrance("LeNet5", weights, input_tensor, input_shape, (28, 28, 1), 16, classes)
    x = layers.Conv2D(6, 5, padding=padding, activation=activation, name="c1")(inputs)
    x = pool(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation=activation, name="c3")(x)
    x = pool(2, name="s4")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(120, activation=activation, name="c5")(x)
    x = layers.Dense(84, activation=activation, name="f6")(x)
    return finish(inputs, layers.Dense(classes, activation=classifier_activation, name="predictions")(x), name)
