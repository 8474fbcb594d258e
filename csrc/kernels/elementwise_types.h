// The types of elements that kernels without arithmetic of vectors look at themselves.
#pragma once
#include "simd.h"

// Outputs may lie on an input, element on element, which does not keep a loop from being vectorised.
#define GEMMULE_INDEPENDENT _Pragma("GCC ivdep")

namespace gemmule::GEMMULE_ISA {

template <class T>
constexpr bool is_floating = std::is_floating_point_v<T>;

// Bools are bytes holding 0 or 1.
template <class T>
constexpr bool stands_for(DType dtype) {
  if (std::is_same_v<T, float>) return dtype == DType::float32;
  if (std::is_same_v<T, double>) return dtype == DType::float64;
  if (std::is_same_v<T, int32_t>) return dtype == DType::int32;
  if (std::is_same_v<T, int64_t>) return dtype == DType::int64;
  if (std::is_same_v<T, uint32_t>) return dtype == DType::uint32;
  if (std::is_same_v<T, uint64_t>) return dtype == DType::uint64;
  return dtype == DType::uint8 || dtype == DType::bool_;
}

template <class... T>
struct Types {};

// The types that a table entry for T also answers for.
template <class T>
using Numbers = std::conditional_t<std::is_same_v<T, float>, Types<float, int32_t, int64_t>, Types<double>>;
template <class T>
using AllTypes = std::conditional_t<std::is_same_v<T, float>, Types<float, int32_t, int64_t, uint8_t>, Types<double>>;

// Signed integers wrap around, as in NumPy.
template <class T>
struct Wrapping {
  using type = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
};
template <>
struct Wrapping<float> {
  using type = float;
};
template <>
struct Wrapping<double> {
  using type = double;
};
template <class T>
GEMMULE_INLINE typename Wrapping<T>::type wrapping(T x) {
  return static_cast<typename Wrapping<T>::type>(x);
}

}  // namespace gemmule::GEMMULE_ISA
