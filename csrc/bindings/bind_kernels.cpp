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

void execute(const std::string& name, const CallArguments& arguments) {
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

// Every op of an eager step enters here, so this one function does without pybind11's dispatcher.
PyObject* execute_python(PyObject*, PyObject* const* given, Py_ssize_t count) {
  try {
    if (count != 4) throw py::type_error("execute takes four arguments: name, outputs, inputs, attributes");
    const auto outputs = py::cast<py::sequence>(given[1]), inputs = py::cast<py::sequence>(given[2]);
    execute(py::cast<std::string>(given[0]), CallArguments(outputs, inputs, py::cast<py::dict>(given[3])));
    Py_RETURN_NONE;
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::out_of_range& error) {
    PyErr_SetString(PyExc_IndexError, error.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  }
  return nullptr;
}

PyMethodDef execute_method = {"execute", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&execute_python)),
                              METH_FASTCALL,
                              "execute(name, outputs, inputs, attributes)\n\n"
                              "Runs one kernel on C-contiguous arrays; absent operands are None."};

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
  m.add_object("execute", py::reinterpret_steal<py::object>(PyCFunction_New(&execute_method, nullptr)));
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
