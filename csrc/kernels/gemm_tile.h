// The micro-kernel: a tile of out held in registers while k runs.
//
//   c (R, V vectors) = a (R, K) · b (K, V vectors) + addend
//
// A convolution sums over taps as well: its a and b are `rows` × `columns` pairs of such matrices (Taps), walked while
// the sums stay in registers. And its R rows of a may lie in two bands, R/2 in each, when an image is narrow.
//
// Each step of k loads V vectors of b, broadcasts R scalars of a and does R·V fused multiply-adds. The tile is as large
// as the register file allows: 14×2 vectors of 32 registers with AVX-512, 6×2 of 16 with AVX2, 4×2 with SSE, where
// a product needs a register of its own. At the right edge a tile is one vector wide, whole or in part.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

#if defined(__AVX512F__)
constexpr int kTileRows = 14;
#elif defined(__AVX2__)
constexpr int kTileRows = 6;
#else
constexpr int kTileRows = 4;
#endif
template <class T>
constexpr int kTileColumns = 2 * kLanes<T>;

enum class Reading {
  by_rows,  // a[i * a_stride + k]
  by_depth  // a[k * a_stride + i]: a transposed matrix, or a packed panel
};

// Pairs of matrices whose products are added up: from one to the next in a row of taps, and from row to row.
struct Taps {
  int64_t rows = 1, columns = 1;
  int64_t a_row = 0, a_column = 0;
  int64_t b_row = 0, b_column = 0;
};

template <class T>
struct TileJob {
  int64_t K;
  const T* a;
  int64_t a_stride;
  const T* b;  // b[k * b_stride + j]
  int64_t b_stride;
  int64_t b_ahead;  // how far ahead of its use b is prefetched, in elements
  const T* addend;  // addend[i * addend_stride + j], or nullptr
  int64_t addend_stride;
  T* c;
  int64_t c_stride;
  int64_t lanes = 0;                                // columns of a tile that is part of a vector
  Taps taps{};                                      // read by_rows only
  int64_t a_band = 0, c_band = 0, addend_band = 0;  // from the first band of rows to the second
};

enum class Width { two_vectors, one_vector, part_of_vector };

template <class T>
constexpr Width width_for(int64_t columns) {
  return columns >= 2 * kLanes<T> ? Width::two_vectors
         : columns >= kLanes<T>   ? Width::one_vector
                                  : Width::part_of_vector;
}
template <class T>
constexpr int64_t columns_of(Width width, int64_t columns) {
  return width == Width::part_of_vector ? columns : width == Width::one_vector ? kLanes<T> : 2 * kLanes<T>;
}

// sum += a · b for a single vector of columns. Here a broadcast serves one multiply-add only, and what limits is how
// much can be loaded: every third row has a pointer, so that no address lies on the stack.
template <class T, int R, bool part, int bands>
GEMMULE_INLINE void add_narrow(const TileJob<T>& job, const T* a, const T* b, Vec<T> (&sum)[R][1]) {
  constexpr int H = R / bands, kPointers = (H + 2) / 3;
  const int64_t a_stride = job.a_stride, b_stride = job.b_stride, lanes = job.lanes;
  const T* rows[bands * kPointers];
#pragma GCC unroll 16
  for (int q = 0; q < bands * kPointers; ++q)
    rows[q] = a + 3 * (q % kPointers) * a_stride + (bands > 1 ? q / kPointers * job.a_band : 0);
  for (int64_t k = job.K; k > 0; --k) {
#pragma GCC unroll 16
    for (int q = 0; q < bands * kPointers; ++q) asm("" : "+r"(rows[q]));  // or the compiler computes all from one again
    const Vec<T> row = part ? load_partial(b, lanes) : load(b);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T* const at = rows[i / H * kPointers + i % H / 3] + i % H % 3 * a_stride;
      sum[i][0] = fma(splat(*at), row, sum[i][0]);
    }
#pragma GCC unroll 16
    for (int q = 0; q < bands * kPointers; ++q) ++rows[q];
    b += b_stride;
  }
}

