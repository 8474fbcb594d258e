// Results larger than any cache: what is stored through caches is read from memory first and pushes out what others
// need; stored past them, it is not. A result that a cache may hold is left there for whoever reads it next.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kPastElements = 1 << 23;  // 32 MB

// Whether rows of `pitch` elements from p on, parts of a result of so many, are to be stored past the caches, which
// only whole vectors on their own boundaries can be.
template <class T>
GEMMULE_INLINE bool goes_past(const T* p, int64_t elements, int64_t pitch) {
  if (sizeof(T) != 4 || kVectorBytes < 32 || elements < kPastElements) return false;
  return pitch % kLanes<T> == 0 && reinterpret_cast<uintptr_t>(p) % kVectorBytes == 0;
}

// A whole vector.
template <class T>
GEMMULE_INLINE void store_past(T* p, Vec<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  _mm256_stream_ps(p, reinterpret_cast<__m256>(v));
#else
  store(p, v);
#endif
}

// The first n lanes; past the caches, where that is said, all of them.
template <class T>
GEMMULE_INLINE void store_result(T* p, Vec<T> v, int64_t n, [[maybe_unused]] bool past) {
#if defined(__AVX2__)
  asm("" : "+r"(past));  // or the compiler makes two of every loop, which costs room and gains no time
#endif
  if constexpr (kVectorBytes >= 32)
    if (past) return store_past(p, v);
  store_partial(p, v, n);
}

// To be called by whoever has stored past the caches, before others may read it: no barrier waits for such stores.
GEMMULE_INLINE void settle([[maybe_unused]] bool past) {
#if defined(__AVX2__)
  if (past) _mm_sfence();
#endif
}

}  // namespace gemmule::GEMMULE_ISA
