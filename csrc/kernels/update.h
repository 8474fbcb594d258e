// The update formulas of the optimizers on one vector of parameters, for every kernel that applies them.
// The names are Keras's: g gradient, w parameter, m (and v) slots.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

template <class T>
struct Sgd {
  Vec<T> learning_rate, momentum;

  explicit GEMMULE_INLINE Sgd(const double* hyper)
      : learning_rate(splat(static_cast<T>(hyper[0]))), momentum(splat(static_cast<T>(hyper[1]))) {}

  // w -= lr*g
  GEMMULE_INLINE Vec<T> plain(Vec<T> w, Vec<T> g) const { return fma(-learning_rate, g, w); }

  // m = momentum*m - lr*g
  GEMMULE_INLINE Vec<T> velocity(Vec<T> m, Vec<T> g) const { return fma(momentum, m, -(learning_rate * g)); }

  // w += m, or with Nesterov's look-ahead w += momentum*m - lr*g, both with the new m
  template <bool kNesterov>
  GEMMULE_INLINE Vec<T> step(Vec<T> w, Vec<T> m, Vec<T> g) const {
    return w + (kNesterov ? velocity(m, g) : m);
  }
};

// Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), with the bias correction moved into the step
// size `alpha`, as at the end of their section 2.
template <class T>
struct Adam {
  Vec<T> alpha, one_minus_beta_1, one_minus_beta_2, epsilon;

  // hyper = learning rate, beta_1, beta_2, epsilon; `step` counts the updates done before this one.
  GEMMULE_INLINE Adam(const double* hyper, int64_t step)
      : alpha(splat(static_cast<T>(step_size(hyper, static_cast<double>(step + 1))))),
        one_minus_beta_1(splat(static_cast<T>(1 - hyper[1]))),
        one_minus_beta_2(splat(static_cast<T>(1 - hyper[2]))),
        epsilon(splat(static_cast<T>(hyper[3]))) {}

  static GEMMULE_INLINE double step_size(const double* hyper, double t) {
    return hyper[0] * __builtin_sqrt(1 - __builtin_pow(hyper[2], t)) / (1 - __builtin_pow(hyper[1], t));
  }

  // m += (g - m)*(1 - beta_1)
  GEMMULE_INLINE Vec<T> first_moment(Vec<T> m, Vec<T> g) const { return fma(g - m, one_minus_beta_1, m); }

  // v += (g*g - v)*(1 - beta_2)
  GEMMULE_INLINE Vec<T> second_moment(Vec<T> v, Vec<T> g) const { return fma(fma(g, g, -v), one_minus_beta_2, v); }

  // w -= m*alpha/(sqrt(v) + epsilon), with the new moments
  GEMMULE_INLINE Vec<T> step(Vec<T> w, Vec<T> m, Vec<T> v) const {
    return w - m * alpha / (square_root<T>(v) + epsilon);
  }
};

}  // namespace gemmule::GEMMULE_ISA
