"""The progress bar of `fit` and `evaluate`.

A terminal gets a line that is redrawn up to ten times a second, in colours if rich is installed; a notebook one that is
redrawn a few times an epoch, to keep the saved page small; a file or pipe one line at the end of each epoch.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from gemmule.callbacks.callback import Callback
from gemmule.errors import received

WIDTH = 20  # characters of the bar
TERMINAL_SECONDS = 0.1  # shortest time between two drawings
NOTEBOOK_SECONDS = 0.5
NOTEBOOK_DRAWINGS = 4  # about so many an epoch
STYLES = ("bold", "green", "bright_black", "cyan", "")  # counter, full and empty part of the bar, times, values


class ProgressBar(Callback):
    """Shows how far an epoch or an evaluation is. `verbose` gives one by itself; one among the callbacks replaces it.

    In a terminal it is redrawn at most ten times a second, in colours if rich is installed
    (`pip install "gemmule[rich]"`); in a notebook a few times an epoch; a pipe or file gets a line for each epoch.

    Args:
        redraw: whether to redraw one line (`verbose=1`) or to write one line at the end (`verbose=2`).
        epochs: number of the last epoch, if known; `fit` tells it.
        steps: batches in an epoch; likewise.

    Raises:
        TypeError: for other types.

    Example:
        >>> model.fit(x, y, verbose=0, callbacks=[gm.callbacks.ProgressBar(redraw=False)])
    """

    def __init__(self, redraw: bool = True, epochs: int | None = None, steps: int | None = None) -> None:
        if not isinstance(redraw, bool):
            raise TypeError(f"ProgressBar: redraw must be True or False.{received(redraw=redraw)}")
        for name, number in (("epochs", epochs), ("steps", steps)):
            if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
                raise TypeError(f"ProgressBar: {name} must be an integer or None.{received(**{name: number})}")
        self._wanted = redraw
        self._epochs, self._steps = epochs, steps
        self._look_at_stream()
        self._in_epoch = False
        self._header = ""
        self._done = 0
        self._drawn = 0  # length of the line on the screen
        self._started = self._next = 0.0

    def _look_at_stream(self) -> None:
        kind = _kind_of_stream()
        self._redraw = self._wanted and kind != "pipe"
        self._notebook = kind == "notebook"
        self._painter = _painter() if self._redraw and not self._notebook else None

    def set_params(self, params: dict[str, Any]) -> None:  # noqa: D102
        super().set_params(params)
        self._epochs, self._steps = params.get("epochs"), params.get("steps")
        self._look_at_stream()

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {}

    @classmethod
    def of(cls, verbose: Any, params: Mapping[str, Any]) -> ProgressBar | None:
        """The bar for a value of `verbose`; `None` for 0.

        Raises:
            ValueError: for an unknown value.
        """
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 0 (silent), 1 (bar), 2 (one line) or 'auto'.{received(verbose=verbose)}")
        if not verbose:
            return None
        return cls(verbose != 2, params.get("epochs"), params.get("steps"))

    def start(self, epoch: int) -> None:
        """Begins an epoch, counted from 0."""
        self._in_epoch = True
        self._header = f"Epoch {epoch + 1}/{self._epochs}" if self._epochs else f"Epoch {epoch + 1}"
        if self._redraw:
            _write(self._header + "\n")
        self._begin()

    def start_test(self) -> None:
        """Begins an evaluation. The validation in an epoch is part of the epoch."""
        if not self._in_epoch:
            self._header = ""
            self._begin()

    def _begin(self) -> None:
        self._done = self._drawn = 0
        self._started = time.perf_counter()
        self._next = self._started + (NOTEBOOK_SECONDS if self._notebook else TERMINAL_SECONDS)

    def update(self, done: int, results: Callable[[], Mapping[str, float]]) -> None:
        """Redraws the line when it is time to.

        Args:
            done: batches done.
            results: gives the values to show.
        """
        self._done = done
        now = time.perf_counter()
        if not self._redraw or now < self._next or not done:
            return
        elapsed = now - self._started
        total = max(self._steps or done, done)
        left = elapsed * (total / done - 1)
        if self._notebook:
            self._next = now + max(NOTEBOOK_SECONDS, (elapsed + left) / NOTEBOOK_DRAWINGS)
        else:
            self._next = now + TERMINAL_SECONDS
        timing = f"{format_seconds(left)} {format_step(elapsed / done)}"
        self._draw(done, total, timing, format_logs(results()), fit=True)

    def finish(self, logs: Mapping[str, float], seconds: float | None = None) -> None:
        """Ends an epoch.

        Args:
            logs: the values to show.
            seconds: how long it took.
        """
        seconds = time.perf_counter() - self._started if seconds is None else seconds
        total = self._steps or self._done or 1
        done = self._done or total
        took, step, values = format_seconds(seconds), format_step(seconds / done), format_logs(logs)
        if self._redraw:
            self._draw(done, total, f"{took} {step}", values)
            _write("\n")
        else:
            header = f"{self._header} - " if self._header else ""
            _write(f"{header}{done}/{total} - {took} - {step}{values}\n")
        self._in_epoch = False

    def finish_test(self, logs: Mapping[str, float]) -> None:
        """Ends an evaluation; a validation ends with its epoch."""
        if not self._in_epoch:
            self.finish(logs)

    def _draw(self, done: int, total: int, timing: str, values: str, fit: bool = False) -> None:
        parts = (f"{done:>{len(str(total))}}/{total} ", *_bar(done, total), f" {timing}", values)
        line = "".join(parts)
        if fit and not self._notebook:  # a line that wraps cannot be redrawn
            line = line[: max(shutil.get_terminal_size().columns - 1, 20)]
        shown = line if self._painter is None else self._painter(line, tuple(map(len, parts)))
        _write("\r" + shown + " " * (self._drawn - len(line)))
        self._drawn = len(line)


def _painter() -> Callable[[str, tuple[int, ...]], str] | None:
    """Puts colours into a line with parts of the given lengths; `None` without rich, or without colours."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return None
    console = Console(file=sys.stdout)
    if console.color_system is None:
        return None

    def paint(line: str, lengths: tuple[int, ...]) -> str:
        text, start = Text(line), 0
        for style, length in zip(STYLES, lengths):
            text.stylize(style, start, start + length)
            start += length
        with console.capture() as capture:
            console.print(text, end="", soft_wrap=True)
        return capture.get()

    return paint


