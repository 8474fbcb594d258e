"""Hyper-parameters, slots and complaints of optimizers."""

from __future__ import annotations

import inspect
from typing import Any

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
    targets = optimizer.targets_of_runs([(run, [variables[0], variables[2], variables[3]])])
    gradients = gm.memory.persistent(run.array.shape, "float32")
    gradients[...] = 1
    optimizer.step(targets, [gradients])
    assert [float(v.numpy()[0]) for v in variables] == [0, 1, 0, 0]


def test_recompiling_with_the_same_optimizer_keeps_its_state() -> None:
    model = small_model(gm.optimizers.Adam())
    model.fit(X, Y, epochs=1, verbose=0)
    optimizer = model.optimizer
    before = [slot.copy() for slot in optimizer._runs[next(iter(optimizer._runs))][1].arrays()]
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
        "Known: beta_1, beta_2, clipnorm, clipvalue, ema_momentum, epsilon, global_clipnorm, "
        "gradient_accumulation_steps, learning_rate, name, use_ema, weight_decay."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        gm.optimizers.Adam(beta1=0.9)


SETTINGS = [
    ("SGD", {"weight_decay": -0.1}, "SGD: weight_decay must be None or a finite number from 0 on. "
     "Received: weight_decay=-0.1."),
    ("Adam", {"clipnorm": 0}, "Adam: clipnorm must be None or a finite number above 0. Received: clipnorm=0."),
    ("Adam", {"clipvalue": "1"}, "Adam: clipvalue must be None or a finite number above 0. Received: clipvalue='1'."),
    ("Lion", {"ema_momentum": 1.5}, "Lion: ema_momentum must be None or a finite number from 0 on and below 1. "
     "Received: ema_momentum=1.5."),
    ("SGD", {"clipnorm": 1.0, "clipvalue": 2.0}, "SGD: only one kind of clipping can be used at a time. "
     "Received: clipnorm=1.0, clipvalue=2.0."),
    ("SGD", {"gradient_accumulation_steps": 1},
     "SGD: gradient_accumulation_steps must be None or an integer from 2 on. Received: gradient_accumulation_steps=1."),
    ("SGD", {"ema_overwrite_frequency": 0.5}, "SGD: ema_overwrite_frequency must be None or an integer from 1 on. "
     "Received: ema_overwrite_frequency=0.5."),
    ("SGD", {"loss_scale_factor": 2.0}, "SGD: loss_scale_factor is for mixed precision, which gemmule does not use. "
     "Received: loss_scale_factor=2.0."),
    ("SGD", {"decay": 0.1}, "SGD: the argument decay has become a schedule: SGD(gm.optimizers.schedules."
     "InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=0.1))."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "message"), SETTINGS)
def test_settings_that_make_no_sense(name: str, kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        getattr(gm.optimizers, name)(**kwargs)


def test_settings_can_be_changed_while_training() -> None:
    model = small_model(gm.optimizers.SGD(0.1, weight_decay=0.5, global_clipnorm=1.0))
    model.fit(X, Y, batch_size=32, epochs=1, verbose=0)
    model.optimizer.weight_decay, model.optimizer.learning_rate = 1.0, 1.0
    model.optimizer.global_clipnorm = 1e-30
    model.fit(X, Y, batch_size=96, epochs=1, verbose=0)  # one step, recorded before: all weights go, nothing comes
    assert max(np.abs(w).max() for w in model.get_weights()) < 1e-20
    message = (
        "SGD: global_clipnorm cannot be switched on or off after training began. Make the optimizer with it, and "
        "compile again."
    )
    with pytest.raises(RuntimeError, match=exactly(message)):
        model.optimizer.global_clipnorm = None


def test_variables_excluded_from_decay_and_multipliers() -> None:
    optimizer = gm.optimizers.SGD(0.5, weight_decay=1.0)
    kernel, bias, other = (Variable(np.ones(2, np.float32), name=name) for name in ("kernel", "bias", "other"))
    optimizer.exclude_from_weight_decay([other], ["^bi"])
    optimizer.set_learning_rate_multipliers({"": 1.0, "kernel": 0.5})
    zeros = np.zeros(2, np.float32)
    optimizer.apply_gradients([(zeros, kernel), (zeros, bias), (zeros, other)])
    assert [float(v.numpy()[0]) for v in (kernel, bias, other)] == [0.75, 1.0, 1.0]
    optimizer.apply_gradients([(zeros + 1, kernel), (zeros + 1, bias)])
    assert [float(v.numpy()[0]) for v in (kernel, bias)] == [0.3125, 0.5]
    with pytest.raises(RuntimeError, match="cannot be excluded from weight decay after training began"):
        optimizer.exclude_from_weight_decay(var_names=["x"])
    with pytest.raises(
        ValueError,
        match=exactly("SGD: a multiplier of the learning rate must be a finite number from 0 on. Received: x=-1."),
    ):
        gm.optimizers.SGD().set_learning_rate_multipliers({"x": -1})


def test_rules_for_names_that_no_variable_has_are_refused() -> None:
    def train(optimizer: gm.optimizers.Optimizer, multipliers: Any, excluded: dict[str, Any]) -> None:
        optimizer.set_learning_rate_multipliers(multipliers)
        optimizer.exclude_from_weight_decay(**excluded)
        small_model(optimizer).fit(X, Y, verbose=0)

    def refused(text: str, multipliers: Any = None, **excluded: Any) -> None:
        gm.utils.clear_session()
        optimizer = gm.optimizers.SGD(0.5, weight_decay=0.1)
        with pytest.raises((ValueError, TypeError), match=text):
            train(optimizer, {} if multipliers is None else multipliers, excluded)

    refused(
        "no variable has '\\^dense_9/' in its path, which was to have a learning rate .* Did you mean 'dense",
        {"^dense_9/": 2.0},
    )
    refused(
        "SGD: no variable has 'bais' in its path.* to have no weight decay. Did you mean 'bias'",
        var_names=["bais", "kernel"],
    )
    refused("SGD: no variable has 'gamma'", var_names=["gamma"])
    refused("are a dict of factors by patterns of names.* Received: factors=\\['bias'\\]", ["bias"])
    refused("var_names must be a list. Received: var_names='bias'", var_names="bias")
    refused("var_list has variables; patterns of names are var_names. Received: entry='bias'", var_list=["bias"])
    refused("regular expressions: .* Received: pattern='\\('", {"(": 2.0})
    optimizer = gm.optimizers.SGD(0.5, weight_decay=0.1)
    optimizer.set_learning_rate_multipliers({"bias": 2.0})
    with pytest.raises(ValueError, match="no variable has 'bias'"):
        optimizer.build([Variable(np.ones(2, np.float32), name="kernel")])
    optimizer = gm.optimizers.SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])  # a list for models of all kinds
    small_model(optimizer).fit(X, Y, verbose=0)


