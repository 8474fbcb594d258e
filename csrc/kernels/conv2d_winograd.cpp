// Winograd's minimal filtering for 3×3 convolutions.
//
// Phase 0 transforms the weights, in the order in which the products read them: U[panel][position][c][32 outputs].
// In phase 1 each thread takes blocks of tiles: it transforms their inputs to V[position][tile][c], multiplies position
// by position, 32 output channels at a time, and transforms the products back while they are hot. V fills half of L2,
// and the products of one panel fit beside it.
#include "conv2d_winograd.h"

#include "gemm_pack.h"
#include "winograd_transforms.h"

namespace gemmule::GEMMULE_ISA {

namespace {

using V = Vec<float>;
constexpr int64_t kL = kLanes<float>;
constexpr int64_t kPanel = kTileColumns<float>;
constexpr int64_t kDepthStep = 16;  // input channels of one unit of the weights' transform

// Bytes of V: about half of L2, of which processors with AVX-512 have a megabyte or more.
#if defined(__AVX512F__)
constexpr int64_t kBlockBytes = 576 * 1024;
#else
constexpr int64_t kBlockBytes = 192 * 1024;
#endif

// Multiply-adds a nanosecond on one core: for deciding on threads.
#if defined(__AVX512F__)
constexpr double kRate = 90;
#elif defined(__AVX2__)
constexpr double kRate = 45;
#else
constexpr double kRate = 14;
#endif

int64_t panels(const WinogradPlan& p) { return ceil_div(p.O, kPanel); }
int64_t weight_panel(const WinogradPlan& p) { return p.positions() * p.C * kPanel; }

// Elements from one tile to the next in V. The slack keeps tiles from meeting in few sets of L1.
int64_t tile_stride(const WinogradPlan& p) { return round_up(p.C, kL) + 16; }

// --- weights ---------------------------------------------------------------------------------------------------------

// The kernel as `in` and `out` see it: g[tap][c][kPanel] for `depth` channels from c and one panel of outputs from o.
// Going backward it is turned by 180 degrees, and its channels change places.
void gather_taps(const WinogradPlan& p, const float* w, int64_t c, int64_t depth, int64_t o, float* g) {
  const bool turned = p.pass == WinogradPass::backward_input;
  const int64_t outputs = min(kPanel, p.O - o), stride = turned ? p.C : p.O;
  for (int64_t tap = 0; tap < 9; ++tap) {
    const float* from = w + (turned ? 8 - tap : tap) * p.C * p.O + (turned ? o * stride + c : c * stride + o);
    pack_columns(g + tap * kDepthStep * kPanel, from, stride, turned, depth, outputs);
  }
}

template <int M>
void transform_weights(const WinogradPlan& p, const float* w, int64_t first, int64_t last, float* u) {
  constexpr int A = M + 2;
  alignas(64) float g[9 * kDepthStep * kPanel];
  const int64_t plane = p.C * kPanel;
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t panel = unit % panels(p), c0 = unit / panels(p) * kDepthStep, depth = min(kDepthStep, p.C - c0);
    gather_taps(p, w, c0, depth, panel * kPanel, g);
    float* const out = u + panel * weight_panel(p) + c0 * kPanel;
    for (int64_t at = 0; at < depth * kPanel; at += kL)
      transform_square<A, 3, Winograd<M>::weights>(
          [&](int i, int j) __attribute__((always_inline)) { return load(g + (i * 3 + j) * kDepthStep * kPanel + at); },
          [&](int i, int j, V v) __attribute__((always_inline)) { store<float>(out + (i * A + j) * plane + at, v); });
  }
}

// --- tiles -----------------------------------------------------------------------------------------------------------

struct TilePlace {
  int64_t n, row, column;  // image, first row and column of the outputs
};

TilePlace place_of(const WinogradPlan& p, int64_t tile) {
  const int64_t each = p.tile_rows * p.tile_columns, rest = tile % each;
  return {tile / each, rest / p.tile_columns * p.tile, rest % p.tile_columns * p.tile};
}

// v[position * stride + c] = the transform of the inputs of one tile. `zeros` stands for pixels outside.
template <int M>
void transform_input(const WinogradPlan& p, const float* x, const TilePlace& at, const float* zeros, float* v,
                     int64_t stride) {
  constexpr int A = M + 2;
  const float* pixel[A][A];
  for (int i = 0; i < A; ++i) {
    const int64_t h = at.row + i - p.PT;
    for (int j = 0; j < A; ++j) {
      const int64_t w = at.column + j - p.PL;
      const bool inside = h >= 0 && h < p.H && w >= 0 && w < p.W;
      pixel[i][j] = inside ? x + ((at.n * p.H + h) * p.W + w) * p.C : zeros;
    }
  }
  const auto transform = [&](int64_t c, auto load_at) __attribute__((always_inline)) {
    transform_square<A, A, Winograd<M>::input>(
        [&](int i, int j) __attribute__((always_inline)) { return load_at(pixel[i][j] + c); },
        [&](int i, int j, V value)
            __attribute__((always_inline)) { store<float>(v + (i * A + j) * stride + c, value); });
  };
  int64_t c = 0;
  for (; c + kL <= p.C; c += kL)
    transform(c, [](const float* from) __attribute__((always_inline)) { return load(from); });
  if (const int64_t left = p.C - c; left > 0)
    transform(c, [=](const float* from) __attribute__((always_inline)) { return load_partial(from, left); });
}

// Everything after the sums, on what is in registers. Rare activations are not worth a copy of their code in each
// place.
enum class Ending { linear, relu, any };

__attribute__((noinline)) V activate_any(V v, Activation activation, float alpha) {
  return apply_activation<float>(v, activation, alpha);
}

template <int M, Ending ending>
void transform_output(const WinogradPlan& p, const WinogradOperands& m, const TilePlace& at, const float* y,
                      int64_t stride, int64_t o, int64_t lanes) {
  constexpr int A = M + 2;
  V sums[M][M];
  transform_square<M, A, Winograd<M>::output>(
      [&](int i, int j) __attribute__((always_inline)) { return load(y + (i * A + j) * stride); },
      [&](int i, int j, V v) __attribute__((always_inline)) { sums[i][j] = v; });
  const V bias = m.bias ? load_partial(m.bias + o, lanes) : zero<float>();
  const V scale = m.scale ? load_partial(m.scale + o, lanes) : zero<float>();
  const V shift = m.scale ? load_partial(m.shift + o, lanes) : zero<float>();
  const int64_t rows = min(M, p.OH - at.row), columns = min(M, p.OW - at.column);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t pixel = ((at.n * p.OH + at.row + i) * p.OW + at.column + j) * p.O + o;
      V v = sums[i][j];
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
void multiply_position(const WinogradPlan& p, int64_t tiles, int64_t panel, const float* v, const float* u, float* y) {
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
  float* const v = zeros + round_up(p.C, kL);
  float* const y = v + P * p.block * tile_stride(p);
  for (int64_t c = 0; c < p.C; c += kL) store<float>(zeros + c, zero<float>());
  const int64_t blocks = ceil_div(last - first, p.block);
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t t0 = first + (last - first) * b / blocks, t1 = first + (last - first) * (b + 1) / blocks;
    const int64_t plane = (t1 - t0) * tile_stride(p), y_plane = p.block * kPanel;
    for (int64_t t = t0; t < t1; ++t)
      transform_input<M>(p, m.in, place_of(p, t), zeros, v + (t - t0) * tile_stride(p), plane);
    for (int64_t panel = 0; panel < panels(p); ++panel) {
      const float* const weights = u + panel * weight_panel(p);
      for (int64_t position = 0; position < P; ++position)
        multiply_position(p, t1 - t0, panel, v + position * plane, weights + position * p.C * kPanel,
                          y + position * y_plane);
      for (int64_t t = t0; t < t1; ++t) write_tile<M>(p, m, t, y + (t - t0) * kPanel, y_plane, panel);
    }
  }
}

}  // namespace

