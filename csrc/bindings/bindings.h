#pragma once
#include <pybind11/pybind11.h>

namespace gemmule {
void bind_kernels(pybind11::module_& module);
void bind_plan(pybind11::module_& module);
}  // namespace gemmule
