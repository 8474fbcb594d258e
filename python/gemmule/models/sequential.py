"""`Sequential`: layers one behind the other."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from gemmule import ops
from gemmule.config import FLOATS
from gemmule.data.nested import Form
from gemmule.errors import received
from gemmule.layers.input import InputLayer
from gemmule.layers.layer import Layer
from gemmule.layers.serialization import deserialize, serialize
from gemmule.layers.structure import Shape, is_shape, map_tensors
from gemmule.models.model import Model, numbered_labels
from gemmule.ops.shapes import as_tensor
from gemmule.scope import layer_scope
from gemmule.symbolic import Node, SymbolicTensor, find, replace
from gemmule.tensor import Tensor


class Sequential(Model):
    """A stack of layers, each of which has one input and one output.

    With an `Input` in front, or `input_shape=` on the first layer, it is built at once; else by its first data.

    Args:
        layers: the layers, in order.
        trainable: whether the weights are trained.
        name: a unique name; `"sequential"` with a number by default.

    Raises:
        ValueError: if two layers have the same name, or shapes do not fit.
        TypeError: for something that is no layer.

    Example:
        >>> model = gm.Sequential([
        ...     gm.Input(shape=(28, 28)),
        ...     gm.layers.Flatten(),
        ...     gm.layers.Dense(10, activation="softmax"),
        ... ])
        >>> model(np.zeros((2, 28, 28))).shape
        (2, 10)
    """

    _untracked = Model._untracked | {"_stack", "_calls", "_start"}

    def __init__(self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name)
        self._stack: list[Layer] = []
        self._input_layer: InputLayer | None = None
        self._start: SymbolicTensor | None = None  # the graph of the stack, once shapes are known
        self._calls: list[Node] = []
        for layer in layers or ():
            self._append(layer)
        self._restack()
        if not trainable:
            self.trainable = False

    # ---- The stack -------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._stack)

    def add(self, layer: Any) -> None:
        """Puts a layer behind the others.

        Raises:
            ValueError: if its name is taken, or its input does not fit.
            TypeError: if it is no layer.
        """
        self._append(layer)
        self._restack()

    def pop(self) -> Layer:
        """Removes the last layer and returns it.

        Raises:
            ValueError: if there is none.
        """
        if not self._stack:
            raise ValueError(f'Sequential model "{self.name}" has no layer to remove.')
        layer = self._stack.pop()
        self._restack()
        return layer

    def _append(self, layer: Any) -> None:
        if isinstance(layer, SymbolicTensor) and layer.node and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        _check_layer(layer)
        if any(part is self for part in layer._flatten_layers()):
            raise ValueError(
                f'Sequential model "{self.name}" cannot hold "{layer.name}", which holds "{self.name}": it would be a '
                "part of itself. Add a copy instead: gm.models.clone_model(model)."
            )
        if not self._stack:  # the first layer decides, as in a functional model
            self._dtype, self._array_dtype = layer.dtype, layer._array_dtype
        if layer.dtype != self.dtype:
            raise ValueError(
                f'A model has one floating dtype: "{self.name}" is {self.dtype}, but its layer "{layer.name}" is '
                f"{layer.dtype}. Leave out dtype= of the layers, and call gm.config.set_floatx({layer.dtype!r}) before "
                "making the model if you want that type for all."
            )
        if isinstance(layer, InputLayer):
            self._set_input(layer)
            return
        if not self._stack and self._input_layer is None and layer._input_shape_arg is not None:
            self._set_input(InputLayer(shape=layer._input_shape_arg, dtype=self.dtype))
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                f'The layers of a Sequential model have different names, but "{layer.name}" comes twice. Pass another '
                f"name= to one of them, and a layer only once.{received(layer=layer)}"
            )
        self._stack.append(layer)

    def _set_input(self, layer: InputLayer) -> None:
        if self._stack or self._input_layer is not None:
            raise ValueError(
                f'Sequential model "{self.name}" takes one Input, before all layers. A model with several inputs is '
                f"gm.Model(inputs, outputs).{received(layer=layer)}"
            )
        self._input_layer, self._predictor = layer, None

    def _restack(self) -> None:
        """Builds anew after the stack changed."""
        self.layer_names = tuple(layer.name for layer in self._stack)  # public: a recorded step depends on it
        self._built, self._build_shape, self._input_shape, self._output_shape = False, None, None, None
        self._forms = {}
        self._forget_graph()
        if not self._stack:
            return
        if self._input_layer is not None:
            self.build(self._input_layer.batch_shape)
        elif isinstance(self._stack[0], Model) and is_shape(self._stack[0]._build_shape or 0):
            self.build(self._stack[0]._build_shape)

    def _forget_graph(self) -> None:
        for node in self._calls:
            node.operation._nodes.remove(node)
        self._start, self._calls = None, []

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic input, in a list; for `gm.Model(model.inputs, ...)`."""
        return [self.input]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs."""
        return find(self.output)

    @property
    def input(self) -> SymbolicTensor:
        """The symbolic tensor the first layer is called on."""
        if self._start is None:
            raise self._no_graph("input")
        return self._start

    @property
    def output(self) -> Any:
        """The symbolic tensor the last layer gives."""
        if not self._calls:
            raise self._no_graph("output")
        return self._calls[-1].outputs

    def _no_graph(self, what: str) -> AttributeError:
        return AttributeError(
            f'Sequential model "{self.name}" has no symbolic {what} yet, because it does not know the shape of its '
            "input. Begin it with gm.Input(...), or call it on data first."
        )

    input_structure, output_structure = input, output

    def _children(self) -> list[tuple[str, Layer]]:
        return self._with_attributes(numbered_labels(self._stack))

    @property
    def input_names(self) -> list[str]:
        """The name of the only input."""
        return [self._input_layer.name if self._input_layer else "input"]

    @property
    def output_names(self) -> list[str]:
        """The name of the only output, that of the last layer."""
        return [self._stack[-1].name if self._stack else "output"]

    def input_dtypes(self, form: Form, arrays: Sequence[Any]) -> list[str]:
        """The type of its `Input`, if it begins with one."""
        return [self._input_layer.input_dtype if self._input_layer else self.dtype] * len(arrays)

    # ---- Shapes ----------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Creates all weights for inputs of the given shape.

        Args:
            input_shape: shape with `None` for the batch, such as `(None, 784)`.

        Raises:
            ValueError: if there are no layers, or shapes do not fit.
        """
        input_shape = input_shape or (self._input_layer.batch_shape if self._input_layer else None)
        if not is_shape(input_shape):
            raise ValueError(f'"{self.name}" is built for the shape of one input.{received(input_shape=input_shape)}')
        if not self._stack:
            raise ValueError(f'Sequential model "{self.name}" has no layers. Call model.add(layer) first.')
        if self._input_layer is not None and tuple(input_shape) != self._input_layer.batch_shape:
            raise ValueError(
                f'Sequential model "{self.name}" has an Input of shape {self._input_layer.batch_shape} and cannot be '
                f"built for another one.{received(input_shape=input_shape)}"
            )
        self._forget_graph()
        start = self._input_layer or InputLayer(batch_shape=input_shape, dtype=self.dtype, name=f"{self.name}_input")
        x = self._start = start.output
        for layer in self._stack:
            x = layer(x)
            self._calls.append(layer._nodes[-1])
        self._input_shape, self._output_shape = tuple(input_shape), replace(x, lambda tensor: tensor.shape)

    def _build_as_known(self) -> None:
        shapes = _known_shapes(self._stack[0]) if self._stack and not self._built else set()
        if len(shapes) == 1:
            self.build(shapes.pop())

    def _check_same_shape(self, input_shape: Any) -> None:
        if input_shape is not None and input_shape != self._build_shape:
            raise ValueError(
                f'Sequential model "{self.name}" is already built for the input shape {self._build_shape}.'
                f"{received(input_shape=input_shape)}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the last layer's output for a shape of the input."""
        for layer in self._stack:
            with layer_scope(layer.name):
                input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    # ---- Computing -------------------------------------------------------------------------------------------------

    def _prepare_weights(self, input_shape: Any) -> None:
        self._check_one_dtype()
        if is_shape(input_shape) and self._stack:
            self.build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Passes a tensor through all layers."""
        x = self._checked(inputs)
        for layer in self._stack:
            x = layer(x, training=training)
        return x

    def _convert(self, value: Any) -> Tensor:
        if self._input_layer is not None and self._input_layer.input_dtype not in FLOATS:
            return as_tensor(value, self._input_layer.input_dtype)
        return super()._convert(value)

    def _checked(self, inputs: Any) -> Tensor:
        if not self._stack:
            raise ValueError(f'Sequential model "{self.name}" has no layers. Call model.add(layer) first.')
        if not isinstance(inputs, Tensor):
            count = len(inputs)
            raise ValueError(
                f'Sequential model "{self.name}" takes one input, but got {count}. Concatenate them, or write '
                f"gm.Model(inputs, outputs).{received(shapes=map_tensors(lambda t: t.shape, inputs))}"
            )
        expected = self._build_shape
        if expected is None or _fits(inputs.shape, expected):
            return inputs
        if inputs.ndim == 1 and len(expected) == 2 and expected[1] in (1, None):
            return ops.expand_dims(inputs, -1)
        raise ValueError(
            f'Sequential model "{self.name}" expects examples of shape {expected[1:]}, the batch in front. '
            f"{_cure(inputs.shape, expected)} Received: examples of shape {inputs.shape[1:]}."
        )

    # ---- Configuration ---------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Classes and arguments of all layers."""
        layers = [self._input_layer, *self._stack] if self._input_layer else self._stack
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [serialize(layer) for layer in layers],
            "build_input_shape": self._build_shape,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, type[Layer]] | None = None) -> Any:
        """A model, with fresh weights, from what `get_config` returned."""
        model = cls([deserialize(layer, custom_objects) for layer in config["layers"]], name=config.get("name"))
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        if not config.get("trainable", True):
            model._trainable = False
        return model


