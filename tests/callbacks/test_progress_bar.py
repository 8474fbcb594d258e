"""What is written to terminals, notebooks and pipes, how often, and how much of it."""

from __future__ import annotations

import io
import sys
import time
import types

import numpy as np
import pytest

import gemmule as gm
from gemmule.callbacks import progress_bar
from gemmule.callbacks.progress_bar import ProgressBar, format_logs, format_seconds, format_step
from tests.helpers import exactly


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class OutStream(io.StringIO):
    """Named as the stream of a notebook."""

    encoding = "utf-8"


@pytest.fixture(autouse=True)
def plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours, whether rich is installed or not, but for the test of them."""
    if "colour" not in request.node.name:
        monkeypatch.setattr(progress_bar, "_painter", lambda: None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Time that passes only when told."""
    now = types.SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress_bar.time, "perf_counter", lambda: now.seconds)
    return now


def run_epoch(bar: ProgressBar, clock, batches: int, seconds: float) -> None:
    for done in range(1, batches + 1):
        clock.seconds += seconds / batches
        bar.update(done, lambda: {"loss": 0.5})
    bar.finish({"accuracy": 0.9012, "loss": 0.2712})


def as_terminal(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, columns: int = 100) -> io.StringIO:
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", str(columns))
    return stream


