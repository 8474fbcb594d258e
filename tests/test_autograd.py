"""GradientTape: TensorFlow's semantics."""

import numpy as np
import pytest

import gemmule as gm
from gemmule import ops


def variable(values):
    return gm.Variable(np.asarray(values, np.float32))


def test_product_and_sum_rules():
    x, y = variable([2.0, 3.0]), variable([5.0, 7.0])
    with gm.GradientTape() as tape:
        z = ops.sum(x * y + x)
    dx, dy = tape.gradient(z, [x, y])
    np.testing.assert_array_equal(dx, [6, 8])
    np.testing.assert_array_equal(dy, [2, 3])


def test_structure_of_sources_is_kept():
    x, y = variable([2.0]), variable([3.0])
    with gm.GradientTape() as tape:
        z = x * y
    found = tape.gradient(z, {"a": x, "b": (y,)})
    assert found.keys() == {"a", "b"}
    assert isinstance(found["b"], tuple)
    assert float(found["a"]) == 3


def test_constants_need_watch():
    x = ops.convert_to_tensor(3.0)
    with gm.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None
    with gm.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert float(tape.gradient(y, x)) == 6


def test_integers_cannot_be_watched():
    with pytest.raises(ValueError, match="Only floating tensors can be watched"):
        gm.GradientTape().watch(ops.convert_to_tensor([1, 2]))


def test_unconnected_sources():
    x, y = variable([1.0, 2.0]), variable([3.0])
    with gm.GradientTape(persistent=True) as tape:
        z = x * 2.0
    assert tape.gradient(z, y) is None
    np.testing.assert_array_equal(tape.gradient(z, y, unconnected_gradients="zero"), [0])
    with pytest.raises(ValueError, match="must be 'none' or 'zero'"):
        tape.gradient(z, y, unconnected_gradients="nothing")


def test_gradient_once_unless_persistent():
    x = variable([1.0])
    with gm.GradientTape() as tape:
        y = x * 2.0
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="GradientTape\\(persistent=True\\)"):
        tape.gradient(y, x)
    with gm.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * x
    assert float(tape.gradient(y, x)) == 2
    assert float(tape.gradient(z, x)) == 3


def test_gradient_with_respect_to_an_intermediate():
    x = variable([3.0])
    with gm.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * y
    assert float(tape.gradient(z, y)) == 18
    dz = tape.gradient(z, [x, y])
    assert [float(g) for g in dz] == [108, 18]


def test_a_tensor_used_twice_gets_the_sum():
    x = variable([3.0])
    with gm.GradientTape() as tape:
        y = x * x + x * x + x
    assert float(tape.gradient(y, x)) == 13


def test_several_targets_and_output_gradients():
    x = variable([1.0, 2.0])
    with gm.GradientTape(persistent=True) as tape:
        y, z = x * 2.0, x * x
    np.testing.assert_array_equal(tape.gradient([y, z], x), [4, 6])
    np.testing.assert_array_equal(tape.gradient(y, x, output_gradients=np.array([10.0, 0.0], np.float32)), [20, 0])
    with pytest.raises(ValueError, match="shape of the target"):
        tape.gradient(y, x, output_gradients=np.ones(3, np.float32))


def test_stop_gradient_and_stop_recording():
    x = variable([3.0])
    with gm.GradientTape() as tape:
        y = x * ops.stop_gradient(x)
    assert float(tape.gradient(y, x)) == 3
    with gm.GradientTape() as tape:
        y = x * x
        with tape.stop_recording():
            z = y * y
    assert tape.gradient(z, x) is None


def test_untrainable_variables_are_not_watched():
    x = gm.Variable([1.0], trainable=False)
    with gm.GradientTape() as tape:
        y = x * 2.0
    assert tape.gradient(y, x) is None
    assert tape.watched_variables() == ()


def test_differentiating_through_a_gradient_raises():
    x = variable([3.0])
    with gm.GradientTape() as outer:
        with gm.GradientTape() as inner:
            y = x * x
        dy = inner.gradient(y, x)
        z = dy * 2.0
    with pytest.raises(NotImplementedError, match=r"Differentiating through tape\.gradient"):
        outer.gradient(z, x)


