"""Layers: the parts models are made of."""

from gemmule.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from gemmule.layers.dense import Dense
from gemmule.layers.dropout import Dropout
from gemmule.layers.input import Input, InputLayer
from gemmule.layers.layer import Layer
from gemmule.layers.reshaping import Flatten, Reshape
from gemmule.layers.serialization import deserialize, register, serialize

register(Activation, Dense, Dropout, ELU, Flatten, InputLayer, LeakyReLU, ReLU, Reshape, Softmax)

__all__ = [
    "Layer", "Input", "InputLayer",
    "Dense",
    "Activation", "ELU", "LeakyReLU", "ReLU", "Softmax",
    "Dropout",
    "Flatten", "Reshape",
    "deserialize", "serialize",
]  # fmt: skip
