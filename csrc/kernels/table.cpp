// One table per compiled ISA level; the level in use is chosen once, at import.
#include "table.h"

#include <map>
#include <stdexcept>
#include <unordered_map>

#include "attributes.h"
#include "isa_levels.h"
#include "kernel.h"

namespace gemmule {

namespace {

using Entries = std::unordered_map<std::string, Kernel>;

struct Level {
  Entries float32;
  Entries float64;
};

std::map<std::string, Level>& levels() {
  static std::map<std::string, Level> instance;
  return instance;
}

// Where Table::insert puts entries while one level registers itself. Registration runs once, before any thread exists.
Level* filling = nullptr;
const char* repeated = nullptr;
Level* selected = nullptr;
std::string selected_name;

Entries& of_type(Level& level, DType dtype) { return dtype == DType::float64 ? level.float64 : level.float32; }

void fill(const std::string& name, void (*register_all)(Table&)) {
  filling = &levels()[name];
  Table table;
  register_all(table);
  filling = nullptr;
  if (repeated != nullptr) throw std::logic_error(std::string("kernel registered twice: ") + repeated);
}

bool runs_here(const std::string& level) {
#if defined(__x86_64__)
  // The builtins look at CPUID and at XGETBV: the operating system must save the registers, too.
  if (level == "v3")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (level == "v4")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#endif
  return level == "v1";
}

void ensure_filled() {
  if (!levels().empty()) return;
  fill("v1", &v1::register_all);
#if defined(__x86_64__)
  fill("v3", &v3::register_all);
  fill("v4", &v4::register_all);
#endif
}

}  // namespace

void Table::insert(const Kernel& kernel) {
  if (!of_type(*filling, kernel.dtype).emplace(kernel.name, kernel).second) repeated = kernel.name;
}

std::vector<std::string> compiled_isa_levels() {
  ensure_filled();
  std::vector<std::string> names;
  for (const auto& level : levels()) names.push_back(level.first);
  return names;
}

std::vector<std::string> supported_isa_levels() {
  std::vector<std::string> names;
  for (const std::string& name : compiled_isa_levels())
    if (runs_here(name)) names.push_back(name);
  return names;
}

void select_isa(const std::string& level) {
  const auto supported = supported_isa_levels();
  for (const std::string& name : supported) {
    if (name != level) continue;
    selected = &levels()[name];
    selected_name = name;
    return;
  }
  std::string known;
  for (const std::string& name : supported) known += (known.empty() ? "" : ", ") + name;
  throw std::invalid_argument("This processor does not support ISA level '" + level + "'. Supported: " + known + ".");
}

const std::string& selected_isa() { return selected_name; }

const Kernel& find_kernel(const std::string& name, DType dtype) {
  Level& level = dtype == DType::float64 ? levels()["v1"] : *selected;
  const Entries& entries = of_type(level, dtype);
  const auto found = entries.find(name);
  if (found == entries.end()) throw std::out_of_range("there is no kernel '" + name + "' for " + dtype_name(dtype));
  return found->second;
}

std::vector<std::pair<std::string, DType>> list_kernels() {
  ensure_filled();
  std::vector<std::pair<std::string, DType>> names;
  for (const auto& entry : levels()["v1"].float32) names.emplace_back(entry.first, DType::float32);
  for (const auto& entry : levels()["v1"].float64) names.emplace_back(entry.first, DType::float64);
  return names;
}

}  // namespace gemmule
