"""Recording and replaying lists of kernel calls, below models."""

import warnings

import numpy as np
import pytest

from gemmule import _native
from gemmule.backend import execute, guard, use_backend
from gemmule.errors import PlanError, PlanWarning
from gemmule.memory import is_persistent, persistent
from gemmule.plan import StepFunction
from gemmule.tensor import Tensor


@pytest.fixture(params=["native", "reference"])
def backend(request):
    with use_backend(request.param):
        yield request.param


def doubling_step(total):
    """total += 2 * x, by way of two temporaries."""

    def body(feeds):
        doubled = np.empty(4, np.float32)
        execute("add", [doubled], [feeds["x"], feeds["x"]])
        fresh = np.empty(4, np.float32)
        execute("add", [fresh], [total, doubled])
        execute("copy", [total], [fresh])

    return body


def test_replay_continues_where_eager_steps_stopped(backend):
    total = persistent((4,))
    step = StepFunction(doubling_step(total), {"x": np.ones(4, np.float32)})
    assert step.run(2) == (2, 0)
    assert step.plan is not None
    assert step.run(5) == (5, 0)
    np.testing.assert_array_equal(total, np.full(4, 14, np.float32))


def test_feeds_are_bound_anew(backend):
    total = persistent((4,))
    step = StepFunction(doubling_step(total), {"x": np.ones(4, np.float32)})
    step.run(3)
    step.bind("x", np.full(4, 10, np.float32))
    step.run(1)
    np.testing.assert_array_equal(total, np.full(4, 26, np.float32))


def test_feed_may_change_between_the_two_recordings(backend):
    total = persistent((4,))
    step = StepFunction(doubling_step(total), {"x": np.ones(4, np.float32)})
    step.run(1)
    step.bind("x", np.full(4, 3, np.float32))
    step.run(1)
    assert step.plan is not None
    step.run(1)
    np.testing.assert_array_equal(total, np.full(4, 14, np.float32))


def test_temporaries_share_memory_when_their_lives_do_not_overlap():
    out = persistent((1000,))

    def body(feeds):
        values = feeds["x"]
        for _ in range(20):
            fresh = np.empty(1000, np.float32)
            execute("add", [fresh], [values, feeds["x"]])
            values = fresh
        execute("copy", [out], [values])

    step = StepFunction(body, {"x": np.ones(1000, np.float32)})
    step.run(3)
    np.testing.assert_array_equal(out, np.full(1000, 21, np.float32))
    assert step.plan._native.arena_bytes <= 3 * 4096 + 4096


def test_views_of_temporaries_keep_their_offsets(backend):
    out = persistent((2,))

    def body(feeds):
        fresh = np.empty(4, np.float32)
        execute("add", [fresh], [feeds["x"], feeds["x"]])
        execute("copy", [out], [fresh[2:]])

    step = StepFunction(body, {"x": np.arange(4, dtype=np.float32)})
    step.run(3)
    np.testing.assert_array_equal(out, [4, 6])


def test_guard_ends_the_run_before_what_follows(backend):
    flag, count = persistent((1,), "int32"), persistent((1,), "int64")

    def body(feeds):
        execute("check_finite", [flag], [feeds["x"]], code=7)
        guard(flag)
        execute("advance", [count], [], by=1)

    step = StepFunction(body, {"x": np.ones(3, np.float32)})
    assert step.run(4) == (4, 0)
    step.bind("x", np.array([1, np.nan, 1], np.float32))
    assert step.run(4) == (0, 7)
    assert count[0] == 4


def test_guard_works_in_the_first_eager_steps(backend):
    flag = persistent((1,), "int32")

    def body(feeds):
        execute("check_finite", [flag], [feeds["x"]], code=3)
        guard(flag)

    step = StepFunction(body, {"x": np.array([np.inf], np.float32)})
    assert step.run(1) == (0, 3)


def test_rewind_takes_back_counters_of_the_failed_run(backend):
    flag, count = persistent((1,), "int32"), persistent((3,), "uint64")

    def body(feeds):
        execute("advance", [count], [], by=2)
        execute("check_finite", [flag], [feeds["x"]], code=1)
        guard(flag)

    step = StepFunction(body, {"x": np.ones(3, np.float32)})
    step.run(3)
    step.bind("x", np.full(3, np.nan, np.float32))
    assert step.run(1) == (0, 1)
    step.rewind()
    assert count[2] == 6


