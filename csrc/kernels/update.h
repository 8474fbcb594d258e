// The update formulas of the optimizers on one vector of parameters, and what happens around each of them.
// The names are Keras's: w parameter, g gradient, s the slots of the optimizer.
//
// A formula is made from the hyper-parameters `hyper` (learning rate first) and the number of updates done before; it
// is called with w, g and the slots, changes the slots and returns the new w.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

// What all optimizers do alike, from a row of float64 numbers that the plan reads in every step. The neutral values
// change no bit.
enum Rule {
  kScale,       // the gradient is multiplied by it: clipping by norm, means of accumulated gradients
  kLimit,       // and then cut at ± this
  kDecay,       // the share of each parameter that goes before the step, times the learning rate
  kMultiplier,  // of the learning rate
  kFloor,       // the least value a parameter may have after the step
  kMomentum,    // of the moving average of the parameters
  kRules
};

template <class T>
struct Around {
  Vec<T> scale, limit, decay, floor, renewal;

  Around(const double* hyper, const double* rules, int64_t step)
      : scale(splat(static_cast<T>(rules[kScale]))),
        limit(splat(static_cast<T>(rules[kLimit]))),
        decay(splat(static_cast<T>(hyper[0] * rules[kMultiplier] * rules[kDecay]))),
        floor(splat(static_cast<T>(rules[kFloor]))),
        renewal(splat(static_cast<T>(step == 0 ? 1 : 1 - rules[kMomentum]))) {}

  GEMMULE_INLINE Vec<T> gradient(Vec<T> g) const {
    g = g * scale;
    return select<T>(g > limit, limit, select<T>(g < -limit, -limit, g));
  }
  GEMMULE_INLINE Vec<T> before(Vec<T> w) const { return fma(-decay, w, w); }
  GEMMULE_INLINE Vec<T> average(Vec<T> a, Vec<T> w) const { return fma(renewal, w - a, a); }
  GEMMULE_INLINE Vec<T> after(Vec<T> w) const { return select<T>(w < floor, floor, w); }
};

// A hyper-parameter as a vector.
template <class T>
GEMMULE_INLINE Vec<T> number(double value) {
  return splat(static_cast<T>(value));
}

// hyper = learning rate, momentum.  m = momentum*m - lr*g; w += m, with Nesterov's look-ahead w += momentum*m - lr*g.
// Without momentum there is no slot, m stays 0 and w += -lr*g.
template <class T>
struct Sgd {
  static constexpr int kSlots = 1;
  Vec<T> rate, momentum;
  bool nesterov;

  Sgd(const double* hyper, double multiplier, int64_t, int64_t variant)
      : rate(number<T>(hyper[0] * multiplier)), momentum(number<T>(hyper[1])), nesterov(variant != 0) {}

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    s[0] = fma(momentum, s[0], -(rate * g));
    return w + (nesterov ? fma(momentum, s[0], -(rate * g)) : s[0]);
  }
};

// Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), with the bias correction moved into the step
// size `alpha`, as at the end of their section 2; a third slot is AMSGrad's maximum (Reddi et al., 2018).
// hyper = learning rate, beta_1, beta_2, epsilon
template <class T>
struct Adam {
  static constexpr int kSlots = 3;
  Vec<T> alpha, one_minus_beta_1, one_minus_beta_2, epsilon;
  bool amsgrad;

  Adam(const double* hyper, double multiplier, int64_t step, int64_t variant)
      : alpha(number<T>(step_size(hyper, multiplier, static_cast<double>(step + 1)))),
        one_minus_beta_1(number<T>(1 - hyper[1])),
        one_minus_beta_2(number<T>(1 - hyper[2])),
        epsilon(number<T>(hyper[3])),
        amsgrad(variant != 0) {}

  static double step_size(const double* hyper, double multiplier, double t) {
    return hyper[0] * multiplier * __builtin_sqrt(1 - __builtin_pow(hyper[2], t)) / (1 - __builtin_pow(hyper[1], t));
  }

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    s[0] = fma(g - s[0], one_minus_beta_1, s[0]);
    s[1] = fma(fma(g, g, -s[1]), one_minus_beta_2, s[1]);
    Vec<T> square = s[1];
    if (amsgrad) square = s[2] = maximum<T>(s[2], s[1]);
    return w - s[0] * alpha / (square_root<T>(square) + epsilon);
  }
};

// The same paper's section 7: the largest gradient takes the place of the root of the mean square.
// hyper as Adam's
template <class T>
struct Adamax {
  static constexpr int kSlots = 2;
  Vec<T> alpha, one_minus_beta_1, beta_2, epsilon;

  Adamax(const double* hyper, double multiplier, int64_t step, int64_t)
      : alpha(number<T>(hyper[0] * multiplier / (1 - __builtin_pow(hyper[1], static_cast<double>(step + 1))))),
        one_minus_beta_1(number<T>(1 - hyper[1])),
        beta_2(number<T>(hyper[2])),
        epsilon(number<T>(hyper[3])) {}

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    s[0] = fma(g - s[0], one_minus_beta_1, s[0]);
    s[1] = maximum<T>(beta_2 * s[1], maximum<T>(g, -g));
    return w - s[0] * alpha / (s[1] + epsilon);
  }
};

