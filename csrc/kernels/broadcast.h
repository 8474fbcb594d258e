// Broadcasting as NumPy defines it, for element-by-element kernels with one output and up to three inputs.
//
// Axes that behave alike in every input are merged, so what remains is short: equal shapes and scalars are one axis, a
// row or a column against a matrix two. The innermost axis is a span: each input of it either walks or stands still.
// Short innermost axes are gathered into tiles first, many rows at a time, so that no shape meets a loop of three.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

constexpr int kMaxInputs = 3;
constexpr int kMaxAxes = 24;           // after merging
constexpr int64_t kSpan = 1024;        // elements of one unit, about: a multiple of 64 bytes when it can be
constexpr int64_t kShortAxis = 64;     // innermost axes up to here are gathered, longer ones are spans themselves

// One input of a span: element i lies at data + i * step * itemsize, step being 0 or 1.
struct Source {
  const void* data;
  int64_t step;
};

// Computes n elements.
using SpanFunction = void (*)(void* out, const Source* inputs, int64_t n);

struct Broadcast {
  int64_t size;                 // elements of the output
  int64_t unit;                 // elements of one unit
  uint32_t walks[kMaxInputs];   // bit a: the input has axis a, rather than repeating along it
  int32_t axes;
  int64_t extents[kMaxAxes];    // innermost first

  int64_t units() const { return size == 0 ? 0 : ceil_div(size, unit); }
};

inline bool walks_along(const Call& call, int operand, int axis_from_end) {
  return axis_from_end < call.rank(operand) && call.dim(operand, -1 - axis_from_end) != 1;
}

// Operand 0 is the output, 1 to `inputs` are broadcast to its shape.
inline Broadcast plan_broadcast(const Call& call, int inputs) {
  Broadcast plan{};
  plan.size = call.size(0);
  uint32_t previous = 0;
  for (int axis = 0; axis < call.rank(0); ++axis) {
    const int64_t extent = call.dim(0, -1 - axis);
    if (extent == 1) continue;
    uint32_t pattern = 0;
    for (int i = 0; i < inputs; ++i) pattern |= static_cast<uint32_t>(walks_along(call, 1 + i, axis)) << i;
    if (plan.axes > 0 && pattern == previous) {
      plan.extents[plan.axes - 1] *= extent;
      continue;
    }
    if (plan.axes == kMaxAxes) call.refuse("broadcasting alternates between operands along more than 24 axes");
    for (int i = 0; i < inputs; ++i) plan.walks[i] |= (pattern >> i & 1) << plan.axes;
    plan.extents[plan.axes++] = extent;
    previous = pattern;
  }
  if (plan.axes == 0) plan.extents[plan.axes++] = 1;
  const int64_t row = plan.extents[0];
  plan.unit = plan.axes > 1 && row > 0 && row <= kShortAxis ? kSpan / row * row : kSpan;
  return plan;
}

// Where a row of the innermost axis starts in each input.
struct Walk {
  const Broadcast& plan;
  int inputs;
  int64_t index[kMaxAxes] = {};
  int64_t offset[kMaxInputs] = {};
  int64_t stride[kMaxInputs][kMaxAxes];

  Walk(const Broadcast& plan, int inputs, int64_t row) : plan(plan), inputs(inputs) {
    for (int i = 0; i < inputs; ++i) {
      int64_t stored = 1;
      for (int axis = 0; axis < plan.axes; ++axis) {
        const bool walks = plan.walks[i] >> axis & 1;
        stride[i][axis] = walks ? stored : 0;
        if (walks) stored *= plan.extents[axis];
      }
    }
    for (int axis = 1; axis < plan.axes; ++axis) {
      index[axis] = row % plan.extents[axis];
      row /= plan.extents[axis];
      for (int i = 0; i < inputs; ++i) offset[i] += index[axis] * stride[i][axis];
    }
  }

  void next_row() {
    for (int axis = 1; axis < plan.axes; ++axis) {
      for (int i = 0; i < inputs; ++i) offset[i] += stride[i][axis];
      if (++index[axis] < plan.extents[axis]) return;
      for (int i = 0; i < inputs; ++i) offset[i] -= stride[i][axis] * plan.extents[axis];
      index[axis] = 0;
    }
  }

  bool complete(int i) const { return plan.walks[i] == (uint32_t{1} << plan.axes) - 1; }
  bool row_only(int i) const { return plan.walks[i] == 1; }
  bool scalar(int i) const { return plan.walks[i] == 0; }
};

