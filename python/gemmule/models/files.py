"""Whole models in one safetensors file: `save_model` and `load_model`.

The arrays are the weights under their names, and what training keeps under names that begin with `/`. The metadata has
the rest as JSON: the architecture, what `compile` was told, the state of a training.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from gemmule.errors import received
from gemmule.layers.holding import blank_weights
from gemmule.layers.serialization import deserialize, serialize
from gemmule.models.model import Model
from gemmule.models.progress import Interrupted
from gemmule.models.training_state import OWN, capture, prepare, restore
from gemmule.registry import CustomObjectScope
from gemmule.saving.objects import deserialize_keras_object, serialize_keras_object
from gemmule.saving.reader import Reader
from gemmule.saving.safetensors import save_file
from gemmule.saving.text import parse
from gemmule.saving.weights import STATE, check_format, check_names, fill
from gemmule.utils.paths import file_to_read, refuse_existing

FORMAT, TRAINING_FORMAT = "gemmule.model.1", "gemmule.training.1"
ARCHITECTURE, COMPILED, TRAINING = "gemmule.architecture", "gemmule.compile", "gemmule.training"
SLACK = 1 << 24  # bytes: what is missing is said by name, if it is not too much
STATES = ("weights", "optimizer", "full")


def save_model(
    model: Model,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    state: str = "optimizer",
) -> None:
    """Writes a model to one file, whole or not at all; see `Model.save`."""
    if zipped:
        raise ValueError(f"Models are saved as plain safetensors files.{received(zipped=zipped)} Leave it out.")
    if state not in STATES:
        raise ValueError(f"state must be one of {', '.join(STATES)}.{received(state=state)}")
    refuse_existing(filepath, "filepath", overwrite)
    metadata = {"format": FORMAT} | description(model)
    arrays: dict[str, Any] = {name: variable.array for name, variable in model._named_weights().items()}
    if model.compiled and state != "weights":
        training, more = capture(model, state == "full")
        metadata[TRAINING] = _text(training)
        arrays |= more
    save_file(arrays, filepath, metadata)


def save_training(model: Model, filepath: str | os.PathLike[str]) -> None:
    """See `Model.save_training`."""
    refuse_existing(filepath, "filepath", overwrite=True)
    training, arrays = capture(model, True)
    arrays |= {name: variable.array for name, variable in model._named_weights().items()}
    save_file(arrays, filepath, {"format": TRAINING_FORMAT, TRAINING: _text(training)})


def description(model: Model) -> dict[str, str]:
    """What a file says of a model besides its arrays, and the state of its training.

    Args:
        model: the model.

    Raises:
        TypeError: for something that has no name, such as a lambda, saying where it is.
    """
    for layer in model._flatten_layers():
        if not layer._children():
            _check_nameable(f'Layer "{layer.name}"', layer)
    found = {ARCHITECTURE: _text(_architecture(model))}
    if model.compiled:
        config = _compile_config(model)
        for argument, value in config.items():
            _check_nameable(f"What compile({argument}=...) was given", value)
        found[COMPILED] = _text(config)
    return found


def _check_nameable(what: str, value: Any) -> None:
    try:
        serialize_keras_object(value)
    except TypeError as error:
        raise TypeError(f"{what} cannot be saved. {error}") from None


def _text(value: Any) -> str:
    return json.dumps(serialize_keras_object(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _architecture(model: Model) -> dict[str, Any]:
    shape = model._build_shape if model._build_shape is not None else model._input_shape
    return {"model": serialize(model), "built": model._built, "input_shape": shape}


def architecture_json(model: Model, options: dict[str, Any]) -> str:
    """See `Model.to_json`."""
    return json.dumps(serialize_keras_object(_architecture(model)), **{"allow_nan": False, **options})


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `Model.to_json` described, with fresh weights, not compiled. No code of the text is run.

    Args:
        json_string: what it returned.
        custom_objects: classes and functions of your own by name, see `load_model`.

    Raises:
        ValueError: if the text is damaged, describes no model, or names a class or function that is not known.

    Example:
        >>> model = gm.models.model_from_json(open("model.json").read())
    """
    if not isinstance(json_string, (str, bytes)):
        raise TypeError(f"model_from_json needs the text that to_json returned.{received(json_string=json_string)}")
    text = json_string.decode() if isinstance(json_string, bytes) else json_string
    with CustomObjectScope(custom_objects):
        return _explained("this JSON: a model", lambda: _rebuilt(deserialize_keras_object(parse(text, "it"))))


