// execute(): one eager kernel call. Threads, ISA levels and the list of kernels.
#include <pybind11/stl.h>

#include <chrono>

#include "../kernels/parallel.h"
#include "../kernels/table.h"
#include "arrays.h"
#include "bindings.h"

namespace py = pybind11;

namespace gemmule {

namespace {

// Below this much work, giving up the GIL costs more than it frees.
constexpr double kReleaseGilNs = 20e3;

void execute(const std::string& name, const py::sequence& outputs, const py::sequence& inputs,
             const py::dict& attributes) {
  const CallArguments arguments(outputs, inputs, attributes);
  const Kernel& kernel = find_kernel(name, arguments.floating());
  Launch launch;
  prepare(kernel, arguments.call(), launch);
  if (launch.cost < kReleaseGilNs) {
    run_now(kernel, launch, arguments.pointers().data(), kEagerSerialNs);
    return;
  }
  py::gil_scoped_release release;
  run_now(kernel, launch, arguments.pointers().data(), kEagerSerialNs);
}

std::vector<double> time_kernel(const std::string& name, const py::sequence& outputs, const py::sequence& inputs,
                                const py::dict& attributes, int repeats) {
  const CallArguments arguments(outputs, inputs, attributes);
  const Kernel& kernel = find_kernel(name, arguments.floating());
  Launch launch;
  prepare(kernel, arguments.call(), launch);
  py::gil_scoped_release release;
  std::vector<double> seconds(repeats);
  for (double& elapsed : seconds) {
    const auto start = std::chrono::steady_clock::now();
    run_now(kernel, launch, arguments.pointers().data(), kPlanSerialNs);
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return seconds;
}

std::vector<std::pair<std::string, std::string>> kernel_names() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& [name, dtype] : list_kernels()) names.emplace_back(name, dtype_name(dtype));
  return names;
}

}  // namespace

void bind_kernels(py::module_& m) {
  m.def("execute", &execute, py::arg("name"), py::arg("outputs"), py::arg("inputs"), py::arg("attributes"),
        "Runs one kernel on C-contiguous arrays; absent operands are None.");
  m.def("time_kernel", &time_kernel, py::arg("name"), py::arg("outputs"), py::arg("inputs"), py::arg("attributes"),
        py::arg("repeats"), "Runs one kernel again and again without Python in between; seconds of each run.");
  m.def("list_kernels", &kernel_names, "All kernels as (name, dtype).");
  m.def("set_num_threads", &set_num_threads, py::arg("threads"), "0 restores the default.");
  m.def("num_threads", &num_threads);
  m.def("threading_layer", &threading_layer);
  m.def("isa", &selected_isa, "The ISA level in use.");
  m.def("select_isa", &select_isa, py::arg("level"));
  m.def("supported_isas", &supported_isa_levels);
  m.def("compiled_isas", &compiled_isa_levels);
  m.def(
      "team_size",
      [] {
        int size = 0;
        run_team(num_threads(), [&](int thread, int team) {
          if (thread == 0) size = team;
        });
        return size;
      },
      "How many threads really work together when num_threads() are asked for.");
}

}  // namespace gemmule
