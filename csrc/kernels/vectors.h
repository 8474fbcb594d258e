// The loop of every kernel that walks through arrays lane by lane.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

// Calls body(get, put) for each vector of the range: get(p) loads the vector of array p, put(p, v) stores it. Whole
// vectors take the loop, the rest a partial vector: the same instructions, hence the same bits wherever a range is cut.
// A body given as a lambda needs `__attribute__((always_inline))`.
template <class T, class Body>
GEMMULE_INLINE void for_each_vector(Range range, const Body& body) {
  constexpr int64_t kStep = kLanes<T>;
  int64_t i = range.begin;
  const auto rest = [&]() __attribute__((always_inline)) {
    const int64_t left = range.end - i;
    body([=](const T* p) { return load_partial(p + i, left); }, [=](T* p, Vec<T> v) { store_partial(p + i, v, left); });
  };
  if constexpr (kOneWay<T>) {
    for (; i < range.end; i += kStep) rest();
    return;
  }
  for (; i + kStep <= range.end; i += kStep)
    body([i](const T* p) { return load(p + i); }, [i](T* p, Vec<T> v) { store(p + i, v); });
  if (i < range.end) rest();
}

// {0, 1, 2, ...}
template <class T>
GEMMULE_INLINE Vec<T> lane_numbers() {
  Vec<T> v{};
  for (int i = 0; i < kLanes<T>; ++i) v[i] = static_cast<T>(i);
  return v;
}

}  // namespace gemmule::GEMMULE_ISA
