"""PyTorch's own operators on the shapes of the sweep, in either memory layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench import shapes

aten = torch.ops.aten
Run = Callable[[], Any]


def _image(layout: torch.memory_format, n: int, h: int, w: int, c: int) -> torch.Tensor:
    return torch.rand(n, c, h, w).contiguous(memory_format=layout)


def _convolution(passing: str, shape: shapes.Convolution, layout: torch.memory_format) -> Run:
    x, y = _image(layout, *shape.x), _image(layout, *shape.y)
    kh, kw, c, o = shape.w
    w = torch.rand(o, c, kh, kw).contiguous(memory_format=layout)
    stride, dilation, pads = [shape.stride] * 2, [shape.dilation] * 2, [shape.pads[0], shape.pads[2]]
    if shape.transposed:
        x, y = y, x
        steps = zip(x.shape[2:], y.shape[2:], (kh, kw), pads)
        extra = [out - ((size - 1) * shape.stride - 2 * pad + k) for size, out, k, pad in steps]
    else:
        extra = [0, 0]
    rest = (stride, pads, dilation, shape.transposed, extra, shape.groups)
    if passing == "forward":
        return lambda: aten.convolution(x, w, None, *rest)
    mask = [passing == "dX", passing == "dW", False]
    return lambda: aten.convolution_backward(y, x, w, None, *rest, mask)


def _pooling(passing: str, shape: shapes.Pooling, layout: torch.memory_format) -> Run:
    x, y = _image(layout, *shape.x), _image(layout, *shape.y)
    size, stride, pad = [shape.size] * 2, [shape.stride] * 2, [shape.pads[0]] * 2
    if shape.kind == "average":
        if passing == "forward":
            return lambda: aten.avg_pool2d(x, size, stride, pad, False, False)
        return lambda: aten.avg_pool2d_backward(y, x, size, stride, pad, False, False, None)
    if passing == "forward":
        return lambda: aten.max_pool2d_with_indices(x, size, stride, pad)
    index = aten.max_pool2d_with_indices(x, size, stride, pad)[1]
    return lambda: aten.max_pool2d_with_indices_backward(y, x, size, stride, pad, [1, 1], False, index)


def _batch_image(shape: shapes.Normalization, layout: torch.memory_format) -> torch.Tensor:
    """Rows of channels as an image where their number is a square, as it is where they come from one."""
    if layout == torch.contiguous_format and shape.rows <= 4096:
        return torch.rand(shape.rows, shape.channels)
    height = next(h for h in (32, 28, 16, 14, 8, 4, 1) if shape.rows % (h * h) == 0)
    return _image(layout, shape.rows // (height * height), height, height, shape.channels)


def _normalization(passing: str, shape: shapes.Normalization, layout: torch.memory_format) -> Run:
    weight, bias = torch.rand(shape.channels), torch.randn(shape.channels)
    if shape.kind == "batch":
        x = _batch_image(shape, layout)
        dy = torch.randn_like(x)
        running = torch.zeros(shape.channels), torch.ones(shape.channels)
        forward = lambda: aten.native_batch_norm(x, weight, bias, *running, True, 0.01, 1e-3)  # noqa: E731
        if passing == "forward":
            return forward
        _, mean, deviation = forward()
        saved = (*running, mean, deviation)
        return lambda: aten.native_batch_norm_backward(dy, x, weight, *saved, True, 1e-3, [True] * 3)
    x, dy = torch.rand(shape.rows, shape.channels), torch.randn(shape.rows, shape.channels)
    forward = lambda: aten.native_layer_norm(x, [shape.channels], weight, bias, 1e-3)  # noqa: E731
    if passing == "forward":
        return forward
    _, mean, deviation = forward()
    return lambda: aten.native_layer_norm_backward(dy, x, [shape.channels], mean, deviation, weight, bias, [True] * 3)


def prepare(case: str, variant: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of `family/pass`; options hold the line of the file and threads."""
    family, passing = case.split("/")
    torch.set_num_threads(options["threads"])
    layout = torch.channels_last if variant == "channels-last" else torch.contiguous_format
    shape: Any = shapes.parse(family, options["line"])
    if family == "norm" and shape.kind == "layer" and variant == "channels-last":
        raise NotImplementedError("rows have one layout")
    make: Any = {"pool": _pooling, "norm": _normalization}.get(family, _convolution)
    call = make(passing, shape, layout)

    def run(steps: int) -> None:
        with torch.inference_mode():
            for _ in range(steps):
                call()

    return run
