// Reading a call: shapes and attributes, with errors that name what is missing.
#include "common.h"

#include <stdexcept>

#include "attributes.h"

namespace gemmule {

const Attributes::Value& Attributes::at(const char* name) const {
  for (const auto& [key, value] : values)
    if (key == name) return value;
  throw std::out_of_range(std::string("the call lacks the attribute '") + name + "'");
}

namespace {

const Operand& operand_at(const Call& call, int index) {
  if (index < 0 || index >= call.count) throw std::out_of_range("the call lacks operand " + std::to_string(index));
  return call.operands[index];
}

template <class T>
const T& attribute(const Call& call, const char* name, const char* type) {
  if (const T* value = std::get_if<T>(&call.attributes->at(name))) return *value;
  throw std::invalid_argument(std::string("attribute '") + name + "' must be " + type);
}

}  // namespace

bool Call::present(int index) const { return index < count && operands[index].data != nullptr; }

int Call::rank(int index) const { return operand_at(*this, index).rank; }

int64_t Call::dim(int index, int axis) const {
  const Operand& x = operand_at(*this, index);
  const int at = axis < 0 ? axis + x.rank : axis;
  if (at < 0 || at >= x.rank)
    throw std::out_of_range("operand " + std::to_string(index) + " has no axis " + std::to_string(axis));
  return x.shape[at];
}

int64_t Call::size(int index) const { return leading(index, operand_at(*this, index).rank); }

int64_t Call::leading(int index, int axes) const {
  const Operand& x = operand_at(*this, index);
  const int end = axes < 0 ? axes + x.rank : axes;
  int64_t product = 1;
  for (int axis = 0; axis < end; ++axis) product *= x.shape[axis];
  return product;
}

DType Call::dtype(int index) const { return operand_at(*this, index).dtype; }

int64_t Call::integer(const char* name) const { return attribute<int64_t>(*this, name, "an integer"); }

double Call::number(const char* name) const {
  const Attributes::Value& value = attributes->at(name);
  if (const int64_t* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
  return attribute<double>(*this, name, "a number");
}

bool Call::flag(const char* name) const { return attribute<bool>(*this, name, "a bool"); }

const char* Call::text(const char* name) const { return attribute<std::string>(*this, name, "text").c_str(); }

int Call::integers(const char* name, int64_t* values, int capacity) const {
  const auto& tuple = attribute<std::vector<int64_t>>(*this, name, "a tuple of integers");
  if (static_cast<int>(tuple.size()) > capacity)
    throw std::out_of_range(std::string("attribute '") + name + "' has too many entries");
  for (size_t i = 0; i < tuple.size(); ++i) values[i] = tuple[i];
  return static_cast<int>(tuple.size());
}

void Call::refuse(const char* reason) const { throw std::invalid_argument(reason); }

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    case DType::uint8:
      return "uint8";
    case DType::bool_:
      return "bool";
    case DType::uint32:
      return "uint32";
    case DType::uint64:
      return "uint64";
  }
  return "unknown";
}

int64_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::uint8:
    case DType::bool_:
      return 1;
    case DType::float32:
    case DType::int32:
    case DType::uint32:
      return 4;
    default:
      return 8;
  }
}

}  // namespace gemmule
