// From NumPy arrays and Python values to the kernels' plain types.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <vector>

#include "../kernels/attributes.h"
#include "../kernels/common.h"

namespace gemmule {

// The operands and attributes of one call; keeps what `Call` points into.
class CallArguments {
 public:
  CallArguments(const pybind11::sequence& outputs, const pybind11::sequence& inputs, const pybind11::dict& attributes);

  // For a call whose memory is not there yet: `forms` are (shape, dtype) of outputs and inputs, None for absent ones.
  CallArguments(const pybind11::sequence& forms, const pybind11::dict& attributes);

  Call call() const { return Call{operands_.data(), static_cast<int>(operands_.size()), &attributes_}; }
  const std::vector<void*>& pointers() const { return pointers_; }
  DType floating() const;  // type of the first floating operand: it decides which kernel runs

 private:
  void add(const pybind11::handle& value, bool writable);
  void add_absent();
  void set(const pybind11::dict& attributes);

  std::vector<Operand> operands_;
  std::vector<void*> pointers_;
  std::vector<std::vector<int64_t>> shapes_;  // of forms
  Attributes attributes_;
};

}  // namespace gemmule
