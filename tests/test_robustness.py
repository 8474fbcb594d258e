"""Odd use that must neither crash nor give other numbers: nested and concurrent loops, exceptions, memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import gemmule as gm

X = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")


def classifier(**compiled):
    model = gm.Sequential([gm.Input((8,)), gm.layers.Dense(16, activation="relu"), gm.layers.Dense(2)])
    loss = gm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(**{"optimizer": "adam", "loss": loss, "metrics": ["accuracy"], **compiled})
    return model


def seeded():
    gm.utils.clear_session()
    gm.utils.set_random_seed(1)
    return classifier()


def callback(**hooks):
    methods = {name: lambda self, *arguments, act=act: act(*arguments[:1]) for name, act in hooks.items()}
    return type("Hooked", (gm.callbacks.Callback,), methods)()


def in_threads(*actions):
    """Runs the actions at once and returns what they raised."""
    raised: list[BaseException] = []

    def guarded(action):
        try:
            action()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_callbacks_may_evaluate_and_predict_without_a_trace():
    model = seeded()
    alone = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.1).history
    expected = model.evaluate(X, Y, verbose=0)
    large, labels = np.tile(X, (5, 1)), np.tile(Y, 5)

    def look(batch):
        model.evaluate(large, labels, verbose=0)
        model.evaluate(X[:7], Y[:7], verbose=0)
        model.predict(X[: batch + 1])

    assert model.evaluate(X, Y, verbose=0, callbacks=[callback(on_test_batch_end=look)]) == expected
    model = seeded()
    watched = callback(on_train_batch_end=look)
    assert model.fit(X, Y, epochs=2, verbose=0, validation_split=0.1, callbacks=[watched]).history == alone


def test_evaluations_in_several_threads_take_turns():
    model = classifier()
    expected = model.evaluate(X, Y, verbose=0)
    results = []
    work = [lambda: results.extend(model.evaluate(X.copy(), Y, verbose=0) for _ in range(20))] * 4
    assert in_threads(*work) == []
    assert results == [expected] * 80


def test_evaluation_while_another_thread_trains_is_refused():
    model = classifier()
    raised = []

    def evaluate_elsewhere(epoch):
        raised.extend(in_threads(lambda: model.evaluate(X, Y, verbose=0)))

    model.fit(X, Y, verbose=0, callbacks=[callback(on_epoch_end=evaluate_elsewhere)])
    assert isinstance(raised[0], RuntimeError)
    assert "is being trained by another thread" in str(raised[0])
    assert len(model.evaluate(X, Y, verbose=0)) == 2


def test_predictions_in_many_threads_while_another_trains():
    model, done = classifier(), threading.Event()

    def train():
        try:
            model.fit(X, Y, epochs=20, verbose=0)
        finally:
            done.set()

    def predict():
        size = 1
        while not done.is_set():
            assert np.isfinite(model.predict(X[:size])).all()
            size = size % len(X) + 1

    assert in_threads(train, *[predict] * 8) == []


@pytest.fixture
def restless():
    """Threads that change places all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_first_predictions_in_many_threads_build_the_weights_once():
    for _ in range(20):
        model, barrier, results = gm.Sequential([gm.layers.Dense(16), gm.layers.Dense(2)]), threading.Barrier(8), []

        def predict(model=model, barrier=barrier, results=results):
            barrier.wait()
            results.extend(model.predict(X).tobytes() for _ in range(2))

        assert in_threads(*[predict] * 8) == []
        assert len(model.weights) == 4
        assert len(set(results)) == 1


def test_different_models_train_at_once_as_they_do_alone():
    def models():
        gm.utils.clear_session()
        gm.utils.set_random_seed(3)
        return [classifier() for _ in range(3)]

    expected = [model.fit(X, Y, epochs=5, verbose=0).history for model in models()]
    histories: dict[int, object] = {}

    def train(number, model):
        histories[number] = model.fit(X, Y, epochs=5, verbose=0).history

    assert in_threads(*[lambda n=n, m=m: train(n, m) for n, m in enumerate(models())]) == []
    assert [histories[n] for n in range(3)] == expected


def test_changes_of_other_layers_in_other_threads_do_not_keep_a_step_from_being_recorded():
    done, other = threading.Event(), gm.layers.LeakyReLU()

    def change():
        while not done.is_set():
            other.negative_slope = 0.3 - other.negative_slope / 2

    def train():
        try:
            for _ in range(10):
                classifier(jit_compile=True).fit(X, Y, verbose=0)
        finally:
            done.set()

    assert in_threads(change, train) == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_end"]
)
def test_an_exception_in_a_callback_leaves_a_usable_model(kind, hook):
    model = classifier()

    def fail(*_):
        raise kind("stop")

    with pytest.raises(kind, match="stop"):
        model.fit(X, Y, epochs=2, verbose=0, validation_split=0.2, callbacks=[callback(**{hook: fail})])
    model.fit(X, Y, verbose=0)
    assert np.isfinite(model.evaluate(X, Y, verbose=0)).all()


def fail_late(batch):
    if batch > 5:
        raise ValueError


def fit_and_fail(model, x):
    with pytest.raises(ValueError):  # noqa: PT011 - raised above
        model.fit(x, Y, verbose=0, callbacks=[callback(on_train_batch_end=fail_late)])


USES = {
    "fit": lambda model, x: model.fit(x, Y, verbose=0),
    "fit that fails": fit_and_fail,
    "evaluate": lambda model, x: model.evaluate(x, Y, verbose=0),
    "train_on_batch": lambda model, x: model.train_on_batch(x, Y),
    "predict": lambda model, x: model.predict(x),
    "predict_on_batch": lambda model, x: [model.predict_on_batch(x) for _ in range(4)],
}


@pytest.mark.parametrize("use", USES)
def test_data_is_let_go(use):
    model, x = classifier(), X.copy()
    there = weakref.ref(x)
    USES[use](model, x)
    del x
    gc.collect()
    assert there() is None


def resident_mb():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="AddressSanitizer keeps freed memory")
def test_many_batch_sizes_leave_no_holes_in_memory():
    model, rows = classifier(), np.ones((1200, 8), np.float32)
    model.predict(rows)
    before = resident_mb()
    for size in range(1, 1200):
        for _ in range(3):
            model.predict(rows[:size], batch_size=size)
    assert resident_mb() - before < 40


@pytest.mark.parametrize("inputs", [3.0, None, "text", object()])
def test_calling_a_layer_or_model_on_something_else(inputs):
    with pytest.raises(TypeError, match="no tensor, array or list of numbers"):
        gm.layers.Dense(3)(inputs)
    with pytest.raises(TypeError, match="no tensor, array or list of numbers"):
        classifier()(inputs)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("GEMMULE_NUM_THREADS=abc", "GEMMULE_NUM_THREADS must be a positive integer. Received: 'abc'."),
        ("GEMMULE_ISA=v9", "This processor does not support ISA level 'v9'. Supported: v1"),
    ],
)
def test_wrong_environment_variables_say_so(setting, message):
    name, value = setting.split("=")
    script = "import numpy as np, gemmule as gm; gm.ops.matmul(np.ones((500, 500)), np.ones((500, 500)))"
    result = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, name: value}, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert message in result.stderr
