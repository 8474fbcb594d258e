"""Data sets for courses and examples, as NumPy arrays: Fashion-MNIST, MNIST, CIFAR-10, housing.

Each `load_data()` looks for the original files in the folder that the environment variable `GEMMULE_DATA_DIR` names,
then in the download cache (`GEMMULE_CACHE_DIR`, by default `~/.cache/gemmule`), and downloads them at last, for which
it needs pooch (`pip install "gemmule[data]"`). The decompressed bytes are compared with pinned SHA-256 hashes, so that
every machine trains on the same numbers. `fashion_mnist.load_sample()` needs neither files nor a network.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from gemmule.leftovers import missing

__all__ = ["california_housing", "cifar10", "fashion_mnist", "mnist"]


def __getattr__(name: str) -> ModuleType:
    """Imports a data set's module on first use: most programs use one, and decompressors take time to import."""
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise missing(__name__, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
