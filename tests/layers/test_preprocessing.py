"""Normalization and Rescaling, functions as layers, repeated and permuted dimensions, dropout of channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Lambda, Normalization, Permute, RepeatVector, Rescaling, SpatialDropout1D, SpatialDropout2D
from tests.helpers import exactly, rng_for

X = rng_for("x").normal(3, 5, (1000, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), (-1, 1), None])
def test_adapted_data_has_mean_zero_and_variance_one(axis: int | tuple[int, ...] | None) -> None:
    layer = Normalization(axis=axis)
    layer.adapt(X)
    kept = () if axis is None else tuple(sorted(a % 3 for a in (axis if isinstance(axis, tuple) else (axis,))))
    over = tuple(a for a in range(3) if a not in kept)
    assert layer.mean.shape == tuple(X.shape[a] for a in kept)
    np.testing.assert_allclose(layer.mean.numpy(), X.mean(over, np.float64), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy(), X.var(over, np.float64), rtol=1e-6)
    y = layer(X).numpy()
    np.testing.assert_allclose(y.mean(over), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(over), 1, atol=1e-5)
    back = Normalization(axis=axis, mean=layer.mean.numpy(), variance=layer.variance.numpy(), invert=True)
    np.testing.assert_allclose(back(y).numpy(), X, atol=1e-4)


@pytest.mark.parametrize(
    "data",
    [
        lambda: X.tolist(),
        lambda: [X[:300], X[300:301], X[301:]],
        lambda: (X[i : i + 64] for i in range(0, 1000, 64)),
        lambda: [(X[:500], np.zeros(500)), (X[500:], np.zeros(500))],
        lambda: gm.ops.convert_to_tensor(X),
        lambda: X[::-1],
    ],
    ids=["list", "batches", "generator", "with-targets", "tensor", "strided"],
)
def test_data_may_come_in_parts(data: Callable[[], object]) -> None:
    layer = Normalization()
    layer.adapt(data())
    np.testing.assert_allclose(layer.mean.numpy(), X.mean((0, 1), np.float64), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy(), X.var((0, 1), np.float64), rtol=1e-6)


def test_small_deviations_of_large_numbers_are_not_lost() -> None:
    data = 1e8 + np.arange(200_000.0).reshape(-1, 1) % 2
    layer = Normalization(dtype="float64")
    layer.adapt(data)
    np.testing.assert_allclose(layer.variance.numpy(), 0.25, rtol=1e-9)


def test_adapting_again_forgets_and_needs_no_new_step() -> None:
    layer = Normalization()
    layer.adapt(X)
    model = gm.Sequential([gm.Input((4, 3)), layer, gm.layers.Flatten()])
    before = [model.predict(X[:8], verbose=0) for _ in range(3)][-1]
    layer.adapt(10 * X)
    np.testing.assert_allclose(layer.mean.numpy(), 10 * X.mean((0, 1)), rtol=1e-5)
    assert np.abs(model.predict(X[:8], verbose=0) - before).max() > 0.1
    assert layer.trainable_weights == []


def test_constant_features_give_zeros() -> None:
    layer = Normalization()
    layer.adapt(np.full((5, 2), 3.0))
    np.testing.assert_array_equal(layer(np.full((5, 2), 3.0)).numpy(), 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Normalization(mean=1.0, name="n"), ValueError,
         'normalization (layer "n"): mean and variance belong together and have the same shape. '
         "Received: mean=1.0, variance=None."),
        (lambda: Normalization(mean=1.0, variance=1.0, name="n").adapt(X), ValueError,
         'normalization (layer "n"): mean and variance were given. Leave them out to use adapt. '
         "Received: mean=1.0, variance=1.0."),
        (lambda: Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0], name="n")(X), ValueError,
         'normalization (layer "n"): mean and variance do not fit the input along axis=(-1,): shape (2,) instead of '
         "(3,). Received: input_shape=(None, 4, 3)."),
        (lambda: Normalization(axis=3, name="n")(X), ValueError,
         'normalization (layer "n"): axis must be integers from -3 to 2. Received: axis=(3,).'),
        (lambda: Normalization(axis=0, name="n").build((None, 3)), ValueError,
         'normalization (layer "n"): the dimensions along axis=(0,) must be known. Received: input_shape=(None, 3).'),
        (lambda: Normalization(name="n").adapt([]), ValueError,
         'normalization (layer "n"): there is no data to adapt to.'),
        (lambda: Normalization(name="n").adapt(np.array(["a"])), TypeError,
         'normalization (layer "n"): adapt takes arrays of numbers, or batches of them. '
         "Received: <ndarray shape=(1,) dtype=<U1>."),
        (lambda: Rescaling("255", name="r"), TypeError,
         'rescaling (layer "r"): scale must be a number, or one for each channel. Received: scale=\'255\'.'),
        (lambda: Permute((0, 1), name="p"), ValueError,
         'permute (layer "p"): dims must name each dimension once, counted from 1 without the batch, such as (2, 1). '
         "Received: dims=(0, 1)."),
        (lambda: Permute((2, 1), name="p")(np.zeros((2, 3))), ValueError,
         'permute (layer "p"): dims names 2 dimensions, and the input has 1 besides the batch. '
         "Received: dims=(2, 1), input_shape=(2, 3)."),
        (lambda: RepeatVector(-1, name="v"), ValueError,
         'repeat_vector (layer "v"): n must be a positive integer. Received: n=-1.'),
        (lambda: RepeatVector(2**40, name="v"), ValueError,
         'repeat_vector (layer "v"): n must not be above 2,147,483,647. Received: n=1099511627776.'),
        (lambda: RepeatVector(2, name="v")(X), ValueError,
         'repeat_vector (layer "v"): the input must have 2 dimensions, (batch, features). '
         "Received: input_shape=(1000, 4, 3)."),
        (lambda: SpatialDropout2D(0.5, name="s")(X, training=True), ValueError,
         'spatial_dropout (layer "s"): the input must have 4 dimensions, (batch, height, width, channels). '
         "Received: input_shape=(1000, 4, 3)."),
        (lambda: Normalization(axis=1.5, name="n")(X), ValueError,
         'normalization (layer "n"): axis must be integers from -3 to 2. Received: axis=(1.5,).'),
        (lambda: Lambda(gm.ops.tanh, arguments=3, name="f"), TypeError,
         'lambda (layer "f"): arguments must be a dict of keyword arguments. Received: arguments=3.'),
        (lambda: Lambda("tanh", name="f"), TypeError,
         'lambda (layer "f"): function must be callable. Received: function=\'tanh\'.'),
        (lambda: Lambda(gm.ops.tanh, name="f").get_config(), NotImplementedError,
         'lambda (layer "f"): a Lambda has no configuration, because files hold no code. Write a subclass of gm.Layer '
         "for what the function does, or keep the script that builds the model, and save its weights with "
         "save_weights."),
    ],
)  # fmt: skip
def test_message(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=exactly(message)):
        call()


def test_spatial_dropout_drops_whole_channels() -> None:
    for layer, axes in ((SpatialDropout1D(0.4, seed=1), (1,)), (SpatialDropout2D(0.4, seed=1), (1, 2))):
        x = np.ones((200, *(5,) * len(axes), 10), np.float32)
        y = layer(x, training=True).numpy()
        np.testing.assert_array_equal(y.min(axes), y.max(axes))
        assert set(np.unique(y)) == {np.float32(0), np.float32(1) / np.float32(0.6)}
        assert abs((y == 0).mean() - 0.4) < 0.05
        np.testing.assert_array_equal(layer(x).numpy(), x)


def test_lambda_takes_arguments_training_and_shapes() -> None:
    layer = Lambda(lambda x, factor, training: x * factor if training else x, arguments={"factor": 3.0})
    np.testing.assert_array_equal(layer(X, training=True).numpy(), X * 3)
    np.testing.assert_array_equal(layer(X).numpy(), X)
    assert Lambda(lambda x: x[:, 0]).compute_output_shape((None, 4, 3)) == (None, 3)
    assert Lambda(lambda x: x[:, 0], output_shape=(3,)).compute_output_shape((None, None, 3)) == (None, 3)
    assert Lambda(lambda x: x, output_shape=lambda shape: shape).compute_output_shape((None, 4)) == (None, 4)


def test_lambda_of_unknown_dimensions_is_tried_with_two_sizes() -> None:
    model = gm.Sequential([gm.Input((None, 3)), Lambda(lambda x: gm.ops.concatenate([x, x], axis=-1))])
    assert model.output_shape == (None, None, 6)
    assert model.predict(np.zeros((2, 5, 3)), verbose=0).shape == (2, 5, 6)


def test_lambda_of_several_inputs() -> None:
    layer = Lambda(lambda xs: xs[0] + xs[1])
    np.testing.assert_array_equal(layer([X, X]).numpy(), X + X)


def test_another_function_records_another_step() -> None:
    layer = Lambda(lambda x: x * 2)
    model = gm.Sequential([gm.Input((4, 3)), layer])
    for _ in range(3):
        np.testing.assert_array_equal(model.predict(X[:8], verbose=0), X[:8] * 2)
    layer.function = lambda x: x * 3
    np.testing.assert_array_equal(model.predict(X[:8], verbose=0), X[:8] * 3)


def test_repeating_more_often_than_memory_allows() -> None:
    with pytest.raises(MemoryError, match=r'^repeat_vector \(layer "v"\): an array of [\d,]+ bytes'):
        RepeatVector(2**31 - 1, name="v")(np.zeros((10000, 4)))
