"""Recording a step and following it on a tape take no memory: what the step is done with dies at once."""

import weakref

import numpy as np

import gemmule as gm
from gemmule.backend import execute, listening
from gemmule.memory import persistent
from gemmule.recording import Recording


def test_temporaries_die_while_they_are_recorded():
    recording = Recording({})
    with listening(recording.hear):
        first = np.empty(4, np.float32)
        execute("fill", [first], [], value=1.0)
        seen = weakref.ref(first)
        del first
        assert seen() is None
        second = np.empty(4, np.float32)  # Python may well put it where the first one was
        execute("fill", [second], [], value=2.0)
    a, b = (call.outputs[0].label for call in recording.calls)
    assert a != b
    assert recording.sizes == {a: 16, b: 16}


def test_views_are_named_by_their_owner():
    recording = Recording({})
    block = np.empty((2, 4), np.float32)
    with listening(recording.hear):
        execute("fill", [block], [], value=1.0)
        execute("fill", [block[1]], [], value=2.0)
    whole, row = (call.outputs[0] for call in recording.calls)
    assert row.label == whole.label
    assert (row.offset, row.shape, row.nbytes) == (16, (4,), 16)


def test_persistent_arrays_and_constants_are_kept():
    state, step = persistent((4,)), np.ones(4, np.float32)
    recording = Recording({})
    with listening(recording.hear):
        execute("add", [state], [state, step])
    recording.finish()
    (call,) = recording.calls
    assert call.outputs[0].label[0] == call.inputs[0].label[0] == "persistent"
    assert call.inputs[1].label[0] == "constant"
    assert recording.values == [step.tobytes()]


def test_a_feed_replaced_inside_the_step_is_that_feed():
    feeds = {"x": np.zeros(4, np.float32), "out": np.zeros(4, np.float32)}
    recording = Recording(feeds)
    with listening(recording.hear):
        execute("negative", [feeds["out"]], [feeds["x"]])
        feeds["out"] = np.empty((2, 2), np.float32)
        execute("fill", [feeds["out"][1]], [], value=1.0)
    assert [call.outputs[0].label for call in recording.calls] == [("feed", "out")] * 2
    assert recording.calls[1].outputs[0].offset == 8


def test_a_tape_keeps_what_backward_functions_need_and_nothing_else():
    x = gm.Variable(np.ones(3, np.float32))
    with gm.GradientTape() as tape:
        total = x + 1.0  # the gradient of a sum does not need it
        product = total * x  # that of a product does
        result = gm.ops.relu(product)  # relu's works from its result
        dead = weakref.ref(product)
        alive = weakref.ref(result)
        values = weakref.ref(total.array)
        del product, total
        assert dead() is None
        assert values() is not None
        loss = gm.ops.sum(result)
        del result
    np.testing.assert_array_equal(tape.gradient(loss, x).numpy(), [3.0, 3.0, 3.0])
    assert values() is None
    assert alive() is None
