"""Memory that is not there: the error says how many bytes are missing, and which layer wanted them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gemmule as gm
from gemmule import memory

resource = pytest.importorskip("resource", reason="limits of a process are set by this module of Unix")

_LIMITED = """
import resource, sys
import gemmule as gm, numpy as np

L = gm.layers
model = gm.Sequential([gm.Input((None, None, 1)), *(L.Conv2D(16, 1, name=f"c{k}") for k in range(6)),
                       L.GlobalAveragePooling2D(), L.Dense(1)])
model.compile("sgd", "mse")
y = np.zeros((1, 1))
fit = lambda size: model.fit(np.zeros((1, size, size, 1), np.uint8), y, verbose=0)
fit(9)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]),) * 2)
try:
    fit(int(sys.argv[2]))
except MemoryError as error:
    print(error)
fit(9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the usage is read from /proc")
@pytest.mark.parametrize(("spare", "size"), [(150 << 20, 1200), (60 << 20, 900), (80 << 20, 600)])
def test_a_limit_of_addresses_names_bytes_and_layer(spare: int, size: int) -> None:
    """Arrays of 88 MiB are looked after before they are made; those of 49 and 22 MiB are refused by the system."""
    result = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(spare), str(size)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # OpenMP ends a process that has no room for another stack
    )
    assert result.returncode == 0, result.stderr
    assert '(layer "c' in result.stdout or "recorded step:" in result.stdout
    assert " bytes (0." in result.stdout
    assert "Use smaller batches, images or layers." in result.stdout


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (lambda: np.empty((1 << 40, 1 << 20), np.uint8), f"a block of {1 << 60:,} bytes"),
        (lambda: bytearray(1 << 62), "memory is needed, and the system refused it"),
    ],
)
def test_errors_of_numpy_and_kernels_are_told_with_the_layer(error: Callable[[], Any], text: str) -> None:
    class Greedy(gm.layers.Layer):
        def call(self, inputs: Any) -> Any:
            error()
            return inputs

    with pytest.raises(MemoryError, match=rf'^result \(layer "greedy"\): {text}.*Use smaller batches'):
        Greedy(name="greedy")(np.ones((2, 3)))


def test_an_error_that_names_the_layer_is_not_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**8)
    model = gm.Sequential([gm.Input((1024, 1024, 1)), gm.layers.Conv2D(64, 1, name="huge")], name="outer")
    with pytest.raises(MemoryError, match=r'^conv2d \(layer "huge"\): an array') as caught:
        model(np.zeros((1, 1024, 1024, 1), np.float32))
    assert "outer" not in str(caught.value)


def test_available_memory_counts_the_limit_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 44, resource.RLIM_INFINITY))
    assert memory._limit_bytes() < 1 << 44
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, resource.RLIM_INFINITY))
    assert memory.available_bytes() == 0
