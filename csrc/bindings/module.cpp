#include <cstdlib>
#include <string>

#include "../kernels/parallel.h"
#include "../kernels/table.h"
#include "bindings.h"

namespace gemmule {

namespace {

const char* compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return "GCC " __VERSION__;
#endif
}

void select_initial_isa() {
  const char* wanted = std::getenv("GEMMULE_ISA");
  select_isa(wanted != nullptr && *wanted != '\0' ? wanted : supported_isa_levels().back());
}

}  // namespace

}  // namespace gemmule

PYBIND11_MODULE(_native, m) {
  m.doc() = "The compiled half of gemmule: kernels, and plans that replay them.";
  gemmule::select_initial_isa();
  gemmule::watch_forks();
  gemmule::num_threads();  // a wrong GEMMULE_NUM_THREADS is better found at import than in the first step
  m.def("compiler", &gemmule::compiler);
  gemmule::bind_kernels(m);
  gemmule::bind_plan(m);
}
