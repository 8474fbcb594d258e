"""What recording a step could get wrong, one test each.

A replay repeats kernel calls on memory. Whatever a step does besides is frozen, unless it is noticed. The list:

hazard                                             what happens
-------------------------------------------------  ---------------------------------------------------------------
a Python number of a layer changes                 noticed between slices; another plan is recorded
an array, list or variable of a layer is replaced  likewise
the learning rate or another hyper-parameter        read by the kernel from memory: takes effect at the next batch
the dropout rate changes                           likewise
either of them set inside the step                 noticed: runs eagerly
a branch on a tensor's value                       reading is noticed: runs eagerly, one PlanWarning
a print of a tensor's value                        likewise
NumPy randomness in call                           constants differ between two recordings: runs eagerly
a NumPy array filled anew in place                  likewise
a variable assigned in call                        recorded and replayed
a Python number returned by train_step             noticed: runs eagerly
an attribute counted up in call                    noticed: runs eagerly
a global or closure number changes                 NOT noticed: documented limit, pinned here
a layer frozen after compile                       trained on, whenever the step was recorded
weights assigned between batches                   seen by the next batch: the memory stays in place
a temporary read after the step                    belongs to the eager step, never to the arena
a list of layers of varying length                 call lists differ: runs eagerly
new data with the same form                        bound to the same plan
a weight created after training began              raises, naming the weight (test_late_weights.py)
"""

import warnings

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import PlanError, PlanWarning
from tests.plan.training import Scale, X, Y, compiled, fit, same_as_eager, weights


def test_python_numbers_of_a_layer_are_followed():
    def train(**kwargs):
        scale = Scale()
        model = compiled(scale, **kwargs)
        fit(model, 2)
        scale.factor = 0.5
        fit(model, 2)
        return weights(model)

    np.testing.assert_array_equal(train(), train(run_eagerly=True))


def test_learning_rate_assigned_in_a_batch_callback_takes_effect_at_the_next_batch():
    class Decay(gm.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * 0.9

    def make(**kwargs):
        return compiled(gm.layers.Dense(5, activation="relu"), **kwargs)

    same_as_eager(make, callbacks=[Decay()])
    model = make()
    fit(model, 1, callbacks=[Decay()])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * 0.9**4)


def test_dropout_rate_is_read_at_every_batch():
    def train(**kwargs):
        dropout = gm.layers.Dropout(0.5)
        model = compiled(gm.layers.Dense(8, activation="relu"), dropout, **kwargs)
        fit(model, 2)
        dropout.rate = 0.1
        fit(model, 2)
        return weights(model)

    np.testing.assert_array_equal(train(), train(run_eagerly=True))


def test_dropout_masks_differ_from_batch_to_batch():
    class Keep(gm.layers.Layer):
        def __init__(self):
            super().__init__()
            self.dropout = gm.layers.Dropout(0.5)
            self.total = self.add_weight(shape=(6,), initializer="zeros", trainable=False)

        def call(self, inputs, training=None):
            mask = self.dropout(gm.ops.ones((1, 6)), training=True)
            return inputs + mask * 0.0

    same_as_eager(lambda **kw: compiled(gm.layers.Dropout(0.5), gm.layers.Dense(4), **kw), epochs=4)


