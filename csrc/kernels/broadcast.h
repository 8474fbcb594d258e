// Broadcasting as NumPy defines it, for element-by-element kernels with one output and up to three inputs.
//
// Axes that behave alike in every input are merged, so what remains is short: equal shapes and scalars are one axis, a
// row or a column against a matrix two. The innermost axis is a span: each input of it either walks or stands still.
// Short innermost axes are gathered into tiles first, many rows at a time, so that no shape meets a loop of three.
#pragma once
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

constexpr int kMaxInputs = 3;
constexpr int kMaxAxes = 24;        // after merging
constexpr int64_t kSpan = 1024;     // elements of one unit, about: a multiple of 64 bytes when it can be
constexpr int64_t kShortAxis = 64;  // innermost axes up to here are gathered, longer ones are spans themselves

// One input of a span: element i lies at data + i * step * itemsize, step being 0 or 1.
struct Source {
  const void* data;
  int64_t step;
};

// Computes n elements.
using SpanFunction = void (*)(void* out, const Source* inputs, int64_t n);

struct Broadcast {
  int64_t size;                // elements of the output
  int64_t unit;                // elements of one unit
  uint32_t walks[kMaxInputs];  // bit a: the input has axis a, rather than repeating along it
  int32_t axes;
  int64_t extents[kMaxAxes];  // innermost first

  int64_t units() const { return size == 0 ? 0 : ceil_div(size, unit); }
  bool complete(int input) const { return walks[input] == (uint32_t{1} << axes) - 1; }
  bool row_only(int input) const { return walks[input] == 1; }
  bool scalar(int input) const { return walks[input] == 0; }
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

// Where a row of the innermost axis starts in one input, row after row.
struct Walk {
  const Broadcast& plan;
  int64_t offset = 0;  // elements
  int64_t index[kMaxAxes] = {};
  int64_t stride[kMaxAxes] = {};

  Walk(const Broadcast& plan, int input, int64_t row) : plan(plan) {
    int64_t stored = 1;
    for (int axis = 0; axis < plan.axes; ++axis) {
      if (!(plan.walks[input] >> axis & 1)) continue;
      stride[axis] = stored;
      stored *= plan.extents[axis];
    }
    for (int axis = 1; axis < plan.axes; ++axis) {
      index[axis] = row % plan.extents[axis];
      row /= plan.extents[axis];
      offset += index[axis] * stride[axis];
    }
  }

  int64_t rows_ahead() const { return plan.extents[1] - index[1]; }  // on axis 1, before another axis moves

  // Moves on by up to rows_ahead() rows.
  void advance(int64_t rows) {
    for (int axis = 1; axis < plan.axes; ++axis) {
      offset += rows * stride[axis];
      index[axis] += rows;
      if (index[axis] < plan.extents[axis]) return;
      offset -= plan.extents[axis] * stride[axis];
      index[axis] = 0;
      rows = 1;
    }
  }
};

// tile (n) = one element over and over. The last store may reach a vector beyond n, which the tile has room for.
template <class E>
GEMMULE_INLINE void repeat(E* tile, const E* element, int64_t n) {
  E value;
  __builtin_memcpy(&value, element, sizeof(E));
  const Vec<E> v = splat(value);
  for (int64_t i = 0; i < n; i += kLanes<E>) store(tile + i, v);
}

// tile (rows, length) = one row over and over, by copying what is there twice as far each time.
template <class E>
GEMMULE_INLINE void repeat_row(E* tile, const E* row, int64_t rows, int64_t length) {
  __builtin_memcpy(tile, row, length * sizeof(E));
  for (int64_t done = 1; done < rows; done *= 2)
    __builtin_memcpy(tile + done * length, tile, min(done, rows - done) * length * sizeof(E));
}

// tile (rows, row length) = the values of an input from a row on. E is as wide as an element; what it holds is not
// looked at.
template <class E>
void gather_tile(void* to, const void* data, const Broadcast& plan, int input, int64_t row, int64_t rows) {
  const int64_t length = plan.extents[0];
  Walk walk(plan, input, row);
  E* tile = static_cast<E*>(to);
  while (rows > 0) {
    const int64_t run = min(rows, walk.rows_ahead());
    const E* from = static_cast<const E*>(data) + walk.offset;
    const bool columns = walk.stride[0] != 0, lines = walk.stride[1] != 0;
    if (columns && lines)
      __builtin_memcpy(tile, from, run * length * sizeof(E));
    else if (columns)
      repeat_row(tile, from, run, length);
    else if (lines)
      for (int64_t r = 0; r < run; ++r) repeat(tile + r * length, from + r, length);
    else
      repeat(tile, from, run * length);
    tile += run * length;
    rows -= run;
    walk.advance(run);
  }
}

inline void gather_tile(void* tile, const void* data, int bytes, const Broadcast& plan, int input, int64_t row,
                        int64_t rows) {
  switch (bytes) {
    case 1:
      return gather_tile<uint8_t>(tile, data, plan, input, row, rows);
    case 4:
      return gather_tile<uint32_t>(tile, data, plan, input, row, rows);
    default:
      return gather_tile<uint64_t>(tile, data, plan, input, row, rows);
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
  static_assert(kMaxInputs == 3);
  const int64_t length = plan.extents[0], row = range.begin / length;
  Walk walks[] = {Walk(plan, 0, row), Walk(plan, 1, row), Walk(plan, 2, row)};
  int64_t column = range.begin % length;
  for (int64_t i = range.begin; i < range.end; column = 0) {
    const int64_t n = min(length - column, range.end - i);
    Source sources[kMaxInputs];
    for (int k = 0; k < m.inputs; ++k) {
      const int64_t step = plan.walks[k] & 1;
      sources[k] = {at(m.data[k], walks[k].offset + step * column, m.bytes[k]), step};
      walks[k].advance(1);
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
  for (int64_t i = range.begin; i < range.end; i += plan.unit) {
    const int64_t n = min(plan.unit, range.end - i);
    Source sources[kMaxInputs];
    for (int k = 0; k < m.inputs; ++k) {
      if (plan.complete(k)) {
        sources[k] = {at(m.data[k], i, m.bytes[k]), 1};
      } else if (plan.scalar(k)) {
        sources[k] = {m.data[k], 0};
      } else {
        sources[k] = {tiles[k], 1};
        const bool filled = plan.row_only(k) && i > range.begin;  // such a tile is the same in every unit
        if (!filled) gather_tile(tiles[k], m.data[k], m.bytes[k], plan, k, i / length, n / length);
      }
    }
    span(at(m.out, i, m.out_bytes), sources, n);
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
