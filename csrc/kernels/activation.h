// The activations as functions of one vector: what the activation kernels loop over and what other kernels, the
// epilogue of a matrix product first of all, apply to what they have in registers.
#pragma once
#include "simd_math.h"

namespace gemmule::GEMMULE_ISA {

enum class Activation : int64_t {
  linear,
  relu,
  leaky_relu,
  elu,
  selu,
  sigmoid,
  tanh,
  softplus,
  exponential,
  unknown,
};

// Klambauer et al., "Self-normalizing neural networks" (2017)
constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kSeluAlpha = 1.6732632423543772848170429916717;

// The activations whose gradient follows from their output, by their public names.
inline Activation activation_from(const char* name) {
  struct Entry {
    const char* name;
    Activation activation;
  };
  constexpr Entry kEntries[] = {
      {"linear", Activation::linear}, {"relu", Activation::relu},         {"leaky_relu", Activation::leaky_relu},
      {"elu", Activation::elu},       {"selu", Activation::selu},         {"sigmoid", Activation::sigmoid},
      {"tanh", Activation::tanh},     {"softplus", Activation::softplus}, {"exponential", Activation::exponential},
  };
  for (const Entry& entry : kEntries)
    if (__builtin_strcmp(name, entry.name) == 0) return entry.activation;
  return Activation::unknown;
}

// alpha is the slope of leaky_relu below zero, the alpha of elu, and means nothing to the others.
template <class T, Activation A>
GEMMULE_INLINE Vec<T> activate(Vec<T> x, T alpha) {
  if constexpr (A == Activation::relu) return select<T>(x <= T(0), zero<T>(), x);  // NaN stays
  if constexpr (A == Activation::leaky_relu) return select<T>(x > T(0), x, x * alpha);
  if constexpr (A == Activation::elu) return select<T>(x > T(0), x, expm1(x) * alpha);
  if constexpr (A == Activation::selu)
    return select<T>(x > T(0), x * T(kSeluScale), expm1(x) * T(kSeluScale * kSeluAlpha));
  if constexpr (A == Activation::sigmoid) return sigmoid(x);
  if constexpr (A == Activation::tanh) return tanh(x);
  if constexpr (A == Activation::softplus) return softplus(x);
  if constexpr (A == Activation::exponential) return exp(x);
  if constexpr (A == Activation::linear) return x;
}

// dx from dy and the activation's output y. A NaN in y comes out again: no comparison may hide it.
template <class T, Activation A>
GEMMULE_INLINE Vec<T> activate_backward(Vec<T> dy, Vec<T> y, T alpha) {
  if constexpr (A == Activation::relu) return select<T>(y > T(0), dy, y * T(0));
  if constexpr (A == Activation::leaky_relu) return select<T>(y > T(0), dy, dy * select<T>(y == y, splat(alpha), y));
  if constexpr (A == Activation::elu) return select<T>(y > T(0), dy, dy * (y + alpha));
  if constexpr (A == Activation::selu)
    return dy * select<T>(y > T(0), splat(T(kSeluScale)), y + T(kSeluScale * kSeluAlpha));
  if constexpr (A == Activation::sigmoid) return dy * (y * (T(1) - y));
  if constexpr (A == Activation::tanh) return dy * ((T(1) - y) * (T(1) + y));
  if constexpr (A == Activation::softplus) return -dy * expm1(-y);
  if constexpr (A == Activation::exponential) return dy * y;
}

// The same, chosen at run time. An unknown name gives NaN, which nobody overlooks.
template <class T>
GEMMULE_INLINE Vec<T> apply_activation(Vec<T> x, Activation activation, T alpha) {
  switch (activation) {
    case Activation::linear:
      return x;
    case Activation::relu:
      return activate<T, Activation::relu>(x, alpha);
    case Activation::leaky_relu:
      return activate<T, Activation::leaky_relu>(x, alpha);
    case Activation::elu:
      return activate<T, Activation::elu>(x, alpha);
    case Activation::selu:
      return activate<T, Activation::selu>(x, alpha);
    case Activation::sigmoid:
      return activate<T, Activation::sigmoid>(x, alpha);
    case Activation::tanh:
      return activate<T, Activation::tanh>(x, alpha);
    case Activation::softplus:
      return activate<T, Activation::softplus>(x, alpha);
    case Activation::exponential:
      return activate<T, Activation::exponential>(x, alpha);
    case Activation::unknown:
      break;
  }
  return splat(static_cast<T>(__builtin_nan("")));
}

// The gradient, chosen at run time.
template <class T>
GEMMULE_INLINE Vec<T> apply_activation_backward(Vec<T> dy, Vec<T> y, Activation activation, T alpha) {
  switch (activation) {
    case Activation::linear:
      return dy;
    case Activation::relu:
      return activate_backward<T, Activation::relu>(dy, y, alpha);
    case Activation::leaky_relu:
      return activate_backward<T, Activation::leaky_relu>(dy, y, alpha);
    case Activation::elu:
      return activate_backward<T, Activation::elu>(dy, y, alpha);
    case Activation::selu:
      return activate_backward<T, Activation::selu>(dy, y, alpha);
    case Activation::sigmoid:
      return activate_backward<T, Activation::sigmoid>(dy, y, alpha);
    case Activation::tanh:
      return activate_backward<T, Activation::tanh>(dy, y, alpha);
    case Activation::softplus:
      return activate_backward<T, Activation::softplus>(dy, y, alpha);
    case Activation::exponential:
      return activate_backward<T, Activation::exponential>(dy, y, alpha);
    case Activation::unknown:
      break;
  }
  return splat(static_cast<T>(__builtin_nan("")));
}

}  // namespace gemmule::GEMMULE_ISA
