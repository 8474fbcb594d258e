// Convolutions with few filters. A vector of filters would be mostly empty, so here a vector holds neighbouring columns
// of y instead. The part of x that a unit reads is copied plane by plane, one for each channel; since its rows follow
// each other with their zeros between them, so do the positions of y (with SH = 1), and vectors run on over row ends.
// What they compute between two rows is thrown away.
#pragma once
#include "conv2d_field.h"

namespace gemmule::GEMMULE_ISA {

template <class T>
constexpr int64_t kFewFilters = kLanes<T> / 2;

// Vectors of positions of a tile of R filters, and of the tile for what is left over.
template <class T>
constexpr int planar_vectors(int R) {
  constexpr int sums = kVectorBytes == 64 ? 16 : 8;
  return R == 1 ? 8 : max(2, sums / R & ~1);
}
constexpr int kNarrowVectors = 2;

template <class T>
struct PlanarJob {
  int64_t rows, columns, K;      // loops over taps and channels: kernel rows, then two in either order
  int64_t w_row, w_column, w_k;  // steps of the kernel
  int64_t x_row, x_column, x_k;  // and of the planes
  const T* w;                    // w[i * filter]
  int64_t filter;
  const T* x;
  T* sums;         // [filter][kSums]
  bool continued;  // add to what is there
};
template <class T>
constexpr int64_t kSums = 8 * kLanes<T>;

template <class T, int R, int V>
void planar_tile(const PlanarJob<T>& job) {
  constexpr int L = kLanes<T>;
  Vec<T> sum[R][V];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[i][v] = zero<T>();
  for (int64_t row = 0; row < job.rows; ++row) {
    for (int64_t column = 0; column < job.columns; ++column) {
      const T* w = job.w + row * job.w_row + column * job.w_column;
      const T* x = job.x + row * job.x_row + column * job.x_column;
      for (int64_t k = job.K; k > 0; --k) {
        Vec<T> scalar[R];
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) scalar[i] = splat(w[i * job.filter]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
          const Vec<T> pixels = load(x + v * L);
#pragma GCC unroll 8
          for (int i = 0; i < R; ++i) sum[i][v] = fma(scalar[i], pixels, sum[i][v]);
        }
        w += job.w_k;
        x += job.x_k;
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      T* const at = job.sums + i * kSums<T> + v * L;
      store<T>(at, job.continued ? load(at) + sum[i][v] : sum[i][v]);
    }
  }
}

template <class T>
using PlanarFunction = void (*)(const PlanarJob<T>&);
template <class T, class Filters>
struct PlanarTilesOf;
template <class T, size_t... R>
struct PlanarTilesOf<T, Indices<R...>> {
  static constexpr PlanarFunction<T> wide[] = {&planar_tile<T, R + 1, planar_vectors<T>(R + 1)>...};
  static constexpr PlanarFunction<T> narrow[] = {&planar_tile<T, R + 1, kNarrowVectors>...};
};

// Whether few filters are better computed this way: time of 16 positions, in vectors of additions, against that of
// tiles of one vector of filters.
template <class T>
bool is_planar(const DirectShape& s) {
  if (s.SW != 1 || s.O > kFewFilters<T> || s.OW < kLanes<T> / 2) return false;
  const double length = s.KH * s.KW * s.C, width = s.OW + (s.KW - 1) * s.DW;
  const double filled = s.SH == 1 ? s.OW / width : s.OW / static_cast<double>(round_up(s.OW, 2 * kLanes<T>));
  const double lanes = kLanes<T>, planar = length * s.O / 2 / filled + 0.9 * lanes * s.O + 0.5 * lanes * s.C;
  return planar < lanes / 2 * length + 0.1 * lanes * s.C;
}

// out[j * out_step + i] = from[i * from_step + j] for i < rows, j < columns.
template <class T>
void copy_transposed(T* out, int64_t out_step, const T* from, int64_t from_step, int64_t rows, int64_t columns) {
  constexpr int L = kLanes<T>;
  if (columns == 1) {
    for (int64_t i = 0; i < rows; ++i) out[i] = from[i * from_step];
    return;
  }
  for (int64_t j = 0; j < columns; j += L) {
    for (int64_t i = 0; i < rows; i += L) {
      Vec<T> block[L];
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q)
        block[q] = i + q < rows ? load_partial(from + (i + q) * from_step + j, columns - j) : zero<T>();
      transpose<T>(block);
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q)
        if (j + q < columns) store_partial<T>(out + (j + q) * out_step + i, block[q], rows - i);
    }
  }
}

// field[channel][row][column], a plane being p.field.column apart from the next.
template <class T>
void copy_planes(const DirectPlan& p, int64_t n, int64_t h0, int64_t h1, const T* x, T* field) {
  const DirectShape& s = p.shape;
  const int64_t width = p.field.row, before = min(width, max(0, s.PL));
  const int64_t w0 = max(0, -s.PL), pixels = max(0, min(s.W - w0, width - before));
  for (int64_t h = h0; h < h1; ++h) {
    T* const row = field + (h - h0) * width;
    const bool inside = h >= 0 && h < s.H && pixels > 0;
    const int64_t first = inside ? before : width, last = inside ? before + pixels : width;
    for (int64_t c = 0; c < s.C; ++c) {
      T* const plane_row = row + c * p.field.column;
      for (int64_t i = 0; i < first; ++i) plane_row[i] = T(0);
      for (int64_t i = last; i < width; ++i) plane_row[i] = T(0);
    }
    if (inside)
      copy_transposed(row + before, p.field.column, x + n * s.x.image + h * s.x.row + w0 * s.x.column, s.x.column,
                      pixels, s.C);
  }
}

