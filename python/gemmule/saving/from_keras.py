"""Weights of a Keras model, from `.weights.h5`, `.keras` and `.h5` files. Reads arrays only: no class, no code."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gemmule import naming
from gemmule.saving import matching
from gemmule.saving.keras_order import keras_paths
from gemmule.saving.matching import Group, Mapped, Matcher, Target, check_mapping, quoted, targets_of
from gemmule.utils.paths import file_to_read

_OTHER_STATE = {"optimizer", "optimizer_weights", "metrics", "compile_metrics", "seed_generator"}
_ARCHIVED = "model.weights.h5"
_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"


def import_keras(model: Any, path: str | os.PathLike[str], mapping: Mapped = None, skip_mismatch: bool = False) -> None:
    """Gives a model the weights of a Keras model.

    Layouts and conventions are Keras's, so values are copied as they are. Needs h5py (`pip install "gemmule[import]"`).
    HDF5 has no checksums, and a file made for that can crash its library: take such files from people you trust. The
    archive `.keras` is compared with its checksum before.

    Args:
        model: the model, built, of the same layers. It may be a part of Keras's, or have layers besides, with
            `skip_mismatch`.
        path: what `save_weights("m.weights.h5")` or `save("m.keras")` of Keras 3 wrote, or an `.h5` file of Keras 2
            or 3, of weights or of a whole model.
        mapping: which layer of the file belongs to which layer here. A dict or function from names in the file to
            names or paths of layers, `None` for layers to leave out; what a dict does not name is matched as without
            one. `"name"`: both have the same names. `"order"`: by class, shape and order. By default layers at the same
            place of the same kind of model, then those of the same name, if it was given and is not automatic, and
            order for the rest.
        skip_mismatch: whether to load what fits, with a warning that lists the rest.

    Raises:
        ImportError: if h5py is missing.
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or of another format, or layers are missing, left over or of other shapes;
            all are listed. Nothing is changed then.

    Example:
        >>> gm.saving.import_keras(model, "trained.keras")
        >>> gm.saving.import_keras(model, "m.weights.h5", mapping={"predictions": None}, skip_mismatch=True)
    """
    check_mapping(mapping)
    targets = targets_of(model)
    places = keras_paths(model)
    with _opened(path) as file:
        matcher = Matcher(_groups(file), targets, _convert, quoted(path), f'"{model.name}"')
        if isinstance(mapping, Mapping) or callable(mapping):
            matcher.by_mapping(mapping)
        if mapping == "name":
            matcher.by_name(lambda group: [group.name], automatic=True)
        else:
            _pair_places(matcher, places)
            matcher.targets.sort(key=_keras_place(matcher.groups, places))
            if mapping != "order":
                matcher.by_name(lambda group: [] if _is_automatic(group.name, targets) else [group.name])
            matcher.by_order()
        matcher.assign(skip_mismatch, lambda target, role, array: _values(array))


def _pair_places(matcher: Matcher, places: dict[int, str]) -> None:
    """Pins layers at the same path of Keras's file, if all of their class there fit: else numbers may have shifted."""
    files: dict[str, dict[str, Group]] = {}
    models: dict[str, dict[str, Target]] = {}
    for group in matcher.groups:
        files.setdefault(_unnumbered(group.path), {})[group.path] = group
    for target in matcher.targets:
        path = places.get(id(target.layer), "")
        models.setdefault(_unnumbered(path), {})[path] = target
    files.pop("", None)  # older files have no places
    for kind, groups in files.items():
        targets = models.get(kind, {})
        if set(groups) == set(targets) and all(matcher.fits(groups[path], targets[path]) for path in groups):
            for path, group in groups.items():
                matcher.pin(group, targets[path])


def _unnumbered(path: str) -> str:
    return re.sub(r"_\d+$", "", path)


def _keras_place(groups: list[Group], places: dict[int, str]) -> Callable[[Target], Any]:
    """A key that sorts layers as the file does: by Keras's list of layers, or by the numbers in paths."""
    listed = list(places)
    if all(not group.path for group in groups):
        return lambda target: listed.index(id(target.layer))
    return lambda target: matching.sortable(_place(places.get(id(target.layer), "")))


