// One vector type for every ISA level, in GCC/Clang vector extensions. `Vec<T>` has as many lanes as the level's
// registers hold; `+ - * /` and comparisons work lane by lane. Comparisons give a `Mask<T>`: an integer vector whose
// lanes are all ones or all zeros.
//
// Everything is compiled with -ffp-contract=off. Where one rounding is meant, write fma(); the compiler never fuses
// behind our back, so every variant of a kernel gives the same bits on one level.
#pragma once
#include <cstdint>
#include <cstring>

#include "kernel.h"

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__OPTIMIZE_SIZE__)
#define GEMMULE_INLINE inline  // the compiler decides: copies in every place cost more room than calls cost time
#else
#define GEMMULE_INLINE inline __attribute__((always_inline))
#endif

namespace gemmule::GEMMULE_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct IntOf;
template <>
struct IntOf<float> {
  using type = int32_t;
};
template <>
struct IntOf<double> {
  using type = int64_t;
};

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  typedef T unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
using Mask = Vec<typename IntOf<T>::type>;  // also the vector of integers as wide as T

template <class T>
constexpr int kLanes = kVectorBytes / sizeof(T);

template <class T>
GEMMULE_INLINE Vec<T> zero() {
  return Vec<T>{};
}

template <class T>
GEMMULE_INLINE Vec<T> splat(T value) {
  return value - Vec<T>{};  // GCC turns this into one broadcast; a loop over lanes it does not
}

template <class T>
GEMMULE_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::unaligned*>(p);
}

template <class T>
GEMMULE_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::unaligned*>(p) = v;
}

// The first n lanes (0 <= n <= lanes), the others zero. Memory behind them is never touched: user arrays have no
// padding.
template <class T>
GEMMULE_INLINE Vec<T> load_partial(const T* p, int64_t n) {
  if (n >= kLanes<T>) return load(p);
  Vec<T> v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}

template <class T>
GEMMULE_INLINE void store_partial(T* p, Vec<T> v, int64_t n) {
  if (n >= kLanes<T>) return store(p, v);
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}

#if defined(__AVX512F__)
// Masked moves are what the vector extensions cannot say.
template <>
GEMMULE_INLINE Vec<float> load_partial(const float* p, int64_t n) {
  const __mmask16 lanes = n >= 16 ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
  return reinterpret_cast<Vec<float>>(_mm512_maskz_loadu_ps(lanes, p));
}
template <>
GEMMULE_INLINE void store_partial(float* p, Vec<float> v, int64_t n) {
  const __mmask16 lanes = n >= 16 ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
  _mm512_mask_storeu_ps(p, lanes, reinterpret_cast<__m512>(v));
}
#elif defined(__AVX2__)
GEMMULE_INLINE __m256i first_lanes(int64_t n) {
  typedef int32_t v8i __attribute__((vector_size(32)));
  const v8i lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return reinterpret_cast<__m256i>(lane < static_cast<int32_t>(n > 8 ? 8 : n));
}
template <>
GEMMULE_INLINE Vec<float> load_partial(const float* p, int64_t n) {
  return reinterpret_cast<Vec<float>>(_mm256_maskload_ps(p, first_lanes(n)));
}
template <>
GEMMULE_INLINE void store_partial(float* p, Vec<float> v, int64_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), reinterpret_cast<__m256>(v));
}
#elif defined(__SSE2__)
// No masks here: a half and a single lane. Going lane by lane through memory would stall every load behind it.
template <>
GEMMULE_INLINE Vec<float> load_partial(const float* p, int64_t n) {
  if (n >= 4) return load(p);
  const __m128 half = n >= 2 ? _mm_loadl_pi(_mm_setzero_ps(), reinterpret_cast<const __m64*>(p)) : _mm_setzero_ps();
  if (n == 2 || n == 0) return reinterpret_cast<Vec<float>>(half);
  const __m128 single = _mm_load_ss(p + (n - 1));
  return reinterpret_cast<Vec<float>>(n == 1 ? single : _mm_movelh_ps(half, single));
}
template <>
GEMMULE_INLINE void store_partial(float* p, Vec<float> v, int64_t n) {
  if (n >= 4) return store(p, v);
  const __m128 lanes = reinterpret_cast<__m128>(v);
  if (n >= 2) _mm_storel_pi(reinterpret_cast<__m64*>(p), lanes);
  if (n == 1) _mm_store_ss(p, lanes);
  if (n == 3) _mm_store_ss(p + 2, _mm_movehl_ps(lanes, lanes));
}
#endif

