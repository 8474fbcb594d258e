// Winograd's minimal filtering for 3×3 convolutions: when it is worth it, how it is planned, and who does what.
#include "conv2d_winograd.h"

#include "winograd_convolve.h"
#include "winograd_gradient.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// Bytes of a thread's block of transformed tiles: about half of L2, of which processors with AVX-512 have a megabyte
// or more.
#if defined(__AVX512F__)
constexpr int64_t kBlockBytes = 576 * 1024;
#else
constexpr int64_t kBlockBytes = 192 * 1024;
#endif
constexpr int64_t kLongestChunk = 256;  // tiles of a chunk of the weights' gradient

// Multiply-adds a nanosecond on one core: for deciding on threads.
#if defined(__AVX512F__)
constexpr double kRate = 90;
#elif defined(__AVX2__)
constexpr double kRate = 45;
#else
constexpr double kRate = 14;
#endif

bool is_gradient(const WinogradPlan& p) { return p.pass == WinogradPass::backward_weights; }

int64_t block_of(const WinogradPlan& p) {
  const int64_t tile_bytes = p.positions() * tile_stride(p) * static_cast<int64_t>(sizeof(float));
  if (is_gradient(p)) return min(max(1, p.tiles()), kLongestChunk);
  return min(max(1, p.tiles()), max(1, min(4, kBlockBytes / tile_bytes / kTileRows)) * kTileRows);
}

}  // namespace

bool winograd_wins(const ConvShape& s, WinogradPass pass, int64_t tile) {
  if (s.KH != 3 || s.KW != 3 || s.SH != 1 || s.SW != 1 || s.DH != 1 || s.DW != 1 || s.G != 1) return false;
  const bool forward = pass != WinogradPass::backward_input;
  const int64_t height = forward ? s.OH : s.H, width = forward ? s.OW : s.W;
  return s.C >= 16 && s.O >= 16 && height >= tile && width >= tile;
}

int64_t winograd_tile(const ConvShape& shape, WinogradPass pass, int64_t largest) {
  if (largest >= 4 && winograd_wins(shape, pass, 4)) return 4;
  return largest >= 2 && winograd_wins(shape, pass, 2) ? 2 : 0;
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
  const double products = static_cast<double>(p.tiles()) * p.positions() * p.C * p.O;
  const double elements = static_cast<double>(p.positions()) * (p.tiles() * (p.C + p.O) + p.C * p.O);
  return 100 + products / kRate + elements / 8;
}

void winograd_run(const WinogradPlan& p, const WinogradOperands& m, const Units& u) {
  (p.tile == 2 ? convolve<2> : convolve<4>)(p, m, u);
}

void winograd_run_weights(const WinogradPlan& p, float* dw, const float* x, const float* dy, const Units& u) {
  (p.tile == 2 ? differentiate_weights<2> : differentiate_weights<4>)(p, dw, x, dy, u);
}

}  // namespace gemmule::GEMMULE_ISA
