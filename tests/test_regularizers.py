"""Regularizers, constraints and the losses of layers: formulas, where they reach the training, replays."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from gemmule import constraints, ops, regularizers
from gemmule.layers import Conv2D, Dense, Dropout
from tests.helpers import assert_close, exactly, rng_for
from tests.oracles import make_regularizers

RNG = rng_for("regularizers")
W = RNG.normal(size=(5, 4))
X = RNG.normal(size=(12, 5)).astype(np.float32)
Y = RNG.normal(size=(12, 1)).astype(np.float32)


def orthogonal(w: np.ndarray, factor: float) -> float:
    """Mean over all pairs of rows of the absolute cosine, from pairs."""
    pairs = [(a, b) for i, a in enumerate(w) for b in w[:i]]
    return factor * np.mean([abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs])


FORMULAS = {
    "l1": (regularizers.L1(0.3), lambda w: 0.3 * np.abs(w).sum()),
    "l2": (regularizers.L2(0.3), lambda w: 0.3 * np.square(w).sum()),
    "l1_l2": (regularizers.L1L2(0.3, 0.2), lambda w: 0.3 * np.abs(w).sum() + 0.2 * np.square(w).sum()),
    "nothing": (regularizers.L1L2(), lambda w: 0.0),
    "rows": (regularizers.OrthogonalRegularizer(0.3), lambda w: orthogonal(w, 0.3)),
    "columns": (regularizers.OrthogonalRegularizer(0.3, mode="columns"), lambda w: orthogonal(w.T, 0.3)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_and_gradient_in_float64(name):
    regularizer, formula = FORMULAS[name]
    w = gm.Variable(W, dtype="float64")
    with gm.GradientTape() as tape:
        value = regularizer(w)
    assert value.shape == ()
    assert_close(value.array, np.float64(formula(W)), 1e-14)
    direction = RNG.normal(size=W.shape)
    gradient = tape.gradient(value, w, unconnected_gradients="zero").array
    slope = (formula(W + 1e-6 * direction) - formula(W - 1e-6 * direction)) / 2e-6
    assert abs((gradient * direction).sum() - slope) <= 1e-7 * max(abs(slope), 1.0)


def norms(w: np.ndarray, axis: object) -> np.ndarray:
    return np.sqrt(np.square(w).sum(axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=True))


CONSTRAINTS = {
    "non_neg": (constraints.NonNeg(), lambda w: np.maximum(w, 0)),
    "unit_norm": (constraints.UnitNorm(axis=1), lambda w: w / (1e-7 + norms(w, 1))),
    "max_norm": (
        constraints.MaxNorm(1.5),
        lambda w: w * (np.clip(norms(w, 0), 0, 1.5) / (1e-7 + norms(w, 0))),
    ),
    "min_max_norm": (
        constraints.MinMaxNorm(1.0, 1.8, rate=0.3, axis=[0, 1]),
        lambda w: (
            w * ((0.3 * np.clip(norms(w, [0, 1]), 1.0, 1.8) + 0.7 * norms(w, [0, 1])) / (1e-7 + norms(w, [0, 1])))
        ),
    ),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraint_formula_in_float64(name):
    constraint, formula = CONSTRAINTS[name]
    assert_close(constraint(gm.ops.convert_to_tensor(W)).array, formula(W), 1e-14)


@pytest.mark.parametrize("module", [regularizers, constraints])
def test_names_configurations_and_functions(module):
    found = FORMULAS if module is regularizers else CONSTRAINTS
    for one, formula in found.values():
        again = module.get(module.serialize(one))
        assert type(again) is type(one)
        assert again.get_config() == one.get_config()
        assert [module.get(one), module.get(formula), module.serialize(formula)] == [one, formula, formula]
    names = ["l1", "l2", "L2"] if module is regularizers else ["max_norm", "min_max_norm", "non_neg", "UnitNorm"]
    for name in names:
        assert type(module.get(name)) is getattr(module, name)
    assert module.get(None) is None


class Own(regularizers.Regularizer):
    def __call__(self, x):
        return ops.sum(x)


def test_classes_of_ones_own():
    config = regularizers.serialize(Own())
    assert type(regularizers.deserialize(config, custom_objects={"Own": Own})) is Own
    with gm.saving.CustomObjectScope({"Own": Own}):
        model = gm.Sequential([gm.Input((5,)), Dense(2, kernel_regularizer=Own())])
        clone = gm.models.clone_model(model)
    assert type(clone.layers[0].kernel.regularizer) is Own
    with pytest.raises(ValueError, match="Own"):
        regularizers.deserialize(config)


def test_the_name_l1_l2_means_something():
    for name in ("l1_l2", "l1l2"):
        assert regularizers.get(name).get_config() == {"l1": 0.01, "l2": 0.01}


REFUSED = [
    (lambda: regularizers.get("l3"), ValueError,
     "Unknown regularizer 'l3'. Known: l1, l1_l2, l1l2, l2, orthogonal, "
     "orthogonal_regularizer."),
    (lambda: regularizers.L2(-0.1), ValueError,
     "L2: l2 must be a finite number that is not negative. Received: l2=-0.1."),
    (lambda: regularizers.L1L2(l1=float("nan")), ValueError,
     "L1L2: l1 must be a finite number that is not negative. Received: l1=nan."),
    (lambda: regularizers.OrthogonalRegularizer(mode="row"), ValueError,
     "OrthogonalRegularizer: mode must be 'rows' or 'columns'. Received: mode='row'."),
    (lambda: regularizers.OrthogonalRegularizer()(np.zeros((2, 3, 4))), ValueError,
     "OrthogonalRegularizer takes a matrix, a kernel of Dense for example. Received: x=<Tensor shape=(2, 3, 4) "
     "dtype=float64>."),
    (lambda: regularizers.get(3), TypeError,
     "A regularizer is a name such as 'l1', a Regularizer, or a function of a tensor. Received: regularizer=3."),
    (lambda: regularizers.deserialize({"class_name": "L3"}), ValueError,
     "Unknown regularizer 'L3'. Known: L1, L1L2, L2, OrthogonalRegularizer."),
    (lambda: regularizers.Regularizer()(W), NotImplementedError, "Regularizer must define __call__(self, x)."),
    (lambda: constraints.get("maxnorm"), ValueError,
     "Unknown constraint 'maxnorm'. Did you mean 'max_norm' or 'min_max_norm'? Known: max_norm, "
     "min_max_norm, non_neg, unit_norm."),
    (lambda: constraints.MaxNorm(-1), ValueError,
     "MaxNorm: max_value must be a number that is not negative. Received: max_value=-1."),
    (lambda: constraints.MinMaxNorm(2.0, 1.0), ValueError,
     "MinMaxNorm: min_value must not be larger than max_value. Received: min_value=2.0, max_value=1.0."),
    (lambda: constraints.MinMaxNorm(rate=2), ValueError,
     "MinMaxNorm: rate must be a number from 0 to 1. Received: rate=2."),
    (lambda: constraints.UnitNorm(axis="rows"), ValueError,
     "UnitNorm: axis must be an integer, or several. Received: axis='rows'."),
    (lambda: Dense(1, name="d").add_loss(3.0), ValueError,
     '"d": add_loss takes tensors computed in call(), with gm.ops. Received: loss=3.0.'),
    (lambda: Dense(1, name="d").add_loss(gm.Input((3,))), ValueError,
     '"d": a symbolic tensor cannot be added to the loss. Compute the loss in call() of a Layer subclass, with '
     "self.add_loss(...), and call that layer on the tensor. Received: loss=<SymbolicTensor shape=(None, 3) "
     "dtype=float32>."),
]  # fmt: skip


@pytest.mark.parametrize(("action", "error", "message"), REFUSED)
def test_messages(action, error, message):
    with pytest.raises(error, match=exactly(message)):
        action()


# ---- Where they reach ------------------------------------------------------------------------------------------


class Costly(gm.layers.Layer):
    """Adds the mean square of what passes to the loss."""

    def call(self, inputs):
        self.add_loss(0.1 * ops.mean(ops.square(inputs)))
        return inputs


def network() -> gm.Model:
    gm.utils.set_random_seed(3)
    return gm.Sequential(
        [
            gm.Input((5,)),
            Dense(
                6, "tanh", kernel_regularizer="l2", bias_regularizer=regularizers.l1(0.02), activity_regularizer="l1"
            ),
            Costly(),
            Dropout(0.2),
            Dense(
                1, kernel_constraint=constraints.MaxNorm(0.5), kernel_regularizer=lambda w: 0.1 * ops.sum(ops.abs(w))
            ),
        ]
    )


def penalties(model: gm.Model, x: np.ndarray) -> float:
    """The same by NumPy, in inference."""
    w, b, v, _ = (w.astype(np.float64) for w in model.get_weights())
    hidden = np.tanh(x @ w + b)
    weights = 0.01 * np.square(w).sum() + 0.02 * np.abs(b).sum() + 0.1 * np.abs(v).sum()
    return weights + 0.01 * np.abs(hidden).sum() / len(x) + 0.1 * np.square(hidden).mean()


def test_losses_of_a_call():
    model = network()
    assert len(model.losses) == 3  # those of weights
    model(X)
    assert [len(model.losses), len(model.layers[0].losses)] == [5, 3]
    assert_close(float(sum(model.losses)), np.float64(penalties(model, X)), 1e-6)
    model(X[:4])  # the next call begins anew
    assert_close(float(sum(model.losses)), np.float64(penalties(model, X[:4])), 1e-6)
    model.predict(X, verbose=0)
    assert len(model.losses) == 5  # predictions leave none behind, and none are lost


def test_evaluate_includes_them_and_the_logs_too():
    model = network()
    model.compile("sgd", "mse")
    expected = np.square(model.predict(X, verbose=0) - Y).mean() + penalties(model, X)
    for _ in range(3):  # eager steps, then replayed ones
        assert_close(np.float64(model.evaluate(X, Y, batch_size=12, verbose=0)), np.float64(expected), 1e-5)
    assert len(model.losses) == 3


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_replays_equal_eager_steps_and_loops_of_ones_own(optimizer):
    found = {}
    for kind in ("eager", "replay", "loop"):
        model = network()
        model.compile(optimizer, "mse", run_eagerly=kind == "eager", jit_compile=kind == "replay" or "auto")
        if kind != "loop":
            losses = model.fit(X, Y, batch_size=4, epochs=4, shuffle=False, verbose=0).history["loss"]
        else:
            losses = [np.mean([train(model, X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]) for _ in range(4)]
        found[kind] = model.get_weights(), losses
    for kind in ("replay", "loop"):
        for one, other in zip(found["eager"][0], found[kind][0]):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(found["eager"][1], found[kind][1], rtol=1e-6)
    assert np.linalg.norm(found["replay"][0][2]) <= 0.5


def train(model: gm.Model, x: np.ndarray, y: np.ndarray) -> float:
    with gm.GradientTape() as tape:
        loss = gm.losses.mean_squared_error(y, model(x, training=True))
        loss = ops.mean(loss)
        for one in model.losses:
            loss = loss + one
    variables = model.trainable_variables
    model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return float(loss)


def test_shared_layers_count_weights_once_and_every_call():
    shared = Dense(5, kernel_regularizer="l2", activity_regularizer="l2", name="shared")
    inner_input = gm.Input((5,))
    inner = gm.Model(inner_input, Costly()(shared(inner_input)))
    x = gm.Input((5,))
    model = gm.Model(x, shared(inner(shared(x))))
    assert len(model.losses) == 1  # shapes are found without leaving losses behind
    model(X)
    assert [len(one.losses) for one in (model, inner, shared)] == [3 + 1 + 1, 3 + 1 + 1, 3 + 1]
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(X, X, epochs=3, verbose=0)
    assert len(model.losses) == 1


def test_frozen_weights_add_nothing():
    model = gm.Sequential([gm.Input((5,)), Dense(4, kernel_regularizer="l2"), Dense(1, kernel_regularizer="l2")])
    model.layers[0].trainable = False
    assert len(model.losses) == 1
    model.compile("sgd", "mse")
    frozen = model.evaluate(X, Y, verbose=0)
    for _ in range(2):
        model.evaluate(X, Y, verbose=0)
    model.layers[0].trainable = True
    assert model.evaluate(X, Y, verbose=0) > frozen + 1e-3


def test_a_training_step_keeps_to_what_compile_found():
    made = []
    for freeze in (False, True):
        model = network()
        model.compile("sgd", "mse")
        model.layers[0].trainable = not freeze
        model.fit(X, Y, epochs=3, verbose=0)
        made.append(model.get_weights())
    for one, other in zip(*made):
        np.testing.assert_array_equal(one, other)


def test_a_model_may_be_trained_by_the_losses_of_its_layers_alone():
    model = gm.Sequential([gm.Input((5,)), Dense(3), Costly()])
    model.compile("sgd")
    losses = model.fit(X, epochs=4, verbose=0).history["loss"]
    assert all(later < earlier for earlier, later in zip(losses, losses[1:]))


@pytest.mark.parametrize("change", ["object", "variable", "factor"])
def test_a_change_reaches_recorded_steps(change):
    model = gm.Sequential([gm.Input((5,)), Dense(1, kernel_regularizer=regularizers.L2(0.1))])
    model.compile("sgd", "mse")
    for _ in range(3):
        before = model.evaluate(X, Y, verbose=0)
    kernel = model.layers[0].kernel
    if change == "variable":
        kernel.regularizer = None
        factor = 0.0
    elif change == "object":
        kernel.regularizer = regularizers.L2(0.3)
        factor = 0.3
    else:
        kernel.regularizer.l2 = factor = 0.3
    expected = before + (factor - 0.1) * np.square(kernel.numpy()).sum()
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), expected, rtol=1e-5)


LAYERS = [
    ("Dense", {"units": 3}, (5,), ("kernel", "bias")),
    ("Conv1D", {"filters": 3, "kernel_size": 2}, (6, 2), ("kernel", "bias")),
    ("Conv2D", {"filters": 3, "kernel_size": 2}, (6, 5, 2), ("kernel", "bias")),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2}, (6, 5, 2), ("kernel", "bias")),
    ("DepthwiseConv2D", {"kernel_size": 2}, (6, 5, 2), ("depthwise", "bias")),
    ("SeparableConv2D", {"filters": 3, "kernel_size": 2}, (6, 5, 2), ("depthwise", "pointwise", "bias")),
    ("BatchNormalization", {}, (5,), ("beta", "gamma")),
    ("LayerNormalization", {}, (5,), ("beta", "gamma")),
    ("GroupNormalization", {"groups": 1}, (5,), ("beta", "gamma")),
]


@pytest.mark.parametrize(("name", "arguments", "shape", "weights"), LAYERS, ids=[row[0] for row in LAYERS])
def test_every_layer_takes_them(name, arguments, shape, weights):
    """All weights begin at -1 (norms are at least 1), so each penalty is the number of elements."""
    rules = {f"{weight}_regularizer": regularizers.L1(1.0) for weight in weights}
    rules |= {f"{weight}_initializer": gm.initializers.Constant(-1.0) for weight in weights}
    rules |= {f"{weight}_constraint": constraints.NonNeg() for weight in weights}
    layer = getattr(gm.layers, name)(**arguments, **rules, activity_regularizer="l2")
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    x = rng_for(name).normal(size=(4, *shape)).astype(np.float32)
    y = again(x)
    trained = again.trainable_weights
    assert len(trained) == len(weights)
    found = sorted(float(loss) for loss in again.losses)
    expected = sorted([0.01 * float(np.square(y.array).sum()) / 4, *(float(v.size) for v in trained)])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert all(isinstance(variable.constraint, constraints.NonNeg) for variable in trained)
    gm.optimizers.SGD(0.0).apply_gradients([(np.zeros(v.shape, np.float32), v) for v in trained])
    assert all((v.numpy() == 0).all() for v in trained)


BROKEN = [
    ({"kernel_regularizer": lambda w: None}, TypeError,
     'regularizer (layer "d"): what it returns for d/kernel must be a tensor, computed with gm.ops. Received: '
     "value=None."),
    ({"kernel_regularizer": lambda w: np.abs(w.numpy()).sum()}, TypeError,
     'regularizer (layer "d"): what it returns for d/kernel must be a tensor, computed with gm.ops. Received: '
     "value=<float32 shape=() dtype=float32>."),
    ({"activity_regularizer": lambda y: "much"}, TypeError,
     'regularizer (layer "d"): what it returns for the outputs must be a tensor, computed with gm.ops. Received: '
     "value='much'."),
    ({"bias_regularizer": "orthogonal"}, ValueError,
     "OrthogonalRegularizer takes a matrix, a kernel of Dense for example. Received: x=<Variable shape=(2,) "
     "dtype=float32>."),
    ({"kernel_constraint": constraints.MaxNorm(axis=[0, 2])}, ValueError,
     'max_norm (layer "d"): axis must name dimensions of the weight. Received: axis=[0, 2], w=<Variable shape=(5, 2) '
     "dtype=float32>."),
    ({"kernel_constraint": lambda w: ops.sum(w)}, ValueError,
     'constraint (layer "d"): it must keep the shape (5, 2) of d/kernel. Received: shape=().'),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "message"), BROKEN)
def test_what_cannot_work_is_refused_when_the_layer_is_built(arguments, error, message):
    layer = Dense(2, name="d", **arguments)
    with pytest.raises(error, match=exactly(message)):
        layer(X)


def test_unknown_ones_name_the_layer():
    with pytest.raises(TypeError, match=r'^dense \(layer "d"\): a regularizer is a name such as .* Received: '):
        Dense(1, kernel_regularizer=constraints.max_norm(1.0), name="d")
    with pytest.raises(ValueError, match=r'^conv2d \(layer "c"\): unknown constraint .max.\. Known: max_norm'):
        Conv2D(3, 3, kernel_constraint="max", name="c")


# ---- Keras's way -----------------------------------------------------------------------------------------------

KERAS = np.load(make_regularizers.HERE / "regularizers.npz")


@pytest.mark.parametrize("case", make_regularizers.CASES)
def test_training_goes_where_that_of_keras_goes(case):
    """20 steps and an evaluation after every fourth, each epoch with a smaller last batch."""
    gm.config.set_floatx("float64")
    data = {name: KERAS[name] for name in ("w1", "b1", "w2", "b2", "x", "y")}
    weights, losses = make_regularizers.trajectory(gm, case, data)
    assert_close(weights, KERAS[f"{case}/weights"], 1e-7)
    assert_close(losses, KERAS[f"{case}/losses"], 1e-7)
    plain = KERAS["max_norm/weights"] if case != "max_norm" else KERAS["l2/weights"]
    assert np.abs(KERAS[f"{case}/weights"] - plain).max() > 1e-3  # the cases differ by far more than the tolerance


def test_several_outputs_share_one_penalty():
    """As in Keras: the sum has it, the losses of the outputs have not."""
    x = gm.Input((5,))
    hidden = Dense(4, kernel_regularizer="l2")(x)
    model = gm.Model(x, [Dense(1, name="a")(hidden), Dense(1, name="b")(hidden)])
    model.compile("sgd", ["mse", "mae"], loss_weights=[0.5, 2.0])
    for _ in range(3):
        total, a, b = model.evaluate(X, [Y, Y], verbose=0)
        assert total == pytest.approx(0.5 * a + 2.0 * b + float(sum(model.losses)), rel=1e-6)


def test_the_reference_backend_goes_the_same_way():
    found = []
    for backend in ("native", "reference"):
        gm.use_backend(backend)
        model = network()
        model.compile("sgd", "mse")
        losses = model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
        found.append([*model.get_weights(), np.array(losses)])
    for one, other in zip(*found):
        assert_close(one, other, 1e-5)
