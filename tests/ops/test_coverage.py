"""Nothing without a row: every op has one, every kernel is run by one."""

from __future__ import annotations

import gemmule as gm
from gemmule import _native, ops
from gemmule.backend import listening
from gemmule.ops.registry import OPS
from tests.helpers import forward_and_gradients, rng_for
from tests.ops import kernel_specs
from tests.ops.specs import FLOATS, ROWS


def test_every_op_has_a_row() -> None:
    assert {row.op for row in ROWS} == set(OPS)


def test_rows_have_names_of_their_own() -> None:
    names = [row.id for row in ROWS]
    doubles = {name for name in names if names.count(name) > 1}
    assert not doubles


# What gives no tensors, or takes a function and gives one.
NO_OPS = {"custom_gradient", "dtype", "is_tensor", "ndim", "shape", "size"}


def test_every_op_is_exported() -> None:
    assert set(ops.__all__) - NO_OPS == set(OPS)
    assert all(getattr(ops, name) is function for name, function in OPS.items())


def kernels_run_by_rows() -> set[str]:
    names: set[str] = set()
    with listening(lambda call: names.add(call.name)):
        for row in ROWS:
            arrays = row.draw(rng_for(row.id), row.dtypes[0])
            value = row([gm.Tensor(a) for a in arrays]).array
            if row.differentiable and row.dtypes[0] in FLOATS:
                forward_and_gradients(row, arrays, value)
    return names


def test_every_kernel_is_run_by_a_row() -> None:
    kernels = {name for name, _ in _native.list_kernels()}
    run = kernels_run_by_rows() | {row.kernel for row in kernel_specs.ROWS}
    assert kernels - run == set()
    assert {row.kernel for row in kernel_specs.ROWS} <= kernels
