// Pooling of images: the largest or the mean element of each window, and the way back.
//
//   y[n, oh, ow, c] = max or mean over kh, kw of x[n, oh·SH + kh − PT, ow·SW + kw − PL, c]
//
// x (N, H, W, C), y (N, OH, OW, C). What lies outside x is left out of both. Vectors hold neighbouring channels. Where
// there are few of those, a vector holds several pixels: with a stride of one they are neighbours in memory, with
// other strides the lanes change places on their way (`every_other_pixel`, `Spread`, `SideBySide`). What lies some way
// further on is asked for ahead of time: the processor does not guess beyond the end of a page, and of several rows at
// once it loses track.
#include "families.h"
#include "pool_backward.h"
#include "pool_side_by_side.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// ---- What happens in a window ---------------------------------------------------------------------------------------

template <class T>
struct Largest {
  static constexpr bool kPlaces = false;
  Vec<T> best;

  GEMMULE_INLINE void start(int64_t) { best = splat(-static_cast<T>(__builtin_inf())); }
  GEMMULE_INLINE void take(Vec<T> v, int64_t) { best = v != v ? v : larger<T>(v, best); }
  template <class Index>
  GEMMULE_INLINE void finish(T* y, Index*, int64_t n, T) const {
    store_partial<T>(y, best, n);
  }
};

// With its place in the window: the first of equals, or the first NaN. Vectors pass over NaN and remember that there
// was one: a sum of all elements says so for one addition each. Such windows are done again, number by number.
template <class T>
struct LargestPlace {
  static constexpr bool kPlaces = true;
  Vec<T> best, sum;
  Mask<T> place;

  GEMMULE_INLINE void start(int64_t first) {
    best = splat(-static_cast<T>(__builtin_inf()));
    sum = zero<T>();
    place = Mask<T>{} + static_cast<typename IntOf<T>::type>(first);
  }
  GEMMULE_INLINE void take(Vec<T> v, int64_t number) {
    place = v > best ? Mask<T>{} + static_cast<typename IntOf<T>::type>(number) : place;
    best = larger<T>(v, best);
    sum += v;
  }
  template <class Index>
  GEMMULE_INLINE void finish(T* y, Index* index, int64_t n, T) const {
    store_partial<T>(y, best, n);
    store_indices<T>(index, place, n);
  }
};

template <class T>
struct Mean {
  static constexpr bool kPlaces = false;
  Vec<T> sum;

  GEMMULE_INLINE void start(int64_t) { sum = zero<T>(); }
  GEMMULE_INLINE void take(Vec<T> v, int64_t) { sum += v; }
  template <class Index>
  GEMMULE_INLINE void finish(T* y, Index*, int64_t n, T share) const {
    store_partial<T>(y, sum * share, n);
  }
};

// ---- Forward --------------------------------------------------------------------------------------------------------

// What the windows of a run look at: their part inside the image, and how to walk through it.
struct Taps {
  int64_t kh0, kh1, kw0, kw1;
  int64_t pitch, step;  // from one row of x to the next, from one pixel to the next
  int64_t KH, KW;
  double share;                      // of an element in the mean
  int64_t ahead_rows, ahead_pixels;  // what windows further on are the first to look at is asked for ahead of time
};

constexpr int64_t kAheadRead = 768, kAheadWrite = 384;  // elements

// The lanes of kLanes / C pixels at a distance of two, among those of two vectors.
template <class T>
Mask<T> every_other_pixel(int64_t C) {
  using Int = typename IntOf<T>::type;
  Mask<T> lanes{};
  Int at = 0;
  for (Int i = 0, channel = 0; i < kLanes<T> / C * C; ++i, ++at) {
    lanes[i] = at;
    if (++channel == C) channel = 0, at += static_cast<Int>(C);
  }
  return lanes;
}

// n outputs one by one: `apart` is the distance of their pixels in x, or 0 where their elements are neighbours.
template <class T, class Index>
__attribute__((noinline)) void largest_places(T* y, Index* index, const T* x, const Taps& taps, int64_t n,
                                              int64_t apart) {
  for (int64_t i = 0; i < n; ++i) {
    const T* const window = x + (apart ? i / taps.step * apart + i % taps.step : i);
    T best = -static_cast<T>(__builtin_inf());
    int64_t place = taps.kh0 * taps.KW + taps.kw0;
    for (int64_t kh = taps.kh0; kh < taps.kh1; ++kh)
      for (int64_t kw = taps.kw0; kw < taps.kw1; ++kw) {
        const T v = window[kh * taps.pitch + kw * taps.step];
        if (!(v <= best) && best == best) best = v, place = kh * taps.KW + kw;
      }
    y[i] = best;
    index[i] = static_cast<Index>(place);
  }
}

