"""`Model`: a layer that can be trained, saved and printed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gemmule import naming
from gemmule.errors import did_you_mean, received
from gemmule.layers.arguments import make
from gemmule.layers.input import InputLayer
from gemmule.layers.layer import Layer
from gemmule.leftovers import LAYER, MODEL
from gemmule.models.summary import print_summary
from gemmule.models.trainer import Trainer
from gemmule.saving import weights as weights_file
from gemmule.tensor import Variable


class Model(Trainer, Layer):
    """A layer with `compile`, `fit`, `evaluate` and `predict`: a graph of layers, or a class of your own.

    `gm.Model(inputs, outputs)` makes a model of symbolic tensors, see `gm.Input`; a subclass may be called like that,
    too, and override `train_step` for example. Or subclass it, make layers in `__init__`, and call them in `call`.

    Args:
        inputs: symbolic tensors, alone or in a list, tuple or dict. With `outputs`, or not at all.
        outputs: symbolic tensors computed from them, likewise.
        trainable: whether the weights are trained.
        dtype: floating type; `gm.config.floatx()` by default. All layers of a model have the same.
        name: a unique name; made from the class by default.

    Example:
        >>> x = gm.Input((8,))
        >>> gm.Model(x, gm.layers.Dense(1)(gm.layers.Dense(32, activation="relu")(x))).output_shape
        (None, 1)
        >>> class Net(gm.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = gm.layers.Dense(32, activation="relu")
        ...         self.out = gm.layers.Dense(1)
        ...     def call(self, inputs):
        ...         return self.out(self.hidden(inputs))
        >>> Net()(np.zeros((5, 8))).shape
        (5, 1)
    """

    _unwatched = Layer._unwatched | {
        "stop_training",
        "run_eagerly",
        "jit_compile",
        "history",
        "_progress",
        "_interrupted",
    }
    _unwatched |= {"_progress", "_interrupted"}
    _unwatched |= {"_forms", "_input_layer", "_stack", "_start", "_calls"}  # none of them changes a recorded step
    _untracked = Layer._untracked | {"_interrupted"}
    _wants_floats = True
    _leftovers = LAYER | MODEL
    _old_arguments: Mapping[str, str] = {**Layer._old_arguments, "input": "inputs", "output": "outputs"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not args and "inputs" not in kwargs and "outputs" not in kwargs:
            super().__init__(**kwargs)
            return
        kind = _functional_class(type(self))  # type: ignore[arg-type]
        object.__setattr__(self, "__class__", kind)
        kind._init_graph(self, *args, **kwargs)

    # ---- Layers ----------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The direct sublayers."""
        return [layer for _, layer in self._children()]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place.

        Raises:
            ValueError: if there is none, or both arguments are given.
        """
        if (name is None) == (index is None):
            raise ValueError(f"Give the name of a layer or its index.{received(name=name, index=index)}")
        layers = self.layers
        if index is not None:
            if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
                raise TypeError(f"get_layer: index is an integer.{received(index=index)}")
            if not -len(layers) <= index < len(layers):
                raise ValueError(f'"{self.name}" has {len(layers)} layers.{received(index=index)}')
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f'"{self.name}" has no layer {name!r}.{did_you_mean(str(name), [la.name for la in layers])}')

    def _with_attributes(self, labelled: list[tuple[str, Layer]]) -> list[tuple[str, Layer]]:
        """Labelled layers of a stack or graph, and those that are attributes of the model besides."""
        held = {id(layer) for _, layer in labelled}
        found = dict(labelled)
        found.update((label, layer) for label, layer in super()._children() if id(layer) not in held)
        return [(label, layer) for label, layer in found.items() if not isinstance(layer, InputLayer)]

    # ---- Building --------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Creates all weights for inputs of the given shape, by running one example of zeros through `call`.

        Args:
            input_shape: shape with `None` for the batch; a list or dict of them for several inputs.
        """
        self.compute_output_shape(input_shape)

    @property
    def built(self) -> bool:
        """Whether the weights of all layers exist."""
        return all(layer._built for layer in self._flatten_layers())

    @built.setter
    def built(self, value: bool) -> None:
        self._built = bool(value)

    def _build_as_known(self) -> None:
        """Builds what knows the shape of its input without having been told."""

    def _require_whole(self, method: str) -> None:
        """Refuses a model of which some weights exist and others do not: a file would hold half of it.

        Raises:
            ValueError: naming the layers that lack theirs.
        """
        models = [layer for layer in self._flatten_layers() if isinstance(layer, Model)]
        for model in models:
            model._build_as_known()
        half = [model for model in models if not model._built and model.weights]
        if half:
            unbuilt = [
                f'"{layer.name}"' for layer in half[0]._flatten_layers() if not layer.built and layer not in half
            ]
            raise ValueError(
                f'{method}(): "{half[0].name}" is built in part only'
                f"{'; not built yet: ' + ', '.join(unbuilt[:10]) if unbuilt else ''}. "
                "Call it once on data, or build() it for a shape, first."
            )

    def _prepare_weights(self, input_shape: Any) -> None:
        self._check_one_dtype()
        if type(self).build is not Model.build:
            self.build(input_shape)  # else the layers are built one by one, as `call` calls them

    def _check_one_dtype(self) -> None:
        for layer in self._flatten_layers():
            if layer.dtype != self.dtype:
                raise ValueError(
                    f'A model has one floating dtype: "{self.name}" is {self.dtype}, but its layer "{layer.name}" is '
                    f"{layer.dtype}. Leave out dtype= of the layers, and call gm.config.set_floatx({layer.dtype!r}) "
                    "before making the model if you want that type for all."
                )

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, type[Layer]] | None = None) -> Any:
        """A model, with fresh weights, from what `get_config` returned.

        Args:
            config: the configuration.
            custom_objects: the caller's own classes of layers, by name.

        Raises:
            ValueError: for an unknown class, or a graph with a cycle or with missing layers.
        """
        if not {"layers", "input_layers", "output_layers"} <= set(config):
            return make(cls, config)
        from gemmule.models.graph_config import graph_from_config

        inputs, outputs = graph_from_config(config, custom_objects)
        model: Any = cls(inputs, outputs, dtype=config.get("dtype"), name=config.get("name"))
        if not config.get("trainable", True):
            model._trainable = False
        return model

    # ---- On disk ----------------------------------------------------------------------------------------------------

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        state: str = "optimizer",
    ) -> None:
        """Writes the model to one file, whole or not at all: architecture, weights, and what `compile` was told.

        The file is a safetensors file, whatever its name, and holds no code: classes and functions of your own come
        back by name, see `saving.register_keras_serializable`. A class without `get_config` is made again with the
        arguments it was made with.

        Args:
            filepath: the file, such as `"model.gemmule"` or `"model.keras"`.
            overwrite: whether an existing file may be replaced.
            zipped: only `None` or `False`: files are not compressed.
            state: how much of a training to keep: `"weights"` (nothing), `"optimizer"` (its slots and steps, as Keras
                does) or `"full"`: all that `fit(resume=True)` on the loaded model needs to go on with the run as if it
                had never stopped, also when a callback saves the model in the middle of an epoch.

        Raises:
            FileExistsError: if the file exists and `overwrite` is false.
            ValueError: if only some of the layers are built.
            TypeError: for a configuration with something that has no name, such as a lambda.

        Example:
            >>> model.save("model.gemmule")
            >>> same = gm.models.load_model("model.gemmule")
        """
        from gemmule.models.files import save_model

        self._require_whole("save")
        save_model(self, filepath, overwrite, zipped, state)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, without weights; `models.model_from_json` makes a model of it.

        Args:
            **kwargs: for `json.dumps`, such as `indent=2`.

        Raises:
            TypeError: for a configuration with something that has no name, such as a lambda.

        Example:
            >>> twin = gm.models.model_from_json(model.to_json())
        """
        from gemmule.models.files import architecture_json

        return architecture_json(self, kwargs)

    def _check_savable(self) -> None:
        """Raises what `save` would raise for a model that no file can hold."""
        from gemmule.models.files import description

        description(self)

    def save_training(self, filepath: str | os.PathLike[str]) -> None:
        """Writes the weights and all that training keeps, for `restore_training`; what the model is made of stays out.

        So it may hold what has no name, such as lambdas, because the program makes the model again.

        Args:
            filepath: the file. An existing one is replaced.

        Raises:
            RuntimeError: if the model is not compiled.

        Example:
            >>> model.save_training("training.gemmule")
            >>> twin.restore_training("training.gemmule")
        """
        from gemmule.models.files import save_training

        self._require_whole("save_training")
        save_training(self, filepath)

    def restore_training(self, filepath: str | os.PathLike[str]) -> None:
        """Takes weights and training from a file of `save_training` or `save(..., state="full")` into this very model.

        The next `fit(resume=True)` goes on with the run in the file; from `on_train_begin` the present one does.

        Args:
            filepath: the file.

        Raises:
            FileNotFoundError: if there is no such file.
            RuntimeError: if this model is not compiled.
            ValueError: if the file is damaged, or of another model or optimizer. Then nothing has changed.
        """
        from gemmule.models.files import restore_in_place

        restore_in_place(self, filepath)

    # ---- Weights on disk -------------------------------------------------------------------------------------------

    def _named_weights(self) -> dict[str, Variable]:
        """All variables by the path of layers that leads to them, such as `"dense/kernel"`."""
        found: dict[str, Variable] = {}
        _name_weights(self, "", found, set())
        return found

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes all weights to a safetensors file, whole or not at all.

        Args:
            filepath: the file, usually `something.safetensors`. A name such as `something.weights.h5`, as Keras wants
                it, gets a file in the same format: files are told by what is in them.
            overwrite: whether an existing file may be replaced.

        Raises:
            ValueError: if the model, or a layer of it, has no weights yet.
            FileExistsError: if the file exists and `overwrite` is false.

        Example:
            >>> model.save_weights("model.safetensors")
        """
        self._require_whole("save_weights")
        weights_file.save(self._named_weights(), filepath, overwrite, self._label())

    def _label(self) -> str:
        return f'"{self.name}"' + ("" if self.built else " (not built yet: call build(), or call it on data, first)")

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False
    ) -> None:
        """Replaces the weights by those of a file; nothing changes unless all fit.

        Args:
            filepath: a file written by `save_weights` of a model with the same layers. For files of PyTorch and Keras
                see `gm.saving.import_torch` and `gm.saving.import_keras`.
            skip_mismatch: whether to leave weights alone that the file lacks or has in another shape; a warning lists
                them.
            by_name: whether to load only the layers that have the same names (and places in nested models) in the
                file and here; each may have others. Layers without a name of their own are called `dense`, `dense_1`,
                ... as they come.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if only some layers of the model are built, if the file is damaged, or has not the weights of
                this model; all differences are listed. With `by_name`, if no name or not all shapes agree.

        Example:
            >>> model.load_weights("model.safetensors")
            >>> model.load_weights("other.safetensors", by_name=True, skip_mismatch=True)  # a new head keeps its own
        """
        self._require_whole("load_weights")
        weights_file.load(self._named_weights(), filepath, skip_mismatch, self._label(), by_name)

    # ---- Printing --------------------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints the layers with their output shapes and numbers of weights.

        Args:
            line_length: width of the table.
            positions: where the columns end, as parts of the width.
            print_fn: receives the whole text; `print` by default.
            expand_nested: whether to show the layers inside of nested models, too.
            show_trainable: whether to add a column that tells which layers are trained.
            layer_range: names (or regular expressions) of the first and the last layer to show.

        Example:
            >>> model.summary()
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)


