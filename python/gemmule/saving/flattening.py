"""The order of features where images are flattened, or made of features: another one where channels stand first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gemmule.layers.layer import Layer
from gemmule.symbolic import SymbolicTensor, find

_CHANNELED_1D = ("Conv1D", "Pooling1D", "UpSampling1D")  # their (batch, length, channels) is no plain matrix
_REARRANGED = ("Permute", "Reshape")  # an image that comes from these is none whose channels are known to be last


class FeatureOrders:
    """Finds out, from the graph of a model, which layers read flattened images and which ones make such features.

    Args:
        model: a model; where it is no graph nothing is found.

    Attributes:
        unseen: dense layers that were never called on symbolic tensors.
        has_images: whether there are convolutions.
    """

    def __init__(self, model: Any) -> None:
        self._outer: dict[int, list[SymbolicTensor]] = {}  # inputs of nested models: what they were called on
        layers = list(model._flatten_layers())
        for layer in layers:
            if layer is not model and layer._nodes and _has_graph(layer):
                for place, inner in enumerate(layer.inputs):
                    self._outer[id(inner)] = [node.inputs[place] for node in layer._nodes]
        self._made: dict[int, np.ndarray] = {}  # by layer: order of the features it gives
        for layer in layers:
            for node in layer._nodes if type(layer).__name__ == "Reshape" else ():
                self._note_makers(node.inputs[0], find(node.outputs)[0].shape)
        self.unseen = [la for la in layers if type(la).__name__ == "Dense" and la.built and not la._nodes]
        self.has_images = any("Conv" in type(layer).__name__ for layer in layers)

    def read_by(self, layer: Layer) -> np.ndarray | None:
        """The order of the features a layer reads.

        Raises:
            ValueError: if it is called on several things whose orders differ.
        """
        found = [self._order(node.inputs[0]) for node in layer._nodes]
        if any(not _same(order, found[0]) for order in found):
            raise ValueError(
                f'Layer "{layer.name}" is called on flattened images of several shapes, or on other things besides: '
                "its weights have no one order."
            )
        return found[0] if found else None

    def made_by(self, layer: Layer) -> np.ndarray | None:
        """The order of the features a layer gives, if they become an image."""
        return self._made.get(id(layer))

    # ---- Back from features ----------------------------------------------------------------------------------------

    def _order(self, tensor: SymbolicTensor) -> np.ndarray | None:
        for one in self._sources(tensor):
            if one.node is None or not one.node.inputs or one.ndim != 2:
                return None
            operation, before = one.node.operation, one.node.inputs
            if type(operation).__name__ in ("Flatten", "Reshape") and before[0].ndim > 2:
                image = self._image(before[0])
                return None if image is None else channels_last_order(image)
            if type(operation).__name__ == "Concatenate":
                return self._joined(before)
            if _keeps_features(operation, before, one):
                return self._order(before[0])
            return self._made.get(id(operation))  # a dense layer whose features become an image elsewhere
        return None

    def _joined(self, tensors: list[SymbolicTensor]) -> np.ndarray | None:
        orders = [self._order(tensor) for tensor in tensors]
        sizes = [int(tensor.shape[1] or 0) for tensor in tensors]
        if all(order is None for order in orders):
            return None
        starts = np.cumsum([0, *sizes])
        parts = [start + (np.arange(size) if o is None else o) for o, size, start in zip(orders, sizes, starts)]
        return np.concatenate(parts)

    def _note_makers(self, tensor: SymbolicTensor, shape: tuple[int | None, ...]) -> None:
        """Features that become an image: the layer they come from, and those they pass through."""
        image = tuple(d for d in shape[1:] if d is not None)
        if tensor.ndim != 2 or len(image) < 3 or len(image) != len(shape) - 1:
            return
        for one in self._sources(tensor):
            if one.node is None or not one.node.inputs or one.ndim != 2:
                continue
            self._made[id(one.node.operation)] = channels_last_order(image)
            if _keeps_features(one.node.operation, one.node.inputs, one):
                self._note_makers(one.node.inputs[0], shape)

    def _sources(self, tensor: SymbolicTensor) -> Iterator[SymbolicTensor]:
        """The tensor itself; through the borders of nested models, what it stands for inside or outside of them."""
        operation = tensor.node.operation if tensor.node else None
        if id(tensor) in self._outer:
            for outer in self._outer[id(tensor)]:
                yield from self._sources(outer)
        elif operation is not None and _has_graph(operation):
            yield from self._sources(find(operation.output)[tensor.index])
        else:
            yield tensor

    # ---- Images ----------------------------------------------------------------------------------------------------

    def _image(self, tensor: SymbolicTensor) -> tuple[int, ...] | None:
        """The shape of an image, if its last axis is known to hold channels."""
        shape = tensor.shape[1:]
        if any(d is None for d in shape) or (len(shape) == 2 and not self._is_signal(tensor)):
            return None
        for one in self._sources(tensor):
            if one.node is not None and type(one.node.operation).__name__ in _REARRANGED:
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


def _keeps_features(operation: Any, before: list[SymbolicTensor], after: SymbolicTensor) -> bool:
    """Whether features stay where they are: activations, dropout, normalizations, elementwise ops."""
    mixes = isinstance(operation, Layer) and any(variable.ndim > 1 for variable in operation.weights)
    return not mixes and before[0].shape == after.shape


def _has_graph(model: Any) -> bool:
    return hasattr(model, "_graph") or bool(getattr(model, "_calls", None))


def _same(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    return one is two or (one is not None and two is not None and np.array_equal(one, two))
