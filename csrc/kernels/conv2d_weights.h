// The gradient of a convolution's kernel, exactly:
//
//   dw[kh, kw, c, o] = sum over n, oh, ow of x[n, oh·SH + kh·DH − PT, ow·SW + kw·DW − PL, c] · dy[n, oh, ow, o]
//
// That is, for each tap (kh, kw), a product xᵀ · dy over the output positions for which the tap lies inside the image.
// The positions are cut into blocks whose part of dy stays in the nearest caches. A block's dy is copied into panels
// of 32 filters, its x into panels of as many channels as a register tile has rows, in the order
//
//   x[row][ow·SW mod SW][column][image][channel]      dy[row][column][image][filter]
//
// so that with any stride the positions of a row of a block, for all its images, are one run of neighbours in both.
//
// With few channels (`folded`) the entries (kw, c) of one row of the kernel are the rows of the tile instead: channels
// last makes them neighbours, so a copy of x's rows between zeros serves all of them.
//
// Blocks are dealt to `slices`, by shape alone, each with a dw of its own; a second phase adds these in order.
#pragma once
#include "conv2d_shape.h"
#include "conv2d_weights_tile.h"

namespace gemmule::GEMMULE_ISA {

struct WeightsPlan {
  ConvShape s;
  int64_t has_dw, has_db;
  int64_t folded;
  int64_t in_place;                           // dy is read where it lies
  int64_t taps, tap_rows;                     // of one row of the kernel; entries of dw that one of them has
  int64_t panels;                             // of filters, in each group
  int64_t image_cuts, row_cuts, column_cuts;  // the grid of blocks
  int64_t images, rows, columns;              // the largest block
  int64_t x_rows, x_columns;                  // rows of x under a block, columns of each residue modulo SW
  int64_t slices;

