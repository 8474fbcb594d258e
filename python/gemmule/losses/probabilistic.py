"""Losses between probabilities, or of the rate of events."""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule import ops
from gemmule.losses.loss import SameShapeLoss, float_pair
from gemmule.tensor import Tensor

EPSILON = 1e-7


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """`sum(t * log(t / p))` over the last axis, both kept between 1e-7 and 1.

    Args:
        y_true: probabilities, shape `(..., classes)`.
        y_pred: probabilities, the same shape; scores go through a softmax first.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).numpy().round(4)
        array([0.1438], dtype=float32)
    """
    t, p = (ops.clip(x, EPSILON, 1.0) for x in float_pair("kl_divergence", y_true, y_pred))
    return ops.sum(t * ops.log(t / p), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """`mean(y_pred - y_true * log(y_pred + 1e-7))` over the last axis.

    Args:
        y_true: counts, shape `(..., d)`.
        y_pred: expected counts, not negative, the same shape.

    Returns:
        Shape `(...)`.

    Example:
        >>> gm.losses.poisson([[2.0]], [[1.0]]).numpy().round(4)
        array([1.], dtype=float32)
    """
    t, p = float_pair("poisson", y_true, y_pred)
    return ops.mean(p - t * ops.log(p + EPSILON), axis=-1)


class KLDivergence(SameShapeLoss):
    """Kullback-Leibler divergence of predicted from true probabilities, `sum(t * log(t / p))` over the last axis.

    PyTorch's `KLDivLoss` takes log-probabilities, and by default averages over all elements.

    Args:
        reduction: see `Loss`.
        name: its name.
        dtype: only `None`.

    Source: Kullback and Leibler, "On Information and Sufficiency", 1951.

    Example:
        >>> round(float(gm.losses.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
        0.1438
    """

    function = staticmethod(kl_divergence)
    allowed = (0, 1, "Targets of this loss are probabilities, which sum to 1 over the last axis.")


class Poisson(SameShapeLoss):
    """Minus the log-likelihood of counts with a Poisson distribution, but for a constant; arguments as `KLDivergence`.

    `mean(y_pred - y_true * log(y_pred))`. PyTorch's `PoissonNLLLoss` takes the logarithm of the rate by default.

    Source: McCullagh and Nelder, "Generalized Linear Models", 1989.

    Example:
        >>> round(float(gm.losses.Poisson()([[2.0]], [[1.0]])), 4)
        1.0
    """

    function = staticmethod(poisson)
    allowed = (0, np.inf, "Targets of this loss are counts. For other numbers use mean_squared_error.")