def format_seconds(seconds: float) -> str:
    """`"2s"`, `"1:05"`, `"1:01:05"`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_step(seconds: float) -> str:
    """`"2s/step"`, `"13ms/step"`, `"85us/step"`."""
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def format_logs(logs: Mapping[str, Any]) -> str:
    """`" - accuracy: 0.9012 - loss: 2.7120e-04"`."""
    return "".join(f" - {name}: {_format_value(value)}" for name, value in logs.items())


def _format_value(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return " ".join(str(value).split())  # a matrix in one line
    return f"{number:.4f}" if abs(number) > 1e-3 or number == 0 else f"{number:.4e}"


def _bar(done: int, total: int) -> tuple[str, str]:
    """The full part and the empty part."""
    full, empty = ("━", "─") if _can_write("━─") else ("=", ".")
    length = WIDTH * done // total
    return full * length, empty * (WIDTH - length)


def _can_write(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(text: str) -> None:
    stream = sys.stdout
    if stream is not None:  # as under pythonw
        stream.write(text)
        stream.flush()


def _kind_of_stream() -> str:
    """`"terminal"`, `"notebook"` or `"pipe"`."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None and hasattr(python, "get_ipython") else None
    if _is_a(shell, "ZMQInteractiveShell") and _is_a(sys.stdout, "OutStream"):
        return "notebook"
    isatty = getattr(sys.stdout, "isatty", None)
    return "terminal" if isatty is not None and isatty() else "pipe"


def _is_a(value: object, class_name: str) -> bool:
    """As `isinstance`, without importing what defines the class. Hosted notebooks derive theirs."""
    return any(cls.__name__ == class_name for cls in type(value).__mro__)
