"""Starting over inside one process."""

from __future__ import annotations

from gemmule.naming import reset_names
from gemmule.random import restart_streams


def clear_session() -> None:
    """Forgets automatic names and restarts the numbering of random streams.

    Layers made afterwards are called `dense`, `dense_1`, ... again and get the initial weights they would get in a
    fresh process with the same seed. Models that exist keep working.

    Example:
        >>> gm.utils.clear_session()
        >>> gm.layers.Dense(1).name
        'dense'
    """
    reset_names()
    restart_streams()
