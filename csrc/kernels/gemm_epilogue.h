// What happens to a block of a product after its sums are complete: bias, residual, activation.
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

  bool idle() const { return !bias && !residual && activation == Activation::linear; }

  // out (M, N): rows [i0, i1), columns [j0, j1)
  __attribute__((noinline)) void finish(T* out, int64_t N, int64_t i0, int64_t i1, int64_t j0, int64_t j1) const {
    if (idle()) return;
    for (int64_t i = i0; i < i1; ++i) {
      for (int64_t j = j0; j < j1; j += kLanes<T>) {
        const int64_t lanes = j1 - j, at = i * N + j;
        Vec<T> y = load_partial(out + at, lanes);
        if (bias) y += load_partial(bias + j, lanes);
        if (residual) y += load_partial(residual + at, lanes);
        store_partial(out + at, apply_activation<T>(y, activation, alpha), lanes);
      }
    }
  }
};

}  // namespace gemmule::GEMMULE_ISA
