"""What a layer asks of its weights and outputs: how weights begin, what they satisfy, what all adds to the loss.

Losses of calls, from `add_loss` and activity regularizers, stay with the layer until the next call from outside. Those
of weights are computed when somebody asks for `losses`, inside the training step for example, where they are recorded.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gemmule import constraints, deferral, initializers, ops, regularizers
from gemmule.errors import received
from gemmule.layers.holding import Holder, calls, penalty
from gemmule.layers.structure import leaves
from gemmule.leftovers import LAYER, Renamed
from gemmule.ops.shapes import as_tensor
from gemmule.scope import layer_scope
from gemmule.symbolic import SymbolicTensor
from gemmule.tensor import Tensor, Variable

_FAMILIES: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
_holding: weakref.WeakSet[Any] = weakref.WeakSet()  # layers with losses of calls: mostly none


class Ruled(Holder, Renamed):
    """The part of `Layer` that knows initializers, regularizers, constraints and losses; a base class for it alone."""

    _untracked = Holder._untracked | {"_call_losses"}
    _leftovers = LAYER
    _call_losses: list[Tensor]
    activity_regularizer: Callable[[Tensor], Tensor] | None

    # ---- Rules for weights -----------------------------------------------------------------------------------------

    def _keep_rules(self, rules: Mapping[str, Any]) -> None:
        """Keeps initializers, regularizers and constraints under the names of the arguments they came in by."""
        for name, identifier in rules.items():
            setattr(self, name, self._find(_FAMILIES[name.rsplit("_", 1)[1]].get, identifier))

    def _rules_of(self, weight: str) -> dict[str, Any]:
        """The arguments of `add_weight` for a weight, from `<weight>_initializer` and so on."""
        return {family: getattr(self, f"{weight}_{family}", None) for family in _FAMILIES}

    def _rules_config(self, *weights: str) -> dict[str, Any]:
        """The part of the configuration that `_keep_rules` needs for these weights."""
        return {
            f"{weight}_{family}": module.serialize(getattr(self, f"{weight}_{family}"))
            for weight in weights
            for family, module in _FAMILIES.items()
            if hasattr(self, f"{weight}_{family}")
        }

    # ---- Losses ----------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Adds something that depends on this call to the loss of the model; to be used in `call`.

        Args:
            loss: a tensor, or several; the sum of its elements counts.

        Raises:
            ValueError: for what is no tensor.

        Example:
            >>> class Reconstruction(gm.layers.Layer):
            ...     def call(self, inputs):
            ...         self.add_loss(0.05 * gm.ops.mean(gm.ops.square(inputs)))
            ...         return inputs
        """
        self._check_initialized()
        for one in leaves(loss):
            if isinstance(one, SymbolicTensor):
                raise ValueError(
                    f'"{self.name}": a symbolic tensor cannot be added to the loss. Compute the loss in call() of a '
                    f"Layer subclass, with self.add_loss(...), and call that layer on the tensor.{received(loss=one)}"
                )
            if not isinstance(one, Tensor):
                raise ValueError(
                    f'"{self.name}": add_loss takes tensors computed in call(), with gm.ops.{received(loss=one)}'
                )
            if calls.keeps_losses:
                self._call_losses.append(one)
                _holding.add(self)

    def _add_activity_losses(self, outputs: Any) -> None:
        """Divided by the size of the batch, as in Keras, so that the batch size does not matter."""
        regularizer = self.activity_regularizer
        if regularizer is None or not calls.keeps_losses:
            return
        for output in leaves(outputs):
            if isinstance(output, Tensor):
                loss = penalty(regularizer, output, "the outputs")
                self.add_loss(ops.divide(loss, float(max(output.shape[0], 1))) if output.shape else loss)

    def _clear_losses(self) -> None:
        """Forgets the losses of the last call, before the next one from outside."""
        if not _holding:
            return
        for layer in self._flatten_layers():
            layer._call_losses.clear()
            _holding.discard(layer)

    @property
    def losses(self) -> list[Tensor]:
        """What the layer and its sublayers add to the loss: of their last call, then of their trained weights.

        `fit` and `evaluate` add them all to the compiled loss. In a loop of your own: `loss + sum(model.losses)`.
        """
        layers = list(self._flatten_layers())
        found = [loss for layer in layers for loss in layer._call_losses]
        for layer, variable in self._regularized(layers):
            with layer_scope(layer.name):
                found.append(penalty(variable.regularizer, variable, variable.path))
        return found

    def _regularized(self, layers: list[Any]) -> list[tuple[Any, Variable]]:
        """Trained variables with a regularizer, each once, and their layers."""
        held = [(layer, v) for layer in layers for _, v in layer._own_variables() if v.regularizer is not None]
        if not held:
            return []
        trained = deferral.trained()
        if trained is None:
            trained = {id(variable) for variable in self.trainable_weights}
        return list({id(v): (layer, v) for layer, v in reversed(held) if id(v) in trained}.values())[::-1]


def pop_rules(arguments: dict[str, Any], *weights: str) -> dict[str, Any]:
    """Takes initializers, regularizers and constraints of these weights out of a constructor's arguments."""
    names = [f"{weight}_{family}" for weight in weights for family in _FAMILIES]
    return {name: arguments.pop(name) for name in names if name in arguments}


@contextmanager
def without_losses() -> Iterator[None]:
    """Inside, calls leave no losses behind: predictions, and layers run on zeros to find shapes."""
    before, calls.keeps_losses = calls.keeps_losses, False
    try:
        yield
    finally:
        calls.keeps_losses = before


def total_loss(value: Tensor | None, losses: list[Tensor], dtype: Any) -> Tensor | None:
    """The compiled loss of a batch and all others, summed; `None` if there is none."""
    for loss in losses:
        loss = as_tensor(loss if loss.size == 1 and not loss.shape else ops.sum(loss), dtype)
        value = loss if value is None else ops.add(value, loss)
    return value
