// Reading a call: shapes and attributes, with errors that name what is missing.
#include "common.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <stdexcept>

#include "attributes.h"

namespace gemmule {

// Where a call that cannot be prepared leaves to, and why.
struct Refusal {
  std::jmp_buf back;
  bool missing;  // a name, an operand or an axis that does not exist
  char reason[192];
};

// The frames between an accessor of `Call` and this function are those of kernels, which are compiled without tables
// for unwinding (7 % of the module) and own nothing that wants destruction. So they are left by a jump, and the
// exception begins here.
void prepare(const Kernel& kernel, Call call, Launch& launch) {
  Refusal refusal;
  call.refusal = &refusal;
  if (setjmp(refusal.back) == 0) {
    kernel.prepare(call, launch);
    return;
  }
  if (refusal.missing) throw std::out_of_range(refusal.reason);
  throw std::invalid_argument(refusal.reason);
}

namespace {

template <class... Parts>
[[noreturn]] void leave(const Call& call, bool missing, const char* format, Parts... parts) {
  call.refusal->missing = missing;
  std::snprintf(call.refusal->reason, sizeof call.refusal->reason, format, parts...);
  std::longjmp(call.refusal->back, 1);
}

const Operand& operand_at(const Call& call, int index) {
  if (index < 0 || index >= call.count) leave(call, true, "the call lacks operand %d", index);
  return call.operands[index];
}

const Attributes::Value& value_of(const Call& call, const char* name) {
  for (const auto& [key, value] : call.attributes->values)
    if (key == name) return value;
  leave(call, true, "the call lacks the attribute '%s'", name);
}

template <class T>
const T& attribute(const Call& call, const char* name, const char* type) {
  if (const T* value = std::get_if<T>(&value_of(call, name))) return *value;
  leave(call, false, "attribute '%s' must be %s", name, type);
}

}  // namespace

bool Call::present(int index) const { return index < count && operands[index].data != nullptr; }

int Call::rank(int index) const { return operand_at(*this, index).rank; }

int64_t Call::dim(int index, int axis) const {
  const Operand& x = operand_at(*this, index);
  const int at = axis < 0 ? axis + x.rank : axis;
  if (at < 0 || at >= x.rank) leave(*this, true, "operand %d has no axis %d", index, axis);
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

bool Call::has(const char* name) const {
  return std::any_of(attributes->values.begin(), attributes->values.end(),
                     [&](const auto& entry) { return entry.first == name; });
}

int64_t Call::integer(const char* name) const { return attribute<int64_t>(*this, name, "an integer"); }

double Call::number(const char* name) const {
  const Attributes::Value& value = value_of(*this, name);
  if (const int64_t* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
  return attribute<double>(*this, name, "a number");
}

bool Call::flag(const char* name) const { return attribute<bool>(*this, name, "a bool"); }

const char* Call::text(const char* name) const { return attribute<std::string>(*this, name, "text").c_str(); }

int Call::integers(const char* name, int64_t* values, int capacity) const {
  const auto& tuple = attribute<std::vector<int64_t>>(*this, name, "a tuple of integers");
  if (static_cast<int>(tuple.size()) > capacity) leave(*this, true, "attribute '%s' has too many entries", name);
  for (size_t i = 0; i < tuple.size(); ++i) values[i] = tuple[i];
  return static_cast<int>(tuple.size());
}

void Call::refuse(const char* reason) const { leave(*this, false, "%s", reason); }

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
