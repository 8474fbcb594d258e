"""Which initializer goes with which activation."""

from __future__ import annotations

from typing import Any

from gemmule import activations
from gemmule.errors import did_you_mean, received
from gemmule.initializers.initializer import Initializer
from gemmule.initializers.scaling import GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform

_GLOROT, _HE, _LECUN = (GlorotNormal, GlorotUniform), (HeNormal, HeUniform), (LecunNormal, LecunUniform)
_TABLE = {
    _GLOROT: "linear tanh sigmoid softmax"
    " log_softmax sparsemax hard_sigmoid hard_tanh log_sigmoid softsign sparse_sigmoid tanh_shrink soft_shrink"
    " hard_shrink exponential",
    _HE: "relu leaky_relu p_re_lu randomized_leaky_relu elu gelu silu swish mish"
    " celu relu6 hard_silu hard_swish softplus sparse_plus squareplus maxout",
    _LECUN: "selu",
}


def _key(name: str) -> str:
    return name.replace("_", "").lower()  # `leaky_relu` the function and `LeakyReLU` the layer


_FAMILIES = {_key(name): family for family, names in _TABLE.items() for name in names.split()}


def recommended_for(activation: Any = None, distribution: str = "normal", seed: int | None = None) -> Initializer:
    """The initializer that keeps the size of signals through layers with this activation.

    ========= =========================================== =========================
    Glorot    none, tanh, sigmoid, softmax                variance 1 / fan_avg
    He        relu, leaky_relu, PReLU, elu, gelu, silu,   variance 2 / fan_in
              mish
    LeCun     selu                                        variance 1 / fan_in
    ========= =========================================== =========================

    Relatives of relu (relu6, celu, hard_silu, softplus ...) go with He, all others with Glorot.

    Args:
        activation: a name, a function of `gm.activations`, a layer such as `LeakyReLU`, or `None`.
        distribution: `"normal"` (truncated, as in Keras) or `"uniform"`.
        seed: an integer for the same values at each call.

    Raises:
        ValueError: for an unknown name or distribution, or a function of your own.

    Example:
        >>> he = gm.initializers.recommended_for("relu")
        >>> layer = gm.layers.Dense(100, activation="relu", kernel_initializer=he)
        >>> type(he).__name__
        'HeNormal'

    Source: Géron, "Hands-On Machine Learning", table 11-1; Glorot and Bengio, 2010; He et al., 2015; Klambauer et al.,
    2017.
    """
    if distribution not in ("normal", "uniform"):
        raise ValueError(f"A distribution is 'normal' or 'uniform'.{received(distribution=distribution)}")
    return _family(activation)[distribution == "uniform"](seed=seed)


def _family(activation: Any) -> tuple[type[Any], type[Any]]:
    inner = getattr(activation, "activation", activation)  # that of an `Activation` layer
    if inner is None:
        return _GLOROT
    name = inner if isinstance(inner, str) else activations.serialize(inner)
    if not isinstance(name, str):
        name = getattr(inner, "__name__", type(inner).__name__)
    family = _FAMILIES.get(_key(name))
    if family is not None:
        return family
    if isinstance(inner, str):
        raise ValueError(f"Unknown activation {inner!r}.{did_you_mean(inner, ' '.join(_TABLE.values()).split())}")
    raise ValueError(
        "No initializer is on record for this activation. He's goes with functions that cut off one side, Glorot's "
        f"with those symmetric about 0.{received(activation=activation)}"
    )
