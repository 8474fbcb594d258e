"""Layers: the parts models are made of."""

from gemmule.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from gemmule.layers.dense import Dense
from gemmule.layers.dropout import Dropout
from gemmule.layers.input import Input, InputLayer
from gemmule.layers.layer import Layer
from gemmule.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from gemmule.layers.reshaping import Flatten, Reshape
from gemmule.layers.serialization import deserialize, register, serialize

register(Activation, Dense, Dropout, ELU, Flatten, InputLayer, LeakyReLU, ReLU, Reshape, Softmax)
register(Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract)

__all__ = [
    "Layer", "Input", "InputLayer",
    "Dense",
    "Activation", "ELU", "LeakyReLU", "ReLU", "Softmax",
    "Dropout",
    "Flatten", "Reshape",
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract",
    "add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
    "deserialize", "serialize",
]  # fmt: skip
