// conv2d: the 2-D convolution; geometry in conv2d_shape.h.
#include "conv2d_shape.h"
#include "families.h"

namespace gemmule::GEMMULE_ISA {

ConvShape conv_shape(const Call& call, int x, int w, int y) {
  int64_t strides[2], padding[4], dilation[2];
  call.integers("strides", strides, 2);
  call.integers("padding", padding, 4);
  call.integers("dilation", dilation, 2);
  return {.N = call.dim(x, 0),
          .H = call.dim(x, 1),
          .W = call.dim(x, 2),
          .C = call.dim(x, 3),
          .OH = call.dim(y, 1),
          .OW = call.dim(y, 2),
          .O = call.dim(y, 3),
          .KH = call.dim(w, 0),
          .KW = call.dim(w, 1),
          .SH = strides[0],
          .SW = strides[1],
          .PT = padding[0],
          .PL = padding[2],
          .DH = dilation[0],
          .DW = dilation[1],
          .G = call.integer("groups")};
}

void register_conv2d(Table& table, bool doubles) {
  (void)table;
  (void)doubles;
}

}  // namespace gemmule::GEMMULE_ISA
