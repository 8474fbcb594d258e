"""The table of `summary()`."""

from __future__ import annotations

import io
import sys

import pytest

import gemmule as gm
from gemmule.layers import Dense, Flatten

EXPECTED = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┓
┃ Layer (type)                   ┃ Output Shape             ┃      Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━┩
│ flatten (Flatten)              │ (None, 784)              │            0 │
├────────────────────────────────┼──────────────────────────┼──────────────┤
│ dense (Dense)                  │ (None, 300)              │      235,500 │
├────────────────────────────────┼──────────────────────────┼──────────────┤
│ dense_1 (Dense)                │ (None, 100)              │       30,100 │
├────────────────────────────────┼──────────────────────────┼──────────────┤
│ dense_2 (Dense)                │ (None, 10)               │        1,010 │
└────────────────────────────────┴──────────────────────────┴──────────────┘
 Total params: 266,610 (1.02 MB)
 Trainable params: 266,610 (1.02 MB)
 Non-trainable params: 0 (0.00 B)"""


def mlp() -> gm.Sequential:
    layers = [Flatten(), Dense(300, activation="relu"), Dense(100, activation="relu"), Dense(10, activation="softmax")]
    return gm.Sequential([gm.Input((28, 28)), *layers])


def text_of(model: gm.Model, **kwargs: object) -> str:
    parts: list[str] = []
    model.summary(print_fn=parts.append, **kwargs)
    return "\n".join(parts)


def test_table():
    assert text_of(mlp(), line_length=76) == EXPECTED


def test_it_prints(capsys):
    mlp().summary()
    assert "Total params: 266,610" in capsys.readouterr().out


def test_plain_characters_where_the_terminal_has_no_others(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii", write_through=True))
    mlp().summary(line_length=76)
    lines = raw.getvalue().decode("ascii").splitlines()
    assert lines[1] == "+================================+==========================+==============+"
    assert lines[4] == "| flatten (Flatten)              | (None, 784)              |            0 |"


def test_unbuilt():
    text = text_of(gm.Sequential([Dense(3)]))
    assert "│ ? " in text
    assert "0 (unbuilt) │" in text


def test_frozen_layers():
    model = mlp()
    model.layers[1].trainable = False
    text = text_of(model, show_trainable=True)
    assert " Trainable params: 31,110 (121.52 KB)" in text
    assert " Non-trainable params: 235,500 (919.92 KB)" in text
    flags = [line.split("│")[4].strip() for line in text.splitlines() if line.startswith("│")]
    assert flags == ["-", "N", "Y", "Y"]


def test_nested_layers():
    model = gm.Sequential([gm.Input((4,)), gm.Sequential([Dense(3)], name="inner"), Dense(1)])
    assert "└ dense (Dense)" in text_of(model, expand_nested=True)
    assert "└" not in text_of(model).split("Total")[0].splitlines()[4]


def test_long_names_are_wrapped():
    model = gm.Sequential([gm.Input((4,)), Dense(3, name="a_name_that_does_not_fit_into_its_column")])
    widths = {len(line) for line in text_of(model, line_length=50).splitlines() if line[0] in "┏┃┡│└"}
    assert widths == {50}


def test_range_of_layers():
    model = mlp()
    text = text_of(model, layer_range=("dense", "dense_1"))
    assert "dense_1 (Dense)" in text
    assert "flatten" not in text
    assert "dense_2" not in text
    with pytest.raises(ValueError, match=r"No layer is called 'conv'. Known: flatten, dense, dense_1, dense_2."):
        text_of(model, layer_range=("conv", "dense"))


def test_positions():
    line = text_of(mlp(), line_length=60, positions=[0.5, 0.75, 1.0]).splitlines()[1]
    assert [len(part) for part in line.strip("┏┓").split("┳")] == [28, 14, 14]
    with pytest.raises(ValueError, match="positions holds 3 growing numbers"):
        text_of(mlp(), positions=[0.5, 1.0])
    with pytest.raises(ValueError, match="The table is too narrow"):
        text_of(mlp(), line_length=12)


def graph() -> gm.Model:
    image, extra = gm.Input((4, 4), name="image"), gm.Input((3,), name="extra")
    shared = Dense(8, name="shared")
    x = shared(Flatten()(image)) + shared(Dense(16)(extra))
    x = gm.Sequential([Dense(4, activation="relu"), Dense(2)], name="head")(x)
    long = Dense(2, name="a_long_name_as_in_residual_networks")(x)
    return gm.Model([image, extra], gm.layers.Concatenate()([x, long]), name="net")


def cells_of(text: str) -> list[list[str]]:
    """The first line of each row."""
    lines = text.splitlines()
    rows = [line for before, line in zip(lines, lines[1:]) if before[0] in "├┡" and line[0] == "│"]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_connections():
    rows = cells_of(text_of(graph(), line_length=140))
    assert rows == [
        ["image (InputLayer)", "(None, 4, 4)", "0", "-"],
        ["extra (InputLayer)", "(None, 3)", "0", "-"],
        ["flatten (Flatten)", "(None, 16)", "0", "image[0][0]"],
        ["shared (Dense)", "(None, 8)", "136", "flatten[0][0], dense[0][0]"],
        ["dense (Dense)", "(None, 16)", "64", "extra[0][0]"],
        ["add (Add)", "(None, 8)", "0", "shared[0][0], shared[1][0]"],
        ["head (Sequential)", "(None, 2)", "46", "add[0][0]"],
        ["a_long_name_as_in_residual_networks (Dense)", "(None, 2)", "6", "head[0][0]"],
        ["concatenate (Concatenate)", "(None, 4)", "0", "head[0][0],"],
    ]
    assert " Total params: 252 " in text_of(graph())


@pytest.mark.parametrize("width", [60, 72, 80, 120])
def test_a_graph_fits_the_terminal(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for options in ({}, {"expand_nested": True}):
        lines = [line for line in text_of(graph(), **options).splitlines() if line[0] in "┏┃┡│├└"]
        assert max(len(line) for line in lines) <= width
        assert len({len(line) for line in lines}) == 1
        text = "".join(cells_of(text_of(graph(), **options))[1])
        assert "(None, 3)" in text
    with pytest.raises(ValueError, match="The table is too narrow"):
        text_of(graph(), line_length=30)


def test_a_chain_needs_no_connections():
    x = gm.Input((4,))
    text = text_of(gm.Model(x, Dense(3)(Dense(2)(x)) * 2.0), show_trainable=True)
    assert "Connected to" not in text
    assert cells_of(text)[-1] == ["multiply (Multiply)", "(None, 3)", "0", "-"]


def test_nested_graphs_are_shown_with_their_connections():
    x = gm.Input((4,))
    image = gm.ops.reshape(gm.ops.concatenate([x] * 4, axis=-1), (-1, 4, 4))
    model = gm.Model(x, x + graph()([image, x[:, :3]]))
    rows = cells_of(text_of(model, line_length=120, expand_nested=True))
    assert ["└ shared (Dense)", "(None, 8)", "136", "flatten[0][0], dense[0][0]"] in rows
    assert ["└ dense_1 (Dense)", "(None, 4)", "36", ""] in rows
