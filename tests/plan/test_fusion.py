"""Calls that are joined when a step becomes a plan: fewer of them, and the same bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule.backend import execute
from gemmule.memory import persistent
from gemmule.plan import StepFunction
from tests.helpers import rng_for, threads

ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softplus", "exponential")


def kernels_of(compute: Callable[[], gm.Tensor], out: tuple[int, ...]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Kernels of the plan of a computation, its result eagerly and replayed."""
    place = persistent(out)

    def body(feeds):
        execute("assign", [place], [compute().array])

    step = StepFunction(body, {}, strict=True)
    step.run(2)
    eager = place.copy()
    place[...] = 0
    step.run(1)
    return [name for name in step.plan.kernels if name != "assign"], eager, place


def variables(*shapes: tuple[int, ...]) -> list[gm.Variable]:
    rng = rng_for("fusion")
    return [gm.Variable(rng.uniform(0.2, 1.5, shape).astype(np.float32)) for shape in shapes]


def check(compute: Callable[[], gm.Tensor], shape: tuple[int, ...], expected: list[str]) -> None:
    kernels, eager, replayed = kernels_of(compute, shape)
    assert kernels == expected
    np.testing.assert_array_equal(replayed, eager)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_goes_into_normalization(name: str) -> None:
    x, gamma, beta = variables((40, 13), (13,), (13,))
    check(lambda: getattr(gm.ops, name)(gm.ops.normalize_batch(x, -1, beta, gamma)), (40, 13), ["batch_norm_forward"])


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_activations_that_need_their_input_stay(name: str) -> None:
    (x,) = variables((40, 13))
    check(lambda: getattr(gm.ops, name)(gm.ops.normalize_batch(x)), (40, 13), ["batch_norm_forward", f"{name}_forward"])


def test_normalization_goes_into_the_product_before_it() -> None:
    x, w, b, mean, variance, skip = variables((9, 5), (5, 7), (7,), (7,), (7,), (9, 7))

    def compute() -> gm.Tensor:
        y = gm.ops.batch_normalization(gm.ops.dense(x, w, b), mean, variance, -1)
        return gm.ops.relu(gm.ops.add(skip, y))

    check(compute, (9, 7), ["batch_norm_coefficients", "dense_forward"])


def test_residual_goes_into_normalization() -> None:
    x, skip = variables((6, 5, 7), (6, 5, 7))
    check(lambda: gm.ops.elu(gm.ops.normalize_batch(x) + skip), (6, 5, 7), ["batch_norm_forward"])


def test_two_branches_meet() -> None:
    """The second branch is computed between the first one and their sum."""
    x, z = variables((40, 7), (40, 7))
    check(
        lambda: gm.ops.relu(gm.ops.normalize_batch(x) + gm.ops.normalize_batch(z)),
        (40, 7),
        ["batch_norm_forward", "batch_norm_forward"],
    )


def test_a_reshape_lies_between() -> None:
    (x,) = variables((8, 12))
    check(
        lambda: gm.ops.relu(gm.ops.reshape(gm.ops.normalize_batch(gm.ops.reshape(x, (16, 6))), (4, 24))),
        (4, 24),
        ["copy", "batch_norm_forward"],
    )


def test_what_is_used_twice_is_kept() -> None:
    (x,) = variables((8, 12))

    def compute() -> gm.Tensor:
        y = gm.ops.normalize_batch(x)
        return gm.ops.relu(y) * y

    check(compute, (8, 12), ["batch_norm_forward", "relu_forward", "multiply"])


def test_broadcasting_sums_stay() -> None:
    x, row = variables((8, 12), (12,))
    check(lambda: gm.ops.normalize_batch(x) + row, (8, 12), ["batch_norm_forward", "add"])


def test_inputs_that_change_in_between_forbid_it() -> None:
    """Reading them later would read something else."""
    x, y = variables((8, 12), (8, 12))
    out = persistent((8, 12))

    def body(feeds):
        z = gm.ops.normalize_batch(x)
        execute("assign", [x.array], [y.array])
        execute("relu_forward", [out], [z.array])
        execute("assign", [x.array], [out])

    step = StepFunction(body, {}, strict=True)
    step.run(2)
    assert step.plan.kernels == ["batch_norm_forward", "assign", "relu_forward", "assign"]


def block(inputs: gm.Tensor, dense, norm, training: bool) -> gm.Tensor:
    return gm.ops.relu(norm(dense(inputs), training=training) + inputs)


