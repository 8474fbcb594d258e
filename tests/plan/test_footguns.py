"""What recording a step could get wrong, one test each.

A replay repeats kernel calls on memory. Whatever a step does besides is frozen, unless it is noticed. The list:

hazard                                             what happens
-------------------------------------------------  ---------------------------------------------------------------
a Python number of a layer changes                 noticed between slices; another plan is recorded
the learning rate or another hyper-parameter        read by the kernel from memory: takes effect at the next batch
the dropout rate changes                           likewise
a branch on a tensor's value                       reading is noticed: runs eagerly, one PlanWarning
a print of a tensor's value                        likewise
NumPy randomness in call                           constants differ between two recordings: runs eagerly
an attribute counted up in call                    noticed: runs eagerly
a global or closure number changes                 NOT noticed: documented limit, pinned here
weights assigned between batches                   seen by the next batch: the memory stays in place
a temporary read after the step                    belongs to the eager step, never to the arena
a list of layers of varying length                 call lists differ: runs eagerly
new data with the same form                        bound to the same plan
a weight created after training began              raises, naming the weight
"""

import warnings

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import PlanError, PlanWarning

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int32)


def compiled(*hidden, **kwargs):
    gm.utils.set_random_seed(1)
    model = gm.Sequential([gm.Input((6,)), *hidden, gm.layers.Dense(2, activation="softmax")])
    optimizer = gm.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **kwargs)
    return model


def fit(model, epochs=3, **kwargs):
    return model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0, **kwargs)


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


def same_as_eager(make, epochs=3, **kwargs):
    """Trains the same model recorded and eagerly and compares every bit."""
    recorded, eager = make(), make(run_eagerly=True)
    fit(recorded, epochs, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(eager, epochs, **kwargs)
    np.testing.assert_array_equal(weights(recorded), weights(eager))


class Scale(gm.layers.Layer):
    """Multiplies by a plain Python number."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape


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


def test_weights_created_late_raise():
    class Late(gm.layers.Layer):
        grown = False

        def call(self, inputs):
            if self.grown and not hasattr(self, "extra"):
                self.extra = self.add_weight(shape=(6,), initializer="ones", name="extra")
            return inputs + self.extra if hasattr(self, "extra") else inputs * 1.0

        def compute_output_shape(self, input_shape):
            return input_shape

    late = Late(name="late")
    model = compiled(late)
    fit(model, 1)
    late.grown = True
    with pytest.raises(RuntimeError, match=r"(?s)late.*extra|extra.*late|created after"):
        fit(model, 1)


def test_partial_last_batch_is_a_second_plan_over_the_same_weights():
    def train(**kwargs):
        model = compiled(gm.layers.Dense(4), **kwargs)
        model.fit(X[:50], Y[:50], batch_size=16, epochs=4, verbose=0)
        return weights(model)

    np.testing.assert_array_equal(train(), train(run_eagerly=True))
