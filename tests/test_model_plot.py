"""Drawings of models: places without overlaps, and pictures by both renderers."""

from __future__ import annotations

import itertools
import shutil
import sys

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Add, Dense, Flatten
from gemmule.utils import model_plot
from gemmule.utils.graph_layout import arrange
from gemmule.utils.model_picture import Picture
from gemmule.utils.nested_layout import arrange_nested
from tests.helpers import exactly


def residual(blocks: int = 3) -> gm.Model:
    x = image = gm.Input((4, 4), name="image")
    x = Dense(8, activation="relu")(Flatten()(x))
    for _ in range(blocks):
        x = Add()([x, Dense(8)(Dense(8)(x))])
    late = gm.Input((3,), name="late")
    head = gm.Sequential([Dense(4, activation="tanh", name="first"), Dense(2, name="second")], name="head")
    return gm.Model([image, late], head(gm.ops.concatenate([x, Dense(2)(late)], axis=-1)) * 2.0)


def random_graph(seed: int) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 25))
    sizes = [(float(w), float(h)) for w, h in rng.uniform(0.3, 2.0, (count, 2))]
    pairs = list(itertools.combinations(range(count), 2))
    return sizes, [pairs[i] for i in rng.permutation(len(pairs))[: int(1.4 * count)]]


@pytest.mark.parametrize("seed", range(12))
def test_boxes_do_not_overlap_and_arrows_point_down(seed):
    sizes, edges = random_graph(seed)
    layout = arrange(sizes, edges)
    for (a, one), (b, other) in itertools.combinations(enumerate(layout.centers), 2):
        apart = abs(one[0] - other[0]) >= (sizes[a][0] + sizes[b][0]) / 2
        assert apart or abs(one[1] - other[1]) >= (sizes[a][1] + sizes[b][1]) / 2
    for (a, b), route in zip(edges, layout.routes):
        heights = [y for _, y in route]
        assert heights == sorted(heights)
        assert route[0][0] == layout.centers[a][0]
        assert route[-1][0] == layout.centers[b][0]
        for number, (left, right) in enumerate(zip(route, route[1:])):
            if number % 2:  # where a line passes a rank it passes beside its boxes
                assert left[0] == right[0]
                level = [n for n in range(len(sizes)) if left[1] <= layout.centers[n][1] <= right[1]]
                assert all(abs(layout.centers[n][0] - left[0]) >= sizes[n][0] / 2 for n in level)
    for (x, y), (w, h) in zip(layout.centers, sizes):
        assert x - w / 2 >= -1e-9
        assert x + w / 2 <= layout.width + 1e-9
        assert y - h / 2 >= -1e-9
        assert y + h / 2 <= layout.height + 1e-9


def test_a_chain_is_straight_and_shortcuts_go_around():
    layout = arrange([(1.0, 0.5)] * 6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 4)])
    assert len({round(x, 6) for x, _ in layout.centers}) <= 2
    assert abs(layout.routes[-1][1][0] - layout.centers[2][0]) > 0.5


def test_late_inputs_stand_where_they_are_needed():
    layout = arrange([(1.0, 0.5)] * 6, [(0, 1), (1, 2), (2, 5), (3, 4), (4, 5)])
    assert layout.centers[4][1] == layout.centers[2][1]
    assert layout.centers[3][1] == layout.centers[1][1]


