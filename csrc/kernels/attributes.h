// Named arguments of a call, as they arrive from Python.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common.h"

namespace gemmule {

struct Attributes {
  using Value = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;
  std::vector<std::pair<std::string, Value>> values;
};

const char* dtype_name(DType dtype);
int64_t dtype_bytes(DType dtype);

}  // namespace gemmule