def test_numpy_functions_under_a_tape_raise_and_name_the_op():
    x = variable([1.0, 2.0])
    with gm.GradientTape():
        with pytest.raises(TypeError, match=r"numpy.mean was called .* Use gm.ops.mean"):
            np.mean(x)
        with pytest.raises(TypeError, match=r"numpy.cbrt was called .* Use functions of gm.ops"):
            np.cbrt(x * 2.0)
        y = np.float32(2.0) * x
        assert isinstance(y, gm.Tensor)
    np.testing.assert_allclose(np.mean(x), 1.5)
    np.testing.assert_allclose(np.exp(x), np.exp([1.0, 2.0]), rtol=1e-6)


def test_ufuncs_with_an_op_keep_the_gradient():
    x = variable([0.5, 2.0])
    with gm.GradientTape() as tape:
        y = np.sin(x) + np.mod(np.floor(x), 2.0) + x // 1.0 + 7.0 % x
    assert isinstance(y, gm.Tensor)
    np.testing.assert_allclose(tape.gradient(y, x), np.cos([0.5, 2.0]) - 7.0 // np.array([0.5, 2.0]), rtol=1e-6)
    assert (gm.Input((3,)) % 2).shape == (None, 3)
    assert np.exp(gm.Input((3,))).shape == (None, 3)


def test_arrays_from_the_left_keep_the_gradient():
    x = variable([1.0, 2.0])
    with gm.GradientTape() as tape:
        y = np.array([3.0, 4.0], np.float32) * x
    np.testing.assert_array_equal(tape.gradient(y, x), [3, 4])


def test_tensors_go_into_numpy_and_out():
    t = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
    values = t.numpy()
    values[:] = 0
    assert float(ops.sum(t)) == 10
    np.testing.assert_array_equal(t[0], [1, 2])
    np.testing.assert_array_equal(t[:, 1], [2, 4])
    assert t.shape == (2, 2)
    assert len(t) == 2
    assert t.dtype == "float32"
    assert [float(ops.sum(row)) for row in t] == [3, 7]
    with pytest.raises(ValueError, match="Only a tensor of one element has a bool value"):
        bool(t > 0)


def test_variables_change_in_place():
    v = variable([1.0, 2.0])
    memory = v.array
    v.assign([3.0, 4.0])
    v.assign_add([1.0, 1.0])
    v.assign_sub([0.5, 0.5])
    assert v.array is memory
    np.testing.assert_array_equal(v, [3.5, 4.5])
    with pytest.raises(ValueError, match="has shape \\(2,\\)"):
        v.assign([1.0])


def test_gradient_penalty_raises_though_the_inner_source_is_no_variable():
    w, x = gm.Variable(2.0), gm.ops.convert_to_tensor(3.0)
    with gm.GradientTape() as outer:
        with gm.GradientTape() as inner:
            inner.watch(x)
            y = w * x * x
        slope = inner.gradient(y, x)
        penalty = slope * slope
    with pytest.raises(NotImplementedError, match="second derivatives"):
        outer.gradient(penalty, w)


def test_watched_probabilities_get_a_gradient():
    p = gm.ops.softmax(gm.ops.convert_to_tensor([[1.0, 2.0, 3.0]]))
    with gm.GradientTape() as tape:
        tape.watch(p)
        loss = gm.losses.sparse_categorical_crossentropy(np.array([1]), p)
    expected = 1 - np.array([0, 1 / float(p[0, 1]), 0])
    np.testing.assert_allclose(tape.gradient(loss, p).numpy()[0], expected, rtol=1e-5)


def test_variables_are_copied_as_variables():
    import copy

    from gemmule.memory import is_persistent

    w = gm.Variable([1.0, 2.0], trainable=False, name="w")
    other = copy.deepcopy(w)
    w.assign([0.0, 0.0])
    assert other.numpy().tolist() == [1.0, 2.0]
    assert (other.name, other.trainable) == ("w", False)
    assert is_persistent(other.array)


def test_assigned_values_keep_the_type_of_the_variable():
    w = gm.Variable([1, 2], dtype="int32")
    w.assign(np.array([3.7, 4.2]))
    assert (w.dtype, w.numpy().tolist()) == ("int32", [3, 4])
    with pytest.raises(TypeError, match="holds real numbers"):
        w.assign(np.array([1j, 2]))


def test_a_variable_changed_after_recording_is_refused():
    w = variable([3.0])
    with gm.GradientTape(persistent=True) as tape:
        y = w * w
        z = y + 1.0
    assert float(tape.gradient(z, w)) == 6
    w.assign([10.0])
    with pytest.raises(RuntimeError, match=r'multiply was recorded with other values of ".*" than it has now'):
        tape.gradient(z, w)
    assert float(tape.gradient(z, y)) == 1
