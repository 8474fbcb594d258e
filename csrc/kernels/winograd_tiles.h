// Tiles of an image and their way into the transformed space.
#pragma once
#include "conv2d_winograd.h"
#include "gemm_tile.h"
#include "winograd_transforms.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kL = kLanes<float>;
constexpr int64_t kPanel = kTileColumns<float>;  // output channels of one product

inline int64_t panels(const WinogradPlan& p) { return ceil_div(p.O, kPanel); }

// Elements from one tile to the next in V. The slack keeps tiles from meeting in few sets of L1.
inline int64_t tile_stride(const WinogradPlan& p) { return round_up(p.C, kL) + 16; }

struct TilePlace {
  int64_t n, row, column;  // image, first row and column of the outputs
};

inline TilePlace place_of(const WinogradPlan& p, int64_t tile) {
  const int64_t each = p.tile_rows * p.tile_columns, rest = tile % each;
  return {tile / each, rest / p.tile_columns * p.tile, rest % p.tile_columns * p.tile};
}

// The S×S pixels (H, W, C) of image n from (row, column) on; `zeros` stands for those outside.
template <int S>
struct Patch {
  const float* pixel[S][S];

  Patch(const float* image, int64_t H, int64_t W, int64_t C, int64_t n, int64_t row, int64_t column,
        const float* zeros) {
    for (int i = 0; i < S; ++i)
      for (int j = 0; j < S; ++j) {
        const int64_t h = row + i, w = column + j;
        const bool inside = h >= 0 && h < H && w >= 0 && w < W;
        pixel[i][j] = inside ? image + ((n * H + h) * W + w) * C : zeros;
      }
  }

  // out[position * stride + place(c)] = the transform (R, R) of channels c, c + 1, ...
  template <int R, WinogradTransform transform, class Place>
  GEMMULE_INLINE void transform_to(float* out, int64_t stride, int64_t C, const Place& place) const {
    int64_t c = 0;
    const auto put = [&](int i, int j, Vec<float> v)
                         __attribute__((always_inline)) { store<float>(out + (i * R + j) * stride + place(c), v); };
    for (; c + kL <= C; c += kL)
      transform_square<R, S, transform>(
          [&](int i, int j) __attribute__((always_inline)) { return load(pixel[i][j] + c); }, put);
    if (const int64_t left = C - c; left > 0)
      transform_square<R, S, transform>(
          [&](int i, int j) __attribute__((always_inline)) { return load_partial(pixel[i][j] + c, left); }, put);
  }
};

// v[position * stride + c] = the transformed inputs of one tile.
template <int M>
void transform_input(const WinogradPlan& p, const float* in, int64_t tile, const float* zeros, float* v,
                     int64_t stride) {
  const TilePlace at = place_of(p, tile);
  const Patch<M + 2> patch(in, p.H, p.W, p.C, at.n, at.row - p.PT, at.column - p.PL, zeros);
  patch.template transform_to<M + 2, Winograd<M>::input>(v, stride, p.C, [](int64_t c) { return c; });
}

// Zeros for `channels` channels, at the beginning of a thread's scratch; what follows begins behind zero_floats().
inline int64_t zero_floats(int64_t channels) { return round_up(channels, 16); }
inline void clear_zeros(float* zeros, int64_t channels) {
  for (int64_t c = 0; c < zero_floats(channels); c += kL) store<float>(zeros + c, zero<float>());
}

}  // namespace gemmule::GEMMULE_ISA
