"""Layers that put zeros around images and sequences, or cut their edges off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmule import ops
from gemmule.errors import received
from gemmule.layers.layer import Layer
from gemmule.layers.structure import Shape
from gemmule.ops.windows import check_channels_last, check_rank
from gemmule.scope import layer_scope, where
from gemmule.tensor import Tensor

Pairs = tuple[tuple[int, int], ...]


class _Margins(Layer):
    """What the layers share: how much is put to, or taken from, both ends of each spatial axis."""

    _op = "zero_padding2d"
    _argument = "padding"
    _rank = 2

    def _pairs(self, value: Any) -> Pairs:
        """(before, after) for each spatial axis."""
        many = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * self._rank
        if self._rank == 1:
            many = (many if len(many) == 2 else many * 2,)
        pairs = tuple(tuple(m) if isinstance(m, Sequence) and not isinstance(m, str) else (m, m) for m in many)
        numbers = [n for pair in pairs for n in pair]
        integers = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0 for n in numbers)
        if len(pairs) != self._rank or any(len(pair) != 2 for pair in pairs) or not integers:
            forms = "a non-negative integer, or a pair of them for the beginning and the end"
            if self._rank == 2:
                forms = "a non-negative integer, one for height and one for width, or ((top, bottom), (left, right))"
            raise ValueError(f"{self._where()}: {self._argument} must be {forms}.{received(**{self._argument: value})}")
        return tuple((int(before), int(after)) for before, after in pairs)


class _ZeroPadding(_Margins):
    def __init__(self, padding: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with layer_scope(self.name):
            check_channels_last(self._op, data_format, self._rank)
        self.padding = self._pairs(padding)
        self.data_format = "channels_last"

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self._op, self._rank, inputs.shape)
        return ops.pad(inputs, ((0, 0), *self.padding, (0, 0)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_rank(self._op, self._rank, input_shape)
        lengths = (None if n is None else n + sum(pair) for n, pair in zip(input_shape[1:-1], self.padding))
        return (input_shape[0], *lengths, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        padding = self.padding if self._rank == 2 else self.padding[0]
        return super().get_config() | {"padding": padding, "data_format": self.data_format}


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images.

    Args:
        padding: rows and columns of zeros: one integer for all sides, `(rows, columns)` for opposite sides alike, or
            `((top, bottom), (left, right))`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, top + height + bottom, left + width + right, channels)`

    Raises:
        ValueError: for a padding of another form, or negative numbers.

    Example:
        >>> gm.layers.ZeroPadding2D(((1, 0), (2, 2)))(np.zeros((2, 7, 7, 5))).shape
        (2, 8, 11, 5)
    """

    def __init__(
        self, padding: int | tuple[int, int] | Pairs = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and behind sequences.

    Args:
        padding: steps of zeros: one integer for both ends, or `(before, behind)`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, before + steps + behind, channels)`

    Raises:
        ValueError: for a padding of another form, or negative numbers.

    Example:
        >>> gm.layers.ZeroPadding1D((2, 0))(np.zeros((2, 7, 5))).shape
        (2, 9, 5)
    """

    _op = "zero_padding1d"
    _rank = 1

    def __init__(self, padding: int | tuple[int, int] = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class _Cropping(_Margins):
    _argument = "cropping"

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with layer_scope(self.name):
            check_channels_last(self._op, data_format, self._rank)
        self.cropping = self._pairs(cropping)

    def _lengths(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Spatial shape of what is left; something must be."""
        check_rank(self._op, self._rank, input_shape)
        if any(n is not None and n <= sum(pair) for n, pair in zip(input_shape[1:-1], self.cropping)):
            raise ValueError(
                f"{where(self._op)}: nothing is left of the input. Cut less off, or feed larger inputs. "
                f"Received: input.shape={tuple(input_shape)}, cropping={self.cropping}."
            )
        return tuple(None if n is None else n - sum(pair) for n, pair in zip(input_shape[1:-1], self.cropping))

    def build(self, input_shape: Shape) -> None:
        self._lengths(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        lengths = self._lengths(inputs.shape)
        kept = (slice(before, before + n) for (before, _), n in zip(self.cropping, lengths))  # type: ignore[operator]
        return ops.getitem(inputs, (slice(None), *kept))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._lengths(input_shape), input_shape[-1])


class Cropping2D(_Cropping):
    """Cuts rows and columns off images.

    Args:
        cropping: how many: one integer for all sides, `(rows, columns)` for opposite sides alike, or
            `((top, bottom), (left, right))`.
        data_format: `None` or `"channels_last"`.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, height - top - bottom, width - left - right, channels)`

    Raises:
        ValueError: for a cropping of another form, negative numbers, or if nothing is left.

    Example:
        >>> gm.layers.Cropping2D(((1, 0), (2, 2)))(np.zeros((2, 7, 7, 5))).shape
        (2, 6, 3, 5)
    """

    _op = "cropping2d"

    def __init__(
        self, cropping: int | tuple[int, int] | Pairs = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)
        self.data_format = "channels_last"

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"cropping": self.cropping, "data_format": self.data_format}


class Cropping1D(_Cropping):
    """Cuts steps off sequences.

    Args:
        cropping: how many: one integer for both ends, or `(before, behind)`.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, channels)`

    Output shape:
        `(batch, steps - before - behind, channels)`

    Raises:
        ValueError: for a cropping of another form, negative numbers, or if nothing is left.

    Example:
        >>> gm.layers.Cropping1D((2, 0))(np.zeros((2, 7, 5))).shape
        (2, 5, 5)
    """

    _op = "cropping1d"
    _rank = 1

    def __init__(self, cropping: int | tuple[int, int] = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"cropping": self.cropping[0]}
