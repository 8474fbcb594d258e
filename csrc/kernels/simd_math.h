// Elementary functions on vectors: exp, expm1, log, tanh, sigmoid, softplus, erf; and log(1 + x) on [0, 1].
//
// float: range reduction and polynomials, at most 3 units in the last place off (the sweep in the tests says how far).
// The coefficients are minimax fits of our own, in float64, rounded. Every lane runs the same instructions whatever
// its neighbours hold, so a value's bits do not depend on where in an array it stands. Special values come out as
// IEEE wants them; denormals count as zero, since kernels run with them flushed.
// double: the C library, lane by lane. float64 is for checking gradients, where accuracy is all that counts.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

typedef uint32_t BitsF __attribute__((vector_size(kVectorBytes)));  // shifts and sums of bit patterns may wrap

constexpr float kInfinity = __builtin_inff();
constexpr float kSmallestNormal = 0x1p-126f;

template <class T>
GEMMULE_INLINE Vec<T> absolute(Vec<T> x) {
  typedef typename IntOf<T>::type I;
  return reinterpret_cast<Vec<T>>(reinterpret_cast<Mask<T>>(x) & ~(I{1} << (8 * sizeof(T) - 1)));
}

// |magnitude| with the sign of `sign`
template <class T>
GEMMULE_INLINE Vec<T> copy_sign(Vec<T> magnitude, Vec<T> sign) {
  typedef typename IntOf<T>::type I;
  constexpr I kSign = I{1} << (8 * sizeof(T) - 1);
  return reinterpret_cast<Vec<T>>((reinterpret_cast<Mask<T>>(magnitude) & ~kSign) |
                                  (reinterpret_cast<Mask<T>>(sign) & kSign));
}

// c[0] + x (c[1] + x (c[2] + ...))
template <int N>
GEMMULE_INLINE Vec<float> polynomial(Vec<float> x, const float (&c)[N]) {
  Vec<float> sum = splat(c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, splat(c[i]));
  return sum;
}

// ln 2 in two parts: the first has so few bits that its product with an exponent is exact.
constexpr float kLn2High = 0.693359375f;
constexpr float kLn2Low = -2.12194440e-4f;

// e^x = 2^n (1 + fraction) with an integer n and |fraction| < 0.42. The exponent is n << 23, ready to be added to the
// bits of a float.
struct PowerOfTwo {
  BitsF exponent;
  Vec<float> fraction;
};

GEMMULE_INLINE PowerOfTwo split_exp(Vec<float> x) {
  const Vec<float> kRound = splat(0x1.8p23f);  // adding it leaves the nearest integer in the low bits
  const Vec<float> shifted = fma(x, splat(1.44269504f), kRound);
  const Vec<float> n = shifted - kRound;
  const Vec<float> r = fma(n, splat(-kLn2Low), fma(n, splat(-kLn2High), x));
  const Vec<float> p = polynomial(r, {0.5f, 0.166665182f, 0.041666206f, 0.00836889632f, 0.00139505009f});
  return {reinterpret_cast<BitsF>(shifted) << 23, fma(r * r, p, r)};
}

GEMMULE_INLINE Vec<float> exp(Vec<float> x) {
  const PowerOfTwo power = split_exp(x);
  Vec<float> y = power.fraction + 1.0f;
  y = reinterpret_cast<Vec<float>>(reinterpret_cast<BitsF>(y) + power.exponent);
  y = select<float>(x > 88.7228317f, splat(kInfinity), y);
  y = select<float>(x < -87.3365402f, zero<float>(), y);  // the result would be a denormal
  return select<float>(x != x, x, y);
}

// e^x - 1 for -60 <= x <= 88; -0 may lose its sign.
GEMMULE_INLINE Vec<float> expm1_bounded(Vec<float> x) {
  const PowerOfTwo power = split_exp(x);
  const Vec<float> scale = reinterpret_cast<Vec<float>>(power.exponent + 0x3f800000u);
  return fma(scale, power.fraction, scale - 1.0f);
}

GEMMULE_INLINE Vec<float> expm1(Vec<float> x) {
  const PowerOfTwo power = split_exp(x);
  const Vec<float> half = reinterpret_cast<Vec<float>>(power.exponent + 0x3f000000u);  // the whole one may overflow
  Vec<float> y = fma(half, power.fraction, half - 0.5f) * 2.0f;
  y = select<float>(x > 88.7228317f, splat(kInfinity), y);
  y = select<float>(x < -18.0f, splat(-1.0f), y);
  return select<float>((x == 0.0f) | (x != x), x, y);  // keeps the sign of zero
}

