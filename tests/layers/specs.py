"""THE table of layers: one row drives tests of shapes, configuration, gradients, backends, Keras's values, replay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gemmule as gm

SMOOTH, KINKED = 1e-7, 1e-4  # allowed relative error of a gradient against finite differences in float64


@dataclass(frozen=True)
class Row:
    """One layer with one set of arguments.

    Attributes:
        layer: name in `gm.layers`.
        kwargs: arguments.
        input_shape: shape of one example; a tuple of shapes for a layer that is called on a list.
        output_shape: shape of what comes out for one example.
        weights: shapes of the weights.
        gradient: allowed relative error of the gradient.
        tolerance: allowed error of float32 outputs against the reference and Keras, relative to the largest value.
        training: whether to run in training mode.
        keras: whether Keras has the same layer and its output is determined.
        serializable: whether it has a configuration.
    """

    layer: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[Any, ...] = (7,)
    output_shape: tuple[int, ...] = (7,)
    weights: tuple[tuple[int, ...], ...] = ()
    gradient: float = SMOOTH
    tolerance: float = 1e-6
    training: bool = False
    keras: bool = True
    serializable: bool = True

    @property
    def several(self) -> bool:
        """Whether the layer is called on a list of tensors."""
        return any(isinstance(part, tuple) for part in self.input_shape)

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of one example of each input."""
        return self.input_shape if self.several else (self.input_shape,)

    @property
    def id(self) -> str:
        """A name for the test."""
        arguments = ",".join(f"{name}={getattr(value, '__name__', value)}" for name, value in self.kwargs.items())
        shape = ",".join("x".join(map(str, one)) for one in self.input_shapes)
        return f"{self.layer}({arguments})-{shape}" + ("-training" if self.training else "")


def dense(units: int, features: int = 7, **kwargs: Any) -> dict[str, Any]:
    weights = ((features, units), (units,)) if kwargs.get("use_bias", True) else ((features, units),)
    return {"layer": "Dense", "kwargs": {"units": units, **kwargs}, "output_shape": (units,), "weights": weights}


MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")


def conv(
    filters: int, size: tuple[int, ...], image: tuple[int, ...], output: tuple[int, ...], **kwargs: Any
) -> dict[str, Any]:
    """A `Conv1D` or `Conv2D` with a bias that is not zero."""
    channels = image[-1] // kwargs.get("groups", 1)
    kwargs = {"filters": filters, "kernel_size": size, "bias_initializer": "glorot_uniform", **kwargs}
    return {
        "layer": f"Conv{len(size)}D",
        "kwargs": kwargs,
        "input_shape": image,
        "output_shape": (*output, filters),
        "weights": ((*size, channels, filters), (filters,)),
    }


def transposed(
    filters: int, size: tuple[int, int], image: tuple[int, int, int], output: tuple[int, int], **kwargs: Any
) -> dict[str, Any]:
    return {
        "layer": "Conv2DTranspose",
        "kwargs": {"filters": filters, "kernel_size": size, "bias_initializer": "glorot_uniform", **kwargs},
        "input_shape": image,
        "output_shape": (*output, filters),
        "weights": ((*size, filters, image[-1]), (filters,)),
    }


def depthwise(
    size: int, channels: int, multiplier: int, output: tuple[int, int], filters: int = 0, **kwargs: Any
) -> dict[str, Any]:
    """A `DepthwiseConv2D`, or with filters a `SeparableConv2D`, on images of 6 by 5 pixels."""
    each = channels * multiplier
    kwargs = {"kernel_size": size, "depth_multiplier": multiplier, "bias_initializer": "glorot_uniform", **kwargs}
    kernels: tuple[tuple[int, ...], ...] = ((size, size, channels, multiplier),)
    if filters:
        kernels, kwargs = (*kernels, (1, 1, each, filters)), {"filters": filters, **kwargs}
    return {
        "layer": "SeparableConv2D" if filters else "DepthwiseConv2D",
        "kwargs": kwargs,
        "input_shape": (6, 5, channels),
        "output_shape": (*output, filters or each),
        "weights": (*kernels, (filters or each,)),
    }