// Dozat, "Incorporating Nesterov Momentum into Adam" (2016).
// hyper = learning rate, beta_1, beta_2, epsilon, and what nadam_schedule keeps: u_t, u_{t+1}, u_1·…·u_t
template <class T>
struct Nadam {
  static constexpr int kSlots = 2;
  Vec<T> mean_share, gradient_share, correction, one_minus_beta_1, one_minus_beta_2, epsilon;

  Nadam(const double* hyper, double multiplier, int64_t step, int64_t)
      : mean_share(number<T>(hyper[0] * multiplier * hyper[5] / (1 - hyper[6] * hyper[5]))),
        gradient_share(number<T>(hyper[0] * multiplier * (1 - hyper[4]) / (1 - hyper[6]))),
        correction(number<T>(1 / (1 - __builtin_pow(hyper[2], static_cast<double>(step + 1))))),
        one_minus_beta_1(number<T>(1 - hyper[1])),
        one_minus_beta_2(number<T>(1 - hyper[2])),
        epsilon(number<T>(hyper[3])) {}

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    s[0] = fma(g - s[0], one_minus_beta_1, s[0]);
    s[1] = fma(fma(g, g, -s[1]), one_minus_beta_2, s[1]);
    return w - fma(mean_share, s[0], gradient_share * g) / (square_root<T>(s[1] * correction) + epsilon);
  }
};

// Duchi, Hazan & Singer, "Adaptive Subgradient Methods" (2011).  hyper = learning rate, epsilon
template <class T>
struct Adagrad {
  static constexpr int kSlots = 1;
  Vec<T> rate, epsilon;

  Adagrad(const double* hyper, double multiplier, int64_t, int64_t)
      : rate(number<T>(hyper[0] * multiplier)), epsilon(number<T>(hyper[1])) {}

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    s[0] = fma(g, g, s[0]);
    return w - rate * g / square_root<T>(s[0] + epsilon);
  }
};

// Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012).  hyper = learning rate, rho, epsilon
template <class T>
struct Adadelta {
  static constexpr int kSlots = 2;
  Vec<T> rate, one_minus_rho, epsilon;

  Adadelta(const double* hyper, double multiplier, int64_t, int64_t)
      : rate(number<T>(hyper[0] * multiplier)), one_minus_rho(number<T>(1 - hyper[1])), epsilon(number<T>(hyper[2])) {}

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    s[0] = fma(fma(g, g, -s[0]), one_minus_rho, s[0]);
    const Vec<T> delta = g * square_root<T>((s[1] + epsilon) / (s[0] + epsilon));
    s[1] = fma(fma(delta, delta, -s[1]), one_minus_rho, s[1]);
    return w - rate * delta;
  }
};

// Hinton, "Neural Networks for Machine Learning", lecture 6e (2012); a third slot centres it as Graves (2013).
// hyper = learning rate, rho, momentum, epsilon
template <class T>
struct RmsProp {
  static constexpr int kSlots = 3;  // mean square, velocity, mean
  Vec<T> rate, one_minus_rho, momentum, epsilon;
  bool centered;

  RmsProp(const double* hyper, double multiplier, int64_t, int64_t variant)
      : rate(number<T>(hyper[0] * multiplier)),
        one_minus_rho(number<T>(1 - hyper[1])),
        momentum(number<T>(hyper[2])),
        epsilon(number<T>(hyper[3])),
        centered(variant != 0) {}

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    s[0] = fma(fma(g, g, -s[0]), one_minus_rho, s[0]);
    Vec<T> square = s[0];
    if (centered) {
      s[2] = fma(g - s[2], one_minus_rho, s[2]);
      square = fma(-s[2], s[2], square);
    }
    s[1] = fma(momentum, s[1], rate * g / square_root<T>(square + epsilon));
    return w - s[1];
  }
};

// Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023).  hyper = learning rate, beta_1, beta_2
template <class T>
struct Lion {
  static constexpr int kSlots = 1;
  Vec<T> rate, one_minus_beta_1, one_minus_beta_2;

  Lion(const double* hyper, double multiplier, int64_t, int64_t)
      : rate(number<T>(hyper[0] * multiplier)),
        one_minus_beta_1(number<T>(1 - hyper[1])),
        one_minus_beta_2(number<T>(1 - hyper[2])) {}

  GEMMULE_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g, Vec<T>* s) const {
    const Vec<T> direction = fma(g - s[0], one_minus_beta_1, s[0]);
    s[0] = fma(g - s[0], one_minus_beta_2, s[0]);
    const Vec<T> up = select<T>(direction > zero<T>(), rate, zero<T>());
    const Vec<T> step = select<T>(direction < zero<T>(), -rate, up);
    return w - select<T>(direction == direction, step, direction);  // NaN stays
  }
};

}  // namespace gemmule::GEMMULE_ISA
