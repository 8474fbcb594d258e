"""The configurations that lectures recommend to begin with, as functions that return a compiled model.

Source: A. Géron, "Hands-On Machine Learning with Scikit-Learn, Keras & TensorFlow", 2nd edition, tables 11-3 and 11-4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gemmule import layers
from gemmule.errors import did_you_mean, received
from gemmule.models.sequential import Sequential
from gemmule.optimizers import SGD, schedules

__all__ = ["default_dnn", "self_normalizing_dnn"]

DEEP = 4  # hidden layers from which on the default net is normalised
TASKS = ("classification", "regression")


def default_dnn(
    input_shape: Sequence[int],
    outputs: int,
    hidden: Sequence[int] = (300, 100),
    task: str = "classification",
    dropout: float = 0.0,
    learning_rate: float = 0.01,
    total_steps: int | None = None,
    sample: Any = None,
) -> Sequential:
    """A dense net with He initialisation and ELU, batch-normalised if it is deep, trained by SGD with momentum.

    Args:
        input_shape: shape of one example.
        outputs: number of classes (1 or 2: one probability), or of numbers to predict.
        hidden: units of the hidden layers. From four of them on each is batch-normalised.
        task: `"classification"` of class numbers, or `"regression"`.
        dropout: rate of dropout behind each hidden layer.
        learning_rate: step size; with `total_steps` the largest of 1cycle.
        total_steps: for how many batches the net will be trained in all: then the rate follows 1cycle.
        sample: examples to standardise inputs by; without it they must be of a sensible scale already.

    Returns:
        A compiled `Sequential` model. Train it with early stopping.

    Raises:
        ValueError: for an unknown task, or numbers that make no sense.

    Example:
        >>> model = gm.recipes.default_dnn((28, 28), 10, total_steps=20 * 1500, sample=x_train)
        >>> model.fit(x_train, y_train, epochs=20, validation_split=0.1,
        ...           callbacks=[gm.callbacks.EarlyStopping(patience=5, restore_best_weights=True)])
    """
    model = _inputs(input_shape, sample)
    for units in hidden:
        model.add(layers.Dense(units, kernel_initializer="he_normal", use_bias=len(hidden) < DEEP))
        if len(hidden) >= DEEP:
            model.add(layers.BatchNormalization())
        model.add(layers.Activation("elu"))
        if dropout:
            model.add(layers.Dropout(dropout))
    return _finished(model, outputs, task, "glorot_uniform", learning_rate, total_steps)


def self_normalizing_dnn(
    input_shape: Sequence[int],
    outputs: int,
    hidden: Sequence[int] = (100,) * 8,
    task: str = "classification",
    alpha_dropout: float = 0.0,
    learning_rate: float = 0.01,
    total_steps: int | None = None,
    sample: Any = None,
) -> Sequential:
    """A deep dense net of SELU with LeCun initialisation: activations keep themselves near mean 0, deviation 1.

    It only does if inputs are standardised (pass `sample`), all layers are dense, and dropout is alpha dropout
    (Klambauer et al., 2017).

    Args:
        input_shape: shape of one example.
        outputs: number of classes (1 or 2: one probability), or of numbers to predict.
        hidden: units of the hidden layers.
        task: `"classification"` of class numbers, or `"regression"`.
        alpha_dropout: rate of alpha dropout behind each hidden layer.
        learning_rate: step size; with `total_steps` the largest of 1cycle.
        total_steps: for how many batches the net will be trained in all: then the rate follows 1cycle.
        sample: examples to standardise inputs by.

    Returns:
        A compiled `Sequential` model.

    Raises:
        ValueError: for an unknown task, or numbers that make no sense.

    Example:
        >>> model = gm.recipes.self_normalizing_dnn((8,), 1, task="regression", sample=x_train)
    """
    model = _inputs(input_shape, sample)
    for units in hidden:
        model.add(layers.Dense(units, activation="selu", kernel_initializer="lecun_normal"))
        if alpha_dropout:
            model.add(layers.AlphaDropout(alpha_dropout))
    return _finished(model, outputs, task, "lecun_normal", learning_rate, total_steps)


def _inputs(input_shape: Sequence[int], sample: Any) -> Sequential:
    model = Sequential([layers.Input(tuple(input_shape))])
    if len(input_shape) > 1:
        model.add(layers.Flatten())
    if sample is not None:
        standardize = layers.Normalization()
        standardize.adapt(sample.reshape(len(sample), -1) if len(input_shape) > 1 else sample)
        model.add(standardize)
    return model


def _finished(
    model: Sequential, outputs: int, task: str, initializer: str, learning_rate: float, total_steps: int | None
) -> Sequential:
    """With its last layer, loss and optimizer."""
    if task not in TASKS:
        raise ValueError(f"Unknown task {task!r}.{did_you_mean(task, TASKS)}")
    if isinstance(outputs, bool) or not isinstance(outputs, int) or outputs < 1:
        raise ValueError(f"outputs must be an integer from 1 on.{received(outputs=outputs)}")
    optimizer = SGD(learning_rate, momentum=0.9, nesterov=True)
    if total_steps is not None:
        cycle = schedules.OneCycle(learning_rate, total_steps=total_steps)
        optimizer = SGD(cycle, momentum=cycle.momentum(), nesterov=True)
    if task == "regression":
        activation, loss, metric = None, "mse", "mae"
    elif outputs <= 2:
        activation, loss, metric, outputs = "sigmoid", "binary_crossentropy", "accuracy", 1
    else:
        activation, loss, metric = "softmax", "sparse_categorical_crossentropy", "accuracy"
    model.add(layers.Dense(outputs, activation=activation, kernel_initializer=initializer))
    model.compile(optimizer, loss, metrics=[metric])
    return model
