"""Weights of a model in a safetensors file, by name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping

from gemmule.errors import GemmuleWarning, did_you_mean
from gemmule.memory import note_writes
from gemmule.saving.header import BFLOAT16
from gemmule.saving.reader import Reader
from gemmule.saving.safetensors import save_file
from gemmule.tensor import Variable
from gemmule.utils.paths import file_to_read, refuse_existing

STATE = "/"  # what names of arrays that are no weights begin with in files of whole models
_FOREIGN = {b"\x89HDF": "an HDF5 file", b"PK\x03\x04": "a zip archive, as of Keras, PyTorch or NumPy"}


def save(
    weights: Mapping[str, Variable], path: str | os.PathLike[str], overwrite: bool = True, model: str = "model"
) -> None:
    """Writes variables under their names, whole or not at all.

    Args:
        weights: variables by name.
        path: the file.
        overwrite: whether an existing file may be replaced.
        model: what to call the model in messages.

    Raises:
        ValueError: if there are no weights.
        FileExistsError: if the file exists and `overwrite` is false.
    """
    if not weights:
        raise ValueError(f"There are no weights to save in {model}.")
    refuse_existing(path, "filepath", overwrite)
    save_file({name: variable.array for name, variable in weights.items()}, path, {"format": "gemmule.weights.1"})


def load(
    weights: Mapping[str, Variable],
    path: str | os.PathLike[str],
    skip_mismatch: bool = False,
    model: str = "model",
    by_name: bool = False,
) -> None:
    """Assigns a file's arrays to variables of the same names, after checking them all.

    Args:
        weights: variables by name.
        path: the file.
        skip_mismatch: whether to pass over what is missing or has another shape, with a warning.
        model: what to call the model in messages.
        by_name: whether file and model may each have layers that the other one lacks.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, or names, shapes or types differ.
    """
    check_format(path)
    with Reader(path) as reader:
        if not weights:
            raise ValueError(f"There are no weights to load in {model}.")
        fitting = check_names(weights, reader, skip_mismatch, model, by_name)
        reader.verify(fitting)
        fill({name: weights[name] for name in fitting}, reader)


def fill(weights: Mapping[str, Variable], reader: Reader) -> None:
    """Reads arrays straight into variables of their names; by way of another array only where the type differs."""
    straight = {
        name: variable
        for name, variable in weights.items()
        if reader.dtype(name) == variable.dtype and reader.entries[name].code != BFLOAT16
    }
    reader.fill({name: variable.array for name, variable in straight.items()})
    note_writes(variable.array for variable in straight.values())
    for variable in straight.values():
        variable.changes += 1
    for name, variable in weights.items():
        if name not in straight:
            variable.assign(reader.read([name])[name])


def check_names(
    weights: Mapping[str, Variable], reader: Reader, skip_mismatch: bool, model: str, by_name: bool = False
) -> list[str]:
    """The weights that a file has in the right shape.

    Args:
        weights: variables by name.
        reader: the file.
        skip_mismatch: whether to pass over the others.
        model: what to call the model in messages.
        by_name: whether the file may have more, and fewer.

    Raises:
        ValueError: listing what is missing, unexpected or of another shape.
    """
    entries = {name: entry for name, entry in reader.entries.items() if not name.startswith(STATE)}
    missing = [name for name in weights if name not in entries]
    unexpected = [name for name in entries if name not in weights]
    misshaped = [
        f"{name}: model {variable.shape} {variable.dtype}, file {entries[name].shape} {reader.dtype(name)}"
        for name, variable in weights.items()
        if name in entries and not _fits(variable, reader, name)
    ]
    if by_name and len(missing) == len(weights):
        raise ValueError(
            f"{reader.path!r} has no weight of the same name as {model}; nothing was loaded."
            f"{did_you_mean(missing[0], unexpected)} Give the layers of both models the same names."
        )
    lists = _listed("Other shapes or types", misshaped)
    if not by_name:
        lists = _listed("Missing in the file", missing) + _listed("Not in the model", unexpected) + lists
    if lists and not skip_mismatch:
        raise ValueError(
            f"{reader.path!r} does not hold the weights of {model}; nothing was loaded.{lists}"
            " Make the model with the layers it had when it was saved, or pass skip_mismatch=True to load what fits."
        )
    if lists:
        warnings.warn(f"{reader.path!r}: {model} keeps some weights it had.{lists}", GemmuleWarning, stacklevel=4)
    return [name for name, variable in weights.items() if name in entries and _fits(variable, reader, name)]


def _fits(variable: Variable, reader: Reader, name: str) -> bool:
    kinds = ("f", "iu", "b")
    same_kind = any(variable.dtype.kind in kind and reader.dtype(name).kind in kind for kind in kinds)
    return variable.shape == reader.entries[name].shape and same_kind


def _listed(title: str, names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return ""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f" {title}: {'; '.join(names[:10])}{more}."


def check_format(path: str | os.PathLike[str]) -> None:
    """Refuses files of other formats, by what they begin with: names do not say what is in a file.

    Raises:
        ValueError: naming the format.
    """
    with open(file_to_read(path, "filepath"), "rb") as file:
        found = _FOREIGN.get(file.read(4))
    if found:
        raise ValueError(
            f"{os.fspath(path)!r} is {found}. gemmule reads safetensors files, whatever their names: those that "
            "save_weights and save wrote. Weights of other libraries: gm.saving.import_torch, gm.saving.import_keras."
        )
