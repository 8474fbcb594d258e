// The part of x that a unit of a convolution reads, copied with zeros where it leaves the image.
#pragma once
#include "conv2d_direct.h"

namespace gemmule::GEMMULE_ISA {

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
  int64_t n0, n1;    // images
  int64_t oh0, oh1;  // rows of y
  int64_t h0, h1;    // rows of x, which may lie outside it
};

inline Block block_at(const DirectPlan& p, int64_t index) {
  const DirectShape& s = p.shape;
  Block b;
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

template <class T>
void copy_pixels(T* to, int64_t to_step, const T* from, int64_t from_step, int64_t pixels, int64_t channels) {
  if (to_step == channels && from_step == channels) {
    __builtin_memcpy(to, from, pixels * channels * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < pixels; ++i) {
    int64_t c = 0;
    for (; c + kLanes<T> <= channels; c += kLanes<T>) store<T>(to + c, load(from + c));
    if (c < channels) store_partial<T>(to + c, load_partial(from + c, channels - c), channels - c);
    to += to_step;
    from += from_step;
  }
}

// The part of x that a block reads, with zeros where it leaves the image.
template <class T>
void copy_field(const DirectPlan& p, const Block& b, const T* x, int64_t channels, T* field) {
  const DirectShape& s = p.shape;
  const int64_t left = field_left(p), width = p.field_columns, pixel = p.field.column;
  const int64_t before = min(width, max(0, -left)), after = max(before, min(width, s.W - left));
  for (int64_t n = b.n0; n < b.n1; ++n) {
    for (int64_t h = b.h0; h < b.h1; ++h) {
      T* const row = field + (n - b.n0) * p.field.image + (h - b.h0) * p.field.row;
      if (h < 0 || h >= s.H) {
        clear(row, p.field.row);
        continue;
      }
      clear(row, before * pixel);
      copy_pixels(row + before * pixel, pixel, x + n * s.x.image + h * s.x.row + (left + before) * s.x.column,
                  s.x.column, after - before, channels);
      clear(row + after * pixel, (width - after) * pixel);
    }
  }
}

}  // namespace gemmule::GEMMULE_ISA
