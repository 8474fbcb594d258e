"""Figures of convolutional networks: what their filters look like, and what they see. Need matplotlib."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from gemmule.errors import describe, received
from gemmule.layers import Layer
from gemmule.utils.files import atomic_write

__all__ = ["plot_feature_maps", "plot_filters"]

_INK = "#333333"
_CELL = 0.85  # inches


def plot_filters(
    model: Any,
    layer: Any = None,
    columns: int | None = None,
    channels: int = 8,
    limit: int | None = None,
    scale: str = "each",
    to_file: str | os.PathLike[str] | None = None,
) -> Any:
    """Draws the filters of a convolution as a grid of small pictures.

    Filters of three channels are drawn in colour, of one in grey. Of filters with other numbers of channels each row
    shows one filter, and each picture one of its channels. A weight of 0 is drawn in the middle between dark and light.

    Args:
        model: a model, a layer, or an array of shape `(height, width, channels, filters)`.
        layer: name or index of a layer of the model, or the layer itself; by default the first with such weights.
        columns: pictures in a row; by default about as many as rows.
        channels: how many channels are drawn of filters that have neither one nor three.
        limit: how many filters are drawn at most: by default 64, or 16 with a row for each.
        scale: `"each"` lets every filter use the whole range of light, `"all"` draws all filters on one scale.
        to_file: where to write the figure, `"filters.png"` for example.

    Returns:
        A matplotlib `Figure`; notebooks show it.

    Raises:
        ImportError: if matplotlib is missing.
        ValueError: if there is no such layer, or it has no filters.

    Example:
        >>> gm.utils.plot_filters(model, to_file="filters.png")
    """
    if scale not in ("each", "all"):
        raise ValueError(f"plot_filters: scale must be 'each' or 'all'.{received(scale=scale)}")
    kernel, name = _kernel_of(model, layer)
    depth, count = kernel.shape[2:]
    together = (0, 1, 2) if scale == "each" else None
    peaks = np.abs(np.nan_to_num(kernel)).max(axis=together, keepdims=True, initial=1e-12)
    pictures = np.clip(np.nan_to_num(kernel) / (2 * peaks) + 0.5, 0, 1)
    height, width = kernel.shape[:2]
    title = f"{name}: {count} filter{'s' * (count != 1)} of {height}×{width}×{depth}"
    whole = depth in (1, 3)
    shown = min(count, limit or (64 if whole else 16))
    if shown < count:
        title += f", the first {shown}"
    if whole:
        tiles = [pictures[..., index] for index in range(shown)]
        columns = _columns(shown) if columns is None else columns
    else:
        columns = min(depth, channels)
        tiles = [pictures[:, :, channel, index] for index in range(shown) for channel in range(columns)]
        title += f", {columns} channels of each" * (columns < depth)
    figure = _grid("plot_filters", [_as_drawn(tile) for tile in tiles], columns, title, {"vmin": 0, "vmax": 1})
    return _written(figure, to_file)


def plot_feature_maps(
    model: Any,
    image: Any,
    layer: Any = None,
    columns: int | None = None,
    limit: int = 64,
    to_file: str | os.PathLike[str] | None = None,
) -> Any:
    """Draws a picture and what a layer makes of it: a small picture for each map, dark for low, light for high values.

    Args:
        model: a model of layers that were called on symbolic tensors: `Sequential`, or `gm.Model(inputs, outputs)`.
        image: a picture of shape `(height, width, channels)`, or a batch of which the first one is taken.
        layer: name or index of a layer, or the layer itself; by default the first whose output has maps.
        columns: pictures in a row; by default about as many as rows.
        limit: how many maps are drawn at most.
        to_file: where to write the figure, `"maps.png"` for example.

    Returns:
        A matplotlib `Figure`; notebooks show it.

    Raises:
        ImportError: if matplotlib is missing.
        ValueError: if there is no such layer, its output has no maps, or the picture does not fit the model.

    Example:
        >>> gm.utils.plot_feature_maps(model, x_test[0], layer="conv1", to_file="maps.png")
    """
    found = _layer_with_maps(model, layer)
    pictures = np.asarray(image)
    if pictures.ndim == 2:
        pictures = pictures[..., None]
    if pictures.ndim == 3:
        pictures = pictures[None]
    if pictures.ndim != 4 or not len(pictures):
        raise ValueError(
            "plot_feature_maps needs a picture of shape (height, width, channels), or a batch of them."
            f"{received(image=pictures)}"
        )
    maps = _outputs(model, found, pictures[:1])[0]
    shown = min(maps.shape[-1], limit)
    title = f"{found.name}: {maps.shape[-1]} maps of {maps.shape[0]}×{maps.shape[1]}"
    if shown < maps.shape[-1]:
        title += f", the first {shown}"
    tiles = [_scaled(pictures[0])] if pictures.shape[-1] in (1, 3) else []
    tiles += [maps[..., index] for index in range(shown)]
    columns = _columns(len(tiles)) if columns is None else columns
    figure = _grid("plot_feature_maps", tiles, columns, title, {"cmap": "viridis"})
    return _written(figure, to_file)


# ---- What to draw ----------------------------------------------------------------------------------------------------


def _kernel_of(model: Any, layer: Any) -> tuple[np.ndarray, str]:
    """The filters as `(height, width, channels, filters)`, and what to call them."""
    if not isinstance(model, Layer):
        kernel = np.asarray(model)
        if kernel.ndim != 4 or kernel.dtype.kind not in "fiu" or not kernel.size:
            raise ValueError(
                "plot_filters takes a model, a layer, or an array of shape (height, width, channels, filters)."
                f"{received(model=model)}"
            )
        return kernel.astype(np.float64), "filters"
    chosen = _chosen(model, layer)
    for candidate in [chosen] if chosen is not None else _with_sublayers(model):
        for variable in candidate._own_variables():
            if variable[1].ndim == 4:
                return variable[1].numpy().astype(np.float64), candidate.name
    where = f'Layer "{chosen.name}"' if chosen is not None else f'"{model.name}"'
    raise ValueError(f"{where} has no filters of two dimensions.{_unbuilt(model)} {_listed(model)}")


def _unbuilt(model: Layer) -> str:
    return "" if model.built else " It is not built yet: build it, or call it on data, first."


def _listed(model: Layer) -> str:
    return f"Layers: {', '.join(layer.name for layer in getattr(model, 'layers', [model]))}."


def _with_sublayers(model: Layer) -> list[Layer]:
    return list(model._flatten_layers())


def _chosen(model: Layer, layer: Any) -> Layer | None:
    """The layer that was named, numbered or given."""
    if layer is None or isinstance(layer, Layer):
        return layer
    if not hasattr(model, "get_layer"):
        raise ValueError(f'"{model.name}" is no model: pass it without layer={layer!r}.')
    if isinstance(layer, str):
        return model.get_layer(name=layer)
    if isinstance(layer, (int, np.integer)) and not isinstance(layer, bool):
        return model.get_layer(index=int(layer))
    raise ValueError(f"layer must be a name, an index or a layer of the model. Received: {describe(layer)}.")


def _layer_with_maps(model: Any, layer: Any) -> Layer:
    if not hasattr(model, "get_layer"):
        raise ValueError(f"plot_feature_maps needs a model.{received(model=model)}")
    chosen = _chosen(model, layer)
    candidates = [chosen] if chosen is not None else model.layers
    for candidate in candidates:
        shape = candidate._output_shape
        is_input = not candidate.weights and chosen is None and candidate._input_shape == shape
        if isinstance(shape, tuple) and len(shape) == 4 and not is_input:
            return candidate
    where = f'The output of layer "{chosen.name}"' if chosen is not None else f'"{model.name}"'
    raise ValueError(f"{where} has no maps, shape (batch, height, width, channels).{_unbuilt(model)} {_listed(model)}")


def _outputs(model: Any, layer: Layer, pictures: np.ndarray) -> np.ndarray:
    from gemmule.models import Model  # a storey above: the figure needs a model of its own that ends here

    try:
        inner = Model(model.inputs, layer.output)
    except AttributeError:
        raise ValueError(
            f'"{model.name}" does not know the way from its input to layer "{layer.name}": its layers are called in '
            "call(). Write it with the functional API, or as a Sequential model that begins with gm.Input."
        ) from None
    return np.asarray(inner.predict_on_batch(pictures), np.float64)


# ---- Drawing ---------------------------------------------------------------------------------------------------------


def _columns(count: int) -> int:
    """About the square root, and rather a number that fills all rows."""
    root = ceil(np.sqrt(count))
    return next((columns for columns in range(root, 2 * root + 1) if count % columns == 0), root)


def _scaled(picture: np.ndarray) -> np.ndarray:
    """The picture that a model was shown, whatever range its values have, with values from 0 to 1."""
    values = np.nan_to_num(picture.astype(np.float64))
    low, high = values.min(), values.max()
    return _as_drawn((values - low) / max(high - low, 1e-12))


def _as_drawn(tile: np.ndarray) -> np.ndarray:
    return tile[..., 0] if tile.ndim == 3 and tile.shape[-1] == 1 else tile


def _grid(caller: str, tiles: list[np.ndarray], columns: int, title: str, options: dict[str, Any]) -> Any:
    """A figure of small pictures without axes."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f'{caller} needs matplotlib: pip install "gemmule[plot]".') from error
    if isinstance(columns, bool) or not isinstance(columns, int) or columns < 1:
        raise ValueError(f"{caller}: columns must be a positive integer.{received(columns=columns)}")
    columns = min(columns, len(tiles))
    rows = ceil(len(tiles) / columns)
    figure = Figure(figsize=(max(columns * _CELL, 4.5), rows * _CELL + 0.5), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=11, color=_INK)
    for index, tile in enumerate(tiles, start=1):
        axes = figure.add_subplot(rows, columns, index)
        axes.imshow(tile, interpolation="nearest", **({"cmap": "gray"} | options))
        axes.set_axis_off()
    return figure


def _written(figure: Any, to_file: str | os.PathLike[str] | None) -> Any:
    if to_file is not None:
        path = Path(to_file)
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix.lstrip(".") or "png")
    return figure
