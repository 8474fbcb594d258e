"""`Functional`: the model behind `gm.Model(inputs, outputs)`, a graph of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.data.adapter import check_exact
from gemmule.data.nested import Form, put_together
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import leaves, map_shapes
from gemmule.models.graph import Graph
from gemmule.models.graph_config import graph_to_config
from gemmule.models.model import Model, numbered_labels
from gemmule.models.sequential import _cure, _fits
from gemmule.ops.shapes import as_tensor
from gemmule.symbolic import SymbolicTensor, find, replace
from gemmule.tensor import Tensor


class Functional(Model):
    """A model made of symbolic tensors; write `gm.Model(inputs, outputs)`.

    Args:
        inputs: what `gm.Input` returned, or another symbolic tensor; or a list, tuple or dict of them.
        outputs: symbolic tensors computed from the inputs, alone or in a list, tuple or dict.
        trainable: whether the weights are trained.
        dtype: floating type; that of the layers by default.
        name: a unique name; `"functional"` with a number by default.

    Raises:
        TypeError: for what is no symbolic tensor.
        ValueError: if an input does not reach the outputs, an output depends on an input that is not listed, or two
            layers have the same name.

    Example:
        >>> x = gm.Input((8,))
        >>> hidden = gm.layers.Dense(8, activation="relu")(x)
        >>> model = gm.Model(x, gm.layers.Dense(1)(hidden + x))
        >>> model(np.zeros((5, 8))).shape
        (5, 1)
    """

    _untracked = Model._untracked | {"_graph", "_layers"}
    _wants_floats = False  # each input is converted to the type its Input has

    def _init_graph(
        self,
        inputs: Any = None,
        outputs: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        """What `Model.__init__` does when it is called with inputs and outputs."""
        _check_structure("inputs", inputs)
        _check_structure("outputs", outputs)
        inner = [t.node.operation for t in find(outputs) if t.node and isinstance(t.node.operation, Layer)]
        Layer.__init__(self, dtype=dtype or (inner[0].dtype if inner else None), name=name)
        self.input_structure, self.output_structure = inputs, outputs
        self._graph = Graph(self.name, find(inputs), find(outputs))
        self._layers = [operation for operation in self._graph.operations if isinstance(operation, Layer)]
        self._check_one_dtype()
        self._built = True
        self._build_shape = self._input_shape = replace(inputs, lambda tensor: tensor.shape)
        self._output_shape = replace(outputs, lambda tensor: tensor.shape)
        if not trainable:
            self.trainable = False

    # ---- What it is made of ----------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which they were first called."""
        return list(self._layers)

    @property
    def operations(self) -> list[Any]:
        """The layers and, between them, the ops that were called on symbolic tensors."""
        return list(self._graph.operations)

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs, in order."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs, in order."""
        return list(self._graph.outputs)

    @property
    def input(self) -> Any:
        """The symbolic inputs as they were given: one, or a list, tuple or dict."""
        return self.input_structure

    @property
    def output(self) -> Any:
        """The symbolic outputs as they were given: one, or a list, tuple or dict."""
        return self.output_structure

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: the keys if they were given as a dict, else those of their `Input`s."""
        return _names(self.input_structure, [layer.name for layer in self._graph.input_layers])

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: the keys if they were given as a dict, else those of the layers they come from."""
        return _names(self.output_structure, [tensor.name for tensor in self._graph.outputs])

    def _children(self) -> list[tuple[str, Layer]]:
        return self._with_attributes(numbered_labels(self._layers))

    # ---- Computing -------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Runs all layers, in the order in which they were called on symbolic tensors.

        Args:
            inputs: tensors in the structure that the inputs were given in, a list in their order, or a dict by name.
            training: whether this is training.

        Returns:
            Tensors in the structure of the outputs.
        """
        feeds = [
            self._checked(tensor, value, name)
            for tensor, value, name in zip(self._graph.inputs, self._in_order(inputs), self.input_names)
        ]
        results = iter(self._graph.run(feeds))
        if isinstance(self.output_structure, SymbolicTensor):
            return next(results)
        return replace(self.output_structure, lambda _: next(results))

    def input_dtypes(self, form: Form, arrays: Sequence[Any]) -> list[str]:
        """Each array has the type of its `Input`."""
        dtypes = super().input_dtypes(form, arrays)
        views = [array.view() for array in arrays]  # told apart, even if one array is given for two inputs
        place = {id(view): number for number, view in enumerate(views)}
        try:
            ordered = self._in_order(put_together(form, views))
        except ValueError:
            return dtypes
        for tensor, view in zip(self._graph.inputs, ordered):
            if view is not None:
                dtypes[place[id(view)]] = tensor.dtype.name
        return dtypes

    def _convert(self, value: Any) -> Tensor:
        return as_tensor(value)

    def _prepare_weights(self, input_shape: Any) -> None:
        """Every layer was built when it was called on symbolic tensors."""

    def _in_order(self, structure: Any) -> list[Any]:
        """One value for each input, from a structure of tensors or of shapes."""
        matched = _matched(self.input_structure, structure)
        if matched is not None:
            return matched
        if isinstance(structure, Mapping):
            return self._by_name(structure)
        flat = list(_flat(structure))
        count = len(self._graph.inputs)
        if len(flat) != count:
            raise ValueError(
                f'Model "{self.name}" takes {count} input{"s" if count > 1 else ""} ({", ".join(self.input_names)}), '
                f"but got {len(flat)}.{received(shapes=[_shape(value) for value in flat])}"
            )
        return flat

    def _by_name(self, values: Mapping[str, Any]) -> list[Any]:
        names = [layer.name for layer in self._graph.input_layers]
        if set(names) != set(values):
            names = self.input_names
        missing = [name for name in names if name not in values]
        extra = [str(name) for name in values if name not in names]
        if missing or extra:
            raise ValueError(
                f'Model "{self.name}" takes a dict with the keys {", ".join(map(repr, names))}.'
                + (f" Missing: {', '.join(missing)}." if missing else "")
                + (f" Not inputs of the model: {', '.join(extra)}." if extra else "")
            )
        return [values[name] for name in names]

    def _checked(self, expected: SymbolicTensor, value: Any, name: str) -> Tensor:
        """One input, of the type and the shape it should have."""
        if expected.dtype.kind != "f" and not isinstance(value, SymbolicTensor):
            array = value.array if isinstance(value, Tensor) else np.asarray(value)
            check_exact(f'Model "{self.name}": {name}', array, expected.dtype)
        tensor = as_tensor(value, expected.dtype)
        if _fits(tensor.shape, expected.shape):
            return tensor
        if tensor.ndim == 1 and expected.ndim == 2 and expected.shape[1] in (1, None):
            return ops.expand_dims(tensor, -1)
        which = f' for its input "{name}"' if len(self._graph.inputs) > 1 else ""
        raise ValueError(
            f'Model "{self.name}" expects examples of shape {expected.shape[1:]}{which}, the batch in front. '
            f"{_cure(tensor.shape, expected.shape)} Received: examples of shape {tensor.shape[1:]}."
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of the outputs for shapes of the inputs, in the structures of both."""
        stand_ins = [
            SymbolicTensor(shape, tensor.dtype)
            for tensor, shape in zip(self._graph.inputs, self._in_order(map_shapes(_Shape, input_shape)))
        ]
        if all(tuple(a.shape) == b.shape for a, b in zip(stand_ins, self._graph.inputs)):
            return self._output_shape
        results = iter(self._graph.run(stand_ins, infer=True))
        return replace(self.output_structure, lambda _: next(results).shape)

    # ---- Configuration ---------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Classes and arguments of all layers, and how they are connected."""
        graph = graph_to_config(self._graph, self.input_structure, self.output_structure)
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype, **graph}


