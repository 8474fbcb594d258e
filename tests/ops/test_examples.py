"""The examples in the docstrings of ops are true."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule.ops.registry import OPS


@pytest.mark.parametrize("function", [pytest.param(f, id=name) for name, f in OPS.items()])
def test_docstring(function: Callable[..., object]) -> None:
    finder = doctest.DocTestFinder(recurse=False)
    names = {"gm": gm, "np": np, "gemmule": gm}
    (example,) = finder.find(function, function.__name__, globs=names)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    output: list[str] = []
    runner.run(example, out=output.append)
    assert not runner.failures, "".join(output)


@pytest.mark.parametrize("name", sorted(OPS))
def test_docstring_is_complete(name: str) -> None:
    text = OPS[name].__doc__ or ""
    assert "Args:" in text
    assert "Returns:" in text
    assert "Example:" in text
