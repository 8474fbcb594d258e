// Winograd's transforms, one vector of channels at a time.
//
// For m outputs and 3 taps in one dimension, y = Aᵀ [(G g) ⊙ (Bᵀ d)], where d are m + 2 inputs and g the taps; in two
// dimensions a transform is applied to the columns and then to the rows. The matrices come from polynomials evaluated
// at 0, 1, −1 and infinity for m = 2, and at ±2 too for m = 4.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

template <int M>
struct Winograd;

template <>
struct Winograd<2> {
  using V = Vec<float>;

  // Bᵀ d
  static GEMMULE_INLINE void input(V* out, const V* d) {
    out[0] = d[0] - d[2];
    out[1] = d[1] + d[2];
    out[2] = d[2] - d[1];
    out[3] = d[1] - d[3];
  }
  // Aᵀ s
  static GEMMULE_INLINE void output(V* out, const V* s) {
    out[0] = s[0] + s[1] + s[2];
    out[1] = s[1] - s[2] - s[3];
  }
  // G g
  static GEMMULE_INLINE void weights(V* out, const V* g) {
    const V outer = (g[0] + g[2]) * 0.5f, inner = g[1] * 0.5f;
    out[0] = g[0];
    out[1] = outer + inner;
    out[2] = outer - inner;
    out[3] = g[2];
  }
  // A y
  static GEMMULE_INLINE void output_adjoint(V* out, const V* y) {
    out[0] = y[0];
    out[1] = y[0] + y[1];
    out[2] = y[0] - y[1];
    out[3] = -y[1];
  }
  // Gᵀ s
  static GEMMULE_INLINE void weights_adjoint(V* out, const V* s) {
    const V even = (s[1] + s[2]) * 0.5f;
    out[0] = s[0] + even;
    out[1] = (s[1] - s[2]) * 0.5f;
    out[2] = even + s[3];
  }
};

template <>
struct Winograd<4> {
  using V = Vec<float>;

  static GEMMULE_INLINE void input(V* out, const V* d) {
    const V four = splat(4.0f), five = splat(5.0f);
    const V even = fma(-four, d[2], d[4]), odd = fma(-four, d[1], d[3]);
    const V even2 = d[4] - d[2], odd2 = (d[3] - d[1]) * 2.0f;
    out[0] = fma(four, d[0], fma(-five, d[2], d[4]));
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = fma(four, d[1], fma(-five, d[3], d[5]));
  }
  static GEMMULE_INLINE void output(V* out, const V* s) {
    const V sum = s[1] + s[2], difference = s[1] - s[2];
    const V sum2 = s[3] + s[4], difference2 = s[3] - s[4];
    out[0] = s[0] + sum + sum2;
    out[1] = fma(splat(2.0f), difference2, difference);
    out[2] = fma(splat(4.0f), sum2, sum);
    out[3] = fma(splat(8.0f), difference2, difference) + s[5];
  }
  static GEMMULE_INLINE void weights(V* out, const V* g) {
    const V outer = (g[0] + g[2]) * (-1.0f / 6), inner = g[1] * (1.0f / 6);
    const V outer2 = fma(g[2], splat(1.0f / 6), g[0] * (1.0f / 24)), inner2 = g[1] * (1.0f / 12);
    out[0] = g[0] * 0.25f;
    out[1] = outer - inner;
    out[2] = outer + inner;
    out[3] = outer2 + inner2;
    out[4] = outer2 - inner2;
    out[5] = g[2];
  }
  static GEMMULE_INLINE void output_adjoint(V* out, const V* y) {
    const V even = y[0] + y[2], odd = y[1] + y[3];
    const V even2 = fma(splat(4.0f), y[2], y[0]), odd2 = fma(splat(4.0f), y[3], y[1]) * 2.0f;
    out[0] = y[0];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = y[3];
  }
  static GEMMULE_INLINE void weights_adjoint(V* out, const V* s) {
    const V even = (s[1] + s[2]) * (-1.0f / 6), even2 = s[3] + s[4];
    out[0] = fma(even2, splat(1.0f / 24), fma(s[0], splat(0.25f), even));
    out[1] = fma(s[3] - s[4], splat(1.0f / 12), (s[2] - s[1]) * (1.0f / 6));
    out[2] = fma(even2, splat(1.0f / 6), even) + s[5];
  }
};

using WinogradTransform = void (*)(Vec<float>* out, const Vec<float>* in);

// out (R, R) = the transform of in (S, S), first down its columns, then along its rows. `in(i, j)` loads an element,
// `out(i, j, v)` stores one.
template <int R, int S, WinogradTransform transform, class In, class Out>
GEMMULE_INLINE void transform_square(const In& in, const Out& out) {
  using V = Vec<float>;
  V half[R][S];
#pragma GCC unroll 6
  for (int j = 0; j < S; ++j) {
    V column[S], result[R];
#pragma GCC unroll 6
    for (int i = 0; i < S; ++i) column[i] = in(i, j);
    transform(result, column);
#pragma GCC unroll 6
    for (int i = 0; i < R; ++i) half[i][j] = result[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < R; ++i) {
    V result[R];
    transform(result, half[i]);
#pragma GCC unroll 6
    for (int j = 0; j < R; ++j) out(i, j, result[j]);
  }
}

}  // namespace gemmule::GEMMULE_ISA
