"""The shapes of the sweep, from the text files beside this module, and how much work each pass of them is."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PASSES = {
    "conv2d": ("forward", "dX", "dW"),
    "depthwise": ("forward", "dX", "dW"),
    "transposed": ("forward", "dX", "dW"),
    "pool": ("forward", "backward"),
    "norm": ("forward", "backward"),
}


class Shape:
    """How much memory a pass works on."""

    flops = 0.0

    def arrays(self, passing: str) -> float:
        """Bytes of all its arrays together, which is what a cache holds or does not."""
        raise NotImplementedError

    def touched(self, passing: str) -> float:
        """Bytes it has to read and to write at least."""
        return self.arrays(passing)


@dataclass(frozen=True)
class Convolution(Shape):
    """A convolution of an image (N, H, W, C) with filters to (N, OH, OW, O); for `transposed`, of the image of O back.

    The kernel is (KH, KW, C / groups, O). `pads` is (top, bottom, left, right).
    """

    x: tuple[int, int, int, int]
    w: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    stride: int
    dilation: int
    groups: int
    pads: tuple[int, int, int, int]
    transposed: bool = False

    @property
    def flops(self) -> float:  # type: ignore[override]
        """Multiplications and additions of one pass, whichever."""
        return 2.0 * prod(self.y) * self.w[0] * self.w[1] * self.w[2]

    def arrays(self, passing: str) -> float:
        """Image, result and kernel."""
        return 4.0 * (prod(self.x) + prod(self.y) + prod(self.w))


@dataclass(frozen=True)
class Pooling(Shape):
    """A pooling of an image (N, H, W, C)."""

    kind: str
    x: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    size: int
    stride: int
    pads: tuple[int, int, int, int]

    def arrays(self, passing: str) -> float:
        """Image and result, and the bytes that say where a maximum was."""
        return 4.0 * (prod(self.x) + prod(self.y)) + (prod(self.y) if self.kind == "max" else 0)

    def touched(self, passing: str) -> float:
        """All of it on the way back, which writes zeros where no window looks; forward, x only where one does."""
        if passing == "backward":
            return self.arrays(passing)
        seen = [self._seen(axis) for axis in (1, 2)]
        return self.arrays(passing) - 4.0 * self.x[0] * self.x[3] * (self.x[1] * self.x[2] - prod(seen))

    def _seen(self, axis: int) -> int:
        """How many rows (axis 1) or columns (2) of x any window looks at."""
        before = self.pads[0 if axis == 1 else 2]
        starts = [window * self.stride - before for window in range(self.y[axis])]
        return len({at for start in starts for at in range(max(0, start), min(self.x[axis], start + self.size))})


@dataclass(frozen=True)
class Normalization(Shape):
    """A normalization of rows of channels: over the rows (`batch`) or over the channels (`layer`)."""

    kind: str
    rows: int
    channels: int

    def arrays(self, passing: str) -> float:
        """x and y, or dy, x and dx."""
        return (8.0 if passing == "forward" else 12.0) * self.rows * self.channels

    def touched(self, passing: str) -> float:
        """Statistics over the rows need all of them before there is a first result: `batch` reads its inputs twice."""
        inputs = 4.0 if passing == "forward" else 8.0
        return self.arrays(passing) + (inputs * self.rows * self.channels if self.kind == "batch" else 0.0)


def _pair(text: str) -> tuple[int, int]:
    first, _, second = text.partition("x")
    return int(first), int(second or first)


def _out(size: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    return (size + 2 * pad - (kernel - 1) * dilation - 1) // stride + 1


def _convolution(fields: list[str]) -> Convolution:
    (kh, kw), (ph, pw) = _pair(fields[5]), _pair(fields[9])
    n, h, w, c, o = map(int, fields[:5])
    stride, dilation, groups = map(int, fields[6:9])
    y = (n, _out(h, kh, stride, dilation, ph), _out(w, kw, stride, dilation, pw), o)
    return Convolution((n, h, w, c), (kh, kw, c // groups, o), y, stride, dilation, groups, (ph, ph, pw, pw))


def _depthwise(fields: list[str]) -> Convolution:
    n, h, w, c, k, stride, multiplier, pad = map(int, fields)
    size = [_out(extent, k, stride, 1, pad) for extent in (h, w)]
    return Convolution((n, h, w, c), (k, k, 1, c * multiplier), (n, *size, c * multiplier), stride, 1, c, (pad,) * 4)


def _transposed(fields: list[str]) -> Convolution:
    n, h, w, c, o, k, stride, pad, extra = map(int, fields)
    size = [(extent - 1) * stride - 2 * pad + k + extra for extent in (h, w)]
    return Convolution((n, *size, o), (k, k, o, c), (n, h, w, c), stride, 1, 1, (pad,) * 4, True)


def _pooling(fields: list[str]) -> Pooling:
    n, h, w, c, k, stride, pad = map(int, fields[1:])
    size = [_out(extent, k, stride, 1, pad) for extent in (h, w)]
    return Pooling(fields[0], (n, h, w, c), (n, *size, c), k, stride, (pad,) * 4)


_PARSERS: dict[str, Any] = {
    "conv2d": _convolution,
    "depthwise": _depthwise,
    "transposed": _transposed,
    "pool": _pooling,
    "norm": lambda fields: Normalization(fields[0], int(fields[1]), int(fields[2])),
}


def lines(family: str) -> list[str]:
    """The shapes of a family as the file has them."""
    text = (HERE / f"{family}.txt").read_text()
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def parse(family: str, line: str) -> Convolution | Pooling | Normalization:
    """One line of a family's file."""
    return _PARSERS[family](line.split())
