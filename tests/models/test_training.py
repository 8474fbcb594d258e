"""Training as a whole: same bits, failures that leave the model usable, threads, forks, interruptions."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import NonFiniteError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 20)).astype(np.float32)
Y = RNG.integers(0, 5, 200).astype(np.int32)


def make(seed=3, optimizer=None, dtype=None):
    gm.utils.clear_session()
    gm.utils.set_random_seed(seed)
    model = gm.Sequential(
        [
            gm.Input((20,)),
            gm.layers.Dense(40, activation="relu"),
            gm.layers.Dropout(0.2),
            gm.layers.Dense(20, activation="tanh"),
            gm.layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile(
        optimizer or gm.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def digest(model):
    return hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()


@pytest.mark.parametrize("optimizer", [None, "adam"])
def test_same_bits_for_any_number_of_threads_and_on_repeat(optimizer):
    found = set()
    for threads in (1, 2, 3, 4, 1):
        gm.set_num_threads(threads)
        model = make(optimizer=optimizer)
        model.fit(X, Y, epochs=2, verbose=0)
        found.add(digest(model))
    assert len(found) == 1


def test_slices_and_single_batches_give_the_same_bits():
    class EveryBatch(gm.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    one, two = make(), make()
    one.fit(X, Y, epochs=3, verbose=0)
    two.fit(X, Y, epochs=3, verbose=0, callbacks=[EveryBatch()])
    assert digest(one) == digest(two)


def test_validation_changes_nothing():
    one, two = make(), make()
    one.fit(X, Y, epochs=3, verbose=0)
    two.fit(X, Y, epochs=3, verbose=0, validation_data=(X[:50], Y[:50]))
    assert digest(one) == digest(two)


def test_epoch_values_weight_batches_by_size():
    model = make(optimizer=gm.optimizers.SGD(0.0))
    gm_model = gm.Sequential([gm.layers.Dense(5, activation="softmax")])
    gm_model.compile(gm.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = gm_model.fit(X[:70], Y[:70], batch_size=32, verbose=0)
    p = gm_model.predict(X[:70], verbose=0).astype(np.float64)
    loss = -np.log(p[np.arange(70), Y[:70]]).mean()
    assert history.history["loss"][0] == pytest.approx(loss, rel=1e-5)
    assert history.history["accuracy"][0] == pytest.approx((p.argmax(1) == Y[:70]).mean(), abs=1e-7)
    assert model.evaluate(X[:70], Y[:70], verbose=0, return_dict=True).keys() == {"loss", "accuracy"}


def test_float64_models_train():
    gm.config.set_floatx("float64")
    model = make()
    model.fit(X, Y, epochs=2, verbose=0)
    assert all(w.dtype == np.float64 for w in model.get_weights())


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_poisoned_input_is_named_and_the_weights_survive(poison):
    model = make()
    model.fit(X, Y, verbose=0)
    before = digest(model)
    bad = X.copy()
    bad[130, 3] = poison
    with pytest.raises(NonFiniteError, match=r"epoch 1, batch 5 of 7.*The data itself is not finite.*row 130 of x"):
        model.fit(bad, Y, verbose=0, shuffle=False)
    after_four = make()
    after_four.fit(X, Y, verbose=0)
    assert before == digest(after_four)
    after_four.fit(X[:128], Y[:128], verbose=0, shuffle=False)
    assert digest(model) == digest(after_four)


def test_exploding_loss_names_layer_and_direction():
    model = gm.Sequential([gm.Input((20,)), gm.layers.Dense(8, name="first"), gm.layers.Dense(1, name="second")])
    model.compile(gm.optimizers.SGD(1e30), "mse")
    with pytest.raises(
        NonFiniteError, match=r'(?s)became NaN or infinite at epoch .*layer "(first|second)".*learning rate'
    ):
        model.fit(X, X[:, :1], epochs=20, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_two_threads_cannot_train_one_model():
    model = make()
    inside, leave = threading.Event(), threading.Event()

    class Wait(gm.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            inside.set()
            leave.wait(10)

    worker = threading.Thread(target=lambda: model.fit(X, Y, verbose=0, callbacks=[Wait()]))
    worker.start()
    inside.wait(10)
    try:
        with pytest.raises(RuntimeError, match="is being trained already"):
            model.fit(X, Y, verbose=0)
    finally:
        leave.set()
        worker.join()
    model.fit(X, Y, verbose=0)


def test_parallel_predictions_equal_serial_ones():
    model = make()
    expected = model.predict_on_batch(X[:16])
    for _ in range(3):
        model.predict_on_batch(X[:16])
    wrong = []

    def work():
        for _ in range(200):
            if not np.array_equal(model.predict_on_batch(X[:16]), expected):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_trains_and_gets_the_same_weights():
    gm.set_num_threads(2)
    model = make()
    model.fit(X, Y, epochs=2, verbose=0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            model.fit(X, Y, verbose=0)
            os.write(write, digest(model).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    model.fit(X, Y, verbose=0)
    assert answer == digest(model)


def test_ctrl_c_leaves_a_usable_model_and_the_finished_epochs():
    script = textwrap.dedent("""
        import os, signal, threading, time
        import numpy as np, gemmule as gm
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        x = np.random.default_rng(0).normal(size=(20000, 200)).astype("float32")
        y = (x[:, 0] > 0).astype("int32")
        hidden, out = gm.layers.Dense(300, activation="relu"), gm.layers.Dense(2, activation="softmax")
        model = gm.Sequential([gm.Input((200,)), hidden, out])
        model.compile("sgd", "sparse_categorical_crossentropy")
        class Alarm(gm.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    def kill():
                        time.sleep(0.02)
                        global sent
                        sent = time.perf_counter()
                        os.kill(os.getpid(), signal.SIGINT)
                    threading.Thread(target=kill).start()
        history = gm.callbacks.History()
        try:
            model.fit(x, y, epochs=10000, verbose=0, callbacks=[Alarm(), history])
        except KeyboardInterrupt:
            waited = time.perf_counter() - sent
            print("epochs", len(model.history.history["loss"]), "waited", waited < 0.5)
        before = model.evaluate(x, y, verbose=0)
        model.fit(x, y, epochs=1, verbose=0)
        print("finite", np.isfinite(before), model.evaluate(x, y, verbose=0) < before)
        """)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert result.stdout.splitlines()[0].startswith("epochs "), result.stderr
    assert "waited True" in result.stdout
    assert "finite True True" in result.stdout


def test_fit_before_compile_says_what_to_do():
    model = gm.Sequential([gm.layers.Dense(2)])
    with pytest.raises(
        RuntimeError,
        match=r"fit\(\) needs a compiled model. Call model.compile\(optimizer=..., loss=...\) before fit\(\).",
    ):
        model.fit(X, Y)


def test_train_on_batch_equals_one_batch_of_fit():
    one, two = make(), make()
    one.fit(X[:32], Y[:32], batch_size=32, shuffle=False, verbose=0)
    values = two.train_on_batch(X[:32], Y[:32], return_dict=True)
    assert digest(one) == digest(two)
    assert values.keys() == {"loss", "accuracy"}


def test_frozen_layers_stay_and_the_snapshot_is_taken_by_compile():
    model = make()
    model.layers[0].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    frozen = model.layers[0].get_weights()[0].copy()
    model.layers[0].trainable = True  # after compile: takes effect at the next compile
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], frozen)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(model.layers[0].get_weights()[0], frozen)


def test_sample_and_class_weights_agree():
    by_class, by_sample = make(), make()
    weight = {0: 1.0, 1: 2.0, 2: 0.5, 3: 1.0, 4: 0.0}
    by_class.fit(X, Y, verbose=0, class_weight=weight)
    by_sample.fit(X, Y, verbose=0, sample_weight=np.array([weight[c] for c in Y]))
    assert digest(by_class) == digest(by_sample)


def test_custom_train_step_is_followed():
    class Custom(gm.Model):
        def __init__(self):
            super().__init__()
            self.dense = gm.layers.Dense(5)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data
            with gm.GradientTape() as tape:
                logits = self(x, training=True)
                loss = gm.ops.mean(gm.losses.sparse_categorical_crossentropy(y, logits, from_logits=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            return {"my_loss": loss}

    histories = []
    for eager in (False, True):
        gm.utils.set_random_seed(5)
        model = Custom()
        model.compile("sgd", run_eagerly=eager)
        histories.append(model.fit(X, Y, epochs=4, verbose=0).history["my_loss"])
    assert histories[0] == histories[1]
    assert histories[0][-1] < histories[0][0]


def test_memory_report_counts_parameters():
    model = make()
    model.fit(X, Y, verbose=0)
    report = model.memory_report()
    assert report["parameters"] == 4 * model.count_params()
    assert report["total"] == report["parameters"] + report["gradients_and_slots"] + report["arenas"]
    assert report["arenas"] > 0


def test_losses_that_do_not_reduce_are_refused():
    model = gm.Sequential([gm.layers.Dense(2)])
    model.compile("sgd", gm.losses.MeanSquaredError(reduction="none"))
    with pytest.raises(ValueError, match="Training needs one number as its loss"):
        model.fit(X, X[:, :2], verbose=0)


def test_random_counters_stay_where_they_were_when_a_batch_fails():
    def trained():
        gm.utils.set_random_seed(1)
        model = gm.Sequential([gm.Input((20,)), gm.layers.Dropout(0.3), gm.layers.Dense(1)])
        model.compile(gm.optimizers.SGD(0.01), "mse")
        model.fit(X, X[:, :1], verbose=0, shuffle=False, epochs=2)
        return model

    one, two = trained(), trained()
    with pytest.raises(NonFiniteError, match="mean_squared_error"):
        two.fit(X, np.full((200, 1), 1e30), verbose=0, shuffle=False)
    for model in (one, two):
        model.fit(X, X[:, :1], verbose=0, shuffle=False)
    assert digest(one) == digest(two)


def test_searching_for_a_failure_never_updates():
    spoiled = iter([np.inf] + [0.0] * 99)

    class Spoil(gm.layers.Layer):
        def call(self, inputs, training=None):
            return inputs + np.float32(next(spoiled)) if training else inputs

    model = gm.Sequential([gm.Input((20,)), Spoil(), gm.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    before = digest(model)
    with pytest.raises(NonFiniteError, match="did not show where"):
        model.fit(X, X[:, :1], verbose=0)
    assert digest(model) == before


@pytest.mark.parametrize("make_one", [gm.optimizers.Adam, gm.metrics.Mean])
def test_state_that_plans_point_to_is_not_copied(make_one):
    import copy

    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        copy.deepcopy(make_one())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_another_thread_trains_can_train():
    model = make()
    model.fit(X, Y, verbose=0)
    inside, leave = threading.Event(), threading.Event()

    class Wait(gm.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            inside.set()
            leave.wait(20)

    worker = threading.Thread(target=lambda: model.fit(X, Y, verbose=0, callbacks=[Wait()]))
    worker.start()
    inside.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            model.fit(X, Y, verbose=0)
            model.evaluate(X, Y, verbose=0)
            os._exit(0)
        finally:
            os._exit(1)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        leave.set()
        worker.join()
