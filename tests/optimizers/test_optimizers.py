"""Hyper-parameters, slots and complaints of optimizers."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import GemmuleWarning
from gemmule.store import pack
from gemmule.tensor import Variable
from tests.helpers import exactly


def small_model(optimizer: object) -> gm.Sequential:
    gm.utils.set_random_seed(1)
    model = gm.Sequential([gm.Input((6,)), gm.layers.Dense(8, activation="tanh"), gm.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse")
    return model


RNG = np.random.default_rng(3)
X = RNG.normal(size=(96, 6)).astype(np.float32)
Y = X[:, :1] * 2 + 1


class Warmup(gm.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate.numpy() * 1.1


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_learning_rate_set_in_a_batch_callback_reaches_recorded_steps(name: str) -> None:
    weights = []
    for eagerly in (True, False):
        gm.utils.clear_session()
        model = small_model(name)
        model.run_eagerly = eagerly
        model.fit(X, Y, batch_size=16, epochs=3, verbose=0, callbacks=[Warmup()])
        weights.append(model.get_weights())
        start = 0.01 if name == "sgd" else 0.001
        assert model.optimizer.learning_rate == pytest.approx(start * 1.1**18, rel=1e-5)
    for eager, replayed in zip(*weights):
        np.testing.assert_array_equal(eager, replayed)
    gm.utils.clear_session()
    constant = small_model(name)
    constant.fit(X, Y, batch_size=16, epochs=3, verbose=0)
    assert not np.array_equal(constant.get_weights()[0], weights[0][0])


def test_momentum_and_betas_are_read_in_every_step() -> None:
    optimizer = gm.optimizers.SGD(0.5, momentum=0.5)
    w = Variable(np.zeros(1, np.float32))
    optimizer.apply_gradients([(np.ones(1, np.float32), w)])
    optimizer.momentum = 0.0
    optimizer.learning_rate = 2.0
    optimizer.apply_gradients([(np.ones(1, np.float32), w)])
    assert w.numpy() == pytest.approx([-2.5])
    adam = gm.optimizers.Adam()
    adam.beta_1, adam.beta_2, adam.epsilon = 0.1, 0.2, 0.3
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.1, 0.2, 0.3)
    np.testing.assert_array_equal(adam.hyper, [0.001, 0.1, 0.2, 0.3])


def test_learning_rate_reads_as_a_float() -> None:
    optimizer = gm.optimizers.Adam(learning_rate=0.25)
    assert isinstance(optimizer.learning_rate, float)
    assert optimizer.learning_rate == 0.25
    assert f"{optimizer.learning_rate:.3f}" == "0.250"
    assert optimizer.learning_rate.numpy() == np.float32(0.25)
    assert repr(optimizer) == "<Adam learning_rate=0.25, beta_1=0.9, beta_2=0.999, epsilon=1e-07>"


def test_slots_follow_their_variables_into_a_run() -> None:
    def step(optimizer: gm.optimizers.Optimizer, variables: list[Variable], times: int) -> None:
        for _ in range(times):
            optimizer.apply_gradients([(np.full(v.shape, 0.3, np.float32), v) for v in variables])

    results = []
    for packs in (False, True):
        optimizer = gm.optimizers.Adam(0.1)
        variables = [Variable(np.ones(n, np.float32)) for n in (3, 20)]
        step(optimizer, variables, 3)
        if packs:
            (run,) = pack(variables)
            optimizer.build_run(run)
            optimizer.build_run(run)  # the second time changes nothing
        step(optimizer, variables, 3)
        results.append([v.numpy() for v in variables])
    for plain, packed in zip(*results):
        np.testing.assert_array_equal(plain, packed)


def test_frozen_segments_are_left_alone() -> None:
    variables = [Variable(np.ones(20, np.float32)) for _ in range(4)]
    (run,) = pack(variables)
    optimizer = gm.optimizers.SGD(1.0, momentum=0.9)
    optimizer.build_run(run)
    gradients = gm.memory.persistent(run.array.shape, "float32")
    gradients[...] = 1
    optimizer.update_run(run, gradients, run.segments([variables[0], variables[2], variables[3]]))
    assert [float(v.numpy()[0]) for v in variables] == [0, 1, 0, 0]


def test_recompiling_with_the_same_optimizer_keeps_its_state() -> None:
    model = small_model(gm.optimizers.Adam())
    model.fit(X, Y, epochs=1, verbose=0)
    optimizer = model.optimizer
    before = [slot.copy() for slot in optimizer._runs[next(iter(optimizer._runs))][1]]
    model.compile(optimizer=optimizer, loss="mae")
    model.fit(X, Y, epochs=1, verbose=0)
    assert int(optimizer.iterations) == 6
    assert all(np.any(slot) for slot in before)


def test_apply_takes_two_lists() -> None:
    w = Variable([1.0])
    optimizer = gm.optimizers.SGD(0.5)
    optimizer.build([w])
    optimizer.apply([np.ones(1, np.float32)])
    optimizer.apply([np.ones(1, np.float32)], [w])
    assert w.numpy() == [0.0]
    message = "apply() needs one gradient for each variable. Received: grads=2, variables=1."
    with pytest.raises(ValueError, match=exactly(message)):
        optimizer.apply([1, 2])


def test_gradients_that_are_missing() -> None:
    used, unused = Variable([1.0], name="used"), Variable([1.0], name="unused")
    optimizer = gm.optimizers.SGD(0.5)
    message = "The loss does not depend on these variables, which are not updated: unused."
    with pytest.warns(GemmuleWarning, match=exactly(message)):
        optimizer.apply_gradients([(np.ones(1, np.float32), used), (None, unused)])
    assert (used.numpy(), unused.numpy()) == (0.5, 1.0)
    message = (
        "There is no gradient for any variable: used. Compute the loss inside the GradientTape block, with gm.ops, "
        "from these variables."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        optimizer.apply_gradients([(None, used)])
    message = (
        'The gradient of variable "used" does not have its shape. Received: '
        "gradient=<ndarray shape=(2,) dtype=float32>, variable=<Variable shape=(1,) dtype=float32>."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        optimizer.apply_gradients([(np.ones(2, np.float32), used)])


SCALARS = [
    ("SGD", {"learning_rate": -0.1}, "SGD: learning_rate must be a finite number from 0 on. "
     "Received: learning_rate=-0.1."),
    ("SGD", {"learning_rate": "fast"}, "SGD: learning_rate must be a finite number from 0 on. "
     "Received: learning_rate='fast'."),
    ("SGD", {"learning_rate": float("nan")}, "SGD: learning_rate must be a finite number from 0 on. "
     "Received: learning_rate=nan."),
    ("SGD", {"learning_rate": float("inf")}, "SGD: learning_rate must be a finite number from 0 on. "
     "Received: learning_rate=inf."),
    ("SGD", {"learning_rate": True}, "SGD: learning_rate must be a finite number from 0 on. "
     "Received: learning_rate=True."),
    ("SGD", {"momentum": 1.0}, "SGD: momentum must be a finite number from 0 on and below 1. Received: momentum=1.0."),
    ("SGD", {"momentum": -1}, "SGD: momentum must be a finite number from 0 on and below 1. Received: momentum=-1."),
    ("Adam", {"beta_1": 1}, "Adam: beta_1 must be a finite number from 0 on and below 1. Received: beta_1=1."),
    ("Adam", {"beta_2": 1.5}, "Adam: beta_2 must be a finite number from 0 on and below 1. Received: beta_2=1.5."),
    ("Adam", {"epsilon": -1e-7}, "Adam: epsilon must be a finite number from 0 on. Received: epsilon=-1e-07."),
    ("Adam", {"lr": 0.1}, "Adam: the argument is called learning_rate: Adam(learning_rate=0.1)."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "message"), SCALARS)
def test_scalars_that_make_no_sense(name: str, kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        getattr(gm.optimizers, name)(**kwargs)
    ((argument, value),) = kwargs.items()
    if argument != "lr":
        with pytest.raises(ValueError, match=exactly(message)):
            setattr(getattr(gm.optimizers, name)(), argument, value)


def test_momentum_cannot_be_switched_on_later() -> None:
    optimizer = gm.optimizers.SGD(0.1)
    optimizer.momentum = 0.5
    optimizer.momentum = 0.0
    optimizer.apply_gradients([(np.ones(1, np.float32), Variable([1.0]))])
    message = (
        "SGD: momentum cannot be set after training began without it, because no velocities were kept. Make the "
        "optimizer with it: SGD(momentum=...), and compile again. Received: momentum=0.9."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        optimizer.momentum = 0.9


def test_unknown_arguments() -> None:
    message = (
        "Adam has no argument 'beta1'. Did you mean 'beta_1' or 'beta_2'? "
        "Known: beta_1, beta_2, epsilon, learning_rate, name."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        gm.optimizers.Adam(beta1=0.9)


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("SGD", {"weight_decay": 0.1}),
        ("SGD", {"clipnorm": 1.0}),
        ("Adam", {"clipvalue": 1.0}),
        ("Adam", {"global_clipnorm": 1.0}),
        ("Adam", {"use_ema": True}),
        ("Adam", {"amsgrad": True}),
        ("Adam", {"gradient_accumulation_steps": 2}),
    ],
)
def test_not_yet(name: str, kwargs: dict) -> None:
    ((argument, value),) = kwargs.items()
    shown = value if argument == "amsgrad" else "..."
    message = f"{name}({argument}={shown}) is not supported yet. Leave it at its default."
    with pytest.raises(NotImplementedError, match=exactly(message)):
        getattr(gm.optimizers, name)(**kwargs)


def test_schedules_come_later() -> None:
    message = "A schedule or function as learning_rate is not supported yet. Leave it at its default."
    with pytest.raises(NotImplementedError, match=exactly(message)):
        gm.optimizers.SGD(lambda: 0.1)


def test_get() -> None:
    assert isinstance(gm.optimizers.get("Adam"), gm.optimizers.Adam)
    assert isinstance(gm.optimizers.get("SGD"), gm.optimizers.SGD)
    assert isinstance(gm.optimizers.get(gm.optimizers.SGD), gm.optimizers.SGD)
    made = gm.optimizers.get({"class_name": "SGD", "config": {"learning_rate": 0.5, "nesterov": True}})
    assert made.get_config() == {"name": "SGD", "learning_rate": 0.5, "momentum": 0.0, "nesterov": True}
    assert type(made).from_config(made.get_config()).get_config() == made.get_config()
    assert gm.optimizers.get(made) is made
    with pytest.raises(ValueError, match=exactly("Unknown optimizer 'adm'. Did you mean 'adam'? Known: adam, sgd.")):
        gm.optimizers.get("adm")
    message = "An optimizer is a name, as 'adam', or an Optimizer object. Received: 3."
    with pytest.raises(TypeError, match=exactly(message)):
        gm.optimizers.get(3)


# (name, default) in Keras 3's order.
LATER = [
    ("weight_decay", None),
    ("clipnorm", None),
    ("clipvalue", None),
    ("global_clipnorm", None),
    ("use_ema", False),
    ("ema_momentum", 0.99),
    ("ema_overwrite_frequency", None),
    ("loss_scale_factor", None),
    ("gradient_accumulation_steps", None),
]
SIGNATURES = {
    "SGD": [("learning_rate", 0.01), ("momentum", 0.0), ("nesterov", False), *LATER, ("name", "SGD")],
    "Adam": [
        ("learning_rate", 0.001),
        ("beta_1", 0.9),
        ("beta_2", 0.999),
        ("epsilon", 1e-07),
        ("amsgrad", False),
        *LATER,
        ("name", "adam"),
    ],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_keras(name: str) -> None:
    parameters = inspect.signature(getattr(gm.optimizers, name)).parameters.values()
    found = [(p.name, p.default) for p in parameters if p.kind is not p.VAR_KEYWORD]
    assert found == SIGNATURES[name]
