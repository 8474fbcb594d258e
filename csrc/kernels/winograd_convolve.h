// The convolution and its gradient with respect to the image, by Winograd's minimal filtering.
//
// Phase 0 transforms the weights, in the order in which the products read them: U[panel][position][c][kPanel].
// In phase 1 each thread takes blocks of tiles: it transforms their inputs to V[position][tile][c], multiplies position
// by position, one panel of output channels at a time, and transforms the products back while they are hot. V fills
// half of L2, and the products of one panel fit beside it.
#pragma once
#include "gemm_pack.h"
#include "winograd_tiles.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kDepthStep = 16;  // input channels of one unit of the weights' transform

// Elements from one position to the next in U, with slack as in V: positions are written side by side.
inline int64_t weight_plane(const WinogradPlan& p) { return (p.C + 1) * kPanel; }
inline int64_t weight_panel(const WinogradPlan& p) { return p.positions() * weight_plane(p); }

// --- weights ---------------------------------------------------------------------------------------------------------

// The kernel as `in` and `out` see it: g[tap][c][kPanel] for `depth` channels from c and one panel of outputs from o.
// Going backward it is turned by 180 degrees, and its channels change places.
inline void gather_taps(const WinogradPlan& p, const float* w, int64_t c, int64_t depth, int64_t o, float* g) {
  const bool turned = p.pass == WinogradPass::backward_input;
  const int64_t outputs = min(kPanel, p.O - o), stride = turned ? p.C : p.O;
  for (int64_t tap = 0; tap < 9; ++tap) {
    const float* from = w + (turned ? 8 - tap : tap) * p.C * p.O + (turned ? o * stride + c : c * stride + o);
    pack_columns(g + tap * kDepthStep * kPanel, from, stride, turned, depth, outputs);
  }
}

// Unit `unit` of the weights: neighbours read what lies side by side.
struct WeightBlock {
  int64_t panel, c;
};
inline WeightBlock weight_block(const WinogradPlan& p, int64_t unit) {
  const int64_t steps = ceil_div(p.C, kDepthStep);
  if (p.pass == WinogradPass::backward_input) return {unit / steps, unit % steps * kDepthStep};
  return {unit % panels(p), unit / panels(p) * kDepthStep};
}

// Asks for the weights of the next unit: short rows far apart, which no processor foresees.
inline void fetch_taps(const WinogradPlan& p, const float* w, const WeightBlock& at) {
  const bool turned = p.pass == WinogradPass::backward_input;
  const int64_t o = at.panel * kPanel, stride = turned ? p.C : p.O;
  const int64_t rows = turned ? min(kPanel, p.O - o) : min(kDepthStep, p.C - at.c);
  for (int64_t tap = 0; tap < 9; ++tap)
    for (int64_t row = 0; row < rows; ++row)
      __builtin_prefetch(w + tap * p.C * p.O + (turned ? (o + row) * stride + at.c : (at.c + row) * stride + o));
}

template <int M>
void transform_weights(const WinogradPlan& p, const float* w, int64_t first, int64_t last, float* u) {
  constexpr int A = M + 2;
  alignas(64) float g[9 * kDepthStep * kPanel];
  const int64_t plane = weight_plane(p);
  for (int64_t unit = first; unit < last; ++unit) {
    const WeightBlock at = weight_block(p, unit);
    const int64_t panel = at.panel, c0 = at.c, depth = min(kDepthStep, p.C - c0);
    if (unit + 1 < last) fetch_taps(p, w, weight_block(p, unit + 1));
    gather_taps(p, w, c0, depth, panel * kPanel, g);
    float* const out = u + panel * weight_panel(p) + c0 * kPanel;
    for (int64_t at = 0; at < depth * kPanel; at += kL)
      transform_square<A, 3, Winograd<M>::weights>(
          [&](int i, int j) __attribute__((always_inline)) { return load(g + (i * 3 + j) * kDepthStep * kPanel + at); },
          [&](int i, int j, Vec<float> v)
              __attribute__((always_inline)) { store<float>(out + (i * A + j) * plane + at, v); });
  }
}

// --- tiles -----------------------------------------------------------------------------------------------------------

// Everything after the sums, on what is in registers. Rare activations are not worth a copy of their code in each
// place.
enum class Ending { linear, relu, any };

inline __attribute__((noinline)) Vec<float> activate_any(Vec<float> v, Activation activation, float alpha) {
  return apply_activation<float>(v, activation, alpha);
}

