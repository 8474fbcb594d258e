// Element sizes and casts, for the families that move elements of any dtype.
#pragma once
#include "kernel.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t element_bytes(DType dtype) {
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

// Converts n elements. From floating to integer truncates, saturates at the ends of the range and turns NaN into 0;
// between integers it wraps around; to bool asks "!= 0", so NaN is true.
using Cast = void (*)(void* out, const void* x, int64_t n);
Cast cast_between(DType to, DType from);

}  // namespace gemmule::GEMMULE_ISA
