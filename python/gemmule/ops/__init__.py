"""Differentiable operations on tensors, with the names and dtype rules of `keras.ops`.

Every public op is exported here and listed in `registry.OPS`.
"""

from typing import Any

from gemmule.leftovers import missing
from gemmule.ops import operators
from gemmule.ops.activation import (
    elu,
    exponential,
    gelu,
    leaky_relu,
    linear,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from gemmule.ops.activation_composed import (
    celu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    log_sigmoid,
    relu6,
    soft_shrink,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)
from gemmule.ops.arranging import (
    broadcast_to,
    diag,
    diagonal,
    flip,
    moveaxis,
    ravel,
    roll,
    rot90,
    swapaxes,
    trace,
    tril,
    triu,
)
from gemmule.ops.augment import affine_transform
from gemmule.ops.comparing import allclose, isclose, isfinite, isin, isinf, isnan, logical_xor, nan_to_num, select
from gemmule.ops.contraction import cross, dot, einsum, inner, outer, tensordot, vdot
from gemmule.ops.control import cond, custom_gradient, fori_loop, map, scan, switch, vectorized_map, while_loop
from gemmule.ops.conv2d import conv1d, conv2d, conv2d_transpose
from gemmule.ops.counting import bincount, multi_hot, nonzero, segment_sum, unique
from gemmule.ops.creation import (
    arange,
    convert_to_numpy,
    convert_to_tensor,
    full,
    ones,
    ones_like,
    stop_gradient,
    zeros,
    zeros_like,
)
from gemmule.ops.cumulative import cumprod, cumsum, diff
from gemmule.ops.dense import dense
from gemmule.ops.depthwise import depthwise_conv2d, separable_conv2d
from gemmule.ops.dropout import dropout
from gemmule.ops.elementary import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    ceil,
    cos,
    cosh,
    divide_no_nan,
    erf,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    log1p,
    log2,
    log10,
    logaddexp,
    mod,
    round,
    rsqrt,
    sin,
    sinh,
    tan,
    trunc,
)
from gemmule.ops.elementwise import add, clip, divide, maximum, minimum, multiply, power, subtract
from gemmule.ops.gather import one_hot, take
from gemmule.ops.gemm import matmul
from gemmule.ops.indexing import getitem
from gemmule.ops.inspecting import dtype, is_tensor, ndim, shape, size
from gemmule.ops.joining import append, array_split, hstack, meshgrid, repeat, split, stack, tile, unstack, vstack
from gemmule.ops.logic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    where,
)
from gemmule.ops.loss import (
    mean_absolute_error,
    mean_squared_error,
    sigmoid_crossentropy,
    softmax_crossentropy,
    sparse_softmax_crossentropy,
    weighted_mean,
)
from gemmule.ops.norm import batch_normalization, group_normalization, layer_normalization, normalize_batch
from gemmule.ops.pool import average_pool, max_pool
from gemmule.ops.reduce import all, any, argmax, argmin, max, mean, min, prod, sum
from gemmule.ops.regular import empty, eye, full_like, identity, linspace, logspace, tri
from gemmule.ops.reshaping import cast, concatenate, expand_dims, flatten, pad, reshape, squeeze, transpose
from gemmule.ops.resize import upsample
from gemmule.ops.scattering import scatter, scatter_update, slice, slice_update, take_along_axis
from gemmule.ops.shorthands import (
    binary_crossentropy,
    categorical_crossentropy,
    corrcoef,
    deg2rad,
    empty_like,
    fliplr,
    flipud,
    hypot,
    kron,
    nanmax,
    nanmean,
    nanmin,
    nanstd,
    nansum,
    nanvar,
    percentile,
    rad2deg,
)
from gemmule.ops.softmax import log_softmax, softmax
from gemmule.ops.sort import argsort, digitize, in_top_k, median, quantile, searchsorted, sort, top_k
from gemmule.ops.statistics import (
    average,
    correlate,
    count_nonzero,
    histogram,
    logsumexp,
    moments,
    norm,
    normalize,
    std,
    var,
)
from gemmule.ops.unary import abs, exp, log, negative, reciprocal, sign, sqrt, square

