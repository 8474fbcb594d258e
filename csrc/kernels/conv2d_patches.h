// The gradient of an input of few channels, exactly. A vector of channels would be mostly empty, and so would vectors
// along a short row; so here the lanes of a vector are patches of dy, one position of each at a time: whole images
// where there are many, else parts of them. For a position a tile multiplies
//
//   (rows kw, c of the kernel, as they lie) · (filters, patches)
//
// and adds the product to the patches of dx, where (iw, c) follow each other just as (kw, c) do in the kernel. No
// product with zero is computed, whatever the stride, and taps that fall outside the image are left out where a patch
// has its whole height or width. Patches of dx that overlap are added up in a phase of their own, in their order.
#pragma once
#include "conv2d_field.h"
#include "gemm_pack.h"

namespace gemmule::GEMMULE_ISA {

// One direction of the patches.
struct PatchAxis {
  int64_t outputs, blocks;  // positions of dy in a patch, and patches next to each other
  int64_t size;             // positions of dx in a patch
  int64_t padding;          // of a patch: none where there are several, which overlap instead
  int64_t origin, step;     // where the first begins in dx, and how far it is from one to the next
  int64_t taps;             // of all positions of dy in a patch, inside of it
};

struct PatchPlan {
  ConvShape s;
  PatchAxis h, w;
  int64_t depth;  // filters of one chain
  Activation activation;
  double alpha;