bool winograd_wins(const ConvShape& s, WinogradPass pass, int64_t tile) {
  if (s.KH != 3 || s.KW != 3 || s.SH != 1 || s.SW != 1 || s.DH != 1 || s.DW != 1 || s.G != 1) return false;
  const bool forward = pass == WinogradPass::forward;
  const int64_t height = forward ? s.OH : s.H, width = forward ? s.OW : s.W;
  return s.C >= 16 && s.O >= 16 && height >= tile && width >= tile;
}

int64_t winograd_tile(const ConvShape& shape, WinogradPass pass, int64_t largest) {
  if (largest >= 4 && winograd_wins(shape, pass, 4)) return 4;
  return largest >= 2 && winograd_wins(shape, pass, 2) ? 2 : 0;
}

WinogradPlan winograd_plan(const ConvShape& s, WinogradPass pass, int64_t tile, Activation activation, double alpha) {
  WinogradPlan p;
  if (pass == WinogradPass::forward)
    p = {.pass = pass,
         .tile = tile,
         .N = s.N,
         .H = s.H,
         .W = s.W,
         .C = s.C,
         .OH = s.OH,
         .OW = s.OW,
         .O = s.O,
         .PT = s.PT,
         .PL = s.PL};
  else
    p = {.pass = pass,
         .tile = tile,
         .N = s.N,
         .H = s.OH,
         .W = s.OW,
         .C = s.O,
         .OH = s.H,
         .OW = s.W,
         .O = s.C,
         .PT = 2 - s.PT,
         .PL = 2 - s.PL};
  p.activation = activation;
  p.alpha = alpha;
  p.tile_rows = ceil_div(p.OH, tile);
  p.tile_columns = ceil_div(p.OW, tile);
  const int64_t fitting = kBlockBytes / (p.positions() * tile_stride(p) * static_cast<int64_t>(sizeof(float)));
  p.block = min(max(1, p.tiles()), max(1, min(4, fitting / kTileRows)) * kTileRows);
  return p;
}

int winograd_phases(const WinogradPlan&) { return 2; }

int64_t winograd_units(const WinogradPlan& p, int phase) {
  return phase == 0 ? ceil_div(p.C, kDepthStep) * panels(p) : p.tiles();
}

int64_t winograd_shared_bytes(const WinogradPlan& p) { return panels(p) * weight_panel(p) * sizeof(float); }

int64_t winograd_local_bytes(const WinogradPlan& p) {
  const int64_t block = p.positions() * p.block * (tile_stride(p) + kPanel);
  return (round_up(p.C, kL) + block) * sizeof(float);
}

double winograd_cost(const WinogradPlan& p) {
  const double products = static_cast<double>(p.tiles()) * p.positions() * p.C * p.O;
  const double elements = static_cast<double>(p.positions()) * (p.tiles() * (p.C + p.O) + p.C * p.O);
  return 100 + products / kRate + elements / 8;
}

void winograd_run(const WinogradPlan& p, const WinogradOperands& m, const Units& u) {
  float* const shared = static_cast<float*>(u.shared);
  float* const local = static_cast<float*>(u.local);
  if (u.phase == 0)
    (p.tile == 2 ? transform_weights<2> : transform_weights<4>)(p, m.w, u.first, u.last, shared);
  else
    (p.tile == 2 ? convolve_tiles<2> : convolve_tiles<4>)(p, m, u.first, u.last, shared, local);
}

}  // namespace gemmule::GEMMULE_ISA
