"""`gm.random`: distributions, seeds, and generators inside recorded steps."""

from __future__ import annotations

import doctest
import re

import numpy as np
import pytest

import gemmule as gm
from gemmule.ops import sampling

DRAW = {
    "normal": lambda seed: gm.random.normal((4, 3), 1.0, 2.0, seed=seed),
    "truncated_normal": lambda seed: gm.random.truncated_normal((4, 3), seed=seed),
    "uniform": lambda seed: gm.random.uniform((4, 3), -1, 2, seed=seed),
    "randint": lambda seed: gm.random.randint((40,), 5, 90, seed=seed),
    "shuffle": lambda seed: gm.random.shuffle(np.arange(40), seed=seed),
    "categorical": lambda seed: gm.random.categorical(np.zeros((4, 50)), 9, seed=seed),
    "dropout": lambda seed: gm.random.dropout(np.ones((9, 9), np.float32), 0.5, seed=seed),
}


@pytest.mark.parametrize("name", DRAW)
def test_seeds(name: str) -> None:
    draw = DRAW[name]
    np.testing.assert_array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))
    first, second = gm.random.SeedGenerator(3), gm.random.SeedGenerator(3)
    one = draw(first)
    np.testing.assert_array_equal(one, draw(3))
    assert not np.array_equal(draw(first), one)
    np.testing.assert_array_equal(one, draw(second))
    gm.utils.set_random_seed(1)
    shared = [draw(None).numpy(), draw(None).numpy()]
    assert not np.array_equal(*shared)
    gm.utils.set_random_seed(1)
    np.testing.assert_array_equal(draw(None), shared[0])
    with gm.use_backend("reference"):
        np.testing.assert_allclose(draw(None), shared[1], rtol=1e-6)


def test_distributions() -> None:
    normal = gm.random.normal((100_000,), 1.0, 2.0, seed=1).numpy()
    assert normal.dtype == np.float32
    assert abs(normal.mean() - 1) < 0.03
    assert abs(normal.std() - 2) < 0.03
    assert np.abs(gm.random.truncated_normal((10_000,), 0.0, 3.0, seed=1).numpy()).max() <= 6
    uniform = gm.random.uniform((100_000,), -1.0, 3.0, dtype="float64", seed=1).numpy()
    assert uniform.dtype == np.float64
    assert abs(uniform.mean() - 1) < 0.03
    counts = np.bincount(gm.random.randint((60_000,), -2, 4, seed=1).numpy() + 2)
    assert len(counts) == 6
    assert np.abs(counts - 10_000).max() < 500
    classes = gm.random.categorical(np.log([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0 + 1e-30]]), 50_000, "int64", seed=1).numpy()
    shares = [np.bincount(row, minlength=3) / 50_000 for row in classes]
    np.testing.assert_allclose(shares, [[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], atol=0.01)


def test_dropout_repeats_its_pattern_and_keeps_the_gradient() -> None:
    x = gm.Variable(np.ones((6, 5, 4), np.float32))
    with gm.GradientTape() as tape:
        y = gm.random.dropout(x, 0.25, noise_shape=(None, 1, 4), seed=2)
    values = y.numpy()
    assert (values == values[:, :1]).all()
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    np.testing.assert_array_equal(tape.gradient(y, x), values)


class Noise(gm.Layer):
    """Adds noise from a generator of its own, and from the shared one."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = gm.random.SeedGenerator(7)

    def call(self, inputs):
        shape = gm.ops.shape(inputs)
        return inputs + gm.random.normal(shape, seed=self.generator) + gm.random.uniform(shape)


def trained(run_eagerly: bool) -> list[np.ndarray]:
    gm.utils.set_random_seed(5)
    model = gm.Sequential([gm.Input((3,)), Noise(), gm.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=run_eagerly, jit_compile=not run_eagerly)
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(64, 3)), rng.normal(size=(64, 1)), epochs=3, batch_size=8, verbose=0)
    return model.get_weights()


def test_replay_draws_what_eager_steps_draw() -> None:
    for eager, replayed in zip(trained(True), trained(False), strict=True):
        np.testing.assert_array_equal(eager, replayed)


@pytest.mark.parametrize("name", sampling.__all__)
def test_docstrings(name: str) -> None:
    function = getattr(gm.random, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs={"gm": gm})
    runner = doctest.DocTestRunner()
    assert not runner.run(example).failed
    assert all(part in function.__doc__ for part in ("Args:", "Returns:", "Raises:"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gm.random.normal((2,), dtype="int32"), "normal: gives floats; gm.random.randint gives integers"),
        (lambda: gm.random.randint((2,), 3, 3), "minval must be less than maxval"),
        (lambda: gm.random.dropout([1.0], 1.0), "rate must be a number from 0 up to, but without, 1"),
        (lambda: gm.random.uniform((2,), seed=-1), "A seed is an integer from 0 to 2**63 - 1, or None"),
        (lambda: gm.random.categorical([1.0], 2), "logits have the shape (batch, classes)"),
        (lambda: gm.random.shuffle([1.0], axis=1), "axis must be an integer from -1 to 0"),
    ],
)
def test_mistakes_are_explained(call, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_unknown_names_list_the_near_ones() -> None:
    with pytest.raises(AttributeError, match=r"gm\.random has no function 'norml'\. Did you mean 'normal'"):
        gm.random.norml  # noqa: B018
