// The exact 2-D convolution as a product of an image that is never unfolded with its kernel: the interface of
// `conv2d_direct.cpp` for the kernels that convolve.
//
//   y[n, oh, ow, o] = act(fma(sum + bias[o], scale[o], shift[o]) + residual[n, oh, ow, o])
//   sum = sum over kh, kw, c of x[n, oh·SH + kh·DH − PT, ow·SW + kw·DW − PL, c] · w[kh, kw, c, o]
//
// The gradient of the input is a convolution, too, of dy with the kernel turned around and transposed. So where x, y
// and w lie is said by steps (in elements), which may be negative or leave gaps; paddings may be negative as well.
// Every sum is one chain of fused multiply-adds over the taps of a block of channels, in the order kh, kw, c; then the
// blocks are added. The blocks depend on KH, KW and C alone.
#pragma once
#include "conv2d_shape.h"
#include "gemm_epilogue.h"

namespace gemmule::GEMMULE_ISA {

// From one image, row or pixel to the next.
struct ImageSteps {
  int64_t image, row, column;
};

// From one kernel row, kernel column, input channel, output channel or group to the next. Either `channel` or `filter`
// is 1.
struct KernelSteps {
  int64_t row, column, channel, filter, group;
  int64_t start = 0;  // where w[0, 0, 0, 0] of the first group lies
};

struct DirectShape {
  int64_t N;
  int64_t H, W, C;    // C channels of a group
  int64_t OH, OW, O;  // O filters of a group
  int64_t KH, KW;
  int64_t SH = 1, SW = 1;
  int64_t PT = 0, PL = 0;
  int64_t DH = 1, DW = 1;
  int64_t G = 1;    // channels of group g begin at g·C in x, at g·O in y, bias, scale, shift and residual
  ImageSteps x, y;  // residual lies like y
  KernelSteps w;
};

enum class Rows : int64_t {
  columns,     // the rows of a tile are neighbours in a row of y
  two_images,  // the same in two images at a time
  two_rows,    // or in two rows of one image
  images       // one position of many images: no work is spent on padding
};

enum class Packing : int64_t {
  none,   // the kernel is read where it lies
  own,    // each thread copies the panel it is about to use
  shared  // all panels are copied in a phase of their own
};

// Everything here follows from the shape.
struct DirectPlan {
  DirectShape shape;
  Rows rows;
  Packing packing;
  int64_t group_size;                // of small groups (conv2d_groups.h), several of which `shape` takes for one; or 0
  int64_t channels, channel_blocks;  // how C is cut
  int64_t panels, splits;            // panels of filters, and parts they are divided into for threads
  int64_t images, image_blocks;      // how N is cut
  int64_t height, row_blocks;        // how OH is cut
  int64_t planar;                    // few filters (conv2d_planar.h)
  int64_t copied;                    // the part of x that a unit reads is copied first
  int64_t bundle;         // groups of a unit, whose channels are neighbours in memory: they are copied at once
  int64_t group_step;     // from the copy of one group to the next
  ImageSteps field;       // steps of the copy, or of x
  int64_t field_columns;  // pixels of a row of the copy
  Activation activation = Activation::linear;
  double alpha = 0;
};

template <class T>
struct DirectOperands {
  T* y;
  const T* x;
  const T* w;
  const T* bias = nullptr;
  const T* residual = nullptr;  // never y itself
  const T* scale = nullptr;     // together with shift
  const T* shift = nullptr;
};

// The forward convolution of arrays that lie as usual.
DirectShape direct_shape(const ConvShape& s);

template <class T>
DirectPlan direct_plan(const DirectShape& shape);
int direct_phases(const DirectPlan& plan);
template <class T>
int64_t direct_units(const DirectPlan& plan, int phase);
template <class T>
int64_t direct_shared_bytes(const DirectPlan& plan);
template <class T>
int64_t direct_local_bytes(const DirectPlan& plan);
template <class T>
double direct_cost(const DirectPlan& plan);
// Changes the plan so that w is read in phase 0 only, see `keep` in kernel.h. Returns whether that is worth it.
bool direct_keep_kernel(DirectPlan& plan);
template <class T>
void direct_run(const DirectPlan& plan, const DirectOperands<T>& operands, const Units& units);

}  // namespace gemmule::GEMMULE_ISA
