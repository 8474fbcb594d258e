"""Schedules against their formulas and Keras, inside recorded steps, through configurations, and their complaints."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import gemmule as gm
from gemmule.optimizers import schedules
from gemmule.tensor import Variable
from tests.helpers import exactly
from tests.optimizers.schedule_specs import ROWS, STEPS, Row

ORACLES = Path(__file__).resolve().parent.parent / "oracles" / "schedules_keras.npz"
rows = pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])


def make(row: Row) -> schedules.LearningRateSchedule:
    return getattr(schedules, row.schedule)(**row.kwargs)


def values(schedule: schedules.LearningRateSchedule) -> np.ndarray:
    return np.array([float(schedule(step)) for step in range(STEPS)])


def test_every_schedule_has_a_row() -> None:
    classes = {name for name in schedules.__all__ if isinstance(getattr(schedules, name), type)}
    assert classes - {"LearningRateSchedule"} == {row.schedule for row in ROWS}


@rows
def test_formula(row: Row) -> None:
    expected = np.array([row.formula(step) for step in range(STEPS)])
    np.testing.assert_allclose(values(make(row)), expected, rtol=0, atol=5e-16 * expected.max())


@rows
def test_keras(row: Row) -> None:
    with np.load(ORACLES) as stored:
        assert (row.id in stored) == row.keras
        if row.keras:
            np.testing.assert_allclose(values(make(row)), stored[row.id], rtol=0, atol=2e-7 * stored[row.id].max())


@rows
def test_a_hundred_steps_of_an_optimizer(row: Row) -> None:
    w = Variable(np.zeros(1))
    optimizer = gm.optimizers.SGD(make(row))
    for _ in range(100):
        optimizer.apply_gradients([(np.ones(1), w)])
    expected = -sum(row.formula(step) for step in range(100))
    assert w.numpy()[0] == pytest.approx(expected, rel=1e-13)
    assert optimizer.learning_rate == pytest.approx(row.formula(100), abs=1e-15)


RNG = np.random.default_rng(5)
X = RNG.normal(size=(96, 4)).astype(np.float32)
Y = X[:, :1] * 2 + 1


def trained(rate: object, momentum: object, eagerly: bool) -> list[np.ndarray]:
    gm.utils.clear_session()
    gm.utils.set_random_seed(1)
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(8, activation="tanh"), gm.layers.Dense(1)])
    optimizer = gm.optimizers.SGD(rate, momentum=momentum)
    model.compile(optimizer=optimizer, loss="mse", loss_weights=0.05, run_eagerly=eagerly)  # high rates, too, converge
    if not eagerly:
        model.jit_compile = True  # an error, should a schedule not be recordable
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    return model.get_weights()


@rows
def test_replayed_steps_follow_to_the_last_bit(row: Row) -> None:
    cycle = schedules.OneCycle(0.1, 48)
    eager, replayed = (trained(make(row), cycle.momentum(), eagerly) for eagerly in (True, False))
    for one, two in zip(eager, replayed):
        np.testing.assert_array_equal(one, two)
        assert np.abs(two).max() < 10
    constant = trained(0.05, 0.0, False)
    assert not np.array_equal(constant[0], replayed[0])


@rows
def test_configurations(row: Row) -> None:
    schedule = make(row)
    config = json.loads(json.dumps(schedules.serialize(schedule)))
    assert config["class_name"] == row.schedule
    for again in (schedules.deserialize(config), schedules.get(config)):
        assert type(again) is type(schedule)
        assert again.get_config() == schedule.get_config()
        np.testing.assert_array_equal(values(again), values(schedule))
    optimizer = gm.optimizers.Adam(schedule)
    config = json.loads(json.dumps({"class_name": "Adam", "config": optimizer.get_config()}))
    made = gm.optimizers.get(config)
    assert made.get_config() == optimizer.get_config()
    assert made.learning_rate == optimizer.learning_rate


def test_momentum_of_the_cycle() -> None:
    cycle = schedules.OneCycle(0.5, 100, last_steps=20)
    assert cycle.steps == [0, 40, 80, 100]
    momentum = cycle.momentum()
    assert [float(momentum(step)) for step in (0, 40, 80, 100, 200)] == pytest.approx([0.95, 0.85, 0.95, 0.95, 0.95])
    assert [float(cycle(step)) for step in (0, 40, 80, 100, 200)] == pytest.approx([0.05, 0.5, 0.05, 5e-5, 5e-5])
    round_one = schedules.OneCycle(0.5, 100, form="cosine", warmup_steps=30, start_rate=0.1, last_rate=0.0)
    momentum = round_one.momentum(0.9, 0.8)
    assert [float(momentum(step)) for step in (0, 15, 30, 65, 100)] == pytest.approx([0.9, 0.85, 0.8, 0.85, 0.9])
    assert [float(round_one(step)) for step in (0, 15, 30, 65, 100)] == pytest.approx([0.1, 0.3, 0.5, 0.25, 0.0])
    optimizer = gm.optimizers.SGD(cycle, momentum=cycle.momentum())
    made = gm.optimizers.get({"class_name": "SGD", "config": optimizer.get_config()})
    assert made.get_config() == optimizer.get_config()
    assert made.momentum == 0.95


class Halving(schedules.LearningRateSchedule):
    def __init__(self, rate: float = 0.8) -> None:
        self.rate = rate

    def __call__(self, step):
        return self.rate * 0.5 ** gm.ops.cast(step, "float32")

    def get_config(self):
        return {"rate": self.rate}


def test_warm_up_around_others() -> None:
    keras = schedules.CosineDecay(0.01, 50, warmup_target=0.2, warmup_steps=10, alpha=0.1)
    around = schedules.LinearWarmup(schedules.CosineDecay(0.2, 50, alpha=0.1), 10, 0.01)
    np.testing.assert_allclose(values(around), values(keras), rtol=1e-14)
    own = schedules.LinearWarmup(Halving(), 4)
    assert [round(float(own(step)), 6) for step in range(7)] == [0.0, 0.2, 0.4, 0.6, 0.8, 0.4, 0.2]
    config = schedules.serialize(own)
    again = schedules.deserialize(config, custom_objects={"Halving": Halving})
    np.testing.assert_array_equal(values(again), values(own))
    with gm.saving.CustomObjectScope({"Halving": Halving}):
        np.testing.assert_array_equal(values(schedules.deserialize(config)), values(own))
    with pytest.raises(ValueError, match="The schedule 'Halving' is not one of gemmule's and was not registered"):
        schedules.deserialize(config)


def test_saved_models_keep_their_schedules(tmp_path) -> None:
    cycle = schedules.OneCycle(0.1, 48)
    custom = schedules.LinearWarmup(Halving(), 4)
    for optimizer in (gm.optimizers.SGD(cycle, momentum=cycle.momentum()), gm.optimizers.Adam(custom)):
        model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(1)])
        model.compile(optimizer=optimizer, loss="mse")
        model.fit(X, Y, batch_size=16, epochs=2, verbose=0)
        model.save(tmp_path / "m.gemmule", state="full")
        again = gm.models.load_model(tmp_path / "m.gemmule", custom_objects={"Halving": Halving})
        assert again.optimizer.get_config() == optimizer.get_config()
        assert again.optimizer.learning_rate == optimizer.learning_rate
        for one in (model, again):
            one.fit(X, Y, batch_size=16, epochs=2, verbose=0)
        np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])


def test_a_changed_schedule_reaches_recorded_steps() -> None:
    schedule = schedules.StepDecay(0.0, 1000)
    model = gm.Sequential([gm.Input((4,)), gm.layers.Dense(1)])
    model.compile(optimizer=gm.optimizers.SGD(schedule), loss="mse")
    before = model.get_weights()[0]
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)
    schedule.initial_learning_rate = 0.1
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    assert not np.array_equal(model.get_weights()[0], before)


RATE, TIME = ("initial_learning_rate", inspect.Parameter.empty), ("decay_steps", inspect.Parameter.empty)
SIGNATURES = {  # Keras 3's
    "ExponentialDecay": [RATE, TIME, ("decay_rate", RATE[1]), ("staircase", False), ("name", "ExponentialDecay")],
    "InverseTimeDecay": [RATE, TIME, ("decay_rate", RATE[1]), ("staircase", False), ("name", "InverseTimeDecay")],
    "PiecewiseConstantDecay": [("boundaries", RATE[1]), ("values", RATE[1]), ("name", "PiecewiseConstant")],
    "PolynomialDecay": [RATE, TIME, ("end_learning_rate", 0.0001), ("power", 1.0), ("cycle", False),
                        ("name", "PolynomialDecay")],
    "CosineDecay": [RATE, TIME, ("alpha", 0.0), ("name", "CosineDecay"), ("warmup_target", None), ("warmup_steps", 0)],
    "CosineDecayRestarts": [RATE, ("first_decay_steps", RATE[1]), ("t_mul", 2.0), ("m_mul", 1.0), ("alpha", 0.0),
                            ("name", "SGDRDecay")],
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_keras(name: str) -> None:
    parameters = inspect.signature(getattr(schedules, name)).parameters.values()
    assert [(p.name, p.default) for p in parameters] == SIGNATURES[name]


BAD = [
    ("ExponentialDecay", (-0.1, 10, 0.5), "ExponentialDecay: initial_learning_rate must be a finite number from 0 on. "
     "Received: initial_learning_rate=-0.1."),
    ("ExponentialDecay", (0.1, 0, 0.5), "ExponentialDecay: decay_steps must be a finite number above 0. "
     "Received: decay_steps=0."),
    ("InverseTimeDecay", (0.1, 10, float("nan")), "InverseTimeDecay: decay_rate must be a finite number from 0 on. "
     "Received: decay_rate=nan."),
    ("StepDecay", (None, 10), "StepDecay: initial_learning_rate must be a finite number from 0 on. "
     "Received: initial_learning_rate=None."),
    ("PowerDecay", (0.1, 10, "1"), "PowerDecay: power must be a finite number from 0 on. Received: power='1'."),
    ("PolynomialDecay", (0.1, -3), "PolynomialDecay: decay_steps must be a finite number above 0. "
     "Received: decay_steps=-3."),
    ("PiecewiseConstantDecay", ([10], [0.1]), "PiecewiseConstantDecay: there must be a boundary, and one value more "
     "than boundaries. Received: boundaries=[10], values=[0.1]."),
    ("PiecewiseConstantDecay", ([10, 10], [1, 2, 3]), "PiecewiseConstantDecay: boundaries must increase. "
     "Received: boundaries=[10, 10]."),
    ("PiecewiseConstantDecay", ([10], [0.1, -1]), "PiecewiseConstantDecay: values[1] must be a finite number from 0 "
     "on. Received: values[1]=-1."),
    ("CosineDecay", (0.1, 10, 0.0, None, None, 5), "CosineDecay: a warm-up needs warmup_target, the value it leads to. "
     "Received: warmup_steps=5, warmup_target=None."),
    ("CosineDecayRestarts", (0.1, 10, 0.5), "CosineDecayRestarts: t_mul must be a number from 1 on. "
     "Received: t_mul=0.5."),
    ("LinearWarmup", (0.1, 0), "LinearWarmup: warmup_steps must be an integer from 1 on. Received: warmup_steps=0."),
    ("LinearWarmup", (-0.1, 5), "LinearWarmup: schedule must be a finite number from 0 on. Received: schedule=-0.1."),
    ("Interpolation", ([0, 5], [1]), "Interpolation: there must be one value for each of at least two steps. "
     "Received: steps=[0, 5], values=[1]."),
    ("Interpolation", ([1, 5], [1, 2]), "Interpolation: steps must begin with 0 and increase. Received: steps=[1, 5]."),
    ("OneCycle", (0.0, 100), "OneCycle: max_rate must be a finite number above 0. Received: max_rate=0.0."),
    ("OneCycle", (0.1, 3), "OneCycle: total_steps must be an integer from 4 on. Received: total_steps=3."),
    ("OneCycle", (0.1, 100, None, None, None, None, "square"), "OneCycle: form must be 'linear' or 'cosine'. "
     "Received: form='square'."),
    ("OneCycle", (0.1, 100, None, None, 60, 40), "OneCycle: total_steps must leave room for the way up, the way down "
     "and the last steps. Received: total_steps=100, warmup_steps=60, last_steps=40."),
    ("OneCycle", (0.1, 100, None, None, None, 5, "cosine"), "OneCycle: the cosine form has no last_steps: leave it "
     "out. Received: last_steps=5."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "message"), BAD)
def test_arguments_that_make_no_sense(name: str, arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        getattr(schedules, name)(*arguments)


def test_what_is_no_schedule() -> None:
    assert schedules.get(0.5) == 0.5
    message = (
        "A schedule is an object of a subclass of gm.optimizers.schedules.LearningRateSchedule, its configuration, or "
        "a number. Received: identifier='cosine'."
    )
    with pytest.raises(TypeError, match=exactly(message)):
        schedules.get("cosine")
    with pytest.raises(ValueError, match=exactly("The configuration of a schedule has class_name and config. "
                                                 "Received: config={'name': 'x'}.")):  # fmt: skip
        schedules.deserialize({"name": "x"})
    with pytest.raises(ValueError, match=r"The schedule 'CosineDacay' is not .*Did you mean 'CosineDecay' or"):
        gm.optimizers.SGD(learning_rate={"class_name": "CosineDacay", "config": {}})