def test_terminal(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    out = as_terminal(monkeypatch, Terminal())
    bar = ProgressBar.of("auto", {"epochs": 10, "steps": 4})
    bar.start(2)
    run_epoch(bar, clock, 4, 2.0)
    written = out.getvalue()
    assert written.startswith(
        "Epoch 3/10\n\r1/4 ━━━━━───────────────  2s 500ms/step - loss: 0.5000".replace("  2s", " 2s")
    )
    lines = written.split("\r")
    assert len(lines) == 1 + 4 + 1
    assert lines[-1] == "4/4 ━━━━━━━━━━━━━━━━━━━━ 2s 500ms/step - accuracy: 0.9012 - loss: 0.2712\n"


def test_a_shorter_line_covers_a_longer_one(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    out = as_terminal(monkeypatch, Terminal())
    bar = ProgressBar(True, 1, 2)
    bar.start(0)
    clock.seconds = 1.0
    bar.update(1, lambda: {"a_very_long_name": 1.0})
    bar.finish({})
    long, short = out.getvalue().split("\r")[1:]
    assert len(short.rstrip("\n")) == len(long)


def test_a_narrow_terminal_never_wraps(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    out = as_terminal(monkeypatch, Terminal(), columns=40)
    bar = ProgressBar(True, 1, 2)
    bar.start(0)
    clock.seconds = 1.0
    bar.update(1, lambda: {f"metric_{i}": 1.0 for i in range(10)})
    assert len(out.getvalue().split("\r")[1]) == 39


def test_no_more_than_ten_drawings_a_second(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    out = as_terminal(monkeypatch, Terminal())
    bar = ProgressBar(True, 1, 10_000)
    bar.start(0)
    run_epoch(bar, clock, 10_000, 3.0)
    assert 20 <= out.getvalue().count("\r") <= 31


def test_a_page_of_a_notebook_stays_small(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    out = as_terminal(monkeypatch, OutStream())
    bar = ProgressBar(True, 100, 1719)
    for epoch in range(100):
        bar.start(epoch)
        run_epoch(bar, clock, 1719, 3.0)
    written = out.getvalue()
    assert 300 <= written.count("\r") <= 600
    assert len(written.encode()) <= 100_000


def test_pipe(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    out = as_terminal(monkeypatch, io.StringIO())
    bar = ProgressBar.of(1, {"epochs": 10, "steps": 1719})
    bar.start(2)
    run_epoch(bar, clock, 1719, 2.0)
    assert out.getvalue() == "Epoch 3/10 - 1719/1719 - 2s - 1ms/step - accuracy: 0.9012 - loss: 0.2712\n"


def test_verbose_2_on_a_terminal(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    out = as_terminal(monkeypatch, Terminal())
    bar = ProgressBar.of(2, {"epochs": 2, "steps": 2})
    bar.start(0)
    run_epoch(bar, clock, 2, 0.001)
    assert out.getvalue() == "Epoch 1/2 - 2/2 - 0s - 500us/step - accuracy: 0.9012 - loss: 0.2712\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", None])
def test_streams_without_the_signs_get_ascii(monkeypatch: pytest.MonkeyPatch, clock, encoding: str | None) -> None:
    stream = type("Old", (Terminal,), {"encoding": encoding})()
    out = as_terminal(monkeypatch, stream)
    bar = ProgressBar(True, 1, 4)
    bar.start(0)
    run_epoch(bar, clock, 4, 1.0)
    assert "2/4 ==========.........." in out.getvalue()
    out.getvalue().encode("ascii")


def test_an_epoch_that_was_stopped_shows_where(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    out = as_terminal(monkeypatch, io.StringIO())
    bar = ProgressBar(True, 1, 100)
    bar.start(0)
    bar.update(40, dict)
    clock.seconds = 4.0
    bar.finish({})
    assert out.getvalue() == "Epoch 1/1 - 40/100 - 4s - 100ms/step\n"


def test_verbose() -> None:
    assert ProgressBar.of(0, {}) is None
    assert ProgressBar.of(False, {}) is None
    message = "verbose must be 0 (silent), 1 (bar), 2 (one line) or 'auto'. Received: verbose=3."
    with pytest.raises(ValueError, match=exactly(message)):
        ProgressBar.of(3, {})


def test_formats() -> None:
    assert [format_seconds(s) for s in (0.4, 59.4, 61, 3661)] == ["0s", "59s", "1:01", "1:01:01"]
    assert [format_step(s) for s in (2.2, 0.0134, 85e-6)] == ["2s/step", "13ms/step", "85us/step"]
    logs = {"a": 0.5, "b": 1e-5, "c": 0, "d": float("nan"), "e": -3.0, "f": "text"}
    assert format_logs(logs) == " - a: 0.5000 - b: 1.0000e-05 - c: 0.0000 - d: nan - e: -3.0000 - f: text"


def make() -> tuple[gm.Sequential, np.ndarray, np.ndarray]:
    model = gm.Sequential([gm.Input((2,)), gm.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    x = np.ones((64, 2), np.float32)
    return model, x, x[:, :1]


def test_fit_and_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    model, x, y = make()
    model.fit(x, y, epochs=2, validation_split=0.5, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[:2] for line in lines] == [["Epoch 1/2", "1/1"], ["Epoch 2/2", "1/1"]]
    assert [part.split(":")[0] for part in lines[0].split(" - ")[4:]] == ["loss", "val_loss"]
    model.evaluate(x, y)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("2/2 - 0s - ")
    assert " - loss: " in line
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    assert capsys.readouterr().out == ""


def test_it_takes_less_than_one_percent_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    as_terminal(monkeypatch, Terminal())
    bar = ProgressBar(True, 1, 10)
    bar.start(0)
    bar._next = 0.0
    start = time.perf_counter()
    for done in range(1, 11):  # ten drawings, which is a second's worth
        bar._next = 0.0
        bar.update(done, lambda: {"loss": 0.5, "accuracy": 0.5})
    assert time.perf_counter() - start < 0.010


def test_colours_of_rich(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    pytest.importorskip("rich")
    text = pytest.importorskip("rich.text")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = as_terminal(monkeypatch, Terminal(), columns=50)
    bar = ProgressBar(True, 1, 4)
    bar.start(0)
    run_epoch(bar, clock, 4, 2.0)
    _, first, *_, last = out.getvalue().split("\r")
    assert first.startswith(
        "\x1b[1m1/4 \x1b[0m\x1b[32m━━━━━\x1b[0m\x1b[90m───────────────\x1b[0m\x1b[36m 2s 500ms/step\x1b[0m"
    )
    assert text.Text.from_ansi(first).plain == "1/4 ━━━━━─────────────── 2s 500ms/step - loss: 0."  # cut to the width
    plain = "4/4 ━━━━━━━━━━━━━━━━━━━━ 2s 500ms/step - accuracy: 0.9012 - loss: 0.2712"
    assert text.Text.from_ansi(last.rstrip("\n")).plain == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert progress_bar._painter() is None or "\x1b[3" not in progress_bar._painter()("1/4 ", (4, 0, 0, 0, 0))


def test_no_colours_in_a_pipe_or_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    as_terminal(monkeypatch, Terminal())
    assert progress_bar._painter() is None
    as_terminal(monkeypatch, io.StringIO())
    assert ProgressBar()._painter is None


def test_as_a_callback(capsys: pytest.CaptureFixture[str]) -> None:
    model, x, y = make()
    bar = gm.callbacks.ProgressBar()
    for verbose in (0, 1):  # one bar in either case
        model.fit(x, y, epochs=2, verbose=verbose, callbacks=[bar])
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(" - ")[:2] for line in lines] == [["Epoch 1/2", "2/2"], ["Epoch 2/2", "2/2"]]
    model.evaluate(x, y, verbose=0, callbacks=[bar])
    assert capsys.readouterr().out.startswith("2/2 - 0s - ")
    assert not gm.callbacks.CallbackList([bar]).needs_batches


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"redraw": 3}, "ProgressBar: redraw must be True or False. Received: redraw=3."),
        ({"steps": "a"}, "ProgressBar: steps must be an integer or None. Received: steps='a'."),
    ],
)
def test_what_is_no_setting_is_refused(arguments, message) -> None:
    with pytest.raises(TypeError, match=exactly(message)):
        gm.callbacks.ProgressBar(**arguments)
