"""The table of kernels that no op reaches: optimizer steps, counters, checks, batches, random numbers.

A row gives the operands of one call. What the kernel writes is compared with its NumPy twin's, operand by operand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Operands = tuple[Sequence["np.ndarray | None"], Sequence["np.ndarray | None"]]


@dataclass(frozen=True)
class Row:
    """One call of a kernel.

    Args:
        kernel: its name.
        operands: outputs (with their contents before the call) and inputs, for a generator and the dtype of the row.
        attributes: named attributes.
        tag: tells rows of one kernel apart.
        dtypes: types the row is tested with.
        tolerance: largest error, relative to the largest value, by type.
    """

    kernel: str
    operands: Callable[[np.random.Generator, str], Operands]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tag: str = ""
    dtypes: tuple[str, ...] = ("float32", "float64")
    tolerance: Mapping[str, float] = field(default_factory=lambda: CLOSE)

    @property
    def id(self) -> str:
        """Name of the row in reports."""
        return f"{self.kernel}-{self.tag}" if self.tag else self.kernel


CLOSE = {"float32": 1e-6, "float64": 1e-14}
EXACT = dict.fromkeys(("float32", "float64", "int32", "int64", "uint8", "bool", "uint32", "uint64"), 0.0)
N = 1037  # several vectors, several chunks of the small ones, and a rest
KEY = (123456789012, 5, 7)


RULES = np.array([0.5, 1.0, 0.1, 2.0, -1.0, 0.9])  # scale, limit, decay, multiplier, floor, momentum of the average


def update(
    hyper: Sequence[float], slots: str = "", average: bool = False, gate: int | None = None, step: int = 3
) -> Callable[[np.random.Generator, str], Operands]:
    """Operands of an optimizer step; a letter for each slot: r any numbers, p positive ones, - absent."""

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        def draw(kind: str) -> np.ndarray | None:
            drawn = {"r": rng.standard_normal(N), "p": rng.uniform(1, 2, N)}
            return drawn[kind].astype(dtype) if kind in drawn else None

        opened = None if gate is None else np.array([gate], np.int32)
        w, dw, mean = draw("r"), draw("r"), draw("r") if average else None
        return [w, *map(draw, slots), mean], [dw, np.array(hyper), RULES, np.array([step]), opened]

    return operands


def clipped(groups: int, sums: int) -> Callable[[np.random.Generator, str], Operands]:
    return lambda rng, _: ([rng.uniform(0, 1, (groups, 6))], [rng.uniform(0, 9, sums), np.array([0.5, 0.8])])


def accumulated(rng: np.random.Generator, dtype: str, weights: bool = False) -> Operands:
    values = rng.standard_normal(N).astype(dtype)
    return [np.array([2.0, 3.0])], [values, rng.uniform(0, 2, N).astype(dtype) if weights else None]


def checked(rng: np.random.Generator, dtype: str, flag: int = 0, value: float | None = None) -> Operands:
    x = rng.standard_normal(40_000).astype(dtype)
    if value is not None:
        x[31_234] = value
    return [np.array([flag], np.int32)], [x]


def batch(rng: np.random.Generator, dtype: str, source: str = "", cursor: bool = True) -> Operands:
    rows = rng.integers(0, 200, (50, 7, 9)).astype(source or dtype)
    indices = rng.permutation(50)
    return [np.empty((16, 7, 9), dtype)], [rows, indices, np.array([20]) if cursor else None]


def copied(rng: np.random.Generator, dtype: str) -> Operands:
    return [np.zeros((5, 37), dtype)], [rng.standard_normal((5, 37)).astype(dtype)]


def keyed(*shape: int) -> Callable[[np.random.Generator, str], Operands]:
    return lambda rng, dtype: ([np.zeros(shape, dtype)], [np.array(KEY, np.uint64)])


def counter(dtype: str, values: Sequence[int]) -> Callable[[np.random.Generator, str], Operands]:
    return lambda rng, _: ([np.array(values, dtype)], [])


def scaled(rng: np.random.Generator, dtype: str) -> Operands:
    return [np.empty((5, 37), dtype)], [rng.standard_normal((5, 37)).astype(dtype), np.asarray(0.3, dtype)]


def product(
    transpose_a: bool, transpose_b: bool, residual: bool, rows: int = 19, columns: int = 37, depth: int = 23
) -> Callable[[np.random.Generator, str], Operands]:
    """A product with everything that can be fused: bias, residual, activation."""

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        a = rng.standard_normal((rows, depth) if not transpose_a else (depth, rows)).astype(dtype)
        b = rng.standard_normal((depth, columns) if not transpose_b else (columns, depth)).astype(dtype)
        more = rng.standard_normal((rows, columns)).astype(dtype) if residual else None
        return [np.empty((rows, columns), dtype)], [a, b, rng.standard_normal(columns).astype(dtype), more]

    return operands


def dense(rows: int, bias: bool, residual: bool) -> Callable[[np.random.Generator, str], Operands]:
    """A dense layer with the batch normalisation behind it: rows as the strategies of a product divide them."""

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        x, w, b, scale, shift, more = (
            rng.standard_normal(shape).astype(dtype) for shape in ((rows, 23), (23, 37), 37, 37, 37, (rows, 37))
        )
        return [np.empty((rows, 37), dtype)], [x, w, b if bias else None, scale, shift, more if residual else None]

    return operands


def convolution(
    kernel: str,
    image: tuple[int, ...],
    filters: int,
    padding: tuple[int, int, int, int],
    taps: tuple[int, int] = (3, 3),
    strides: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> Callable[[np.random.Generator, str], Operands]:
    """A convolution, or one of its gradients, with everything that can be fused."""

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        def normal(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape).astype(dtype)

        images, height, width, channels = image
        x, w = normal(*image), normal(*taps, channels, filters) / np.asarray(3 * np.sqrt(channels), dtype)
        reach = [(count - 1) * gap for count, gap in zip(taps, dilation, strict=True)]
        rows, columns = (height + sum(padding[:2]) - reach[0], width + sum(padding[2:]) - reach[1])
        dy = normal(images, (rows - 1) // strides[0] + 1, (columns - 1) // strides[1] + 1, filters)
        if kernel == "conv2d_forward":
            return [np.empty_like(dy)], [x, w, normal(filters), normal(filters), normal(filters), dy]
        if kernel == "conv2d_backward_input":
            return [np.empty_like(x)], [dy, w, normal(channels)]
        return [np.empty_like(w), np.empty(filters, dtype)], [x, dy]

    return operands


def winograd_rows(kernel: str) -> list[Row]:
    """Shapes where Winograd's method wins on every level: whole tiles and parts of them, odd channels, paddings."""
    ending = {} if kernel == "conv2d_backward_weights" else {"activation": "leaky_relu", "alpha": 0.3}
    return [
        Row(kernel, convolution(kernel, image, filters, padding),
            {"strides": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1, "winograd": tile, **ending},
            tag=f"{tag}-winograd-{tile}", tolerance={"float32": error, "float64": 1e-13})
        for tag, image, filters, padding in WINOGRAD_SHAPES
        for tile, error in ((2, 2e-6), (4, 5e-6))
    ]  # fmt: skip


