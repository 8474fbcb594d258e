// Lanes that change places, and a small whole number for each lane: what the vector extensions cannot say well.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

// Lane i of the result is lane index[i] of v.
template <class T>
GEMMULE_INLINE Vec<T> permute(Vec<T> v, Mask<T> index) {
  Vec<T> result{};
  for (int i = 0; i < kLanes<T>; ++i) result[i] = v[index[i]];
  return result;
}

// Lane i of the result is lane index[i] of the lanes of a and those of b behind them.
template <class T>
GEMMULE_INLINE Vec<T> permute(Vec<T> a, Vec<T> b, Mask<T> index) {
  return select<T>(index < kLanes<T>, permute<T>(a, index & (kLanes<T> - 1)), permute<T>(b, index & (kLanes<T> - 1)));
}

#if defined(__AVX512F__)
template <>
GEMMULE_INLINE Vec<float> permute<float>(Vec<float> v, Mask<float> index) {
  return reinterpret_cast<Vec<float>>(
      _mm512_maskz_permutexvar_ps(0xffff, reinterpret_cast<__m512i>(index), reinterpret_cast<__m512>(v)));
}
template <>
GEMMULE_INLINE Vec<float> permute<float>(Vec<float> a, Vec<float> b, Mask<float> index) {
  return reinterpret_cast<Vec<float>>(_mm512_permutex2var_ps(
      reinterpret_cast<__m512>(a), reinterpret_cast<__m512i>(index), reinterpret_cast<__m512>(b)));
}
#elif defined(__AVX2__)
template <>
GEMMULE_INLINE Vec<float> permute<float>(Vec<float> v, Mask<float> index) {
  return reinterpret_cast<Vec<float>>(
      _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(v), reinterpret_cast<__m256i>(index)));
}
#endif

// Whether `permute` is an instruction rather than a loop over lanes.
template <class T>
constexpr bool kPermutes = sizeof(T) == 4 && kVectorBytes >= 32;

// The larger of two, b where one of them is NaN: one instruction, which the compiler does not find where it could.
template <class T>
GEMMULE_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) {
  return a > b ? a : b;
}
#if defined(__AVX512F__)
template <>
GEMMULE_INLINE Vec<float> larger<float>(Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(
      _mm512_maskz_max_ps(0xffff, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
#elif defined(__AVX2__)
template <>
GEMMULE_INLINE Vec<float> larger<float>(Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
}
#elif defined(__SSE2__)
template <>
GEMMULE_INLINE Vec<float> larger<float>(Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(_mm_max_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
}
#endif

// Whether any lane is set.
template <class T>
GEMMULE_INLINE bool any(Mask<T> lanes) {
  bool found = false;
  for (int i = 0; i < kLanes<T>; ++i) found |= lanes[i] != 0;
  return found;
}
#if defined(__AVX512F__)
template <>
GEMMULE_INLINE bool any<float>(Mask<float> lanes) {
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(lanes)) != 0;
}
#elif defined(__AVX2__)
template <>
GEMMULE_INLINE bool any<float>(Mask<float> lanes) {
  return _mm256_movemask_ps(reinterpret_cast<__m256>(lanes)) != 0;
}
#elif defined(__SSE2__)
template <>
GEMMULE_INLINE bool any<float>(Mask<float> lanes) {
  return _mm_movemask_ps(reinterpret_cast<__m128>(lanes)) != 0;
}
#endif

// Whole numbers of any width, one for each lane: the first n lanes, the others zero.
template <class T, class I>
GEMMULE_INLINE Mask<T> load_indices(const I* p, int64_t n) {
  Mask<T> lanes{};
  for (int64_t i = 0; i < kLanes<T>; ++i)
    if (i < n) lanes[i] = static_cast<typename IntOf<T>::type>(p[i]);
  return lanes;
}

template <class T, class I>
GEMMULE_INLINE void store_indices(I* p, Mask<T> index, int64_t n) {
  for (int64_t i = 0; i < kLanes<T>; ++i)
    if (i < n) p[i] = static_cast<I>(index[i]);
}

// Bytes deserve better: __builtin_convertvector takes them apart one by one.
#if defined(__AVX512F__)
template <>
GEMMULE_INLINE Mask<float> load_indices<float>(const uint8_t* p, int64_t n) {
  const __mmask16 lanes = n >= 16 ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
  return reinterpret_cast<Mask<float>>(_mm512_maskz_cvtepu8_epi32(0xffff, _mm_maskz_loadu_epi8(lanes, p)));
}
template <>
GEMMULE_INLINE void store_indices<float>(uint8_t* p, Mask<float> index, int64_t n) {
  const __mmask16 lanes = n >= 16 ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
  _mm_mask_storeu_epi8(p, lanes, _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(index)));
}
#elif defined(__SSE2__)
// The first n <= 8 bytes in the low half of a register, and back; never a byte more.
GEMMULE_INLINE __m128i load_bytes(const uint8_t* p, int64_t n) {
  uint64_t bytes = 0;
  if (n == 8)
    std::memcpy(&bytes, p, 8);
  else if (n == 4)
    std::memcpy(&bytes, p, 4);
  else
    for (int64_t i = 0; i < n; ++i) bytes |= static_cast<uint64_t>(p[i]) << (8 * i);
  return _mm_set_epi64x(0, static_cast<long long>(bytes));
}
GEMMULE_INLINE void store_bytes(uint8_t* p, __m128i v, int64_t n) {
  uint64_t bytes = static_cast<uint64_t>(_mm_cvtsi128_si64(v));
  if (n == 8)
    std::memcpy(p, &bytes, 8);
  else if (n == 4)
    std::memcpy(p, &bytes, 4);
  else
    for (int64_t i = 0; i < n; ++i, bytes >>= 8) p[i] = static_cast<uint8_t>(bytes);
}
#if defined(__AVX2__)
template <>
GEMMULE_INLINE Mask<float> load_indices<float>(const uint8_t* p, int64_t n) {
  return reinterpret_cast<Mask<float>>(_mm256_cvtepu8_epi32(load_bytes(p, min(n, 8))));
}
template <>
GEMMULE_INLINE void store_indices<float>(uint8_t* p, Mask<float> index, int64_t n) {
  const __m256i v = reinterpret_cast<__m256i>(index);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  store_bytes(p, _mm_packus_epi16(words, words), min(n, 8));
}
#else
template <>
GEMMULE_INLINE Mask<float> load_indices<float>(const uint8_t* p, int64_t n) {
  const __m128i zeros = _mm_setzero_si128();
  const __m128i words = _mm_unpacklo_epi8(load_bytes(p, min(n, 4)), zeros);
  return reinterpret_cast<Mask<float>>(_mm_unpacklo_epi16(words, zeros));
}
template <>
GEMMULE_INLINE void store_indices<float>(uint8_t* p, Mask<float> index, int64_t n) {
  const __m128i v = reinterpret_cast<__m128i>(index), words = _mm_packs_epi32(v, v);
  store_bytes(p, _mm_packus_epi16(words, words), min(n, 4));
}
#endif
#endif

}  // namespace gemmule::GEMMULE_ISA
