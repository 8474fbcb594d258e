"""Every test starts from the same settings and leaves none behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import gemmule as gm
from gemmule import _native, config


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Seeds the random streams, and puts backend, floating type, threads and ISA level back afterwards."""
    level = _native.isa()
    gm.utils.clear_session()
    gm.utils.set_random_seed(0)
    yield
    _native.select_isa(level)
    gm.use_backend("native")
    config.set_floatx("float32")
    gm.set_num_threads(None)
