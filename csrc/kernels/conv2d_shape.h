// The geometry of a 2-D convolution, as its kernels share it.
//
//   y[n, oh, ow, o] = sum over kh, kw, c of x[n, oh·SH + kh·DH − PT, ow·SW + kw·DW − PL, g·C/G + c] · w[kh, kw, c, o]
//
// x (N, H, W, C), w (KH, KW, C/G, O), y (N, OH, OW, O); output channel o belongs to group g = o / (O/G).
// What lies outside x counts as zero. Padding at the bottom and on the right follows from OH and OW.
#pragma once
#include "kernel.h"

namespace gemmule::GEMMULE_ISA {

struct ConvShape {
  int64_t N, H, W, C;
  int64_t OH, OW, O;
  int64_t KH, KW;
  int64_t SH, SW;  // strides
  int64_t PT, PL;  // padding at the top and on the left
  int64_t DH, DW;  // dilation
  int64_t G;       // groups

  int64_t group_channels() const { return C / G; }
  int64_t group_filters() const { return O / G; }
  int64_t positions() const { return N * OH * OW; }
  double flops() const { return 2.0 * positions() * O * KH * KW * group_channels(); }
  bool pointwise() const {
    return KH == 1 && KW == 1 && SH == 1 && SW == 1 && PT == 0 && PL == 0 && OH == H && OW == W;
  }
};

// Reads the shape from a call: `x` and `y` are operand numbers of the two images (or of their gradients, which have
// the same shapes), `w` of the kernel. Attributes: strides (2), padding (top, bottom, left, right), dilation (2),
// groups.
ConvShape conv_shape(const Call& call, int x, int w, int y);

}  // namespace gemmule::GEMMULE_ISA