  int64_t blocks() const { return image_cuts * row_cuts * column_cuts; }
  int64_t dw_size() const { return s.KH * s.KW * s.group_channels() * s.O; }
};

constexpr int64_t kBlockPositions = 256;  // output positions of one block: 32 KB of a panel of dy
constexpr int64_t kFoldedChannels = 8;    // below: too few rows for a tile
constexpr int64_t kReadInPlace = 2;       // tiles of a block that use a panel of dy, up to which it is not copied
constexpr int64_t kSliceUnits = 16;       // units wanted of the first phase
constexpr int64_t kSliceBytes = 4 << 20;  // memory for the slices' dw
constexpr int64_t kSlicePositions = 512;  // of one slice at least
constexpr int64_t kSliceSums = 4096;      // elements of one unit of the second phase

template <class T>
WeightsPlan weights_plan(const ConvShape& s, bool has_dw, bool has_db) {
  WeightsPlan p{};
  p.s = s;
  p.has_dw = has_dw;
  p.has_db = has_db;
  const int64_t channels = s.group_channels();
  p.folded = channels < kFoldedChannels && s.KW > 1;
  p.taps = p.folded ? 1 : s.KW;
  p.tap_rows = p.folded ? s.KW * channels : channels;
  p.panels = ceil_div(s.group_filters(), kTileColumns<T>);
  p.in_place = p.folded && s.KH * ceil_div(p.tap_rows, kTileRows) <= kReadInPlace;
  const int64_t image = max(1, s.OH * s.OW), row = max(1, s.OW);
  p.image_cuts = max(1, ceil_div(s.N, max(1, kBlockPositions / image)));
  p.row_cuts = image <= kBlockPositions ? 1 : ceil_div(s.OH, max(1, kBlockPositions / row));
  p.column_cuts = ceil_div(row, 2 * kBlockPositions);
  p.images = ceil_div(s.N, p.image_cuts);
  p.rows = ceil_div(s.OH, p.row_cuts);
  p.columns = ceil_div(s.OW, p.column_cuts);
  p.x_rows = (p.rows - 1) * s.SH + (s.KH - 1) * s.DH + 1;
  p.x_columns = p.columns + (s.KW - 1) * s.DW / s.SW;
  const int64_t bytes = p.dw_size() * static_cast<int64_t>(sizeof(T));
  p.slices = ceil_div(kSliceUnits, s.G * p.panels);
  p.slices = min(p.slices, max(1, s.positions() / kSlicePositions));
  p.slices = max(1, min(min(p.slices, kSliceBytes / max(bytes, 1)), p.blocks()));
  return p;
}

inline int weights_phases(const WeightsPlan& p) { return p.slices > 1 ? 2 : 1; }

inline int64_t weights_units(const WeightsPlan& p, int phase) {
  if (phase == 0) return p.slices * p.s.G * p.panels;
  return ceil_div(p.has_dw ? p.dw_size() : 0, kSliceSums) + ceil_div(p.has_db ? p.s.O : 0, kSliceSums);
}

// Elements of x as packed: of a panel of channels, or of all padded rows.
inline int64_t packed_x_size(const WeightsPlan& p) {
  const ConvShape& s = p.s;
  if (!p.folded) return p.images * p.x_rows * s.SW * p.x_columns * kTileRows;
  const int64_t row = s.DW == 1 ? (p.columns - 1) * s.SW + s.KW : p.columns * s.KW;
  return p.images * p.x_rows * row * s.group_channels();
}

template <class T>
int64_t packed_dy_size(const WeightsPlan& p) {
  return p.in_place ? 0 : p.images * p.rows * p.columns * p.panels * kTileColumns<T>;
}

template <class T>
int64_t weights_shared_bytes(const WeightsPlan& p) {
  return (p.slices - 1) * ((p.has_dw ? p.dw_size() : 0) + p.s.O) * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t weights_local_bytes(const WeightsPlan& p) {
  // Packed rows end with a whole vector.
  return round_up((packed_x_size(p) + kLanes<T>)*sizeof(T), 64) + packed_dy_size<T>(p) * sizeof(T);
}

template <class T>
double weights_cost(const WeightsPlan& p) {
  const ConvShape& s = p.s;
  // A tile is as wide as a vector, however few filters there are.
  const double filters = static_cast<double>(s.G) * round_up(s.group_filters(), kLanes<T>);
  const double products = 1.0 * s.positions() * s.KH * s.KW * s.group_channels() * filters;
  const double bytes = 1.0 * (s.N * s.H * s.W * s.C + s.positions() * s.O) * sizeof(T);
  return 50 + (p.has_dw ? products / (2.5 * kLanes<T>) : 0) + bytes / 20;
}

// A block of output positions.
struct WeightsBlock {
  int64_t n0, images;
  int64_t oh0, rows;
  int64_t ow0, columns;
};

inline WeightsBlock weights_block(const WeightsPlan& p, int64_t index) {
  const ConvShape& s = p.s;
  const int64_t w = index % p.column_cuts, h = index / p.column_cuts % p.row_cuts;
  const int64_t n = index / p.column_cuts / p.row_cuts;
  const int64_t n0 = s.N * n / p.image_cuts, oh0 = s.OH * h / p.row_cuts, ow0 = s.OW * w / p.column_cuts;
  return {n0,  s.N * (n + 1) / p.image_cuts - n0,   oh0, s.OH * (h + 1) / p.row_cuts - oh0,
          ow0, s.OW * (w + 1) / p.column_cuts - ow0};
}

// The outputs o of [first, first + count) for which 0 <= o · stride + offset < size, relative to `first`.
inline Range outputs_inside(int64_t first, int64_t count, int64_t stride, int64_t offset, int64_t size) {
  const int64_t at = first * stride + offset;  // position of the first one
  const int64_t begin = at >= 0 ? 0 : ceil_div(-at, stride);
  const int64_t end = at >= size ? 0 : min(count, ceil_div(size - at, stride));
  return {begin, max(begin, end)};
}

// Whether some tap of a kernel falls on positions with this residue modulo the stride.
inline bool residue_used(int64_t residue, int64_t stride, int64_t taps, int64_t dilation) {
  for (int64_t k = 0; k < min(taps, stride); ++k)
    if (k * dilation % stride == residue) return true;
  return false;
}

// Channels [c0, c0 + R) of the rows and columns of x that the block's outputs reach.
template <class T>
void pack_channels(T* out, const T* x, const WeightsPlan& p, const WeightsBlock& block, int64_t c0, int64_t R) {
  const ConvShape& s = p.s;
  constexpr int L = kLanes<T>;
  const int64_t row0 = block.oh0 * s.SH - s.PT, column0 = block.ow0 * s.SW - s.PL;
  for (int64_t r = 0; r < (block.rows - 1) * s.SH + (s.KH - 1) * s.DH + 1; ++r) {
    if (row0 + r < 0 || row0 + r >= s.H || !residue_used(r % s.SH, s.SH, s.KH, s.DH)) continue;
    for (int64_t q = 0; q < s.SW; ++q) {
      if (!residue_used(q, s.SW, s.KW, s.DW)) continue;
      const Range inside = outputs_inside(0, p.x_columns, s.SW, column0 + q, s.W);
      for (int64_t n = 0; n < block.images; ++n) {
        const T* from = x + (((block.n0 + n) * s.H + row0 + r) * s.W + column0 + q) * s.C + c0;
        T* const to = out + ((r * s.SW + q) * p.x_columns * block.images + n) * R;
        for (int64_t j = inside.begin; j < inside.end; ++j)
          for (int64_t i = 0; i < R; i += L)
            store_partial<T>(to + j * block.images * R + i, load_partial(from + j * s.SW * s.C + i, R - i), R - i);
      }
    }
  }
}

// Copies n numbers; `to` has room for a vector more.
template <class T>
GEMMULE_INLINE void copy_run(T* to, const T* from, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes<T>) store<T>(to + i, load_partial(from + i, n - i));
}

// Folded: columns [column0, column0 + count · step) of one row of x, `channels` of each, zeros outside the image.
// What lies behind the row is overwritten.
template <class T>
void pack_columns_of_row(T* out, const T* row, const ConvShape& s, int64_t column0, int64_t step, int64_t count) {
  const int64_t channels = s.group_channels();
  const Range inside = outputs_inside(0, count, step, column0, s.W);
  for (int64_t i = 0; i < inside.begin * channels; ++i) out[i] = 0;
  const T* const from = row + column0 * s.C;
  if (s.G == 1 && step == 1) {
    copy_run(out + inside.begin * channels, from + inside.begin * channels, (inside.end - inside.begin) * channels);
  } else {
    for (int64_t j = inside.begin; j < inside.end; ++j)
      for (int64_t c = 0; c < channels; ++c) out[j * channels + c] = from[j * step * s.C + c];
  }
  for (int64_t i = inside.end * channels; i < count * channels; ++i) out[i] = 0;
}

template <class T>
void pack_rows_between_zeros(T* out, const T* x, const WeightsPlan& p, const WeightsBlock& block, int64_t c0) {
  const ConvShape& s = p.s;
  const int64_t channels = s.group_channels(), row0 = block.oh0 * s.SH - s.PT, column0 = block.ow0 * s.SW - s.PL;
  const int64_t width = s.DW == 1 ? (block.columns - 1) * s.SW + s.KW : block.columns * s.KW;
  for (int64_t n = 0; n < block.images; ++n) {
    for (int64_t r = 0; r < (block.rows - 1) * s.SH + (s.KH - 1) * s.DH + 1; ++r, out += width * channels) {
      if (row0 + r < 0 || row0 + r >= s.H || !residue_used(r % s.SH, s.SH, s.KH, s.DH)) continue;
      const T* const row = x + ((block.n0 + n) * s.H + row0 + r) * s.W * s.C + c0;
      if (s.DW == 1) {
        pack_columns_of_row(out, row, s, column0, 1, width);
      } else {
        for (int64_t j = 0; j < block.columns; ++j)
          pack_columns_of_row(out + j * s.KW * channels, row, s, column0 + j * s.SW, s.DW, s.KW);
      }
    }
  }
}

// Filters [o0, o0 + columns) of the block's dy, padded with zeros to whole vectors.
template <class T>
void pack_filters(T* out, const T* dy, const WeightsPlan& p, const WeightsBlock& block, int64_t o0, int64_t columns) {
  const ConvShape& s = p.s;
  constexpr int L = kLanes<T>;
  const int64_t width = round_up(columns, L);
  // Folded blocks keep their images apart.
  const int64_t row_step = p.folded ? block.columns : block.columns * block.images;
  const int64_t step = p.folded ? 1 : block.images, image = p.folded ? block.rows * block.columns : 1;
  for (int64_t n = 0; n < block.images; ++n) {
    for (int64_t r = 0; r < block.rows; ++r) {
      const T* from = dy + (((block.n0 + n) * s.OH + block.oh0 + r) * s.OW + block.ow0) * s.O + o0;
      T* to = out + (n * image + r * row_step) * width;
      for (int64_t j = 0; j < block.columns; ++j, from += s.O, to += step * width)
        for (int64_t v = 0; v < width; v += L) store<T>(to + v, load_partial(from + v, columns - v));
    }
  }
}

// db: filters [o0, o0 + columns) of the block, at most two vectors.
template <class T>
void sum_filters(T* db, const T* dy, const WeightsPlan& p, const WeightsBlock& block, int64_t o0, int64_t columns,
                 bool continued) {
  const ConvShape& s = p.s;
  constexpr int L = kLanes<T>;
  for (int64_t v = 0; v < columns; v += L) {
    const int64_t lanes = min(columns - v, L);
    Vec<T> sum[4] = {};
    for (int64_t n = 0; n < block.images; ++n) {
      for (int64_t r = 0; r < block.rows; ++r) {
        const T* from = dy + (((block.n0 + n) * s.OH + block.oh0 + r) * s.OW + block.ow0) * s.O + o0 + v;
        int64_t j = 0;
        for (; j + 4 <= block.columns; j += 4, from += 4 * s.O)
          for (int q = 0; q < 4; ++q) sum[q] += load_partial(from + q * s.O, lanes);
        for (; j < block.columns; ++j, from += s.O) sum[0] += load_partial(from, lanes);
      }
    }
    const Vec<T> all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    store_partial<T>(db + o0 + v, continued ? load_partial(db + o0 + v, lanes) + all : all, lanes);
  }
}

// One call's memory for one slice.
template <class T>
struct WeightsSlice {
  T *dw, *db;
  const T *x, *dy;
  T *packed_x, *packed_dy;
};

// All taps of a tile's rows [r0, r1) against panels [q0, q1) of filters of group g.
template <class T>
void run_taps(const WeightsPlan& p, const WeightsSlice<T>& m, const WeightsBlock& block, bool continued, int64_t g,
              int64_t q0, int64_t q1, int64_t r0, int64_t r1) {
  const ConvShape& s = p.s;
  constexpr int C = kTileColumns<T>;
  const int64_t channels = s.group_channels(), filters = s.group_filters(), R = r1 - r0;
  const int64_t together = p.folded ? 1 : block.images;  // images whose positions are neighbours
  const int64_t positions = block.images * block.rows * block.columns;
  WeightsJob<T> job;
  job.continued = continued;
  job.c_stride = s.O;
  const T* a = m.packed_x;
  if (p.folded) {
    const int64_t width = s.DW == 1 ? (block.columns - 1) * s.SW + s.KW : block.columns * s.KW;
    job.a_step = (s.DW == 1 ? s.SW : s.KW) * channels;
    job.a_row = s.SH * width * channels;
    job.a_image = ((block.rows - 1) * s.SH + (s.KH - 1) * s.DH + 1) * width * channels;
    a += r0;
  } else {
    job.a_step = R;
    job.a_row = s.SH * s.SW * p.x_columns * block.images * R;
    job.a_image = 0;
  }
  for (int64_t q = q0; q < q1; ++q) {
    const int64_t columns = min(C, filters - q * C), width = round_up(columns, kLanes<T>);
    const T* b = m.packed_dy + (q - q0) * positions * C;
    job.b_step = width;
    job.b_row = block.columns * together * width;
    job.b_image = p.folded ? block.rows * block.columns * width : 0;
    if (p.in_place) {
      b = m.dy + ((block.n0 * s.OH + block.oh0) * s.OW + block.ow0) * s.O + g * filters + q * C;
      job.b_step = s.O;
      job.b_row = s.OW * s.O;
      job.b_image = s.OH * s.OW * s.O;
    }
    for (int64_t kh = 0; kh < s.KH; ++kh) {
      const Range rows = outputs_inside(block.oh0, block.rows, s.SH, kh * s.DH - s.PT, s.H);
      job.rows = rows.end - rows.begin;
      for (int64_t tap = 0; tap < p.taps; ++tap) {
        const Range columns_inside =
            p.folded ? Range{0, block.columns} : outputs_inside(block.ow0, block.columns, s.SW, tap * s.DW - s.PL, s.W);
        job.run = (columns_inside.end - columns_inside.begin) * together;
        job.images = job.run > 0 && job.rows > 0 ? (p.folded ? block.images : 1) : 0;
        if (job.images == 0 && continued) continue;
        const int64_t row = rows.begin * s.SH + kh * s.DH;
        job.a = a + row * (job.a_row / s.SH);
        if (!p.folded)
          job.a += (tap * s.DW % s.SW * p.x_columns + tap * s.DW / s.SW + columns_inside.begin) * block.images * R;
        job.b = b + rows.begin * job.b_row + columns_inside.begin * together * job.b_step;
        job.c = m.dw + ((kh * s.KW + tap) * channels + r0) * s.O + g * filters + q * C;
        run_weights_tile(job, R, columns);
      }
    }
  }
}

// Panels [q0, q1) of group g.
template <class T>
void run_panels(const WeightsPlan& p, const WeightsSlice<T>& m, const WeightsBlock& block, bool continued, int64_t g,
                int64_t q0, int64_t q1) {
  constexpr int C = kTileColumns<T>;
  const ConvShape& s = p.s;
  const int64_t filters = s.group_filters(), positions = block.images * block.rows * block.columns;
  for (int64_t q = q0; q < q1; ++q) {
    const int64_t o0 = g * filters + q * C, columns = min(C, filters - q * C);
    if (p.has_db) sum_filters(m.db, m.dy, p, block, o0, columns, continued);
    if (p.has_dw && !p.in_place) pack_filters(m.packed_dy + (q - q0) * positions * C, m.dy, p, block, o0, columns);
  }
  if (!p.has_dw) return;
  if (p.folded) pack_rows_between_zeros(m.packed_x, m.x, p, block, g * s.group_channels());
  const RowTiles tiles{0, p.tap_rows};
  for (int64_t t = 0; t < tiles.count; ++t) {
    const int64_t r0 = tiles.at(t), r1 = tiles.at(t + 1);
    if (!p.folded) pack_channels(m.packed_x, m.x, p, block, g * s.group_channels() + r0, r1 - r0);
    run_taps(p, m, block, continued, g, q0, q1, r0, r1);
  }
}

// out += the slices behind it, in their order.
template <class T>
void add_slices(T* out, const T* slices, int64_t step, int64_t count, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kLanes<T>) {
    const int64_t lanes = min(kLanes<T>, end - i);
    Vec<T> sum = load_partial(out + i, lanes);
    for (int64_t k = 0; k < count; ++k) sum += load_partial(slices + k * step + i, lanes);
    store_partial<T>(out + i, sum, lanes);
  }
}