// tile (n) = one element over and over. The last store may reach a vector beyond n, which the tile has room for.
template <class E>
GEMMULE_INLINE void repeat(E* tile, const E* element, int64_t n) {
  E value;
  __builtin_memcpy(&value, element, sizeof(E));
  const Vec<E> v = splat(value);
  for (int64_t i = 0; i < n; i += kLanes<E>) store(tile + i, v);
}

// tile (rows, row length) = input i, from where `walk` stands. E is as wide as an element; what it holds is not looked
// at.
template <class E>
void gather_tile(void* to, const void* data, Walk walk, int i, int64_t rows) {
  const int64_t length = walk.plan.extents[0];
  const bool walks = walk.plan.walks[i] & 1;
  E* tile = static_cast<E*>(to);
  for (int64_t r = 0; r < rows; ++r, tile += length, walk.next_row()) {
    const E* from = static_cast<const E*>(data) + walk.offset[i];
    if (walks)
      __builtin_memcpy(tile, from, length * sizeof(E));
    else
      repeat(tile, from, length);
  }
}

inline void gather_tile(void* tile, const void* data, int bytes, const Walk& walk, int i, int64_t rows) {
  switch (bytes) {
    case 1: return gather_tile<uint8_t>(tile, data, walk, i, rows);
    case 4: return gather_tile<uint32_t>(tile, data, walk, i, rows);
    default: return gather_tile<uint64_t>(tile, data, walk, i, rows);
  }
}

inline const void* at(const void* data, int64_t element, int bytes) {
  return static_cast<const char*>(data) + element * bytes;
}
inline void* at(void* data, int64_t element, int bytes) { return static_cast<char*>(data) + element * bytes; }

struct BroadcastOperands {
  void* out;
  const void* data[kMaxInputs];
  int bytes[kMaxInputs];
  int out_bytes;
  int inputs;
};

// Rows longer than kShortAxis, cut where a unit begins and ends.
inline void run_long_rows(const Broadcast& plan, const BroadcastOperands& m, SpanFunction span, Range range) {
  const int64_t length = plan.extents[0];
  Walk walk(plan, m.inputs, range.begin / length);
  int64_t column = range.begin % length;
  for (int64_t i = range.begin; i < range.end; column = 0, walk.next_row()) {
    const int64_t n = min(length - column, range.end - i);
    Source sources[kMaxInputs];
    for (int k = 0; k < m.inputs; ++k) {
      const int64_t step = plan.walks[k] & 1;
      sources[k] = {at(m.data[k], walk.offset[k] + step * column, m.bytes[k]), step};
    }
    span(at(m.out, i, m.out_bytes), sources, n);
    i += n;
  }
}

// Rows up to kShortAxis: whole ones, a unit at a time, from tiles.
inline void run_short_rows(const Broadcast& plan, const BroadcastOperands& m, SpanFunction span, Range range) {
  constexpr int64_t kTileBytes = kSpan * 8 + kVectorBytes;
  alignas(64) char tiles[kMaxInputs][kTileBytes];
  const int64_t length = plan.extents[0];
  Walk walk(plan, m.inputs, range.begin / length);
  for (int64_t i = range.begin; i < range.end; i += plan.unit) {
    const int64_t n = min(plan.unit, range.end - i), rows = n / length;
    Source sources[kMaxInputs];
    for (int k = 0; k < m.inputs; ++k) {
      if (walk.complete(k)) {
        sources[k] = {at(m.data[k], i, m.bytes[k]), 1};
      } else if (walk.scalar(k)) {
        sources[k] = {m.data[k], 0};
      } else {
        sources[k] = {tiles[k], 1};
        const bool filled = walk.row_only(k) && i > range.begin;  // a row repeats in every unit
        if (!filled) gather_tile(tiles[k], m.data[k], m.bytes[k], walk, k, rows);
      }
    }
    span(at(m.out, i, m.out_bytes), sources, n);
    for (int64_t r = 0; r < rows; ++r) walk.next_row();
  }
}

inline void run_broadcast(const Broadcast& plan, const BroadcastOperands& m, SpanFunction span, const Units& u) {
  const Range range = covered(u, plan.unit, plan.size);
  if (plan.axes > 1 && plan.extents[0] <= kShortAxis)
    run_short_rows(plan, m, span, range);
  else
    run_long_rows(plan, m, span, range);
}

}  // namespace gemmule::GEMMULE_ISA