// The tiles of a block of rows of one image.
template <class T>
class PlanarTiles {
 public:
  // m: of the group; `planes` as copied from row h0 of x on.
  PlanarTiles(const DirectPlan& plan, const DirectOperands<T>& operands, const T* planes, int64_t image)
      : p(plan), m(operands), field(planes), n(image) {
    const DirectShape& s = p.shape;
    by_channels = s.C >= s.KW;
    job.rows = s.KH;
    job.w_row = s.w.row;
    job.x_row = s.DH * p.field.row;
    job.filter = s.w.filter;
    job.sums = sums;
    (by_channels ? job.w_k : job.w_column) = s.w.channel;
    (by_channels ? job.x_k : job.x_column) = p.field.column;
    (by_channels ? job.w_column : job.w_k) = s.w.column;
    (by_channels ? job.x_column : job.x_k) = s.DW;
    (by_channels ? job.columns : job.K) = s.KW;
  }

  void run(int64_t oh0, int64_t oh1) {
    const DirectShape& s = p.shape;
    if (s.SH == 1) return run_positions(field, oh0, (oh1 - oh0 - 1) * p.field.row + s.OW);
    for (int64_t oh = oh0; oh < oh1; ++oh) run_positions(field + (oh - oh0) * s.SH * p.field.row, oh, s.OW);
  }

 private:
  const DirectPlan& p;
  const DirectOperands<T>& m;
  const T* field;
  int64_t n;
  bool by_channels;  // the innermost loop; else it goes along a row of the kernel
  PlanarJob<T> job{};
  alignas(64) T sums[kFewFilters<T> * kSums<T>];

  // `count` positions that follow each other in the planes, from the beginning of row oh of y on.
  void run_positions(const T* x, int64_t oh, int64_t count) {
    using Functions = PlanarTilesOf<T, typename MakeIndices<kFewFilters<T>>::type>;
    const DirectShape& s = p.shape;
    constexpr int64_t narrow = kNarrowVectors * kLanes<T>;
    const int64_t wide = planar_vectors<T>(static_cast<int>(s.O)) * kLanes<T>;
    for (int64_t i = 0; i < count;) {
      const bool is_wide = count - i > narrow;
      for (int64_t c = 0; c < s.C; c += p.channels) {
        (by_channels ? job.K : job.columns) = min(p.channels, s.C - c);
        job.w = m.w + c * s.w.channel;
        job.x = x + i + c * p.field.column;
        job.continued = c > 0;
        (is_wide ? Functions::wide : Functions::narrow)[s.O - 1](job);
      }
      const int64_t done = min(count - i, is_wide ? wide : narrow);
      finish(done);
      put(oh, i, done);
      i += done;
    }
  }

  void finish(int64_t count) {
    if (!m.bias && !m.scale && (m.residual || p.activation == Activation::linear)) return;
    for (int64_t o = 0; o < p.shape.O; ++o) {
      for (int64_t i = 0; i < count; i += kLanes<T>) {
        T* const at = sums + o * kSums<T> + i;
        Vec<T> v = load(at);
        if (m.bias) v += m.bias[o];
        if (m.scale) v = fma(v, splat(m.scale[o]), splat(m.shift[o]));
        store<T>(at, m.residual ? v : apply_activation<T>(v, p.activation, static_cast<T>(p.alpha)));
      }
    }
  }

  // Positions i, i + 1, ... counted in the planes from the beginning of row oh.
  void put(int64_t oh, int64_t i, int64_t count) {
    const DirectShape& s = p.shape;
    const Epilogue<T> residual{nullptr, m.residual, p.activation, static_cast<T>(p.alpha)};
    for (int64_t done = 0; done < count;) {
      const int64_t row = (i + done) / p.field.row, column = (i + done) % p.field.row;
      const int64_t left = min(count - done, p.field.row - column), some = max(0, min(left, s.OW - column));
      const int64_t at = n * s.y.image + (oh + row) * s.y.row + column * s.y.column;
      for (int64_t o = 0; o < s.O; ++o) {
        const T* const from = sums + o * kSums<T> + done;
        T* const y = m.y + at + o;
        if (s.y.column == 1)
          __builtin_memcpy(y, from, some * sizeof(T));
        else
          for (int64_t q = 0; q < some; ++q) y[q * s.y.column] = from[q];
      }
      if (m.residual) {
        Epilogue<T> own = residual;
        own.residual += at;
        own.finish(m.y + at, s.y.column, 0, some, 0, s.O);
      }
      done += left;
    }
  }
};

}  // namespace gemmule::GEMMULE_ISA
