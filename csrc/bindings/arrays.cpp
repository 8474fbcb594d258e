#include "arrays.h"

#include <pybind11/stl.h>

#include <string>
#include <utility>

namespace py = pybind11;

namespace gemmule {

namespace {

DType dtype_from(const py::dtype& dtype) {
  const char kind = dtype.kind();
  const py::ssize_t bytes = dtype.itemsize();
  if (kind == 'f' && bytes == 4) return DType::float32;
  if (kind == 'f' && bytes == 8) return DType::float64;
  if (kind == 'i' && bytes == 4) return DType::int32;
  if (kind == 'i' && bytes == 8) return DType::int64;
  if (kind == 'u' && bytes == 1) return DType::uint8;
  if (kind == 'b') return DType::bool_;
  if (kind == 'u' && bytes == 4) return DType::uint32;
  if (kind == 'u' && bytes == 8) return DType::uint64;
  throw py::type_error("kernels do not take arrays of dtype " + std::string(py::str(dtype)));
}

Attributes::Value attribute_value(const py::handle& value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
  if (py::isinstance<py::int_>(value)) return value.cast<int64_t>();
  if (py::isinstance<py::float_>(value)) return value.cast<double>();
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (PyIndex_Check(value.ptr())) return value.cast<int64_t>();  // NumPy's integers, and below its floats
  if (!py::isinstance<py::sequence>(value)) return value.cast<double>();
  std::vector<int64_t> tuple;
  for (const py::handle entry : value.cast<py::sequence>()) tuple.push_back(entry.cast<int64_t>());
  return tuple;
}

}  // namespace

CallArguments::CallArguments(const py::sequence& outputs, const py::sequence& inputs, const py::dict& attributes) {
  operands_.reserve(outputs.size() + inputs.size());
  for (const py::handle value : outputs) add(value, true);
  for (const py::handle value : inputs) add(value, false);
  set(attributes);
}

CallArguments::CallArguments(const py::sequence& forms, const py::dict& attributes) {
  shapes_.reserve(forms.size());  // operands point into it
  for (const py::handle form : forms) {
    if (form.is_none()) {
      add_absent();
      continue;
    }
    const auto [shape, dtype] = form.cast<std::pair<std::vector<int64_t>, py::dtype>>();
    shapes_.push_back(shape);
    static char somewhere;  // present, though nobody reads it
    operands_.push_back(Operand{&somewhere, shapes_.back().data(), static_cast<int>(shape.size()), dtype_from(dtype)});
  }
  set(attributes);
}

void CallArguments::set(const py::dict& attributes) {
  for (const auto& [name, value] : attributes)
    attributes_.values.emplace_back(name.cast<std::string>(), attribute_value(value));
}

void CallArguments::add_absent() {
  operands_.push_back(Operand{nullptr, nullptr, 0, DType::float32});
  pointers_.push_back(nullptr);
}

void CallArguments::add(const py::handle& value, bool writable) {
  if (value.is_none()) return add_absent();
  if (!py::isinstance<py::array>(value)) throw py::type_error("kernel operands are NumPy arrays or None");
  const auto array = py::reinterpret_borrow<py::array>(value);
  if (!(array.flags() & py::array::c_style)) throw py::value_error("kernel operands must be C-contiguous");
  if (writable && !array.writeable()) throw py::value_error("a kernel cannot write into a read-only array");
  static_assert(sizeof(py::ssize_t) == sizeof(int64_t));
  operands_.push_back(Operand{const_cast<void*>(array.data()), reinterpret_cast<const int64_t*>(array.shape()),
                              static_cast<int>(array.ndim()), dtype_from(array.dtype())});
  pointers_.push_back(operands_.back().data);
}

DType CallArguments::floating() const {
  for (const Operand& operand : operands_)
    if (operand.data != nullptr && (operand.dtype == DType::float32 || operand.dtype == DType::float64))
      return operand.dtype;
  return DType::float32;
}

}  // namespace gemmule
