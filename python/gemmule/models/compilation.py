"""`compile`: the half of a trainer that knows optimizer, losses and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from gemmule.errors import not_yet, received
from gemmule.layers.structure import unique
from gemmule.models.compiled import Compiled
from gemmule.models.measures import Measures, held_metrics
from gemmule.models.objective import Objective
from gemmule.models.outputs import Outputs
from gemmule.models.predictor import Predictor
from gemmule.models.runner import EpochRunner

if TYPE_CHECKING:
    from gemmule.models.model import Model


class Compilation:
    """What `Trainer` was compiled with, as arguments and attributes that can be read and set."""

    _compiled: Compiled | None = None
    _predictor: Predictor | None = None
    _progress: Any
    _interrupted: Any
    run_eagerly = False
    jit_compile: bool | str = "auto"

    @property
    def output_names(self) -> list[str] | None:
        """Names of the outputs in order; `None` when only `call` knows what it returns."""
        return None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Chooses optimizer, loss and metrics. Which weights are trainable is fixed now, as in Keras.

        A model with several outputs is trained on the sum of `loss_weight * loss` over them. The logs then hold
        `"loss"`, the sum, `"<output>_loss"` without the weight, and `"<output>_<metric>"`.

        Args:
            optimizer: name or optimizer object.
            loss: name, `Loss` object or function of `(y_true, y_pred)`, for all outputs; or a list with one for each
                output, or a dict by their names. `None` there, or a name left out, is an output without a loss.
            loss_weights: numbers in a list or dict likewise, 1 by default. See the attribute of that name.
            metrics: list of names, `Metric` objects or functions; `"accuracy"` is chosen by the loss. For several
                outputs a list with one entry, a metric or a list of them, for each; or a dict by their names.
            weighted_metrics: like `metrics`, weighted by sample and class weights.
            run_eagerly: never record a step; for debugging.
            steps_per_execution: only 1; many batches run in one call anyway.
            jit_compile: `True` raises `PlanError` when a step cannot be recorded; `"auto"` warns and goes on
                eagerly; `False` is the same as `run_eagerly=True`.
            auto_scale_loss: only `True`; it concerns mixed precision, which gemmule does not use.

        Raises:
            ValueError: for unknown names, those of outputs too. A model of one's own that was not called yet does not
                know its outputs: then they are compared when it is first trained or evaluated.

        Example:
            >>> model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
            >>> two_outputs.compile("adam", loss={"price": "mse", "kind": "sparse_categorical_crossentropy"},
            ...                     loss_weights={"price": 0.1}, metrics={"kind": ["accuracy"]})
        """
        if steps_per_execution != 1:
            raise not_yet("compile(steps_per_execution=...) other than 1")
        if auto_scale_loss is not True:
            raise not_yet("compile(auto_scale_loss=False)")
        if jit_compile not in (True, False, "auto"):
            raise ValueError(f"jit_compile must be True, False or 'auto'.{received(jit_compile=jit_compile)}")
        model = cast("Model", self)
        self._check_outputs(loss=loss, loss_weights=loss_weights, metrics=metrics, weighted_metrics=weighted_metrics)
        objective, measures = Objective(loss, loss_weights, model.dtype), Measures(metrics, weighted_metrics)
        self.run_eagerly = bool(run_eagerly) or jit_compile is False
        self.jit_compile = jit_compile
        self._compiled = Compiled(model, optimizer, objective, measures)
        self._runner = EpochRunner(model, self._compiled)
        self._progress = self._interrupted = None
        self._predictor = None  # run_eagerly and jit_compile concern predictions, too

    def _check_outputs(self, **settings: Any) -> None:
        """Refuses dicts with names of outputs that the model does not have, if its outputs are known."""
        result = getattr(self, "output", None)  # symbolic; none in models that were not built or are no graphs
        if result is not None and self.output_names is not None:
            outputs = Outputs.of(result, self.output_names)
            for argument, value in settings.items():
                outputs.check_names(argument, value)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Any:
        """The compiled optimizer, or `None`."""
        return self._compiled.optimizer if self._compiled else None

    @property
    def loss(self) -> Any:
        """The compiled loss (for several outputs a list or dict of them, if one was given), or `None`."""
        return self._compiled.objective.loss if self._compiled else None

    @property
    def loss_weights(self) -> Any:
        """The weights of the losses as given to `compile`. They can be set at any time, during `fit` too.

        Example:
            >>> model.loss_weights = {"main": 1.0, "auxiliary": 0.1}
        """
        return self._compiled.objective.weights if self._compiled else None

    @loss_weights.setter
    def loss_weights(self, value: Any) -> None:
        compiled = self._require_compiled("loss_weights")
        self._check_outputs(loss_weights=value)
        compiled.objective.weights = value

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics, and those that the model and its layers have as attributes.

        As in Keras, those of models inside of it do not count.
        """
        if self._compiled is None:
            return held_metrics(cast("Model", self))
        return unique([*self._compiled.metrics, *self._compiled.held_metrics()])

    @property
    def metrics_names(self) -> list[str]:
        """Their names, in the order `evaluate` returns them."""
        return [*self._compiled.named_metrics()] if self._compiled else [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Sets all metric sums to zero."""
        for metric in self.metrics:
            metric.reset_state()

    def _require_compiled(self, method: str) -> Compiled:
        if self._compiled is None:
            raise RuntimeError(
                f"{method}() needs a compiled model. Call model.compile(optimizer=..., loss=...) before {method}()."
            )
        return self._compiled
