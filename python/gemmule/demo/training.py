"""What `python -m gemmule demo` does: load, train, evaluate, show, save."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

import gemmule as gm
from gemmule.datasets import fashion_mnist
from gemmule.demo import report

BATCH = 32
VALIDATION = 1 / 12  # 5,000 of the 60,000 training images
EPOCHS = {"full": 10, "sample": 12}


def run(
    epochs: int | None = None, data: str = "auto", output: str | Path = ".", seed: int = 42, model: str = "mlp"
) -> dict[str, Any]:
    """Trains a network on Fashion-MNIST and shows the result.

    Args:
        epochs: Passes over the data; None for 10 on the full set and 12 on the sample.
        data: `"full"`, `"sample"`, or `"auto"`: for the MLP the full set when it is on this machine, else the sample.
        output: Folder for `gemmule-demo.safetensors` and `gemmule-demo.png`; made if it does not exist.
        seed: Of weights and shuffling.
        model: `"mlp"` for 784-300-100-10, `"cnn"` for two convolutions with pooling and a dense layer.

    Returns:
        `accuracy` (on the test set), `history`, `data` (which set was used) and `files` (what was written).

    Raises:
        ImportError: if the full set must be downloaded and pooch is missing.
        OSError: if it cannot be downloaded, or `output` cannot be written.
        ValueError: for an unknown `data` or `model`, or a corrupt file.

    Example:
        >>> from gemmule.demo import run
        >>> run(data="sample")["accuracy"] > 0.8
        True
    """
    if model not in MODELS:
        raise ValueError(f"The demo's model must be one of {', '.join(map(repr, MODELS))}. Received: model={model!r}.")
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if data == "auto" and model == "cnn":
        data = "sample"
    data, ((x_train, y_train), (x_test, y_test)) = load(data)
    epochs = epochs or EPOCHS[data]
    print(f"Fashion-MNIST, {'the full set' if data == 'full' else 'the sample that comes with gemmule'}: "
          f"{len(x_train):,} training and {len(x_test):,} test images of 28x28 pixels in 10 classes\n")  # fmt: skip
    network = build(model, seed)
    network.summary()
    history = train(network, x_train, y_train, epochs)
    probabilities = np.asarray(network.predict(x_test, batch_size=256, verbose=0))
    accuracy = float((probabilities.argmax(axis=1) == y_test).mean())
    print(report.text(history, x_test, y_test, probabilities))
    files = save(network, output, history, x_test, y_test, probabilities)
    print(report.next_steps(model, data, files))
    return {"accuracy": accuracy, "history": history, "data": data, "files": files}


def load(data: str) -> tuple[str, Any]:
    """The set that was asked for and which one it is; pixels as float32 from 0 to 1."""
    if data not in ("auto", "full", "sample"):
        raise ValueError(f"The demo's data must be 'auto', 'full' or 'sample'. Received: data={data!r}.")
    if data == "auto":
        data = "full" if fashion_mnist.is_available() else "sample"
    splits = fashion_mnist.load_data() if data == "full" else fashion_mnist.load_sample()
    return data, tuple((x.astype(np.float32) / 255, y) for x, y in splits)


def mlp() -> tuple[list[Any], Any]:
    """Layers and optimizer of 784-300-100-10."""
    layers = [
        gm.layers.Flatten(),
        gm.layers.Dense(300, activation="relu"),
        gm.layers.Dense(100, activation="relu"),
    ]
    return layers, gm.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True)


def cnn() -> tuple[list[Any], Any]:
    """Layers and optimizer of a small convolutional network."""
    layers = [
        gm.layers.Reshape((28, 28, 1)),
        gm.layers.Conv2D(32, 3, padding="same", activation="relu"),
        gm.layers.MaxPooling2D(),
        gm.layers.Conv2D(64, 3, padding="same", activation="relu"),
        gm.layers.MaxPooling2D(),
        gm.layers.Flatten(),
        gm.layers.Dropout(0.4),
        gm.layers.Dense(64, activation="relu"),
    ]
    return layers, gm.optimizers.Adam(learning_rate=0.002)


MODELS = {"mlp": mlp, "cnn": cnn}


def build(model: str = "mlp", seed: int = 42) -> Any:
    """The compiled network."""
    gm.utils.clear_session()
    gm.utils.set_random_seed(seed)
    layers, optimizer = MODELS[model]()
    network = gm.Sequential([gm.Input(shape=(28, 28)), *layers, gm.layers.Dense(10, activation="softmax")])
    network.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


class SlowFinish(gm.callbacks.Callback):
    """Takes a tenth of the learning rate in the last fifth of the epochs: small steps settle what large ones found."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.first = epochs - epochs // 5

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Lowers the rate once."""
        if epoch == self.first:
            self.model.optimizer.learning_rate = 0.1 * float(self.model.optimizer.learning_rate)


def train(model: Any, x: np.ndarray, y: np.ndarray, epochs: int) -> dict[str, list[float]]:
    """Fits with a progress bar; the last twelfth of the images is kept for validation."""
    start = time.perf_counter()
    history = model.fit(
        x, y, batch_size=BATCH, epochs=epochs, validation_split=VALIDATION, callbacks=[SlowFinish(epochs)]
    ).history
    seconds = time.perf_counter() - start
    images = epochs * round(len(x) * (1 - VALIDATION))
    print(f"\nTrained in {seconds:.1f} s: {images / seconds:,.0f} images a second, validation included")
    return history


def save(model: Any, output: Path, history: dict[str, list[float]], x: Any, y: Any, probabilities: Any) -> list[Path]:
    """Writes the weights and, if matplotlib is there, the figure."""
    files = [output / "gemmule-demo.safetensors"]
    model.save_weights(files[0])
    try:
        from gemmule.demo import figure
    except ImportError:
        return files
    files.append(output / "gemmule-demo.png")
    figure.save(files[1], history, x, y, probabilities)
    return files
