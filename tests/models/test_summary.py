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