template <class T, int R, Width width, Reading reading, int bands = 1>
void tile(const TileJob<T>& job) {
  constexpr int L = kLanes<T>, V = width == Width::two_vectors ? 2 : 1, H = R / bands;
  constexpr bool part = width == Width::part_of_vector, by_rows = reading == Reading::by_rows;
  const int64_t lanes = job.lanes;
  const int64_t a_stride = job.a_stride, b_stride = job.b_stride, b_ahead = job.b_ahead;
  const int64_t a_band = bands > 1 ? job.a_band : 0;
  Vec<T> sum[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) sum[i][j] = zero<T>();
  const int64_t tap_rows = by_rows ? job.taps.rows : 1, tap_columns = by_rows ? job.taps.columns : 1;
  for (int64_t y = 0; y < tap_rows; ++y) {
    for (int64_t x = 0; x < tap_columns; ++x) {
      const T* a = job.a + (by_rows ? y * job.taps.a_row + x * job.taps.a_column : 0);
      const T* b = job.b + (by_rows ? y * job.taps.b_row + x * job.taps.b_column : 0);
      if constexpr (by_rows && V == 1) {
        add_narrow<T, R, part, bands>(job, a, b, sum);
        continue;
      }
#pragma GCC unroll 2
      for (int64_t k = job.K; k > 0; --k) {
        Vec<T> row[V];
#pragma GCC unroll 2
        for (int j = 0; j < V; ++j) row[j] = part ? load_partial(b, lanes) : load(b + j * L);
        if (V > 1) {  // one vector leaves no time for more loads
          __builtin_prefetch(b + b_ahead);
          __builtin_prefetch(b + b_ahead + V * L - 1);
        }
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) {
          const Vec<T> scalar = splat(by_rows ? a[i % H * a_stride + i / H * a_band] : a[i]);
#pragma GCC unroll 2
          for (int j = 0; j < V; ++j) sum[i][j] = fma(scalar, row[j], sum[i][j]);
        }
        a += by_rows ? 1 : a_stride;
        b += b_stride;
      }
    }
  }
  // Copies: a store could change `job` as far as the compiler knows.
  const T* const addend = job.addend;
  T* const c = job.c;
  const int64_t addend_stride = job.addend_stride, c_stride = job.c_stride;
  const int64_t addend_band = bands > 1 ? job.addend_band : 0, c_band = bands > 1 ? job.c_band : 0;
  if (addend) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) {
        const T* const from = addend + i % H * addend_stride + i / H * addend_band + j * L;
        sum[i][j] += part ? load_partial(from, lanes) : load(from);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) {
      T* const to = c + i % H * c_stride + i / H * c_band + j * L;
      if (part)
        store_partial<T>(to, sum[i][j], lanes);
      else
        store<T>(to, sum[i][j]);
    }
  }
}

template <class T>
using TileFunction = void (*)(const TileJob<T>&);

template <class T, class Rows>
struct TilesOf;
template <class T, size_t... R>
struct TilesOf<T, Indices<R...>> {
  static constexpr Reading rows = Reading::by_rows, depth = Reading::by_depth;
  // [reading][width][rows - 1]
  static constexpr TileFunction<T> table[2][3][sizeof...(R)] = {{{&tile<T, R + 1, Width::two_vectors, rows>...},
                                                                 {&tile<T, R + 1, Width::one_vector, rows>...},
                                                                 {&tile<T, R + 1, Width::part_of_vector, rows>...}},
                                                                {{&tile<T, R + 1, Width::two_vectors, depth>...},
                                                                 {&tile<T, R + 1, Width::one_vector, depth>...},
                                                                 {&tile<T, R + 1, Width::part_of_vector, depth>...}}};
};

// Tiles of two bands: [width][rows of a band - 1].
template <class T, class Rows>
struct BandedTilesOf;
template <class T, size_t... R>
struct BandedTilesOf<T, Indices<R...>> {
  static constexpr Reading rows = Reading::by_rows;
  static constexpr TileFunction<T> table[3][sizeof...(R)] = {
      {&tile<T, 2 * (R + 1), Width::two_vectors, rows, 2>...},
      {&tile<T, 2 * (R + 1), Width::one_vector, rows, 2>...},
      {&tile<T, 2 * (R + 1), Width::part_of_vector, rows, 2>...}};
};
constexpr int kBandRows = kTileRows / 2;

template <class T>
GEMMULE_INLINE void run_banded_tile(const TileJob<T>& job, int64_t band_rows, Width width) {
  using Tiles = BandedTilesOf<T, typename MakeIndices<kBandRows>::type>;
  Tiles::table[static_cast<int>(width)][band_rows - 1](job);
}

template <class T>
GEMMULE_INLINE void run_tile(const TileJob<T>& job, Reading reading, int64_t rows, Width width) {
  using Tiles = TilesOf<T, typename MakeIndices<kTileRows>::type>;
  Tiles::table[static_cast<int>(reading)][static_cast<int>(width)][rows - 1](job);
}

// Rows [begin, end) dealt to tiles: 32 rows are 11 + 11 + 10, not 14 + 14 + 4.
struct RowTiles {
  int64_t begin, end;
  int64_t count = ceil_div(end - begin, kTileRows);

  int64_t at(int64_t tile) const { return begin + (end - begin) * tile / count; }
};

}  // namespace gemmule::GEMMULE_ISA
