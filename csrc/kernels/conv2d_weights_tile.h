// The micro-kernel of the weights' gradient: a tile of dw held in registers while positions run.
//
//   c (R, V vectors) = sum over positions of a (R scalars) · b (V vectors), added to what c held if `continued`
//
// Positions are a box: images × rows × a run of neighbours, each with a step of its own in both operands. So one call
// takes just those output positions of a block for which a tap of the kernel lies inside the image.
#pragma once
#include "gemm_tile.h"

namespace gemmule::GEMMULE_ISA {

template <class T>
struct WeightsJob {
  int64_t images, rows, run;
  const T* a;
  int64_t a_step, a_row, a_image;
  const T* b;
  int64_t b_step, b_row, b_image;
  T* c;
  int64_t c_stride;
  int64_t lanes;  // columns of the last vector
  bool continued;
};

// One position: R·V multiply-adds.
template <class T, int R, int V, bool part>
GEMMULE_INLINE void add_position(Vec<T> (&sum)[R][V], const T* a, const T* b, int64_t lanes) {
  Vec<T> row[V];
#pragma GCC unroll 2
  for (int j = 0; j < V; ++j)
    row[j] = part && j == V - 1 ? load_partial(b + j * kLanes<T>, lanes) : load(b + j * kLanes<T>);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    const Vec<T> scalar = splat(a[i]);
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) sum[i][j] = fma(scalar, row[j], sum[i][j]);
  }
}

template <class T, int R, int V, bool part>
GEMMULE_INLINE void finish_tile(const WeightsJob<T>& job, const Vec<T> (&sum)[R][V]) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) {
      T* const c = job.c + i * job.c_stride + j * kLanes<T>;
      const int64_t lanes = part && j == V - 1 ? job.lanes : kLanes<T>;
      store_partial<T>(c, job.continued ? load_partial(c, lanes) + sum[i][j] : sum[i][j], lanes);
    }
  }
}

template <class T, int R, int V, bool part>
void weights_tile(const WeightsJob<T>& job) {
  // A multiply-add takes four cycles and two start in each: below eight chains, neighbouring positions get their own.
  constexpr int chains = R * V >= 8 ? 1 : R * V >= 4 ? 2 : 4;
  const int64_t a_step = job.a_step, b_step = job.b_step, lanes = job.lanes;
  for (int i = 0; i < R; ++i) {
    __builtin_prefetch(job.c + i * job.c_stride);
    __builtin_prefetch(job.c + i * job.c_stride + V * kLanes<T> - 1);
  }
  Vec<T> sum[chains][R][V];
#pragma GCC unroll 4
  for (int q = 0; q < chains; ++q)
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) sum[q][i][j] = zero<T>();
  for (int64_t n = 0; n < job.images; ++n) {
    for (int64_t r = 0; r < job.rows; ++r) {
      const T* a = job.a + n * job.a_image + r * job.a_row;
      const T* b = job.b + n * job.b_image + r * job.b_row;
      int64_t k = job.run;
      if constexpr (chains > 1) {
        for (; k >= chains; k -= chains) {
#pragma GCC unroll 4
          for (int q = 0; q < chains; ++q) add_position<T, R, V, part>(sum[q], a + q * a_step, b + q * b_step, lanes);
          a += chains * a_step;
          b += chains * b_step;
        }
      }
#pragma GCC unroll 2
      for (; k > 0; --k) {
        add_position<T, R, V, part>(sum[0], a, b, lanes);
        a += a_step;
        b += b_step;
      }
    }
  }
#pragma GCC unroll 4
  for (int q = 1; q < chains; ++q)
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) sum[0][i][j] += sum[q][i][j];
  finish_tile<T, R, V, part>(job, sum[0]);
}

template <class T, class Rows>
struct WeightsTilesOf;
template <class T, size_t... R>
struct WeightsTilesOf<T, Indices<R...>> {
  // [two vectors][part][rows - 1]
  static constexpr void (*table[2][2][sizeof...(R)])(const WeightsJob<T>&) = {
      {{&weights_tile<T, R + 1, 1, false>...}, {&weights_tile<T, R + 1, 1, true>...}},
      {{&weights_tile<T, R + 1, 2, false>...}, {&weights_tile<T, R + 1, 2, true>...}}};
};

// `columns` of c, at most two vectors.
template <class T>
GEMMULE_INLINE void run_weights_tile(WeightsJob<T>& job, int64_t rows, int64_t columns) {
  using Tiles = WeightsTilesOf<T, typename MakeIndices<kTileRows>::type>;
  const bool two = columns > kLanes<T>;
  job.lanes = two ? columns - kLanes<T> : columns;
  Tiles::table[two][job.lanes < kLanes<T>][rows - 1](job);
}

}  // namespace gemmule::GEMMULE_ISA