def test_one_gradient_accumulated_is_that_of_the_larger_batch() -> None:
    weights = []
    for size, steps in ((48, None), (16, 3)):
        model = small_model(gm.optimizers.Adam(0.01, gradient_accumulation_steps=steps))
        model.fit(X, Y, batch_size=size, epochs=4, shuffle=False, verbose=0)
        assert int(model.optimizer.iterations) == 8
        weights.append(model.get_weights())
    for large, accumulated in zip(*weights):
        np.testing.assert_allclose(large, accumulated, rtol=1e-5, atol=1e-6)


def test_averages_of_weights() -> None:
    model = small_model(gm.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    seen = []

    class Keep(gm.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights()[0].copy())

    model.fit(X, Y, batch_size=32, epochs=2, verbose=0, callbacks=[Keep()])
    average = seen[0]
    for weights in seen[1:]:
        average = 0.5 * average + 0.5 * weights
    np.testing.assert_allclose(model.get_weights()[0], average, rtol=1e-5)
    optimizer, variables = model.optimizer, model.trainable_variables
    before = [v.numpy() for v in variables]
    optimizer.swap_averages(variables)
    optimizer.swap_averages(variables)
    for variable, values in zip(variables, before):
        np.testing.assert_array_equal(variable.numpy(), values)
    with pytest.raises(
        ValueError,
        match=exactly("There are no moving averages. Make the optimizer with SGD(use_ema=True)."),
    ):
        gm.optimizers.SGD().swap_averages([])


class Falling(gm.optimizers.schedules.LearningRateSchedule):
    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, step):
        return self.start / (1.0 + gm.ops.cast(step, "float32"))

    def get_config(self):
        return {"start": self.start}


