"""gemmule's kernels on the shapes of the sweep, as a recorded step runs them: no Python between two calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gemmule as gm
from bench import shapes
from gemmule import _native, memory

Kernel = tuple[str, list[Any], list[Any], dict[str, Any]]


def _floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Where an array of a recorded step would lie: on a cache line, which large arrays of NumPy do not begin on."""
    values = memory.aligned(shape)
    np.subtract(rng.random(shape, "float32"), np.float32(0.5), out=values)
    return values


def _convolution(family: str, passing: str, shape: shapes.Convolution, winograd: int) -> Kernel:
    rng = np.random.default_rng(0)
    depthwise = family == "depthwise"
    kernel = (*shape.w[:2], shape.x[3], shape.w[3] // shape.x[3]) if depthwise else shape.w
    x, w, y = _floats(rng, *shape.x), _floats(rng, *kernel), _floats(rng, *shape.y)
    strides, dilation = (shape.stride,) * 2, (shape.dilation,) * 2
    geometry: dict[str, Any] = {"strides": strides, "padding": shape.pads, "dilation": dilation}
    if not depthwise:
        geometry |= {"groups": shape.groups, "winograd": winograd}
    epilogue = {"activation": "linear", "alpha": 0.0}
    name = "depthwise_conv2d" if depthwise else "conv2d"
    # A transposed convolution is the backward pass of a convolution, and the other way round.
    step = {"forward": "dX", "dX": "forward", "dW": "dW"}[passing] if shape.transposed else passing
    if step == "forward":
        inputs = [x, w, None, None, None] + ([] if depthwise else [None])
        return f"{name}_forward", [y], inputs, geometry | epilogue
    if step == "dX":
        inputs, extra = ([y, w], {}) if depthwise else ([y, w, None], epilogue)
        return f"{name}_backward_input", [x], inputs, geometry | extra
    return f"{name}_backward_weights", [w, None], [x, y], geometry


def _pooling(passing: str, shape: shapes.Pooling) -> Kernel:
    rng = np.random.default_rng(0)
    x, y = _floats(rng, *shape.x), _floats(rng, *shape.y)
    geometry = {"pool": (shape.size,) * 2, "strides": (shape.stride,) * 2, "padding": shape.pads}
    if shape.kind == "average":
        return (
            ("average_pool2d_forward", [y], [x], geometry)
            if passing == "forward"
            else ("average_pool2d_backward", [x], [y], geometry)
        )
    index = memory.aligned(shape.y, "uint8")
    gm.backend.execute("max_pool2d_forward", [y, index], [x], **geometry)
    if passing == "forward":
        return "max_pool2d_forward", [y, index], [x], geometry
    return "max_pool2d_backward", [x], [y, index], geometry


def _normalization(passing: str, shape: shapes.Normalization) -> Kernel:
    rng = np.random.default_rng(0)
    x, y, dx = (_floats(rng, shape.rows, shape.channels) for _ in range(3))
    gamma, beta, dgamma, dbeta = (_floats(rng, shape.channels) for _ in range(4))
    statistics = shape.channels if shape.kind == "batch" else shape.rows
    mean, deviation = memory.aligned((statistics,)), memory.aligned((statistics,))
    deviation[...] = 1
    if shape.kind == "batch":
        extra = {"activation": "linear", "alpha": 0.0}
        if passing == "forward":
            inputs = [x, gamma, beta, None]
            return "batch_norm_forward", [y, mean, deviation], inputs, {"epsilon": 1e-3} | extra
        return (
            "batch_norm_backward",
            [dx, dgamma, dbeta],
            [y, x, None, mean, deviation, gamma],
            {"training": True} | extra,
        )
    if passing == "forward":
        return "layer_norm_forward", [y, mean, deviation], [x, gamma, beta], {"epsilon": 1e-3}
    return "layer_norm_backward", [dx, dgamma, dbeta], [y, x, mean, deviation, gamma], {}


def prepare(case: str, options: dict[str, Any]) -> Callable[[int], float | None]:
    """The run of `family/pass`; options hold the line of the file, threads, and Winograd's tile."""
    family, passing = case.split("/")
    gm.set_num_threads(options["threads"])
    shape: Any = shapes.parse(family, options["line"])
    if family == "pool":
        kernel = _pooling(passing, shape)
    elif family == "norm":
        kernel = _normalization(passing, shape)
    else:
        kernel = _convolution(family, passing, shape, options.get("winograd", 2))
    return lambda steps: sum(_native.time_kernel(*kernel, steps))
