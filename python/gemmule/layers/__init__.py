"""Layers: the parts models are made of."""

import sys
from types import SimpleNamespace
from typing import Any

from gemmule.layers.activation import ELU, Activation, ActivityRegularization, Identity, LeakyReLU, ReLU, Softmax
from gemmule.layers.adaptive import Maxout, PReLU, RandomizedLeakyReLU
from gemmule.layers.augment import RandomContrast, RandomCrop, RandomFlip
from gemmule.layers.combining import Concatenate, Dot, concatenate, dot
from gemmule.layers.conv2d import Conv1D, Conv2D, Conv2DTranspose
from gemmule.layers.dense import Dense
from gemmule.layers.depthwise import DepthwiseConv2D, SeparableConv2D
from gemmule.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D
from gemmule.layers.input import Input, InputLayer
from gemmule.layers.layer import Layer
from gemmule.layers.merging import (
    Add,
    Average,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    maximum,
    minimum,
    multiply,
    subtract,
)
from gemmule.layers.moving import RandomRotation, RandomTranslation, RandomZoom
from gemmule.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from gemmule.layers.norm import BatchNormalization, GroupNormalization, LayerNormalization
from gemmule.layers.padding import Cropping1D, Cropping2D, ZeroPadding1D, ZeroPadding2D
from gemmule.layers.pool import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from gemmule.layers.preprocessing import Normalization, Rescaling
from gemmule.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from gemmule.layers.resize import UpSampling1D, UpSampling2D
from gemmule.layers.serialization import deserialize, register, serialize
from gemmule.layers.wrapping import Lambda
from gemmule.leftovers import missing

register(Activation, Dense, Dropout, ELU, Flatten, Identity, InputLayer, LeakyReLU, ReLU, Reshape, Softmax)
register(ActivityRegularization, AlphaDropout, GaussianDropout, GaussianNoise, Maxout, PReLU, RandomizedLeakyReLU)
register(Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract)
register(Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D)
register(RandomContrast, RandomCrop, RandomFlip, RandomRotation, RandomTranslation, RandomZoom)
register(Lambda, Normalization, Permute, RepeatVector, Rescaling, SpatialDropout1D, SpatialDropout2D)
register(BatchNormalization, GroupNormalization, LayerNormalization)
register(AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D)
register(GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalMaxPooling1D, GlobalMaxPooling2D)
register(Cropping1D, Cropping2D, UpSampling1D, UpSampling2D, ZeroPadding1D, ZeroPadding2D)

# Keras's short names of the same classes
AvgPool1D, AvgPool2D, MaxPool1D, MaxPool2D = AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
Convolution1D, Convolution2D, Convolution2DTranspose = Conv1D, Conv2D, Conv2DTranspose
SeparableConvolution2D = SeparableConv2D

__all__ = [
    "Layer", "Input", "InputLayer",
    "Dense",
    "Conv1D", "Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D",
    "Activation", "ELU", "Identity", "LeakyReLU", "Maxout", "PReLU", "RandomizedLeakyReLU", "ReLU", "Softmax",
    "BatchNormalization", "GroupNormalization", "LayerNormalization",
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract",
    "add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "SpatialDropout1D", "SpatialDropout2D",
    "Flatten", "Permute", "RepeatVector", "Reshape",
    "AveragePooling1D", "AveragePooling2D", "MaxPooling1D", "MaxPooling2D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "AvgPool1D", "AvgPool2D", "MaxPool1D", "MaxPool2D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalMaxPool1D", "GlobalMaxPool2D",
    "Convolution1D", "Convolution2D", "Convolution2DTranspose", "SeparableConvolution2D",
    "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D",
    "Lambda",
    "Normalization", "Rescaling",
    "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
    "deserialize", "serialize",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Keras 2 had preprocessing layers in `layers.experimental.preprocessing`."""
    if name == "experimental":
        return SimpleNamespace(preprocessing=sys.modules[__name__])
    raise missing(__name__, name)