  int64_t patches() const { return s.N * h.blocks * w.blocks; }
  bool whole() const { return h.blocks * w.blocks == 1; }  // a patch is an image
  int64_t patch_size() const { return h.size * w.size * s.C; }
};

constexpr int64_t kPatchDepth = 128;  // filters of one chain: with the tile's sums they stay in L1
constexpr int64_t kPatchChannels = 8;
constexpr double kWorthThreads = 30000;      // cycles
constexpr int64_t kPatchBytes = 256 * 1024;  // of the patches of one unit

inline PatchAxis patch_axis(int64_t outputs, int64_t all, int64_t size, int64_t stride, int64_t taps, int64_t padding,
                            int64_t dilation) {
  if (outputs < all)
    return {.outputs = outputs,
            .blocks = ceil_div(all, outputs),
            .size = span(outputs, stride, taps, dilation),
            .padding = 0,
            .origin = -padding,
            .step = outputs * stride,
            .taps = outputs * taps};
  PatchAxis axis{.outputs = all, .blocks = 1, .size = size, .padding = padding, .origin = 0, .step = 0, .taps = 0};
  for (int64_t i = 0; i < all; ++i) {
    const TapRange inside = taps_inside(i * stride - padding, dilation, taps, size);
    axis.taps += inside.last - inside.first;
  }
  return axis;
}

template <class T>
int64_t patch_groups(const PatchPlan& p) {
  return ceil_div(p.patches(), kTileColumns<T>);
}

// Time of all units in cycles, of two or four threads where there is work for them.
template <class T>
double patch_time(const PatchPlan& p) {
  const ConvShape& s = p.s;
  const double rows = static_cast<double>(p.h.taps * p.w.taps * s.C);
  const double positions = static_cast<double>(p.h.outputs * p.w.outputs);
  const double product = positions * (12 * s.O + 30 * s.KH) + rows * (s.O + 4);
  const double adding = p.whole() ? 0 : p.h.size * kTileColumns<T> * (20 + p.w.size * s.C / 4);
  const double group = product + 10 * p.patch_size() + adding;
  const int64_t groups = patch_groups<T>(p);
  const double all = group * static_cast<double>(groups);
  const int64_t threads = all < kWorthThreads ? 1 : all < 4 * kWorthThreads ? 2 : 4;
  return group * static_cast<double>(round_up(groups, threads));
}

template <class T>
PatchPlan patch_plan(const ConvShape& s, Activation activation, double alpha) {
  PatchPlan best{};
  double least = 0;
  for (int64_t rows = s.OH;; rows = ceil_div(rows, 2)) {
    for (int64_t columns = s.OW;; columns = ceil_div(columns, 2)) {
      const PatchPlan p{s,
                        patch_axis(rows, s.OH, s.H, s.SH, s.KH, s.PT, s.DH),
                        patch_axis(columns, s.OW, s.W, s.SW, s.KW, s.PL, s.DW),
                        min(s.O, kPatchDepth),
                        activation,
                        alpha};
      const bool fits = p.patch_size() * kTileColumns<T> * static_cast<int64_t>(sizeof(T)) <= kPatchBytes;
      const double time = patch_time<T>(p);
      if ((fits || rows * columns == 1) && (least == 0 || time < least)) {
        least = time;
        best = p;
      }
      if (columns <= 1) break;
    }
    if (rows <= 1) break;
  }
  return best;
}

inline int patch_phases(const PatchPlan& p) { return p.whole() ? 1 : 2; }

template <class T>
int64_t patch_units(const PatchPlan& p, int phase) {
  return phase == 0 ? patch_groups<T>(p) : p.s.N * p.s.H;
}

template <class T>
int64_t patch_shared_bytes(const PatchPlan& p) {
  return p.whole() ? 0 : p.patches() * p.patch_size() * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t patch_local_bytes(const PatchPlan& p) {
  const int64_t vectors = p.patch_size() + p.depth;
  return (vectors * kTileColumns<T> + p.depth) * static_cast<int64_t>(sizeof(T));
}

template <class T>
double patch_cost(const PatchPlan& p) {
  return 100 + patch_time<T>(p) / 4;
}

// The patches of one unit.
template <class T>
class Patches {
 public:
  static constexpr int kCount = kTileColumns<T>;

  Patches(const PatchPlan& plan, const T* dy, const T* w, int64_t group, T* local)
      : p(plan),
        kernel(w),
        count(min(kCount, plan.patches() - group * kCount)),
        sums(local),
        filters(sums + plan.patch_size() * kCount),
        zeros(filters + plan.depth * kCount) {
    const ConvShape& s = p.s;
    for (int64_t i = 0; i < kCount; ++i) {
      const int64_t patch = group * kCount + i, n = patch / (p.h.blocks * p.w.blocks);
      const int64_t oh = patch / p.w.blocks % p.h.blocks * p.h.outputs, ow = patch % p.w.blocks * p.w.outputs;
      at[i] = dy + ((n * s.OH + oh) * s.OW + ow) * s.O;
      rows[i] = i < count ? s.OH - oh : 0;
      columns[i] = s.OW - ow;
    }
    clear(zeros, p.depth);
  }

  void run() {
    const ConvShape& s = p.s;
    clear(sums, p.patch_size() * kCount);
    for (int64_t oh = 0; oh < p.h.outputs; ++oh) {
      for (int64_t ow = 0; ow < p.w.outputs; ++ow) {
        for (int64_t o = 0; o < s.O; o += p.depth) {
          const int64_t depth = min(p.depth, s.O - o);
          gather(oh, ow, o, depth);
          add_position(oh * s.SH - p.h.padding, ow * s.SW - p.w.padding, o, depth);
        }
      }
    }
  }

  // out[patch][position and channel], patch after patch.
  void put(T* out) const { store_transposed(out, p.patch_size(), sums, p.patch_size(), count); }

 private:
  const PatchPlan& p;
  const T* kernel;
  int64_t count;
  T* sums;     // (position and channel, patch)
  T* filters;  // (filter, patch) of one position
  T* zeros;
  const T* at[kCount];
  int64_t rows[kCount], columns[kCount];  // of dy, from the beginning of a patch to the end of its image

  void gather(int64_t oh, int64_t ow, int64_t o, int64_t depth) {
    constexpr int L = kLanes<T>;
    const int64_t offset = (oh * p.s.OW + ow) * p.s.O + o;
    const T* from[kCount];
    for (int i = 0; i < kCount; ++i) from[i] = oh < rows[i] && ow < columns[i] ? at[i] + offset : zeros;
    for (int64_t i = 0; i < kCount; i += L) {
      for (int64_t k = 0; k < depth; k += L) {
        Vec<T> block[L];
#pragma GCC unroll 16
        for (int q = 0; q < L; ++q) block[q] = load_partial(from[i + q] + k, depth - k);
        transpose<T>(block);
#pragma GCC unroll 16
        for (int q = 0; q < L; ++q)
          if (k + q < depth) store<T>(filters + (k + q) * kCount + i, block[q]);
      }
    }
  }

  // A position of dy whose first tap is at (ih, iw) of the patches of dx.
  void add_position(int64_t ih, int64_t iw, int64_t o, int64_t depth) {
    const ConvShape& s = p.s;
    const TapRange kh = taps_inside(ih, s.DH, s.KH, p.h.size), kw = taps_inside(iw, s.DW, s.KW, p.w.size);
    const bool runs = s.DW == 1;  // taps of a row are neighbours in dx, too
    const RowTiles tiles{0, s.C * (runs ? kw.last - kw.first : 1)};
    TileJob<T> job;
    job.K = depth;
    job.a_stride = s.O;
    job.b = filters;
    job.b_stride = job.c_stride = job.addend_stride = kCount;
    job.b_ahead = 0;
    for (int64_t y = kh.first; y < kh.last; ++y) {
      for (int64_t x = kw.first; x < kw.last; x += runs ? kw.last - kw.first : 1) {
        const T* const a = kernel + (y * s.KW + x) * s.C * s.O + o;
        T* const c = sums + ((ih + y * s.DH) * p.w.size + iw + x * s.DW) * s.C * kCount;
        for (int64_t t = 0; t < tiles.count; ++t) {
          const int64_t row = tiles.at(t);
          job.a = a + row * s.O;
          job.addend = job.c = c + row * kCount;
          run_tile(job, Reading::by_rows, tiles.at(t + 1) - row, Width::two_vectors);
        }
      }
    }
  }
};

// to[i] += from[i]
template <class T>
void add_run(T* to, const T* from, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store<T>(to + i, load(to + i) + load(from + i));
  if (i == count) return;
  store_partial<T>(to + i, load_partial(to + i, count - i) + load_partial(from + i, count - i), count - i);
}

// Row `ih` of image n: the sum of the patches that reach it.
template <class T>
void add_patches(const PatchPlan& p, T* row, int64_t n, int64_t ih, const T* patches) {
  const ConvShape& s = p.s;
  clear(row, s.W * s.C);
  const int64_t at = ih - p.h.origin, step = max(1, p.h.step);
  for (int64_t i = max(0, ceil_div(at + 1 - p.h.size, step)); i < p.h.blocks && i * step <= at; ++i) {
    const int64_t y = at - i * step;
    for (int64_t j = 0; j < p.w.blocks; ++j) {
      const int64_t iw = p.w.origin + j * p.w.step, first = max(0, -iw), last = min(p.w.size, s.W - iw);
      const T* const from = patches + ((n * p.h.blocks + i) * p.w.blocks + j) * p.patch_size() + y * p.w.size * s.C;
      if (first < last) add_run(row + (iw + first) * s.C, from + first * s.C, (last - first) * s.C);
    }
  }
}

template <class T>
void patch_run(const PatchPlan& p, T* dx, const T* dy, const T* w, const T* bias, const Units& u) {
  const ConvShape& s = p.s;
  const Epilogue<T> epilogue{
      .bias = bias, .residual = nullptr, .activation = p.activation, .alpha = static_cast<T>(p.alpha)};
  T* const shared = static_cast<T*>(u.shared);
  for (int64_t unit = u.first; unit < u.last; ++unit) {
    if (u.phase == 1) {
      T* const row = dx + unit * s.W * s.C;
      add_patches(p, row, unit / s.H, unit % s.H, shared);
      epilogue.finish(row, s.C, 0, s.W, 0, s.C);
      continue;
    }
    Patches<T> patches(p, dy, w, unit, static_cast<T*>(u.local));
    patches.run();
    const int64_t first = unit * kTileColumns<T>;
    T* const out = (p.whole() ? dx : shared) + first * p.patch_size();
    patches.put(out);
    if (p.whole()) epilogue.finish(out, s.C, 0, min(kTileColumns<T>, s.N - first) * s.H * s.W, 0, s.C);
  }
}

// Whether channels are few, also beside the filters, whose copy in the order of patches has to pay.
template <class T>
bool is_patched(const ConvShape& s) {
  return !kOneWay<T> && s.G == 1 && s.C <= kPatchChannels && s.O > max(s.C, 3) && s.positions() > 0;
}

}  // namespace gemmule::GEMMULE_ISA