class _Shape(tuple):
    """One shape, told from a structure of shapes by its type."""

    __slots__ = ()


def _matched(structure: Any, values: Any) -> list[Any] | None:
    """The values in the order of the symbolic tensors of a structure; `None` where they have another structure."""
    if isinstance(structure, SymbolicTensor):
        return [values] if _is_leaf(values) else None
    if isinstance(structure, Mapping):
        if not isinstance(values, Mapping) or set(values) != set(structure):
            return None
        pairs = [(part, values[key]) for key, part in structure.items()]
    elif _is_leaf(values) or isinstance(values, Mapping) or len(values) != len(structure):
        return None
    else:
        pairs = list(zip(structure, values))
    found = [_matched(part, value) for part, value in pairs]
    return None if any(one is None for one in found) else [value for one in found for value in one or ()]


def _is_leaf(value: Any) -> bool:
    return isinstance(value, _Shape) or not isinstance(value, (list, tuple, Mapping))


def _flat(structure: Any) -> Any:
    if _is_leaf(structure):
        yield structure
        return
    for part in structure.values() if isinstance(structure, Mapping) else structure:
        yield from _flat(part)


def _shape(value: Any) -> Any:
    return tuple(value) if isinstance(value, tuple) else getattr(value, "shape", value)


def _names(structure: Any, otherwise: list[str]) -> list[str]:
    """A name for each tensor of a structure: the keys of a dict of tensors, else the given ones, told apart."""
    if isinstance(structure, Mapping) and all(isinstance(value, SymbolicTensor) for value in structure.values()):
        return [str(key) for key in structure]
    used: dict[str, int] = {}
    names = []
    for name in otherwise:
        count = used[name] = used.get(name, -1) + 1
        names.append(f"{name}_{count}" if count else name)
    return names


def _check_structure(what: str, structure: Any) -> None:
    wrong = [leaf for leaf in leaves(structure) if not isinstance(leaf, SymbolicTensor)]
    if wrong or not find(structure):
        cure = "Begin with x = gm.Input(shape), and call layers on it: outputs = gm.layers.Dense(3)(x)."
        if wrong and isinstance(wrong[0], Layer):
            cure = f'"{wrong[0].name}" is a layer: pass what calling it on a symbolic tensor returned, or its .output.'
        raise TypeError(
            f"gm.Model(inputs, outputs) takes symbolic tensors, alone or in a list, tuple or dict. {cure}"
            f"{received(**{what: wrong[0] if wrong else structure})}"
        )