// V vectors of outputs beside each other, the last one of n lanes; the window of the first lane of vector v begins at
// x[v]. kWidth is the width of the windows when it is known, else 0. For `apart` see largest_places.
template <int V, int kWidth, class Op, class T, class Index, class Load>
GEMMULE_INLINE void windows(T* y, Index* index, const T* const (&x)[V], const Taps taps, int64_t n, const Load& load,
                            int64_t apart = 0) {
  for (int64_t r = 0; r < taps.ahead_rows; ++r)
    for (int64_t p = 0; p < taps.ahead_pixels; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        __builtin_prefetch(x[v] + (taps.KH - 1 - r) * taps.pitch + p * taps.step + kAheadRead, 0, 3);
  if (taps.ahead_rows) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) __builtin_prefetch(y + v * kLanes<T> + kAheadWrite, 1, 3);
    if constexpr (Op::kPlaces) __builtin_prefetch(index + kAheadWrite, 1, 3);
  }
  Op op[V];
#pragma GCC unroll 4  // here and below, or GCC leaves the accumulators in memory
  for (int v = 0; v < V; ++v) op[v].start(taps.kh0 * taps.KW + taps.kw0);
  const int64_t kw0 = kWidth ? 0 : taps.kw0, kw1 = kWidth ? kWidth : taps.kw1;
  for (int64_t kh = taps.kh0; kh < taps.kh1; ++kh) {
#pragma GCC unroll 3
    for (int64_t kw = kw0; kw < kw1; ++kw)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) op[v].take(load(x[v] + kh * taps.pitch + kw * taps.step), kh * taps.KW + kw);
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v)
    op[v].finish(y + v * kLanes<T>, index + v * kLanes<T>, v + 1 < V ? kLanes<T> : n, static_cast<T>(taps.share));
  if constexpr (Op::kPlaces) {
    Vec<T> sum = op[0].sum;
#pragma GCC unroll 4
    for (int v = 1; v < V; ++v) sum += op[v].sum;
    if (__builtin_expect(any<T>(sum != sum), 0))
      for (int v = 0; v < V; ++v)
        largest_places(y + v * kLanes<T>, index + v * kLanes<T>, x[v], taps, v + 1 < V ? kLanes<T> : n, apart);
  }
}

// n outputs that see neighbouring elements: the channels of a pixel, or of all pixels at a stride of one.
template <int kWidth, class Op, class T, class Index>
GEMMULE_INLINE void neighbours(T* y, Index* index, const T* x, const Taps taps, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes<T>) {
    const int64_t lanes = min(n - i, kLanes<T>);
    windows<1, kWidth, Op>(y + i, index + i, {x + i}, taps, lanes,
                           [lanes](const T* p) __attribute__((always_inline)) { return load_partial(p, lanes); });
  }
}

// n outputs whose pixels fill whole vectors; the pixels their windows begin with lie SW apart.
template <int kWidth, class Op, class T, class Index>
GEMMULE_INLINE void whole_vectors(T* y, Index* index, const T* x, const Taps taps, int64_t n, int64_t SW) {
  const auto whole = [](const T* p) __attribute__((always_inline)) { return load(p); };
  int64_t channel = 0;
  const auto next = [&]() __attribute__((always_inline)) {
    const T* const here = x;
    x += kLanes<T>;
    if ((channel += kLanes<T>) == taps.step) channel = 0, x += (SW - 1) * taps.step;
    return here;
  };
  int64_t i = 0;
  for (; i + 4 * kLanes<T> <= n; i += 4 * kLanes<T>)
    windows<4, kWidth, Op>(y + i, index + i, {next(), next(), next(), next()}, taps, kLanes<T>, whole);
  for (; i < n; i += kLanes<T>) windows<1, kWidth, Op>(y + i, index + i, {next()}, taps, kLanes<T>, whole);
}

template <class T, class Op, class Index>
struct Forward {
  const PoolShape s;
  const T* image;  // x[n]
  T* y;            // y[n, oh]
  Index* index;
  Mask<T> lanes;  // every other pixel
  Reach whole;    // windows that lie inside