def _compile_config(model: Model) -> dict[str, Any]:
    compiled = model._require_compiled("save")
    return {
        "optimizer": compiled.optimizer,
        "loss": compiled.objective.loss,
        "loss_weights": compiled.objective.weights,
        **compiled.measures.given,
        "run_eagerly": model.run_eagerly,
        "jit_compile": model.jit_compile,
    }


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model that `save` wrote to a file, with its weights, compiled as it was. No code of a file is run.

    Args:
        filepath: the file, whatever its name.
        custom_objects: classes and functions of your own by name, in addition to those registered with
            `saving.register_keras_serializable`.
        compile: whether to compile the model as it was, with the state of its optimizer.
        safe_mode: only `True`: there is no other mode.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, holds no model, or names a class or function that is not known.

    Example:
        >>> model = gm.models.load_model("model.gemmule")
    """
    if safe_mode is not True:
        raise ValueError(f"Files hold no code, so there is nothing to allow.{received(safe_mode=safe_mode)}")
    check_format(filepath)
    with Reader(filepath) as reader, CustomObjectScope(custom_objects):
        if reader.metadata.get("format") != FORMAT or ARCHITECTURE not in reader.metadata:
            raise ValueError(
                f"{reader.path!r} holds arrays, but no model. Make the model as it was made before, and read its "
                "weights with model.load_weights."
            )
        model = _explained(f"{reader.path!r}: its architecture", lambda: _made(reader))
        weights = model._named_weights()
        fill({name: weights[name] for name in check_names(weights, reader, False, model._label())}, reader)
        if compile and COMPILED in reader.metadata:
            what = f"{reader.path!r}: what it was compiled with (pass compile=False to do without)"
            _explained(what, lambda: _compile(model, reader))
    return model


def _explained(what: str, make: Callable[[], Any]) -> Any:
    """A file can make anything go wrong; whatever it is becomes one error that names the file."""
    try:
        return make()
    except Exception as error:
        if str(error).startswith("Cannot read"):  # it names the file already
            raise
        known = isinstance(error, (ValueError, NotImplementedError))
        text = str(error) if known else f"{type(error).__name__}: {str(error)[:300]}"
        raise ValueError(f"Cannot load {what} cannot be had here: {text}") from error


def _parsed(reader: Reader, key: str) -> Any:
    return deserialize_keras_object(parse(reader.metadata[key], key))


def _made(reader: Reader) -> Model:
    nbytes = sum(entry.end - entry.begin for name, entry in reader.entries.items() if not name.startswith(STATE))
    with blank_weights(2 * nbytes + SLACK):
        return _rebuilt(_parsed(reader, ARCHITECTURE))


def _rebuilt(found: Any) -> Model:
    model = deserialize(found["model"])
    if not isinstance(model, Model):
        raise ValueError(f"a {type(model).__name__} is no model.")
    if found["built"] and not model._built:
        model.build(found["input_shape"])
    return model


def _compile(model: Model, reader: Reader) -> None:
    model.compile(**_parsed(reader, COMPILED))
    if TRAINING in reader.metadata:
        restore_training(model, reader)


def restore_training(model: Model, reader: Reader) -> None:
    """Puts the training of a compiled model where it was when the file was written.

    Args:
        model: the model, compiled as it was then.
        reader: the file.

    Raises:
        ValueError: if the file does not fit the model.
    """
    state, names = _parsed(reader, TRAINING), [name for name in reader.entries if name.startswith(STATE)]
    prepare(model, state, names)
    restore(model, state, reader)
    if "run" in state:
        rest = reader.read(name for name in names if not name.startswith(OWN))
        model._interrupted = Interrupted(state["run"], rest)


def restore_in_place(model: Model, filepath: str | os.PathLike[str]) -> None:
    """See `Model.restore_training`."""
    model._require_compiled("restore_training")
    with Reader(file_to_read(filepath, "filepath")) as reader:
        if TRAINING not in reader.metadata:
            raise ValueError(f"{reader.path!r} holds no training. Write it with model.save_training(path).")
        weights = model._named_weights()
        names = check_names(weights, reader, False, model._label())
        reader.verify(reader.entries)
        _explained(f"{reader.path!r}: the state of its training", lambda: restore_training(model, reader))
        fill({name: weights[name] for name in names}, reader)
