// Winograd's minimal filtering for 3×3 convolutions of stride 1: the interface of conv2d_winograd.cpp.
//
// An image is cut into tiles of m×m outputs (m = `tile`, 2 or 4). Tile, kernel and products live in a transformed space
// with (m+2)² positions, where a tile costs (m+2)² multiplications a channel instead of 9m²: 2.25 times fewer for m =
// 2, 4 times fewer for m = 4. Rounding errors grow with m (docs/convolution.md has the figures), and NaN or infinity in
// one input reaches the whole of each tile that reads it. Lavin and Gray, "Fast algorithms for convolutional neural
// networks" (2016).
//
// A kernel that may take this path keeps a WinogradPlan among its arguments, as with GemmPlan. float32 only.
#pragma once
#include "activation.h"
#include "conv2d_shape.h"

namespace gemmule::GEMMULE_ISA {

enum class WinogradPass : int64_t { forward, backward_input, backward_weights };

// Everything here follows from the shapes. `in` and `out` are x and y; for backward_input, where the
// gradient of y is read and that of x is written, they have changed places.
struct WinogradPlan {
  WinogradPass pass;
  int64_t tile;                             // m
  int64_t N, H, W, C;                       // in
  int64_t OH, OW, O;                        // out
  int64_t PT, PL;                           // padding of `in`; negative where the convolution's own padding exceeds 2
  int64_t tile_rows = 0, tile_columns = 0;  // of one image
  int64_t block = 0;                        // tiles transformed at a time
  Activation activation = Activation::linear;
  double alpha = 0;

  int64_t tiles() const { return N * tile_rows * tile_columns; }
  int64_t positions() const { return (tile + 2) * (tile + 2); }
};

// out = act((conv + bias) · scale + shift + residual); for backward_input conv is the transposed convolution.
struct WinogradOperands {
  float* out;
  const float* in;
  const float* w;  // (3, 3, C, O) as the layer owns it, in both directions
  const float* bias = nullptr;
  const float* scale = nullptr;  // and shift: both or neither
  const float* shift = nullptr;
  const float* residual = nullptr;  // like out, and never out itself
};

// The best tile for a convolution when tiles up to `largest` are allowed (attribute `winograd`: 0, 2 or 4), by an
// estimate from shape and level that counts the transform of the weights. 0 is the exact convolution: where that is
// faster, and for what Winograd cannot do at all. `shape` is the convolution's own in every pass.
int64_t winograd_tile(const ConvShape& shape, WinogradPass pass, int64_t largest);

WinogradPlan winograd_plan(const ConvShape& shape, WinogradPass pass, int64_t tile,
                           Activation activation = Activation::linear, double alpha = 0);
int winograd_phases(const WinogradPlan& plan);
int64_t winograd_units(const WinogradPlan& plan, int phase);
int64_t winograd_shared_bytes(const WinogradPlan& plan);
int64_t winograd_local_bytes(const WinogradPlan& plan);
double winograd_cost(const WinogradPlan& plan);
// Units of a plan for forward and backward_input.
void winograd_run(const WinogradPlan& plan, const WinogradOperands& operands, const Units& units);
// Units of a plan for backward_weights: dw (3, 3, C, O).
void winograd_run_weights(const WinogradPlan& plan, float* dw, const float* x, const float* dy, const Units& units);

}  // namespace gemmule::GEMMULE_ISA