@pytest.mark.parametrize("seed", range(12))
def test_frames_hold_their_boxes_and_no_others(seed):
    """Boxes in a row of groups, some of them inside of others; edges lead across and forward."""
    sizes, edges = random_graph(seed)
    parents = [0, 0, 1, 0]
    groups = [min(4 * box // len(sizes), 3) for box in range(len(sizes))]
    layout, frames = arrange_nested(sizes, [(a, b) for a, b in edges if a < b], groups, parents)
    around = {3: {3}, 2: {2, 1}, 1: {1}, 0: set()}
    for box, ((x, y), (w, h)) in enumerate(zip(layout.centers, sizes)):
        for group, (left, top, right, bottom) in frames.items():
            inside = left <= x - w / 2 and x + w / 2 <= right and top <= y - h / 2 and y + h / 2 <= bottom
            outside = x + w / 2 <= left or right <= x - w / 2 or y + h / 2 <= top or bottom <= y - h / 2
            assert inside if group in around[groups[box]] else outside
    for (a, b), route in zip([(a, b) for a, b in edges if a < b], layout.routes):
        assert route[0] == pytest.approx((layout.centers[a][0], layout.centers[a][1] + sizes[a][1] / 2))
        assert route[-1] == pytest.approx((layout.centers[b][0], layout.centers[b][1] - sizes[b][1] / 2))
        assert [y for _, y in route] == sorted(y for _, y in route)


def test_a_model_called_twice_has_a_frame_for_each_call():
    x, y = gm.Input((4,)), gm.Input((4,))
    inner = gm.Sequential([gm.Input((4,)), Dense(3), Dense(2)], name="inner")
    picture = picture_of(gm.Model([x, y], inner(x) + 2.0 * inner(y)), expand=True)
    assert picture.frames == [("", 0), ("inner (Sequential)", 0), ("inner (Sequential)", 0)]
    assert [box.group for box in picture.boxes].count(1) == [box.group for box in picture.boxes].count(2) == 2


def picture_of(model, expand=False, **show):
    options = dict.fromkeys(("shapes", "dtype", "names", "activations", "trainable"), False)
    picture = Picture(options | show, expand)
    picture.add_model(model)
    return picture


def test_what_boxes_say():
    model = residual(1)
    model.layers[2].trainable = False
    picture = picture_of(model, names=True, shapes=True, dtype=True, activations=True, trainable=True)
    boxes = {box.title: box for box in picture.boxes}
    assert boxes["image"] == ("image", ("InputLayer", "(None, 4, 4)", "float32"), "input", 0)
    assert boxes["dense"].lines == ("Dense", "relu", "(None, 16) → (None, 8)", "float32", "frozen")
    assert boxes["dense"].kind == "frozen"
    assert boxes["add"].lines == ("Add", "(None, 8)", "float32")
    assert boxes["concatenate"].lines[:2] == ("ops.concatenate", "(None, 8), (None, 2) → (None, 10)")
    assert boxes["head"].kind == "model"
    titles = [box.title for box in picture.boxes]
    edges = {(titles[a], titles[b]) for a, b in picture.edges}
    assert {("dense", "add"), ("image", "flatten"), ("concatenate", "head"), ("head", "multiply")} <= edges
    assert [box.title for box in picture_of(model).boxes][:3] == ["InputLayer", "InputLayer", "Flatten"]


def test_nested_models_are_opened():
    picture = picture_of(residual(), expand=True, names=True)
    boxes = {box.title: box for box in picture.boxes}
    assert picture.frames == [("", 0), ("head (Sequential)", 0)]
    assert boxes["first"].group == boxes["second"].group == 1
    titles = [box.title for box in picture.boxes]
    edges = {(titles[a], titles[b]) for a, b in picture.edges}
    assert {("concatenate", "first"), ("first", "second"), ("second", "multiply")} <= edges


def test_the_graph_in_the_language_of_graphviz():
    picture = picture_of(residual(1), expand=True, names=True)
    source = model_plot.to_dot(picture.boxes, picture.edges, picture.frames, "LR")
    assert source.count("{") == source.count("}")
    assert "rankdir=LR" in source
    assert "<B>image</B>" in source
    assert "subgraph cluster_1" in source
    assert source.count("->") == len(picture.edges)


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not there")
def test_a_picture_by_graphviz(tmp_path):
    drawing = gm.utils.plot_model(residual(), tmp_path / "model.svg", show_shapes=True, renderer="graphviz", dpi=60)
    assert drawing._repr_png_().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "model.svg").read_bytes()


@pytest.mark.parametrize("renderer", ["graphviz", "matplotlib"])
def test_unknown_formats(tmp_path, renderer):
    if renderer == "matplotlib":
        pytest.importorskip("matplotlib")
    elif not shutil.which("dot"):
        pytest.skip("Graphviz is not there")
    message = (
        "plot_model: no picture of this format can be drawn. Let to_file end with .png, .svg, .pdf or .jpg. "
        "Received: format='nonsense'."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        gm.utils.plot_model(residual(), tmp_path / "model.nonsense", renderer=renderer)
    assert not list(tmp_path.iterdir())


def test_graphviz_may_be_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    message = (
        "plot_model: Graphviz's program dot is not there. Install Graphviz, or pass renderer='matplotlib'."
    )  # fmt: skip
    with pytest.raises(ImportError, match=exactly(message)):
        gm.utils.plot_model(residual(), None, renderer="graphviz")


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("name", ["model.png", "model.svg"])
def test_a_picture_by_matplotlib(tmp_path, rankdir, name):
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    options = {"rankdir": rankdir, "expand_nested": True, "show_shapes": True, "show_layer_names": True, "dpi": 50}
    figure = gm.utils.plot_model(residual(), path, renderer="matplotlib", **options)
    assert path.stat().st_size > 1000
    drawn = {text.get_text() for text in figure.axes[0].texts}
    assert {"image", "InputLayer", "(None, 4, 4)", "head (Sequential)", "ops.concatenate"} <= drawn
    left, right = sorted(figure.axes[0].get_xlim())
    bottom, top = sorted(figure.axes[0].get_ylim())
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        assert left < x < right
        assert bottom < y < top


def test_a_sequential_and_a_very_long_model():
    pytest.importorskip("matplotlib")
    model = gm.Sequential([gm.Input((4,)), *[Dense(4) for _ in range(40)]])
    figure = gm.utils.plot_model(model, None, renderer="matplotlib", dpi=2400)
    assert max(figure.get_size_inches()) * figure.dpi <= 30_001


def test_matplotlib_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setenv("PATH", "")
    message = 'plot_model needs Graphviz (its program dot) or matplotlib: pip install "gemmule[plot]".'
    with pytest.raises(ImportError, match=exactly(message)):
        gm.utils.plot_model(residual(), None)


class Own(gm.Model):
    def call(self, inputs):
        return inputs


MESSAGES = [
    (lambda: gm.utils.plot_model(residual(), rankdir="up"), "plot_model: rankdir is one of TB, BT, LR, RL. "
     "Received: rankdir='up'."),
    (lambda: gm.utils.plot_model(residual(), renderer="tikz"), "plot_model: renderer is 'graphviz' or 'matplotlib'. "
     "Received: renderer='tikz'."),
    (lambda: gm.utils.plot_model(residual(), dpi=0), "plot_model: dpi is a number from 10 to 2400. Received: dpi=0."),
    (lambda: gm.utils.plot_model(Own()), "plot_model draws the graph of a Sequential model or of gm.Model(inputs, "
     "outputs). What a subclass of Model does in call() is not known as a graph. "
     "Received: model=<Own name=own, built=False>."),
    (lambda: gm.utils.plot_model(gm.Sequential([Dense(3)])), 'Sequential model "sequential" has no symbolic input yet, '
     "because it does not know the shape of its input. Begin it with gm.Input(...), or call it on data first."),
]  # fmt: skip


@pytest.mark.parametrize(("action", "message"), MESSAGES)
def test_messages(action, message):
    with pytest.raises(ValueError, match=exactly(message)):
        action()