def _check_layer(layer: Any) -> None:
    if isinstance(layer, type) and issubclass(layer, Layer):
        raise TypeError(f"A Sequential model takes layers, not classes. Write {layer.__name__}(...).")
    if not isinstance(layer, Layer):
        raise TypeError(f"A Sequential model takes layers.{received(layer=layer)}")
    parameters = inspect.signature(layer.call).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p.name for p in parameters if p.kind in positional and p.default is p.empty and p.name != "training"]
    if len(required) > 1:
        raise ValueError(
            f'A layer of a Sequential model has one input, but call() of "{layer.name}" requires '
            f"{', '.join(required)}. Give the others defaults, or write gm.Model(inputs, outputs)."
        )


def _known_shapes(layer: Layer) -> set[Shape]:
    """The shapes of inputs that a layer was built for, or called on in graphs."""
    found = [layer._input_shape, layer._build_shape, *(node.inputs[0].shape for node in layer._nodes)]
    return {tuple(shape) for shape in found if shape is not None and is_shape(shape)} if layer.built else set()


def _fits(shape: tuple[int, ...], expected: Shape) -> bool:
    """Whether a batch has the expected shape, whatever the number of examples."""
    return len(shape) == len(expected) and all(e is None or s == e for s, e in zip(shape[1:], expected[1:]))


def _cure(shape: tuple[int, ...], expected: Shape) -> str:
    example = expected[1:]
    if shape == example:
        return "Add the batch: x[np.newaxis]."
    if None not in example and prod(shape[1:]) == prod(example):  # type: ignore[arg-type]
        return f"Reshape each example: x.reshape({', '.join(map(str, (-1, *example)))})."
    return "Feed data of that shape, or change the Input of the model."
