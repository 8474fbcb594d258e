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

  Call call() const { return Call{operands_.data(), static_cast<int>(operands_.size()), &attributes_}; }
  const std::vector<void*>& pointers() const { return pointers_; }
  DType floating() const;  // type of the first floating operand: it decides which kernel runs

 private:
  void add(const pybind11::handle& value, bool writable);

  std::vector<Operand> operands_;
  std::vector<void*> pointers_;
  Attributes attributes_;
};

}  // namespace gemmule
