"""Threads: the real team size, results that do not depend on it, and life after fork."""

import os

import numpy as np
import pytest

import gemmule as gm
from gemmule import _native


@pytest.fixture
def threads():
    yield gm.set_num_threads
    gm.set_num_threads(None)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_team_has_the_size_asked_for(threads, count):
    threads(count)
    assert gm.num_threads() == count
    assert _native.team_size() == (count if _native.threading_layer() == "OpenMP" else 1)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", True, 10**9])
def test_thread_counts_are_checked(bad):
    with pytest.raises(ValueError, match="must be an integer from 1 to 4096, or None"):
        gm.set_num_threads(bad)


def test_a_forked_child_works_alone_and_does_not_hang(threads):
    threads(2)
    a = np.ones((256, 256), np.float32)
    out = np.empty_like(a)
    attributes = {"transpose_a": False, "transpose_b": False, "activation": "linear", "alpha": 0.0}
    _native.execute("gemm", [out], [a, a, None, None], attributes)
    child = os.fork()
    if child == 0:
        _native.execute("gemm", [out], [a, a, None, None], attributes)
        os._exit(0 if out[0, 0] == 256 and _native.team_size() == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    _native.execute("gemm", [out], [a, a, None, None], attributes)
    assert _native.team_size() == 2
