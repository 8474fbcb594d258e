"""JSON that a stranger may have written."""

from __future__ import annotations

import json
from typing import Any

MOST_PARTS = 1_000_000  # each takes about a hundred bytes of memory


def parse(text: str, what: str) -> Any:
    """The value of a JSON text that is not too large, names every key once and holds no `NaN`.

    Args:
        text: the JSON.
        what: what to call it in messages.

    Raises:
        ValueError: if it is none, or too large.
    """
    if sum(map(text.count, "[{,")) > MOST_PARTS:
        raise ValueError(f"{what} is corrupt: it has more than {MOST_PARTS:,} parts.")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except _DuplicateKeyError as error:
        raise ValueError(f"{what} is corrupt: the key {str(error.args[0])[:80]!r} occurs twice.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is corrupt: {str(error)[:200]}.") from None


class _DuplicateKeyError(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKeyError(next(key for key in keys if keys.count(key) > 1))
    return result


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")
