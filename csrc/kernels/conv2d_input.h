// The gradient of a convolution's input, exactly, which is the transposed convolution:
//
//   dx[n, ih, iw, c] = act(bias[c] + sum over the kh, kw, oh, ow, o for which
//                                    oh·SH + kh·DH − PT = ih and ow·SW + kw·DW − PL = iw
//                                    of dy[n, oh, ow, o] · w[kh, kw, c, o])
//
// With stride 1 this is the convolution of dy with the kernel turned around. With strides, positions of dx with the
// same remainders (ih mod SH, iw mod SW) form a grid, reached by the same few taps of the kernel: on each grid a
// convolution of stride 1, for the direct core. So no dx is written twice, and no product with zero is computed. Grids
// that no tap reaches (a stride larger than the kernel) hold act(bias).
#pragma once
#include "conv2d_direct.h"

namespace gemmule::GEMMULE_ISA {

struct InputPlan {
  ConvShape s;
  int64_t phases;
  int64_t holes;  // some positions of dx are reached by no tap
  Activation activation;
  double alpha;
};

// One direction of a grid: positions first, first + stride, ... of dx, and the taps that reach them.
struct GridAxis {
  int64_t first, count;
  int64_t taps;
  int64_t last_tap, tap_step;  // in the kernel; a convolution goes through them backwards
  int64_t padding, dilation;   // of that convolution, over dy
};

inline GridAxis grid_axis(int64_t remainder, int64_t size, int64_t stride, int64_t taps, int64_t padding,
                          int64_t dilation) {
  GridAxis axis{remainder, remainder < size ? ceil_div(size - remainder, stride) : 0, 0, 0, 1, 0, 1};
  int64_t tap = 0;
  while (tap < taps && (remainder + padding - tap * dilation) % stride != 0) ++tap;
  if (tap >= taps) return axis;
  // From one tap that reaches the grid to the next, dy moves by whole pixels.
  while (axis.tap_step * dilation % stride != 0) ++axis.tap_step;
  axis.taps = (taps - 1 - tap) / axis.tap_step + 1;
  axis.last_tap = tap + (axis.taps - 1) * axis.tap_step;
  axis.dilation = axis.tap_step * dilation / stride;
  axis.padding = -(remainder + padding - axis.last_tap * dilation) / stride;
  return axis;
}

inline GridAxis grid_rows(const ConvShape& s, int64_t remainder) {
  return grid_axis(remainder, s.H, s.SH, s.KH, s.PT, s.DH);
}
inline GridAxis grid_columns(const ConvShape& s, int64_t remainder) {
  return grid_axis(remainder, s.W, s.SW, s.KW, s.PL, s.DW);
}

template <class T>
DirectPlan grid_plan(const InputPlan& p, const GridAxis& h, const GridAxis& w) {
  const ConvShape& s = p.s;
  const int64_t channels = s.group_channels(), row = s.KW * channels * s.O, column = channels * s.O;
  DirectPlan plan = direct_plan<T>({.N = s.N,
                                    .H = s.OH,
                                    .W = s.OW,
                                    .C = s.group_filters(),
                                    .OH = h.count,
                                    .OW = w.count,
                                    .O = channels,
                                    .KH = h.taps,
                                    .KW = w.taps,
                                    .PT = h.padding,
                                    .PL = w.padding,
                                    .DH = h.dilation,
                                    .DW = w.dilation,
                                    .G = s.G,
                                    .x = {s.OH * s.OW * s.O, s.OW * s.O, s.O},
                                    .y = {s.H * s.W * s.C, s.SH * s.W * s.C, s.SW * s.C},
                                    .w = {.row = -h.tap_step * row,
                                          .column = -w.tap_step * column,
                                          .channel = 1,
                                          .filter = s.O,
                                          .group = s.group_filters(),
                                          .start = h.last_tap * row + w.last_tap * column}});
  plan.activation = p.activation;
  plan.alpha = p.alpha;
  return plan;
}

// A few grids at a time: their plans are made anew wherever they are needed, for a stride may have any number of them.
struct GridPlans {
  static constexpr int capacity = 16;
  DirectPlan plans[capacity];
  int64_t offsets[capacity];  // where each begins in dx
  int count = 0;
};

// Calls visit(GridPlans) for all grids that some tap reaches.
template <class T, class Visit>
void visit_grids(const InputPlan& p, Visit visit) {
  const ConvShape& s = p.s;
  GridPlans grids;
  for (int64_t i = 0; i < min(s.SH, s.H); ++i) {
    const GridAxis h = grid_rows(s, i);
    for (int64_t j = 0; h.taps > 0 && j < min(s.SW, s.W); ++j) {
      const GridAxis w = grid_columns(s, j);
      if (w.taps == 0) continue;
      grids.plans[grids.count] = grid_plan<T>(p, h, w);
      grids.offsets[grids.count++] = (i * s.W + j) * s.C;
      if (grids.count < GridPlans::capacity) continue;
      visit(grids);
      grids.count = 0;
    }
  }
  if (grids.count > 0) visit(grids);
}

// The phase of one grid that runs in a phase of the call: whoever has fewer phases begins later. -1 for none.
inline int grid_phase(const InputPlan& p, const DirectPlan& grid, int phase) {
  return phase - (static_cast<int>(p.phases) - direct_phases(grid));
}

template <class T>
InputPlan input_plan(const ConvShape& s, Activation activation, double alpha) {
  InputPlan p{s, 1, 0, activation, alpha};
  for (int64_t i = 0; i < min(s.SH, s.H); ++i) p.holes |= grid_rows(s, i).taps == 0;
  for (int64_t j = 0; j < min(s.SW, s.W); ++j) p.holes |= grid_columns(s, j).taps == 0;
  visit_grids<T>(p, [&](const GridPlans& grids) {
    for (int g = 0; g < grids.count; ++g) p.phases = max(p.phases, direct_phases(grids.plans[g]));
  });
  return p;
}

// A unit is a share of every grid, so that threads get alike ones although more taps reach some grids than others.
template <class T>
int64_t input_units(const InputPlan& p, int phase) {
  int64_t units = phase == p.phases - 1 && p.holes ? p.s.N * p.s.H : 0;
  visit_grids<T>(p, [&](const GridPlans& grids) {
    for (int g = 0; g < grids.count; ++g) {
      const int own = grid_phase(p, grids.plans[g], phase);
      if (own >= 0) units = max(units, direct_units<T>(grids.plans[g], own));
    }
  });
  return units;
}

template <class T>
int64_t input_shared_bytes(const InputPlan& p) {
  int64_t bytes = 0;
  visit_grids<T>(p, [&](const GridPlans& grids) {
    for (int g = 0; g < grids.count; ++g) bytes += round_up(direct_shared_bytes<T>(grids.plans[g]), 64);
  });
  return bytes;
}

template <class T>
int64_t input_local_bytes(const InputPlan& p) {
  int64_t bytes = 0;
  visit_grids<T>(p, [&](const GridPlans& grids) {
    for (int g = 0; g < grids.count; ++g) bytes = max(bytes, direct_local_bytes<T>(grids.plans[g]));
  });
  return bytes;
}

template <class T>
double input_cost(const InputPlan& p) {
  double cost = p.holes ? static_cast<double>(p.s.N) * p.s.H * p.s.W * p.s.C * sizeof(T) / 16 : 0;
  visit_grids<T>(p, [&](const GridPlans& grids) {
    for (int g = 0; g < grids.count; ++g) cost += direct_cost<T>(grids.plans[g]);
  });
  return cost;
}

// Positions of row `row` of all images' rows that no tap reaches: act(bias).
template <class T>
void fill_holes(const InputPlan& p, T* dx, const T* bias, int64_t row) {
  const ConvShape& s = p.s;
  const Epilogue<T> epilogue{
      .bias = bias, .residual = nullptr, .activation = p.activation, .alpha = static_cast<T>(p.alpha)};
  const bool whole = grid_rows(s, row % s.H % s.SH).taps == 0;
  T* const to = dx + row * s.W * s.C;
  for (int64_t j = 0; j < min(s.SW, s.W); ++j) {
    if (!whole && grid_columns(s, j).taps > 0) continue;
    for (int64_t w = j; w < s.W; w += s.SW) {
      __builtin_memset(to + w * s.C, 0, s.C * sizeof(T));
      epilogue.finish(to, s.C, w, w + 1, 0, s.C);
    }
  }
}

template <class T>
void input_run(const InputPlan& p, T* dx, const T* dy, const T* w, const T* bias, const Units& u) {
  const int64_t total = input_units<T>(p, u.phase), rows = p.s.N * p.s.H;
  if (p.holes && u.phase == p.phases - 1)
    for (int64_t row = rows * u.first / total; row < rows * u.last / total; ++row) fill_holes(p, dx, bias, row);
  char* shared = static_cast<char*>(u.shared);
  visit_grids<T>(p, [&](const GridPlans& grids) {
    char* const before = shared;
    // Unit after unit: what the grids need of dy, and their pixels of dx, are neighbours.
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      shared = before;
      for (int g = 0; g < grids.count; ++g) {
        const DirectPlan& grid = grids.plans[g];
        const int phase = grid_phase(p, grid, u.phase);
        const int64_t all = phase < 0 ? 0 : direct_units<T>(grid, phase);
        const int64_t first = all * unit / total, last = all * (unit + 1) / total;
        if (first < last)
          direct_run<T>(grid, {dx + grids.offsets[g], dy, w, bias}, {first, last, phase, shared, u.local});
        shared += round_up(direct_shared_bytes<T>(grid), 64);
      }
    }
  });
}

}  // namespace gemmule::GEMMULE_ISA