  // `count` windows, all columns of which lie inside the image; x is where the first one begins.
  template <int kWidth>
  __attribute__((noinline)) static void inside(T* y, Index* index, const T* x, const Taps& given, int64_t count,
                                               int64_t SW, Mask<T> lanes) {
    const Taps taps = given;  // a copy, because what is written could be `given` for all the compiler knows
    const int64_t C = taps.step;
    if constexpr (kSwift<T>)
      if (C % kLanes<T> == 0) return whole_vectors<kWidth, Op>(y, index, x, taps, count * C, SW);
    if (SW != 2 || 2 * C > kLanes<T> || !kSwift<T>) {
      const int64_t n = SW == 1 ? count * C : C;
      for (int64_t i = 0; i < count * C; i += n) neighbours<kWidth, Op>(y + i, index + i, x + i * SW, taps, n);
      return;
    }
    const int64_t many = kLanes<T> / C;
    for (int64_t i = 0; i < count; i += many) {
      const int64_t pixels = min(many, count - i), n = (2 * pixels - 1) * C;
      windows<1, kWidth, Op>(
          y + i * C, index + i * C, {x + i * 2 * C}, taps, pixels * C,
          [=](const T* p) __attribute__((always_inline)) {
            return permute<T>(load_partial(p, n), load_partial(p + kLanes<T>, max(n - kLanes<T>, 0)), lanes);
          },
          2 * C);
    }
  }

  // The usual widths are known to the compiler, unless places need more than a byte.
  auto kernel() const {
    if constexpr (kSwift<T> && sizeof(Index) == 1)
      if (s.KW == 2 || s.KW == 3) return s.KW == 2 ? inside<2> : inside<3>;
    return inside<0>;
  }

  // Windows [ow0, ow1) of row oh; `taps` are those of windows inside the image.
  void row(int64_t oh, int64_t ow0, int64_t ow1, Taps taps) const {
    const int64_t top = oh * s.SH - s.PT;
    if (top < 0 || top + s.KH > s.H) {
      taps.kh0 = max(0, -top);
      taps.kh1 = min(s.KH, s.H - top);
      taps.share = 1.0 / static_cast<double>((taps.kh1 - taps.kh0) * s.KW);
    }
    const T* const x = image + (top * s.W - s.PL) * s.C;  // where the first window begins, perhaps outside
    const int64_t first = min(max(whole.first, ow0), ow1), last = min(max(whole.last, first), ow1);
    for (int64_t ow = ow0; ow < first; ++ow) clipped(ow, x, taps);
    if (first < last)
      kernel()(y + first * s.C, index + first * s.C, x + first * s.SW * s.C, taps, last - first, s.SW, lanes);
    for (int64_t ow = last; ow < ow1; ++ow) clipped(ow, x, taps);
  }

  void clipped(int64_t ow, const T* x, Taps taps) const {
    const int64_t left = ow * s.SW - s.PL;
    taps.kw0 = max(0, -left);
    taps.kw1 = min(s.KW, s.W - left);
    taps.share = 1.0 / static_cast<double>((taps.kh1 - taps.kh0) * (taps.kw1 - taps.kw0));
    neighbours<0, Op>(y + ow * s.C, index + ow * s.C, x + ow * s.SW * s.C, taps, s.C);
  }
};

template <class T, class Op, class Index>
void pool_forward(T* y, Index* index, const T* x, const PoolShape& s, const Units& u) {
  const int64_t blocks = s.y_blocks();
  const Mask<T> lanes = 2 * s.C <= kLanes<T> ? every_other_pixel<T>(s.C) : Mask<T>{};
  const Reach whole = Reach::inside(s.PL, s.KW, s.SW, s.W);
  const Taps taps{.kh0 = 0,
                  .kh1 = s.KH,
                  .kw0 = 0,
                  .kw1 = s.KW,
                  .pitch = s.W * s.C,
                  .step = s.C,
                  .KH = s.KH,
                  .KW = s.KW,
                  .share = 1.0 / static_cast<double>(s.KH * s.KW),
                  .ahead_rows = s.far() ? min(s.SH, s.KH) : 0,
                  .ahead_pixels = s.SW};
  for_each_row(u, blocks, s.OH, [&](int64_t n, int64_t oh, int64_t block) {
    const int64_t at = (n * s.OH + oh) * s.OW * s.C, ow = block * s.columns;
    const Forward<T, Op, Index> forward{s, x + n * s.H * s.W * s.C, y + at, index + at, lanes, whole};
    forward.row(oh, ow, min(s.OW, ow + s.columns), taps);
  });
}

// ---- Kernels --------------------------------------------------------------------------------------------------------

struct OverOutputs {
  using Args = PoolShape;
  static int64_t units(const Args& s) { return s.N * s.OH * s.y_blocks(); }
};

struct OverInputs {
  using Args = PoolShape;
  static int64_t units(const Args& s) { return s.N * s.x_rows() * s.x_blocks(); }
};

