// How kernels that treat every element alike divide their work, and what it costs.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kElementChunk = 1024;  // elements of one unit: small enough for two threads to share fairly

// Nanoseconds one core takes to move so many bytes, by the cache they fit in.
constexpr double stream_ns(double bytes) {
  if (bytes < 1 << 20) return bytes / 150;
  return bytes / (bytes < 1 << 24 ? 40 : 16);
}

// Nanoseconds an element for so many vector instructions. Elementary functions of doubles call the C library.
template <class T>
constexpr double arithmetic_ns(double operations) {
  if (sizeof(T) == 8 && operations > 8) return 10;
  return operations / (8 * kLanes<T>);
}

}  // namespace gemmule::GEMMULE_ISA