// log(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2), plus e ln 2
GEMMULE_INLINE Vec<float> log_of_parts(Vec<float> e, Vec<float> f) {
  const Vec<float> p = polynomial(f, {0.333333135f, -0.250000089f, 0.200021192f, -0.166679963f, 0.142195448f,
                                      -0.124055736f, 0.11888209f, -0.116757721f, 0.0674668401f});
  const Vec<float> square = f * f;
  Vec<float> tail = fma(square, f * p, e * kLn2Low);
  tail = fma(square, splat(-0.5f), tail);
  return fma(e, splat(kLn2High), f + tail);
}

GEMMULE_INLINE Vec<float> log(Vec<float> x) {
  constexpr uint32_t kSqrtHalf = 0x3f3504f3;
  const BitsF bits = reinterpret_cast<BitsF>(x);
  const BitsF exponent = (bits - kSqrtHalf) & ~0x7fffffu;  // zero for sqrt(1/2) <= x < sqrt(2)
  const Vec<float> mantissa = reinterpret_cast<Vec<float>>(bits - exponent);
  const Vec<float> e = __builtin_convertvector(reinterpret_cast<Mask<float>>(exponent) >> 23, Vec<float>);
  Vec<float> y = log_of_parts(e, mantissa - 1.0f);
  y = select<float>(x < kSmallestNormal, splat(-kInfinity), y);
  y = select<float>(x <= -kSmallestNormal, splat(__builtin_nanf("")), y);
  return select<float>((x == kInfinity) | (x != x), x, y);
}

// log(1 + x) for 0 <= x <= 1, as 2 atanh(s) with s = x / (2 + x): no exponent to take apart.
GEMMULE_INLINE Vec<float> log1p_bounded(Vec<float> x) {
  const Vec<float> s = x / (x + 2.0f);
  const Vec<float> square = s * s;
  const Vec<float> p = polynomial(square, {0.333333373f, 0.199994385f, 0.143084422f, 0.107138284f, 0.121504694f});
  return fma(s * square, p + p, s + s);
}

// (1 - e^-2|x|) / (1 + e^-2|x|)
GEMMULE_INLINE Vec<float> tanh(Vec<float> x) {
  const Vec<float> magnitude = absolute<float>(x);
  const Vec<float> bounded = select<float>(magnitude > 10.0f, splat(10.0f), magnitude);  // tanh(10) rounds to 1
  const Vec<float> t = expm1_bounded(bounded * -2.0f);
  return copy_sign<float>(t / (t + 2.0f), x);
}

GEMMULE_INLINE Vec<float> sigmoid(Vec<float> x) { return 1.0f / (exp(-x) + 1.0f); }

// max(x, 0) + log(1 + e^-|x|): neither part overflows
GEMMULE_INLINE Vec<float> softplus(Vec<float> x) {
  return maximum<float>(x, zero<float>()) + log1p_bounded(exp(-absolute<float>(x)));
}

// An odd polynomial near zero; from 1 on, 1 - e^-g with a polynomial g that fits -log(erfc).
GEMMULE_INLINE Vec<float> erf(Vec<float> x) {
  const Vec<float> magnitude = absolute<float>(x);
  const Vec<float> t = select<float>(magnitude > 4.0f, splat(4.0f), magnitude);  // erf(4) rounds to 1
  const Vec<float> near = x * polynomial(x * x, {1.12837923f, -0.376126379f, 0.112837829f, -0.0268654451f,
                                                 0.00522107491f, -0.000848471129f, 0.000112705442f, -9.68013683e-06f});
  const Vec<float> g = polynomial(t, {-0.000188040227f, 1.12957847f, 0.633219898f, 0.108418576f, -0.0252082571f,
                                      0.00420456193f, -0.000441336364f, 2.16868502e-05f});
  const Vec<float> far = copy_sign<float>(expm1_bounded(-g), x);
  return select<float>(magnitude < 1.0f, near, far);
}

// ---- double: lane by lane ------------------------------------------------------------------------------------------

#define GEMMULE_BY_LANE(name)                                               \
  GEMMULE_INLINE Vec<double> name(Vec<double> x) {                          \
    for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_##name(x[i]); \
    return x;                                                               \
  }
GEMMULE_BY_LANE(exp)
GEMMULE_BY_LANE(expm1)
GEMMULE_BY_LANE(log)
GEMMULE_BY_LANE(log1p)
GEMMULE_BY_LANE(tanh)
GEMMULE_BY_LANE(erf)
#undef GEMMULE_BY_LANE

GEMMULE_INLINE Vec<double> log1p_bounded(Vec<double> x) { return log1p(x); }

GEMMULE_INLINE Vec<double> sigmoid(Vec<double> x) { return 1.0 / (exp(-x) + 1.0); }

GEMMULE_INLINE Vec<double> softplus(Vec<double> x) {
  return maximum<double>(x, zero<double>()) + log1p(exp(-absolute<double>(x)));
}

}  // namespace gemmule::GEMMULE_ISA
