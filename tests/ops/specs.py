"""THE table: one row and more for every op.

A row says how an op is called, how its inputs are drawn, how exact its results must be, and how much work it is. From
it come the comparison of the backends on every ISA level, gradients against finite differences, values against PyTorch
and Keras, fuzzing, and the benchmark of the op. A new op needs a row and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from gemmule.ops.registry import OPS
from gemmule.random import Stream
from gemmule.tensor import Tensor

Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape], np.ndarray]

FLOATS = ("float32", "float64")
INTEGERS = ("int32", "int64")


@dataclass(frozen=True)
class Input:
    """One input: its shape, how to draw it, and its type (`None`: the type the row is tested with)."""

    shape: Shape
    draw: Draw
    dtype: str | None = None


@dataclass(frozen=True)
class Row:
    """One way to call an op.

    Args:
        op: name in `OPS`.
        inputs: the tensors it takes.
        arguments: keyword arguments.
        tag: tells rows of one op apart.
        call: how to call it, when that is not `op(*tensors, **arguments)`.
        dtypes: types the row is tested with.
        tolerance: largest error, relative to the largest value, by type. 0 asks for the same values.
        gradient_tolerance: the same for gradients.
        smooth: whether the function has a derivative everywhere; if not, inputs keep off its kinks.
        differentiable: whether gradients exist.
        exact_oracle: whether the reference in float64 says what float32 should give. Not for random numbers.
        bench: shapes of the inputs for the benchmark and the tests with several threads; empty: none.
        flops: work per call from the input arrays and the result; comparisons and exponentials count as one.
        fuzz: other shapes of the inputs (and arguments) the row must work with, drawn at random.
    """

    op: str
    inputs: tuple[Input, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    tag: str = ""
    call: Callable[..., Tensor] | None = None
    dtypes: tuple[str, ...] = FLOATS
    tolerance: Mapping[str, float] = field(default_factory=lambda: CLOSE)
    gradient_tolerance: Mapping[str, float] = field(default_factory=lambda: CLOSE)
    smooth: bool = True
    differentiable: bool = True
    exact_oracle: bool = True
    bench: tuple[Shape, ...] = ()
    flops: Callable[[Sequence[np.ndarray], np.ndarray], float] = lambda inputs, out: out.size
    fuzz: Callable[[np.random.Generator], tuple[Sequence[Shape], Mapping[str, Any]]] | None = None

    @property
    def id(self) -> str:
        """Name of the row in reports."""
        return f"{self.op}-{self.tag}" if self.tag else self.op

    def draw(self, rng: np.random.Generator, dtype: str, shapes: Sequence[Shape] | None = None) -> list[np.ndarray]:
        """Input arrays of the row's shapes, or of others."""
        shapes = shapes if shapes is not None else [i.shape for i in self.inputs]
        return [
            np.ascontiguousarray(i.draw(rng, tuple(shape)), i.dtype or dtype).reshape(shape)
            for i, shape in zip(self.inputs, shapes, strict=True)
        ]

    def __call__(self, tensors: Sequence[Any], arguments: Mapping[str, Any] | None = None) -> Tensor:
        """Calls the op."""
        function = self.call or OPS[self.op]
        return function(*tensors, **(self.arguments if arguments is None else arguments))

    def bytes(self, inputs: Sequence[np.ndarray], out: np.ndarray) -> float:
        """Memory that must be touched: every input read and the result written once."""
        return sum(a.nbytes for a in inputs) + out.nbytes


# ---- Tolerances --------------------------------------------------------------------------------------------------

CLOSE = {"float32": 1e-6, "float64": 1e-14}
EXACT = {"float32": 0.0, "float64": 0.0, "int32": 0.0, "int64": 0.0, "uint8": 0.0, "bool": 0.0}
SUMS = {"float32": 5e-6, "float64": 1e-13}  # long sums in another order

# ---- How to draw -------------------------------------------------------------------------------------------------


def normal(*shape: int) -> Input:
    """Standard normal numbers."""
    return Input(shape, lambda rng, s: rng.standard_normal(s))


def positive(*shape: int) -> Input:
    """Numbers from 0.5 to 2."""
    return Input(shape, lambda rng, s: rng.uniform(0.5, 2, s))


def off_zero(*shape: int) -> Input:
    """Numbers of both signs, at least 0.1 from zero, where many functions have a kink."""
    return Input(shape, lambda rng, s: rng.choice([-1, 1], s) * rng.uniform(0.1, 3, s))


