"""Figures of trainings: what is drawn, with which labels."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks.layer_numbers import Histogram
from tests.helpers import exactly

pytest.importorskip("matplotlib")


def lines(axes) -> dict[str, tuple[list, list]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


# ---- History ---------------------------------------------------------------------------------------------------------


def test_history_of_fit(tmp_path) -> None:
    model = gm.Sequential([gm.Input((1,)), gm.layers.Dense(1)])
    model.compile(loss="mse", metrics=["mae"])
    x = np.linspace(-1, 1, 40).reshape(-1, 1)
    history = model.fit(x, x, epochs=5, initial_epoch=2, validation_split=0.2, verbose=0)
    figure = gm.utils.plot_history(history, to_file=tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes()[:4] == b"\x89PNG"
    assert [axes.get_title() for axes in figure.axes] == ["loss", "mae"]
    for axes, name in zip(figure.axes, ("loss", "mae")):
        drawn = lines(axes)
        assert drawn["training"] == ([3, 4, 5], history.history[name])
        assert drawn["validation"] == ([3, 4, 5], history.history[f"val_{name}"])
        assert axes.get_xlabel() == "epoch"
        assert len(axes.get_legend().get_texts()) == 2


def test_history_of_a_dict() -> None:
    values = {"accuracy": [0.5, 0.6], "loss": [2.0, 1.0], "learning_rate": [0.1, 0.05], "matrix": [np.eye(2)] * 2}
    figure = gm.utils.plot_history(values, log_scale=True)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy", "learning_rate"]
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear", "linear"]
    assert figure.axes[0].get_legend() is None
    figure = gm.utils.plot_history({"val_loss": [1.0], "loss": [1.0], "mae": [1.0]}, metrics=["mae"])
    assert [axes.get_title() for axes in figure.axes] == ["mae"]


def test_history_refuses() -> None:
    with pytest.raises(ValueError, match=r"^plot_history: 'los' is not in the history. Did you mean 'loss'\?"):
        gm.utils.plot_history({"loss": [1.0]}, metrics=["los"])
    with pytest.raises(ValueError, match=exactly("plot_history: the history is empty. Train for at least one epoch.")):
        gm.utils.plot_history({})
    message = "plot_history takes what fit() returned, or a dict of lists. Received: history=3."
    with pytest.raises(ValueError, match=exactly(message)):
        gm.utils.plot_history(3)


# ---- Diagnostics -----------------------------------------------------------------------------------------------------


@pytest.fixture
def diagnostics() -> gm.callbacks.Diagnostics:
    model = gm.Sequential([gm.Input((3,))])
    for name in ("a", "b", "c"):
        model.add(gm.layers.Dense(4, activation="relu", name=name))
    model.compile(loss="mse")
    found = gm.callbacks.Diagnostics(every=2, warn=False)
    x = np.random.default_rng(0).normal(size=(50, 3))
    model.fit(x, np.tile(x[:, :1], 4), batch_size=10, verbose=0, callbacks=[found])
    return found


def test_numbers(diagnostics, tmp_path) -> None:
    figure = gm.utils.plot_diagnostics(diagnostics, to_file=tmp_path / "numbers.pdf")
    assert (tmp_path / "numbers.pdf").read_bytes()[:4] == b"%PDF"
    assert [axes.get_title() for axes in figure.axes] == [
        "‖Δw‖ / ‖w‖ of a step",
        "std of the gradient",
        "std of the activation",
        "mean of the activation",
        "share of dead units",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]
    drawn = list(lines(figure.axes[1]).values())
    assert drawn == [([0, 2, 4], numbers["gradient_std"]) for numbers in diagnostics.history.values()]
    assert figure.axes[0].get_yscale() == "log"
    assert len(gm.utils.plot_diagnostics(diagnostics, layers=["b"]).axes[1].lines) == 1


def test_a_long_legend_is_thinned() -> None:
    seen = gm.callbacks.Diagnostics()
    seen.steps = [0]
    numbers = {key: [math.nan] for key in ("update_ratio", "activation_mean", "activation_std", "dead", "saturated")}
    seen.history = {f"layer_{i}": {**numbers, "gradient_std": [1.0]} for i in range(40)}
    figure = gm.utils.plot_diagnostics(seen)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (len(figure.axes), len(names), names[0], names[-1]) == (1, 12, "layer_0", "layer_39")


@pytest.mark.parametrize("what", ["activations", "gradients"])
def test_histograms(diagnostics, what: str) -> None:
    figure = gm.utils.plot_diagnostics(diagnostics, what)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    assert figure._suptitle.get_text() == f"{what}: batch 0 in grey, batch 4 in blue"
    last = diagnostics.history["a"][f"{what[:-1]}_histogram"][-1]
    assert isinstance(last, Histogram)
    values, edges, _ = figure.axes[0].patches[-1].get_data()
    assert (edges[0], edges[-1]) == pytest.approx((last.low, last.high))
    assert np.sum(values * np.diff(edges)) == pytest.approx(1.0)


def test_diagnostics_refuses(diagnostics) -> None:
    with pytest.raises(ValueError, match=r"^plot_diagnostics: unknown what='weights'"):
        gm.utils.plot_diagnostics(diagnostics, "weights")
    with pytest.raises(ValueError, match=r"^plot_diagnostics: no layer 'd' was seen. Known: a, b, c.$"):
        gm.utils.plot_diagnostics(diagnostics, layers=["d"])
    message = "plot_diagnostics: nothing was seen yet. Pass the callback to fit() first."
    with pytest.raises(ValueError, match=exactly(message)):
        gm.utils.plot_diagnostics(gm.callbacks.Diagnostics())


# ---- Confusion matrix ------------------------------------------------------------------------------------------------


def cells(figure) -> dict[tuple[int, int], str]:
    return {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in figure.axes[0].texts}


def test_confusion_matrix(tmp_path) -> None:
    true, scores = [0, 0, 0, 1, 2], np.eye(3)[[0, 0, 2, 1, 2]]
    figure = gm.utils.plot_confusion_matrix(true, scores, ["cat", "dog", "sea lion"], to_file=tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000
    assert cells(figure) == {(0, 0): "2", (0, 2): "1", (1, 1): "1", (2, 2): "1"}
    axes = figure.axes[0]
    assert axes.get_title() == "5 examples, 80.0% right"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", "sea lion"]
    np.testing.assert_allclose(axes.images[0].get_array()[0], [2 / 3, 0, 1 / 3])


def test_shares_and_matrices() -> None:
    figure = gm.utils.plot_confusion_matrix([[999, 1], [0, 0]], normalize=True)
    assert cells(figure) == {(0, 0): "100", (0, 1): "<1"}
    assert figure.axes[0].get_title() == "1,000 examples, 99.9% right; per cent of each row"
    assert not cells(gm.utils.plot_confusion_matrix(np.eye(100)))  # too small to read


def test_confusion_matrix_refuses() -> None:
    message = "plot_confusion_matrix needs one name for each class. Received: class_names=1, classes=2."
    with pytest.raises(ValueError, match=exactly(message)):
        gm.utils.plot_confusion_matrix([0, 1], [0, 1], ["one"])
    with pytest.raises(ValueError, match="takes true and predicted classes, or a square matrix alone"):
        gm.utils.plot_confusion_matrix([0, 1])