// y (N, OH, OW, C), index (N, OH, OW, C) uint8 or int32 | x (N, H, W, C)
template <class T>
struct MaxPoolForward : OverOutputs {
  static PoolShape prepare(const Call& call) { return PoolShape::of(call, 2, 0); }
  static double cost(const PoolShape& s) { return s.cost((s.x_size() + s.y_size()) * sizeof(T)); }
  static void run(T* y, void* index, const T* x, const PoolShape& s, const Units& u) {
    if (s.wide)
      pool_forward<T, LargestPlace<T>>(y, static_cast<int32_t*>(index), x, s, u);
    else
      pool_forward<T, LargestPlace<T>>(y, static_cast<uint8_t*>(index), x, s, u);
  }
};

// y (N, OH, OW, C) | x (N, H, W, C)
template <class T>
struct MaxPoolInference : OverOutputs {
  static PoolShape prepare(const Call& call) { return PoolShape::of(call, 1, 0); }
  static double cost(const PoolShape& s) { return s.cost((s.x_size() + s.y_size()) * sizeof(T)); }
  static void run(T* y, const T* x, const PoolShape& s, const Units& u) {
    pool_forward<T, Largest<T>, uint8_t>(y, nullptr, x, s, u);
  }
};

// y (N, OH, OW, C) | x (N, H, W, C); only what lies inside the image counts
template <class T>
struct AveragePoolForward : MaxPoolInference<T> {
  static void run(T* y, const T* x, const PoolShape& s, const Units& u) {
    pool_forward<T, Mean<T>, uint8_t>(y, nullptr, x, s, u);
  }
};

// dx (N, H, W, C) | dy (N, OH, OW, C), index (N, OH, OW, C)
template <class T>
struct MaxPoolBackward {
  using Args = PoolShape;
  static PoolShape prepare(const Call& call) { return PoolShape::of(call, 0, 1); }
  // Gathering is for vectors filled with channels, and windows whose size the compiler knows.
  static bool scatters(const PoolShape& s) {
    const bool usual = s.KW == 3 || (s.KW == 2 && s.SW == 2), wasteful = s.C < 2 * kLanes<T> && s.C % kLanes<T> != 0;
    return !kSwift<T> || s.wide || !usual || s.SW > s.KW || wasteful;
  }
  static int64_t units(const PoolShape& s) {
    if (SideBySide<T>::suits(s)) return SideBySide<T>::units(s);
    return scatters(s) ? s.N * s.scatter_blocks() : OverInputs::units(s);
  }
  static double cost(const PoolShape& s) { return s.cost((s.x_size() + s.y_size()) * sizeof(T)); }
  static void run(T* dx, const T* dy, const void* index, const PoolShape& s, const Units& u) {
    if (s.wide) return scatter_to_places(dx, dy, static_cast<const int32_t*>(index), s, u);
    const uint8_t* const places = static_cast<const uint8_t*>(index);
    if constexpr (kSwift<T>)
      if (SideBySide<T>::suits(s)) return side_by_side(dx, FromLargest<T>{dy, places}, s, u);
    if constexpr (kSwift<T>)
      if (!scatters(s))
        return pool_backward<T>(dx, s, u, [=](int64_t at) { return FromLargest<T>{dy + at, places + at}; });
    scatter_to_places(dx, dy, places, s, u);
  }
};

// dx (N, H, W, C) | dy (N, OH, OW, C)
template <class T>
struct AveragePoolBackward {
  using Args = PoolShape;
  static int64_t units(const PoolShape& s) {
    return SideBySide<T>::suits(s) ? SideBySide<T>::units(s) : OverInputs::units(s);
  }
  static PoolShape prepare(const Call& call) { return PoolShape::of(call, 0, 1); }
  static double cost(const PoolShape& s) { return s.cost((s.x_size() + s.y_size()) * sizeof(T)); }
  static void run(T* dx, const T* dy, const PoolShape& s, const Units& u) {
    if constexpr (kSwift<T>)
      if (SideBySide<T>::suits(s)) return side_by_side(dx, FromMean<T>{dy}, s, u);
    pool_backward<T>(dx, s, u, [=](int64_t at) { return FromMean<T>{dy + at}; });
  }
};

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<MaxPoolForward<T>>("max_pool2d_forward", dtype);
  table.add<MaxPoolInference<T>>("max_pool2d_inference", dtype);
  table.add<MaxPoolBackward<T>>("max_pool2d_backward", dtype);
  table.add<AveragePoolForward<T>>("average_pool2d_forward", dtype);
  table.add<AveragePoolBackward<T>>("average_pool2d_backward", dtype);
}

}  // namespace

void register_pool(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA
