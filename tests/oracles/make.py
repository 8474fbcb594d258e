"""Makes the oracle values: what PyTorch and Keras compute for rows of tests/ops/specs.py.

    python tests/oracles/make.py

Needs torch, keras and jax. Writes ops_torch.npz (values and gradients, float64) and ops_keras.npz (values in Keras's
own types, float32) beside this file. Inputs are stored with them, so the files stay valid when a row draws differently.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
os.environ.setdefault("KERAS_BACKEND", "jax")

from gemmule.ops.registry import OPS  # noqa: E402
from tests.helpers import rng_for  # noqa: E402
from tests.ops.specs import ROWS, Row  # noqa: E402

Arrays = dict[str, np.ndarray]
LARGEST = 20_000  # elements of the inputs of a row whose values are stored: the files belong to the sources


def inputs_of(row: Row) -> list[np.ndarray]:
    """The row's inputs, smaller and in float32: every library can take them as they are."""
    shapes = [tuple(7 if n == 37 else n for n in i.shape) for i in row.inputs]
    return row.draw(rng_for("oracle", row.id), row.dtypes[0], shapes)


def torch_functions() -> dict[str, Callable[..., Any]]:
    """How PyTorch says it, by our op's name; called with tensors and the row's arguments."""
    import torch
    import torch.nn.functional as F

    def rows(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda pred, true: function(pred, true, reduction="none").mean(-1)

    def reduced(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
            axes = tuple(range(x.ndim)) if axis is None else axis
            return function(x, dim=axes, keepdim=keepdims) if x.ndim else function(x)

        return call

    def product(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        for a in sorted((a % x.ndim for a in axes), reverse=True):
            x = x.prod(dim=a, keepdim=keepdims)
        return x

    def sparse(logits: Any, labels: Any) -> Any:
        flat = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1).long(), reduction="none")
        return flat.reshape(labels.shape)

    def along(axis: int, x: Any, function: Callable[[Any], Any]) -> Any:
        """PyTorch wants channels second."""
        if x.ndim == 2 and axis in (-1, 1):
            return function(x)
        return function(x.movedim(axis, 1)).movedim(1, axis)

    def fixed(
        x: Any, mean: Any, variance: Any, scale: Any = None, offset: Any = None, axis: int = -1, epsilon: float = 0.001
    ) -> Any:  # F.batch_norm has no gradient for the statistics
        y = (x.movedim(axis, -1) - mean) / torch.sqrt(variance + epsilon)
        return (y if scale is None else y * scale + offset).movedim(-1, axis)

    def batch(x: Any, scale: Any = None, offset: Any = None, axis: int = -1, epsilon: float = 0.001) -> Any:
        return along(axis, x, lambda x: F.batch_norm(x, None, None, scale, offset, True, eps=epsilon))

    def layer(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
        if isinstance(axis, tuple):
            return F.layer_norm(x, [x.shape[a] for a in axis], gamma, beta, epsilon)
        x = x.movedim(axis, -1)
        return F.layer_norm(x, x.shape[-1:], gamma, beta, epsilon).movedim(-1, axis)

    def group(
        x: Any, gamma: Any = None, beta: Any = None, groups: int = 1, axis: int = -1, epsilon: float = 0.001
    ) -> Any:
        return along(axis, x, lambda x: F.group_norm(x, groups, gamma, beta, epsilon))

    def dense(x: Any, w: Any, b: Any = None, activation: str | None = None) -> Any:
        return activations[activation](x @ w if b is None else x @ w + b)

    def windows(x: Any, kernel: Any, strides: Any, padding: str, dilation_rate: Any) -> Any:
        """Channels first, padded as Keras does."""
        rank, pads = kernel.ndim - 2, []
        for axis in range(rank):
            reach = (kernel.shape[axis] - 1) * pair(dilation_rate, rank)[axis] + 1
            length, stride = x.shape[1 + axis], pair(strides, rank)[axis]
            total = max((-(-length // stride) - 1) * stride + reach - length, 0) if padding == "same" else 0
            pads.append((reach - 1, 0) if padding == "causal" else (total // 2, total - total // 2))
        return F.pad(x.movedim(-1, 1), [p for both in reversed(pads) for p in both])

    def pair(value: Any, rank: int) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * rank

    def filters_first(w: Any) -> Any:
        return w.permute(w.ndim - 1, w.ndim - 2, *range(w.ndim - 2)).contiguous()

    def conv(x: Any, w: Any, b: Any = None, strides: Any = 1, padding: str = "valid", dilation_rate: Any = 1,
             groups: int = 1, activation: str | None = None, alpha: float | None = None) -> Any:  # fmt: skip
        function = F.conv2d if w.ndim == 4 else F.conv1d
        padded = windows(x, w, strides, padding, dilation_rate)
        y = function(padded, filters_first(w), b, strides, 0, dilation_rate, groups).movedim(1, -1)
        return activations[activation](y, *(() if alpha is None else (alpha,)))

    def conv_transpose(x: Any, w: Any, b: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None,
                       dilation_rate: Any = 1, activation: str | None = None) -> Any:  # fmt: skip
        y = F.conv_transpose2d(x.movedim(-1, 1), filters_first(w), None, strides, dilation=dilation_rate)
        for axis in range(2):
            reach = (w.shape[axis] - 1) * pair(dilation_rate, 2)[axis] + 1
            stride, count = pair(strides, 2)[axis], x.shape[1 + axis]
            extra = None if output_padding is None else pair(output_padding, 2)[axis]
            if padding == "same":
                length = count * stride if extra is None else (count - 1) * stride + reach % 2 + extra
            else:
                length = (count - 1) * stride + (max(reach, stride) if extra is None else reach + extra)
            before = max((count - 1) * stride + reach - length, 0) // 2 if padding == "same" else 0
            y = y.narrow(2 + axis, before, min(length, y.shape[2 + axis] - before))
            missing = length - y.shape[2 + axis]
            y = F.pad(y, [0, 0, 0, missing] if axis == 0 else [0, missing])
        return activations[activation](y.movedim(1, -1) + b)

    def depthwise(x: Any, each: Any, b: Any = None, **arguments: Any) -> Any:
        kh, kw, channels, count = each.shape
        return conv(x, each.reshape(kh, kw, 1, channels * count), b, groups=channels, **arguments)

    def separable(x: Any, each: Any, mix: Any, b: Any = None, strides: Any = 1, padding: str = "valid",
                  activation: str | None = None) -> Any:  # fmt: skip
        y = depthwise(x, each, strides=strides, padding=padding)
        return conv(y, mix, b, activation=activation)

    def pool(largest: bool) -> Callable[..., Any]:
        def call(x: Any, pool_size: Any, strides: Any = None, padding: str = "valid") -> Any:
            rank = x.ndim - 2
            size = pair(pool_size, rank)
            step = size if strides is None else pair(strides, rank)
            function = {(1, True): F.max_pool1d, (2, True): F.max_pool2d, (1, False): F.avg_pool1d,
                        (2, False): F.avg_pool2d}[rank, largest]  # fmt: skip
            pads = []
            for n, k, s in zip(x.shape[1:-1], size, step, strict=True):
                total = max((-(-n // s) - 1) * s + k - n, 0) if padding == "same" else 0
                pads = [total // 2, total - total // 2, *pads]
            x = x.movedim(-1, 1)
            if largest:
                return function(F.pad(x, pads, value=-float("inf")), size, step).movedim(1, -1)
            inside = function(F.pad(torch.ones_like(x), pads), size, step)
            return (function(F.pad(x, pads), size, step) / inside).movedim(1, -1)

        return call

    def upsample(x: Any, size: Any = 2, interpolation: str = "nearest") -> Any:
        x, factors = x.movedim(-1, 1), tuple(float(n) for n in pair(size, x.ndim - 2))
        how = {"mode": "bilinear", "align_corners": False} if interpolation == "bilinear" else {"mode": "nearest"}
        return F.interpolate(x, scale_factor=factors, **how).movedim(1, -1)

    def pad(x: Any, pad_width: Any, constant_values: float = 0.0) -> Any:
        widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
        return F.pad(x, [int(n) for both in widths[::-1] for n in both], value=constant_values)

    def along_axes(function: Any, x: Any, axis: Any) -> Any:
        """PyTorch takes one axis only."""
        if isinstance(axis, int):
            return function(x, axis)
        ends = tuple(range(-len(axis), 0))
        moved = x.movedim(axis, ends)
        return function(moved.flatten(-len(axis)), -1).reshape(moved.shape).movedim(ends, axis)

    def along_axis(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, axis: function(x.ravel() if axis is None else x, 0 if axis is None else axis)

    activations: dict[str | None, Callable[..., Any]] = {
        None: lambda x: x,
        "linear": lambda x: x,
        "relu": F.relu,
        "leaky_relu": lambda x, negative_slope=0.2: F.leaky_relu(x, negative_slope),
        "elu": lambda x, alpha=1.0: F.elu(x, alpha),
        "selu": F.selu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softplus": F.softplus,
        "exponential": torch.exp,
        "gelu": lambda x, approximate=True: F.gelu(x, approximate="tanh" if approximate else "none"),
        "silu": F.silu,
        "mish": F.mish,
        "softmax": lambda x, axis=-1: along_axes(F.softmax, x, axis),
        "log_softmax": lambda x, axis=-1: along_axes(F.log_softmax, x, axis),
        "relu6": F.relu6,
        "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,  # the gradient of F.hardsigmoid is 1/6 in float32 only
        "hard_silu": F.hardswish,
        "hard_tanh": F.hardtanh,
        "softsign": F.softsign,
        "threshold": lambda x, threshold, default_value: F.threshold(x, threshold, default_value),
        "soft_shrink": lambda x, threshold=0.5: F.softshrink(x, threshold),
        "hard_shrink": lambda x, threshold=0.5: F.hardshrink(x, threshold),
        "tanh_shrink": F.tanhshrink,
        "log_sigmoid": F.logsigmoid,
        "celu": lambda x, alpha=1.0: F.celu(x, alpha),
        "glu": lambda x, axis=-1: F.glu(x, axis),
    }
    arithmetic = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "matmul", "where")
    elementary = ("abs", "sign", "square", "sqrt", "exp", "log", "reciprocal", "sin", "cos", "tan", "arcsin", "arccos",
                  "arctan", "arctan2", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "erf", "exp2", "expm1", "log1p",
                  "log2", "log10", "rsqrt", "floor", "ceil", "trunc", "round", "fmod", "logaddexp", "ravel",
                  "moveaxis", "inner")  # fmt: skip
    return {
        **{name: getattr(torch, name) for name in (*arithmetic, *elementary)},
        **{name: function for name, function in activations.items() if name},
        "negative": torch.neg,
        "mod": torch.remainder,
        "cumsum": along_axis(torch.cumsum),
        "cumprod": along_axis(torch.cumprod),
        "sort": lambda x, axis: torch.sort(x.ravel() if axis is None else x, dim=0 if axis is None else axis).values,
        "logsumexp": lambda x, axis=None, keepdims=False: torch.logsumexp(
            x, tuple(range(x.ndim)) if axis is None else axis, keepdims),
        "var": lambda x, axis=None, keepdims=False: torch.var(x, axis, correction=0, keepdim=keepdims),
        "std": lambda x, axis=None, keepdims=False: torch.std(x, axis, correction=0, keepdim=keepdims),
        "diff": lambda x, n: torch.diff(x, n),
        "tile": lambda x, repeats: torch.tile(x, repeats),
        "roll": lambda x, shift, axis=None: torch.roll(x, shift, axis),
        "take_along_axis": lambda x, i, axis: torch.take_along_dim(
            x, i % (x.numel() if axis is None else x.shape[axis]), axis),
        "tril": lambda x, k: torch.tril(x, k),
        "triu": lambda x, k: torch.triu(x, k),
        "diagonal": lambda x, offset, axis1, axis2: torch.diagonal(x, offset, axis1, axis2),
        "power": lambda x1, x2: torch.pow(x1, x2),
        "clip": lambda x, x_min, x_max: x.clamp(torch.as_tensor(x_min), torch.as_tensor(x_max)),
        "dense": dense,
        "conv2d": conv,
        "conv1d": conv,
        "conv2d_transpose": conv_transpose,
        "depthwise_conv2d": depthwise,
        "separable_conv2d": separable,
        "batch_normalization": fixed,
        "normalize_batch": batch,
        "layer_normalization": layer,
        "group_normalization": group,
        "max_pool": pool(True),
        "average_pool": pool(False),
        "upsample": upsample,
        "pad": pad,
        "sum": reduced(torch.sum),
        "mean": reduced(torch.mean),
        "max": reduced(torch.amax),
        "min": reduced(torch.amin),
        "prod": product,
        "sparse_softmax_crossentropy": sparse,
        "softmax_crossentropy": lambda z, t: F.cross_entropy(z, t, reduction="none"),
        "sigmoid_crossentropy": lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none"),
        "mean_squared_error": rows(F.mse_loss),
        "mean_absolute_error": rows(F.l1_loss),
        "weighted_mean": lambda v, w=None: v.mean() if w is None else (v * w).mean(),
        "transpose": lambda x, axes=None: x.permute(axes) if axes else x.T,
        "concatenate": lambda *xs, axis=0: torch.cat(xs, axis),
        "take": lambda x, i, axis=None: torch.take(x, i % x.numel()) if axis is None
        else x.index_select(axis, i.reshape(-1) % x.shape[axis]).reshape(
            *x.shape[:axis], *i.shape, *x.shape[axis + 1 :]),
    }  # fmt: skip


def torch_values() -> Arrays:
    """Value, arriving gradient and gradients for every row PyTorch has a word for."""
    import torch

    functions, arrays = torch_functions(), {}
    for row in ROWS:
        inputs = inputs_of(row)
        mirrored = row.op == "pad" and "mode" in row.arguments  # PyTorch pads images only
        if row.op not in functions or mirrored or not row.differentiable or sum(a.size for a in inputs) > LARGEST:
            continue
        tensors = [torch.tensor(a.astype(np.float64) if a.dtype == np.float32 else a) for a in inputs]
        tensors = [t.long() if t.dtype == torch.int32 else t for t in tensors]
        floating = [t.requires_grad_() for t in tensors if t.dtype == torch.float64]
        value = functions[row.op](*tensors, **row.arguments)
        seed = rng_for("seed", row.id).integers(-128, 129, value.shape) / 64  # the same number in every type
        gradients = torch.autograd.grad(value, floating, torch.tensor(seed))
        store(arrays, row, inputs, value.detach().numpy())
        arrays[f"{row.id}/seed"] = seed.astype(np.float32)
        arrays.update({f"{row.id}/gradient{i}": g.numpy() for i, g in enumerate(gradients)})
    return arrays


def keras_values() -> Arrays:
    """Values of all rows whose op has the same name in `keras.ops`."""
    from keras import ops

    # Ours take other arguments, or do something else on purpose (take: an index out of range).
    # scatter_update: which of two updates of one place counts is open there. PyTorch's slopes and NumPy judge the rest.
    different = {
        "scatter_update",
        "dense",
        "getitem",
        "convert_to_numpy",
        "convert_to_tensor",
        "take-outside",
        "take-integers",
        "batch_normalization-axis",
        "sparsemax",  # rows of Keras 3.15's do not sum to 1
        *("select", "vectorized_map", "scan"),  # the row calls other ops of ours on the way
        *("repeat-each", "linspace-axis"),  # its JAX backend takes no lists there
        "take_along_axis-flat",
        *("floor_divide-integers", "mod-integers", "fmod-integers"),  # division by zero: NumPy's 0 is ours
        "argsort-special",  # JAX puts -0 before 0
        "in_top_k",  # a target of -1 is the last class there; TensorFlow says false
        "histogram",  # counts are floats there; NumPy's are integers
    }
    arrays: Arrays = {}
    for row in ROWS:
        function = getattr(ops, row.op, None)
        if function is None or {row.op, row.id} & different:
            continue
        inputs = inputs_of(row)
        tensors = [ops.convert_to_tensor(a) for a in inputs]
        arguments = dict(row.arguments)
        if row.op in ("max_pool", "average_pool"):
            arguments.setdefault("strides", arguments["pool_size"])  # its own default fails under JAX
        before, OPS[row.op] = OPS[row.op], function  # rows that call in their own way find Keras's function there
        try:
            value = row.call(*tensors, **arguments) if row.call else function(*tensors, **arguments)
        finally:
            OPS[row.op] = before
        store(arrays, row, inputs, np.asarray(value))
    return arrays


def store(arrays: Arrays, row: Row, inputs: list[np.ndarray], value: np.ndarray) -> None:
    arrays.update({f"{row.id}/input{i}": a for i, a in enumerate(inputs)})
    arrays[f"{row.id}/value"] = value


if __name__ == "__main__":
    for name, values in (("ops_torch", torch_values()), ("ops_keras", keras_values())):
        np.savez_compressed(HERE / f"{name}.npz", **values)
        rows = {key.split("/")[0] for key in values}
        print(f"{name}.npz: {len(rows)} rows, {(HERE / f'{name}.npz').stat().st_size} bytes")
