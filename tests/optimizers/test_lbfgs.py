"""L-BFGS: against SciPy, on models, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule import ops
from gemmule.errors import NonFiniteError
from gemmule.optimizers.line_search import Trial, WolfeSearch, cubic_minimum
from tests.helpers import exactly, threads

RNG = np.random.default_rng(12)
X = RNG.normal(size=(300, 8)).astype(np.float32)
LABELS = (X @ RNG.normal(size=8) + RNG.normal(size=300) > 0).astype(np.float32)[:, None]


# ---- Functions, and SciPy --------------------------------------------------------------------------------------------


def rosenbrock(w):
    a, b = w[:-1], w[1:]
    return ops.sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2)


CURVATURES = np.geomspace(1e-2, 1e2, 40)
ROTATION = np.linalg.qr(RNG.normal(size=(40, 40)))[0]


def quadratic(w):
    return 0.5 * ops.sum(CURVATURES * (ops.matmul(ROTATION, w[:, None])[:, 0] - 1.0) ** 2)


def logistic(w):
    z = ops.matmul(X.astype(np.float64), w[:-1, None])[:, 0] + w[-1]
    y = LABELS[:, 0].astype(np.float64)
    return ops.mean(ops.softplus(z) - y * z) + 0.005 * ops.sum(w * w)


PROBLEMS = {
    "rosenbrock": (rosenbrock, np.array([-1.2, 1.0])),
    "rosenbrock of 10": (rosenbrock, np.tile([-1.2, 1.0], 5)),
    "quadratic": (quadratic, np.zeros(40)),
    "logistic": (logistic, np.zeros(9)),
    "quartic": (lambda w: ops.sum((w - 3.0) ** 4), np.array([-50.0, 0.0, 70.0])),
}


def with_gradient(function: Callable, evaluations: list) -> Callable:
    def compute(point: np.ndarray) -> tuple[float, np.ndarray]:
        w = gm.Variable(point)
        with gm.GradientTape() as tape:
            loss = function(w)
        evaluations.append(point.copy())
        return loss.item(), tape.gradient(loss, w).numpy()

    return compute


@pytest.mark.parametrize("name", PROBLEMS)
def test_scipy_finds_the_same_in_about_as_many_evaluations(name: str) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is the oracle")
    function, start = PROBLEMS[name]
    evaluations: list = []
    tolerances = {"gtol": 1e-9, "ftol": 0.0, "maxiter": 1000, "maxcor": 10}
    expected = optimize.minimize(
        with_gradient(function, evaluations), start, jac=True, method="L-BFGS-B", options=tolerances
    )
    w = gm.Variable(start.copy())
    result = gm.optimizers.LBFGS(1000, tolerance_gradient=1e-9, tolerance_change=0.0).minimize(lambda: function(w), [w])
    assert result.loss <= expected.fun + 1e-13
    np.testing.assert_allclose(w.numpy(), expected.x, rtol=0, atol=3e-3 if name == "quartic" else 1e-6)
    assert result.evaluations <= 1.3 * len(evaluations) + 5
    assert result.losses == sorted(result.losses, reverse=True)
    assert len(result.losses) == result.iterations + 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rosenbrock(dtype: str) -> None:
    w = gm.Variable(np.array([-1.2, 1.0], dtype))
    optimizer = gm.optimizers.LBFGS()
    result = optimizer.minimize(lambda: rosenbrock(w), [w])
    assert result.converged
    np.testing.assert_allclose(w.numpy(), [1, 1], atol=1e-3 if dtype == "float32" else 1e-6)
    assert result.loss == rosenbrock(w).item()
    assert int(optimizer.iterations) == result.iterations < 60


def test_a_quadratic_needs_few_steps() -> None:
    w, b = gm.Variable(np.zeros(3)), gm.Variable(np.zeros((2, 2)))
    target = np.array([1.0, -2.0, 3.0])

    def function():
        return ops.sum((w - target) ** 2) + 3.0 * ops.sum((b - 1.0) ** 2)

    result = gm.optimizers.LBFGS(tolerance_gradient=1e-10, tolerance_change=0.0).minimize(function, [w, b])
    assert result.iterations <= 9
    np.testing.assert_allclose(w.numpy(), target, atol=1e-9)
    np.testing.assert_allclose(b.numpy(), np.ones((2, 2)), atol=1e-9)
    assert (result.message, result.converged) == ("the gradient is within tolerance_gradient", True)
    assert result.gradient_norm <= 1e-10


def test_each_step_fulfils_the_strong_wolfe_conditions() -> None:
    w = gm.Variable(np.array([-1.2, 1.0, 0.4]))
    compute = with_gradient(rosenbrock, [])
    for iterations in range(1, 25):
        w.assign(np.array([-1.2, 1.0, 0.4]))
        gm.optimizers.LBFGS(iterations - 1 or 1).minimize(lambda: rosenbrock(w), [w])
        before = w.numpy() if iterations > 1 else np.array([-1.2, 1.0, 0.4])
        w.assign(np.array([-1.2, 1.0, 0.4]))
        gm.optimizers.LBFGS(iterations).minimize(lambda: rosenbrock(w), [w])
        moved = w.numpy() - before
        (loss, gradient), (loss_2, gradient_2) = compute(before), compute(w.numpy())
        slope = gradient @ moved
        assert slope < 0
        assert loss_2 <= loss + 1e-4 * slope + 1e-12
        assert abs(gradient_2 @ moved) <= -0.9 * slope * (1 + 1e-9)


# ---- The line search -------------------------------------------------------------------------------------------------


def search(function: Callable[[float], tuple[float, float]], first: float, most: int = 20) -> tuple[Trial | None, int]:
    tried = []

    def probe(step: float) -> Trial:
        tried.append(step)
        return Trial(step, *function(step), np.zeros(1), np.zeros(1))

    found = WolfeSearch(probe, probe(0.0), 1e-4, 0.1, 0.0, most).run(first)
    return found, len(tried) - 1


def more_thuente_1(t: float, beta: float = 2.0) -> tuple[float, float]:
    """Moré and Thuente, "Line search algorithms with guaranteed sufficient decrease", 1994, (5.1)."""
    return -t / (t * t + beta), (t * t - beta) / (t * t + beta) ** 2


def more_thuente_2(t: float, beta: float = 0.004) -> tuple[float, float]:
    return (t + beta) ** 5 - 2 * (t + beta) ** 4, 5 * (t + beta) ** 4 - 8 * (t + beta) ** 3


@pytest.mark.parametrize("function", [more_thuente_1, more_thuente_2])
@pytest.mark.parametrize("first", [1e-3, 0.1, 10.0, 1e3])
def test_line_search_from_near_and_far(function: Callable, first: float) -> None:
    found, count = search(function, first)
    loss, slope = function(0.0)
    assert found is not None
    assert found.loss <= loss + 1e-4 * found.step * slope
    assert abs(found.slope) <= -0.1 * slope
    assert count <= 13


def test_line_search_past_a_wall() -> None:
    """Beyond 1e-3 the function is not finite."""
    found, count = search(lambda t: ((t - 5e-4) ** 2, 2 * (t - 5e-4)) if t < 1e-3 else (math.nan, math.nan), 1.0)
    assert found is not None
    assert found.step == pytest.approx(5e-4, rel=0.2)
    assert count < 12


def test_line_search_without_success() -> None:
    assert search(lambda t: (t, -1.0), 1.0) == (None, 20)  # the slope is a lie
    found, count = search(lambda t: (-t, -1.0), 1.0, most=5)  # without a lower end
    assert found is not None
    assert count == 5
    assert found.step > 100


def test_minimum_of_a_cubic() -> None:
    def trial(t: float) -> Trial:
        return Trial(t, t**3 - 3 * t, 3 * t * t - 3, np.zeros(1), np.zeros(1))

    assert cubic_minimum(trial(0.0), trial(3.0)) == pytest.approx(1.0)
    assert cubic_minimum(trial(3.0), trial(0.5)) == pytest.approx(1.0)
    flat = Trial(1.0, 1.0, 1.0, np.zeros(1), np.zeros(1))
    assert not math.isfinite(cubic_minimum(flat._replace(step=0.0, loss=0.0), flat))


# ---- Models ----------------------------------------------------------------------------------------------------------


def classifier(**settings: object) -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(7)
    model = gm.Sequential([gm.Input((8,)), gm.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=gm.optimizers.LBFGS(**settings), loss="binary_crossentropy")
    return model


def deep() -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(7)
    model = gm.Sequential([
        gm.Input((8,)), gm.layers.Dense(12), gm.layers.BatchNormalization(), gm.layers.Activation("tanh"),
        gm.layers.Dropout(0.5), gm.layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    model.compile(optimizer=gm.optimizers.LBFGS(max_iterations=15), loss="binary_crossentropy")
    return model


def log_loss(point: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    x, y = X.astype(np.float64), LABELS[:, 0].astype(np.float64)
    z = x @ point[:8] + point[8]
    d = weights * (1 / (1 + np.exp(-z)) - y) / len(y)
    return float(np.mean(weights * (np.logaddexp(0, z) - y * z))), np.append(x.T @ d, d.sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_regression_as_scipy(weighted: bool) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is the oracle")
    weights = RNG.uniform(0.2, 2.0, 300) if weighted else np.ones(300)
    point, loss, _ = optimize.fmin_l_bfgs_b(log_loss, np.zeros(9), args=(weights,), pgtol=1e-8, factr=10)
    model = classifier(tolerance_gradient=1e-6)
    result = model.optimizer.minimize(model, X, LABELS, sample_weight=weights if weighted else None, batch_size=77)
    assert result.loss == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(np.append(*map(np.ravel, model.get_weights())), point, atol=2e-4)
    assert result.evaluations < 40


def test_the_loss_is_that_of_evaluate() -> None:
    model = deep()
    before = model.evaluate(X, LABELS, verbose=0)
    statistics = [v.numpy() for v in model.non_trainable_variables]
    result = model.optimizer.minimize(model, X, LABELS)
    assert result.losses[0] == pytest.approx(before, rel=1e-6)
    assert result.loss == pytest.approx(model.evaluate(X, LABELS, verbose=0), rel=1e-5)
    assert result.loss < 0.25 * before
    assert result.iterations == 15
    assert (result.converged, result.message) == (False, "max_iterations=15 were made")
    for variable, values in zip(model.non_trainable_variables, statistics):
        np.testing.assert_array_equal(variable.numpy(), values)


def test_replay_threads_and_repetition_change_no_bit() -> None:
    results = []
    for eagerly, count in ((True, 1), (False, 1), (False, 2)):
        with threads(count):
            model = deep()
            model.run_eagerly, model.jit_compile = eagerly, "auto" if eagerly else True
            result = model.optimizer.minimize(model, X, LABELS, batch_size=64)
            results.append((result, model.get_weights()))
    for result, weights in results[1:]:
        assert result == results[0][0]
        for one, two in zip(weights, results[0][1]):
            np.testing.assert_array_equal(one, two)


def test_batches_change_no_more_than_rounding() -> None:
    losses = []
    for batch_size in (None, 300, 7, 1):
        model = deep()
        losses.append(model.optimizer.minimize(model, X, LABELS, batch_size=batch_size).losses[:5])
    np.testing.assert_allclose(losses, [losses[0]] * 4, rtol=1e-4)


def test_frozen_variables_stay() -> None:
    model = deep()
    model.layers[0].trainable = False
    model.compile(optimizer=gm.optimizers.LBFGS(max_iterations=5), loss="binary_crossentropy")
    before = model.get_weights()
    result = model.optimizer.minimize(model, X, LABELS)
    after = model.get_weights()
    assert result.losses[-1] < result.losses[0]
    changed = [not np.array_equal(one, two) for one, two in zip(before, after)]
    names = [variable.path for variable in model.weights]
    assert {name for name, c in zip(names, changed) if c} == {v.path for v in model.trainable_variables}
    kept, free = gm.Variable([1.0], trainable=False), gm.Variable([1.0])
    gm.optimizers.LBFGS().minimize(lambda: ops.sum((kept + free) ** 2), [kept, free])
    assert kept.numpy() == [1.0]
    np.testing.assert_allclose(free.numpy(), [-1.0], atol=1e-4)


def test_another_optimizer_goes_on_where_it_was() -> None:
    model = deep()
    model.compile(optimizer=gm.optimizers.Adam(0.01), loss="binary_crossentropy")
    model.fit(X, LABELS, epochs=2, verbose=0)
    loss = model.evaluate(X, LABELS, verbose=0)
    result = gm.optimizers.LBFGS(max_iterations=10).minimize(model, X, LABELS)
    assert result.losses[0] == pytest.approx(loss, rel=1e-6)
    assert int(model.optimizer.iterations) == 20
    model.fit(X, LABELS, epochs=1, verbose=0)


def test_regularized_and_several_outputs() -> None:
    gm.utils.set_random_seed(1)
    inputs = gm.Input((8,))
    hidden = gm.layers.Dense(5, activation="tanh", kernel_regularizer="l2")(inputs)
    model = gm.Model(inputs, [gm.layers.Dense(1)(hidden), gm.layers.Dense(2, activation="softmax")(hidden)])
    model.compile(gm.optimizers.LBFGS(20), loss=["mse", "sparse_categorical_crossentropy"], loss_weights=[1.0, 0.3])
    targets = [X[:, :1], LABELS[:, 0].astype(np.int32)]
    before = model.evaluate(X, targets, verbose=0)[0]
    result = model.optimizer.minimize(model, X, targets, batch_size=90)
    assert result.losses[0] == pytest.approx(before, rel=1e-5)
    assert result.loss == pytest.approx(model.evaluate(X, targets, verbose=0)[0], rel=1e-5)
    assert result.loss < 0.6 * before


# ---- Trouble ---------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_nan_far_out() -> None:
    w = gm.Variable(np.array([0.1, 0.2]))
    result = gm.optimizers.LBFGS().minimize(lambda: ops.sum(-ops.log(1.0 - w * w) + 3.0 * w), [w])  # NaN beyond 1
    assert result.converged
    expected = (1 - math.sqrt(10)) / 3  # 2 w / (1 - w²) = -3
    np.testing.assert_allclose(w.numpy(), [expected, expected], atol=1e-5)


def test_nan_at_the_start() -> None:
    w = gm.Variable([1.0])
    with pytest.raises(NonFiniteError, match=r"^The function or its gradient is not finite at the start, so that"):
        gm.optimizers.LBFGS().minimize(lambda: ops.sum(w * float("nan")), [w])
    assert w.numpy() == [1.0]
    model, bad = classifier(), X.copy()
    bad[17, 3] = np.nan
    before = model.get_weights()
    with pytest.raises(NonFiniteError, match=r"^The loss or its gradient is not finite at the start"):
        model.optimizer.minimize(model, bad, LABELS)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert model.optimizer.minimize(model, X, LABELS).converged  # the model is free again


def test_an_interruption_leaves_the_last_step() -> None:
    w, count = gm.Variable(np.array([-1.2, 1.0])), 0

    def function():
        nonlocal count
        count += 1
        if count == 12:
            raise KeyboardInterrupt
        return rosenbrock(w)

    with pytest.raises(KeyboardInterrupt):
        gm.optimizers.LBFGS().minimize(function, [w])
    assert rosenbrock(w).item() < rosenbrock(gm.Variable(np.array([-1.2, 1.0]))).item() / 4


def test_steps_of_batches_are_refused() -> None:
    message = (
        "LBFGS works on all data at once: it cannot make the steps of fit(), train_on_batch() or apply_gradients(). "
        "Call model.optimizer.minimize(model, x, y)."
    )
    model = classifier()
    before = model.get_weights()[0]
    with pytest.raises(RuntimeError, match=exactly(message)):
        model.fit(X, LABELS, verbose=0)
    with pytest.raises(RuntimeError, match=exactly(message)):
        model.train_on_batch(X, LABELS)
    with pytest.raises(RuntimeError, match=exactly(message)):
        model.optimizer.apply_gradients([(np.zeros((8, 1), np.float32), model.trainable_variables[0])])
    np.testing.assert_array_equal(model.get_weights()[0], before)
    assert model.optimizer.minimize(model, X, LABELS).converged


def test_configuration() -> None:
    optimizer = gm.optimizers.LBFGS(max_iterations=7, c2=0.5)
    made = gm.optimizers.get({"class_name": "lbfgs", "config": optimizer.get_config()})
    assert made.get_config() == optimizer.get_config()
    assert (made.max_iterations, made.c2, made.name) == (7, 0.5, "lbfgs")
    assert isinstance(gm.optimizers.get("LBFGS"), gm.optimizers.LBFGS)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"max_iterations": 0}, "LBFGS: max_iterations must be a positive integer. Received: max_iterations=0."),
        ({"history_size": 2.5}, "LBFGS: history_size must be a positive integer. Received: history_size=2.5."),
        ({"c1": 0.95}, "LBFGS: c1 and c2 must be numbers with 0 < c1 < c2 < 1. Received: c1=0.95, c2=0.9."),
        ({"tolerance_change": -1.0}, "LBFGS: tolerances must be numbers from 0 on. Received: "
         "tolerance_gradient=1e-05, tolerance_change=-1.0."),
        ({"learning_rate": -1}, "LBFGS: learning_rate must be a finite number from 0 on. Received: learning_rate=-1."),
    ],
)  # fmt: skip
def test_arguments(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        gm.optimizers.LBFGS(**kwargs)


def test_what_cannot_be_minimized() -> None:
    optimizer, w = gm.optimizers.LBFGS(), gm.Variable([1.0])
    w.constraint = gm.constraints.NonNeg()
    with pytest.raises(ValueError, match="L-BFGS knows no constraints, but these variables have one: variable"):
        optimizer.minimize(lambda: ops.sum(w * w), [w])
    free = gm.Variable([1.0])
    for function, message in (
        (lambda: 3.0, "the function must return one number as a tensor"),
        (lambda: free, None),
        (lambda: free * [1.0, 2.0], "the function must return one number as a tensor"),
        (lambda: ops.sum(ops.ones(2)), "what the function returns does not depend on the variables"),
    ):
        if message:
            with pytest.raises(ValueError, match=message):
                optimizer.minimize(function, [free])
    with pytest.raises(ValueError, match="there is no trainable variable"):
        optimizer.minimize(lambda: ops.sum(free), [])
    with pytest.raises(ValueError, match="a function comes with a list of its variables"):
        optimizer.minimize(lambda: ops.sum(free), [1.0])
    with pytest.raises(ValueError, match="takes a compiled model and data, or a function and variables"):
        optimizer.minimize(3, X, LABELS)
    with pytest.raises(ValueError, match="variables are for functions; freeze those of a model that shall stay"):
        optimizer.minimize(classifier(), X, LABELS, variables=[free])
    with pytest.raises(RuntimeError, match=r"minimize\(\) needs a compiled model"):
        optimizer.minimize(gm.Sequential([gm.layers.Dense(1)]), X, LABELS)
    with pytest.raises(ValueError, match="batch_size must be a positive integer or None"):
        optimizer.minimize(classifier(), X, LABELS, batch_size=0)

    class Own(gm.Sequential):
        def train_step(self, data):
            return {}

    own = Own([gm.Input((8,)), gm.layers.Dense(1)])
    own.compile(optimizer=optimizer, loss="mse")
    with pytest.raises(ValueError, match="does not call the train_step of your model, only its compute_loss"):
        optimizer.minimize(own, X, LABELS)