def test_branch_on_a_value_runs_eagerly_and_says_so_once():
    class Branch(gm.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0 if gm.ops.mean(inputs) > 0 else inputs * 3.0

        def compute_output_shape(self, input_shape):
            return input_shape

    def make(**kwargs):
        return compiled(Branch(name="branch"), **kwargs)

    model = make()
    with pytest.warns(PlanWarning, match=r'value was read \(bool\) in layer "branch"') as caught:
        fit(model)
    assert len([w for w in caught if issubclass(w.category, PlanWarning)]) == 1
    eager = make(run_eagerly=True)
    fit(eager)
    np.testing.assert_array_equal(weights(model), weights(eager))


def test_jit_compile_true_raises_instead():
    class Peek(gm.layers.Layer):
        def call(self, inputs):
            inputs.numpy()
            return inputs

        def compute_output_shape(self, input_shape):
            return input_shape

    with pytest.raises(PlanError, match="value was read"):
        fit(compiled(Peek(), jit_compile=True))


def test_numpy_randomness_runs_eagerly():
    rng = np.random.default_rng(0)

    class Noise(gm.layers.Layer):
        def call(self, inputs):
            return inputs + rng.normal(size=6).astype(np.float32)

        def compute_output_shape(self, input_shape):
            return input_shape

    with pytest.warns(PlanWarning, match="NumPy array used by the step changed its values"):
        fit(compiled(Noise()))


def test_attribute_counted_up_in_call_runs_eagerly():
    class Counter(gm.layers.Layer):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def call(self, inputs):
            self.calls += 1
            return inputs * 1.0

        def compute_output_shape(self, input_shape):
            return input_shape

    counter = Counter()
    model = compiled(counter)
    with pytest.warns(PlanWarning, match="attribute of a layer, loss or optimizer was changed"):
        fit(model, epochs=2)
    assert counter.calls >= 8


def test_globals_and_closures_are_frozen():
    factor = [2.0]

    class Closure(gm.layers.Layer):
        def call(self, inputs):
            return inputs * factor[0]

        def compute_output_shape(self, input_shape):
            return input_shape

    model, same = compiled(Closure()), compiled(Closure())
    fit(model, 1)
    factor[0] = 100.0  # documented limit: the plan keeps 2.0
    fit(model, 1)
    factor[0] = 2.0
    fit(same, 1)
    fit(same, 1)
    np.testing.assert_array_equal(weights(model), weights(same))


def test_assigned_weights_are_seen_by_the_next_batch():
    def train(**kwargs):
        model = compiled(gm.layers.Dense(4), **kwargs)
        fit(model, 2)
        model.set_weights([np.full_like(w, 0.01) for w in model.get_weights()])
        fit(model, 1)
        return weights(model)

    np.testing.assert_array_equal(train(), train(run_eagerly=True))


def test_predictions_follow_training():
    model = compiled(gm.layers.Dense(4))
    for _ in range(3):
        before = model.predict(X[:5], verbose=0)
    fit(model, 1)
    after = model.predict(X[:5], verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, np.asarray(model(X[:5])))


def test_tensors_kept_from_a_step_stay_what_they_were():
    kept = []

    class Keep(gm.layers.Layer):
        def call(self, inputs):
            y = inputs * 2.0
            kept.append(y)
            return y

        def compute_output_shape(self, input_shape):
            return input_shape

    fit(compiled(Keep()), 3)
    values = kept[-1].numpy()
    gm.Sequential([gm.layers.Dense(3)]).predict(X, verbose=0)
    np.testing.assert_array_equal(kept[-1].numpy(), values)


def test_paths_of_varying_length_run_eagerly():
    class Wander(gm.layers.Layer):
        turns = 0

        def call(self, inputs):
            Wander.turns += 1
            for _ in range(Wander.turns % 3):
                inputs = inputs * 1.5
            return inputs

        def compute_output_shape(self, input_shape):
            return input_shape

    with pytest.warns(PlanWarning, match="kernel calls the first time"):
        fit(compiled(Wander()))


def test_new_data_of_the_same_form_uses_the_same_plan():
    model = compiled(gm.layers.Dense(4))
    fit(model, 2)
    steps = dict(model._runner._steps)
    model.fit(X[::-1], Y[::-1].copy(), batch_size=16, verbose=0)
    assert model._runner._steps == steps


def test_partial_last_batch_is_a_second_plan_over_the_same_weights():
    def train(**kwargs):
        model = compiled(gm.layers.Dense(4), **kwargs)
        model.fit(X[:50], Y[:50], batch_size=16, epochs=4, verbose=0)
        return weights(model)

    np.testing.assert_array_equal(train(), train(run_eagerly=True))


@pytest.mark.parametrize("change", [{"array": np.zeros(6, np.float32)}, {"numbers": [0.0]}, {"_hidden": 0.0}])
def test_replaced_arrays_lists_and_private_numbers_are_followed(change):
    class Keeper(gm.layers.Layer):
        def __init__(self):
            super().__init__()
            self.array, self.numbers, self._hidden = np.ones(6, np.float32), [1.0], 1.0

        def call(self, inputs):
            return inputs * self.array * self.numbers[0] * self._hidden

    keeper = Keeper()
    model = compiled(keeper)
    before = [model.predict(X, verbose=0) for _ in range(4)][-1]
    for name, value in change.items():
        setattr(keeper, name, value)
    after = model.predict(X, verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, model(X).numpy())


def test_replaced_variable_is_followed():
    model = compiled()
    for _ in range(4):
        model.predict(X, verbose=0)
    model.layers[-1].kernel = gm.Variable(np.zeros((6, 2), np.float32))
    np.testing.assert_array_equal(model.predict(X, verbose=0), model(X).numpy())


def test_arrays_filled_in_place_run_eagerly():
    rng, noise = np.random.default_rng(0), np.zeros(6, np.float32)

    class Noise(gm.layers.Layer):
        def call(self, inputs):
            noise[:] = rng.normal(size=6)
            return inputs + noise

    with pytest.warns(PlanWarning, match="NumPy array used by the step changed its values"):
        fit(compiled(Noise()))


@pytest.mark.parametrize("change", ["number", "tensor"])
def test_variables_assigned_in_call_are_assigned_in_replays(change):
    class Running(gm.layers.Layer):
        def build(self, input_shape):
            self.seen = self.add_weight(shape=(6,), initializer="zeros", trainable=False, name="seen")

        def call(self, inputs, training=None):
            if training and change == "number":
                self.seen.assign_add(np.ones(6))
            elif training:
                self.seen.assign(self.seen * 0.9 + gm.ops.mean(inputs, axis=0) * 0.1)
            return inputs - self.seen

    def make(**kwargs):
        return compiled(Running(), **kwargs)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same_as_eager(make)


def test_printing_a_tensor_in_call_runs_eagerly():
    printed = []

    class Print(gm.layers.Layer):
        def call(self, inputs):
            printed.append(repr(inputs))
            return inputs * 1.0

    model = compiled(Print())
    printed.clear()
    with pytest.warns(PlanWarning, match=r"value was read \(print\)"):
        fit(model, epochs=3)
    assert len(printed) >= 12


@pytest.mark.parametrize("what", ["learning_rate", "rate"])
def test_steering_from_inside_the_step_runs_eagerly(what):
    class Steering(gm.Model):
        def __init__(self):
            super().__init__()
            self.dropout, self.dense = gm.layers.Dropout(0.5), gm.layers.Dense(2, activation="softmax")

        def call(self, inputs, training=None):
            if training and what == "rate":
                self.dropout.rate = self.dropout.rate * 0.5
            return self.dense(self.dropout(inputs, training=training))

        def train_step(self, data):
            if what == "learning_rate":
                self.optimizer.learning_rate = self.optimizer.learning_rate * 0.5
            return super().train_step(data)

    model = Steering()
    model.compile(gm.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    with pytest.warns(PlanWarning, match=f"{what}.* was set in the middle of the step"):
        fit(model, epochs=2)
    found = model.optimizer.learning_rate if what == "learning_rate" else 2 * model.dropout.rate
    assert float(found) == pytest.approx(0.5**8)


@pytest.mark.parametrize("batches_first", [False, True])
def test_layers_frozen_after_compile_are_trained_until_the_next(batches_first):
    layer = gm.layers.Dense(4)
    model = compiled(layer)
    if batches_first:
        fit(model, 1)
    layer.trainable = False
    for batch_size in (16, 8):
        before = layer.get_weights()[0]
        model.fit(X, Y, batch_size=batch_size, verbose=0)
        assert not np.array_equal(before, layer.get_weights()[0])


def test_one_warning_for_a_model_that_changes_itself_and_no_heap_of_plans():
    class EveryBatch(gm.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    class Counter(gm.layers.Layer):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def call(self, inputs):
            self.calls += 1
            return inputs * 1.0

    model = compiled(Counter())
    with pytest.warns(PlanWarning) as caught:
        fit(model, epochs=3, callbacks=[EveryBatch()])
    assert len([w for w in caught if issubclass(w.category, PlanWarning)]) == 1
    assert len(model._runner._steps) == 1


def test_jit_compile_true_raises_every_time():
    class Peek(gm.layers.Layer):
        def call(self, inputs, training=None):
            return inputs * float(inputs.numpy()[0, 0] > 0) if training else inputs

    model = compiled(Peek(), jit_compile=True)
    for _ in range(2):
        with pytest.raises(PlanError, match="value was read"):
            fit(model)


def test_tensors_kept_from_a_step_survive_replays_of_the_reference():
    kept = []

    class Keep(gm.layers.Layer):
        def call(self, inputs):
            kept.append(inputs * 2.0)
            return kept[-1]

    with gm.use_backend("reference"):
        model = compiled(Keep())
        fit(model, 1)
        values = kept[-1].numpy()
        fit(model, 2)
    np.testing.assert_array_equal(kept[-1].numpy(), values)
