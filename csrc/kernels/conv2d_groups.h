// Tiles for small groups: a vector holds the channels of several groups, Q in each, as many as filters.
//
// Filter l of a vector needs channel l / Q · Q + q for q = 0 … Q - 1: within each run of Q lanes one lane is spread
// over all, and multiplied by a vector of the kernel as it lies, whose rows (kh, kw, q) hold the filters of all groups.
#pragma once
#include "gemm_tile.h"

namespace gemmule::GEMMULE_ISA {

template <class T, int Q, int q, size_t... I>
GEMMULE_INLINE Vec<T> spread_lane(Vec<T> v, Indices<I...>) {
  if constexpr (Q == 1 || Q >= kLanes<T>)  // of which the latter is never used
    return v;
  else
    return __builtin_shufflevector(v, v, static_cast<int>(I / Q * Q + q)...);
}

template <class T, int R, int Q, size_t... q>
GEMMULE_INLINE void add_tap(Vec<T>* sum, const T* a, int64_t a_stride, const T* b, int64_t b_stride, Indices<q...>) {
  const Vec<T> kernel[Q] = {load(b + static_cast<int64_t>(q) * b_stride)...};
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    const Vec<T> pixel = load(a + i * a_stride);
    ((sum[i] = fma(spread_lane<T, Q, q>(pixel, typename MakeIndices<kLanes<T>>::type{}), kernel[q], sum[i])), ...);
  }
}

// R positions, one vector of filters. job.a and job.b point to the first channel and filter of the vector.
template <class T, int R, int Q>
void grouped_tile(const TileJob<T>& job) {
  Vec<T> sum[R];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) sum[i] = zero<T>();
  for (int64_t y = 0; y < job.taps.rows; ++y)
    for (int64_t x = 0; x < job.taps.columns; ++x)
      add_tap<T, R, Q>(sum, job.a + y * job.taps.a_row + x * job.taps.a_column, job.a_stride,
                       job.b + y * job.taps.b_row + x * job.taps.b_column, job.b_stride,
                       typename MakeIndices<Q>::type{});
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i)
    store<T>(job.c + i * job.c_stride, job.addend ? sum[i] + load(job.addend + i * job.addend_stride) : sum[i]);
}

template <class T, class Rows>
struct GroupedTilesOf;
template <class T, size_t... R>
struct GroupedTilesOf<T, Indices<R...>> {
  static constexpr TileFunction<T> table[4][sizeof...(R)] = {{&grouped_tile<T, R + 1, 1>...},
                                                             {&grouped_tile<T, R + 1, 2>...},
                                                             {&grouped_tile<T, R + 1, 4>...},
                                                             {&grouped_tile<T, R + 1, 8>...}};
};

template <class T>
GEMMULE_INLINE void run_grouped_tile(const TileJob<T>& job, int64_t rows, int64_t group_size) {
  using Tiles = GroupedTilesOf<T, typename MakeIndices<kTileRows>::type>;
  Tiles::table[group_size == 1 ? 0 : group_size == 2 ? 1 : group_size == 4 ? 2 : 3][rows - 1](job);
}

// Channels of a group for which these tiles exist; 0 where there are none.
template <class T>
constexpr int64_t grouped_tile_size(int64_t channels, int64_t filters, int64_t groups) {
  const bool exists = channels == 1 || channels == 2 || channels == 4 || channels == 8;
  return groups > 1 && exists && channels == filters && channels < kLanes<T> && groups * channels % kLanes<T> == 0
             ? channels
             : 0;
}

}  // namespace gemmule::GEMMULE_ISA
