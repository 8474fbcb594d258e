// Name -> kernel, per ISA level. float64 kernels exist at the baseline level only.
#pragma once
#include <string>
#include <vector>

#include "common.h"

namespace gemmule {

// "v1" (x86-64 baseline, or the generic build elsewhere), "v3" (AVX2 + FMA), "v4" (AVX-512), in rising order.
std::vector<std::string> compiled_isa_levels();
std::vector<std::string> supported_isa_levels();  // those this processor and operating system can run

void select_isa(const std::string& level);
const std::string& selected_isa();

// Throws std::out_of_range when the kernel does not exist.
const Kernel& find_kernel(const std::string& name, DType dtype);
std::vector<std::pair<std::string, DType>> list_kernels();

}  // namespace gemmule