class Residual(gm.Model):
    """Dense, batch norm, elu; then a block with a shortcut; then a block with a shortcut of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = [gm.layers.Dense(12), gm.layers.BatchNormalization(), gm.layers.ELU()]
        self.dense, self.norm = gm.layers.Dense(12), gm.layers.BatchNormalization()
        self.main, self.short = gm.layers.Dense(8), gm.layers.Dense(8)
        self.main_norm, self.short_norm = gm.layers.BatchNormalization(), gm.layers.BatchNormalization()
        self.out = gm.layers.Dense(1)

    def call(self, inputs, training=False):
        x = inputs
        for layer in self.first:
            x = layer(x, training=training)
        x = gm.ops.relu(self.norm(self.dense(x), training=training) + x)
        shortcut = self.short_norm(self.short(x), training=training)
        return self.out(gm.ops.relu(self.main_norm(self.main(x), training=training) + shortcut))


def trained(eager: bool) -> tuple[gm.Model, list[np.ndarray]]:
    gm.utils.clear_session()
    gm.utils.set_random_seed(4)
    model = Residual()
    model.compile(gm.optimizers.Adam(0.01), "mse", run_eagerly=eager)
    rng = rng_for("model")
    x, y = rng.normal(size=(100, 5)).astype(np.float32), rng.normal(size=(100, 1)).astype(np.float32)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    return model, [*model.get_weights(), *(model.predict(x, batch_size=50, verbose=0) for _ in range(4))]


def test_training_and_prediction_keep_their_bits() -> None:
    model, replayed = trained(eager=False)
    _, eager = trained(eager=True)
    for a, b in zip(replayed, eager, strict=True):
        np.testing.assert_array_equal(a, b)
    (train, *_) = [step.plan.kernels for step in model._runner._steps.values() if step.plan is not None]
    forward = train[: train.index("batch_norm_backward")]
    assert not {"elu_forward", "relu_forward", "add"} & set(forward)
    assert "elu_backward" not in train  # joined; the relus' gradients have two readers
    (predict,) = [form._step.plan.kernels for form in model._predictor._forms.values()]
    assert not {"scale_shift", "add", "relu_forward", "elu_forward"} & set(predict)


def convolutional(kernel_size: int, filters: int) -> gm.Model:
    """A residual block between a first convolution and a prediction."""
    layers = gm.layers
    inputs = gm.Input((12, 12, 3))
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False)(inputs)
    x = start = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(filters, kernel_size, padding="same")(x)
    x = layers.ELU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.add([layers.BatchNormalization()(x), start]))
    x = layers.LeakyReLU()(layers.Conv2D(filters, 2, strides=2)(x))
    return gm.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))


@pytest.mark.parametrize(("kernel_size", "filters"), [(1, 8), (3, 5), (3, 64)])
@pytest.mark.parametrize("convolution", ["auto", "exact"])
def test_convolutions_take_what_follows_them(kernel_size: int, filters: int, convolution: str) -> None:
    rng = rng_for("images")
    x, y = rng.normal(size=(24, 12, 12, 3)).astype(np.float32), rng.normal(size=(24, 1)).astype(np.float32)
    results = []
    gm.config.convolution = convolution
    try:
        for eager in (False, True):
            gm.utils.clear_session()
            gm.utils.set_random_seed(5)
            model = convolutional(kernel_size, filters)
            model.compile(gm.optimizers.SGD(0.001), "mse", run_eagerly=eager)
            model.fit(x, y, batch_size=8, epochs=2, verbose=0)
            results.append([*model.get_weights(), *(model.predict(x, batch_size=24, verbose=0) for _ in range(3))])
            if not eager:
                (predict,) = [form._step.plan.kernels for form in model._predictor._forms.values()]
                (train,) = [step.plan.kernels for step in model._runner._steps.values()]
    finally:
        gm.config.convolution = "auto"
    for replayed, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(replayed, expected)
    assert set(predict) == {"batch_norm_coefficients", "conv2d_forward", "dense_forward", "copy"}
    apart = {"relu_forward", "elu_forward", "leaky_relu_forward", "elu_backward", "scale_shift"}
    assert not apart & set(train)


def test_depthwise_convolutions_take_it_too() -> None:
    x, w, mean, variance = variables((2, 7, 6, 5), (3, 3, 5, 2), (10,), (10,))

    def compute() -> gm.Tensor:
        return gm.ops.elu(gm.ops.batch_normalization(gm.ops.depthwise_conv2d(x, w), mean, variance, -1))

    check(compute, (2, 5, 4, 10), ["batch_norm_coefficients", "depthwise_conv2d_forward"])


def test_threads_change_no_bit_of_a_training() -> None:
    rng = rng_for("threads")
    x, y = rng.normal(size=(80, 12, 12, 3)).astype(np.float32), rng.normal(size=(80, 1)).astype(np.float32)
    weights = []
    for count in (1, 2, 3):
        gm.utils.clear_session()
        gm.utils.set_random_seed(6)
        model = convolutional(3, 32)
        model.compile(gm.optimizers.SGD(0.001), "mse")
        with threads(count):
            model.fit(x, y, batch_size=40, epochs=3, verbose=0)
        weights.append(model.get_weights())
    for other in weights[1:]:
        for a, b in zip(weights[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