WINOGRAD_SHAPES = [
    ("whole", (4, 12, 12, 64), 64, (1, 1, 1, 1)),
    ("odd", (3, 13, 11, 75), 83, (1, 1, 1, 1)),
    ("valid", (2, 23, 19, 72), 80, (0, 0, 0, 0)),
    ("wide", (4, 11, 9, 80), 70, (3, 4, 0, 3)),
    ("flat", (3, 4, 50, 64), 96, (1, 1, 2, 0)),
]


def few_channels_rows() -> list[Row]:
    """Gradients of inputs of few channels: whole images and parts of them, vectors of them and fewer."""
    return [
        Row("conv2d_backward_input", convolution("conv2d_backward_input", image, filters, padding, *taps),
            {"strides": taps[1], "padding": padding, "dilation": taps[2], "groups": 1, "winograd": 2,
             "activation": "leaky_relu", "alpha": 0.3},
            tag=f"few-channels-{tag}", tolerance={"float32": 2e-6, "float64": 1e-13})
        for tag, image, filters, padding, taps in FEW_CHANNELS
    ]  # fmt: skip


ONES = (1, 1)
FEW_CHANNELS = [
    ("one", (1, 28, 28, 1), 64, (3, 3, 3, 3), ((7, 7), ONES, ONES)),
    ("batch", (67, 4, 5, 1), 8, (2, 2, 2, 2), ((5, 5), ONES, ONES)),
    ("images", (40, 7, 6, 3), 17, (3, 3, 0, 1), ((7, 2), ONES, ONES)),
    ("parts", (2, 33, 45, 3), 16, (0, 0, 0, 0), ((3, 3), ONES, ONES)),
    ("strides", (3, 23, 30, 3), 32, (3, 2, 2, 3), ((7, 7), (2, 2), ONES)),
    ("gaps", (2, 20, 17, 2), 9, (0, 1, 1, 0), ((1, 2), (3, 3), ONES)),
    ("many-filters", (5, 4, 4, 1), 300, (1, 1, 1, 1), ((3, 3), ONES, ONES)),
    ("deep", (1, 14, 14, 6), 16, (0, 0, 0, 0), ((5, 5), ONES, ONES)),
    ("dilation", (2, 15, 12, 4), 10, (1, 0, 3, 2), ((3, 3), ONES, (2, 3))),
    ("row", (9, 1, 50, 1), 32, (0, 0, 3, 3), ((1, 7), ONES, ONES)),
    ("pixel", (1, 5, 5, 1), 4, (0, 0, 0, 0), ((5, 5), ONES, ONES)),
    ("wide", (1, 3, 5, 3), 5, (2, 0, 4, 1), ((5, 9), (1, 2), ONES)),
]


