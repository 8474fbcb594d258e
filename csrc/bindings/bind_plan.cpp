#include <pybind11/stl.h>

#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "../kernels/parallel.h"
#include "../kernels/table.h"
#include "../plan/plan.h"
#include "arrays.h"
#include "bindings.h"

namespace py = pybind11;

namespace gemmule {

namespace {

using References = std::vector<std::tuple<int, int64_t, int64_t>>;

std::vector<BufferRef> buffer_refs(const References& references) {
  std::vector<BufferRef> refs;
  for (const auto& [buffer, offset, step] : references) refs.push_back(BufferRef{buffer, offset, step});
  return refs;
}

void add_step(Plan& plan, const std::string& name, const py::sequence& forms, const py::dict& attributes,
              const References& references) {
  const CallArguments arguments(forms, attributes);
  plan.add_step(find_kernel(name, arguments.floating()), arguments.call(), buffer_refs(references));
}

void bind_buffer(Plan& plan, int buffer, const py::array& array) { plan.bind(buffer, const_cast<void*>(array.data())); }

std::pair<int64_t, int> run(Plan& plan, int64_t count, double seconds) {
  py::gil_scoped_release release;
  const Outcome outcome = plan.run(count, seconds, num_threads());
  return {outcome.completed, outcome.code};
}

// Binds the first buffers, in order, and runs once: the short way for a prediction.
int run_bound(Plan& plan, const py::list& arrays, int64_t version) {
  int buffer = 0;
  for (const py::handle array : arrays)
    plan.bind(buffer++, const_cast<void*>(py::reinterpret_borrow<py::array>(array).data()));
  py::gil_scoped_release release;
  return plan.run(1, 0.0, num_threads(), version).code;
}

}  // namespace

void bind_plan(py::module_& m) {
  py::class_<Plan>(m, "Plan", "A recorded list of kernel calls.")
      .def(py::init<>())
      .def(
          "add_temporary", [](Plan& plan, int64_t bytes) { return plan.add_buffer(bytes, nullptr, true); },
          py::arg("bytes"), "A buffer that lies in the plan's arena; returns its number.")
      .def(
          "add_external",
          [](Plan& plan, const py::array& array, bool steady) {
            return plan.add_buffer(array.nbytes(), const_cast<void*>(array.data()), false, steady);
          },
          py::arg("array"), py::arg("steady") = false,
          "Memory that the caller keeps alive and in place; returns its number. `steady` memory changes with the "
          "version of a run only.")
      .def("add_step", &add_step, py::arg("name"), py::arg("forms"), py::arg("attributes"), py::arg("references"),
           "One call; `forms` are (shape, dtype) of outputs and inputs, `references` (buffer, byte offset, bytes from "
           "one "
           "example to the next in a loop); None and (-1, 0, 0) for absent ones.")
      .def("repeat", &Plan::repeat, py::arg("first"), py::arg("starts"),
           "Repeats the steps from `first` on, which began at example 0, for examples that begin at `starts`.")
      .def(
          "add_guard", [](Plan& plan, int buffer, int64_t offset) { plan.add_guard(BufferRef{buffer, offset}); },
          py::arg("buffer"), py::arg("offset"), "Ends a run when the int32 there is not zero.")
      .def("finish", &Plan::finish)
      .def("clone", &Plan::clone)
      .def("bind", &bind_buffer, py::arg("buffer"), py::arg("array"))
      .def("run", &run, py::arg("count"), py::arg("seconds"),
           "(completed runs, code of the guard that stopped it or 0)")
      .def("run_bound", &run_bound, py::arg("arrays"), py::arg("version") = -1,
           "Binds buffers 0, 1, ... to these arrays and runs once. What kernels make of steady memory is kept for runs "
           "of the same version, unless that is -1.")
      .def("forget_kept", &Plan::forget_kept, "Gives back the memory of what was kept, for all clones.")
      .def_property_readonly("kept_bytes", &Plan::kept_bytes)
      .def_property_readonly("most_kept_bytes", &Plan::most_kept_bytes)
      .def_property_readonly("arena_bytes", &Plan::arena_bytes)
      .def_property_readonly("scratch_bytes", &Plan::scratch_bytes)
      .def_property_readonly("step_count", &Plan::step_count);
}

}  // namespace gemmule