CONVOLUTIONS = [
    Row(**depthwise(3, 4, 1, (4, 3))),
    Row(**depthwise(3, 3, 2, (3, 3), strides=2, padding="same", activation="tanh")),
    Row(**depthwise(2, 3, 1, (6, 5), dilation_rate=2, padding="same")),
    Row(**depthwise(3, 3, 1, (3, 3), strides=2, dilation_rate=2, padding="same")),
    Row(**depthwise(2, 3, 2, (2, 1), strides=2, dilation_rate=3)),
    Row(**depthwise(3, 4, 1, (4, 3), filters=6)),
    Row(**depthwise(2, 3, 2, (2, 2), filters=4, strides=(3, 2), dilation_rate=(2, 1))),
    Row(**depthwise(3, 3, 2, (6, 5), filters=5, padding="same", activation="elu"), gradient=KINKED),
    Row(**conv(5, (3,), (8, 3), (6,))),
    Row(**conv(5, (3,), (8, 4), (8,), padding="same", groups=1, activation="tanh")),
    Row(**conv(5, (3,), (8, 3), (8,), padding="causal", dilation_rate=2)),
    Row(**conv(6, (4,), (9, 4), (5,), padding="same", strides=2, groups=2)),
    Row(**conv(7, (3, 3), (6, 5, 3), (4, 3))),
    Row(**conv(7, (3, 2), (6, 5, 3), (3, 2), strides=(2, 3), padding="same")),
    Row(**conv(4, (3, 3), (6, 5, 2), (6, 5), dilation_rate=2, padding="same")),
    Row(**conv(6, (3, 3), (6, 5, 4), (4, 3), groups=2)),
    Row(**conv(9, (1, 1), (3, 4, 6), (3, 4), activation="relu"), gradient=KINKED),
    Row(**conv(33, (3, 3), (5, 5, 1), (5, 5), activation="leaky_relu", padding="same"), gradient=KINKED),
    Row(**conv(5, (3, 3), (4, 4, 2), (4, 4), activation="gelu", padding="same")),
    Row("Conv2D", {"filters": 3, "kernel_size": 2, "use_bias": False}, (4, 4, 2), (3, 3, 3), ((2, 2, 2, 3),)),
    Row(**transposed(5, (3, 3), (3, 4, 2), (5, 6))),
    Row(**transposed(5, (3, 2), (3, 4, 2), (7, 12), strides=(2, 3))),
    Row(**transposed(5, (4, 3), (3, 4, 2), (6, 8), strides=2, padding="same", activation="tanh")),
    Row(**transposed(3, (3, 5), (3, 4, 2), (6, 11), strides=(2, 3), output_padding=(1, 1), padding="same")),
]


def images(layer: str, *output: int, gradient: float = SMOOTH, **kwargs: Any) -> Row:
    """A layer that changes images at random."""
    shape = (5, 6, 3)
    return Row(layer, {"seed": 3, **kwargs}, shape, output or shape, gradient=gradient, training=True, keras=False)


def fixed(layer: str, **kwargs: Any) -> Row:
    """A random layer whose limits leave one possibility."""
    return Row(f"Random{layer}", kwargs, (5, 6, 3), (5, 6, 3), training=True)


IMAGES = [
    fixed("Translation", height_factor=(0.3, 0.3), width_factor=(-0.25, -0.25)),
    fixed("Translation", height_factor=(-0.9, -0.9), width_factor=(0.7, 0.7), fill_mode="nearest"),
    fixed("Rotation", factor=(0.1, 0.1), fill_mode="constant", fill_value=0.5),
    fixed("Rotation", factor=(-0.3, -0.3), interpolation="nearest"),
    fixed("Zoom", height_factor=(0.4, 0.4)),
    fixed("Zoom", height_factor=(-0.5, -0.5), width_factor=(0.7, 0.7), fill_mode="constant", interpolation="nearest"),
    images("RandomFlip"),
    images("RandomFlip", mode="horizontal"),
    images("RandomFlip", mode="vertical"),
    images("RandomTranslation", height_factor=0.3, width_factor=(0.1, 0.4)),
    images("RandomTranslation", height_factor=1, width_factor=1, fill_mode="wrap", interpolation="nearest"),
    images("RandomRotation", factor=0.2, fill_mode="constant", fill_value=0.5),
    images("RandomZoom", height_factor=0.4, fill_mode="nearest"),
    images("RandomZoom", height_factor=(-0.5, 0.5), width_factor=0.3, fill_mode="constant"),
    images("RandomCrop", 4, 3, 3, height=4, width=3),
    images("RandomCrop", 7, 4, 3, height=7, width=4),
    images("RandomContrast", factor=0.5, value_range=(-9, 9)),
    images("RandomContrast", factor=(0.2, 0.4), value_range=(-0.5, 0.6), gradient=KINKED),
]

