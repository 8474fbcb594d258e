"""2-D convolution by explicit im2col: the reference of `csrc/kernels/conv2d*.cpp`.

x (N, H, W, C), w (KH, KW, C/G, O), y and dy (N, OH, OW, O). Output channel o belongs to group o // (O/G).

Every output position looks at a patch of x; the patches are laid side by side as rows of a matrix (im2col), and the
convolution is one matrix product per group. `padding` is (top, bottom, left, right); how far patches reach beyond the
bottom and the right follows from OH and OW. `winograd` chooses an algorithm in C++; the definition is the same.
"""

from __future__ import annotations

import numpy as np

from gemmule.backend.reference.gemm import apply_activation
from gemmule.memory import require

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]


def conv2d_forward(
    y: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    shift: np.ndarray | None = None,
    residual: np.ndarray | None = None,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    activation: str,
    alpha: float,
    winograd: int,
) -> None:
    """y = act((conv(x, w) + b)·scale + shift + residual); b, scale and shift have one entry per output channel."""
    patches = _patches(x, w.shape[:2], y.shape[1:3], strides, padding, dilation)
    filters = w.shape[3] // groups
    v = np.empty_like(y)
    for g in range(groups):
        own = slice(g * filters, (g + 1) * filters)
        v[..., own] = _columns(patches, groups, g) @ _matrix(w[..., own])
    if b is not None:
        v += b
    if scale is not None:
        v = v * scale + shift
    if residual is not None:
        v += residual
    y[...] = apply_activation(v, activation, alpha)


def conv2d_backward_input(
    dx: np.ndarray,
    dy: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    activation: str,
    alpha: float,
    winograd: int,
) -> None:
    """dx = act(convᵀ(dy, w) + b): each dy, times the kernel, is added where its patch lay. b has C entries.

    Without b and activation it is the gradient of the convolution, with them the transposed convolution as a layer.
    """
    kernel, channels, filters = w.shape[:2], w.shape[2], w.shape[3] // groups
    canvas = np.zeros(_canvas_shape(dx.shape, kernel, dy.shape[1:3], strides, padding, dilation), dx.dtype)
    for g in range(groups):
        own = slice(g * filters, (g + 1) * filters)
        patches = (dy[..., own] @ _matrix(w[..., own]).T).reshape(*dy.shape[:3], *kernel, channels)
        place = canvas[..., g * channels : (g + 1) * channels]
        for kh, kw in np.ndindex(*kernel):
            place[_tap(kh, kw, dy.shape[1:3], strides, dilation)] += patches[:, :, :, kh, kw]
    top, left = padding[0], padding[2]
    v = canvas[:, top : top + dx.shape[1], left : left + dx.shape[2]]
    if b is not None:
        v = v + b
    dx[...] = apply_activation(v, activation, alpha)


def conv2d_backward_weights(
    dw: np.ndarray | None,
    db: np.ndarray | None,
    x: np.ndarray,
    dy: np.ndarray,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    winograd: int,
) -> None:
    """dw = patchesᵀ · dy, db = sums of dy over all positions."""
    if dw is not None:
        patches = _patches(x, dw.shape[:2], dy.shape[1:3], strides, padding, dilation)
        filters = dw.shape[3] // groups
        for g in range(groups):
            own = slice(g * filters, (g + 1) * filters)
            columns = _columns(patches, groups, g)
            product = columns.reshape(-1, columns.shape[-1]).T @ dy[..., own].reshape(-1, filters)
            dw[..., own] = product.reshape(*dw.shape[:3], filters)
    if db is not None:
        db[...] = dy.sum(axis=(0, 1, 2))


def _matrix(w: np.ndarray) -> np.ndarray:
    """The kernels of one group as a matrix (KH·KW·C/G, O/G)."""
    return w.reshape(-1, w.shape[3])


def _columns(patches: np.ndarray, groups: int, g: int) -> np.ndarray:
    """The channels of one group of patches (N, OH, OW, KH, KW, C) as rows (N, OH, OW, KH·KW·C/G)."""
    channels = patches.shape[5] // groups
    own = patches[..., g * channels : (g + 1) * channels]
    return own.reshape(*own.shape[:3], own.shape[3] * own.shape[4] * channels)


def _patches(x: np.ndarray, kernel: Pair, size: Pair, strides: Pair, padding: Padding, dilation: Pair) -> np.ndarray:
    """What each output position looks at: (N, OH, OW, KH, KW, C)."""
    canvas = np.zeros(_canvas_shape(x.shape, kernel, size, strides, padding, dilation), x.dtype)
    top, left = padding[0], padding[2]
    canvas[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    shape = (x.shape[0], *size, *kernel, x.shape[3])
    require(shape, x.dtype, "im2col")
    patches = np.empty(shape, x.dtype)
    for kh, kw in np.ndindex(*kernel):
        patches[:, :, :, kh, kw] = canvas[_tap(kh, kw, size, strides, dilation)]
    return patches


def _canvas_shape(
    shape: tuple[int, ...], kernel: Pair, size: Pair, strides: Pair, padding: Padding, dilation: Pair
) -> tuple[int, ...]:
    """Shape of the padded image: large enough for the image and for the last patch."""
    rows, columns = (
        max(before + length, (count - 1) * stride + (taps - 1) * step + 1)
        for before, length, count, stride, taps, step in zip(
            (padding[0], padding[2]), shape[1:3], size, strides, kernel, dilation, strict=True
        )
    )
    return (shape[0], rows, columns, shape[3])


def _tap(kh: int, kw: int, size: Pair, strides: Pair, dilation: Pair) -> tuple[slice, ...]:
    """Where in the padded image the tap (kh, kw) lies for every output position."""
    starts = (kh * dilation[0], kw * dilation[1])
    return (
        slice(None),
        *(slice(s, s + (n - 1) * step + 1, step) for s, n, step in zip(starts, size, strides, strict=True)),
    )
