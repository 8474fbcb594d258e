"""The same code for gemmule and for Keras: that it runs on both is the point of gemmule's API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench import data
from bench.cases import MLP, TINY


def network(keras: Any, sizes: tuple[int, ...]) -> Any:
    """An MLP with ReLU and softmax, started from the common weights."""
    layers = [keras.layers.Input((sizes[0],))]
    layers += [keras.layers.Dense(units, activation="relu") for units in sizes[1:-1]]
    layers += [keras.layers.Dense(sizes[-1], activation="softmax")]
    model = keras.Sequential(layers)
    model.set_weights([array for pair in data.initial_weights(sizes) for array in pair])
    return model


def compiled(keras: Any, sizes: tuple[int, ...], optimizer: str) -> Any:
    """The MLP, ready to train."""
    if optimizer == "sgd":
        update = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True)
    else:
        update = keras.optimizers.Adam()
    model = network(keras, sizes)
    model.compile(optimizer=update, loss="sparse_categorical_crossentropy", metrics=[])
    return model


def steps_in_fit(
    keras: Any, sizes: tuple[int, ...], x: Any, y: Any, batch: int, optimizer: str
) -> Callable[[int], None]:
    """`run(steps)` is an epoch of `fit` over so many batches."""
    model = compiled(keras, sizes, optimizer)

    def run(steps: int) -> None:
        model.fit(x[: steps * batch], y[: steps * batch], batch_size=batch, epochs=1, shuffle=True, verbose=0)

    return run


def second_epoch(keras: Any) -> Callable[[int], float]:
    """`run` trains two epochs and gives the seconds of the second."""
    model = compiled(keras, MLP, "sgd")
    x, y = data.images()

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds = time.perf_counter() - self.begin

    def run(_: int) -> float:
        clock = Clock()
        model.fit(x, y, batch_size=32, epochs=2, shuffle=True, verbose=0, callbacks=[clock])
        return clock.seconds

    return run


def predictor(keras: Any, method: str, batch: int) -> Callable[[int], None]:
    """NumPy in, NumPy out."""
    model = network(keras, MLP)
    x = data.images()[0][:batch]

    def predict(steps: int) -> None:
        for _ in range(steps):
            model.predict(x, verbose=0)

    def predict_on_batch(steps: int) -> None:
        for _ in range(steps):
            model.predict_on_batch(x)

    return predict if method == "predict" else predict_on_batch


def prepare(keras: Any, case: str) -> Callable[[int], float | None]:
    """The run of a case."""
    keras.utils.set_random_seed(0)
    if case == "mlp_train":
        return steps_in_fit(keras, MLP, *data.images(), 32, "sgd")
    if case == "mlp_epoch":
        return second_epoch(keras)
    if case in ("tiny_train_1", "tiny_train_32"):
        return steps_in_fit(keras, TINY, *data.rows(), int(case.split("_")[-1]), "adam")
    if case.startswith("predict"):
        method, _, batch = case.rpartition("_")
        return predictor(keras, method, int(batch))
    raise NotImplementedError(case)