# ---- Files -----------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Any) -> Iterator[Any]:
    """The HDF5 file, or the one in a `.keras` archive; what h5py finds wrong becomes one kind of error."""
    with open(file_to_read(path, "path"), "rb") as raw:
        start = raw.read(8)
        raw.seek(0)
        try:
            if start.startswith(_ZIP):
                with zipfile.ZipFile(raw) as archive, archive.open(_ARCHIVED) as member:
                    while member.read(1 << 20):  # to the end, where its checksum is compared
                        pass
                    member.seek(0)
                    with _hdf5(member) as file:
                        yield file
            elif start == _HDF5:
                with _hdf5(raw) as file:
                    yield file
            else:
                raise _DamagedError("it is neither an HDF5 file nor a .keras archive.")
        except (OSError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile, _DamagedError) as error:
            raise ValueError(
                f"Cannot read {quoted(path)}: {str(error)[:200].rstrip('.')}. Give a .weights.h5, .keras or .h5 file "
                "that Keras wrote; weights that gemmule wrote are read by model.load_weights."
            ) from error


def _hdf5(file: Any) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError('import_keras needs h5py: pip install "gemmule[import]".') from error
    try:
        return h5py.File(file, "r")
    except ValueError as error:  # an offset that is no offset
        raise _DamagedError(str(error)) from error


class _DamagedError(Exception):
    pass


def _groups(file: Any) -> list[Group]:
    try:
        legacy = file.get("model_weights", file)
        return list(_legacy(legacy) if "layer_names" in legacy.attrs else _nested(file, ()))
    except (ValueError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise _DamagedError(f"{type(error).__name__}: {error}") from error


def _nested(group: Any, path: tuple[str, ...]) -> Iterator[Group]:
    """Keras 3: a group `vars` with the arrays 0, 1, ... for each layer, at the path that leads to it."""
    import h5py

    for name in group:
        if name in _OTHER_STATE or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        part = group[name]
        if not isinstance(part, h5py.Group):
            continue
        if name != "vars":
            yield from _nested(part, (*path, "layers" if name == "_layer_checkpoint_dependencies" else name))
        elif len(part):
            arrays = {key: _array(part, key) for key in sorted(part, key=_number)}
            title = part.attrs.get("name", path[-1] if path else "")
            where = "/".join(path)
            yield Group(str(title), arrays, _place(where), _class_of(path), where)


def _legacy(file: Any) -> Iterator[Group]:
    """Keras 2: an attribute lists the layers, and one of each layer its arrays; those of nested models together."""
    count = 0
    for layer in map(_text, file.attrs["layer_names"]):
        parts: dict[str, dict[str, Any]] = {}
        for weight in map(_text, file[layer].attrs["weight_names"]):
            owner, _, role = weight.rpartition("/")
            parts.setdefault(owner, {})[role.split(":")[0]] = _array(file[layer], weight)
        for owner, arrays in parts.items():
            yield Group(layer if len(parts) == 1 else owner.rpartition("/")[2], arrays, (count,))
            count += 1


def _array(group: Any, name: str) -> Any:
    """A data set, not read yet. Those that point into other files are refused."""
    import h5py

    found = group.get(name)
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external or found.dtype.kind not in "fiub":
        raise _DamagedError(f"{name!r} in {group.name!r} is no array of numbers stored in this file.")
    return found


def _values(array: Any) -> np.ndarray:
    try:
        return np.asarray(array)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise _DamagedError(f"{array.name!r}: {error}") from error


def _number(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdigit() else (1 << 30, text)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _place(path: str) -> matching.Place:
    """Names without a number come before those with one."""
    numbered = (part if re.search(r"_\d+$", part) else f"{part}_0" for part in path.split("/"))
    return matching.place_of("/".join(numbered))


# ---- Layers ----------------------------------------------------------------------------------------------------------


def _class_of(path: tuple[str, ...]) -> str:
    """The class, in Keras's small letters, if the path ends with an automatic name."""
    parts = [part for part in path if part != "cell"]
    return parts[-1].rstrip("0123456789").rstrip("_") if len(parts) > 1 and parts[-2] == "layers" else ""


def _is_automatic(name: str, targets: list[Target]) -> bool:
    """Whether a name may have been made by counting, such as `dense_3`: then it tells nothing."""
    return name.rstrip("0123456789").rstrip("_") in {naming.snake_case(target.kind) for target in targets}


def _convert(group: Group, target: Target) -> dict[str, Any] | None:
    """The arrays by the roles of a layer: by their names where the file has some, else in order."""
    if group.kind and group.kind != naming.snake_case(target.kind):
        return None
    arrays = dict(group.arrays)
    if target.kind == "Normalization" and len(arrays) == 3:  # the third one counts what was adapted to
        arrays.popitem()
    roles = list(target.variables)
    if "0" in arrays or len(arrays) != len(roles):
        return dict(zip(roles, arrays.values())) if len(arrays) == len(roles) else arrays
    renamed = {_ROLES.get(role, role) if role not in roles else role: array for role, array in arrays.items()}
    return renamed if set(renamed) == set(roles) else None


_ROLES = {"depthwise_kernel": "kernel"}  # of DepthwiseConv2D in Keras 2
