"""The text of progress bars: one line that says how far an epoch is, how long it takes and what the metrics are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TextIO

__all__ = ["bar", "duration", "encodable", "metrics_text", "progress_line"]

_HEAVY, _LIGHT = "━", "╌"


def encodable(text: str, stream: TextIO | None) -> bool:
    """Whether a stream can print these characters; what has no encoding (a `StringIO`, a notebook) can.

    Example:
        >>> encodable("█", open("log.txt", "w", encoding="ascii"))
        False
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def bar(done: int, total: int, width: int = 20, ascii_only: bool = False) -> str:
    """A bar that is filled in proportion.

    Args:
        done: Finished steps, `0 <= done <= total`.
        total: All steps.
        width: Characters between the ends.
        ascii_only: For terminals without box characters.

    Example:
        >>> bar(3, 4, width=8)
        '━━━━━━╌╌'
        >>> bar(3, 4, width=8, ascii_only=True)
        '[=====>..]'
    """
    filled = width if done >= total else width * max(done, 0) // total
    if not ascii_only:
        return _HEAVY * filled + _LIGHT * (width - filled)
    head = "=" * filled if filled in (0, width) else "=" * (filled - 1) + ">"
    return f"[{head}{'.' * (width - filled)}]"


def duration(seconds: float) -> str:
    """A time in a few characters: `"830us"`, `"41ms"`, `"7s"`, `"2:05"` or `"1:00:09"`.

    Example:
        >>> duration(125)
        '2:05'
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 1:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 59.5:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def metrics_text(logs: Mapping[str, float]) -> str:
    """Names and values, four digits each: `"accuracy: 0.8812 - loss: 3.1e-05"`.

    Example:
        >>> metrics_text({"accuracy": 0.5})
        'accuracy: 0.5000'
    """
    return " - ".join(f"{name}: {_number(float(value))}" for name, value in logs.items())


def _number(value: float) -> str:
    ordinary = value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e7
    return f"{value:.4f}" if ordinary else f"{value:.4e}"


def progress_line(
    done: int, total: int | None, seconds: float, logs: Mapping[str, float], ascii_only: bool = False
) -> str:
    """The line of a progress bar, as Keras words it.

    While it runs, the time is what is left; at the end, it is what was taken.

    Args:
        done: Finished steps.
        total: All steps, or None when not known.
        seconds: Time taken so far.
        logs: Metrics to show.
        ascii_only: For terminals without box characters.

    Example:
        >>> progress_line(100, 100, 0.5, {"loss": 0.25})
        '100/100 ━━━━━━━━━━━━━━━━━━━━ 500ms 5ms/step - loss: 0.2500'
    """
    step = seconds / done if done else 0.0
    if total is None:
        counter, time = f"{done}/unknown", seconds
    else:
        width = len(str(total))
        counter = f"{done:>{width}}/{total} {bar(done, total, ascii_only=ascii_only)}"
        time = seconds if done >= total else step * (total - done)
    line = f"{counter} {duration(time)} {duration(step)}/step"
    return f"{line} - {metrics_text(logs)}" if logs else line
