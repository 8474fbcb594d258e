// The geometry of pooling: which windows there are, where they lie, and how the work falls into units.
#pragma once
#include "simd_lanes.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kUnitElements = 16384;  // a unit is a row, or so much of a long one
constexpr int64_t kRowsOfUnit = 2;        // rows of dx that a unit takes
constexpr int64_t kNear = 1 << 22;        // elements that caches hold

// Whether there is code for the usual windows and for few channels besides that for any. The baseline, and numbers of
// double precision, are not there for speed.
template <class T>
constexpr bool kSwift = kPermutes<T>;

struct PoolShape {
  int64_t N, H, W, C;
  int64_t OH, OW;
  int64_t KH, KW;
  int64_t SH, SW;
  int64_t PT, PL;
  int64_t columns;  // of a row that a unit takes
  int64_t wide;     // whether places in the window are int32 rather than uint8

  // `x` and `y` are the numbers of the operands with the shapes of the two images.
  static PoolShape of(const Call& call, int x, int y) {
    int64_t pool[2], strides[2], padding[4];
    call.integers("pool", pool, 2);
    call.integers("strides", strides, 2);
    call.integers("padding", padding, 4);
    const int64_t C = call.dim(x, 3);
    return {call.dim(x, 0),
            call.dim(x, 1),
            call.dim(x, 2),
            C,
            call.dim(y, 1),
            call.dim(y, 2),
            pool[0],
            pool[1],
            strides[0],
            strides[1],
            padding[0],
            padding[2],
            max(64, kUnitElements / max(C, 1)),
            pool[0] * pool[1] > 256};
  }

  bool far() const { return N * (H * W + OH * OW) * C > kNear; }
  int64_t x_rows() const { return ceil_div(H, kRowsOfUnit); }
  int64_t x_blocks() const { return ceil_div(W, columns); }
  int64_t scatter_channels() const { return N >= 8 ? max(C, 1) : 16; }  // of an image that a unit takes
  int64_t scatter_blocks() const { return ceil_div(C, scatter_channels()); }
  int64_t y_blocks() const { return ceil_div(OW, columns); }
  double x_size() const { return static_cast<double>(N * H * W) * C; }
  double y_size() const { return static_cast<double>(N * OH * OW) * C; }
  double cost(double bytes) const { return cost_ns(y_size() * KH * KW * 2, bytes); }
};

// The first index of windows that start at or behind `from`, and so on: divisions of possibly negative numbers.
constexpr int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -ceil_div(-a, b); }

// Windows [first, last) of one direction.
struct Reach {
  int64_t first, last;

  // Those that element `at` lies in, counted from the beginning of the padding.
  static Reach around(int64_t at, int64_t K, int64_t S, int64_t windows) {
    return {max(0, ceil_div(max(at - K + 1, 0), S)), min(windows, at / S + 1)};
  }

  // Those that lie inside an image of `length`.
  static Reach inside(int64_t padding, int64_t K, int64_t S, int64_t length) {
    return {ceil_div(padding, S), floor_div(length - K + padding, S) + 1};
  }
};

// Calls body(image, row, block) for each unit: a block of a row of an image.
template <class Body>
GEMMULE_INLINE void for_each_row(const Units& u, int64_t blocks, int64_t rows, const Body& body) {
  int64_t block = u.first % blocks, row = u.first / blocks % rows, image = u.first / blocks / rows;
  for (int64_t unit = u.first; unit < u.last; ++unit) {
    body(image, row, block);
    if (++block < blocks) continue;
    block = 0;
    if (++row == rows) row = 0, ++image;
  }
}

}  // namespace gemmule::GEMMULE_ISA
