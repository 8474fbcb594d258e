"""THE table of layers: one row drives tests of shapes, configuration, gradients, backends, Keras's values, replay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SMOOTH, KINKED = 1e-7, 1e-4  # allowed relative error of a gradient against finite differences in float64


@dataclass(frozen=True)
class Row:
    """One layer with one set of arguments.

    Attributes:
        layer: name in `gm.layers`.
        kwargs: arguments.
        input_shape: shape of one example.
        output_shape: shape of what comes out for one example.
        weights: shapes of the weights.
        gradient: allowed relative error of the gradient.
        tolerance: allowed error of float32 outputs against the reference and Keras, relative to the largest value.
        training: whether to run in training mode.
        keras: whether Keras has the same layer and its output is determined.
    """

    layer: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] = (7,)
    output_shape: tuple[int, ...] = (7,)
    weights: tuple[tuple[int, ...], ...] = ()
    gradient: float = SMOOTH
    tolerance: float = 1e-6
    training: bool = False
    keras: bool = True

    @property
    def id(self) -> str:
        """A name for the test."""
        arguments = ",".join(f"{name}={value}" for name, value in self.kwargs.items())
        shape = "x".join(map(str, self.input_shape))
        return f"{self.layer}({arguments})-{shape}" + ("-training" if self.training else "")


def dense(units: int, features: int = 7, **kwargs: Any) -> dict[str, Any]:
    weights = ((features, units), (units,)) if kwargs.get("use_bias", True) else ((features, units),)
    return {"layer": "Dense", "kwargs": {"units": units, **kwargs}, "output_shape": (units,), "weights": weights}


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
    Row("Flatten", {}, (4, 3, 2), (24,)),
    Row("Flatten", {}, (6,), (6,)),
    Row("Flatten", {}, (), (1,)),
    Row("Reshape", {"target_shape": (2, 6)}, (3, 4), (2, 6)),
    Row("Reshape", {"target_shape": (-1, 2)}, (3, 4), (6, 2)),
    Row("Activation", {"activation": "tanh"}, (3, 4), (3, 4)),
    Row("Activation", {"activation": "softmax"}, (3, 4), (3, 4)),
    Row("Activation", {"activation": "gelu"}),
    Row("ReLU", {}, gradient=KINKED),
    Row("ReLU", {"max_value": 0.5}, gradient=KINKED),
    Row("ReLU", {"negative_slope": 0.1}, gradient=KINKED),
    Row("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}, gradient=KINKED),
    Row("LeakyReLU", {}, gradient=KINKED),
    Row("LeakyReLU", {"negative_slope": 0.0}, gradient=KINKED),
    Row("ELU", {"alpha": 0.7}, gradient=KINKED),
    Row("Softmax", {}, (3, 4), (3, 4)),
    Row("Softmax", {"axis": 1}, (3, 4), (3, 4)),
    Row("Dropout", {"rate": 0.4}),
    Row("Dropout", {"rate": 0.4, "seed": 5}, training=True, keras=False),
    Row(
        "Dropout", {"rate": 0.4, "seed": 5, "noise_shape": (None, 1, None)}, (3, 4), (3, 4), training=True, keras=False
    ),
]