@functools.cache
def _functional_class(kind: Any) -> Any:
    """`Functional` for `Model`; for a class of the user's, one that is both."""
    from gemmule.models.functional import Functional

    if kind is Model or issubclass(kind, Functional):
        return Functional if kind is Model else kind
    own = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    own["_stands_for"] = kind
    return type(kind.__name__, (kind, Functional), own)


def numbered_labels(layers: Sequence[Layer]) -> list[tuple[str, Layer]]:
    """Names of layers that are the same whenever the same model is made: automatic names are counted anew."""
    taken = {layer._given_name for layer in layers}
    counts: dict[str, int] = {}
    labels = []
    for layer in layers:
        label = layer._given_name
        while label is None or (label in taken and layer._given_name is None):
            base = naming.snake_case(type(layer).__name__)
            number = counts[base] = counts.get(base, -1) + 1
            label = f"{base}_{number}" if number else base
        labels.append((label, layer))
    return labels


def _name_weights(layer: Layer, prefix: str, found: dict[str, Variable], seen: set[int]) -> None:
    for label, variable in layer._own_variables():
        if id(variable) not in seen:
            seen.add(id(variable))
            found[prefix + label] = variable
    for label, child in layer._children():
        if id(child) not in seen:
            seen.add(id(child))
            _name_weights(child, f"{prefix}{label}/", found, seen)
