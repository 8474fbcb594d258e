"""`Layer`, the base class: building on the first call, training and inference. What it holds: see `holding`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gemmule import naming, regularizers
from gemmule.config import FLOATS, floatx, standardize_dtype
from gemmule.errors import did_you_mean, not_yet, received
from gemmule.layers.arguments import make, needs_arguments, own_arguments
from gemmule.layers.holding import calls
from gemmule.layers.node import call_symbolically, infer_outputs
from gemmule.layers.rules import Ruled, without_losses
from gemmule.layers.structure import (
    Shape,
    batch_shapes,
    is_data,
    map_shapes,
    map_tensors,
    shapes_or_none,
    standardize_shape,
)
from gemmule.ops.shapes import as_tensor
from gemmule.scope import layer_scope
from gemmule.symbolic import Node, find, is_symbolic
from gemmule.tensor import Tensor


class Layer(Ruled):
    """The building block of models: a function of tensors with weights of its own.

    A subclass creates its weights in `build`, which runs once, when the shape of the input is known, and computes in
    `call` with `gm.ops`. Layers and variables set as attributes, alone or in lists and dicts, belong to it.

    Args:
        activity_regularizer: what the outputs of each call add to the loss, divided by the size of the batch.
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
    _training_position: int | None = None  # of the argument `training` of `call`
    _wants_floats = False  # whether integer inputs, too, are converted to `dtype`
    _old_arguments: Mapping[str, str] = {  # of Keras 2, and what to write now
        "batch_input_shape": "input_shape, the shape of one example",
        "weights": "set_weights on the built layer, or kernel_initializer",
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            parameters = list(inspect.signature(cls.call).parameters)[1:]
            cls._training_position = parameters.index("training") if "training" in parameters else None
        if "build" in cls.__dict__:
            cls.build = _counted_build(cls.__dict__["build"])  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Remembers the arguments of a class that has no configuration of its own."""
        layer = super().__new__(cls)
        if needs_arguments(cls):
            layer.__dict__["_arguments"] = args, kwargs
        return layer

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
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ValueError(f"The name of a layer is a string without slashes.{received(name=name)}")
        self._given_name = name
        self._name = name or naming.unique_name(naming.snake_case(type(self).__name__))
        self._dtype = _float_dtype(dtype)
        self._array_dtype = np.dtype(self._dtype)
        self._trainable = bool(trainable)
        self._autocast = bool(autocast)
        self._input_shape_arg = _example_shape(input_shape, input_dim)
        self._own_weights, self._frozen, self._call_losses = [], [], []
        self._nodes: list[Node] = []  # its calls on symbolic tensors
        self._built, self._building = False, 0
        self._build_shape: Any = None
        self._input_shape: Any = None
        self._output_shape: Any = None
        self.activity_regularizer = self._find(regularizers.get, activity_regularizer)

    def _refuse(self, unknown: dict[str, Any]) -> None:
        known = set(inspect.signature(type(self).__init__).parameters) | set(inspect.signature(Layer).parameters)
        first = next(iter(unknown))
        if first in self._old_arguments:
            kind = type(self).__name__
            raise TypeError(f"{kind} has no argument {first!r} any more. Use {self._old_arguments[first]}.")
        raise TypeError(
            f"{type(self).__name__} has no argument {first!r}."
            f"{did_you_mean(first, known - {'self', 'args', 'kwargs', 'unknown'})}"
        )

    def _check_supported(self, unsupported: dict[str, Any]) -> None:
        """Refuses arguments of Keras's that this version does not support, unless they are `None` or `False`."""
        for argument, value in unsupported.items():
            if value is not None and value is not False:
                raise not_yet(f"{type(self).__name__}({argument}=...)")

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
        with np.errstate(all="ignore"), without_losses():
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
        """The arguments that make this layer again; subclasses add theirs.

        For a class that does not define it, those it was made with.
        """
        base: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self.activity_regularizer is not None:
            base["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return own_arguments(self) | base

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer, without weights yet, from what `get_config` returned."""
        return make(cls, config)

    def _twin(self) -> Any:
        """A layer like this one, without weights yet."""
        return type(self).from_config(self.get_config())

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
        outer = calls.training
        resolved = bool(outer if training is None else training)
        calls.training = resolved
        if not calls.depth and calls.keeps_losses:
            self._clear_losses()
        calls.depth += 1
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
                if self.activity_regularizer is not None:
                    self._add_activity_losses(outputs)
        except (RecursionError, TypeError) as error:
            explained = self._explained(error)
            if explained is error:
                raise
            raise explained from None
        finally:
            calls.training = outer
            calls.depth -= 1
        if self._output_shape is None:
            self._note_shapes(inputs, outputs)
        if calls.watcher is not None:
            calls.watcher(self, outputs)
        return outputs

    def _explained(self, error: Exception) -> Exception:
        """What to raise for an error that says nothing of this layer; else the error itself."""
        if isinstance(error, TypeError):
            head, text = f"{self.call.__qualname__}() ", str(error)
            if not text.startswith(head):
                return error
            return TypeError(
                f'Layer "{self.name}" ({type(self).__name__}): call() {text[len(head) :]}. Its arguments are '
                f"({', '.join(inspect.signature(self.call).parameters)}); several inputs go into one list."
            )
        if calls.depth > 1:  # the outermost layer has room to say it
            return error
        return RuntimeError(
            f'Layer "{self.name}" calls itself without an end, or so do layers in it. Call other layers in call(); to '
            f"call what a parent class does, write super().call(inputs). Received: {error}."
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

    # ---- What it is ------------------------------------------------------------------------------------------------

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
        except TypeError:
            if input_shape is not None:
                raise
            raise ValueError(
                f'Layer "{self._name}" is built for the shape of its input, such as (None, 8).'
                f"{received(input_shape=input_shape)}"
            ) from None
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
