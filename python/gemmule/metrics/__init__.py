"""Metrics: what training reports."""

from __future__ import annotations

from typing import Any

from gemmule import losses
from gemmule.errors import describe, did_you_mean
from gemmule.losses import ALIASES as LOSS_ALIASES
from gemmule.losses import CLASSES as LOSSES
from gemmule.losses import BinaryCrossentropy as _BinaryLoss
from gemmule.losses import Loss
from gemmule.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from gemmule.metrics.confusion import BinaryIoU, ConfusionMatrix, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from gemmule.metrics.counts import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from gemmule.metrics.curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from gemmule.metrics.f_score import F1Score, FBetaScore
from gemmule.metrics.loss_metrics import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanLoss,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from gemmule.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from gemmule.metrics.regression import R2Score
from gemmule.naming import snake_case

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "categorical_accuracy",
    "get",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

CLASSES: dict[str, type[Any]] = {
    snake_case(cls.__name__): cls
    for cls in (
        AUC,
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        BinaryIoU,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        CategoricalHinge,
        ConfusionMatrix,
        CosineSimilarity,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        Hinge,
        IoU,
        KLDivergence,
        LogCoshError,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanIoU,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        OneHotIoU,
        OneHotMeanIoU,
        Poisson,
        Precision,
        PrecisionAtRecall,
        R2Score,
        Recall,
        RecallAtPrecision,
        RootMeanSquaredError,
        SensitivityAtSpecificity,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        SparseTopKCategoricalAccuracy,
        SpecificityAtSensitivity,
        SquaredHinge,
        TopKCategoricalAccuracy,
        TrueNegatives,
        TruePositives,
    )
}
ALIASES = {
    **LOSS_ALIASES,
    "acc": "accuracy",
    "binary_iou": "binary_io_u",
    "fbeta_score": "f_beta_score",
    "logcosh": "log_cosh_error",
    "rmse": "root_mean_squared_error",
}


def __getattr__(name: str) -> Any:
    """The functions of losses, which Keras has here, too: `metrics.mean_squared_error`, `metrics.MSE`, ..."""
    known = ALIASES.get(name.lower(), name)
    if known in LOSSES and name in (name.lower(), name.upper()):
        return getattr(losses, known)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")


def get(identifier: Any) -> Metric:
    """A metric from its name, a function, a class, a loss, a config or a `Metric` object.

    Args:
        identifier: `"mse"`, `"MeanSquaredError"`, `my_function`, `{"class_name": ..., "config": {...}}`, ...

    Returns:
        A `Metric`. One made from a name has this very name.

    Raises:
        ValueError: for an unknown name.
        TypeError: for something that is no metric.

    Example:
        >>> gm.metrics.get("mse").name
        'mse'
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        known = _known(identifier)
        if known not in CLASSES:
            return MeanLoss(known, name=identifier)
        try:
            return CLASSES[known](name=identifier)
        except TypeError:
            cure = f"Pass gm.metrics.{CLASSES[known].__name__}(...)."
            raise ValueError(f"The metric {identifier!r} needs arguments. {cure}") from None
    if isinstance(identifier, dict) and "class_name" in identifier:
        name, config = str(identifier["class_name"]), identifier.get("config", {})
        for cls in (Mean, MeanLoss, Sum):
            if name == cls.__name__:
                return cls.from_config(config)
        known = _known(name)
        return CLASSES[known].from_config(config) if known in CLASSES else MeanLoss(LOSSES[known](**config))
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Loss):
        return MeanLoss(identifier)
    if not callable(identifier):
        raise TypeError(
            f"A metric is a name, a Metric object or a function of (y_true, y_pred). Received: {describe(identifier)}."
        )
    return MeanMetricWrapper(identifier)


def resolve(identifier: Any, loss: Loss | None, target_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> Metric:
    """As `get`; `"accuracy"` becomes the accuracy that suits the loss and the shapes.

    With a binary cross-entropy, or one output, that is `BinaryAccuracy`; for targets that are class numbers
    `SparseCategoricalAccuracy`; else `CategoricalAccuracy`. Keras looks at the shapes alone. A loss that takes logits
    puts the threshold of `BinaryAccuracy` at a score of 0, which is a probability of one half.

    Args:
        identifier: see `get`.
        loss: the compiled loss.
        target_shape: shape of the targets; the number of examples does not matter.
        output_shape: shape of the model's output, likewise.

    Returns:
        A `Metric`.
    """
    if not isinstance(identifier, str) or identifier.lower() not in ("accuracy", "acc"):
        return get(identifier)
    if isinstance(loss, _BinaryLoss) or output_shape[-1:] == (1,):
        return BinaryAccuracy(name=identifier, threshold=0.0 if getattr(loss, "from_logits", False) else 0.5)
    one_number = len(target_shape) < len(output_shape) or target_shape[-1:] == (1,)
    return (SparseCategoricalAccuracy if one_number else CategoricalAccuracy)(name=identifier)


def _known(name: str) -> str:
    """The name under which a metric (or a loss without a metric of its own, such as huber) is listed."""
    for known in (name, ALIASES.get(name.lower()), snake_case(name)):
        if known in CLASSES or known in LOSSES:
            return known
    raise ValueError(f"Unknown metric {name!r}.{did_you_mean(name, {*CLASSES, *LOSSES, *ALIASES})}")
