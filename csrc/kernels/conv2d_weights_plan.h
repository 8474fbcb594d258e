// How the gradient of a convolution's kernel is cut into tiles, blocks and slices: what follows from the shape alone
// (conv2d_weights.h says what for).
#pragma once
#include "conv2d_field.h"
#include "conv2d_weights_tile.h"

namespace gemmule::GEMMULE_ISA {

struct WeightsPlan {
  enum class Way : int64_t { plain, folded, turned, grouped };

  ConvShape s;
  int64_t has_dw, has_db;
  Way way;
  int64_t copied;                             // dy is copied into panels
  int64_t taps;                               // of one row of the kernel
  int64_t groups, rows, columns;              // of the tiles: each group of a tap is a matrix of rows × columns
  int64_t panels;                             // of columns, of each group
  int64_t strip, bundle;                      // channels of x that a panel reads, and how many times as many are copied
  int64_t image_cuts, row_cuts, column_cuts;  // the grid of blocks
  int64_t images, height, width;              // the largest block
  int64_t slices, own_slices;                 // own: those that are not dw itself

  int64_t blocks() const { return image_cuts * row_cuts * column_cuts; }
  int64_t dw_size() const { return has_dw ? s.KH * s.KW * s.group_channels() * s.O : 0; }
  int64_t own_sums() const { return has_db && blocks() > 1 ? blocks() : 0; }      // parts of db that are not db itself
  int64_t reach(int64_t height) const { return span(height, s.SH, s.KH, s.DH); }  // rows of x
  int64_t reach_across(int64_t width) const { return span(width, s.SW, s.KW, s.DW); }
  int64_t strip_panels() const { return way == Way::grouped ? 1 : panels; }
  int64_t strip_size() const { return images * reach(height) * reach_across(width) * strip; }
  int64_t folded_width(int64_t width) const { return s.DW == 1 ? (width - 1) * s.SW + s.KW : width * s.KW; }
};

constexpr int64_t kBlockPositions = 256;  // output positions of a block: 32 KB of a panel of dy
constexpr int64_t kFewChannels = 8;       // below: too few rows for a tile
constexpr int64_t kTilesWorthPanel = 3;   // tiles of a block that use a panel of dy
constexpr int64_t kStripBytes = 256;      // of x to copy at once of each pixel
constexpr int64_t kSliceUnits = 16;       // units wanted of the first phase
constexpr int64_t kSliceBytes = 4 << 20;  // memory for the slices' dw
constexpr int64_t kSlicePositions = 512;  // of one slice at least
constexpr int64_t kSliceElements = 4096;  // of one unit of the second phase
constexpr int64_t kSumColumns = 64;       // of db in one unit of the second phase

// Multiply-adds of vectors, and loads, that one tap of one position takes as tiles of rows × columns.
template <class T>
int64_t weights_tile_cost(int64_t rows, int64_t columns) {
  const int64_t vectors = ceil_div(columns, kLanes<T>);
  return rows * vectors + (rows * ceil_div(vectors, 2) + vectors * ceil_div(rows, kTileRows)) / 2;
}

template <class T>
WeightsPlan::Way weights_way(const ConvShape& s) {
  using enum WeightsPlan::Way;
  const int64_t channels = s.group_channels(), filters = s.group_filters();
  if (s.G > 1 && channels == filters && is_grouped_tile<T>(channels)) return grouped;
  if (channels < kFewChannels) return s.KW > 1 ? folded : plain;
  if (filters > kTileRows) return plain;
  return weights_tile_cost<T>(filters, channels) * 4 < weights_tile_cost<T>(channels, filters) * 3 ? turned : plain;
}

template <class T>
void lay_tiles(WeightsPlan& p) {
  using enum WeightsPlan::Way;
  const ConvShape& s = p.s;
  const int64_t channels = s.group_channels(), filters = s.group_filters();
  p.way = weights_way<T>(s);
  p.taps = p.way == folded ? 1 : s.KW;
  p.groups = p.way == grouped ? 1 : s.G;
  p.rows = p.way == folded ? s.KW * channels : p.way == turned ? filters : channels;
  p.columns = p.way == grouped ? s.O : p.way == turned ? channels : filters;
  p.panels = ceil_div(p.columns, p.way == grouped ? kLanes<T> : kTileColumns<T>);
  const bool many_tiles = s.KH * p.taps * ceil_div(p.rows, kTileRows) >= kTilesWorthPanel;
  p.copied = p.has_dw && many_tiles && p.way != turned;
  p.strip = p.way == grouped ? kLanes<T> : channels;
  const bool far = s.SW * s.C * static_cast<int64_t>(sizeof(T)) % kAliasing == 0;
  const bool strips = p.has_dw && s.G > 1 && p.way != folded && s.KH * s.KW > 1 && far;
  p.bundle = strips ? max(1, kStripBytes / (p.strip * static_cast<int64_t>(sizeof(T)))) : 0;
}

template <class T>
WeightsPlan weights_plan(const ConvShape& shape, bool has_dw, bool has_db) {
  WeightsPlan p{};
  p.s = shape;
  p.has_dw = has_dw;
  p.has_db = has_db;
  const ConvShape& s = p.s;
  lay_tiles<T>(p);
  const int64_t image = max(1, s.OH * s.OW), row = max(1, s.OW);
  p.image_cuts = max(1, ceil_div(s.N, max(1, kBlockPositions / image)));
  p.row_cuts = image <= kBlockPositions ? 1 : ceil_div(s.OH, max(1, kBlockPositions / row));
  p.column_cuts = ceil_div(row, 2 * kBlockPositions);
  p.images = ceil_div(s.N, p.image_cuts);
  p.height = ceil_div(s.OH, p.row_cuts);
  p.width = ceil_div(s.OW, p.column_cuts);
  const int64_t bytes = p.dw_size() * static_cast<int64_t>(sizeof(T));
  p.slices = min(ceil_div(kSliceUnits, p.groups * p.panels), max(1, s.positions() / kSlicePositions));
  p.slices = max(1, min(min(p.slices, kSliceBytes / max(bytes, 1)), p.blocks()));
  // Turned, a slice is no dw until the second phase has transposed it.
  p.own_slices = has_dw ? p.slices - (p.way != WeightsPlan::Way::turned) : 0;
  return p;
}

inline int weights_phases(const WeightsPlan& p) { return p.own_slices + p.own_sums() > 0 ? 2 : 1; }

inline int64_t weights_units(const WeightsPlan& p, int phase) {
  if (phase == 0) return p.slices * p.groups * p.panels;
  return (p.own_slices > 0 ? ceil_div(p.dw_size(), kSliceElements) : 0) +
         (p.own_sums() > 0 ? ceil_div(p.s.O, kSumColumns) : 0);
}

// Elements of the copied rows of x, and of the panels of dy.
template <class T>
int64_t packed_x_size(const WeightsPlan& p) {
  if (p.way != WeightsPlan::Way::folded) return p.bundle * p.strip_size();
  const int64_t rows = p.images * p.reach(p.height);
  return round_up(rows * p.folded_width(p.width) * p.s.group_channels() + kLanes<T>, 64);
}
template <class T>
int64_t packed_dy_size(const WeightsPlan& p) {
  return p.copied ? p.images * p.height * p.width * p.panels * kTileColumns<T> : 0;
}

template <class T>
int64_t weights_shared_bytes(const WeightsPlan& p) {
  return (p.own_slices * p.dw_size() + p.own_sums() * p.s.O) * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t weights_local_bytes(const WeightsPlan& p) {
  return (packed_x_size<T>(p) + packed_dy_size<T>(p)) * static_cast<int64_t>(sizeof(T));
}

template <class T>
double weights_cost(const WeightsPlan& p) {
  const ConvShape& s = p.s;
  const double vectors = static_cast<double>(p.groups * ceil_div(p.columns, kLanes<T>) * p.rows * s.KH * p.taps);
  const double bytes = static_cast<double>(s.N * s.H * s.W * s.C + s.positions() * s.O) * sizeof(T);
  return 50 + (p.has_dw ? vectors * static_cast<double>(s.positions()) / 5 : 0) + bytes / 20;
}

// A block of output positions.
struct WeightsBlock {
  int64_t n0, images;
  int64_t oh0, height;
  int64_t ow0, width;

  int64_t positions() const { return images * height * width; }
};

inline WeightsBlock weights_block(const WeightsPlan& p, int64_t index) {
  const ConvShape& s = p.s;
  const int64_t w = index % p.column_cuts, h = index / p.column_cuts % p.row_cuts;
  const int64_t n = index / p.column_cuts / p.row_cuts;
  const int64_t n0 = s.N * n / p.image_cuts, oh0 = s.OH * h / p.row_cuts, ow0 = s.OW * w / p.column_cuts;
  return {n0,  s.N * (n + 1) / p.image_cuts - n0,   oh0, s.OH * (h + 1) / p.row_cuts - oh0,
          ow0, s.OW * (w + 1) / p.column_cuts - ow0};
}

// The outputs o of [0, count) for which 0 <= start + o · stride < size.
inline Range outputs_inside(int64_t start, int64_t stride, int64_t count, int64_t size) {
  const int64_t begin = start >= 0 ? 0 : ceil_div(-start, stride);
  const int64_t end = start >= size ? 0 : min(count, ceil_div(size - start, stride));
  return {begin, max(begin, end)};
}

}  // namespace gemmule::GEMMULE_ISA