// a*b + c in one rounding where the level has the instruction; the baseline rounds twice, in every variant alike.
template <class V>
GEMMULE_INLINE V fma(V a, V b, V c) {
  return a * b + c;
}
#if defined(__AVX512F__)
template <>
GEMMULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return reinterpret_cast<Vec<float>>(
      _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
}
#elif defined(__FMA__)
template <>
GEMMULE_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return reinterpret_cast<Vec<float>>(
      _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
}
#endif
#if defined(__FMA__)
template <>
GEMMULE_INLINE float fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
#endif

template <class T>
GEMMULE_INLINE Vec<T> square_root(Vec<T> v) {
  for (int i = 0; i < kLanes<T>; ++i) v[i] = sizeof(T) == 4 ? __builtin_sqrtf(v[i]) : __builtin_sqrt(v[i]);
  return v;
}
#if defined(__AVX512F__)  // the masked form: GCC 12 warns about the plain one's undefined operand
template <>
GEMMULE_INLINE Vec<float> square_root<float>(Vec<float> v) {
  return reinterpret_cast<Vec<float>>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(v)));
}
#elif defined(__AVX2__)
template <>
GEMMULE_INLINE Vec<float> square_root<float>(Vec<float> v) {
  return reinterpret_cast<Vec<float>>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
}
#endif

template <class T>
GEMMULE_INLINE Vec<T> select(Mask<T> condition, Vec<T> yes, Vec<T> no) {
  return condition ? yes : no;
}

// NaN in either operand wins: a hidden NaN would be a bug nobody finds.
template <class T>
GEMMULE_INLINE Vec<T> maximum(Vec<T> a, Vec<T> b) {
  return ((a > b) | (a != a)) ? a : b;
}
template <class T>
GEMMULE_INLINE Vec<T> minimum(Vec<T> a, Vec<T> b) {
  return ((a < b) | (a != a)) ? a : b;
}

// Lane i changes places with lane i ^ W.
template <int W, class V, size_t... I>
GEMMULE_INLINE V swap_lanes(V v, Indices<I...>) {
  return __builtin_shufflevector(v, v, static_cast<int>(I ^ W)...);
}

// Lanes folded as a fixed tree: halves onto each other until one is left.
template <class T, int W = kLanes<T> / 2>
GEMMULE_INLINE T reduce_add(Vec<T> v) {
  if constexpr (W == 0)
    return v[0];
  else
    return reduce_add<T, W / 2>(v + swap_lanes<W>(v, typename MakeIndices<kLanes<T>>::type{}));
}
template <class T, int W = kLanes<T> / 2>
GEMMULE_INLINE T reduce_max(Vec<T> v) {
  if constexpr (W == 0)
    return v[0];
  else
    return reduce_max<T, W / 2>(maximum<T>(v, swap_lanes<W>(v, typename MakeIndices<kLanes<T>>::type{})));
}

// The 64-bit products of the low halves of the lanes; what the high halves hold does not matter.
GEMMULE_INLINE Vec<uint64_t> multiply_low_halves(Vec<uint64_t> a, Vec<uint64_t> b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vec<uint64_t>>(
      _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<Vec<uint64_t>>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<Vec<uint64_t>>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

// Lane i of vector j becomes lane j of vector i, for kLanes<T> vectors: blocks of 1, 2, 4, ... lanes change places with
// their mirror images across the diagonal.
template <int S, class V, size_t... I>
GEMMULE_INLINE void exchange_blocks(V& a, V& b, Indices<I...>) {
  constexpr int n = sizeof...(I);
  const V low = __builtin_shufflevector(a, b, (I & S ? n + static_cast<int>(I) - S : static_cast<int>(I))...);
  const V high = __builtin_shufflevector(a, b, (I & S ? n + static_cast<int>(I) : static_cast<int>(I) + S)...);
  a = low;
  b = high;
}

template <class T, int S = 1>
GEMMULE_INLINE void transpose(Vec<T>* vectors) {
  constexpr int n = kLanes<T>;
  if constexpr (S < n) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i)
      if (!(i & S)) exchange_blocks<S>(vectors[i], vectors[i + S], typename MakeIndices<n>::type{});
    transpose<T, 2 * S>(vectors);
  }
}

}  // namespace gemmule::GEMMULE_ISA
