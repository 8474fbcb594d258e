"""Differentiable operations on tensors, with the names and dtype rules of `keras.ops`.

Every public op is exported here and listed in `registry.OPS`.
"""

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
    squareplus,
    tanh_shrink,
    threshold,
)
from gemmule.ops.augment import affine_transform
from gemmule.ops.conv2d import conv1d, conv2d, conv2d_transpose
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
from gemmule.ops.dense import dense
from gemmule.ops.depthwise import depthwise_conv2d, separable_conv2d
from gemmule.ops.dropout import dropout
from gemmule.ops.elementwise import (
    abs,
    add,
    clip,
    divide,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    power,
    reciprocal,
    sign,
    sqrt,
    square,
    subtract,
    where,
)
from gemmule.ops.gather import one_hot, take
from gemmule.ops.gemm import matmul
from gemmule.ops.indexing import getitem
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
from gemmule.ops.reshaping import cast, concatenate, expand_dims, flatten, pad, reshape, squeeze, transpose
from gemmule.ops.resize import upsample
from gemmule.ops.softmax import log_softmax, softmax

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
]

swish, hard_swish = silu, hard_silu  # Keras's other names

operators.install()
