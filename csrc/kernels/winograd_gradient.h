// The gradient of a convolution with respect to its kernel, in Winograd's transformed space:
//
//   dw = Gᵀ [ sum over tiles of (Bᵀ x B) ⊙ (A dy Aᵀ) ] G
//
// the adjoint of the forward formula. Tiles are taken in chunks of a constant size. One phase transforms a chunk of x
// to V[position][tile][c] and of dy to D[position][panel][tile][kPanel]; the next adds Vᵀ · D to the sums
// S[position][panel][c][kPanel], which threads share by position and panel. A last phase transforms the sums back.
#pragma once
#include "winograd_tiles.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kSumRows = 16;  // rows of S in one unit of the last phase

// Elements from one position to the next, with slack where many positions are written or read side by side.
inline int64_t chunk_plane(const WinogradPlan& p) { return p.block * tile_stride(p); }
inline int64_t gradient_plane(const WinogradPlan& p) { return panels(p) * p.block * kPanel + kPanel; }
inline int64_t sum_plane(const WinogradPlan& p) { return panels(p) * p.C * kPanel + kPanel; }

inline int64_t gradient_chunks(const WinogradPlan& p) { return max(1, ceil_div(p.tiles(), p.block)); }
inline Range tiles_of_chunk(const WinogradPlan& p, int64_t chunk) {
  return {chunk * p.block, min(p.tiles(), (chunk + 1) * p.block)};
}

struct GradientScratch {
  float *v, *d, *sums;

  GradientScratch(const WinogradPlan& p, float* shared)
      : v(shared), d(v + p.positions() * chunk_plane(p)), sums(d + p.positions() * gradient_plane(p)) {}
};

template <int M>
void transform_chunk(const WinogradPlan& p, const float* x, const float* dy, Range chunk, int64_t first, int64_t last,
                     const GradientScratch& scratch, const float* zeros) {
  const int64_t panel_step = p.block * kPanel;
  for (int64_t t = first; t < last; ++t) {
    const int64_t tile = chunk.begin + t;
    transform_input<M>(p, x, tile, zeros, scratch.v + t * tile_stride(p), chunk_plane(p));
    const TilePlace at = place_of(p, tile);
    const Patch<M> patch(dy, p.OH, p.OW, p.O, at.n, at.row, at.column, zeros);
    patch.template transform_to<M + 2, Winograd<M>::output_adjoint>(
        scratch.d + t * kPanel, gradient_plane(p), p.O,
        [=](int64_t o) { return o / kPanel * panel_step + o % kPanel; });
  }
}

// Units of one panel of one position.
inline void add_products(const WinogradPlan& p, Range chunk, bool first_chunk, int64_t first, int64_t last,
                         const GradientScratch& scratch) {
  TileJob<float> job;
  job.K = chunk.end - chunk.begin;
  job.a_stride = tile_stride(p);
  job.b_stride = job.addend_stride = job.c_stride = kPanel;
  job.b_ahead = 16 * kPanel;
  const RowTiles rows{0, p.C};
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t position = unit / panels(p), panel = unit % panels(p);
    const Width width = p.O - panel * kPanel > kL ? Width::two_vectors : Width::one_vector;
    job.b = scratch.d + position * gradient_plane(p) + panel * p.block * kPanel;
    for (int64_t r = 0; r < rows.count; ++r) {
      const int64_t c = rows.at(r);
      job.a = scratch.v + position * chunk_plane(p) + c;
      job.c = scratch.sums + position * sum_plane(p) + (panel * p.C + c) * kPanel;
      job.addend = first_chunk ? nullptr : job.c;
      run_tile(job, Reading::by_depth, rows.at(r + 1) - c, width);
    }
  }
}

template <int M>
void finish_gradient(const WinogradPlan& p, float* dw, int64_t first, int64_t last, const float* sums) {
  constexpr int A = M + 2;
  const int64_t plane = sum_plane(p);
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t panel = unit % panels(p), c0 = unit / panels(p) * kSumRows, c1 = min(p.C, c0 + kSumRows);
    const int64_t end = min(p.O, (panel + 1) * kPanel);
    for (int64_t c = c0; c < c1; ++c)
      for (int64_t o = panel * kPanel; o < end; o += kL) {
        const float* const from = sums + (panel * p.C + c) * kPanel + o % kPanel;
        transform_square<3, A, Winograd<M>::weights_adjoint>(
            [&](int i, int j) __attribute__((always_inline)) { return load(from + (i * A + j) * plane); },
            [&](int i, int j, Vec<float> v) __attribute__((always_inline)) {
              store_partial<float>(dw + ((i * 3 + j) * p.C + c) * p.O + o, v, end - o);
            });
      }
  }
}

inline int gradient_phases(const WinogradPlan& p) { return static_cast<int>(2 * gradient_chunks(p) + 1); }
inline int64_t gradient_units(const WinogradPlan& p, int phase) {
  const int64_t chunk = phase / 2;
  if (chunk == gradient_chunks(p)) return ceil_div(p.C, kSumRows) * panels(p);
  const Range tiles = tiles_of_chunk(p, chunk);
  return phase % 2 == 0 ? tiles.end - tiles.begin : p.positions() * panels(p);
}
inline int64_t gradient_shared_floats(const WinogradPlan& p) {
  return p.positions() * (chunk_plane(p) + gradient_plane(p) + sum_plane(p));
}
inline int64_t gradient_local_floats(const WinogradPlan& p) { return zero_floats(max(p.C, p.O)); }

template <int M>
void differentiate_weights(const WinogradPlan& p, float* dw, const float* x, const float* dy, const Units& u) {
  const GradientScratch scratch(p, static_cast<float*>(u.shared));
  const int64_t chunk = u.phase / 2;
  if (chunk == gradient_chunks(p)) return finish_gradient<M>(p, dw, u.first, u.last, scratch.sums);
  const Range tiles = tiles_of_chunk(p, chunk);
  if (u.phase % 2 == 1) return add_products(p, tiles, chunk == 0, u.first, u.last, scratch);
  float* const zeros = static_cast<float*>(u.local);
  clear_zeros(zeros, max(p.C, p.O));
  transform_chunk<M>(p, x, dy, tiles, u.first, u.last, scratch, zeros);
}

}  // namespace gemmule::GEMMULE_ISA