ROWS = [
    Row("InputLayer", {"shape": (7,)}, keras=False),
    Row(**dense(5)),
    Row(**dense(5, use_bias=False)),
    Row(**dense(33, 20, activation="relu"), input_shape=(20,), gradient=KINKED),
    *[
        Row(**dense(5, activation=name, bias_initializer="glorot_uniform"), gradient=KINKED)
        for name in ("relu", "leaky_relu", "elu", "selu")
    ],
    *[
        Row(**dense(5, activation=name, bias_initializer="glorot_uniform"))
        for name in ("linear", "tanh", "sigmoid", "softplus", "exponential", "gelu", "silu", "mish", "softmax")
    ],
    Row("Dense", {"units": 3, "kernel_initializer": "he_normal"}, (4, 5), (4, 3), ((5, 3), (3,))),
    *CONVOLUTIONS,
    Row("Flatten", {}, (4, 3, 2), (24,)),
    Row("Flatten", {}, (6,), (6,)),
    Row("Flatten", {}, (), (1,)),
    Row("Reshape", {"target_shape": (2, 6)}, (3, 4), (2, 6)),
    Row("Reshape", {"target_shape": (-1, 2)}, (3, 4), (6, 2)),
    Row("Permute", {"dims": (2, 1)}, (3, 4), (4, 3)),
    Row("Permute", {"dims": (3, 1, 2)}, (3, 4, 5), (5, 3, 4)),
    Row("RepeatVector", {"n": 3}, (5,), (3, 5)),
    Row("Lambda", {"function": gm.ops.tanh}, (3, 4), (3, 4), keras=False, serializable=False),
    Row("Rescaling", {"scale": 0.5}, (3, 4), (3, 4)),
    Row("Rescaling", {"scale": [0.5, 2.0], "offset": -1.0}, (3, 2), (3, 2)),
    Row("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [0.25, 1.0, 4.0]}, (2, 3), (2, 3)),
    Row("Normalization", {"mean": 1.0, "variance": 4.0, "invert": True, "axis": None}, (2, 3), (2, 3)),
    Row("Activation", {"activation": "tanh"}, (3, 4), (3, 4)),
    Row("Activation", {"activation": "softmax"}, (3, 4), (3, 4)),
    Row("Activation", {"activation": "gelu"}),
    Row("Identity", {}, (3, 4), (3, 4)),
    *[
        Row("Activation", {"activation": name}, gradient=KINKED)
        for name in ("celu", "relu6", "hard_sigmoid", "hard_silu", "hard_tanh", "softsign", "log_sigmoid")
    ],
    *[
        Row("Activation", {"activation": name}, gradient=KINKED)
        for name in (
            "hard_shrink",
            "soft_shrink",
            "tanh_shrink",
            "squareplus",
            "sparse_plus",
            "sparse_sigmoid",
        )
    ],
    Row("Activation", {"activation": "sparsemax"}, gradient=KINKED, keras=False),  # rows of Keras 3.15's sum to less
    Row("ReLU", {}, gradient=KINKED),
    Row("ReLU", {"max_value": 0.5}, gradient=KINKED),
    Row("ReLU", {"negative_slope": 0.1}, gradient=KINKED),
    Row("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}, gradient=KINKED),
    Row("LeakyReLU", {}, gradient=KINKED),
    Row("LeakyReLU", {"negative_slope": 0.0}, gradient=KINKED),
    Row("ELU", {"alpha": 0.7}, gradient=KINKED),
    Row("Softmax", {}, (3, 4), (3, 4)),
    Row("Softmax", {"axis": 1}, (3, 4), (3, 4)),
    Row("Softmax", {"axis": [1, 3]}, (3, 4, 2), (3, 4, 2)),
    *[
        Row(
            "PReLU",
            {"alpha_initializer": "glorot_uniform", "shared_axes": shared},
            shape,
            shape,
            (slopes,),
            gradient=KINKED,
        )
        for shared, shape, slopes in (
            (None, (7,), (7,)),
            (None, (3, 4), (3, 4)),
            (1, (3, 4), (1, 4)),
            ([1, 2], (3, 2, 5), (1, 1, 5)),
            ([1, 2, 3], (3, 2, 5), (1, 1, 1)),
        )
    ],
    Row("RandomizedLeakyReLU", {}, gradient=KINKED, keras=False),
    Row("RandomizedLeakyReLU", {"seed": 5}, gradient=KINKED, training=True, keras=False),
    Row(
        "RandomizedLeakyReLU",
        {"lower": 0, "upper": 0.5, "seed": 5},
        (3, 4),
        (3, 4),
        (),
        KINKED,
        training=True,
        keras=False,
    ),
    Row("Maxout", {"units": 5}, (7,), (5,), ((7, 10), (10,)), KINKED, keras=False),
    Row("Maxout", {"units": 3, "pieces": 4, "use_bias": False}, (2, 5), (2, 3), ((5, 12),), KINKED, keras=False),
    Row(
        "Maxout",
        {"units": 4, "pieces": 1, "bias_initializer": "glorot_uniform"},
        (7,),
        (4,),
        ((7, 4), (4,)),
        keras=False,
    ),
    Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (3, 4), (3, 4)),
    *[Row(name, {"rate": 0.4}) for name in ("AlphaDropout", "GaussianDropout")],
    *[
        Row(name, {"rate": rate, "seed": 5}, (3, 4), (3, 4), training=True, keras=rate == 0)
        for name in ("AlphaDropout", "GaussianDropout")
        for rate in (0.0, 0.4)
    ],
    Row(
        "AlphaDropout",
        {"rate": 0.4, "seed": 5, "noise_shape": (None, 1, None)},
        (3, 4),
        (3, 4),
        training=True,
        keras=False,
    ),
    Row("GaussianNoise", {"stddev": 0.5}),
    *[
        Row("GaussianNoise", {"stddev": stddev, "seed": 5}, (3, 4), (3, 4), training=True, keras=stddev == 0)
        for stddev in (0.0, 0.7)
    ],
    Row("Dropout", {"rate": 0.4}),
    Row("Dropout", {"rate": 0.4, "seed": 5}, training=True, keras=False),
    Row(
        "Dropout", {"rate": 0.4, "seed": 5, "noise_shape": (None, 1, None)}, (3, 4), (3, 4), training=True, keras=False
    ),
    *[Row(name, {}, ((7,), (7,)), gradient=KINKED) for name in MERGES],
    *[
        Row(name, {}, ((5, 4, 3), (4, 3), (5, 1, 1)), (5, 4, 3), gradient=KINKED)
        for name in MERGES
        if name != "Subtract"
    ],
    Row("Subtract", {}, ((5, 4, 3), (4, 3)), (5, 4, 3)),
    Row("Add", {}, ((7,),) * 5),
    Row("Concatenate", {}, ((3,), (1,), (4,)), (8,)),
    Row("Concatenate", {"axis": 1}, ((3, 2), (1, 2)), (4, 2)),
    Row("Concatenate", {"axis": -2}, ((2, 3, 2), (2, 1, 2)), (2, 4, 2)),
    Row("Dot", {"axes": 1}, ((5,), (5,)), (1,)),
    Row("Dot", {"axes": 1, "normalize": True}, ((5,), (5,)), (1,)),
    Row("Dot", {"axes": (2, 1)}, ((3, 4), (4, 5)), (3, 5)),
    Row("Dot", {"axes": (1, 2)}, ((4, 3), (5, 4)), (3, 5)),
    Row("Dot", {"axes": -1, "normalize": True}, ((3, 4), (4,)), (3,)),
    Row("Dot", {"axes": (1, 2)}, ((4,), (2, 4, 3)), (2, 3)),
    Row("SpatialDropout1D", {"rate": 0.4}, (3, 4), (3, 4)),
    Row("SpatialDropout1D", {"rate": 0.4, "seed": 5}, (3, 4), (3, 4), training=True, keras=False),
    Row("SpatialDropout2D", {"rate": 0.4, "seed": 5}, (3, 2, 4), (3, 2, 4), training=True, keras=False),
    *IMAGES,
    *[
        Row(
            "BatchNormalization",
            {"gamma_initializer": "glorot_uniform", "moving_mean_initializer": "glorot_uniform", **kwargs},
            shape,
            shape,
            ((shape[axis],),) * 4,
            training=training,
        )
        for training in (False, True)
        for kwargs, shape, axis in (
            ({}, (7,), -1),
            ({"epsilon": 0.01, "momentum": 0.9}, (3, 5), -1),
            ({}, (3, 2, 5), -1),
            ({"axis": 1}, (3, 2, 5), 0),
        )
    ],
    Row("BatchNormalization", {"center": False, "scale": False}, (3, 5), (3, 5), ((5,), (5,)), training=True),
    *[
        Row(
            "LayerNormalization",
            {"gamma_initializer": "glorot_uniform", "beta_initializer": "glorot_uniform", **kwargs},
            shape,
            shape,
            (weights, weights),
            gradient=1e-6,
            tolerance=3e-6,
        )
        for kwargs, shape, weights in (
            ({}, (7,), (7,)),
            ({"axis": 1, "epsilon": 0.01}, (3, 5), (3,)),
            ({"axis": [1, 2]}, (3, 5), (3, 5)),
        )
    ],
    Row("LayerNormalization", {"center": False, "scale": False}, (5, 9), (5, 9), (), gradient=1e-6, tolerance=3e-6),
    *[
        Row(
            "GroupNormalization",
            {"gamma_initializer": "glorot_uniform", "beta_initializer": "glorot_uniform", **kwargs},
            shape,
            shape,
            (weights, weights),
            tolerance=3e-6,
        )
        for kwargs, shape, weights in (
            ({"groups": 2}, (3, 6), (6,)),
            ({"groups": -1}, (3, 4, 5), (5,)),
            ({"groups": 3, "axis": 1}, (6, 4), (6,)),
        )
    ],
    Row("MaxPooling2D", {}, (7, 6, 3), (3, 3, 3), gradient=KINKED),
    Row("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, (7, 6, 17), (4, 3, 17), gradient=KINKED),
    Row("MaxPooling2D", {"pool_size": (2, 3), "strides": (1, 2)}, (5, 8, 2), (4, 3, 2), gradient=KINKED),
    Row("MaxPooling1D", {}, (9, 5), (4, 5), gradient=KINKED),
    Row("MaxPooling1D", {"pool_size": 3, "strides": 1, "padding": "same"}, (9, 5), (9, 5), gradient=KINKED),
    Row("AveragePooling2D", {"pool_size": 2}, (7, 6, 3), (3, 3, 3)),
    Row("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, (7, 6, 17), (4, 3, 17)),
    Row("AveragePooling1D", {"pool_size": 2}, (9, 5), (4, 5)),
    Row("AveragePooling1D", {"pool_size": 4, "strides": 3, "padding": "same"}, (9, 5), (3, 5)),
    Row("GlobalMaxPooling2D", {}, (5, 4, 3), (3,), gradient=KINKED),
    Row("GlobalMaxPooling2D", {"keepdims": True}, (5, 4, 3), (1, 1, 3), gradient=KINKED),
    Row("GlobalMaxPooling1D", {}, (6, 5), (5,), gradient=KINKED),
    Row("GlobalMaxPooling1D", {"keepdims": True}, (6, 5), (1, 5), gradient=KINKED),
    Row("GlobalAveragePooling2D", {}, (5, 4, 3), (3,)),
    Row("GlobalAveragePooling2D", {"keepdims": True}, (5, 4, 3), (1, 1, 3)),
    Row("GlobalAveragePooling1D", {}, (6, 5), (5,)),
    Row("GlobalAveragePooling1D", {"keepdims": True}, (6, 5), (1, 5)),
    Row("UpSampling1D", {}, (4, 3), (8, 3)),
    Row("UpSampling1D", {"size": 3}, (4, 3), (12, 3)),
    Row("UpSampling2D", {}, (3, 4, 2), (6, 8, 2)),
    Row("UpSampling2D", {"size": (1, 3), "interpolation": "bilinear"}, (3, 4, 2), (3, 12, 2)),
    Row("UpSampling2D", {"size": 2, "interpolation": "bilinear"}, (4, 3, 17), (8, 6, 17)),
    Row("ZeroPadding1D", {}, (4, 3), (6, 3)),
    Row("ZeroPadding1D", {"padding": (2, 0)}, (4, 3), (6, 3)),
    Row("ZeroPadding2D", {}, (4, 5, 3), (6, 7, 3)),
    Row("ZeroPadding2D", {"padding": 2}, (4, 5, 3), (8, 9, 3)),
    Row("ZeroPadding2D", {"padding": ((1, 0), (0, 3))}, (4, 5, 3), (5, 8, 3)),
    Row("Cropping1D", {}, (6, 3), (4, 3)),
    Row("Cropping1D", {"cropping": (0, 2)}, (6, 3), (4, 3)),
    Row("Cropping2D", {"cropping": (1, 2)}, (6, 7, 3), (4, 3, 3)),
    Row("Cropping2D", {"cropping": ((1, 0), (0, 3))}, (6, 7, 3), (5, 4, 3)),
]
