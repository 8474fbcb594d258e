"""What predictions keep of weights, packed or transformed, and every way in which weights can change.

hazard                                                  what happens
------------------------------------------------------  ----------------------------------------------------------
assign, set_weights, load_weights                       written by a backend call: noticed at the next prediction
fit, train_on_batch                                     a plan knows what it writes to: likewise, at its end
apply_gradients in a loop of the user's                 backend calls: likewise
training with the reference backend                     goes through the same door: likewise
a shared layer is trained by another model              the memory counts, not the model: likewise
a layer that writes its own weight in `call`            that weight is never kept, the others are
another model is trained, this one evaluated            other memory: everything stays
predictions and updates in turn                         nothing is kept until three predictions see the same weights
many batch sizes                                        the two forms used last keep, the others give back
threads                                                 one fills, the others do without; old memory lasts as long
                                                        as somebody reads it
"""

import os
import threading

import numpy as np
import pytest

import gemmule as gm
from gemmule import _native
from tests.helpers import ISAS, rng_for

PATIENCE = 7  # predictions after which everything is recorded, filled and read again


def data(*shape):
    return rng_for("kept", *shape).normal(size=shape).astype(np.float32)


def small():
    """Three layers, of which the convolutions and the first dense one keep something."""
    model = gm.Sequential(
        [
            gm.Input((8, 8, 32)),
            gm.layers.Conv2D(64, 3, padding="same"),
            gm.layers.BatchNormalization(),
            gm.layers.Activation("relu"),
            gm.layers.Conv2D(64, 3, strides=2),
            gm.layers.Flatten(),
            gm.layers.Dense(40, activation="relu"),
            gm.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(gm.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X = data(12, 8, 8, 32)
Y = np.arange(12, dtype=np.int32) % 3


def forms(model):
    return list(model._predictor._forms.values())


def kept_bytes(model):
    return sum(form._step.plan.kept_bytes for form in forms(model) if form._step.plan is not None)


def eager(model, x=X):
    return model(x, training=False).numpy()


def settle(model, x=X, keeps=True):
    """Predicts until weights are kept, and checks each prediction against eager calls, bit by bit."""
    expected = eager(model, x)
    for _ in range(PATIENCE):
        np.testing.assert_array_equal(model.predict_on_batch(x), expected)
    assert not keeps or kept_bytes(model) > 0
    return expected


# ---- The same bits ---------------------------------------------------------------------------------------------------

DENSE = [(2, 400, 70), (5, 1000, 33), (20, 1030, 512), (300, 600, 90), (200, 40, 3110)]  # rows, inputs, units
CONVOLUTIONS = [  # batch, side, channels, filters, further arguments: Winograd, products of pixels, direct ones
    (2, 16, 64, 64, {"kernel_size": 3, "padding": "same"}),
    (1, 16, 40, 70, {"kernel_size": 3, "padding": "same"}),
    (3, 14, 130, 160, {"kernel_size": 1}),
    (1, 7, 600, 530, {"kernel_size": 1}),
    (1, 4, 160, 130, {"kernel_size": 3, "padding": "same"}),
    (2, 12, 64, 96, {"kernel_size": 3, "strides": 2}),
    (2, 12, 128, 256, {"kernel_size": 3, "groups": 2, "dilation_rate": 2}),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("rows", "inputs", "units"), DENSE)
def test_dense_layers_keep_packed_weights_and_every_bit(isa, rows, inputs, units):
    _native.select_isa(isa)
    layer = gm.layers.Dense(units, activation="relu", bias_initializer="random_normal")
    model = gm.Sequential([gm.Input((inputs,)), layer])
    settle(model, data(rows, inputs))
    layer.kernel.assign(-layer.kernel)
    settle(model, data(rows, inputs))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("batch", "side", "channels", "filters", "arguments"), CONVOLUTIONS)
def test_convolutions_keep_prepared_kernels_and_every_bit(isa, batch, side, channels, filters, arguments):
    _native.select_isa(isa)
    layer = gm.layers.Conv2D(filters, bias_initializer="random_normal", **arguments)
    model = gm.Sequential([gm.Input((side, side, channels)), layer])
    keeps = isa != "v1" or len(ISAS) == 1  # the level of old processors reads kernels where they lie
    settle(model, data(batch, side, side, channels), keeps)
    layer.kernel.assign(-layer.kernel)
    settle(model, data(batch, side, side, channels), keeps)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_fills_and_reads(threads):
    gm.set_num_threads(threads)
    settle(small())


# ---- Changes are seen ------------------------------------------------------------------------------------------------


def assign(model, tmp_path):
    kernel = model.layers[0].kernel
    kernel.assign(kernel.numpy() * np.float32(1.5))


def assign_add(model, tmp_path):
    model.layers[-1].kernel.assign_add(np.ones((40, 3), np.float32))
    model.layers[-2].kernel.assign_sub(np.full((576, 40), 0.01, np.float32))


def set_weights(model, tmp_path):
    model.set_weights([weight + np.float32(0.01) for weight in model.get_weights()])


def load_weights(model, tmp_path):
    other = small()
    other.save_weights(tmp_path / "other.weights.safetensors")
    model.load_weights(tmp_path / "other.weights.safetensors")


def fit(model, tmp_path):
    model.fit(X, Y, epochs=2, batch_size=4, verbose=0)


def train_on_batch(model, tmp_path):
    model.train_on_batch(X, Y)


def fit_eagerly(model, tmp_path):
    model.run_eagerly = True
    model.fit(X, Y, epochs=1, batch_size=6, verbose=0)
    model.run_eagerly = False


def apply_gradients(model, tmp_path):
    loss = gm.losses.SparseCategoricalCrossentropy()
    with gm.GradientTape() as tape:
        value = loss(Y, model(X, training=True))
    gradients = tape.gradient(value, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


def train_with_the_reference(model, tmp_path):
    with gm.use_backend("reference"):
        for _ in range(4):  # the last ones are replayed
            model.train_on_batch(X, Y)


def train_a_shared_layer(model, tmp_path):
    other = gm.Sequential([gm.Input((8, 8, 32)), model.layers[0], gm.layers.Flatten(), gm.layers.Dense(3)])
    other.compile("sgd", gm.losses.SparseCategoricalCrossentropy(from_logits=True))
    other.fit(X, Y, epochs=3, verbose=0)


CHANGES = [
    assign,
    assign_add,
    set_weights,
    load_weights,
    fit,
    train_on_batch,
    fit_eagerly,
    apply_gradients,
    train_with_the_reference,
    train_a_shared_layer,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_next_prediction_sees_changed_weights(change, tmp_path):
    model = small()
    model.train_on_batch(X, Y)  # from here on variables stay where they are
    for _ in range(3):
        before = settle(model)
        change(model, tmp_path)
        assert not np.array_equal(model.predict_on_batch(X), before)
        np.testing.assert_array_equal(model.predict_on_batch(X), eager(model))


def test_replayed_training_is_seen_step_by_step():
    model = small()
    for _ in range(6):
        model.train_on_batch(X, Y)
        settle(model)


class Drifting(gm.layers.Layer):
    """Multiplies by a matrix that every call makes smaller."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 300), initializer="random_normal", name="kernel")

    def call(self, inputs):
        y = gm.ops.matmul(inputs, self.kernel)
        self.kernel.assign(self.kernel * 0.5)
        return y


def test_a_weight_written_by_the_prediction_itself_is_not_kept_but_others_are():
    dense = gm.layers.Dense(100, use_bias=False)
    model = gm.Sequential([gm.Input((200,)), Drifting(), dense])
    x = data(20, 200)
    first = model.predict_on_batch(x)
    for number in range(1, 8):
        np.testing.assert_array_equal(model.predict_on_batch(x), first * np.float32(0.5**number))
    assert dense.kernel.array.nbytes <= kept_bytes(model) < 2 * dense.kernel.array.nbytes


# ---- When memory is spent --------------------------------------------------------------------------------------------


def test_nothing_is_kept_while_weights_change_between_predictions():
    model = small()
    model.train_on_batch(X, Y)
    for _ in range(6):
        for _ in range(2):
            np.testing.assert_array_equal(model.predict_on_batch(X), eager(model))
        model.train_on_batch(X, Y)
    assert kept_bytes(model) == 0


def test_memory_is_used_again_after_a_change():
    model = small()
    model.train_on_batch(X, Y)
    settle(model)
    held = kept_bytes(model)
    for _ in range(3):
        model.train_on_batch(X, Y)
        settle(model)
        assert kept_bytes(model) == held


def test_other_models_and_evaluation_leave_what_is_kept():
    model, other = small(), small()
    settle(model)
    watch = forms(model)[0]._step.plan._watch
    version = watch.version()
    other.fit(X, Y, epochs=3, verbose=0)
    model.evaluate(X, Y, verbose=0)
    settle(model)
    assert watch.version() == version
    model.layers[0].bias.assign(model.layers[0].bias + 1)
    assert watch.version() != version


def test_two_forms_keep_at_most():
    model = small()
    sizes = []
    for batch in (2, 3, 5, 8, 12):
        settle(model, X[:batch])
        sizes.append(kept_bytes(model))
    holding = [form._step.plan.kept_bytes for form in forms(model) if form._step.plan.kept_bytes]
    assert len(forms(model)) == 5
    assert len(holding) == 2
    assert max(sizes) <= 2 * max(holding)
    settle(model, X[:2])  # an old form comes back
    assert model.memory_report()["arenas"] > kept_bytes(model) > 0


def test_the_first_training_moves_weights_and_gives_back_what_was_kept():
    model = small()
    settle(model)
    (old,) = forms(model)
    model.train_on_batch(X, Y)
    settle(model)
    assert old not in forms(model)
    assert old not in model._predictor._keeping


def test_the_reference_backend_keeps_nothing():
    with gm.use_backend("reference"):
        model = small()
        for _ in range(PATIENCE):
            prediction = model.predict_on_batch(X)
        np.testing.assert_array_equal(prediction, eager(model))
        assert kept_bytes(model) == 0


# ---- Threads ---------------------------------------------------------------------------------------------------------


def in_threads(count, work):
    problems = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def test_many_threads_fill_and_read_at_once():
    model = small()
    model.train_on_batch(X, Y)
    for _ in range(5):
        expected = eager(model)

        def predict(number, expected=expected):
            for _ in range(30):
                np.testing.assert_array_equal(model.predict_on_batch(X), expected)

        in_threads(4, predict)
        model.train_on_batch(X, Y)


def test_a_thread_sees_what_another_one_assigned_before():
    """Each prediction lies between the weights from before it began and those from after it ended."""
    model = gm.Sequential([gm.Input((200,)), gm.layers.Dense(300, use_bias=False)])
    x = np.ones((20, 200), np.float32)
    kernel = model.layers[0].kernel
    kernel.assign(np.zeros((200, 300), np.float32))
    settle(model, x)
    written = [0]  # assigned for certain
    begun = [0]  # perhaps already

    def work(number):
        if number == 0:
            for value in range(1, 200):
                begun[0] = value
                kernel.assign(np.full((200, 300), value, np.float32))
                written[0] = value
            return
        while written[0] < 199:
            least = written[0]
            found = model.predict_on_batch(x) / 200
            assert least <= found.min()
            assert found.max() <= begun[0]

    in_threads(3, work)
    np.testing.assert_array_equal(model.predict_on_batch(x), 200 * np.float32(199) * np.ones((20, 300), np.float32))


def test_a_forked_child_reads_and_refills_what_was_kept():
    model = small()
    expected = settle(model)
    child = os.fork()
    if child == 0:
        same = np.array_equal(model.predict_on_batch(X), expected)
        assign(model, None)
        found = [model.predict_on_batch(X) for _ in range(5)]
        os._exit(0 if same and all(np.array_equal(one, eager(model)) for one in found) else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(model.predict_on_batch(X), expected)
