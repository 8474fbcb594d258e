// What happens to a block of a product after its sums are complete:
//
//   v = sum;  v += bias;  v = fma(v, scale, shift);  v += residual;  out = act(v)
//
// scale and shift are a batch normalisation in inference: in this order its bits are those of two separate calls.
//
// The register tiles add one row or one matrix to their sums on the way out, for nothing. All else is a pass over the
// block just written, which still lies in L1: one more copy of every tile for every activation would cost megabytes.
#pragma once
#include "activation.h"

namespace gemmule::GEMMULE_ISA {

template <class T>
struct Epilogue {
  const T* bias;      // (N,) or nullptr
  const T* residual;  // (M, N) or nullptr
  Activation activation;
  T alpha;
  const T* scale = nullptr;  // (N,), or nullptr and shift with it
  const T* shift = nullptr;

  bool idle() const { return !bias && !scale && !residual && activation == Activation::linear; }

  // out (M, N): rows [i0, i1), columns [j0, j1)
  void finish(T* out, int64_t N, int64_t i0, int64_t i1, int64_t j0, int64_t j1) const {
    if (idle()) return;
    using enum Activation;
    switch (activation) {
      case linear:
        return finish_as<linear>(out, N, i0, i1, j0, j1);
      case relu:
        return finish_as<relu>(out, N, i0, i1, j0, j1);
      case leaky_relu:
        return finish_as<leaky_relu>(out, N, i0, i1, j0, j1);
      case elu:
        return finish_as<elu>(out, N, i0, i1, j0, j1);
      case selu:
        return finish_as<selu>(out, N, i0, i1, j0, j1);
      case sigmoid:
        return finish_as<sigmoid>(out, N, i0, i1, j0, j1);
      case tanh:
        return finish_as<tanh>(out, N, i0, i1, j0, j1);
      case softplus:
        return finish_as<softplus>(out, N, i0, i1, j0, j1);
      case exponential:
        return finish_as<exponential>(out, N, i0, i1, j0, j1);
      case unknown:
        return finish_as<unknown>(out, N, i0, i1, j0, j1);
    }
  }

 private:
  template <Activation A>
  __attribute__((noinline)) void finish_as(T* out, int64_t N, int64_t i0, int64_t i1, int64_t j0, int64_t j1) const {
    for (int64_t i = i0; i < i1; ++i) {
      T* const row = out + i * N;
      const T* const extra = residual ? residual + i * N : nullptr;
      int64_t j = j0;
      for (; j + kLanes<T> <= j1; j += kLanes<T>) {
        Vec<T> y = load(row + j);
        if (bias) y += load(bias + j);
        if (scale) y = fma(y, load(scale + j), load(shift + j));
        if (extra) y += load(extra + j);
        store<T>(row + j, activated<A>(y));
      }
      if (j == j1) continue;
      Vec<T> y = load_partial(row + j, j1 - j);
      if (bias) y += load_partial(bias + j, j1 - j);
      if (scale) y = fma(y, load_partial(scale + j, j1 - j), load_partial(shift + j, j1 - j));
      if (extra) y += load_partial(extra + j, j1 - j);
      store_partial<T>(row + j, activated<A>(y), j1 - j);
    }
  }

  template <Activation A>
  Vec<T> activated(Vec<T> y) const {
    if constexpr (A == Activation::unknown)
      return apply_activation<T>(y, A, alpha);
    else
      return activate<T, A>(y, alpha);
  }
};

}  // namespace gemmule::GEMMULE_ISA
