"""Folders of their own for tests of data sets."""

from __future__ import annotations

import pytest


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """An empty data folder and an empty cache instead of the machine's."""
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    monkeypatch.setenv("GEMMULE_DATA_DIR", str(data))
    monkeypatch.setenv("GEMMULE_CACHE_DIR", str(cache))
    return data, cache
