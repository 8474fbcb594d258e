"""The C++ backend: hands calls to the compiled kernels."""

from __future__ import annotations

from gemmule import _native

run = _native.execute
