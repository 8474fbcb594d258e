"""`Layer`, the base class: weights, sublayers, building on the first call, training and inference."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gemmule import initializers, mutation, naming
from gemmule.config import FLOATS, floatx, standardize_dtype
from gemmule.errors import did_you_mean, not_yet, received
from gemmule.layers.node import call_symbolically, infer_outputs
from gemmule.layers.structure import (
    Shape,
    attributes_of,
    batch_shapes,
    count_elements,
    distinct,
    is_data,
    map_shapes,
    map_tensors,
    shapes_or_none,
    standardize_shape,
    unique,
)
from gemmule.ops.shapes import as_tensor
from gemmule.scope import layer_scope
from gemmule.symbolic import Node, find, is_symbolic
from gemmule.tensor import Tensor, Variable


class _Calls(threading.local):
    """What this thread is calling: nested layers take `training` from the call around them."""

    training: bool | None = None
    depth = 0


_calls = _Calls()


class Layer:
    """The building block of models: a function of tensors with weights of its own.

    A subclass creates its weights in `build`, which runs once, when the shape of the input is known, and computes in
    `call` with `gm.ops`. Layers and variables set as attributes, alone or in lists and dicts, belong to it.

    Args:
        activity_regularizer: not supported yet.
        trainable: whether the weights are trained.
        dtype: `"float32"` or `"float64"`; `gm.config.floatx()` by default.
        autocast: whether floating inputs are converted to `dtype`.
        name: a unique name; made from the class by default.
        input_shape: on the first layer of a `Sequential`: the shape of one example, instead of an `Input`.
        input_dim: the same for inputs of one dimension.

    Example:
        >>> class Scale(gm.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> Scale()([[1.0, 2.0]]).numpy()
        array([[1., 2.]], dtype=float32)
    """

    # Attributes of this class that no step depends on; those of subclasses are watched, whatever their names.
    _unwatched: frozenset[str] = frozenset(
        {"_built", "_building", "_build_shape", "_input_shape", "_output_shape", "_trainable", "_frozen", "_nodes"}
    )
    _untracked: frozenset[str] = frozenset({"_own_weights", "_frozen", "_nodes"})
    _training_position: int | None = None  # of the argument `training` of `call`
    _wants_floats = False  # whether integer inputs, too, are converted to `dtype`

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            parameters = list(inspect.signature(cls.call).parameters)[1:]
            cls._training_position = parameters.index("training") if "training" in parameters else None
        if "build" in cls.__dict__:
            cls.build = _counted_build(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            self._refuse(unknown)
        if activity_regularizer is not None:
            raise not_yet("The argument activity_regularizer")
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ValueError(f"The name of a layer is a string without slashes.{received(name=name)}")
        self._given_name = name
        self._name = name or naming.unique_name(naming.snake_case(type(self).__name__))
        self._dtype = _float_dtype(dtype)
        self._array_dtype = np.dtype(self._dtype)
        self._trainable = bool(trainable)
        self._autocast = bool(autocast)
        self._input_shape_arg = _example_shape(input_shape, input_dim)
        self._own_weights: list[Variable] = []  # made by add_weight, in order
        self._frozen: list[Variable] = []  # made trainable, but not while the layer is not
        self._nodes: list[Node] = []  # its calls on symbolic tensors
        self._built, self._building = False, 0
        self._build_shape: Any = None
        self._input_shape: Any = None
        self._output_shape: Any = None

    def _refuse(self, unknown: dict[str, Any]) -> None:
        known = set(inspect.signature(type(self).__init__).parameters) | set(inspect.signature(Layer).parameters)
        first = next(iter(unknown))
        raise TypeError(
            f"{type(self).__name__} has no argument {first!r}."
            f"{did_you_mean(first, known - {'self', 'args', 'kwargs', 'unknown'})}"
        )

    def _check_supported(self, unsupported: dict[str, Any]) -> None:
        """Refuses arguments of Keras's that this version does not support, unless they are `None` or `False`."""
        for argument, value in unsupported.items():
            if value is not None and value is not False:
                raise not_yet(f"{type(self).__name__}({argument}=...)")

    def _where(self) -> str:
        """The start of an error message outside of calls; inside of them there is `scope.where`."""
        return f'{naming.snake_case(type(self).__name__)} (layer "{self.name}")'

    def _find(self, get: Callable[[Any], Any], identifier: Any) -> Any:
        """What `activations.get` or `initializers.get` finds; their errors then name this layer."""
        try:
            return get(identifier)
        except (TypeError, ValueError) as error:
            text = str(error)
            raise type(error)(f"{self._where()}: {text[0].lower()}{text[1:]}") from None

    # ---- To be overridden ------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Creates the weights, with `add_weight`. Runs once, before the first call.

        Args:
            input_shape: shape of the input with `None` for the batch; a list or dict of them for several inputs.
        """

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes outputs from inputs. Takes `training` as an argument if it matters."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, inputs).")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for a shape of the input.

        A layer that does not define it is called on one example of zeros.

        Args:
            input_shape: shape with `None` for the batch.
        """
        zeros = map_shapes(self._zeros, standardize_shape(input_shape))
        with np.errstate(all="ignore"):
            return batch_shapes(self(zeros, training=False))

    def _knows_output_shape(self) -> bool:
        """Whether `compute_output_shape` follows a rule of the layer's own and tries nothing."""
        return type(self).compute_output_shape is not Layer.compute_output_shape

    def _zeros(self, shape: Shape) -> Tensor:
        if any(d is None for d in shape[1:]):
            raise ValueError(
                f'The output shape of layer "{self.name}" cannot be found out for unknown dimensions. Define '
                f"compute_output_shape(self, input_shape) in {type(self).__name__}.{received(input_shape=shape)}"
            )
        return Tensor(np.zeros([1 if d is None else d for d in shape], self._dtype))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again; subclasses add theirs."""
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer, without weights yet, from what `get_config` returned."""
        return cls(**config)

    # ---- Calling ---------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Converts the inputs, builds on the first call, and runs `call`.

        On symbolic tensors it computes nothing but adds the call to their graph, and returns symbolic tensors.

        Args:
            *args: tensors, arrays or lists of numbers, for `call`.
            training: whether this is training; by default what the enclosing call says, else inference.
            **kwargs: further arguments of `call`.
        """
        self._check_initialized()
        if is_symbolic(args) or (kwargs and is_symbolic(kwargs.values())):
            return call_symbolically(self, args, training, kwargs)
        position = self._training_position
        if position is not None and len(args) == position + 1:
            args, training = args[:-1], args[-1]
        outer = _calls.training
        resolved = bool(outer if training is None else training)
        _calls.training = resolved
        _calls.depth += 1
        try:
            with layer_scope(self._name):
                args = tuple([map_tensors(self._convert, arg) if is_data(arg) else arg for arg in args])
                kwargs = {k: map_tensors(self._convert, v) if is_data(v) else v for k, v in kwargs.items()}
                inputs = args[0] if args else next(iter(kwargs.values()), None)
                if args and not is_data(inputs):
                    raise TypeError(
                        f'Layer "{self.name}" was called on something that is no tensor, array or list of numbers.'
                        f"{received(inputs=inputs)}"
                    )
                if not self._built:
                    self._prepare_weights(shapes_or_none(inputs))
                if position is not None:
                    kwargs["training"] = resolved
                outputs = self.call(*args, **kwargs)
        finally:
            _calls.training = outer
            _calls.depth -= 1
        if self._output_shape is None:
            self._note_shapes(inputs, outputs)
        return outputs

    def _check_initialized(self) -> None:
        if "_output_shape" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ did not call super().__init__(). Call it first, before anything else."
            )

    def _convert(self, value: Any) -> Tensor:
        tensor = value if isinstance(value, Tensor) else as_tensor(value)
        dtype = tensor.dtype
        if dtype is self._array_dtype or not self._autocast:  # NumPy has one object for each type in native byte order
            return tensor
        if dtype.kind == "f" or self._wants_floats:
            return as_tensor(tensor, self._dtype)
        return tensor

    def _prepare_weights(self, input_shape: Any) -> None:
        self.build(input_shape)

    def _check_same_shape(self, input_shape: Any) -> None:
        """Refuses to build a second time, for another shape."""
        if self._own_weights and input_shape != self._build_shape:
            raise ValueError(
                f'Layer "{self.name}" is already built for the input shape {self._build_shape}. Make another layer for '
                f"another shape.{received(input_shape=input_shape)}"
            )

    def _note_shapes(self, inputs: Any, outputs: Any) -> None:
        if outputs is None:
            raise ValueError(f'Layer "{self.name}" returned None. Return the outputs from {type(self).__name__}.call.')
        self._built = True
        self._input_shape, self._output_shape = shapes_or_none(inputs), shapes_or_none(outputs)

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._built

    @built.setter
    def built(self, value: bool) -> None:
        self._built = bool(value)

    @property
    def input_shape(self) -> Any:
        """Shape of the input, `None` for the batch."""
        return self._known("input", self._input_shape or self._build_shape)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, `None` for the batch."""
        return self._known("output", self._output_shape)

    def _known(self, what: str, shape: Any) -> Any:
        if shape is None:
            raise AttributeError(f'Layer "{self.name}" has no {what} shape yet. Build it, or call it on data.')
        return shape

    @property
    def input(self) -> Any:
        """The symbolic tensors this layer was called on: one, or a list or dict of them."""
        node = self._only_node("input")
        return node.args[0] if len(node.args) == 1 and len(node.inputs) == len(find(node.args)) else node.inputs

    @property
    def output(self) -> Any:
        """The symbolic tensors this layer gave when it was called on some; `gm.Model(inputs, layer.output)` works."""
        return self._only_node("output").outputs

    def _infer_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return infer_outputs(self, args, kwargs)

    def _only_node(self, what: str) -> Node:
        if not self._nodes:
            raise AttributeError(
                f'Layer "{self.name}" has no symbolic {what} yet. Call it on gm.Input(...), or put it into a '
                "Sequential model that knows the shape of its input."
            )
        if len(self._nodes) > 1:
            raise AttributeError(
                f'Layer "{self.name}" was called on symbolic tensors {len(self._nodes)} times, so that its {what} is '
                "not one thing. Keep the tensor that the call you mean returned, and pass that to gm.Model."
            )
        return self._nodes[0]

    # ---- Weights and sublayers -------------------------------------------------------------------------------------

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
            regularizer: not supported yet.
            constraint: not supported yet.
            aggregation: only `"none"`.
            name: its name, `"kernel"` for example.

        Raises:
            RuntimeError: if the layer is already built.
        """
        self._check_initialized()
        if regularizer is not None or constraint is not None or aggregation != "none":
            raise not_yet("add_weight(regularizer=..., constraint=..., aggregation=...)")
        if self._built and not self._building:
            raise self._too_late(f"weight {name!r}" if name else "a weight")
        shape = () if shape is None else tuple(int(d) for d in ((shape,) if isinstance(shape, int) else shape))
        dtype = self.dtype if dtype is None else standardize_dtype(dtype)
        initializer = initializer or ("glorot_uniform" if dtype in FLOATS else "zeros")
        values = self._find(initializers.get, initializer)(shape, dtype=dtype)
        values = values.array if isinstance(values, Tensor) else values
        variable = Variable(values, shape=shape, dtype=dtype, trainable=trainable, name=name or "weight")
        variable.path = f"{self.name}/{variable.name}"
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
        if isinstance(value, (Layer, Variable)) and state.get(name) is not value:
            self._adopt(name, value)
        if isinstance(value, (Layer, Variable, list, tuple, Mapping)):
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
        if _calls.depth and self.__dict__.get("_built") and not self._building:
            raise self._too_late(f"the attribute {name!r}, which holds weights,")
        if isinstance(value, Layer) and any(part is self for part in value._flatten_layers()):
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
        for label, layer in attributes_of(self, (Layer,), self._untracked):
            found.setdefault(id(layer), (label, layer))
        return list(found.values())

    def _flatten_layers(self) -> Iterator[Layer]:
        """This layer and all below it, each once."""
        seen: set[int] = set()
        waiting: list[Layer] = [self]
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

    # ---- What it is ------------------------------------------------------------------------------------------------

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

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            f'Layer "{self.name}" cannot be copied or pickled yet: its weights lie in memory that recorded steps point '
            "to. Make another one with type(layer).from_config(layer.get_config()) and set_weights, or save_weights."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.__dict__.get('_name')}, built={self.__dict__.get('_built')}>"


def _counted_build(build: Callable[..., None]) -> Callable[..., None]:
    """`build` with its bookkeeping: outermost call only, in the layer's scope, once."""

    @functools.wraps(build)
    def counted(self: Layer, input_shape: Any = None) -> None:
        self._check_initialized()
        if self._building:
            return build(self, input_shape)
        if input_shape is not None:
            input_shape = standardize_shape(input_shape)
        if self._built:
            self._check_same_shape(input_shape)
            return None
        self._building += 1
        try:
            with layer_scope(self._name):
                build(self, input_shape)
        finally:
            self._building -= 1
        self._built, self._build_shape = True, input_shape
        return None

    return counted


Layer.build = _counted_build(Layer.build)  # type: ignore[method-assign]


def _float_dtype(dtype: Any) -> str:
    name = standardize_dtype(dtype) if dtype is not None else floatx()
    if name not in FLOATS:
        raise ValueError(f"The dtype of a layer is one of {', '.join(FLOATS)}.{received(dtype=dtype)}")
    return name


def _example_shape(input_shape: Any, input_dim: Any) -> Shape | None:
    if input_dim is not None:
        input_shape = (input_dim,)
    if input_shape is None:
        return None
    return standardize_shape((input_shape,) if isinstance(input_shape, int) else input_shape)