template <class T>
void weights_run(const WeightsPlan& p, T* dw, T* db, const T* x, const T* dy, const Units& u) {
  const int64_t size = p.has_dw ? p.dw_size() : 0, step = size + p.s.O;
  T* const shared = static_cast<T*>(u.shared);
  if (u.phase == 1) {
    const int64_t chunks = ceil_div(size, kSliceSums);
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const bool bias = unit >= chunks;
      const int64_t begin = (bias ? unit - chunks : unit) * kSliceSums, all = bias ? p.s.O : size;
      add_slices(bias ? db : dw, bias ? shared + size : shared, step, p.slices - 1, begin,
                 min(all, begin + kSliceSums));
    }
    return;
  }
  const int64_t per_slice = p.s.G * p.panels;
  T* const packed_x = static_cast<T*>(u.local);
  T* const packed_dy = packed_x + round_up((packed_x_size(p) + kLanes<T>)*sizeof(T), 64) / sizeof(T);
  for (int64_t unit = u.first; unit < u.last;) {
    const int64_t slice = unit / per_slice, first = unit % per_slice, last = min(per_slice, first + u.last - unit);
    T* const own = shared + (slice - 1) * step;
    const WeightsSlice<T> m{slice ? own : dw, slice ? own + size : db, x, dy, packed_x, packed_dy};
    const int64_t block0 = p.blocks() * slice / p.slices, block1 = p.blocks() * (slice + 1) / p.slices;
    for (int64_t index = block0; index < block1; ++index) {
      const WeightsBlock block = weights_block(p, index);
      for (int64_t panel = first; panel < last;) {
        const int64_t g = panel / p.panels, q0 = panel % p.panels, q1 = min(p.panels, q0 + last - panel);
        run_panels(p, m, block, index > block0, g, q0, q1);
        panel += q1 - q0;
      }
    }
    unit += last - first;
  }
}

}  // namespace gemmule::GEMMULE_ISA
