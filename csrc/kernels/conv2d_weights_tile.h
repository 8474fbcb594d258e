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
  const char* soon;  // memory to fetch while the tile computes, from here on
  int64_t soon_step;
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
  const int64_t a_step = job.a_step, b_step = job.b_step, lanes = job.lanes, soon_step = job.soon_step;
  const char* soon = job.soon;
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
          __builtin_prefetch(soon, 0, 2);
          soon += chains * soon_step;
        }
      }
#pragma GCC unroll 2
      for (; k > 0; --k) {
        add_position<T, R, V, part>(sum[0], a, b, lanes);
        a += a_step;
        b += b_step;
        __builtin_prefetch(soon, 0, 2);
        soon += soon_step;
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

// The same for a vector that holds several groups of R channels, and of R filters: row i of the tile multiplies each
// filter with channel i of its group.
//
//   c (R, lanes) = sum over positions of a (lanes, channel i of each group in all lanes of the group) · b (lanes)
template <class T>
constexpr bool is_grouped_tile(int64_t channels) {
  return channels < kLanes<T> && channels <= 8 && (channels & (channels - 1)) == 0;
}

// Channel i of each group of R lanes, in all lanes of the group.
template <class T, int R, size_t... I>
GEMMULE_INLINE Vec<T> channel_of_groups(Vec<T> v, int i, Indices<I...>) {
  if constexpr (R == 1) return v;
  switch (i) {
    case 0:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 0 % R)...);
    case 1:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 1 % R)...);
    case 2:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 2 % R)...);
    case 3:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 3 % R)...);
    case 4:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 4 % R)...);
    case 5:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 5 % R)...);
    case 6:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 6 % R)...);
    default:
      return __builtin_shufflevector(v, v, static_cast<int>(I / R * R + 7 % R)...);
  }
}

template <class T, int R>
void grouped_tile(const WeightsJob<T>& job) {
  constexpr int chains = R >= 8 ? 1 : 8 / R;
  const int64_t a_step = job.a_step, b_step = job.b_step, lanes = job.lanes;
  Vec<T> sum[chains][R];
#pragma GCC unroll 8
  for (int q = 0; q < chains; ++q)
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) sum[q][i] = zero<T>();
  const auto add = [&](Vec<T>(&sums)[R], const T* a, const T* b) {
    const Vec<T> channels = load_partial(a, lanes), filters = load_partial(b, lanes);
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
      sums[i] = fma(channel_of_groups<T, R>(channels, i, typename MakeIndices<kLanes<T>>::type{}), filters, sums[i]);
  };
  for (int64_t n = 0; n < job.images; ++n) {
    for (int64_t r = 0; r < job.rows; ++r) {
      const T* a = job.a + n * job.a_image + r * job.a_row;
      const T* b = job.b + n * job.b_image + r * job.b_row;
      int64_t k = job.run;
      for (; k >= chains; k -= chains) {
#pragma GCC unroll 8
        for (int q = 0; q < chains; ++q) add(sum[q], a + q * a_step, b + q * b_step);
        a += chains * a_step;
        b += chains * b_step;
      }
      for (; k > 0; --k) {
        add(sum[0], a, b);
        a += a_step;
        b += b_step;
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int q = 1; q < chains; ++q) sum[0][i] += sum[q][i];
    T* const c = job.c + i * job.c_stride;
    store_partial<T>(c, job.continued ? load_partial(c, lanes) + sum[0][i] : sum[0][i], lanes);
  }
}

template <class T>
GEMMULE_INLINE void run_grouped_tile(WeightsJob<T>& job, int64_t channels, int64_t columns) {
  job.lanes = columns;
  if (channels == 1) return grouped_tile<T, 1>(job);
  if constexpr (kLanes<T> > 2)
    if (channels == 2) return grouped_tile<T, 2>(job);
  if constexpr (kLanes<T> > 4)
    if (channels == 4) return grouped_tile<T, 4>(job);
  if constexpr (kLanes<T> > 8)
    if (channels == 8) return grouped_tile<T, 8>(job);
}

}  // namespace gemmule::GEMMULE_ISA
