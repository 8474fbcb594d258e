"""What older books and notebooks call things: each old name works, or says what it is called today."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from gemmule.errors import did_you_mean

_METRICS = "make a Metric in __init__, call its update_state in call or train_step, or use compile(metrics=[...])"

# By module: what a name that is gone was for, and how that is done now.
MODULES: dict[str, dict[str, str]] = {
    "gemmule": {
        "experimental": "What was experimental in Keras 2 is in gm.layers and gm.optimizers.",
        "mixed_precision": "gemmule computes in float32 or float64: gm.config.set_floatx.",
        "preprocessing": "Images: the layers gm.layers.Rescaling, RandomFlip, RandomRotation, ... or gm.datasets.",
        "wrappers": "Write a function that makes and compiles a model, and call fit and evaluate in a loop.",
    },
    "gemmule.layers": {
        "CuDNNGRU": "There is no GPU here.",
        "CuDNNLSTM": "There is no GPU here.",
        "ThresholdedReLU": "Write layers.ReLU(threshold=...).",
        "max_norm": "It is gm.constraints.MaxNorm.",
    },
    "gemmule.losses": {
        "Reduction": "Its values are strings now, such as reduction='sum'.",
        "huber_loss": "It is losses.huber.",
    },
    "gemmule.optimizers": {
        "experimental": "The optimizers are in gm.optimizers itself.",
        "legacy": "The optimizers are in gm.optimizers itself.",
    },
}
_BACKEND = {  # where the functions of keras.backend live that work on
    "clear_session": "gemmule.session",
    "epsilon": "gemmule.config",
    "floatx": "gemmule.config",
    "set_floatx": "gemmule.config",
}


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that a module does not have, with what took its place or the names that are near.

    Args:
        module: its full name.
        name: what was looked for.
    """
    cure = MODULES.get(module, {}).get(name, "")
    if cure:
        hint = f" {cure}"
    else:  # Python itself looks for special names, and for private ones, and takes no for an answer
        hint = "" if name.startswith("_") else did_you_mean(name, getattr(sys.modules[module], "__all__", ()))
    return AttributeError(f"module {module!r} has no attribute {name!r}.{hint}", name=name)


def get_value(x: Any) -> Any:
    """The value of a variable or hyper-parameter, as NumPy has it: `x.numpy()`."""
    return x.numpy() if hasattr(x, "numpy") else x


def set_value(x: Any, value: Any) -> None:
    """Sets a variable or hyper-parameter, `optimizer.learning_rate` for example: `x.assign(value)`."""
    x.assign(value)


def image_data_format() -> str:
    """`"channels_last"`: images are `(batch, height, width, channels)`."""
    return "channels_last"


def keras_backend(name: str) -> Any:
    """What `keras.backend` had under a name, if it is still of use.

    Raises:
        AttributeError: saying where the others went.
    """
    if name in ("get_value", "set_value", "image_data_format"):
        return globals()[name]
    if name in _BACKEND:
        return getattr(import_module(_BACKEND[name]), name)
    ops = import_module("gemmule.ops")
    cure = f"Write gm.ops.{name}." if name in ops.__all__ else "Tensors are computed with gm.ops."
    raise AttributeError(f"keras.backend.{name} has no place in gemmule.backend. {cure}", name=name)


class Renamed:
    """Base class of objects whose former attributes say what they are called today.

    Attributes:
        _leftovers: a sentence for each of them.
    """

    _leftovers: Mapping[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        kind = type(self)
        if name not in kind._leftovers:
            return object.__getattribute__(self, name)  # raises what it would without this method
        raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}. {kind._leftovers[name]}", name=name)


_UNBUILT = "Weights exist once a layer that has them is built: call build(input_shape), or the layer on data, first."
LAYER = {
    "kernel": _UNBUILT,
    "bias": _UNBUILT,
    "gamma": _UNBUILT,
    "beta": _UNBUILT,
    "moving_mean": _UNBUILT,
    "moving_variance": _UNBUILT,
    "add_metric": f"Metrics belong to models: {_METRICS}.",
    "add_variable": "Call add_weight(shape=..., initializer=..., name=...).",
    "updates": "Layers update moving statistics by themselves.",
}
MODEL = {
    "add_metric": f"Instead, {_METRICS}.",
    "evaluate_generator": "Call evaluate(x), which takes generators.",
    "fit_generator": "Call fit(x), which takes generators.",
    "predict_classes": "Write np.argmax(model.predict(x), axis=-1), or model.predict(x) > 0.5 for one sigmoid unit.",
    "predict_generator": "Call predict(x), which takes generators.",
    "predict_proba": "Call predict, which returns the probabilities.",
}
METRIC = {"reset_states": "Call reset_state()."}