def normalized_batch(*shape: int, residual: bool = True) -> Callable[[np.random.Generator, str], Operands]:
    """Batch norm with all that can be fused into it."""

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        x, more = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        gamma, beta = (rng.standard_normal(shape[-1]).astype(dtype) for _ in range(2))
        outputs = [np.empty(shape, dtype), np.empty(shape[-1], dtype), np.empty(shape[-1], dtype)]
        return outputs, [x, gamma, beta, more if residual else None]

    return operands


def normalized_batch_backward(*shape: int) -> Callable[[np.random.Generator, str], Operands]:
    """The way back through an activation and a normalization at once; y is the activation's, which may be any."""

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        dy, x = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        y = rng.uniform(-0.9, 0.9, shape).astype(dtype)
        mean, gamma = (rng.standard_normal(shape[-1]).astype(dtype) for _ in range(2))
        inverse = rng.uniform(0.5, 2, shape[-1]).astype(dtype)
        outputs = [np.empty(shape, dtype), np.empty(shape[-1], dtype), np.empty(shape[-1], dtype)]
        return outputs, [dy, x, y, mean, inverse, gamma]

    return operands


def scaled_columns(*shape: int) -> Callable[[np.random.Generator, str], Operands]:
    """x scale + shift + residual."""

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        x, residual = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        scale, shift = (rng.standard_normal(shape[-1]).astype(dtype) for _ in range(2))
        return [np.empty(shape, dtype)], [x, scale, shift, residual]

    return operands


def moving_statistics(rng: np.random.Generator, dtype: str) -> Operands:
    mean, moving_mean = (rng.standard_normal(N).astype(dtype) for _ in range(2))
    inverse, moving_variance = (rng.uniform(0.5, 2, N).astype(dtype) for _ in range(2))
    return [moving_mean, moving_variance], [mean, inverse]


def exact_convolution(
    image: tuple[int, ...], taps: tuple[int, ...], groups: int = 1, residual: bool = True, **geometry: Any
) -> tuple[Callable[[np.random.Generator, str], Operands], dict[str, Any]]:
    """A convolution with all that can be fused, and paddings that no layer asks for. taps: (KH, KW, C/G, O)."""
    attributes = {"strides": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), **geometry}
    top, bottom, left, right = attributes["padding"]
    height, width = (
        (size + more - (k - 1) * d - 1) // s + 1
        for size, more, k, d, s in zip(
            image[1:3], (top + bottom, left + right), taps, attributes["dilation"], attributes["strides"]
        )
    )
    out = (image[0], height, width, taps[3])

    def operands(rng: np.random.Generator, dtype: str) -> Operands:
        x, w, b, scale, shift, more = (
            rng.standard_normal(shape).astype(dtype) for shape in (image, taps, *(3 * (taps[3:],)), out)
        )
        return [np.empty(out, dtype)], [x, w, b, scale, shift, more if residual else None]

    return operands, attributes | {"groups": groups, "activation": "relu", "alpha": 0.0, "winograd": 0}


