"""What training keeps besides the weights, as plain values and arrays, and back into a model.

Names of arrays begin with `/`, so that they are told from weights: `/slots/dense/kernel/momentum`, `/optimizer/hyper`,
`/layers/dropout/_stream` (random streams and numbers that kernels read), `/shuffle`, and those of `Progress`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import attributes_of
from gemmule.memory import is_persistent, note_writes
from gemmule.models.model import Model
from gemmule.optimizers.settings import SETTINGS
from gemmule.random import Stream
from gemmule.saving.reader import Reader

OWN = ("/slots/", "/optimizer/", "/layers/", "/shuffle")  # restored at once; the rest belongs to an interrupted run


def capture(model: Model, full: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The state of the optimizer of a compiled model, and with `full` that of the whole training.

    Args:
        model: the model.
        full: whether random streams and the progress of `fit` belong to it.

    Returns:
        Plain values, and arrays by name.
    """
    compiled = model._require_compiled("save")
    arrays = places_of(model, full)
    weights = {id(variable): name for name, variable in model._named_weights().items()}
    trained = [weights[id(variable)] for variable in compiled.trainable or () if id(variable) in weights]
    state = {
        "optimizer": type(compiled.optimizer).__name__,
        "settings": {name: getattr(compiled.optimizer, name) for name in SETTINGS},
        "rules": compiled.optimizer.variable_rules(weights),
        "trained": None if compiled.trainable is None else trained,
        "loss_weights": compiled.objective.weights,
    }
    if full and model._progress is not None:
        state["run"] = model._progress.capture(arrays, model.stop_training)
    elif full and model._interrupted is not None:  # loaded, and not taken up yet
        state["run"] = model._interrupted.state
        arrays |= model._interrupted.arrays
    return state, arrays


def places_of(model: Model, full: bool) -> dict[str, np.ndarray]:
    """The memory that training changes in place, besides the weights, by name.

    Args:
        model: the model, compiled.
        full: whether random streams belong to it.
    """
    compiled = model._require_compiled("save")
    optimizer = compiled.optimizer
    found = {f"/optimizer/{name}": array for name, array in optimizer.named_state().items()}
    for name, variable in model._named_weights().items():
        if optimizer.has_slots(variable):
            found |= {f"/slots/{name}/{slot}": array for slot, array in optimizer.slots_of(variable).items()}
    if full:
        found["/shuffle"] = compiled.shuffle_stream.key
        _add_layer(model, "/layers/", found, set())
    return found


def _add_layer(layer: Layer, prefix: str, found: dict[str, np.ndarray], seen: set[int]) -> None:
    """Random streams, and numbers such as the rate of a dropout."""
    seen.add(id(layer))
    for label, one in attributes_of(layer, (Stream, np.ndarray), layer._untracked):
        array = one.key if isinstance(one, Stream) else one
        if is_persistent(array):
            found[prefix + label] = array
    for label, child in layer._children():
        if id(child) not in seen:
            _add_layer(child, f"{prefix}{label}/", found, seen)


def prepare(model: Model, state: dict[str, Any], names: list[str]) -> None:
    """Makes the memory that `restore` will fill; before the model trains for the first time.

    Args:
        model: the model, compiled.
        state: what `capture` returned.
        names: of the arrays in the file.
    """
    compiled = model._require_compiled("load")
    if compiled.optimizer.built:
        return
    weights = model._named_weights()
    compiled.optimizer.set_variable_rules(state["rules"], weights)
    if state["trained"] is not None:
        compiled.trainable = [weights[name] for name in state["trained"]]
    if any(name.startswith("/slots/") for name in names):
        compiled.prepare(model)


def restore(model: Model, state: dict[str, Any], reader: Reader) -> None:
    """Puts a model's training where it was. Weights, and the progress of `fit`, come in other ways.

    Args:
        model: the model, compiled and prepared.
        state: what `capture` returned.
        reader: the file with the arrays.

    Raises:
        ValueError: if the model is compiled with another optimizer, or keeps other things.
    """
    compiled = model._require_compiled("load")
    optimizer = compiled.optimizer
    if type(optimizer).__name__ != state["optimizer"]:
        raise ValueError(
            f"The file has the state of the optimizer {state['optimizer']}. Compile the model with that."
            f"{received(optimizer=optimizer)}"
        )
    full = "/shuffle" in reader.entries
    places = places_of(model, full)
    _check_places(places, reader)
    for name, value in state["settings"].items():
        if name in SETTINGS and getattr(optimizer, name) != value:
            setattr(optimizer, name, value)
    reader.fill(places)
    note_writes(places.values())
    if full and compiled.objective.weights != state["loss_weights"]:
        compiled.objective.weights = state["loss_weights"]


def _check_places(places: dict[str, np.ndarray], reader: Reader) -> None:
    stored = {name: reader.entries[name].shape for name in reader.entries if name.startswith(OWN)}
    different = sorted(set(stored) ^ set(places))
    different += [
        name
        for name, array in places.items()
        if name in stored and (stored[name] != array.shape or reader.dtype(name) != array.dtype)
    ]
    if different:
        raise ValueError(
            "The file and this model keep different things in training, or in other shapes: "
            f"{', '.join(different[:10])}."
        )