def test_schedules_are_followed_inside_recorded_steps() -> None:
    weights = []
    for eagerly in (True, False):
        gm.utils.clear_session()
        model = small_model(gm.optimizers.SGD(Falling(0.5), momentum=Falling(0.9)))
        model.run_eagerly = eagerly
        model.fit(X, Y, batch_size=16, epochs=3, verbose=0)
        assert model.optimizer.learning_rate == pytest.approx(0.5 / 19)
        assert model.optimizer.momentum == pytest.approx(0.9 / 19)
        weights.append(model.get_weights())
    for eager, replayed in zip(*weights):
        np.testing.assert_array_equal(eager, replayed)
    message = (
        "SGD: learning_rate follows a schedule and cannot be set to a number. Set it to another schedule, or make the "
        "optimizer with a number to steer it yourself. Received: learning_rate=0.1."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        model.optimizer.learning_rate = 0.1
    model.optimizer.learning_rate = Falling(0.0)
    before = model.get_weights()
    model.optimizer.momentum = Falling(0.0)
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    for one, two in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_a_function_is_no_schedule() -> None:
    with pytest.raises(TypeError, match="SGD: learning_rate must be a number or a schedule, an object"):
        gm.optimizers.SGD(lambda: 0.1)


def test_get() -> None:
    assert isinstance(gm.optimizers.get("Adam"), gm.optimizers.Adam)
    assert isinstance(gm.optimizers.get("SGD"), gm.optimizers.SGD)
    assert isinstance(gm.optimizers.get(gm.optimizers.SGD), gm.optimizers.SGD)
    made = gm.optimizers.get({"class_name": "SGD", "config": {"learning_rate": 0.5, "nesterov": True}})
    assert (made.learning_rate, made.nesterov, made.name) == (0.5, True, "SGD")
    assert type(made).from_config(made.get_config()).get_config() == made.get_config()
    assert gm.optimizers.get(made) is made
    with pytest.raises(ValueError, match=r"Unknown optimizer 'adm'\. Did you mean 'adam'"):
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
BETAS = [("learning_rate", 0.001), ("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-07)]
SIGNATURES = {
    "SGD": [("learning_rate", 0.01), ("momentum", 0.0), ("nesterov", False), *LATER, ("name", "SGD")],
    "Adam": [*BETAS, ("amsgrad", False), *LATER, ("name", "adam")],
    "AdamW": [BETAS[0], ("weight_decay", 0.004), *BETAS[1:], ("amsgrad", False), *LATER[1:], ("name", "adamw")],
    "Adamax": [*BETAS, *LATER, ("name", "adamax")],
    "Nadam": [*BETAS, *LATER, ("name", "nadam")],
    "Adagrad": [BETAS[0], ("initial_accumulator_value", 0.1), BETAS[3], *LATER, ("name", "adagrad")],
    "Adadelta": [BETAS[0], ("rho", 0.95), BETAS[3], *LATER, ("name", "adadelta")],
    "RMSprop": [
        BETAS[0], ("rho", 0.9), ("momentum", 0.0), BETAS[3], ("centered", False), *LATER, ("name", "rmsprop"),
    ],
    "Lion": [BETAS[0], BETAS[1], ("beta_2", 0.99), *LATER, ("name", "lion")],
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_keras(name: str) -> None:
    parameters = inspect.signature(getattr(gm.optimizers, name)).parameters.values()
    found = [(p.name, p.default) for p in parameters if p.kind is not p.VAR_KEYWORD]
    assert found == SIGNATURES[name]


def test_what_was_updated_before_variables_moved_is_let_go() -> None:
    optimizer = gm.optimizers.Adam(0.1)
    w = Variable(np.ones(4, np.float32))
    for _ in range(3):
        optimizer.apply_gradients([(np.ones(4, np.float32), w)])
        pack([Variable(np.ones(2, np.float32))])  # others move: addresses have to be looked up again
    assert len(optimizer._rules._rows) == 1
    pack([w])
    optimizer.apply_gradients([(np.ones(4, np.float32), w)])
    assert len(optimizer._rules._rows) == 1
    np.testing.assert_allclose(w.numpy(), 0.6, rtol=1e-5)


@pytest.mark.parametrize("base", [gm.optimizers.Optimizer, gm.optimizers.SGD])
def test_an_update_step_as_in_keras_is_refused_with_what_to_do(base: type[Any]) -> None:
    class Sign(base):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            variable.assign(variable - learning_rate * gm.ops.sign(gradient))

    message = r"Sign: update_step\(gradient, variable, learning_rate\) .* is not called: .* in the train_step of a"
    with pytest.raises(NotImplementedError, match=message):
        Sign(0.1)
    with pytest.raises(NotImplementedError, match="Optimizer: update_step"):
        gm.optimizers.Optimizer(0.1)


def test_a_formula_of_ones_own_in_a_train_step_is_recorded() -> None:
    class Signed(gm.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = gm.layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            with gm.GradientTape() as tape:
                loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            for variable, gradient in zip(self.trainable_variables, tape.gradient(loss, self.trainable_variables)):
                variable.assign(variable - 0.01 * gm.ops.sign(gradient))
            return {"loss": loss}

    weights = []
    for eager in (False, True):
        gm.utils.clear_session()
        gm.utils.set_random_seed(1)
        model = Signed()
        model.compile("sgd", "mse", run_eagerly=eager, jit_compile=not eager)
        losses = model.fit(X, Y, batch_size=16, epochs=4, shuffle=False, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        weights.append(model.get_weights())
    for recorded, run_eagerly in zip(*weights):
        np.testing.assert_array_equal(recorded, run_eagerly)


def test_an_optimizer_is_serialized_and_made_again() -> None:
    first = gm.optimizers.AdamW(0.3, beta_1=0.8, clipnorm=2.0)
    config = gm.optimizers.serialize(first)
    again = gm.optimizers.deserialize(config)
    assert config["class_name"] == "AdamW"
    assert type(again) is gm.optimizers.AdamW
    assert again.get_config() == first.get_config()

    class Faster(gm.optimizers.SGD):
        pass

    config = gm.optimizers.serialize(Faster(0.5))
    assert type(gm.optimizers.deserialize(config, custom_objects={"Faster": Faster})) is Faster
    with pytest.raises(ValueError, match="Unknown optimizer 'Faster'"):
        gm.optimizers.deserialize(config)
