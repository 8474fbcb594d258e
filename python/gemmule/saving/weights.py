"""Weights of a model in a safetensors file, by name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping

import numpy as np

from gemmule.errors import GemmuleWarning, did_you_mean
from gemmule.saving.safetensors import load_file, save_file
from gemmule.tensor import Variable

_FOREIGN = (".h5", ".hdf5", ".keras", ".pt", ".pth", ".npz", ".pkl")


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
        ValueError: if there are no weights, or the name is that of another format.
        FileExistsError: if the file exists and `overwrite` is false.
    """
    _check_format(path)
    if not weights:
        raise ValueError(f"There are no weights to save in {model}.")
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{os.fspath(path)!r} exists. Pass overwrite=True to replace it.")
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
    _check_format(path)
    arrays, _ = load_file(path)
    if not weights:
        raise ValueError(f"There are no weights to load in {model}.")
    missing = [name for name in weights if name not in arrays]
    unexpected = [name for name in arrays if name not in weights]
    misshaped = [
        f"{name}: model {variable.shape} {variable.dtype}, file {arrays[name].shape} {arrays[name].dtype}"
        for name, variable in weights.items()
        if name in arrays and not _fits(variable, arrays[name])
    ]
    if by_name and len(missing) == len(weights):
        raise ValueError(
            f"{os.fspath(path)!r} has no weight of the same name as {model}; nothing was loaded."
            f"{did_you_mean(missing[0], unexpected)} Give the layers of both models the same names."
        )
    lists = _listed("Other shapes or types", misshaped)
    if not by_name:
        lists = _listed("Missing in the file", missing) + _listed("Not in the model", unexpected) + lists
    if lists and not skip_mismatch:
        raise ValueError(
            f"{os.fspath(path)!r} does not hold the weights of {model}; nothing was loaded.{lists}"
            " Make the model with the layers it had when it was saved, or pass skip_mismatch=True to load what fits."
        )
    if lists:
        warnings.warn(f"{os.fspath(path)!r}: {model} keeps some weights it had.{lists}", GemmuleWarning, stacklevel=3)
    for name, variable in weights.items():
        if name in arrays and _fits(variable, arrays[name]):
            variable.assign(arrays[name])


def _fits(variable: Variable, array: np.ndarray) -> bool:
    kinds = ("f", "iu", "b")
    same_kind = any(variable.dtype.kind in kind and array.dtype.kind in kind for kind in kinds)
    return variable.shape == array.shape and same_kind


def _listed(title: str, names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return ""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f" {title}: {'; '.join(names[:10])}{more}."


def _check_format(path: str | os.PathLike[str]) -> None:
    name = os.fspath(path)
    if name.lower().endswith(_FOREIGN):
        raise ValueError(
            f"gemmule keeps weights in safetensors files, which is another format than this name says. Use a name "
            f"such as {name.rsplit('.', 1)[0] + '.safetensors'!r}. Received: filepath={name!r}."
        )
