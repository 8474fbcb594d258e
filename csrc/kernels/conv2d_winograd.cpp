// Winograd's minimal filtering for 3×3 convolutions: when it is worth it, how it is planned, and who does what.
#include "conv2d_winograd.h"

#include "winograd_convolve.h"
#include "winograd_gradient.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// What the paths cost on one core, to choose between them and to decide on threads: nanoseconds of a multiply-add, of
// an element carried into the transformed space or back, and of a transformed weight. Bytes of a block of transformed
// tiles: about half of L2, of which processors with AVX-512 have a megabyte or more.
#if defined(__AVX512F__)
constexpr double kProduct = 1 / 120.0, kElement = 0.08, kWeight = 0.2;
constexpr int64_t kBlockBytes = 576 * 1024;
#elif defined(__AVX2__)
constexpr double kProduct = 1 / 56.0, kElement = 0.15, kWeight = 0.3;
constexpr int64_t kBlockBytes = 192 * 1024;
#else
constexpr double kProduct = 1 / 21.0, kElement = 0.25, kWeight = 0.35;
constexpr int64_t kBlockBytes = 192 * 1024;
#endif
constexpr double kTurning = 1.25;       // times the work with a weight when it is transposed or carried back
constexpr double kFar = 2;              // times the same where they exceed the caches
constexpr double kCaches = 24 << 20;    // bytes
constexpr double kMargin = 0.95;        // of the exact path's time, which an estimate has to stay below
constexpr int64_t kLongestChunk = 256;  // tiles of a chunk of the weights' gradient

bool is_gradient(const WinogradPlan& p) { return p.pass == WinogradPass::backward_weights; }

int64_t block_of(const WinogradPlan& p) {
  const int64_t tile_bytes = p.positions() * tile_stride(p) * static_cast<int64_t>(sizeof(float));
  if (is_gradient(p)) return min(max(1, p.tiles()), kLongestChunk);
  return min(max(1, p.tiles()), max(2, min(4, kBlockBytes / tile_bytes / kTileRows)) * kTileRows);
}

bool is_possible(const ConvShape& s) {
  return s.KH == 3 && s.KW == 3 && s.SH == 1 && s.SW == 1 && s.DH == 1 && s.DW == 1 && s.G == 1;
}

double exact_cost(const ConvShape& s) { return s.flops() / 2 * kProduct; }

}  // namespace

int64_t winograd_tile(const ConvShape& shape, WinogradPass pass, int64_t largest) {
  if (kCompact || !is_possible(shape)) return 0;
  double best = kMargin * exact_cost(shape);
  int64_t chosen = 0;
  for (int64_t tile = 2; tile <= min(largest, 4); tile += 2) {
    const double cost = winograd_cost(winograd_plan(shape, pass, tile));
    if (cost >= best) continue;
    best = cost;
    chosen = tile;
  }
  return chosen;
}

WinogradPlan winograd_plan(const ConvShape& s, WinogradPass pass, int64_t tile, Activation activation, double alpha) {
  WinogradPlan p{.pass = pass,
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
  if (pass == WinogradPass::backward_input)
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
  p.block = block_of(p);
  return p;
}

int winograd_phases(const WinogradPlan& p) { return is_gradient(p) ? gradient_phases(p) : 2; }

int64_t winograd_units(const WinogradPlan& p, int phase) {
  return is_gradient(p) ? gradient_units(p, phase) : convolve_units(p, phase);
}

int64_t winograd_shared_bytes(const WinogradPlan& p) {
  return (is_gradient(p) ? gradient_shared_floats(p) : convolve_shared_floats(p)) * sizeof(float);
}

int64_t winograd_local_bytes(const WinogradPlan& p) {
  return (is_gradient(p) ? gradient_local_floats(p) : convolve_local_floats(p)) * sizeof(float);
}

double winograd_cost(const WinogradPlan& p) {
  const double tiles = static_cast<double>(p.positions()) * p.tiles(), weights = static_cast<double>(p.C) * p.O;
  const double transformed = p.positions() * weights;
  const double turning = p.pass == WinogradPass::forward ? 1 : kTurning;
  const double far = transformed * sizeof(float) > kCaches ? kFar : 1;
  return 100 + tiles * (weights * kProduct + (p.C + p.O) * kElement) + transformed * kWeight * turning * far;
}

void winograd_run(const WinogradPlan& p, const WinogradOperands& m, const Units& u) {
  if constexpr (!kCompact) (p.tile == 2 ? convolve<2> : convolve<4>)(p, m, u);
}

void winograd_run_weights(const WinogradPlan& p, float* dw, const float* x, const float* dy, const Units& u) {
  if constexpr (!kCompact) (p.tile == 2 ? differentiate_weights<2> : differentiate_weights<4>)(p, dw, x, dy, u);
}

}  // namespace gemmule::GEMMULE_ISA