CONVOLUTIONS = {
    "fused": exact_convolution((2, 9, 15, 5), (3, 3, 5, 40), padding=(1, 1, 1, 1)),
    "images": exact_convolution((15, 5, 4, 3), (3, 3, 3, 33), padding=(1, 1, 1, 1)),
    "two-images": exact_convolution((3, 5, 5, 3), (1, 2, 3, 33), residual=False),
    "two-rows": exact_convolution((1, 5, 5, 3), (3, 3, 3, 33), padding=(1, 1, 1, 1)),
    "all-padding": exact_convolution((2, 2, 3, 4), (3, 3, 4, 20), padding=(6, 5, 7, 4)),
    "all-padding-few": exact_convolution((2, 2, 13, 4), (3, 3, 4, 2), padding=(6, 5, 7, 4)),
    "small-groups": exact_convolution((2, 6, 15, 32), (3, 3, 4, 32), groups=8, padding=(2, 0, 1, 3), strides=(2, 1)),
    "single-groups": exact_convolution((1, 5, 9, 16), (3, 3, 1, 16), groups=16, residual=False, dilation=(1, 2)),
    "many-groups": exact_convolution((5, 6, 7, 140), (3, 3, 20, 35), groups=7, padding=(1, 1, 1, 1), strides=(2, 1)),
    "few": exact_convolution((2, 6, 35, 20), (3, 3, 20, 3), padding=(1, 1, 1, 1)),
    "few-rows": exact_convolution((1, 9, 35, 2), (3, 5, 2, 2), residual=False, strides=(2, 1), dilation=(2, 1)),
    "few-long": exact_convolution((1, 3, 20, 300), (3, 3, 300, 1), padding=(1, 1, 1, 1)),
    "pointwise": exact_convolution((2, 5, 7, 9), (1, 1, 9, 37)),
}