def apart(*shape: int, offset: float = 0.0) -> Input:
    """Different numbers a tenth apart: extremes are unique. Two inputs of different `offset` never meet."""
    return Input(shape, lambda rng, s: (rng.permutation(prod(s)).reshape(s) - prod(s) // 2) / 8 + offset)


def within(low: float, high: float, *shape: int) -> Input:
    """Uniform numbers from an interval."""
    return Input(shape, lambda rng, s: rng.uniform(low, high, s))


def probabilities(*shape: int) -> Input:
    """Positive rows that sum to one."""
    return Input(shape, lambda rng, s: rng.dirichlet(np.ones(s[-1]), s[:-1]))


def integers(low: int, high: int, *shape: int, dtype: str | None = "int32") -> Input:
    """Integers from `low` up to, but without, `high`."""
    return Input(shape, lambda rng, s: rng.integers(low, high, s), dtype)


def booleans(*shape: int) -> Input:
    """True and false."""
    return Input(shape, lambda rng, s: rng.integers(0, 2, s), "bool")


# ---- Shapes for fuzzing ------------------------------------------------------------------------------------------

LENGTHS = (0, 1, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 100)


def some_length(rng: np.random.Generator, least: int = 0) -> int:
    """A length, mostly beside a multiple of the vector width."""
    return int(rng.choice([n for n in LENGTHS if n >= least]))


def some_shape(rng: np.random.Generator, least_rank: int = 0, most_rank: int = 4, least: int = 0) -> Shape:
    """A shape of at most about 100,000 elements."""
    rank = int(rng.integers(least_rank, most_rank + 1))
    while True:
        shape = tuple(some_length(rng, least) for _ in range(rank))
        if prod(shape) <= 100_000:
            return shape


def any_shape(count: int = 1, least_rank: int = 0, least: int = 0) -> Callable[..., Any]:
    """`count` inputs of one shape."""
    return lambda rng: ([some_shape(rng, least_rank, least=least)] * count, {})


def broadcastable(count: int) -> Callable[..., Any]:
    """`count` shapes that broadcast together."""

    def shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
        full = some_shape(rng)
        cut = [
            tuple(1 if rng.random() < 0.3 else n for n in full)[rng.integers(0, len(full) + 1) :] for _ in range(count)
        ]
        return [cut[i] if rng.random() < 0.6 else full for i in range(count)], {}

    return shapes


def with_axes(least: int = 0, several: bool = True, most_rank: int = 4) -> Callable[..., Any]:
    """One shape and axes to reduce."""

    def shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
        shape = some_shape(rng, 1, most_rank, least)
        count = int(rng.integers(1, len(shape) + 1)) if several else 1
        axes = tuple(int(a) for a in rng.permutation(len(shape))[:count])
        axis = None if rng.random() < 0.2 else axes if several else axes[0]
        return [shape], {"axis": axis, "keepdims": bool(rng.integers(2))}

    return shapes


def matrix_shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Two stacks of matrices that can be multiplied."""
    m, k, n = (some_length(rng) for _ in range(3))
    batch = tuple(int(rng.integers(1, 4)) for _ in range(rng.integers(0, 3)))
    left = tuple(1 if rng.random() < 0.3 else b for b in batch)[rng.integers(0, len(batch) + 1) :]
    shapes = [(*batch, m, k), (*left, k, n)]
    return (shapes if rng.random() < 0.5 else [(*left, m, k), (*batch, k, n)]), {}


def dense_shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Inputs, kernel and bias."""
    k, n = some_length(rng), some_length(rng)
    rows = tuple(some_length(rng) for _ in range(rng.integers(1, 3)))
    return [(*rows, k), (k, n), (n,)], {}


def steps_and_padding(rng: np.random.Generator, rank: int, paddings: Sequence[str]) -> dict[str, Any]:
    """Strides or dilation, and a padding."""
    one = (1,) * rank
    strides = tuple(int(n) for n in rng.integers(1, 4, rank)) if rng.random() < 0.5 else one
    dilation = tuple(int(n) for n in rng.integers(1, 4, rank)) if strides == one and rng.random() < 0.5 else one
    return {"strides": strides, "dilation_rate": dilation, "padding": str(rng.choice(paddings))}


def convolved(rank: int) -> Callable[..., Any]:
    """Images or sequences, a kernel that fits into them, a bias; few and many channels, groups."""

    def shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
        more = steps_and_padding(rng, rank, ("valid", "same", "causal") if rank == 1 else ("valid", "same"))
        taps = tuple(int(k) for k in rng.choice((1, 2, 3, 3, 4, 5, 7), rank))
        if rng.random() < 0.3:
            taps = (3,) * rank
        least = [(k - 1) * d + 1 if more["padding"] == "valid" else 1 for k, d in zip(taps, more["dilation_rate"])]
        size = tuple(n + int(rng.integers(0, 14)) for n in least)
        groups = int(rng.choice((1, 1, 1, 2, 3, 7)))
        each, filters = (int(c) for c in rng.choice((1, 2, 3, 5, 8, 16, 17, 33), 2))
        batch = int(rng.choice((0, 1, 1, 2, 3, 5)))
        image = (batch, *size, each * groups)
        return [image, (*taps, each, filters * groups), (filters * groups,)], {**more, "groups": groups}

    return shapes


def depthwise_shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Images, a kernel that fits into them, a bias."""
    (image, taps, _), more = convolved(2)(rng)
    del more["groups"]
    if more["padding"] == "same" and rng.random() < 0.3:  # only here may both be greater than 1
        more |= {name: tuple(int(n) for n in rng.integers(1, 4, 2)) for name in ("strides", "dilation_rate")}
    channels, count = int(rng.choice((1, 2, 3, 5, 8, 16, 17, 33, 64, 65))), int(rng.choice((1, 1, 1, 2, 3)))
    return [(*image[:3], channels), (*taps[:2], channels, count), (channels * count,)], more


def unconvolved(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Images, kernel and bias of a transposed convolution."""
    more = steps_and_padding(rng, 2, ("valid", "same"))
    taps = tuple(int(k) for k in rng.choice((1, 2, 3, 3, 4, 5), 2))
    size = tuple(int(n) for n in rng.integers(2, 9, 2))
    channels, filters = (int(c) for c in rng.choice((1, 2, 3, 5, 8, 16, 17), 2))
    if rng.random() < 0.4:
        more["output_padding"] = tuple(int(rng.integers(0, s)) for s in more["strides"])
    batch = int(rng.choice((1, 1, 2, 3)))
    return [(batch, *size, channels), (*taps, filters, channels), (filters,)], more


def mapped(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Images, maps for them, and how to look outside."""
    batch, height, width, channels = (int(rng.choice((1, 2, 3, 5, 8, 17))) for _ in range(4))
    more: dict[str, Any] = {
        "interpolation": str(rng.choice(("nearest", "bilinear"))),
        "fill_mode": str(rng.choice(("constant", "nearest", "reflect", "wrap"))),
        "fill_value": 0.5,
    }
    if rng.random() < 0.5:
        more["size"] = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    return [(batch, height, width, channels)], {**more, "transforms": maps(rng, batch)}


def maps(rng: np.random.Generator, count: int) -> np.ndarray:
    """Affine maps that turn, stretch and move images a good deal."""
    return np.array([1, 0, 0, 0, 1, 0]) + rng.normal(0, [0.5, 0.5, 3] * 2, (count, 6))


def labelled_rows(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Logits of at least five classes, and labels."""
    rows = some_shape(rng, 1, 2)
    return [(*rows, some_length(rng, 5)), rows], {}


def joined(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Three shapes equal but along one axis."""
    shape = some_shape(rng, 1, 3)
    axis = int(rng.integers(len(shape)))
    return [(*shape[:axis], some_length(rng), *shape[axis + 1 :]) for _ in range(3)], {"axis": axis}


def permuted(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """A shape and an order of its axes."""
    shape = some_shape(rng)
    return [shape], {"axes": tuple(int(a) for a in rng.permutation(len(shape)))}


def taken(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """A shape, the shape of indices into it, and an axis of at least three entries."""
    shape = some_shape(rng, 1, 3, least=3)
    return [shape, some_shape(rng, 0, 2)], {"axis": int(rng.integers(len(shape)))}


def cut_out(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """A shape and a slice of each of its axes, of any step."""
    shape = some_shape(rng)
    bounds = [sorted(int(b) for b in rng.integers(0, n + 1, 2)) for n in shape]
    steps = [int(rng.choice([-3, -1, 1, 2])) for _ in shape]
    key = tuple(slice(a, b, s) if s > 0 else slice(b, a, s) for (a, b), s in zip(bounds, steps))
    return [shape], {"key": key}


# ---- Rows: arithmetic --------------------------------------------------------------------------------------------

S = (5, 37)  # neither a multiple of a vector nor shorter than one
BIG = (640, 500)


def binary(
    op: str, draw: Callable[..., Input] = normal, second: Callable[..., Input] | None = None, **more: Any
) -> list[Row]:
    """Equal shapes, a row against a column, a scalar."""
    second = second or draw
    more = {"bench": (BIG, BIG), "fuzz": broadcastable(2), **more}
    return [
        Row(op, (draw(*S), second(*S)), **more),
        Row(op, (draw(5, 1, 7), second(3, 1)), tag="broadcast", **{**more, "bench": (BIG, BIG[1:])}),
        Row(op, (draw(*S), second()), tag="scalar", **{**more, "bench": (BIG, ())}),
    ]


def unary(op: str, draw: Callable[..., Input], **more: Any) -> Row:
    """One row for an op on each element."""
    return Row(op, (draw(*S),), **{"bench": (BIG,), "fuzz": any_shape(), **more})


def integral(op: str, count: int, **more: Any) -> Row:
    """An op on integers."""
    return Row(
        op,
        tuple(integers(-9, 9, *S, dtype=None) for _ in range(count)),
        tag="integers",
        dtypes=INTEGERS,
        tolerance=EXACT,
        differentiable=False,
        **more,
    )


def comparison(op: str) -> list[Row]:
    """Ties included; floats, integers, bytes and booleans."""
    few = {"tolerance": EXACT, "differentiable": False}
    return [
        Row(op, (integers(-3, 3, *S, dtype=None), integers(-3, 3, 37, dtype=None)), dtypes=(*FLOATS, *INTEGERS),
            bench=(BIG, BIG), fuzz=broadcastable(2), **few),
        Row(op, (integers(0, 3, *S, dtype=None),) * 2, tag="uint8", dtypes=("uint8",), **few),
        Row(op, (booleans(*S), booleans(*S)), tag="bool", dtypes=("bool",), **few),
    ]  # fmt: skip


ARITHMETIC = [
    *binary("add", tolerance=EXACT),
    *binary("subtract", tolerance=EXACT),
    *binary("multiply", tolerance=EXACT),
    *binary("divide", normal, off_zero, tolerance=EXACT),
    *binary("power", positive, normal, tolerance={"float32": 2e-6, "float64": 1e-14},
            gradient_tolerance={"float32": 5e-6, "float64": 1e-13}, bench=((200, 500), (200, 500))),
    Row("power", (off_zero(*S),), {"x2": 3.0}, tag="cube", fuzz=any_shape()),
    Row("power", (off_zero(*S),), {"x2": 2}, tag="square", tolerance=EXACT, fuzz=any_shape()),
    *binary("maximum", lambda *s: apart(*s), lambda *s: apart(*s, offset=0.06), tolerance=EXACT, smooth=False),
    *binary("minimum", lambda *s: apart(*s), lambda *s: apart(*s, offset=0.06), tolerance=EXACT, smooth=False),
    *(integral(op, 2) for op in ("add", "subtract", "multiply", "maximum", "minimum")),
    *(row for op in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal") for row in comparison(op)),
    *(Row(op, (booleans(*S), booleans(37)), dtypes=("bool",), tolerance=EXACT, differentiable=False, bench=(BIG, BIG),
          fuzz=broadcastable(2)) for op in ("logical_and", "logical_or")),
    Row("logical_not", (booleans(*S),), dtypes=("bool",), tolerance=EXACT, differentiable=False, bench=(BIG,),
        fuzz=any_shape()),
    Row("where", (booleans(*S), normal(*S), normal(37)), tolerance=EXACT, bench=(BIG, BIG, BIG), fuzz=broadcastable(3)),
    Row("where", (booleans(5, 1), normal(), normal(1, 7)), tag="broadcast", tolerance=EXACT, fuzz=broadcastable(3)),
    unary("negative", normal, tolerance=EXACT),
    unary("abs", off_zero, tolerance=EXACT, smooth=False),
    unary("sign", off_zero, tolerance=EXACT, smooth=False),
    unary("square", normal, tolerance=EXACT),
    unary("sqrt", positive, tolerance=EXACT),
    unary("exp", normal),
    unary("log", positive),
    unary("reciprocal", off_zero, tolerance=EXACT),
    *(integral(op, 1) for op in ("negative", "abs", "sign", "square")),
    unary("clip", lambda *s: apart(*s, offset=0.06), arguments={"x_min": -3.5, "x_max": 4.0}, tolerance=EXACT,
          smooth=False),
    Row("clip", (apart(*S), apart(37, offset=-2.06)), {"x_max": 4.03}, tag="tensor", tolerance=EXACT, smooth=False),
]  # fmt: skip

# ---- Rows: activations, softmax ----------------------------------------------------------------------------------

ACTIVATION = [
    unary("linear", normal, tolerance=EXACT, bench=()),
    unary("relu", off_zero, tolerance=EXACT, smooth=False),
    unary("leaky_relu", off_zero, smooth=False),
    unary("leaky_relu", off_zero, smooth=False, arguments={"negative_slope": 0.01}, tag="flat", bench=()),
    unary("elu", off_zero),
    unary("elu", off_zero, smooth=False, arguments={"alpha": 0.5}, tag="half", bench=()),
    unary("selu", off_zero, smooth=False),
    unary("sigmoid", normal),
    unary("tanh", normal),
    unary("softplus", normal),
    unary("exponential", normal),
    unary("gelu", normal),
    unary("gelu", normal, arguments={"approximate": False}, tag="exact"),
    unary("silu", normal),
    unary("mish", normal),
    unary("softmax", lambda *s: within(-4, 4, *s), fuzz=any_shape(least_rank=1), tolerance=SUMS,
          gradient_tolerance=SUMS),
    unary("softmax", normal, arguments={"axis": 0}, tag="axis", fuzz=any_shape(least_rank=1), tolerance=SUMS,
          gradient_tolerance=SUMS, bench=()),
    unary("log_softmax", lambda *s: within(-4, 4, *s), fuzz=any_shape(least_rank=1), tolerance=SUMS,
          gradient_tolerance=SUMS),
    *(Row(op, (normal(3, 5, 2, 4),), {"axis": (1, 3)}, tag="two", tolerance=SUMS, gradient_tolerance=SUMS)
      for op in ("softmax", "log_softmax")),
    unary("relu6", lambda *s: apart(*s, offset=0.06), tolerance=EXACT, smooth=False),
    unary("hard_sigmoid", lambda *s: apart(*s, offset=0.06), smooth=False),
    unary("hard_silu", lambda *s: apart(*s, offset=0.06), smooth=False),
    unary("hard_tanh", lambda *s: apart(*s, offset=0.06), tolerance=EXACT, smooth=False),
    unary("sparse_sigmoid", lambda *s: apart(*s, offset=0.06), smooth=False),
    unary("softsign", off_zero),
    unary("threshold", lambda *s: apart(*s, offset=0.06), arguments={"threshold": 0.5, "default_value": -2.0},
          tolerance=EXACT, smooth=False),
    *(Row(op, (apart(*S, offset=0.06),), arguments, tag=tag, smooth=False, bench=() if tag else (BIG,),
          fuzz=any_shape()) for op in ("soft_shrink", "hard_shrink")
      for tag, arguments in (("", {}), ("wide", {"threshold": 1.5}))),
    unary("tanh_shrink", off_zero),
    unary("log_sigmoid", normal),
    unary("celu", off_zero),
    unary("celu", off_zero, arguments={"alpha": 0.5}, tag="half", bench=()),
    Row("glu", (normal(5, 36),), bench=(BIG,)),
    Row("glu", (normal(3, 6, 5),), {"axis": 1}, tag="axis"),
    unary("squareplus", normal),
    unary("squareplus", normal, arguments={"b": 0.25}, tag="sharp", bench=()),
    unary("sparse_plus", normal),
    unary("sparsemax", normal, smooth=False, tolerance=SUMS, gradient_tolerance=SUMS, fuzz=any_shape(least_rank=1)),
    unary("sparsemax", normal, arguments={"axis": 0}, tag="axis", smooth=False, tolerance=SUMS, gradient_tolerance=SUMS,
          bench=(), fuzz=any_shape(least_rank=1)),
]  # fmt: skip

# ---- Rows: matrices ----------------------------------------------------------------------------------------------


def gemm_flops(inputs: Sequence[np.ndarray], out: np.ndarray) -> float:
    """Multiplications and additions of a matrix product."""
    return 2.0 * out.size * inputs[0].shape[-1]


MATRIX = {"tolerance": SUMS, "gradient_tolerance": SUMS, "flops": gemm_flops}
MLP_LAYER = ((32, 784), (784, 300), (300,))


def dense(activation: str | None, inputs: Callable[..., Input] = normal, **more: Any) -> Row:
    """One row for each activation; the bias keeps relu and its like off their kink."""
    return Row(
        "dense",
        (within(0.1, 1, 7, 19), within(-1, 1, 19, 21), normal(21)),
        {"activation": activation},
        tag=activation or "plain",
        fuzz=dense_shapes if activation is None else None,
        bench=MLP_LAYER,
        **{**MATRIX, **more},
    )


PRODUCTS = [
    Row("matmul", (normal(13, 17), normal(17, 35)), bench=((256, 256), (256, 256)), fuzz=matrix_shapes, **MATRIX),
    Row("matmul", (normal(3, 5, 17), normal(3, 17, 9)), tag="batch", bench=((8, 64, 64), (8, 64, 64)), **MATRIX),
    Row("matmul", (normal(2, 3, 5, 7), normal(7, 9)), tag="stack-matrix", **MATRIX),
    Row("matmul", (normal(5, 7), normal(3, 7, 9)), tag="matrix-stack", **MATRIX),
    Row("matmul", (normal(2, 1, 5, 7), normal(3, 7, 4)), tag="broadcast", **MATRIX),
    Row("matmul", (normal(7), normal(7, 9)), tag="vector-matrix", **MATRIX),
    Row("matmul", (normal(3, 5, 7), normal(7)), tag="stack-vector", **MATRIX),
    Row("matmul", (normal(19), normal(19)), tag="vectors", **MATRIX),
    Row("matmul", (integers(-9, 9, 5, 7, dtype=None), integers(-9, 9, 7, 3, dtype=None)), tag="integers",
        dtypes=INTEGERS, tolerance=EXACT, differentiable=False),
    dense(None),
    Row("dense", (normal(2, 3, 19), normal(19, 5)), tag="no-bias", **MATRIX),
    *(dense(name) for name in ("elu", "tanh", "sigmoid", "softplus", "exponential", "gelu", "silu", "mish", "softmax",
                               "log_softmax", "linear")),
    *(dense(name, smooth=False) for name in ("relu", "leaky_relu", "selu")),
]  # fmt: skip

# ---- Rows: convolutions ------------------------------------------------------------------------------------------


def convolution_flops(inputs: Sequence[np.ndarray], out: np.ndarray) -> float:
    """Multiplications and additions of a convolution: per output element, one pair for each weight of its filter."""
    return 2.0 * out.size * prod(inputs[1].shape[:-1])


def conv2d(tag: str, image: Shape, taps: Shape, filters: int, groups: int = 1, **arguments: Any) -> Row:
    """A convolution with a bias."""
    channels = image[-1] // groups
    if groups > 1:
        arguments["groups"] = groups
    more = {key: arguments.pop(key) for key in ("bench", "fuzz", "smooth") if key in arguments}
    inputs = normal(*image), normal(*taps, channels, filters), normal(filters)
    if "activation" in arguments:
        inputs = within(-1, 1, *image), within(-1, 1, *taps, channels, filters), normal(filters)
    op = "conv2d" if len(taps) == 2 else "conv1d"
    return Row(op, inputs, arguments, tag=tag, **more, **FILTERED)


def depthwise_flops(inputs: Sequence[np.ndarray], out: np.ndarray) -> float:
    """Multiplications and additions of a depthwise convolution: one pair for each tap of an output element."""
    return 2.0 * out.size * prod(inputs[1].shape[:2])


def depthwise(tag: str, image: Shape, taps: Shape, count: int, **arguments: Any) -> Row:
    """A depthwise convolution with a bias."""
    channels = image[-1]
    more = {key: arguments.pop(key) for key in ("bench", "fuzz", "smooth") if key in arguments}
    inputs = normal(*image), normal(*taps, channels, count), normal(channels * count)
    return Row("depthwise_conv2d", inputs, arguments, tag=tag, **more, **{**FILTERED, "flops": depthwise_flops})


FILTERED = {"tolerance": SUMS, "gradient_tolerance": SUMS, "flops": convolution_flops}
CONVOLUTION = [
    conv2d("", (2, 7, 9, 5), (3, 3), 6, fuzz=convolved(2), bench=((8, 28, 28, 32), (3, 3, 32, 64), (64,))),
    conv2d("same", (2, 7, 6, 5), (3, 3), 6, padding="same", bench=((8, 14, 14, 64), (3, 3, 64, 64), (64,))),
    conv2d("strides", (2, 9, 8, 3), (3, 2), 7, strides=(2, 3), bench=((8, 28, 28, 16), (3, 2, 16, 32), (32,))),
    conv2d("strides-same", (1, 9, 8, 3), (5, 4), 17, strides=2, padding="same"),
    conv2d("gaps", (2, 9, 8, 3), (1, 2), 4, strides=3, padding="same"),
    conv2d("dilation", (2, 9, 8, 3), (3, 2), 4, dilation_rate=(2, 3)),
    conv2d("dilation-same", (2, 5, 4, 3), (3, 3), 4, dilation_rate=2, padding="same"),
    conv2d("groups", (2, 5, 6, 6), (3, 3), 9, groups=3, padding="same",
           bench=((8, 14, 14, 48), (3, 3, 16, 48), (48,))),
    conv2d("pointwise", (2, 5, 3, 19), (1, 1), 21, bench=((8, 14, 14, 64), (1, 1, 64, 128), (128,))),
    conv2d("pointwise-strides", (2, 5, 7, 19), (1, 1), 21, strides=2),
    conv2d("first-layer", (2, 11, 9, 3), (7, 7), 17, strides=2, padding="same",
           bench=((2, 56, 56, 3), (7, 7, 3, 64), (64,))),
    conv2d("grey", (2, 7, 9, 1), (3, 3), 33, bench=((32, 28, 28, 1), (3, 3, 1, 32), (32,))),
    conv2d("small", (3, 2, 3, 17), (3, 3), 18, padding="same", bench=((32, 4, 4, 64), (3, 3, 64, 64), (64,))),
    conv2d("one-pixel", (2, 3, 3, 7), (3, 3), 5),
    conv2d("small-groups", (2, 5, 17, 32), (3, 3), 32, groups=8, padding="same",
           bench=((8, 28, 28, 64), (3, 3, 8, 64), (64,))),
    conv2d("many-groups", (3, 5, 6, 512), (3, 3), 512, groups=32, padding="same", strides=2,
           bench=((8, 14, 14, 512), (3, 3, 16, 512), (512,))),
    conv2d("many-small-groups", (2, 5, 5, 512), (2, 3), 512, groups=128, padding="same"),
    conv2d("groups-few-filters", (2, 5, 4, 512), (3, 3), 32, groups=16, padding="same"),
    conv2d("few-filters", (2, 6, 21, 5), (3, 3), 3, padding="same", bench=((8, 32, 32, 32), (3, 3, 32, 3), (3,))),
    conv2d("one-filter", (1, 6, 40, 1), (5, 5), 1, padding="same", strides=(2, 1)),
    conv2d("narrow", (1, 7, 5, 6), (3, 3), 37, padding="same"),
    conv2d("many-images", (17, 4, 5, 6), (3, 3), 37, padding="same"),
    conv2d("many-channels", (1, 4, 9, 170), (3, 3), 35, padding="same"),
    conv2d("winograd", (4, 12, 12, 64), (3, 3), 64, padding="same", bench=((8, 16, 16, 128), (3, 3, 128, 128), (128,))),
    Row("conv2d", (normal(2, 6, 5, 3), normal(3, 3, 3, 4)), {"padding": "same"}, tag="no-bias", **FILTERED),
    *(conv2d(name, (1, 4, 5, 3), (3, 3), 7, padding="same", activation=name, **more)
      for name, more in (("relu", {"smooth": False}), ("leaky_relu", {"smooth": False, "alpha": 0.3}), ("elu", {}),
                         ("selu", {"smooth": False}), ("tanh", {}), ("softplus", {}), ("exponential", {}),
                         ("sigmoid", {}), ("softmax", {}))),
    conv2d("", (3, 11, 5), (4,), 6, fuzz=convolved(1), bench=((8, 200, 32), (5, 32, 64), (64,))),
    conv2d("same-strides", (3, 11, 5), (4,), 6, strides=2, padding="same"),
    conv2d("causal", (3, 11, 5), (3,), 6, padding="causal", dilation_rate=4),
    conv2d("causal-strides", (3, 11, 5), (3,), 6, padding="causal", strides=2, activation="tanh"),
    conv2d("groups", (3, 11, 6), (3,), 4, groups=2),
    *(Row("conv2d_transpose", (normal(*image), within(-1, 1, *kernel), normal(kernel[2])), arguments, tag=tag,
          smooth=smooth, fuzz=unconvolved if not tag else None, bench=bench, **FILTERED)
      for tag, image, kernel, arguments, smooth, bench in (
          ("", (2, 4, 5, 3), (3, 2, 6, 3), {}, True, ()),
          ("strides", (2, 4, 5, 3), (3, 4, 6, 3), {"strides": (2, 3)}, True,
           ((8, 14, 14, 32), (3, 4, 16, 32), (16,))),
          ("same", (1, 3, 4, 3), (5, 3, 5, 3), {"strides": 2, "padding": "same", "activation": "relu"}, False,
           ((8, 14, 14, 64), (5, 3, 32, 64), (32,))),
          ("output-padding", (2, 4, 5, 3), (3, 3, 6, 3), {"strides": (2, 3), "padding": "same",
           "output_padding": (1, 0), "activation": "elu"}, True, ()),
          ("dilation", (2, 4, 5, 3), (3, 2, 6, 3), {"dilation_rate": 2, "activation": "sigmoid"}, True, ()),
      )),
    depthwise("", (2, 7, 9, 5), (3, 3), 1, fuzz=depthwise_shapes, bench=((8, 28, 28, 64), (3, 3, 64, 1), (64,))),
    depthwise("same", (2, 7, 6, 19), (3, 3), 1, padding="same", bench=((8, 14, 14, 128), (3, 3, 128, 1), (128,))),
    depthwise("strides", (2, 9, 8, 33), (3, 3), 1, strides=2, padding="same",
              bench=((8, 28, 28, 64), (3, 3, 64, 1), (64,))),
    depthwise("strides-uneven", (2, 9, 8, 3), (3, 2), 1, strides=(2, 3)),
    depthwise("multiplier", (2, 6, 5, 3), (3, 3), 4, padding="same", bench=((8, 14, 14, 32), (3, 3, 32, 4), (128,))),
    depthwise("dilation", (2, 9, 8, 5), (3, 2), 2, dilation_rate=2),
    depthwise("strides-dilation", (2, 9, 12, 5), (3, 2), 1, strides=(2, 3), dilation_rate=(2, 3), padding="same"),
    depthwise("strides-dilation-valid", (2, 11, 9, 18), (3, 3), 1, strides=2, dilation_rate=(2, 1)),
    depthwise("large", (1, 8, 9, 17), (5, 7), 1, padding="same"),
    depthwise("rows-of-tiles", (2, 4, 15, 33), (3, 5), 1, padding="same"),
    depthwise("rows-of-sevens", (1, 14, 13, 16), (7, 7), 1, strides=2, padding="same"),
    depthwise("wide", (1, 2, 50, 3), (1, 40), 2, padding="same"),
    depthwise("one-pixel", (2, 3, 3, 7), (3, 3), 1),
    depthwise("relu", (1, 4, 5, 7), (3, 3), 1, activation="relu", smooth=False),
    depthwise("elu", (1, 4, 5, 7), (3, 3), 1, activation="elu", alpha=0.7),
    depthwise("silu", (1, 4, 5, 7), (3, 3), 1, activation="silu"),
    Row("depthwise_conv2d", (normal(2, 6, 5, 3), normal(3, 3, 3, 1)), {"padding": "same"}, tag="no-bias", **FILTERED),
    Row("separable_conv2d", (normal(2, 7, 6, 3), normal(3, 3, 3, 2), normal(1, 1, 6, 5), normal(5)),
        {"padding": "same", "activation": "tanh"}, bench=((8, 14, 14, 32), (3, 3, 32, 1), (1, 1, 32, 64), (64,)),
        tolerance=SUMS, gradient_tolerance=SUMS),
    Row("separable_conv2d", (normal(2, 7, 6, 3), normal(3, 2, 3, 1), normal(1, 1, 3, 5)), {"strides": 2},
        tag="strides", tolerance=SUMS, gradient_tolerance=SUMS),
]  # fmt: skip

# ---- Rows: augmentation ------------------------------------------------------------------------------------------

MAPS = maps(np.random.default_rng(0), 3)
AUGMENT = [
    *(Row("affine_transform", (normal(3, 5, 6, 4),), {"transforms": MAPS, "interpolation": interpolation,
          "fill_mode": fill, "fill_value": 0.5}, tag=f"{interpolation}-{fill}",
          fuzz=mapped if interpolation + fill == "bilinearconstant" else None)
      for interpolation in ("bilinear", "nearest") for fill in ("constant", "nearest", "reflect", "wrap")),
    Row("affine_transform", (normal(3, 5, 6, 4),), {"transforms": MAPS, "size": (7, 3), "fill_mode": "nearest"},
        tag="size"),
    *(Row("affine_transform", (normal(2, 5, 6, 3),), {"transforms": one, "interpolation": interpolation,
          "fill_mode": "reflect"}, tag=tag, bench=((32, 32, 32, 3),))
      for tag, one, interpolation in (("turned", (0.9, -0.3, 4.5, 0.3, 0.9, -2.5), "bilinear"),
                                      ("mirrored", (-1, 0, 5, 0, 1, 0), "nearest"))),
]  # fmt: skip

# ---- Rows: reductions --------------------------------------------------------------------------------------------


def reduction(op: str, draw: Callable[..., Input], **more: Any) -> list[Row]:
    """Over everything, the last, the first, a middle axis, and two axes that are no neighbours."""
    more = {"tolerance": SUMS, "gradient_tolerance": SUMS, "flops": lambda inputs, out: inputs[0].size, **more}
    fuzz = with_axes(1 if op in ("max", "min") else 0, most_rank=1 if op == "prod" else 4)  # long products overflow
    return [
        Row(op, (draw(*S),), bench=() if op == "prod" else (BIG,), fuzz=fuzz, **more),
        Row(op, (draw(*S),), {"axis": -1}, tag="last", bench=(BIG,), **more),
        Row(op, (draw(*S),), {"axis": 0, "keepdims": True}, tag="first", bench=(BIG,), **more),
        Row(op, (draw(3, 5, 17),), {"axis": 1}, tag="middle", **more),
        Row(op, (draw(3, 5, 7, 2),), {"axis": (0, 2)}, tag="two", **more),
        Row(op, (draw(),), tag="scalar", **more),
    ]


def index_of_extreme(op: str) -> list[Row]:
    """Ties included."""
    more = {"tolerance": EXACT, "differentiable": False, "flops": lambda inputs, out: inputs[0].size}
    ties = integers(-20, 20, *S, dtype=None)
    return [
        Row(op, (ties,), bench=(BIG,), fuzz=with_axes(1, several=False), dtypes=(*FLOATS, *INTEGERS), **more),
        Row(op, (ties,), {"axis": -1}, tag="last", bench=(BIG,), **more),
        Row(op, (ties,), {"axis": 0, "keepdims": True}, tag="first", bench=(BIG,), **more),
    ]


REDUCE = [
    *reduction("sum", normal),
    *reduction("mean", normal),
    *reduction("max", apart, tolerance=EXACT, smooth=False),
    *reduction("min", apart, tolerance=EXACT, smooth=False),
    *reduction("prod", lambda *s: within(0.9, 1.12, *s)),
    *(Row(op, (integers(-9, 9, *S, dtype=None),), {"axis": 0}, tag="integers", dtypes=INTEGERS, tolerance=EXACT,
          differentiable=False) for op in ("sum", "max", "min")),
    Row("prod", (integers(1, 4, 5, 7, dtype=None),), {"axis": 0}, tag="integers", dtypes=INTEGERS, tolerance=EXACT,
        differentiable=False),
    Row("sum", (booleans(*S),), tag="bool", dtypes=("bool",), tolerance=EXACT, differentiable=False),
    *index_of_extreme("argmax"),
    *index_of_extreme("argmin"),
    *(Row(op, (Input((6, 9), lambda rng, s, p=p: rng.random(s) < p, "bool"),), {"axis": -1}, dtypes=("bool",),
          tolerance=EXACT, differentiable=False, fuzz=with_axes()) for op, p in (("any", 0.1), ("all", 0.9))),
]  # fmt: skip

# ---- Rows: normalization ---------------------------------------------------------------------------------------------


def normalized(op: str, *names: str) -> Callable[..., Tensor]:
    """An op called with x and further tensors by name."""
    return lambda x, *tensors, **arguments: OPS[op](x, **dict(zip(names, tensors, strict=True)), **arguments)


def channel_shapes(count: int, last: bool = True, least: int = 0) -> Callable[..., Any]:
    """x and `count` arrays with an entry for each of its channels."""

    def shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
        shape = some_shape(rng, 2, 4, least)
        axis = len(shape) - 1 if last else int(rng.integers(len(shape)))
        return [shape, *[(shape[axis],)] * count], {"axis": axis}

    return shapes


def example_shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """x, and gamma and beta along its last axis, which is not empty."""
    shape = some_shape(rng, 1, 3, 1)
    return [shape, shape[-1:], shape[-1:]], {"axis": -1}


def group_shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """x, and gamma and beta along its channels, a multiple of the groups."""
    groups, channels = int(rng.integers(1, 5)), some_length(rng, 1)
    while groups * channels > 100:
        channels //= 2
    shape = (*some_shape(rng, 1, 3, 1)[:3], groups * channels)
    return [shape, shape[-1:], shape[-1:]], {"groups": groups}


NORMAL = {"tolerance": SUMS, "gradient_tolerance": SUMS, "flops": lambda inputs, out: 8.0 * out.size}
FEATURE_MAP = (8, 16, 16, 64)

NORM = [
    Row("batch_normalization", (normal(*S), normal(37), positive(37)), {"axis": -1}, fuzz=channel_shapes(2),
        bench=(FEATURE_MAP, FEATURE_MAP[-1:], FEATURE_MAP[-1:]), **NORMAL),
    Row("batch_normalization", (normal(3, 5, 7), normal(5), positive(5), normal(5), normal(5)),
        {"axis": 1, "epsilon": 0.1}, tag="axis",
        call=normalized("batch_normalization", "mean", "variance", "scale", "offset"), **NORMAL),
    Row("normalize_batch", (normal(*S),), fuzz=channel_shapes(0, False, 1), bench=(FEATURE_MAP,), **NORMAL),
    Row("normalize_batch", (normal(37, 7), normal(7), normal(7)), tag="scaled",
        call=normalized("normalize_batch", "scale", "offset"),
        bench=((5000, 24), (24,), (24,)), **NORMAL),
    Row("normalize_batch", (normal(3, 5, 7, 2), normal(5), normal(5)), {"axis": 1, "epsilon": 0.1}, tag="axis",
        call=normalized("normalize_batch", "scale", "offset"), fuzz=channel_shapes(2, False, 1), **NORMAL),
    Row("layer_normalization", (normal(*S), normal(37), normal(37)), {"epsilon": 0.01}, fuzz=example_shapes,
        bench=((1024, 257), (257,), (257,)), **NORMAL),
    Row("layer_normalization", (normal(3, 7, 5),), {"axis": 1, "epsilon": 0.01}, tag="middle", bench=((64, 256, 4),),
        **NORMAL),
    Row("layer_normalization", (normal(3, 7, 5), normal(7, 5), normal(7, 5)), {"axis": (1, 2), "epsilon": 0.01},
        tag="two", **NORMAL),
    Row("group_normalization", (normal(3, 2, 5, 12), normal(12), normal(12)), {"groups": 4},
        call=normalized("group_normalization", "gamma", "beta"), fuzz=group_shapes,
        bench=(FEATURE_MAP, FEATURE_MAP[-1:], FEATURE_MAP[-1:]), **NORMAL),
    Row("group_normalization", (normal(3, 6, 7),), {"groups": 3, "axis": 1, "epsilon": 0.1}, tag="axis", **NORMAL),
]  # fmt: skip

# ---- Rows: pooling, resizing -------------------------------------------------------------------------------------


def pooled(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Images or sequences, and windows that fit; few channels and many."""
    rank = int(rng.integers(1, 3))
    lengths = [int(rng.integers(1, 21 if rank == 2 else 81)) for _ in range(rank)]
    shape = (int(rng.integers(0, 4)), *lengths, int(rng.choice([1, 2, 3, 5, 6, 8, 15, 16, 17, 40])))
    pool = tuple(int(rng.integers(1, min(n, 5) + 1)) for n in lengths)
    strides = None if rng.random() < 0.3 else tuple(int(n) for n in rng.integers(1, 5, rank))
    padding = str(rng.choice(["valid", "same"]))
    return [shape], {"pool_size": pool, "strides": strides, "padding": padding}


def upsampled(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Images or sequences, and factors."""
    rank = int(rng.integers(1, 3))
    lengths = (int(n) for n in rng.integers(1, 8, rank))
    shape = (int(rng.integers(0, 4)), *lengths, int(rng.choice([1, 2, 3, 8, 16, 17])))
    return [shape], {"size": tuple(int(n) for n in rng.integers(1, 5, rank))}


def padded(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """A shape, and widths for each axis."""
    shape = some_shape(rng, 1, 3)
    return [shape], {"pad_width": tuple((int(rng.integers(4)), int(rng.integers(4))) for _ in shape)}


def side_by_side(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """Windows that touch, over few channels, with up to a window's rows and columns left over."""
    pool = tuple(int(size) for size in rng.integers(1, 6, 2))
    lengths = [size * int(rng.integers(1, 12)) + int(rng.integers(0, size)) for size in pool]
    return [(int(rng.integers(0, 4)), *lengths, int(rng.integers(1, 9)))], {"pool_size": pool}


def pool(tag: str, image: Shape, size: Any, **arguments: Any) -> list[Row]:
    """Both kinds of pooling."""
    bench, fuzz = arguments.pop("bench", ()), arguments.pop("fuzz", None)
    arguments["pool_size"] = size
    work = {"bench": bench, "fuzz": fuzz, "flops": lambda inputs, out: out.size * prod(np.atleast_1d(size))}
    return [
        Row("max_pool", (apart(*image),), arguments, tag=tag, tolerance=EXACT, smooth=False, **work),
        Row("average_pool", (normal(*image),), arguments, tag=tag, **work),
    ]


POOL = [
    *pool("", (2, 7, 8, 5), 2, fuzz=pooled, bench=((64, 32, 32, 32),)),
    *pool("same", (2, 7, 8, 18), 2, padding="same"),
    *pool("overlapping", (2, 9, 8, 17), 3, strides=2, padding="same", bench=((8, 56, 56, 64),)),
    *pool("dense", (2, 5, 9, 3), 3, strides=1, padding="same", bench=((16, 28, 28, 32),)),
    *pool("few-channels", (3, 6, 70, 6), 2, bench=((128, 14, 14, 6),)),
    *pool("one-channel", (2, 4, 37, 1), (2, 3), bench=((128, 28, 28, 1),)),
    *pool("side-by-side", (3, 9, 39, 3), 2, fuzz=side_by_side),
    *pool("side-by-side-wide", (2, 8, 26, 2), (3, 4)),
    *pool("gaps", (2, 9, 11, 4), (1, 2), strides=(2, 3)),
    *pool("sequence", (3, 19, 5), 2, bench=((32, 200, 64),)),
    *pool("sequence-same", (3, 19, 33), 4, strides=3, padding="same"),
    *pool("wide", (1, 18, 19, 3), 17, strides=1),
    *pool("many-channels", (2, 7, 9, 36), 2),
    *pool("many-channels-overlapping", (2, 7, 8, 36), 3, strides=2, padding="same"),
    *pool("many-channels-dense", (1, 5, 6, 36), 3, strides=1, padding="same"),
    *pool("many-channels-apart", (1, 7, 10, 36), 3),
    *pool("many-images", (9, 6, 7, 5), (3, 4), strides=(2, 3), padding="same"),
    Row("upsample", (normal(2, 3, 4, 5),), fuzz=upsampled, bench=((8, 28, 28, 32),), tolerance=EXACT),
    Row("upsample", (normal(2, 3, 4, 17),), {"size": (3, 2), "interpolation": "bilinear"}, tag="bilinear",
        bench=((8, 28, 28, 32),), fuzz=upsampled),
    Row("upsample", (normal(2, 7, 3),), {"size": 3}, tag="sequence", tolerance=EXACT),
]  # fmt: skip

# ---- Rows: losses, dropout ---------------------------------------------------------------------------------------

LOSS = [
    Row("sparse_softmax_crossentropy", (normal(9, 21), integers(0, 5, 9)), tolerance=SUMS, gradient_tolerance=SUMS,
        bench=((3200, 100), (3200,)), fuzz=labelled_rows),
    Row("sparse_softmax_crossentropy", (normal(3, 2, 10), integers(0, 10, 3, 2)), tag="leading", tolerance=SUMS,
        gradient_tolerance=SUMS),
    Row("softmax_crossentropy", (normal(9, 21), probabilities(9, 21)), tolerance=SUMS, gradient_tolerance=SUMS,
        bench=((3200, 100), (3200, 100)), fuzz=any_shape(2, 2, least=1)),
    Row("softmax_crossentropy", (normal(9, 21), positive(9, 21)), tag="any-sum", tolerance=SUMS,
        gradient_tolerance=SUMS),
    Row("sigmoid_crossentropy", (normal(*S), within(0, 1, *S)), tolerance=SUMS, gradient_tolerance=SUMS,
        bench=(BIG, BIG), fuzz=any_shape(2)),
    Row("mean_squared_error", (normal(*S), normal(*S)), tolerance=SUMS, bench=(BIG, BIG),
        fuzz=any_shape(2, 1, least=1)),
    Row("mean_absolute_error", (apart(*S), apart(*S, offset=0.06)), tolerance=SUMS, smooth=False, bench=(BIG, BIG),
        fuzz=any_shape(2, 1, least=1)),
    Row("weighted_mean", (normal(*S),), tolerance=SUMS, bench=((100_000,),), fuzz=any_shape(1, least=1)),
    Row("weighted_mean", (normal(37), positive(37)), tag="weights", tolerance=SUMS, bench=((100_000,), (100_000,)),
        fuzz=any_shape(2, least=1)),
]  # fmt: skip


def dropout(x: Any, rate: float = 0.3) -> Tensor:
    """Dropout with the same random numbers at each call."""
    return OPS["dropout"](x, rate, Stream(seed=11))


DROPOUT = [
    unary("dropout", normal, call=dropout, exact_oracle=False),
    unary("dropout", normal, call=dropout, arguments={"rate": 0.0}, tag="none", bench=()),
    unary("dropout", normal, call=dropout, arguments={"rate": 1.0}, tag="all", bench=()),
]

# ---- Rows: shapes, types, choosing -------------------------------------------------------------------------------


def concatenate(*tensors: Any, **arguments: Any) -> Tensor:
    """Concatenate takes a list."""
    return OPS["concatenate"](list(tensors), **arguments)


def getitem_key(tag: str, shape: Shape, key: Any, **more: Any) -> Row:
    """One row for each kind of index."""
    return Row("getitem", (normal(*shape),), {"key": key}, tag=tag, **{**TAKEN, **more})


MOVED = {"tolerance": EXACT, "gradient_tolerance": EXACT}
TAKEN = {"tolerance": EXACT, "gradient_tolerance": SUMS}  # gradients of what was taken twice are added
KEPT = {"tolerance": EXACT, "differentiable": False}

RESHAPING = [
    Row("cast", (normal(*S),), {"dtype": "float64"}, tag="up", fuzz=any_shape(), bench=(BIG,), **MOVED),
    Row("cast", (normal(*S),), {"dtype": "float32"}, tag="down", tolerance=CLOSE, bench=(BIG,), fuzz=any_shape()),
    Row("cast", (within(-9, 9, *S),), {"dtype": "int32"}, tag="int32", bench=(BIG,), fuzz=any_shape(), **KEPT),
    Row("cast", (within(-9, 9, *S),), {"dtype": "int64"}, tag="int64", fuzz=any_shape(), **KEPT),
    Row("cast", (integers(0, 2, *S, dtype=None),), {"dtype": "bool"}, tag="bool", dtypes=(*FLOATS, *INTEGERS, "uint8"),
        fuzz=any_shape(), **KEPT),
    Row("cast", (integers(0, 256, *S, dtype="uint8"),), {"dtype": "float32"}, tag="pixels", dtypes=("uint8",),
        bench=(BIG,), fuzz=any_shape(), **KEPT),
    Row("reshape", (normal(4, 6),), {"newshape": (3, -1)}, **MOVED),
    Row("flatten", (normal(3, 4, 5),), fuzz=any_shape(least_rank=1), **MOVED),
    Row("expand_dims", (normal(3, 4),), {"axis": 1}, **MOVED),
    Row("squeeze", (normal(3, 1, 4, 1),), fuzz=any_shape(), **MOVED),
    Row("squeeze", (normal(3, 1, 4, 1),), {"axis": 1}, tag="axis", **MOVED),
    Row("transpose", (normal(*S),), bench=(BIG,), fuzz=permuted, **MOVED),
    Row("transpose", (normal(3, 4, 5, 6),), {"axes": (0, 2, 1, 3)}, tag="heads", bench=((8, 32, 4, 32),), **MOVED),
    Row("transpose", (integers(-9, 9, *S, dtype=None),), tag="integers", dtypes=(*INTEGERS, "uint8"), **KEPT),
    Row("concatenate", (normal(5, 3), normal(5, 17), normal(5, 1)), {"axis": -1}, call=concatenate, fuzz=joined,
        bench=((640, 200), (640, 200), (640, 100)), **MOVED),
    Row("concatenate", (normal(2, 3, 4), normal(5, 3, 4)), tag="first", call=concatenate, **MOVED),
    Row("pad", (normal(*S),), {"pad_width": ((1, 0), (2, 3))}, fuzz=padded, bench=(BIG,), **MOVED),
    Row("pad", (normal(2, 3, 4),), {"pad_width": 2}, tag="all-around", **MOVED),
    Row("pad", (integers(-9, 9, *S, dtype=None),), {"pad_width": (0, 1)}, tag="integers", dtypes=(*INTEGERS, "uint8"),
        **KEPT),
    Row("getitem", (normal(*S),), {"key": (slice(1, -1), slice(None, None, 2))}, bench=(BIG,), fuzz=cut_out, **MOVED),
    getitem_key("integer", S, 2),
    getitem_key("negative-step", S, (slice(None, None, -1), slice(30, 2, -3))),
    getitem_key("ellipsis-none", (3, 4, 5), (None, Ellipsis, -1)),
    getitem_key("empty", S, slice(3, 3)),
    getitem_key("array", S, np.array([3, 0, -1, 3])),
    getitem_key("array-second", (3, 4, 5), (slice(None), np.array([[1, -1], [0, 0]]))),
    getitem_key("mask", S, np.array([True, False, True, True, False])),
    getitem_key("mask-all", (2, 3), np.array([[True, False, True], [False, False, True]])),
    getitem_key("pairs", S, (np.array([0, 1, 4]), np.array([36, -2, 0]))),
    getitem_key("integer-array", (3, 4, 5), (1, np.array([2, 0]))),
]  # fmt: skip

CHOOSING = [
    Row("take", (normal(6, 5), integers(-6, 6, 7)), {"axis": 0}, tag="rows", bench=((1000, 64), (2000,)), **TAKEN),
    Row("take", (normal(3, 8, 5), integers(-3, 3, 2, 2, dtype="int64")), {"axis": 1}, tag="middle", fuzz=taken,
        **TAKEN),
    Row("take", (normal(3, 4), integers(-12, 12, 5)), **TAKEN),
    Row("take", (normal(4, 3), integers(-9, 9, 11)), {"axis": 0}, tag="outside", **KEPT),
    Row("take", (integers(0, 9, 4, 3, dtype=None), integers(-9, 9, 11)), {"axis": 0}, tag="integers",
        dtypes=(*INTEGERS, "uint8"), **KEPT),
    Row("one_hot", (integers(-2, 9, *S, dtype=None),), {"num_classes": 7}, dtypes=INTEGERS, fuzz=any_shape(),
        bench=((64, 50),), **KEPT),
    Row("one_hot", (integers(0, 4, 3, 5, dtype=None),), {"num_classes": 4, "axis": 1, "dtype": "int32"}, tag="axis",
        dtypes=INTEGERS, **KEPT),
]  # fmt: skip

CREATION = [
    Row("zeros", (), {"shape": (3, 4)}, **KEPT),
    Row("ones", (), {"shape": 3, "dtype": "int32"}, **KEPT),
    Row("full", (), {"shape": (2, 3), "fill_value": 7.5}, **KEPT),
    Row("arange", (), {"start": 3, "stop": 20, "step": 4}, **KEPT),
    Row("arange", (), {"start": 2.5}, tag="floats", **KEPT),
    Row("zeros_like", (normal(*S),), fuzz=any_shape(), **KEPT),
    Row("ones_like", (normal(*S),), {"dtype": "int32"}, fuzz=any_shape(), **KEPT),
    Row("convert_to_tensor", (normal(*S),), fuzz=any_shape(), **MOVED),
    Row("convert_to_numpy", (normal(*S),), call=lambda x: Tensor(OPS["convert_to_numpy"](x)), fuzz=any_shape(), **KEPT),
    Row("stop_gradient", (normal(*S),), fuzz=any_shape(), **KEPT),
]

# ---- Rows: elementary functions ----------------------------------------------------------------------------------


def second(op: str, **fixed: Any) -> Callable[..., Any]:
    """An op called with its tensors in one list."""
    return lambda *tensors, **arguments: OPS[op](list(tensors), **fixed, **arguments)


def part(op: str, index: int = 0) -> Callable[..., Any]:
    """One of the results of an op."""
    return lambda *tensors, **arguments: OPS[op](*tensors, **arguments)[index]


ROUGH = {"float32": 5e-6, "float64": 1e-13}
LOOSE = {"tolerance": ROUGH, "gradient_tolerance": ROUGH}
FLAT = {"smooth": False, "tolerance": EXACT, "gradient_tolerance": EXACT}  # roundings: the slope is 0


def off_halves(*shape: int) -> Input:
    """Numbers away from multiples of a half, where roundings jump."""
    return Input(shape, lambda rng, s: rng.integers(-40, 40, s) / 2 + rng.uniform(0.05, 0.45, s))


def small(*shape: int) -> Input:
    """Numbers of both signs up to 0.9."""
    return within(-0.9, 0.9, *shape)


ELEMENTARY = [
    *(unary(op, normal, **LOOSE) for op in ("sin", "cos", "arctan", "sinh", "cosh", "arcsinh", "erf", "exp2", "expm1")),
    *(unary(op, small, **LOOSE) for op in ("tan", "arcsin", "arccos", "arctanh")),
    unary("arccosh", lambda *s: within(1.2, 4, *s), **LOOSE),
    *(unary(op, positive, **LOOSE) for op in ("log1p", "log2", "log10", "rsqrt")),
    *(unary(op, off_halves, **FLAT) for op in ("floor", "ceil", "trunc", "round")),
    unary("round", lambda *s: Input(s, lambda rng, s: rng.integers(-200, 200, s) / 100 + 0.003), tag="decimals",
          arguments={"decimals": 2}, bench=(), smooth=False,
          tolerance={"float32": 5e-3, "float64": 1e-14}, gradient_tolerance=EXACT),
    unary("round", lambda *s: integers(-999, 999, *s, dtype=None), arguments={"decimals": -2}, tag="hundreds", bench=(),
          dtypes=INTEGERS, tolerance=EXACT, differentiable=False),
    *binary("arctan2", off_zero, bench=((200, 500), (200, 500)), **LOOSE),
    *(row for op, b in (("fmod", 0.5), ("mod", -0.5)) for row in binary(
        op, lambda *s: apart(*s, offset=0.03), lambda *s, b=b: Input(s, lambda rng, s: np.full(s, b)), smooth=False,
        tolerance={"float32": 2e-5, "float64": 1e-13}, gradient_tolerance=ROUGH, fuzz=None)),
    *(Row(op, (integers(-50, 50, *S, dtype=None), integers(-4, 5, 37, dtype=None)), tag="integers", dtypes=INTEGERS,
          tolerance=EXACT, differentiable=False, fuzz=broadcastable(2)) for op in ("fmod", "mod", "floor_divide")),
    Row("floor_divide", (apart(*S, offset=0.03), within(0.41, 0.42, *S)), tolerance=EXACT, differentiable=False),
    *binary("logaddexp", lambda *s: apart(*s), lambda *s: apart(*s, offset=0.06), **LOOSE),
    Row("divide_no_nan", (normal(*S), integers(-2, 3, 37)),
        smooth=False),
    *(Row(op, (Input(S, lambda rng, s: rng.choice([1.0, -2.0, np.nan, np.inf, -np.inf], s)),), fuzz=any_shape(),
          tolerance=EXACT, differentiable=False) for op in ("isnan", "isinf", "isfinite")),
    Row("isclose", (integers(-3, 3, *S, dtype=None), integers(-3, 3, 37, dtype=None)), dtypes=(*FLOATS, *INTEGERS),
        tolerance=EXACT, differentiable=False, fuzz=broadcastable(2)),
    Row("isclose", (Input(S, lambda rng, s: rng.choice([1.0, np.nan, np.inf, -np.inf], s)),) * 2, {"equal_nan": True},
        tag="nan", tolerance=EXACT, differentiable=False),
    Row("allclose", (normal(*S), normal(*S)), {"atol": 9.0}, tolerance=EXACT, differentiable=False),
    Row("logical_xor", (booleans(*S), booleans(37)), dtypes=("bool",), tolerance=EXACT, differentiable=False,
        fuzz=broadcastable(2)),
    Row("nan_to_num", (Input(S, lambda rng, s: rng.choice([1.5, -2.0, np.nan, np.inf], s)),), {"posinf": 9.0},
        tolerance=EXACT, differentiable=False),
    unary("nan_to_num", normal, tag="finite", tolerance=EXACT, bench=(), smooth=False),
    Row("isin", (integers(-9, 9, *S, dtype=None), integers(-9, 9, 7, dtype=None)), dtypes=(*FLOATS, *INTEGERS),
        tolerance=EXACT, differentiable=False),
    Row("select", (normal(*S), normal(37)), tolerance=EXACT, smooth=False,
        call=lambda a, b: OPS["select"]([np.arange(37) < 9, np.arange(37) % 2 == 0], [a, b], 0.5)),
]  # fmt: skip

# ---- Rows: running sums, sorting -----------------------------------------------------------------------------------


def shuffled(op: str, draw: Callable[..., Input] = apart, **more: Any) -> list[Row]:
    """Along the last, the first, no axis."""
    return [
        Row(op, (draw(*S),), {"axis": -1}, fuzz=one_axis(most_rank=1 if op == "cumprod" else 4), **more),
        Row(op, (draw(5, 4, 3),), {"axis": 1}, tag="middle", **more),
        Row(op, (draw(*S),), {"axis": None}, tag="flat", **more),
    ]


def one_axis(least: int = 0, most_rank: int = 4) -> Callable[..., Any]:
    """A shape and one of its axes, or none."""

    def shapes(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
        found, arguments = with_axes(least, False, most_rank)(rng)
        return found, {"axis": arguments["axis"]}

    return shapes


def ranked(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """A shape and how many of its last axis to choose."""
    shape = some_shape(rng, 1, 3, 1)
    return [shape], {"k": int(rng.integers(1, shape[-1] + 1))}


TIES = integers(-5, 5, *S, dtype=None)
SORT = [
    *shuffled("cumsum", normal, **LOOSE),
    *shuffled("cumprod", lambda *s: within(0.9, 1.12, *s), **LOOSE),
    Row("cumprod", (Input((3, 6), lambda rng, s: rng.uniform(0.5, 2, s) * (np.arange(s[-1]) % 4 != 2)),), {"axis": 1},
        tag="zeros", **LOOSE),
    *(Row(op, (integers(-3, 4, 5, 7, dtype=None),), {"axis": 0}, tag="integers", dtypes=INTEGERS, tolerance=EXACT,
          differentiable=False) for op in ("cumsum", "cumprod", "diff")),
    Row("diff", (normal(*S),), {"n": 2}, bench=(BIG,), **LOOSE),
    Row("argsort", (TIES,), tolerance=EXACT, differentiable=False, dtypes=(*FLOATS, *INTEGERS), bench=((64, 1000),),
        fuzz=one_axis()),
    Row("argsort", (Input(S, lambda rng, s: rng.choice([-1.0, 0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40], s)),),
        tag="special", tolerance=EXACT, differentiable=False, dtypes=("float64",)),
    Row("argsort", (booleans(*S),), {"axis": 0}, tag="bool", tolerance=EXACT, differentiable=False, dtypes=("bool",)),
    *shuffled("sort", smooth=False, tolerance=EXACT, gradient_tolerance=EXACT),
    Row("sort", (TIES,), tag="integers", tolerance=EXACT, differentiable=False, dtypes=INTEGERS),
    Row("top_k", (apart(*S),), {"k": 3}, call=part("top_k"), fuzz=ranked, smooth=False, tolerance=EXACT),
    Row("top_k", (TIES,), {"k": 4}, tag="indices", call=part("top_k", 1), fuzz=ranked, dtypes=(*FLOATS, *INTEGERS),
        tolerance=EXACT, differentiable=False),
    Row("in_top_k", (integers(-1, 8, 31), integers(-5, 5, 31, 7, dtype=None)), {"k": 3}, tolerance=EXACT,
        differentiable=False),
    *(Row("quantile", (apart(5, 4, 3),), {"q": q, "axis": axis, "method": method, "keepdims": keepdims}, tag=tag,
          smooth=False, **LOOSE) for tag, q, axis, method, keepdims in (
              ("", 0.3, None, "linear", False), ("several", [0.0, 0.35, 1.0], (0, 2), "linear", True),
              ("lower", 0.35, 1, "lower", False), ("higher", 0.35, -1, "higher", False),
              ("nearest", 0.35, 0, "nearest", False), ("midpoint", 0.35, 0, "midpoint", True))),
    Row("median", (apart(*S),), {"axis": 0, "keepdims": True}, smooth=False, **LOOSE),
    Row("median", (apart(4, 3),), tag="even", smooth=False, fuzz=with_axes(1), **LOOSE),
    *(Row("searchsorted", (Input((9,), lambda rng, s: np.sort(rng.integers(-5, 5, s))), TIES), {"side": side}, tag=side,
          dtypes=(*FLOATS, *INTEGERS), tolerance=EXACT, differentiable=False) for side in ("left", "right")),
    Row("digitize", (TIES,), {"bins": [-3.0, -1.0, 0.0, 4.0]}, tolerance=EXACT, differentiable=False),
]  # fmt: skip

# ---- Rows: shorthands ------------------------------------------------------------------------------------------------


def gaps(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Distances apart, and every third element NaN."""
    values = rng.permutation(prod(shape)).reshape(shape) / 7 - 3.01
    values.reshape(-1)[::3] = np.nan
    return values


SHORTHANDS = [
    *(Row(op, (Input(S, gaps),), {"axis": axis, "keepdims": keepdims}, tag=str(axis), differentiable=False, **LOOSE)
      for op in ("nansum", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin")
      for axis, keepdims in ((None, False), (0, True))),
    *(Row(op, (apart(4, 3),), {"axis": 1}, tag="whole", smooth=False, **LOOSE)
      for op in ("nansum", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin")),
    Row("percentile", (apart(5, 4, 3),), {"q": [0.0, 35.0, 100.0], "axis": 1}, smooth=False, **LOOSE),
    *binary("hypot", off_zero, lambda *s: within(5, 6, *s), **LOOSE),
    *(unary(op, normal, **LOOSE) for op in ("deg2rad", "rad2deg")),
    *(Row(op, (normal(*S),), tolerance=EXACT) for op in ("fliplr", "flipud")),
    Row("kron", (normal(3, 2), normal(2, 4, 5)), **LOOSE),
    Row("corrcoef", (normal(4, 9),), **LOOSE),
    Row("empty_like", (normal(4, 9),), tolerance=EXACT, differentiable=False),
    Row("binary_crossentropy", (within(0, 1, *S), within(0.1, 0.9, *S)), **LOOSE),
    Row("binary_crossentropy", (within(0, 1, *S), normal(*S)), {"from_logits": True}, tag="logits", **LOOSE),
    *(Row("categorical_crossentropy", (within(0, 1, 6, 5), within(0.1, 0.9, 6, 5)), tag=f"{axis} {logits}", **LOOSE,
          arguments={"axis": axis, "from_logits": logits}) for axis in (-1, 0) for logits in (False, True)),
]  # fmt: skip

# ---- Rows: sums of products ------------------------------------------------------------------------------------------


def einsum(subscripts: str, *shapes: Shape, **more: Any) -> Row:
    """One row for each kind of subscripts."""
    return Row("einsum", tuple(normal(*shape) for shape in shapes), tag=subscripts.replace(">", ""),
               call=lambda *tensors: OPS["einsum"](subscripts, *tensors), **{**MATRIX, **more})  # fmt: skip


CONTRACTION = [
    einsum("ij,jk->ik", (5, 7), (7, 3), bench=((256, 256), (256, 256))),
    einsum("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    einsum("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    einsum("ij,ij->", (5, 7), (5, 7)),
    einsum("ij,j", (5, 7), (7,)),
    einsum("ij->ji", (5, 7)),
    einsum("ii->i", (5, 5)),
    einsum("ii", (5, 5)),
    einsum("iji->j", (4, 3, 4)),
    einsum("i,j->ij", (5,), (7,)),
    einsum("ij,ij->ij", (5, 7), (5, 7)),
    einsum("...ij,...jk->...ik", (2, 1, 3, 4), (6, 4, 5)),
    einsum("...i->...", (2, 3, 4)),
    einsum("...i,i...->i...", (2, 5), (5, 1)),
    einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    einsum("ijk,kjm->im", (2, 3, 4), (4, 3, 5)),
    einsum("ab,cd->ad", (2, 3), (4, 5)),
    Row("einsum", (integers(-9, 9, 5, 7, dtype=None), integers(-9, 9, 7, 3, dtype=None)), tag="integers",
        call=lambda a, b: OPS["einsum"]("ij,jk->ki", a, b), dtypes=INTEGERS, tolerance=EXACT, differentiable=False),
    Row("tensordot", (normal(2, 3, 4), normal(3, 4, 5)), **MATRIX),
    Row("tensordot", (normal(2, 3, 4), normal(4, 5, 2)), {"axes": [[0, 2], [2, 0]]}, tag="pairs", **MATRIX),
    Row("tensordot", (normal(2, 3), normal(4)), {"axes": 0}, tag="none", **MATRIX),
    *(Row("dot", tuple(normal(*s) for s in shapes), tag=tag, **MATRIX) for tag, shapes in (
        ("", ((5, 7), (7, 3))), ("vectors", ((7,), (7,))), ("stacks", ((2, 3, 4), (5, 4, 6))),
        ("scalar", ((), (3, 2))), ("stack-vector", ((2, 3, 4), (4,))))),
    Row("inner", (normal(2, 3, 4), normal(5, 4)), **MATRIX),
    Row("outer", (normal(5), normal(2, 3)), **MATRIX),
    Row("vdot", (normal(3, 4), normal(4, 3)), **MATRIX),
    Row("cross", (normal(5, 3), normal(3)), **MATRIX),
]  # fmt: skip

# ---- Rows: statistics ------------------------------------------------------------------------------------------------

STATISTICS = [
    *(Row(op, (normal(3, 5, 7),), arguments, tag=tag, fuzz=with_axes(2) if not tag else None, bench=bench, **LOOSE)
      for op in ("var", "std", "logsumexp") for tag, arguments, bench in (
          ("", {}, ()), ("last", {"axis": -1}, (BIG,)), ("two", {"axis": (0, 2), "keepdims": True}, ()))),
    Row("moments", (normal(*S),), {"axes": [0]}, call=part("moments"), **LOOSE),
    Row("moments", (normal(*S),), {"axes": [0]}, tag="variance", call=part("moments", 1), **LOOSE),
    Row("average", (normal(*S), positive(5)), {"axis": 0}, **LOOSE,
        call=lambda x, weights, axis: OPS["average"](x, axis, weights)),
    Row("average", (normal(*S), positive(*S)), tag="all", **LOOSE,
        call=lambda x, weights: OPS["average"](x, weights=weights)),
    *(Row("norm", (off_zero(3, 5, 7),), {"ord": ord, "axis": axis, "keepdims": keepdims}, tag=tag, smooth=False,
          **LOOSE) for tag, ord, axis, keepdims in (
          ("", None, None, False), ("rows", 2, -1, True), ("sum", 1, 1, False), ("power", 3, 1, False),
          ("frobenius", "fro", (0, 2), False), ("columns", 1, (1, 2), False), ("smallest-row", -np.inf, (2, 0), True),
          )),
    Row("norm", (integers(-1, 2, 3, 5, dtype=None),), {"ord": 0, "axis": 1}, tag="count", **KEPT),
    Row("norm", (apart(3, 5),), {"ord": np.inf, "axis": -1}, tag="largest", smooth=False, **LOOSE),
    Row("normalize", (normal(*S),), **LOOSE),
    Row("normalize", (off_zero(3, 5, 7),), {"axis": 1, "order": 1}, tag="sum", smooth=False, **LOOSE),
    Row("count_nonzero", (integers(-1, 2, *S, dtype=None),), {"axis": -1}, dtypes=(*FLOATS, *INTEGERS), tolerance=EXACT,
        differentiable=False),
    *(Row("correlate", (normal(n), normal(m)), {"mode": mode}, tag=f"{mode}-{n}-{m}", **LOOSE)
      for mode in ("valid", "same", "full") for n, m in ((9, 4), (9, 5), (3, 8))),
]  # fmt: skip

# What these give depends on values, which a plan does not know: no replay.
READING = [
    Row("bincount", (integers(0, 6, 31, dtype="int32"),), {"minlength": 9}, **KEPT),
    Row("bincount", (integers(0, 6, 3, 31, dtype="int32"), normal(3, 31)), tag="weights", tolerance=CLOSE,
        gradient_tolerance=CLOSE),
    Row("histogram", (normal(200),), {"bins": 7, "range": (-2.0, 2.0)}, call=part("histogram"), **KEPT),
    Row("histogram", (integers(-9, 9, 200),), {"bins": 7}, tag="limits", call=part("histogram", 1), tolerance=CLOSE,
        differentiable=False),
    Row("nonzero", (integers(-1, 2, *S, dtype=None),), call=part("nonzero", 1), **KEPT),
    Row("unique", (integers(-5, 5, *S, dtype=None),), dtypes=(*FLOATS, *INTEGERS), **KEPT),
    Row("unique", (integers(-5, 5, *S, dtype=None),), {"return_inverse": True, "return_counts": True}, tag="counts",
        call=part("unique", 2), **KEPT),
    Row("cond", (normal(*S),), call=lambda x: OPS["cond"](x[0, 0] > 9.0, lambda: x, lambda: x * 2.0), **MOVED),
    Row("switch", (normal(*S),), call=lambda x: OPS["switch"](1, [lambda x: x, lambda x: x * 2.0], x), **MOVED),
    Row("while_loop", (normal(*S),), call=lambda x: OPS["while_loop"](
        lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0), (0, x))[1], **MOVED),
]  # fmt: skip
READS = {row.op for row in READING}

# ---- Rows: arranging, joining, scattering ----------------------------------------------------------------------------


def grids(*vectors: Any, **arguments: Any) -> Tensor:
    """The product of the grids depends on all vectors."""
    first, *others = OPS["meshgrid"](*vectors, **arguments)
    for grid in others:
        first = first * grid
    return first


def repeated(rng: np.random.Generator) -> tuple[list[Shape], dict[str, Any]]:
    """A shape and how often to repeat each axis, or more axes."""
    shape = some_shape(rng, 0, 3)
    return [shape], {"repeats": tuple(int(n) for n in rng.integers(0, 3, int(rng.integers(1, 5))))}


ARRANGING = [
    Row("ravel", (normal(3, 4, 5),), fuzz=any_shape(), **MOVED),
    Row("swapaxes", (normal(3, 4, 5),), {"axis1": 0, "axis2": -1}, **MOVED),
    Row("moveaxis", (normal(2, 3, 4, 5),), {"source": 0, "destination": 2}, **MOVED),
    Row("moveaxis", (normal(2, 3, 4, 5),), {"source": (0, -1), "destination": (2, 0)}, tag="two", **MOVED),
    Row("broadcast_to", (normal(3, 1),), {"shape": (2, 3, 4)}, tolerance=EXACT, gradient_tolerance=SUMS),
    *(Row("broadcast_to", (integers(0, 2, 3, 1, dtype=None),), {"shape": (2, 3, 4)}, tag=dtype, dtypes=(dtype,), **KEPT)
      for dtype in (*INTEGERS, "uint8", "bool")),
    Row("flip", (normal(3, 4, 5),), {"axis": (0, -1)}, **MOVED),
    Row("flip", (normal(*S),), tag="all", fuzz=any_shape(), **MOVED),
    Row("roll", (normal(*S),), {"shift": (2, -3), "axis": (0, 1)}, **MOVED),
    Row("roll", (normal(*S),), {"shift": 40}, tag="flat", **MOVED),
    *(Row("rot90", (normal(3, 4, 5),), {"k": k, "axes": (0, 2)}, tag=str(k), **MOVED) for k in (1, 2, 3, -3)),
    *(Row("diagonal", (normal(3, 4, 5),), {"offset": k, "axis1": 2, "axis2": 0}, tag=str(k), **MOVED)
      for k in (0, 1, -2, 9)),
    Row("trace", (normal(3, 4, 5),), {"offset": 1, "axis1": 1, "axis2": 2}, **LOOSE),
    *(Row("diag", (normal(*shape),), {"k": k}, tag=f"{len(shape)}-{k}", **MOVED)
      for shape in ((4,), (4, 6)) for k in (0, 2, -1)),
    *(Row(op, (normal(2, 4, 5),), {"k": k}, tag=str(k), tolerance=EXACT) for op in ("tril", "triu")
      for k in (0, 1, -2)),
    *(Row("pad", (normal(*S),), {"pad_width": ((3, 1), (2, 7)), "mode": mode}, tag=mode, **TAKEN)
      for mode in ("edge", "reflect", "symmetric", "wrap")),
    Row("pad", (normal(*S),), {"pad_width": 1, "constant_values": 2.5}, tag="value", **MOVED),
    Row("stack", (normal(*S), normal(*S)), {"axis": 1}, call=second("stack"), **MOVED),
    Row("vstack", (normal(7), normal(7)), call=second("vstack"), **MOVED),
    Row("hstack", (normal(3, 7), normal(3, 2)), call=second("hstack"), **MOVED),
    Row("append", (normal(3, 7), normal(2, 2)), **MOVED),
    Row("append", (normal(3, 7), normal(3, 2)), {"axis": 1}, tag="axis", **MOVED),
    Row("split", (normal(6, 5),), {"indices_or_sections": 3}, call=part("split", 1), **MOVED),
    Row("split", (normal(2, 9),), {"indices_or_sections": [2, 5], "axis": 1}, tag="places", call=part("split", 2),
        **MOVED),
    Row("array_split", (normal(7, 5),), {"indices_or_sections": 3}, call=part("array_split", 1), **MOVED),
    Row("unstack", (normal(2, 3, 4),), {"axis": 1}, call=part("unstack", 2), **MOVED),
    Row("tile", (normal(3, 4),), {"repeats": (2, 1, 3)}, tolerance=EXACT, gradient_tolerance=SUMS, fuzz=repeated),
    Row("repeat", (normal(3, 4),), {"repeats": 3, "axis": 1}, **TAKEN),
    Row("repeat", (normal(3, 2),), {"repeats": [2, 0, 1], "axis": 0}, tag="each", **TAKEN),
    Row("meshgrid", (normal(3), normal(4)), call=grids, **LOOSE),
    Row("meshgrid", (normal(3), normal(4), normal(2)), {"indexing": "ij"}, tag="ij", call=grids, **LOOSE),
    Row("take_along_axis", (normal(4, 5), integers(-4, 4, 7, 5)), {"axis": 0}, **TAKEN),
    Row("take_along_axis", (normal(4, 5), integers(0, 5, 1, 2, dtype="int64")), {"axis": 1}, tag="broadcast", **TAKEN),
    Row("take_along_axis", (normal(4, 5), integers(-20, 20, 3, 3)), {"axis": None}, tag="flat", **TAKEN),
    Row("take_along_axis", (normal(4, 5), integers(-9, 9, 4, 5)), {"axis": 1}, tag="outside", **KEPT),
    Row("scatter", (normal(7, 3),), call=lambda v: OPS["scatter"](np.arange(14).reshape(7, 2) % 3, v, (3, 4, 3)),
        **LOOSE),
    Row("scatter", (integers(0, 4, 9, 1, dtype="int32"), integers(-9, 9, 9, dtype=None)), {"shape": (4,)},
        tag="integers", dtypes=INTEGERS, **KEPT),
    Row("scatter_update", (normal(4, 5), normal(6)), tolerance=EXACT,
        call=lambda x, v: OPS["scatter_update"](x, [[0, 1], [3, 3], [0, 1], [2, 0], [1, 1], [-1, -1]], v)),
    Row("scatter_update", (normal(4, 5), normal(2, 5)), {"reduction": "add"}, tag="add", **LOOSE,
        call=lambda x, v, **more: OPS["scatter_update"](x, [[0], [3]], v, **more)),
    Row("slice", (normal(4, 5),), {"start_indices": (1, 0), "shape": (2, -1)}, **MOVED),
    Row("slice", (normal(4, 5), integers(0, 2, 2)), {"shape": (2, 3)}, tag="tensor", **MOVED),
    Row("slice_update", (normal(4, 5), normal(2, 3)), call=lambda x, v: OPS["slice_update"](x, (1, 2), v), **MOVED),
    Row("slice_update", (normal(4, 5), integers(0, 2, 2), normal(2, 3)), tag="tensor", **MOVED),
    Row("segment_sum", (normal(9, 3), integers(-1, 5, 9)), {"num_segments": 4}, **LOOSE),
    Row("multi_hot", (integers(-1, 7, 5, 3, dtype=None),), {"num_classes": 6}, dtypes=INTEGERS, **KEPT),
    Row("fori_loop", (normal(*S),), call=lambda x: OPS["fori_loop"](0, 3, lambda i, y: y * 2.0, x), **MOVED),
    Row("map", (normal(3, 4),), call=lambda x: OPS["map"](lambda row: row * 2.0, x), **MOVED),
    Row("vectorized_map", (normal(3, 4), normal(3, 2)), **LOOSE, call=lambda *xs: OPS["vectorized_map"](
        lambda rows: OPS["sum"](rows[0]) * rows[1], xs)),
    Row("scan", (normal(4, 3),), {"reverse": True}, **LOOSE, call=lambda x, reverse: OPS["scan"](
        lambda c, row: (c * 0.5 + row, c * row), OPS["ones"]((3,), x.dtype), x, reverse=reverse)[1]),
]  # fmt: skip

REGULAR = [
    Row("eye", (), {"N": 3, "M": 5, "k": 1}, **KEPT),
    Row("identity", (), {"n": 3, "dtype": "int32"}, **KEPT),
    Row("tri", (), {"N": 3, "M": 5, "k": -1}, **KEPT),
    Row("linspace", (), {"start": -1.0, "stop": 3.0, "num": 7}, **KEPT),
    Row("linspace", (), {"start": [0.0, 1.0], "stop": 3.0, "num": 5, "endpoint": False, "axis": 1}, tag="axis", **KEPT),
    Row("logspace", (), {"start": 0.0, "stop": 3.0, "num": 7, "base": 2}, **KEPT),
    Row("full_like", (normal(*S),), {"fill_value": 2.5}, fuzz=any_shape(), **KEPT),
    Row("empty", (), {"shape": (2, 3)}, **KEPT),
]  # fmt: skip

ROWS = [
    *ARITHMETIC,
    *ACTIVATION,
    *PRODUCTS,
    *CONVOLUTION,
    *AUGMENT,
    *REDUCE,
    *POOL,
    *NORM,
    *LOSS,
    *DROPOUT,
    *RESHAPING,
    *CHOOSING,
    *CREATION,
    *ELEMENTARY,
    *SORT,
    *SHORTHANDS,
    *CONTRACTION,
    *STATISTICS,
    *READING,
    *ARRANGING,
    *REGULAR,
]
