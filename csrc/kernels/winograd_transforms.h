// Winograd's transforms, one vector of channels at a time.
//
// For m outputs and 3 taps in one dimension, y = Aᵀ [(G g) ⊙ (Bᵀ d)], where d are m + 2 inputs and g the taps; in two
// dimensions a transform is applied to the columns and then to the rows. The matrices come from evaluating polynomials
// at m + 2 points (Toom and Cook): 0, 1, −1 and infinity for m = 2; 0, ±5/8, ±3/2 and infinity for m = 4, whose errors
// are a quarter of those of the usual ±1, ±2, because the values evaluated at them are less unequal in size.
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
  // The points ±a and ±b, exact in binary like their powers, and the factors by which Lagrange's formula divides.
  static constexpr float a = 0.625f, b = 1.5f, a2 = a * a, b2 = b * b, a2b2 = a2 * b2;
  static constexpr float at_zero = 1 / a2b2, at_a = 1 / (2 * a2 * (a2 - b2)), at_b = 1 / (2 * b2 * (b2 - a2));

  static GEMMULE_INLINE void input(V* out, const V* d) {
    const V near = fma(splat(-b2), d[2], d[4]), near_odd = fma(splat(-b2), d[1], d[3]);
    const V far = fma(splat(-a2), d[2], d[4]), far_odd = fma(splat(-a2), d[1], d[3]);
    out[0] = fma(splat(a2b2), d[0], fma(splat(-a2 - b2), d[2], d[4]));
    out[1] = fma(splat(a), near_odd, near);
    out[2] = fma(splat(-a), near_odd, near);
    out[3] = fma(splat(b), far_odd, far);
    out[4] = fma(splat(-b), far_odd, far);
    out[5] = fma(splat(a2b2), d[1], fma(splat(-a2 - b2), d[3], d[5]));
  }
  static GEMMULE_INLINE void output(V* out, const V* s) {
    const V near = s[1] + s[2], near_odd = s[1] - s[2];
    const V far = s[3] + s[4], far_odd = s[3] - s[4];
    out[0] = s[0] + near + far;
    out[1] = fma(splat(b), far_odd, near_odd * a);
    out[2] = fma(splat(b2), far, near * a2);
    out[3] = fma(splat(b2 * b), far_odd, near_odd * (a2 * a)) + s[5];
  }
  static GEMMULE_INLINE void weights(V* out, const V* g) {
    const V near = fma(g[2], splat(a2), g[0]) * at_a, far = fma(g[2], splat(b2), g[0]) * at_b;
    out[0] = g[0] * at_zero;
    out[1] = fma(g[1], splat(a * at_a), near);
    out[2] = fma(g[1], splat(-a * at_a), near);
    out[3] = fma(g[1], splat(b * at_b), far);
    out[4] = fma(g[1], splat(-b * at_b), far);
    out[5] = g[2];
  }
  static GEMMULE_INLINE void output_adjoint(V* out, const V* y) {
    const V near = fma(splat(a2), y[2], y[0]), near_odd = fma(splat(a2), y[3], y[1]);
    const V far = fma(splat(b2), y[2], y[0]), far_odd = fma(splat(b2), y[3], y[1]);
    out[0] = y[0];
    out[1] = fma(splat(a), near_odd, near);
    out[2] = fma(splat(-a), near_odd, near);
    out[3] = fma(splat(b), far_odd, far);
    out[4] = fma(splat(-b), far_odd, far);
    out[5] = y[3];
  }
  static GEMMULE_INLINE void weights_adjoint(V* out, const V* s) {
    const V near = (s[1] + s[2]) * at_a, near_odd = (s[1] - s[2]) * at_a;
    const V far = (s[3] + s[4]) * at_b, far_odd = (s[3] - s[4]) * at_b;
    out[0] = fma(s[0], splat(at_zero), near + far);
    out[1] = fma(splat(b), far_odd, near_odd * a);
    out[2] = fma(splat(b2), far, near * a2) + s[5];
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
