"""Depthwise convolution: the reference of `csrc/kernels/depthwise.cpp`.

x and dx (N, H, W, C), w and dw (KH, KW, C, M), y and dy (N, OH, OW, C * M). Output channel c * M + m is channel c seen
through its filter m. Each tap of the kernel looks at a strided view of the padded image; all taps are added up.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gemmule.backend.reference.gemm import apply_activation

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]


def depthwise_conv2d_forward(
    y: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    shift: np.ndarray | None = None,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    activation: str,
    alpha: float,
) -> None:
    """y = act((conv(x, w) + b)·scale + shift); b, scale and shift have one entry per output channel."""
    v = np.zeros((*y.shape[:3], *w.shape[2:]), y.dtype)
    for (kh, kw), pixels in _taps(_canvas(x, w.shape, y.shape, strides, padding, dilation), y, w, strides, dilation):
        v += pixels[..., np.newaxis] * w[kh, kw]
    v = v.reshape(y.shape)
    if b is not None:
        v += b
    if scale is not None:
        v = v * scale + shift
    y[...] = apply_activation(v, activation, alpha)


def depthwise_conv2d_backward_input(
    dx: np.ndarray, dy: np.ndarray, w: np.ndarray, *, strides: Pair, padding: Padding, dilation: Pair
) -> None:
    """Each dy, times the filters of its channel, is added where its window lay."""
    canvas = _canvas(np.zeros_like(dx), w.shape, dy.shape, strides, padding, dilation)
    filters = dy.reshape(*dy.shape[:3], *w.shape[2:])
    for (kh, kw), pixels in _taps(canvas, dy, w, strides, dilation):
        pixels += (filters * w[kh, kw]).sum(axis=-1)
    top, left = padding[0], padding[2]
    dx[...] = canvas[:, top : top + dx.shape[1], left : left + dx.shape[2]]


def depthwise_conv2d_backward_weights(
    dw: np.ndarray | None,
    db: np.ndarray | None,
    x: np.ndarray,
    dy: np.ndarray,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
) -> None:
    """dw sums what each tap saw times dy over all windows; db sums dy."""
    if dw is not None:
        filters = dy.reshape(*dy.shape[:3], *dw.shape[2:])
        canvas = _canvas(x, dw.shape, dy.shape, strides, padding, dilation)
        for (kh, kw), pixels in _taps(canvas, dy, dw, strides, dilation):
            dw[kh, kw] = (pixels[..., np.newaxis] * filters).sum(axis=(0, 1, 2))
    if db is not None:
        db[...] = dy.sum(axis=(0, 1, 2))


def _canvas(
    x: np.ndarray, w: tuple[int, ...], y: tuple[int, ...], strides: Pair, padding: Padding, dilation: Pair
) -> np.ndarray:
    """x with zeros around it, at least as far as the windows reach."""
    before = (padding[0], padding[2])
    lengths = [
        max((y[1 + i] - 1) * strides[i] + (w[i] - 1) * dilation[i] + 1, before[i] + x.shape[1 + i]) for i in (0, 1)
    ]
    canvas = np.zeros((x.shape[0], *lengths, x.shape[3]), x.dtype)
    canvas[:, before[0] : before[0] + x.shape[1], before[1] : before[1] + x.shape[2]] = x
    return canvas


def _taps(
    canvas: np.ndarray, y: np.ndarray, w: np.ndarray, strides: Pair, dilation: Pair
) -> Iterator[tuple[Pair, np.ndarray]]:
    """Each tap of the kernel, and a view of the pixels it sees: (N, OH, OW, C)."""
    for kh, kw in np.ndindex(w.shape[0], w.shape[1]):
        rows, columns = (
            slice(first, first + (count - 1) * stride + 1, stride)
            for first, count, stride in zip((kh * dilation[0], kw * dilation[1]), y.shape[1:3], strides, strict=True)
        )
        yield (kh, kw), canvas[:, rows, columns]
