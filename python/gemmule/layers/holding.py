"""What a layer holds: its weights and sublayers, and which of them are trained."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule import constraints, initializers, mutation, naming, regularizers
from gemmule.config import FLOATS, standardize_dtype
from gemmule.errors import not_yet, received
from gemmule.layers.structure import attributes_of, count_elements, distinct, unique
from gemmule.ops.shapes import as_tensor
from gemmule.scope import layer_scope, where
from gemmule.tensor import Tensor, Variable

if TYPE_CHECKING:
    from gemmule.layers.layer import Layer


class _Calls(threading.local):
    """What this thread is calling: nested layers take `training` from the call around them."""

    training: bool | None = None
    depth = 0
    keeps_losses = True
    blank: int | None = None  # bytes of weights that may still be made without values, which a file will give
    watcher: Callable[[Layer, Any], None] | None = None  # sees each layer and its outputs; see `watching`


calls = _Calls()


@contextmanager
def blank_weights(nbytes: int) -> Iterator[None]:
    """Inside of the block, layers make their weights without drawing values: they will be read from a file.

    Args:
        nbytes: how many bytes they may take in all, so that a damaged file cannot ask for more than it holds.
    """
    before, calls.blank = calls.blank, nbytes
    try:
        yield
    finally:
        calls.blank = before


def _take_blank(left: int, shape: tuple[int, ...], dtype: str) -> None:
    calls.blank = left - math.prod(shape) * np.dtype(dtype).itemsize
    if calls.blank < 0:
        raise ValueError(f"the configuration asks for far more weights than the file holds.{received(shape=shape)}")


@contextmanager
def watching(watcher: Callable[[Layer, Any], None]) -> Iterator[None]:
    """Shows `watcher` each layer that this thread calls inside the block, and what the layer returned."""
    before, calls.watcher = calls.watcher, watcher
    try:
        yield
    finally:
        calls.watcher = before


_FIRST = frozenset({"_name", "_dtype", "_built", "_own_weights", "_stack", "_input_layer"})  # what __init__ makes


class Holder:
    """The half of `Layer` that looks after weights and sublayers; a base class for `Layer` alone."""

    _untracked: frozenset[str] = frozenset({"_own_weights", "_frozen", "_nodes", "_arguments"})
    _name: str
    _dtype: str
    _trainable: bool
    _built: bool
    _building: int
    _own_weights: list[Variable]  # made by add_weight, in order
    _frozen: list[Variable]  # made trainable, but not while the layer is not

    @property
    def name(self) -> str:
        """The layer's name."""
        return self._name

    @property
    def dtype(self) -> str:
        """Floating type of weights and computation."""
        return self._dtype

    compute_dtype = dtype
    variable_dtype = dtype

    def __getattr__(self, name: str) -> Any:
        if name in _FIRST:
            self._check_initialized()
        return super().__getattr__(name)  # type: ignore[misc]

    def _check_initialized(self) -> None:
        if "_output_shape" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ did not call super().__init__(). Call it first, before anything else."
            )

    def _where(self) -> str:
        """The start of an error message outside of calls; inside of them there is `scope.where`."""
        return f'{naming.snake_case(type(self).__name__)} (layer "{self.name}")'

    def _find(self, get: Callable[[Any], Any], identifier: Any) -> Any:
        """What `activations.get`, `initializers.get` and the like find; their errors then name this layer."""
        try:
            return get(identifier)
        except (TypeError, ValueError) as error:
            text = str(error)
            raise type(error)(f"{self._where()}: {text[0].lower()}{text[1:]}") from None

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Creates a variable that belongs to the layer; to be used in `build` or `__init__`.

        Args:
            shape: its shape, `()` by default.
            initializer: name, object or function; `"glorot_uniform"` by default, `"zeros"` for integers.
            dtype: its type, the layer's by default.
            trainable: whether it is trained.
            autocast: accepted for Keras's sake; variables have the type of the computation anyway.
            regularizer: what it adds to the loss: name, object or function of it.
            constraint: what optimizers hold it to after each step: name, object or function of it.
            aggregation: only `"none"`.
            name: its name, `"kernel"` for example.

        Raises:
            RuntimeError: if the layer is already built.
        """
        self._check_initialized()
        if aggregation != "none":
            raise not_yet(f"add_weight(aggregation={aggregation!r})")
        if isinstance(shape, str):
            raise TypeError(
                f"{self._where()}: the shape of a weight comes first. Write add_weight(shape=..., name={shape!r})."
            )
        if self._built and not self._building:
            raise self._too_late(f"weight {name!r}" if name else "a weight")
        shape = () if shape is None else tuple(int(d) for d in ((shape,) if isinstance(shape, int) else shape))
        dtype = self.dtype if dtype is None else standardize_dtype(dtype)
        initializer = initializer or ("glorot_uniform" if dtype in FLOATS else "zeros")
        if calls.blank is not None:
            _take_blank(calls.blank, shape, dtype)
            values = None
        else:
            values = self._find(initializers.get, initializer)(shape, dtype=dtype)
            values = values.array if isinstance(values, Tensor) else values
        variable = Variable(values, shape=shape, dtype=dtype, trainable=trainable, name=name or "weight")
        variable.path = f"{self.name}/{variable.name}"
        variable._regularizer = self._find(regularizers.get, regularizer)
        variable.constraint = self._find(constraints.get, constraint)
        with layer_scope(self.name):
            _check_rules(variable)
        if trainable and not self._trainable:
            variable.trainable = False
            self._frozen.append(variable)
        self._own_weights.append(variable)
        mutation.count_holding()
        return variable

    def _too_late(self, what: str) -> RuntimeError:
        return RuntimeError(
            f'Layer "{self.name}" creates {what} after it was built: it would never be trained. '
            f"Create it in {type(self).__name__}.__init__ or build."
        )

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, (Holder, Variable)) and state.get(name) is not value:
            self._adopt(name, value)
        if isinstance(value, (Holder, Variable, mutation.Watched, list, tuple, Mapping)):  # metrics are watched
            mutation.count_holding()
        if name not in state and state.get("_built") and isinstance(getattr(type(self), name, self), mutation.PLAIN):
            state[name] = getattr(type(self), name)  # a class's default, overruled on a layer that may be recorded
        before = state.get(name)
        if before is not value and (isinstance(before, Variable) or isinstance(value, Variable)):
            mutation.note_change(self, name, id(value))  # another variable, or none, in its place
        else:
            mutation.note_change(self, name, value)
        object.__setattr__(self, name, value)

    def _adopt(self, name: str, value: Any) -> None:
        if calls.depth and self.__dict__.get("_built") and not self._building:
            raise self._too_late(f"the attribute {name!r}, which holds weights,")
        if isinstance(value, Holder) and any(part is self for part in value._flatten_layers()):
            raise ValueError(
                f'Layer "{self.__dict__.get("_name")}" cannot hold layer "{value.name}" as its attribute {name!r}: it '
                "would be a part of itself. Keep the reference outside of the layers."
            )
        if isinstance(value, Variable) and value.path == value.name and "_name" in self.__dict__:
            value.path = f"{self._name}/{value.name}"

    def _own_variables(self) -> list[tuple[str, Variable]]:
        """The variables of this layer alone, labelled by the attribute that holds them, else by their names."""
        held = list(attributes_of(self, (Variable,), self._untracked))
        labels = {id(variable): label for label, variable in reversed(held)}
        variables = unique([*self._own_weights, *(variable for _, variable in held)])
        return distinct([(labels.get(id(variable), variable.name), variable) for variable in variables])

    def _children(self) -> list[tuple[str, Layer]]:
        """The direct sublayers, each once, labelled by the attributes that hold them."""
        found: dict[int, tuple[str, Layer]] = {}
        for label, layer in attributes_of(self, (Holder,), self._untracked):
            found.setdefault(id(layer), (label, layer))
        return list(found.values())

    def _flatten_layers(self) -> Iterator[Layer]:
        """This layer and all below it, each once."""
        seen: set[int] = set()
        waiting: list[Any] = [self]
        while waiting:
            layer = waiting.pop(0)
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                waiting[:0] = [child for _, child in layer._children()]

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; setting it sets all sublayers. Takes effect in `compile`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        for layer in self._flatten_layers():
            layer._trainable = value
            layer._set_variables(value)

    def _set_variables(self, value: bool) -> None:
        if any(variable.regularizer is not None for _, variable in self._own_variables()):
            mutation.count_change()  # recorded steps that add its penalty
        if value:
            for variable in self._frozen:
                variable.trainable = True
            self._frozen = []
            return
        for _, variable in self._own_variables():
            if variable.trainable:
                variable.trainable = False
                self._frozen.append(variable)

    @property
    def weights(self) -> list[Variable]:
        """All variables of the layer and its sublayers: of each, the trainable ones first."""
        found: list[Variable] = []
        for layer in self._flatten_layers():
            own = [variable for _, variable in layer._own_variables()]
            frozen = {id(variable) for variable in layer._frozen}
            found += sorted(own, key=lambda v: not (v.trainable or id(v) in frozen))
        return unique(found)

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that are trained."""
        if not self._trainable:
            return []
        own = [variable for _, variable in self._own_variables() if variable.trainable]
        return unique([*own, *(v for _, child in self._children() for v in child.trainable_weights)])

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that are not trained."""
        trained = {id(variable) for variable in self.trainable_weights}
        return [variable for variable in self.weights if id(variable) not in trained]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replaces all weights; nothing changes unless all fit.

        Raises:
            ValueError: if number or shapes differ.
        """
        variables = self.weights
        if len(weights) != len(variables):
            raise ValueError(
                f'"{self.name}" has {len(variables)} weights, but {len(weights)} arrays were given.'
                + ("" if variables else " It is not built yet: build it, or call it on data, first.")
                + f" Expected shapes: {[v.shape for v in variables]}."
            )
        arrays = [np.asarray(value) for value in weights]
        for index, (variable, array) in enumerate(zip(variables, arrays)):
            if variable.shape != array.shape:
                raise ValueError(
                    f'Weight {index} of "{self.name}", {variable.path}, has shape {variable.shape} and cannot be '
                    f"replaced by an array of another shape.{received(shape=array.shape)} Nothing was changed."
                )
        for variable, array in zip(variables, arrays):
            variable.assign(array)

    def count_params(self) -> int:
        """Number of elements of all weights.

        Raises:
            ValueError: if the layer is not built.
        """
        if not self._built:
            raise ValueError(f'Layer "{self.name}" has no weights yet. Build it, or call it on data, first.')
        return count_elements(self.weights)


def penalty(regularizer: Callable[[Any], Any], x: Tensor, of: str) -> Tensor:
    """What a regularizer says of a tensor.

    Args:
        regularizer: an object or a function.
        x: a weight, or outputs of a layer.
        of: what it is, for messages.

    Raises:
        TypeError: if it returns neither a tensor nor a number.
    """
    value = regularizer(x)
    if not isinstance(value, (Tensor, int, float)) or isinstance(value, np.generic):
        raise TypeError(
            f"{where('regularizer')}: what it returns for {of} must be a tensor, computed with gm.ops."
            f"{received(value=value)}"
        )
    return as_tensor(value, x.dtype)


def _check_rules(variable: Variable) -> None:
    """Tries regularizer and constraint of a new weight: what does not work shall not wait for the training."""
    if variable.regularizer is not None:
        penalty(variable.regularizer, variable, variable.path)
    if variable.constraint is not None:
        shape = np.shape(variable.constraint(variable))
        if shape != variable.shape:
            raise ValueError(
                f"{where('constraint')}: it must keep the shape {variable.shape} of {variable.path}."
                f"{received(shape=shape)}"
            )