def test_changed_call_list_goes_on_eagerly_with_one_warning(backend):
    out, turns = persistent((2,)), iter(range(100))

    def body(feeds):
        name = "add" if next(turns) % 2 else "multiply"
        execute(name, [out], [feeds["x"], feeds["x"]])

    step = StepFunction(body, {"x": np.full(2, 3, np.float32)}, name="model.train_step")
    with pytest.warns(PlanWarning, match=r"model.train_step cannot be replayed .* kernel call 'multiply' changed"):
        step.run(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step.run(3)
    np.testing.assert_array_equal(out, [9, 9])


def test_changed_constants_are_noticed(backend):
    out, turns = persistent((2,)), iter(range(100))

    def body(feeds):
        execute("add", [out], [feeds["x"], np.full(2, next(turns), np.float32)])

    step = StepFunction(body, {"x": np.zeros(2, np.float32)})
    with pytest.warns(PlanWarning, match="NumPy array used by the step changed its values"):
        step.run(2)


def test_reading_a_value_is_noticed(backend):
    out = persistent((2,))

    def body(feeds):
        if float(Tensor(feeds["x"]).numpy().sum()) > 0:
            execute("copy", [out], [feeds["x"]])

    step = StepFunction(body, {"x": np.ones(2, np.float32)})
    with pytest.warns(PlanWarning, match="value was read"):
        step.run(1)


def test_strict_raises_instead_of_warning():
    turns = iter(range(100))

    def body(feeds):
        execute("fill", [np.empty(2, np.float32)], [], value=float(next(turns)))

    step = StepFunction(body, {}, strict=True)
    with pytest.raises(PlanError, match="jit_compile=True asks for one that can"):
        step.run(2)


def test_slices_end_after_the_time_given():
    count = persistent((1,), "int64")
    step = StepFunction(lambda feeds: execute("advance", [count], [], by=1), {})
    step.run(2)
    done, code = step.run(10**9, seconds=0.02)
    assert code == 0
    assert 0 < done < 10**9
    assert count[0] == done + 2


def test_runners_have_arenas_of_their_own():
    def body(feeds):
        fresh = np.empty(4, np.float32)
        execute("add", [fresh], [feeds["x"], feeds["x"]])
        execute("copy", [feeds["y"]], [fresh])

    step = StepFunction(body, {"x": np.ones(4, np.float32), "y": np.empty(4, np.float32)})
    step.run(2)
    first, second = step.plan.runner(), step.plan.runner()
    for runner, value in ((first, 5), (second, 7)):
        out = np.empty(4, np.float32)
        runner.run_bound([np.full(4, value, np.float32), out])
        np.testing.assert_array_equal(out, np.full(4, 2 * value))


def test_persistent_memory_is_recognised_through_views():
    array = persistent((4, 4))
    assert is_persistent(array[1:].reshape(-1))
    assert array.ctypes.data % 64 == 0
    assert not is_persistent(np.empty(4))


def test_unknown_kernels_and_bad_operands_raise():
    out = np.empty(3, np.float32)
    with pytest.raises(IndexError, match="there is no kernel 'nonsense'"):
        _native.execute("nonsense", [out], [], {})
    with pytest.raises(ValueError, match="C-contiguous"):
        _native.execute("fill", [np.empty((4, 4), np.float32)[:, 1]], [], {"value": 1.0})
    with pytest.raises(TypeError, match="takes four arguments"):
        _native.execute("fill", [out], [])
    with pytest.raises(TypeError, match="NumPy arrays or None"):
        _native.execute("fill", [[1.0, 2.0]], [], {"value": 1.0})


@pytest.mark.parametrize("isa", _native.supported_isas())
@pytest.mark.parametrize(
    ("kernel", "outputs", "attributes", "error", "message"),
    [
        ("fill", 0, {"value": 1.0}, IndexError, "the call lacks operand 0"),
        ("fill", 1, {}, IndexError, "the call lacks the attribute 'value'"),
        ("fill", 1, {"value": "one"}, ValueError, "attribute 'value' must be a number"),
        ("elementary", 2, {"function": "nonsense"}, ValueError, "there is no elementary function of this name"),
    ],
)
def test_what_a_kernel_refuses_leaves_it_as_an_exception(isa, kernel, outputs, attributes, error, message):
    before = _native.isa()
    _native.select_isa(isa)
    try:
        for _ in range(3):
            with pytest.raises(error, match=message):
                _native.execute(kernel, [np.empty(3, np.float32)] * outputs, [], attributes)
    finally:
        _native.select_isa(before)