template <int M, Ending ending>
void transform_output(const WinogradPlan& p, const WinogradOperands& m, const TilePlace& at, const float* y,
                      int64_t stride, int64_t o, int64_t lanes) {
  constexpr int A = M + 2;
  Vec<float> sums[M][M];
  transform_square<M, A, Winograd<M>::output>(
      [&](int i, int j) __attribute__((always_inline)) { return load(y + (i * A + j) * stride); },
      [&](int i, int j, Vec<float> v) __attribute__((always_inline)) { sums[i][j] = v; });
  const Vec<float> bias = m.bias ? load_partial(m.bias + o, lanes) : zero<float>();
  const Vec<float> scale = m.scale ? load_partial(m.scale + o, lanes) : zero<float>();
  const Vec<float> shift = m.scale ? load_partial(m.shift + o, lanes) : zero<float>();
  const int64_t rows = min(M, p.OH - at.row), columns = min(M, p.OW - at.column);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t pixel = ((at.n * p.OH + at.row + i) * p.OW + at.column + j) * p.O + o;
      Vec<float> v = sums[i][j];
      if (m.bias) v += bias;
      if (m.scale) v = fma(v, scale, shift);
      if (m.residual) v += load_partial(m.residual + pixel, lanes);
      if constexpr (ending == Ending::relu) v = activate<float, Activation::relu>(v, 0);
      if constexpr (ending == Ending::any) v = activate_any(v, p.activation, static_cast<float>(p.alpha));
      store_partial<float>(m.out + pixel, v, lanes);
    }
}

template <int M>
void write_tile(const WinogradPlan& p, const WinogradOperands& m, int64_t tile, const float* y, int64_t stride,
                int64_t panel) {
  const TilePlace at = place_of(p, tile);
  const int64_t end = min(p.O, (panel + 1) * kPanel);
  for (int64_t o = panel * kPanel; o < end; o += kL, y += kL) {
    const int64_t lanes = min(kL, end - o);
    if (p.activation == Activation::linear)
      transform_output<M, Ending::linear>(p, m, at, y, stride, o, lanes);
    else if (p.activation == Activation::relu)
      transform_output<M, Ending::relu>(p, m, at, y, stride, o, lanes);
    else
      transform_output<M, Ending::any>(p, m, at, y, stride, o, lanes);
  }
}

// y[tile * kPanel + o] = v (tiles, C) · u (C, kPanel), one position of one panel.
inline void multiply_position(const WinogradPlan& p, int64_t tiles, int64_t panel, const float* v, const float* u,
                              float* y) {
  TileJob<float> job;
  job.K = p.C;
  job.a_stride = tile_stride(p);
  job.b = u;
  job.b_stride = kPanel;
  job.b_ahead = 16 * kPanel;
  job.addend = nullptr;
  job.addend_stride = 0;
  job.c_stride = kPanel;
  const Width width = p.O - panel * kPanel > kL ? Width::two_vectors : Width::one_vector;
  const RowTiles cut{0, tiles};
  for (int64_t t = 0; t < cut.count; ++t) {
    const int64_t i = cut.at(t);
    job.a = v + i * job.a_stride;
    job.c = y + i * kPanel;
    run_tile(job, Reading::by_rows, cut.at(t + 1) - i, width);
  }
}

template <int M>
void convolve_tiles(const WinogradPlan& p, const WinogradOperands& m, int64_t first, int64_t last, const float* u,
                    float* local) {
  constexpr int P = (M + 2) * (M + 2);
  float* const zeros = local;
  float* const v = zeros + zero_floats(p.C);
  float* const y = v + P * p.block * tile_stride(p);
  clear_zeros(zeros, p.C);
  const int64_t blocks = ceil_div(last - first, p.block);
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t t0 = first + (last - first) * b / blocks, t1 = first + (last - first) * (b + 1) / blocks;
    const int64_t plane = (t1 - t0) * tile_stride(p), y_plane = p.block * kPanel;
    for (int64_t t = t0; t < t1; ++t) transform_input<M>(p, m.in, t, zeros, v + (t - t0) * tile_stride(p), plane);
    for (int64_t panel = 0; panel < panels(p); ++panel) {
      const float* const weights = u + panel * weight_panel(p);
      for (int64_t position = 0; position < P; ++position)
        multiply_position(p, t1 - t0, panel, v + position * plane, weights + position * weight_plane(p),
                          y + position * y_plane);
      for (int64_t t = t0; t < t1; ++t) write_tile<M>(p, m, t, y + (t - t0) * kPanel, y_plane, panel);
    }
  }
}

inline int64_t convolve_units(const WinogradPlan& p, int phase) {
  return phase == 0 ? ceil_div(p.C, kDepthStep) * panels(p) : p.tiles();
}
inline int64_t convolve_shared_floats(const WinogradPlan& p) { return panels(p) * weight_panel(p); }
inline int64_t convolve_local_floats(const WinogradPlan& p) {
  return zero_floats(p.C) + p.positions() * p.block * (tile_stride(p) + kPanel);
}

template <int M>
void convolve(const WinogradPlan& p, const WinogradOperands& m, const Units& u) {
  float* const shared = static_cast<float*>(u.shared);
  if (u.phase == 0) return transform_weights<M>(p, m.w, u.first, u.last, shared);
  convolve_tiles<M>(p, m, u.first, u.last, shared, static_cast<float*>(u.local));
}

}  // namespace gemmule::GEMMULE_ISA
