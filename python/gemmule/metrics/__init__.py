"""Metrics: what training reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemmule import losses
from gemmule.errors import describe, did_you_mean
from gemmule.leftovers import missing
from gemmule.losses import ALIASES as LOSS_ALIASES
from gemmule.losses import CLASSES as LOSSES
from gemmule.losses import BinaryCrossentropy as _BinaryLoss
from gemmule.losses import BinaryFocalCrossentropy as _BinaryFocal
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
from gemmule.registry import CustomObjectScope, get_registered_object, registered_name

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
    "deserialize",
    "get",
    "serialize",
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


_OTHERS = {cls.__name__: cls for cls in (Mean, MeanLoss, MeanMetricWrapper, Sum)}
_ACCURACIES = (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy)
_CROSSENTROPIES = (BinaryCrossentropy, SparseCategoricalCrossentropy, CategoricalCrossentropy)
_SUITABLE: dict[str, tuple[Any, Any, Any]] = {
    "acc": _ACCURACIES,
    "accuracy": _ACCURACIES,
    "ce": _CROSSENTROPIES,
    "crossentropy": _CROSSENTROPIES,
}


def __getattr__(name: str) -> Any:
    """The functions of losses, which Keras has here, too: `metrics.mean_squared_error`, `metrics.MSE`, ..."""
    known = ALIASES.get(name.lower(), name)
    if known in LOSSES and name in (name.lower(), name.upper()):
        return getattr(losses, known)
    raise missing(__name__, name)


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
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        return _made(str(identifier["class_name"]), dict(identifier.get("config", {})))
    if isinstance(identifier, str):
        try:
            return _made(identifier, {"name": identifier})
        except TypeError:
            cure = f"Pass gm.metrics.{_named(identifier).__name__}(...)."
            raise ValueError(f"The metric {identifier!r} needs arguments. {cure}") from None
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
    """As `get`; `"accuracy"` and `"crossentropy"` become the one that suits the loss and the shapes.

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
    suitable = _SUITABLE.get(identifier.lower()) if isinstance(identifier, str) else None
    if suitable is None:
        return get(identifier)
    scores = bool(getattr(loss, "from_logits", False))
    binary, sparse, categorical = suitable
    if isinstance(loss, (_BinaryLoss, _BinaryFocal)) or output_shape[-1:] == (1,):
        more = {"threshold": 0.0 if scores else 0.5} if binary is BinaryAccuracy else {"from_logits": scores}
        return binary(name=identifier, **more)
    one_number = len(target_shape) < len(output_shape) or target_shape[-1:] == (1,)
    more = {} if binary is BinaryAccuracy else {"from_logits": scores}
    return (sparse if one_number else categorical)(name=identifier, **more)


def serialize(metric: Metric) -> dict[str, Any]:
    """What `deserialize` makes the metric from again: its class and arguments."""
    return {"class_name": registered_name(type(metric)) or type(metric).__name__, "config": metric.get_config()}


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Metric:
    """A metric from a name or from what `serialize` returned.

    Args:
        config: either.
        custom_objects: classes and functions of your own, by name.

    Raises:
        ValueError: for an unknown name.
    """
    with CustomObjectScope(custom_objects):
        return get(config)


def _made(name: str, config: dict[str, Any]) -> Metric:
    found = _named(name)
    if isinstance(found, type) and issubclass(found, Loss):
        label = config.pop("name", None)
        return MeanLoss(found.from_config(config), label)
    made: Metric = found.from_config(config) if hasattr(found, "from_config") else MeanMetricWrapper(found, **config)
    return made


def _named(name: str) -> Any:
    """What a name stands for: the class of a metric, of a loss without a metric, or what was registered."""
    for known in (name, ALIASES.get(name.lower()), snake_case(name)):
        found = CLASSES.get(known) or LOSSES.get(known) or _OTHERS.get(known)  # type: ignore[arg-type]
        if found is not None:
            return found
    registered = get_registered_object(name)
    if registered is None:
        raise ValueError(f"Unknown metric {name!r}.{did_you_mean(name, {*CLASSES, *LOSSES, *ALIASES})}")
    return registered
