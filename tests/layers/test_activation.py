"""Activation layers beyond the table: PReLU learns, maxout chooses, softmax takes masks, activity costs."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import ActivityRegularization, Dense, Maxout, PReLU, Softmax
from tests.helpers import exactly

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4)).astype(np.float32)
SCORES = RNG.normal(size=(6, 3, 4)).astype(np.float32)


def softmax(x: np.ndarray, mask: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """The formula in float64, over the places where the mask is true; 0 where there are none."""
    powers = np.where(mask, np.exp(x.astype(np.float64)), 0.0)
    total = powers.sum(axis=axis, keepdims=True)
    return np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)


# ---- Softmax ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), [0, 2], (-1, -2)])
@pytest.mark.parametrize("shape", [(6, 3, 4), (4,), (3, 1), (6, 1, 4)])
def test_softmax_with_a_mask_is_the_formula(axis, shape):
    mask = np.random.default_rng(1).random(shape) < 0.6
    expected = softmax(SCORES, mask, tuple(axis) if isinstance(axis, list) else axis)
    for given in (mask, mask.astype(np.float32), mask.tolist()):
        y = Softmax(axis)(SCORES, mask=given).numpy()
        np.testing.assert_allclose(y, expected, atol=2e-7)
    np.testing.assert_array_equal(y[~np.broadcast_to(mask, y.shape)], 0)


def test_softmax_with_everything_masked_is_zero_and_has_no_gradient():
    mask = np.array([[True, False, True, False], [False] * 4])
    x = gm.Variable(RNG.normal(size=(2, 4)).astype(np.float32))
    with gm.GradientTape() as tape:
        y = Softmax()(x, mask=mask)
        loss = gm.ops.sum(y * np.arange(8, dtype=np.float32).reshape(2, 4))
    gradient = tape.gradient(loss, x).numpy()
    np.testing.assert_array_equal(y.numpy()[1], 0)
    np.testing.assert_array_equal(gradient[~mask], 0)
    p = y.numpy()[0, 0]
    np.testing.assert_allclose(gradient[0, [0, 2]], [-2 * p * (1 - p), 2 * p * (1 - p)], rtol=1e-5)


def test_a_mask_can_be_an_input_of_a_graph():
    scores, mask = gm.Input((3, 4)), gm.Input((3, 4), dtype="bool")
    model = gm.Model([scores, mask], Softmax(axis=(1, 2))(scores, mask=mask))
    kept = np.random.default_rng(2).random(SCORES.shape) < 0.5
    np.testing.assert_allclose(model.predict([SCORES, kept], verbose=0), softmax(SCORES, kept, (1, 2)), atol=2e-7)


# ---- Sparsemax -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_sparsemax_is_the_nearest_point_of_the_simplex(axis):
    """The conditions of Karush, Kuhn and Tucker: the rows sum to 1, and x - y is t where y > 0, at most t elsewhere."""
    x = np.random.default_rng(3).normal(size=(6, 9, 5)) * np.linspace(0.1, 5, 6)[:, None, None]
    x, y = (np.moveaxis(a, axis, -1) for a in (x, gm.ops.sparsemax(x, axis=axis).numpy()))
    assert y.min() == 0
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-13)
    t = np.where(y > 0, x - y, -np.inf).max(-1, keepdims=True)
    np.testing.assert_allclose(np.where(y > 0, x - y, t), np.broadcast_to(t, x.shape), atol=1e-13)
    assert (x[y == 0] <= np.broadcast_to(t, x.shape)[y == 0] + 1e-13).all()


def test_sparsemax_of_equal_scores_is_uniform():
    np.testing.assert_array_equal(gm.ops.sparsemax(np.full((2, 4), 1e6, np.float32)).numpy(), np.full((2, 4), 0.25))


# ---- PReLU -----------------------------------------------------------------------------------------------------------


def test_prelu_learns_one_slope_for_each_input():
    x = RNG.normal(size=(200, 4)).astype(np.float32)
    slopes = np.array([0.5, -0.25, 1.0, 0.0], np.float32)
    model = gm.Sequential([gm.Input((4,)), PReLU()])
    model.compile(gm.optimizers.SGD(1.0), "mse")
    model.fit(x, np.where(x > 0, x, slopes * x), batch_size=200, epochs=100, verbose=0)
    np.testing.assert_allclose(model.layers[-1].alpha.numpy(), slopes, atol=1e-3)


def test_prelu_sums_the_gradient_over_shared_axes():
    layer = PReLU(shared_axes=[1, 2])
    x = RNG.normal(size=(2, 3, 5, 4)).astype(np.float32)
    with gm.GradientTape() as tape:
        loss = gm.ops.sum(layer(x))
    np.testing.assert_allclose(
        tape.gradient(loss, layer.alpha).numpy(), np.minimum(x, 0).sum((0, 1, 2))[None, None], rtol=1e-5
    )
    assert layer(np.ones((2, 7, 9, 4))).shape == (2, 7, 9, 4)  # shared axes may change their length


def test_prelu_regularizes_and_constrains_its_slopes():
    layer = PReLU("ones", alpha_regularizer="l2", alpha_constraint="non_neg")
    layer(X)
    assert float(layer.losses[0]) == pytest.approx(0.04)
    assert isinstance(layer.alpha.constraint, gm.constraints.NonNeg)


# ---- Maxout ----------------------------------------------------------------------------------------------------------


def test_maxout_is_the_largest_of_several_dense_layers():
    layer = Maxout(3, pieces=4, bias_initializer="glorot_uniform")
    y = layer(X).numpy()
    kernel, bias = (w.astype(np.float64) for w in layer.get_weights())
    pieces = [X @ kernel[:, 3 * i : 3 * i + 3] + bias[3 * i : 3 * i + 3] for i in range(4)]
    np.testing.assert_allclose(y, np.max(pieces, axis=0), rtol=1e-5, atol=1e-6)


def test_100_steps_of_maxout_and_prelu_are_the_formula_in_float64():
    gm.config.set_floatx("float64")
    model = gm.Sequential([gm.Input((4,)), Maxout(3, 2), PReLU()])
    x, y = np.random.default_rng(1).normal(size=(20, 4)), np.random.default_rng(2).normal(size=(20, 3))
    kernel, bias, slopes = (w.copy() for w in model.get_weights())
    model.compile(gm.optimizers.SGD(0.1), "mse")
    model.fit(x, y, batch_size=20, epochs=100, shuffle=False, verbose=0)
    for _ in range(100):
        pieces = (x @ kernel + bias).reshape(20, 2, 3)
        z = pieces.max(1)
        error = 2 * (np.where(z > 0, z, slopes * z) - y) / y.size
        chosen = (pieces == z[:, None]) * (error * np.where(z > 0, 1, slopes))[:, None]
        slopes -= 0.1 * (error * np.minimum(z, 0)).sum(0)
        kernel -= 0.1 * x.T @ chosen.reshape(20, 6)
        bias -= 0.1 * chosen.reshape(20, 6).sum(0)
    for found, expected in zip(model.get_weights(), (kernel, bias, slopes), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_maxout_of_two_pieces_is_the_absolute_value():
    layer = Maxout(1, use_bias=False)
    layer(X[:, :1])
    layer.set_weights([np.array([[1.0, -1.0]])])
    np.testing.assert_array_equal(layer(X[:, :1]).numpy(), np.abs(X[:, :1]))


# ---- Activity --------------------------------------------------------------------------------------------------------


def test_activity_is_part_of_the_loss():
    model = gm.Sequential([gm.Input((4,)), ActivityRegularization(l1=0.1, l2=0.01), Dense(2)])
    model.compile("sgd", "mse")
    y = RNG.normal(size=(5, 2)).astype(np.float32)
    expected = ((model.predict(X, verbose=0) - y) ** 2).mean() + (0.1 * np.abs(X).sum() + 0.01 * (X**2).sum()) / 5
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_activity_moves_weights_in_recorded_steps_as_in_eager_ones():
    def weights(run_eagerly: bool) -> list[np.ndarray]:
        gm.utils.set_random_seed(0)
        model = gm.Sequential([gm.Input((4,)), Dense(8), ActivityRegularization(l1=0.1), Dense(2)])
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        model.fit(np.tile(X, (8, 1)), np.zeros((40, 2)), batch_size=8, epochs=3, verbose=0)
        return model.get_weights()

    for a, b in zip(weights(False), weights(True), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- Complaints ------------------------------------------------------------------------------------------------------

MESSAGES = [
    (lambda: Softmax()(X, mask=np.ones((2, 4), bool)), ValueError,
     'softmax (layer "softmax"): each dimension of the mask must be 1 or that of the input, counted from the last. '
     "Received: input.shape=(5, 4), mask.shape=(2, 4)."),
    (lambda: Softmax()(X, mask=np.ones((1, 5, 4), bool)), ValueError,
     'softmax (layer "softmax"): each dimension of the mask must be 1 or that of the input, counted from the last. '
     "Received: input.shape=(5, 4), mask.shape=(1, 5, 4)."),
    (lambda: PReLU(shared_axes=0), ValueError,
     'p_re_lu (layer "p_re_lu"): shared_axes are positive integers, 1 for the first axis behind the batch. '
     "Received: shared_axes=0."),
    (lambda: PReLU(shared_axes=[1, 2])(X), ValueError,
     'prelu (layer "p_re_lu"): each axis of the input behind the batch must have a known length or be shared, and '
     "shared axes must exist. Received: input.shape=(None, 4), shared_axes=[1, 2]."),
    (lambda: PReLU()(gm.Input((None, 3))), ValueError,
     'prelu (layer "p_re_lu"): each axis of the input behind the batch must have a known length or be shared, and '
     "shared axes must exist. Received: input.shape=(None, None, 3), shared_axes=None."),
    (lambda: Maxout(3, pieces=0), ValueError,
     'maxout (layer "maxout"): pieces must be a positive integer. Received: pieces=0.'),
    (lambda: Maxout(0), ValueError,
     'maxout (layer "maxout"): units must be a positive integer, the number of outputs. Received: units=0.'),
    (lambda: ActivityRegularization(l1=-1), ValueError,
     "L1L2: l1 must be a finite number that is not negative. Received: l1=-1."),
]  # fmt: skip


@pytest.mark.parametrize(("action", "error", "message"), MESSAGES)
def test_messages(action, error, message):
    with pytest.raises(error, match=exactly(message)):
        action()


def test_a_built_prelu_refuses_other_shapes():
    layer = PReLU()
    layer(X)
    message = 'prelu (layer "p_re_lu"): the input does not fit the slopes the layer was built with. Received: '
    with pytest.raises(ValueError, match=exactly(f"{message}input.shape=(5, 3), alpha.shape=(4,).")):
        layer(X[:, :3])


def test_maxout_has_no_activation():
    with pytest.raises(TypeError, match=r"^Maxout has no argument 'activation'\."):
        Maxout(3, activation="relu")
