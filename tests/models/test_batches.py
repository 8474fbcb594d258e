"""Generators, loaders and sequences of batches: the same bits as arrays, epochs, resumption, and what is refused."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import GemmuleWarning, NonFiniteError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6)).astype(np.float32)
Y = RNG.normal(size=(100, 2)).astype(np.float32)
W = RNG.uniform(size=100).astype(np.float32)
STARTS = range(0, 100, 16)


def make(**options) -> gm.Sequential:
    gm.utils.clear_session()
    gm.utils.set_random_seed(1)
    layers = [gm.layers.Dense(5, activation="relu"), gm.layers.Dropout(0.2), gm.layers.Dense(2)]
    model = gm.Sequential([gm.Input((6,)), *layers])
    model.compile(**({"optimizer": "adam", "loss": "mse", "metrics": ["mae"]} | options))
    return model


def batch(start: int, *arrays: np.ndarray) -> tuple:
    return tuple(array[start : start + 16] for array in arrays)


class Numbered(gm.utils.PyDataset):
    def __init__(self):
        super().__init__()
        self.seen, self.epochs = [], 0

    def __len__(self):
        return len(STARTS)

    def __getitem__(self, index):
        self.seen.append(index)
        return batch(STARTS[index], X, Y)

    def on_epoch_end(self):
        self.epochs += 1


class Loader:
    """Can be iterated over again, and has no length; batches are lists."""

    def __iter__(self):
        return ([*batch(start, X, Y)] for start in STARTS)


def endless(*arrays: np.ndarray):
    while True:
        yield from (batch(start, *arrays) for start in STARTS)


def bits(model: gm.Model) -> list[bytes]:
    return [weight.tobytes() for weight in model.get_weights()]


SOURCES = {
    "generator": (lambda: endless(X, Y), {"steps_per_epoch": 7}),
    "sequence": (Numbered, {}),
    "loader": (Loader, {}),
    "list iterator": (lambda: iter([batch(start, X, Y) for start in [*STARTS] * 3]), {"steps_per_epoch": 7}),
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kind", SOURCES)
def test_the_same_bits_as_arrays(kind: str, eager: bool) -> None:
    expected, model = make(), make(run_eagerly=eager)
    options = {"epochs": 3, "shuffle": False, "verbose": 0}
    logs = expected.fit(X, Y, batch_size=16, validation_data=(X, Y), validation_batch_size=16, **options).history
    source, steps = SOURCES[kind]
    later = {"validation_data": source(), "validation_steps": steps.get("steps_per_epoch")}
    assert model.fit(source(), **options, **steps, **later).history == logs
    assert bits(model) == bits(expected)
    count = steps.get("steps_per_epoch")
    evaluated = expected.evaluate(X, Y, batch_size=16, verbose=0)
    assert model.evaluate(source(), steps=count, verbose=0) == evaluated
    np.testing.assert_array_equal(model.predict(source(), steps=count), expected.predict(X, batch_size=16))


def test_weights_classes_and_several_inputs() -> None:
    inputs = {"a": gm.Input((6,), name="a"), "b": gm.Input((2,), name="b")}

    def two() -> gm.Model:
        gm.utils.clear_session()
        gm.utils.set_random_seed(1)
        joined = gm.layers.Concatenate()([inputs["a"], inputs["b"]])
        model = gm.Model(inputs, gm.layers.Dense(2, activation="softmax")(joined))
        model.compile(loss="sparse_categorical_crossentropy")
        return model

    labels = (Y[:, 0] > 0).astype(int)
    data = {"a": X, "b": Y}
    expected, model = two(), two()
    expected.fit(data, labels, sample_weight=W, batch_size=16, shuffle=False, verbose=0)
    parts = [({k: v[s : s + 16] for k, v in data.items()}, labels[s : s + 16], W[s : s + 16]) for s in STARTS]
    model.fit(iter(parts), verbose=0)
    assert bits(model) == bits(expected)
    expected, model = two(), two()
    expected.fit(data, labels, class_weight={1: 3.0}, batch_size=16, shuffle=False, verbose=0)
    model.fit((part[:2] for part in parts), class_weight={1: 3.0}, verbose=0)
    assert bits(model) == bits(expected)


def test_batches_of_one_size_share_a_recorded_step() -> None:
    model = make()
    model.fit(Numbered(), epochs=3, verbose=0)
    plans = [step.plan is not None for step in model._runner._steps.values()]
    assert plans == [True, True]  # 16 rows, and the 4 that are left


def test_a_sequence_is_shuffled_by_batches() -> None:
    source = Numbered()
    make().fit(source, epochs=3, verbose=0)
    epochs = [source.seen[1:8], source.seen[8:15], source.seen[15:]]  # the very first is looked at beforehand
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert source.epochs == 3


def test_fewer_steps_than_batches_go_on_in_the_next_epoch() -> None:
    source = Numbered()
    make().fit(source, epochs=3, steps_per_epoch=5, shuffle=False, verbose=0)
    assert source.seen == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0]
    given = []
    make().fit((given.append(start) or batch(start, X, Y) for start in STARTS), epochs=2, steps_per_epoch=3, verbose=0)
    assert given == list(STARTS)[:6]


@pytest.mark.parametrize("steps", [None, 5])
def test_running_out_ends_training_with_a_warning(steps: int | None) -> None:
    model = make()
    with pytest.warns(GemmuleWarning, match=r"x ran out of batches after \d") as caught:
        history = model.fit((batch(s, X, Y) for s in STARTS), epochs=4, steps_per_epoch=steps, verbose=0)
    assert len(caught) == 1
    assert len(history.epoch) == (1 if steps is None else 2)


class Save(gm.callbacks.Callback):
    def __init__(self, path, epoch: int, batch: int):
        self.path, self.at, self.epoch = path, (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            self.model.save(self.path, state="full")


@pytest.mark.parametrize("place", [(0, 0), (1, 3), (1, 6), (2, 2)])
@pytest.mark.parametrize("steps", [None, 5])
def test_a_sequence_is_taken_up_where_it_was(tmp_path, place: tuple[int, int], steps: int | None) -> None:
    if steps is not None and place[1] >= steps:
        pytest.skip("there is no such batch")
    options = {"epochs": 3, "verbose": 0, "steps_per_epoch": steps}
    model = make()
    history = model.fit(Numbered(), callbacks=[Save(tmp_path / "run", *place)], **options).history
    loaded = gm.models.load_model(tmp_path / "run")
    resumed = loaded.fit(Numbered(), resume=True, callbacks=[Save(tmp_path / "other", *place)], **options)
    assert bits(loaded) == bits(model)
    assert resumed.history == history


def test_taking_up_a_generator_says_what_it_cannot_restore(tmp_path) -> None:
    options = {"epochs": 3, "verbose": 0, "steps_per_epoch": 7}
    make().fit(endless(X, Y), callbacks=[Save(tmp_path / "run", 1, 3)], **options)
    loaded = gm.models.load_model(tmp_path / "run")
    with pytest.warns(GemmuleWarning, match="x gives batches one after the other, and where it stood cannot be"):
        history = loaded.fit(endless(X, Y), resume=True, callbacks=[Save(tmp_path / "run", 9, 9)], **options)
    assert history.epoch == [0, 1, 2]
    assert int(loaded.optimizer.iterations) == 21


def test_callbacks_hear_of_batches_by_their_numbers() -> None:
    heard = []

    class Listen(gm.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            heard.append((batch, sorted(logs)))

    diagnostics = gm.callbacks.Diagnostics(every=3, warn=False)
    make().fit(Loader(), epochs=2, verbose=0, callbacks=[Listen(), diagnostics])
    assert heard == [(number, ["loss", "mae"]) for number in [*range(7)] * 2]
    assert diagnostics.steps == [0, 3, 6, 9, 12]


def test_the_place_of_the_first_nan_is_named() -> None:
    bad = X.copy()
    bad[40] = np.nan
    with pytest.raises(NonFiniteError, match="epoch 1, batch 3"):
        make().fit(endless(bad, Y), steps_per_epoch=7, verbose=0)


def test_no_warning_without_a_reason() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make().fit(Loader(), epochs=2, verbose=0, validation_data=Numbered())


BAD = [
    (lambda m: m.fit(Numbered(), Y), "y cannot be passed when x gives batches"),
    (lambda m: m.fit(Numbered(), batch_size=8), "batch_size cannot be passed when x gives batches"),
    (lambda m: m.fit(Numbered(), sample_weight=W), "sample_weight cannot be passed when x gives batches"),
    (lambda m: m.fit(Numbered(), validation_split=0.2), "validation_split cannot be passed when x gives batches"),
    (lambda m: m.evaluate(Numbered(), Y, verbose=0), "y cannot be passed when x gives batches"),
    (lambda m: m.predict(Numbered(), batch_size=3), "batch_size cannot be passed when x gives batches"),
    (lambda m: m.fit(iter([])), "x gives no batches"),
    (lambda m: m.fit(iter([(X, Y[:3])])), "x gave a batch that cannot be used: x and y must have the same number"),
    (lambda m: m.fit(iter([(X, Y, W, W)])), r"A batch is (x,), (x, y) or (x, y, sample_weight)"),
    (lambda m: m.fit(X, Y, validation_data=iter([(X, Y[:, :1])])), "validation_data: mean_squared_error: the targets"),
    (lambda m: m.train_on_batch(endless(X, Y)), "x is no array, and only fit, evaluate and predict take generators"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), BAD)
def test_bad_input(call, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        call(make())


def test_workers_are_refused() -> None:
    for wrong in ({"workers": 4}, {"use_multiprocessing": True}, {"max_queue_size": 20}):
        with pytest.raises(ValueError, match="leave workers, use_multiprocessing and max_queue_size out"):
            gm.utils.PyDataset(**wrong)
