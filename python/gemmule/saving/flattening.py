"""Features that come from a flattened image: their order is another one where channels stand first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gemmule.layers.input import InputLayer
from gemmule.layers.layer import Layer
from gemmule.symbolic import SymbolicTensor, find

# Layers that treat each feature by itself, or normalize them one by one: the order of features passes through.
_THROUGH = {
    "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dropout", "ELU", "GaussianDropout",
    "GaussianNoise", "LayerNormalization", "LeakyReLU", "PReLU", "ReLU", "Rescaling", "Softmax",
}  # fmt: skip
_CHANNELED_1D = ("Conv1D", "Pooling1D", "UpSampling1D")  # after these, (batch, length, channels) is no plain matrix


class Flattenings:
    """Finds out, from the graph of a model, which layers read a flattened image.

    Args:
        model: a model; where it is no graph nothing is found.
    """

    def __init__(self, model: Any) -> None:
        self._outer: dict[int, list[SymbolicTensor]] = {}  # inputs of nested models: what they were called on
        layers = list(model._flatten_layers())
        for layer in layers:
            if layer is not model and hasattr(layer, "layers") and layer._nodes and _has_graph(layer):
                for place, inner in enumerate(layer.inputs):
                    self._outer[id(inner)] = [node.inputs[place] for node in layer._nodes]
        self.unseen = [la for la in layers if type(la).__name__ == "Dense" and la.built and not la._nodes]
        self.has_images = any("Conv" in type(layer).__name__ for layer in layers)

    def image_of(self, layer: Layer) -> tuple[int, ...] | None:
        """The shape, channels last, of the image whose flattened pixels a layer reads; `None` if it reads none.

        Raises:
            ValueError: if it is called on several things, and they differ.
        """
        found = {self._image_behind(node.inputs[0], 0) for node in layer._nodes}
        if len(found) > 1:
            raise ValueError(
                f'Layer "{layer.name}" is called on flattened images of several shapes, or on other things besides: '
                f"its weights have no one order. Found: {sorted(map(str, found))}."
            )
        return found.pop() if found else None

    def _image_behind(self, tensor: SymbolicTensor, depth: int) -> tuple[int, ...] | None:
        for one in self._sources(tensor):
            operation = one.node.operation if one.node else None
            if one.node is None or isinstance(operation, InputLayer):
                return None
            kind, before = type(operation).__name__, one.node.inputs[0]
            if kind in ("Flatten", "Reshape") and one.ndim == 2 and before.ndim > 2:
                return self._channeled(before)
            if kind in _THROUGH:
                return self._image_behind(before, depth + 1)
            return None
        return None

    def _sources(self, tensor: SymbolicTensor) -> Iterator[SymbolicTensor]:
        """The tensor itself; through the borders of nested models, what it stands for inside or outside of them."""
        operation = tensor.node.operation if tensor.node else None
        if id(tensor) in self._outer:
            for outer in self._outer[id(tensor)]:
                yield from self._sources(outer)
        elif operation is not None and hasattr(operation, "layers") and _has_graph(operation):
            yield from self._sources(find(operation.output)[tensor.index])
        else:
            yield tensor

    def _channeled(self, tensor: SymbolicTensor) -> tuple[int, ...] | None:
        """The shape of an image, if it has channels."""
        shape = tensor.shape[1:]
        if None in shape or (len(shape) == 2 and not self._is_signal(tensor)):
            return None
        return tuple(int(d) for d in shape if d is not None)

    def _is_signal(self, tensor: SymbolicTensor) -> bool:
        """Whether a tensor of shape (batch, length, channels) comes from layers that say so."""
        waiting, seen = [tensor], set()
        while waiting:
            for one in self._sources(waiting.pop()):
                if one.node is None or id(one) in seen:
                    continue
                seen.add(id(one))
                if type(one.node.operation).__name__.endswith(_CHANNELED_1D):
                    return True
                waiting += one.node.inputs
        return False


def channels_last_order(image: tuple[int, ...]) -> np.ndarray:
    """Where each feature of an image flattened channels last stands in one flattened channels first.

    Args:
        image: its shape, channels last.

    Example:
        >>> channels_last_order((2, 1, 3)).tolist()
        [0, 2, 4, 1, 3, 5]
    """
    first = np.arange(int(np.prod(image))).reshape(image[-1], *image[:-1])
    return np.moveaxis(first, 0, -1).reshape(-1)


def _has_graph(model: Any) -> bool:
    return hasattr(model, "_graph") or bool(getattr(model, "_calls", None))