__all__ = [
    # activation
    "linear",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "softplus",
    "exponential",
    "gelu",
    "silu",
    "mish",
    # activation_composed
    "celu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "log_sigmoid",
    "relu6",
    "soft_shrink",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh_shrink",
    "threshold",
    # augment
    "affine_transform",
    # conv2d
    "conv2d",
    "conv1d",
    "conv2d_transpose",
    "separable_conv2d",
    # creation
    "zeros",
    "ones",
    "full",
    "zeros_like",
    "ones_like",
    "arange",
    "convert_to_tensor",
    "convert_to_numpy",
    "stop_gradient",
    # dense
    "dense",
    # depthwise
    "depthwise_conv2d",
    # dropout
    "dropout",
    # elementwise
    "add",
    "subtract",
    "multiply",
    "divide",
    "power",
    "maximum",
    "minimum",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_not",
    "where",
    "negative",
    "abs",
    "sign",
    "square",
    "sqrt",
    "exp",
    "log",
    "reciprocal",
    "clip",
    # gather
    "take",
    "one_hot",
    # gemm
    "matmul",
    # indexing
    "getitem",
    # loss
    "sparse_softmax_crossentropy",
    "softmax_crossentropy",
    "sigmoid_crossentropy",
    "mean_squared_error",
    "mean_absolute_error",
    "weighted_mean",
    # norm
    "batch_normalization",
    "normalize_batch",
    "layer_normalization",
    "group_normalization",
    # pool
    "max_pool",
    "average_pool",
    # reduce
    "sum",
    "mean",
    "max",
    "min",
    "prod",
    "any",
    "all",
    "argmax",
    "argmin",
    # reshaping
    "cast",
    "reshape",
    "flatten",
    "expand_dims",
    "squeeze",
    "transpose",
    "concatenate",
    "pad",
    # resize
    "upsample",
    # softmax
    "softmax",
    "log_softmax",
    # arranging
    "ravel", "swapaxes", "moveaxis", "broadcast_to", "flip", "roll", "rot90", "diagonal", "trace", "diag",
    "tril", "triu",
    # comparing
    "isnan", "isfinite", "isinf", "isclose", "allclose", "logical_xor", "nan_to_num", "isin", "select",
    # contraction
    "einsum", "tensordot", "dot", "inner", "outer", "vdot", "cross",
    # control
    "cond", "switch", "while_loop", "fori_loop", "map", "vectorized_map", "scan", "custom_gradient",
    # cumulative
    "cumsum", "cumprod", "diff",
    # elementary
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "erf",
    "exp2", "expm1", "log1p", "log2", "log10", "floor", "ceil", "trunc", "round", "rsqrt", "arctan2", "fmod",
    "mod", "floor_divide", "logaddexp", "divide_no_nan",
    # inspecting
    "shape", "ndim", "dtype", "size", "is_tensor",
    # joining
    "stack", "vstack", "hstack", "append", "split", "array_split", "unstack", "tile", "repeat", "meshgrid",
    # regular
    "eye", "identity", "tri", "linspace", "logspace", "full_like", "empty",
    # shorthands
    "nansum", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "percentile", "hypot", "deg2rad", "rad2deg", "fliplr",
    "flipud", "kron", "corrcoef", "empty_like", "binary_crossentropy", "categorical_crossentropy",
    # scattering
    "take_along_axis", "scatter", "scatter_update", "slice", "slice_update",
    # counting
    "segment_sum", "bincount", "multi_hot", "nonzero", "unique",
    # sort
    "argsort", "sort", "top_k", "in_top_k", "quantile", "median", "searchsorted", "digitize",
    # statistics
    "var", "std", "moments", "average", "logsumexp", "norm", "normalize", "count_nonzero", "histogram",
    "correlate",
]  # fmt: skip

swish, hard_swish = silu, hard_silu  # Keras's other names
absolute, amax, amin, true_divide = abs, max, min, divide  # NumPy's other names

operators.install()


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
