// The part of x that a unit of a convolution reads, copied with zeros where it leaves the image.
#pragma once
#include "conv2d_direct.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kAliasing = 2048;  // bytes: pixels this far apart, or a multiple of it, meet in few sets of L1

// Memory that will be read soon, fetched line by line while tiles compute: `lines` of each of `pieces` pieces.
struct Soon {
  const char* at = nullptr;
  int64_t lines = 0, pieces = 0, step = 0;  // bytes from one piece to the next
  int64_t line = 0;

  void fetch(int64_t count) {
    while (pieces > 0 && count-- > 0) {
      __builtin_prefetch(at + line * 64, 0, 2);
      if (++line < lines) continue;
      line = 0;
      at += step;
      --pieces;
    }
  }
};

// Taps [first, last) of a kernel.
struct TapRange {
  int64_t first, last;
};

// The taps that look at the image and not at the padding, for an output position whose first tap is at `start`.
inline TapRange taps_inside(int64_t start, int64_t dilation, int64_t taps, int64_t size) {
  const int64_t first = min(taps, max(0, ceil_div(-start, dilation)));
  return {first, max(first, min(taps, ceil_div(size - start, dilation)))};
}

inline int64_t span(int64_t count, int64_t stride, int64_t taps, int64_t dilation) {
  return (count - 1) * stride + (taps - 1) * dilation + 1;
}

inline bool leaves(int64_t size, int64_t padding, int64_t span) { return padding > 0 || span - padding > size; }

// Rows of x that `height` rows of y look at: those inside, where a tile can leave out the others.
inline int64_t field_rows(const DirectPlan& p, int64_t height) {
  const int64_t rows = span(height, p.shape.SH, p.shape.KH, p.shape.DH);
  return p.rows == Rows::two_rows ? rows : min(rows, p.shape.H);
}

inline int64_t field_left(const DirectPlan& p) { return p.rows == Rows::images ? max(0, -p.shape.PL) : -p.shape.PL; }

struct Block {
  int64_t g0, g1;    // groups
  int64_t n0, n1;    // images
  int64_t oh0, oh1;  // rows of y
  int64_t h0, h1;    // rows of x, which may lie outside it
};

inline int64_t blocks_of(const DirectPlan& p) { return p.image_blocks * p.row_blocks; }  // of a bundle of groups
inline int64_t bundles_of(const DirectPlan& p) { return ceil_div(p.shape.G, p.bundle); }

inline Block block_at(const DirectPlan& p, int64_t index) {
  const DirectShape& s = p.shape;
  Block b;
  b.g0 = index / blocks_of(p) * p.bundle;
  b.g1 = min(s.G, b.g0 + p.bundle);
  index %= blocks_of(p);
  b.n0 = index / p.row_blocks * p.images;
  b.n1 = min(s.N, b.n0 + p.images);
  b.oh0 = index % p.row_blocks * p.height;
  b.oh1 = min(s.OH, b.oh0 + p.height);
  b.h0 = b.oh0 * s.SH - s.PT;
  b.h1 = b.h0 + span(b.oh1 - b.oh0, s.SH, s.KH, s.DH);
  if (p.rows != Rows::two_rows) {
    b.h0 = min(s.H, max(0, b.h0));
    b.h1 = max(b.h0, min(s.H, b.h1));
  }
  return b;
}

template <class T>
void clear(T* to, int64_t count) {
  __builtin_memset(to, 0, count * sizeof(T));
}

// V vectors of each pixel, of which the last may be partial.
template <class T, int V>
void copy_vectors(T* to, int64_t to_step, const T* from, int64_t from_step, int64_t pixels, int64_t channels) {
  const int64_t lanes = min(kLanes<T>, channels - (V - 1) * kLanes<T>);
  for (int64_t i = 0; i < pixels; ++i, to += to_step, from += from_step) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const int64_t n = v == V - 1 ? lanes : kLanes<T>;
      store_partial<T>(to + v * kLanes<T>, load_partial(from + v * kLanes<T>, n), n);
    }
  }
}

template <class T>
void copy_pixels(T* to, int64_t to_step, const T* from, int64_t from_step, int64_t pixels, int64_t channels) {
  if (to_step == channels && from_step == channels) {
    __builtin_memcpy(to, from, pixels * channels * sizeof(T));
    return;
  }
  constexpr int64_t four = 4 * kLanes<T>;
  int64_t c = 0;
  for (; c + four <= channels; c += four) copy_vectors<T, 4>(to + c, to_step, from + c, from_step, pixels, four);
  for (; c < channels; c += kLanes<T>) copy_vectors<T, 1>(to + c, to_step, from + c, from_step, pixels, channels - c);
}

// The part of x that a block reads, with zeros where it leaves the image: `channels` of each group, from x on.
template <class T>
void copy_field(const DirectPlan& p, const Block& b, const T* x, int64_t channels, T* field) {
  const DirectShape& s = p.shape;
  const int64_t left = field_left(p), width = p.field_columns, pixel = p.field.column, groups = b.g1 - b.g0;
  const int64_t before = min(width, max(0, -left)), after = max(before, min(width, s.W - left));
  for (int64_t n = b.n0; n < b.n1; ++n) {
    for (int64_t h = b.h0; h < b.h1; ++h) {
      T* const row = field + (n - b.n0) * p.field.image + (h - b.h0) * p.field.row;
      const bool inside = h >= 0 && h < s.H;
      const int64_t first = inside ? before : width, last = inside ? after : width;
      const T* const from = x + n * s.x.image + h * s.x.row + (left + before) * s.x.column;
      for (int64_t g = 0; g < groups; ++g) {
        T* const to = row + g * p.group_step;
        clear(to, first * pixel);
        clear(to + last * pixel, (width - last) * pixel);
        if (inside) copy_pixels(to + first * pixel, pixel, from + g * s.C, s.x.column, last - first, channels);
      }
    }
  }
}

}  // namespace gemmule::GEMMULE_ISA