SUMS = {"float32": 3e-6, "float64": 1e-14}
ROWS = [
    Row("sgd_step", update([0.05, 0.0], "-"), {"variant": 0}, tag="plain"),
    Row("sgd_step", update([0.05, 0.9], "r"), {"variant": 0}, tag="momentum"),
    Row("sgd_step", update([0.05, 0.9], "r", average=True), {"variant": 1}, tag="nesterov-average"),
    Row("adam_step", update([0.01, 0.9, 0.999, 1e-7], "rp-"), {"variant": 0}),
    Row("adam_step", update([0.01, 0.9, 0.999, 1e-7], "rpp", average=True, step=0), {"variant": 1}, tag="amsgrad"),
    Row("adam_step", update([0.01, 0.9, 0.999, 1e-7], "rp-", gate=1), {"variant": 0}, tag="open"),
    Row("adam_step", update([0.01, 0.9, 0.999, 1e-7], "rp-", gate=0), {"variant": 0}, tag="closed", tolerance=EXACT),
    Row("adamax_step", update([0.01, 0.9, 0.999, 1e-7], "rp"), {"variant": 0}),
    Row("nadam_step", update([0.01, 0.9, 0.999, 1e-7, 0.5, 0.55, 0.2], "rp"), {"variant": 0}),
    Row("adagrad_step", update([0.01, 1e-7], "p"), {"variant": 0}),
    Row("adadelta_step", update([1.0, 0.95, 1e-3], "pp"), {"variant": 0}),
    Row("rmsprop_step", update([0.01, 0.9, 0.0, 1e-7], "p--"), {"variant": 0}, tag="plain"),
    Row("rmsprop_step", update([0.01, 0.9, 0.5, 1e-7], "prr"), {"variant": 0}, tag="momentum"),
    Row("rmsprop_step", update([0.01, 0.9, 0.5, 5.0], "prr"), {"variant": 1}, tag="centered"),
    Row("lion_step", update([0.01, 0.9, 0.99], "r"), {"variant": 0}),
    Row("nadam_schedule", lambda rng, _: ([np.array([0.1, 0.9, 0.999, 1e-7, 0.4, 0.5, 0.3])], [np.array([3]), None]),
        dtypes=("float64",), tolerance=dict.fromkeys(CLOSE, 1e-14)),
    *(
        Row("accumulate_gradient", lambda rng, d, count=count: ([rng.standard_normal(N).astype(d)],
            [rng.standard_normal(N).astype(d), np.array([count])]), {"every": 3}, tag=f"call-{count}", tolerance=EXACT)
        for count in (3, 4)
    ),
    *(
        Row("open_gate", lambda rng, _, count=count: ([np.array([5], np.int32)], [np.array([count])]), {"every": 3},
            tag=f"call-{count}", dtypes=("int32",), tolerance=EXACT)
        for count in (3, 5)
    ),
    *(
        Row("take_average", lambda rng, d, step=step: ([rng.standard_normal(N).astype(d)],
            [rng.standard_normal(N).astype(d), np.array([step]), None]), {"every": 3}, tag=f"step-{step}",
            tolerance=EXACT)
        for step in (3, 5)
    ),
    Row("sum_squares", lambda rng, d: ([np.empty(1, d)], [rng.standard_normal(40_001).astype(d)]), tolerance=SUMS),
    Row("clip_scale", clipped(5, 5), {"together": False}, tag="each", dtypes=("float64",), tolerance=EXACT),
    Row("clip_scale", clipped(2, 7), {"together": True}, tag="together", dtypes=("float64",)),
    Row("advance", lambda rng, _: ([np.array([5])], [np.array([0], np.int32)]), {"by": 3}, tag="closed",
        dtypes=("int64",), tolerance=EXACT),
    Row("accumulate", accumulated, tolerance=dict.fromkeys(CLOSE, 1e-14)),
    Row("accumulate", lambda rng, d: accumulated(rng, d, True), tag="weights", tolerance=dict.fromkeys(CLOSE, 1e-14)),
    Row("advance", counter("int64", [5]), {"by": 3}, dtypes=("int64",), tolerance=EXACT),
    Row("advance", counter("uint64", [5, 6, 7]), {"by": 1}, tag="key", dtypes=("uint64",), tolerance=EXACT),
    Row("check_finite", checked, {"code": 3}, tag="finite", tolerance=EXACT),
    Row("check_finite", lambda rng, d: checked(rng, d, value=np.nan), {"code": 3}, tag="nan", tolerance=EXACT),
    Row("check_finite", lambda rng, d: checked(rng, d, value=-np.inf), {"code": 3}, tag="inf", tolerance=EXACT),
    Row("check_finite", lambda rng, d: checked(rng, d, 9, np.nan), {"code": 3}, tag="earlier", tolerance=EXACT),
    Row("assign", copied, tolerance=EXACT),
    *(
        Row("gather", lambda rng, d, s=source: batch(rng, d, s), tag=f"from-{source}", tolerance=EXACT)
        for source in ("float32", "float64", "int32", "int64", "uint8")
    ),
    Row("gather", lambda rng, d: batch(rng, d, cursor=False), tag="from-the-start",
        dtypes=("float32", "int32", "int64"), tolerance=EXACT),
    Row("random_bits", keyed(1037), dtypes=("uint32",), tolerance=EXACT),
    Row("random_uniform", keyed(17, 61), {"low": -2.0, "high": 3.0}, tolerance=EXACT),
    Row("random_normal", keyed(17, 61), {"mean": 1.0, "stddev": 2.0, "truncated": False}, dtypes=("float64",)),
    Row("random_normal", keyed(1037), {"mean": 0.0, "stddev": 1.0, "truncated": True}, tag="cut", dtypes=("float64",)),
    Row("random_permutation", keyed(1037), dtypes=("int64",), tolerance=EXACT),
    Row("scale", scaled, tolerance=EXACT),
    *(
        Row("random_transforms", keyed(99, 6), {"kind": kind, "height": 7, "width": 10, "height_low": low,
            "height_high": high, "width_low": low, "width_high": 0.9, "joint": joint}, tag=f"{kind}-{joint}",
            dtypes=("float64",))
        for kind, low, high, joint in (("flip", 0.0, 0.5, False), ("translation", -0.5, 0.7, False),
                                       ("rotation", -0.2, 0.3, False), ("zoom", -0.5, 0.5, True),
                                       ("zoom", -0.5, 0.5, False), ("crop", 0.0, 4.0, False))
    ),
    *(
        Row("gemm", product(ta, tb, residual),
            {"transpose_a": ta, "transpose_b": tb, "activation": name, "alpha": alpha},
            tag=f"{'TN'[not ta]}{'TN'[not tb]}-{name}", tolerance=SUMS)
        for ta, tb, residual, name, alpha in (
            (False, False, True, "relu", 0.0),
            (False, True, False, "leaky_relu", 0.3),
            (True, False, True, "elu", 1.5),
            (True, True, False, "selu", 0.0),
            (False, False, False, "sigmoid", 0.0),
            (False, True, True, "tanh", 0.0),
            (True, False, False, "softplus", 0.0),
            (True, True, True, "linear", 0.0),
        )
    ),
    *(
        Row("gemm", product(False, tb, False, *shape),
            {"transpose_a": False, "transpose_b": tb, "activation": "leaky_relu", "alpha": 0.3},
            tag=f"narrow-N{'NT'[tb]}-{'x'.join(map(str, shape))}", tolerance=SUMS)
        for tb in (False, True)
        for shape in ((70, 1, 8), (33, 2, 3), (50, 3, 16), (131, 4, 29), (200, 3, 33), (135, 8, 8), (150, 37, 9),
                      (129, 70, 40))
    ),
    *(
        Row("conv2d_forward", operands, attributes, tag=tag, tolerance={"float32": 1e-5, "float64": 1e-14})
        for tag, (operands, attributes) in CONVOLUTIONS.items()
    ),
    *(
        Row("dense_forward", dense(rows, bias, residual), {"activation": name, "alpha": 0.0},
            tag=f"{rows}-rows-{name}", tolerance=SUMS)
        for rows, bias, residual, name in (
            (1, True, False, "relu"), (19, False, True, "linear"), (211, True, True, "relu")
        )
    ),
    *(row for kernel in ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weights")
      for row in winograd_rows(kernel)),
    *few_channels_rows(),
    *(
        Row("batch_norm_forward", normalized_batch(*shape, residual=residual),
            {"epsilon": 0.001, "activation": name, "alpha": alpha}, tag=f"{name}-{'x'.join(map(str, shape))}",
            tolerance={"float32": 3e-5, "float64": 1e-13})  # means are small beside what they are means of
        for shape, residual, name, alpha in (
            ((37, 5), True, "relu", 0.0),
            ((300, 3, 37), False, "leaky_relu", 0.3),
            ((2, 7, 300), True, "elu", 1.5),
            ((41, 1), False, "selu", 0.0),
            ((700, 16), True, "sigmoid", 0.0),
            ((3, 2), False, "tanh", 0.0),
            ((1, 24), True, "softplus", 0.0),
            ((9, 64), True, "exponential", 0.0),
            ((1100, 3), True, "linear", 0.0),
        )
    ),
    *(
        Row("batch_norm_backward", normalized_batch_backward(*shape),
            {"activation": name, "alpha": alpha, "training": training}, tag=f"{name}-{'x'.join(map(str, shape))}",
            tolerance=SUMS)
        for shape, training, name, alpha in (
            ((37, 5), True, "relu", 0.0),
            ((300, 3, 37), False, "leaky_relu", 0.3),
            ((2, 7, 300), True, "elu", 1.5),
            ((41, 1), True, "selu", 0.0),
            ((700, 16), False, "sigmoid", 0.0),
            ((3, 2), True, "tanh", 0.0),
            ((1, 24), True, "softplus", 0.0),
            ((9, 64), True, "exponential", 0.0),
            ((1100, 3), True, "linear", 0.0),
        )
    ),
    *(
        Row("scale_shift", scaled_columns(*shape), {"activation": name, "alpha": 0.5},
            tag=f"{name}-{'x'.join(map(str, shape))}")
        for shape, name in (((37, 5), "relu"), ((3, 5, 70), "elu"), ((600, 33), "linear"))
    ),
    Row("batch_norm_update", moving_statistics, {"momentum": 0.9, "epsilon": 0.01}),
]  # fmt: skip
