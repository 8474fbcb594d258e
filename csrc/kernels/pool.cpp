// Pooling of images: the largest or the mean element of each window, and the way back.
//
//   y[n, oh, ow, c] = max or mean over kh, kw of x[n, oh·SH + kh − PT, ow·SW + kw − PL, c]
//
// x (N, H, W, C), y (N, OH, OW, C). What lies outside x is left out of both. Vectors hold neighbouring channels. Where
// there are few of those, a vector holds several pixels: with a stride of one they are neighbours in memory, with
// other strides the lanes change places on their way (`every_other_pixel`, `Spread`). What the next row needs is asked
// for ahead of time: rows are too far apart for the processor to guess.
//
// Going back, each element of dx gathers from the windows it lies in, so it is written once, whoever does the work.
#include "families.h"
#include "pool_shape.h"
#include "simd_lanes.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// ---- What happens in a window ---------------------------------------------------------------------------------------

template <class T>
struct Largest {
  Vec<T> best;

  GEMMULE_INLINE void start(int64_t) { best = splat(-static_cast<T>(__builtin_inf())); }
  GEMMULE_INLINE void take(Vec<T> v, int64_t) { best = v != v ? v : larger<T>(v, best); }
  template <class Index>
  GEMMULE_INLINE void finish(T* y, Index*, int64_t n, T) const {
    store_partial<T>(y, best, n);
  }
};

// With its place in the window: the first of equals, or the first NaN.
template <class T>
struct LargestPlace {
  Vec<T> best;
  Mask<T> place;

  GEMMULE_INLINE void start(int64_t first) {
    best = splat(-static_cast<T>(__builtin_inf()));
    place = Mask<T>{} + static_cast<typename IntOf<T>::type>(first);
  }
  GEMMULE_INLINE void take(Vec<T> v, int64_t number) {
    const Mask<T> better = ~(v <= best) & (best == best);
    best = v != v ? v : larger<T>(v, best);  // does not wait for the comparisons
    place = better ? Mask<T>{} + static_cast<typename IntOf<T>::type>(number) : place;
  }
  template <class Index>
  GEMMULE_INLINE void finish(T* y, Index* index, int64_t n, T) const {
    store_partial<T>(y, best, n);
    store_indices<T>(index, place, n);
  }
};

template <class T>
struct Mean {
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
  int64_t ahead_rows, ahead_pixels;  // what the next windows below are the first to look at is asked for ahead of time
  int64_t y_pitch;
};

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

// V vectors of windows that lie V·kLanes elements beside each other; the last one has n lanes. kWidth is the width of
// the windows when it is known, else 0.
template <int V, int kWidth, class Op, class T, class Index, class Load>
GEMMULE_INLINE void windows(T* y, Index* index, const T* x, const Taps taps, int64_t n, const Load& load) {
  for (int64_t r = 0; r < taps.ahead_rows; ++r)
    for (int64_t p = 0; p < taps.ahead_pixels; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        __builtin_prefetch(x + (taps.KH + r) * taps.pitch + p * taps.step + v * kLanes<T>, 0, 2);
  if (taps.ahead_rows)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) __builtin_prefetch(y + taps.y_pitch + v * kLanes<T>, 1, 2);
  Op op[V];
#pragma GCC unroll 4  // here and below, or GCC leaves the accumulators in memory
  for (int v = 0; v < V; ++v) op[v].start(taps.kh0 * taps.KW + taps.kw0);
  const int64_t kw0 = kWidth ? 0 : taps.kw0, kw1 = kWidth ? kWidth : taps.kw1;
  for (int64_t kh = taps.kh0; kh < taps.kh1; ++kh) {
    const T* const row = x + kh * taps.pitch;
#pragma GCC unroll 3
    for (int64_t kw = kw0; kw < kw1; ++kw)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) op[v].take(load(row + kw * taps.step + v * kLanes<T>), kh * taps.KW + kw);
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v)
    op[v].finish(y + v * kLanes<T>, index + v * kLanes<T>, v + 1 < V ? kLanes<T> : n, static_cast<T>(taps.share));
}

// n outputs that see neighbouring elements: the channels of a pixel, or of all pixels at a stride of one.
template <int kWidth, class Op, class T, class Index>
GEMMULE_INLINE void neighbours(T* y, Index* index, const T* x, const Taps taps, int64_t n) {
  const auto whole = [](const T* p) __attribute__((always_inline)) { return load(p); };
  int64_t i = 0;
  for (; i + 4 * kLanes<T> <= n; i += 4 * kLanes<T>)
    windows<4, kWidth, Op>(y + i, index + i, x + i, taps, kLanes<T>, whole);
  for (; i + kLanes<T> <= n; i += kLanes<T>) windows<1, kWidth, Op>(y + i, index + i, x + i, taps, kLanes<T>, whole);
  if (const int64_t left = n - i; left > 0)
    windows<1, kWidth, Op>(y + i, index + i, x + i, taps, left,
                           [left](const T* p) __attribute__((always_inline)) { return load_partial(p, left); });
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
    if (SW == 1) return neighbours<kWidth, Op>(y, index, x, taps, count * C);
    if (!kPermutes<T> || SW != 2 || 2 * C > kLanes<T>) {
      for (int64_t i = 0; i < count; ++i) neighbours<kWidth, Op>(y + i * C, index + i * C, x + i * SW * C, taps, C);
      return;
    }
    const int64_t many = kLanes<T> / C;
    for (int64_t i = 0; i < count; i += many) {
      const int64_t pixels = min(many, count - i), n = (2 * pixels - 1) * C;
      windows<1, kWidth, Op>(
          y + i * C, index + i * C, x + i * 2 * C, taps, pixels * C, [=](const T* p) __attribute__((always_inline)) {
            return permute<T>(load_partial(p, n), load_partial(p + kLanes<T>, max(n - kLanes<T>, 0)), lanes);
          });
    }
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
    const auto kernel = s.KW == 2 ? inside<2> : s.KW == 3 ? inside<3> : inside<0>;
    if (first < last)
      kernel(y + first * s.C, index + first * s.C, x + first * s.SW * s.C, taps, last - first, s.SW, lanes);
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
                  .ahead_rows = s.far() ? s.SH : 0,
                  .ahead_pixels = s.SW,
                  .y_pitch = s.OW * s.C};
  for_each_row(u, blocks, s.OH, [&](int64_t n, int64_t oh, int64_t block) {
    const int64_t at = (n * s.OH + oh) * s.OW * s.C, ow = block * s.columns;
    const Forward<T, Op, Index> forward{s, x + n * s.H * s.W * s.C, y + at, index + at, lanes, whole};
    forward.row(oh, ow, min(s.OW, ow + s.columns), taps);
  });
}

// ---- Backward -------------------------------------------------------------------------------------------------------

// dy where a window's largest element is this one.
template <class T, class Index>
struct FromLargest {
  const T* dy;         // dy[n]
  const Index* index;  // index[n]

  GEMMULE_INLINE Mask<T> place(int64_t at, int64_t n) const { return load_indices<T>(index + at, n); }
  GEMMULE_INLINE Vec<T> gradient(int64_t at, int64_t n, T) const { return load_partial(dy + at, n); }
  static GEMMULE_INLINE Vec<T> chosen(Vec<T> dy, Mask<T> place, Mask<T> number) {
    return select<T>(place == number, dy, zero<T>());
  }
  static GEMMULE_INLINE Mask<T> moved(Mask<T> place, Mask<T> lanes) {
    return reinterpret_cast<Mask<T>>(permute<T>(reinterpret_cast<Vec<T>>(place), lanes));
  }
  GEMMULE_INLINE void ask(int64_t at) const {
    __builtin_prefetch(dy + at, 0, 2);
    __builtin_prefetch(index + at, 0, 2);
  }
  static T share(int64_t) { return 0; }
};

// An equal share of dy for each element of a window.
template <class T>
struct FromMean {
  struct Nothing {};
  const T* dy;

  GEMMULE_INLINE Nothing place(int64_t, int64_t) const { return {}; }
  GEMMULE_INLINE Vec<T> gradient(int64_t at, int64_t n, T share) const { return load_partial(dy + at, n) * share; }
  static GEMMULE_INLINE Vec<T> chosen(Vec<T> dy, Nothing, Mask<T>) { return dy; }
  static GEMMULE_INLINE Nothing moved(Nothing, Mask<T>) { return {}; }
  GEMMULE_INLINE void ask(int64_t at) const { __builtin_prefetch(dy + at, 0, 2); }
  static T share(int64_t elements) { return T(1) / static_cast<T>(elements); }
};

// Several pixels in a vector: which lane of neighbouring windows each of them looks at, and as which column.
template <class T>
struct Spread {
  int64_t windows;  // in a vector; 0 where a pixel and its neighbours do not fit into one
  Mask<T> lanes, column;

  static Spread of(const PoolShape& s) {
    using Int = typename IntOf<T>::type;
    Spread spread{};
    if (!kPermutes<T> || s.SW * s.C > kLanes<T>) return spread;
    spread.windows = kLanes<T> / (s.SW * s.C);
    int lane = 0;
    for (int64_t window = 0; window < spread.windows; ++window)
      for (int64_t column = 0; column < s.SW; ++column)
        for (int64_t c = 0; c < s.C; ++c, ++lane) {
          spread.lanes[lane] = static_cast<Int>(window * s.C + c);
          spread.column[lane] = static_cast<Int>(column);
        }
    return spread;
  }
};

template <class T, class From>
struct Backward {
  using Int = typename IntOf<T>::type;
  const PoolShape& s;
  const Spread<T>& spread;
  const From& from;
  T* dx;  // dx[n, h]
  int64_t h;
  Reach rows;    // windows with this row of the image in them
  Reach within;  // windows from which, and from those before them, several pixels gather alike
  T whole;       // the share of an element of a window that lies inside the image
  bool level;    // whether all rows of the windows of `rows` lie inside the image
  bool far;      // whether to ask for what the next row needs ahead of time

  static GEMMULE_INLINE Mask<T> numbers(int64_t number) { return Mask<T>{} + static_cast<Int>(number); }

  int64_t tap_row(int64_t oh) const { return (h + s.PT - oh * s.SH) * s.KW; }
  int64_t height(int64_t oh) const {
    const int64_t top = oh * s.SH - s.PT;
    return min(s.KH, s.H - top) - max(0, -top);
  }
  int64_t width(int64_t ow) const {
    const int64_t left = ow * s.SW - s.PL;
    return min(s.KW, s.W - left) - max(0, -left);
  }
  T share(int64_t oh) const {  // in windows whose columns all lie inside
    return level ? whole : From::share(height(oh) * s.KW);
  }

  // Pixels at the edges, one by one.
  void pixels(int64_t w0, int64_t w1) const {
    for (int64_t w = w0; w < w1; ++w) {
      const Reach columns = Reach::around(w + s.PL, s.KW, s.SW, s.OW);
      for (int64_t i = 0; i < s.C; i += kLanes<T>) {
        const int64_t left = min(s.C - i, kLanes<T>);
        Vec<T> sum{};
        for (int64_t oh = rows.first; oh < rows.last; ++oh)
          for (int64_t ow = columns.first; ow < columns.last; ++ow) {
            const int64_t source = (oh * s.OW + ow) * s.C + i;
            const Vec<T> dy = from.gradient(source, left, From::share(height(oh) * width(ow)));
            sum += from.chosen(dy, from.place(source, left), numbers(tap_row(oh) + w + s.PL - ow * s.SW));
          }
        store_partial<T>(dx + w * s.C + i, sum, left);
      }
    }
  }

  // n elements of the pixels that window `ow` begins with and the SW - 1 behind it: kStep pixels from column `first` of
  // the window on. kStep and kWidth are those of the windows, or 1 and 0 when they are not known.
  template <int kStep, int kWidth>
  void run_of(T* at, int64_t ow, int64_t first, int64_t n) const {
    int64_t i = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) gathered<kStep, kWidth>(at + i, ow, first, i, kLanes<T>);
    if (i < n) gathered<kStep, kWidth>(at + i, ow, first, i, n - i);
  }

  template <int kStep, int kWidth>
  GEMMULE_INLINE void gathered(T* at, int64_t ow, int64_t first, int64_t i, int64_t n) const {
    const int64_t width = kWidth ? kWidth : s.KW, step = kWidth ? kStep : s.SW;
    if (far) {
      from.ask((rows.last * s.OW + ow) * s.C + i);
#pragma GCC unroll 3
      for (int64_t k = 0; k < kStep; ++k) __builtin_prefetch(at + (s.W + k) * s.C, 1, 2);
    }
    Vec<T> sum[kStep] = {};
    for (int64_t oh = rows.first; oh < rows.last; ++oh) {
      const T part = share(oh);
      const int64_t number = tap_row(oh);
      int64_t source = (oh * s.OW + ow) * s.C + i;
#pragma GCC unroll 3
      for (int64_t tap = kWidth ? 0 : first; tap < width; tap += step, source -= s.C) {
        const auto place = from.place(source, n);
        const Vec<T> dy = from.gradient(source, n, part);
#pragma GCC unroll 3
        for (int64_t k = 0; k < kStep; ++k)
          if (tap + k < width) sum[k] += from.chosen(dy, place, numbers(number + tap + k));
      }
    }
#pragma GCC unroll 3
    for (int64_t k = 0; k < kStep; ++k) store_partial<T>(at + k * s.C, sum[k], n);
  }

  // Windows [ow0, ow1) and the pixels they begin with, in kRows rows that look at the same windows.
  template <int kRows>
  void spread_windows(int64_t ow0, int64_t ow1) const {
    const int64_t many = spread.windows, full = ow0 + (ow1 - ow0) / many * many;
    for (int64_t ow = ow0; ow < full; ow += many) spread_group<kRows>(ow, many * s.C);  // masks are made once
    if (full < ow1) spread_group<kRows>(full, (ow1 - full) * s.C);
  }

  // n elements of a row of windows from window `ow` on
  template <int kRows>
  GEMMULE_INLINE void spread_group(int64_t ow, int64_t n) const {
    Vec<T> sum[kRows] = {};
    for (int64_t oh = rows.first; oh < rows.last; ++oh) {
      const T part = share(oh);
      const Mask<T> number = numbers(tap_row(oh));
      int64_t source = (oh * s.OW + ow) * s.C;
      for (int64_t tap = 0; tap < s.KW; tap += s.SW, source -= s.C) {
        const Mask<T> taps = spread.column + static_cast<Int>(tap);
        const auto place = from.moved(from.place(source, n), spread.lanes);
        const Vec<T> moved = permute<T>(from.gradient(source, n, part), spread.lanes);
        const Vec<T> dy = select<T>(taps < static_cast<Int>(s.KW), moved, zero<T>());
#pragma GCC unroll 2
        for (int64_t r = 0; r < kRows; ++r)
          sum[r] += from.chosen(dy, place, number + taps + static_cast<Int>(r * s.KW));
      }
    }
#pragma GCC unroll 2
    for (int64_t r = 0; r < kRows; ++r) store_partial<T>(dx + (r * s.W + ow * s.SW - s.PL) * s.C, sum[r], n * s.SW);
  }

  // Pixels that the windows [ow0, ow1) begin with, and the SW - 1 behind each of them. These windows and those that
  // overlap them from the left lie inside the image.
  void inside(int64_t ow0, int64_t ow1) const {
    T* const at = dx + (ow0 * s.SW - s.PL) * s.C;
    if (s.SW == 1 && s.KW == 3) return run_of<1, 3>(at, ow0, 0, (ow1 - ow0) * s.C);
    if (s.SW == 1) return run_of<1, 0>(at, ow0, 0, (ow1 - ow0) * s.C);
    if (spread.windows) return spread_windows<1>(ow0, ow1);
    if (s.SW == 2 && s.KW == 2) return windows<2, 2>(at, ow0, ow1);
    if (s.SW == 2 && s.KW == 3) return windows<2, 3>(at, ow0, ow1);
    if (s.SW == 3 && s.KW == 3) return windows<3, 3>(at, ow0, ow1);
    for (int64_t ow = ow0; ow < ow1; ++ow)
      for (int64_t tap = 0; tap < s.SW; ++tap) run_of<1, 0>(dx + (ow * s.SW + tap - s.PL) * s.C, ow, tap, s.C);
  }

  template <int kStep, int kWidth>
  void windows(T* at, int64_t ow0, int64_t ow1) const {
    for (int64_t ow = ow0; ow < ow1; ++ow, at += kStep * s.C) run_of<kStep, kWidth>(at, ow, 0, s.C);
  }

  // Two rows of few channels at once, which share what they load: 2 × 2 windows side by side.
  static bool pairs(const PoolShape& s, const Spread<T>& spread) {
    return spread.windows && s.KH == 2 && s.SH == 2 && s.PT == 0 && s.PL == 0 && s.KW <= s.SW && s.W <= s.columns;
  }

  void two_rows() const {
    const int64_t end = min(within.last, s.OW);
    spread_windows<2>(0, end);
    Backward second = *this;
    second.dx += s.W * s.C;
    second.h += 1;
    pixels(end * s.SW, s.W);
    second.pixels(end * s.SW, s.W);
  }

  void row(int64_t w0, int64_t w1) const {
    const int64_t begin = w0 == 0 ? within.first : max(within.first, ceil_div(w0 + s.PL, s.SW));
    const int64_t end = w1 == s.W ? within.last : min(within.last, floor_div(w1 + s.PL, s.SW));
    if (begin >= end) return pixels(w0, w1);
    pixels(w0, begin * s.SW - s.PL);
    inside(begin, end);
    pixels(end * s.SW - s.PL, w1);
  }
};

template <class T, class From, class OfImage>
void pool_backward(T* dx, const PoolShape& s, const Units& u, const OfImage& of_image) {
  const T whole = From::share(s.KH * s.KW);
  const bool far = s.far();
  const Spread<T> spread = Spread<T>::of(s);
  // Windows that begin with SW pixels inside and, like those that overlap them from the left, look at no padding.
  const Reach inside = Reach::inside(s.PL, s.KW, s.SW, s.W);
  const Reach within{inside.first + ceil_div(s.KW, s.SW) - 1, min(min(inside.last, s.OW), floor_div(s.W + s.PL, s.SW))};
  const bool pairs = Backward<T, From>::pairs(s, spread);
  for_each_row(u, s.x_blocks(), s.x_rows(), [&](int64_t n, int64_t unit, int64_t block) {
    const From from = of_image(n * s.OH * s.OW * s.C);
    for (int64_t h = unit * kRowsOfUnit; h < min(s.H, (unit + 1) * kRowsOfUnit); ++h) {
      const Reach rows = Reach::around(h + s.PT, s.KH, s.SH, s.OH);
      const bool level = rows.first * s.SH >= s.PT && (rows.last - 1) * s.SH - s.PT + s.KH <= s.H;
      T* const row = dx + (n * s.H + h) * s.W * s.C;
      const Backward<T, From> backward{s, spread, from, row, h, rows, within, whole, level, far};
      if (pairs && level && rows.first < rows.last)
        backward.two_rows(), ++h;
      else
        backward.row(block * s.columns, min(s.W, (block + 1) * s.columns));
    }
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
struct MaxPoolBackward : OverInputs {
  static PoolShape prepare(const Call& call) { return PoolShape::of(call, 0, 1); }
  static double cost(const PoolShape& s) { return s.cost((s.x_size() + s.y_size()) * sizeof(T)); }
  static void run(T* dx, const T* dy, const void* index, const PoolShape& s, const Units& u) {
    if (s.wide)
      places<int32_t>(dx, dy, index, s, u);
    else
      places<uint8_t>(dx, dy, index, s, u);
  }

  template <class Index>
  static void places(T* dx, const T* dy, const void* index, const PoolShape& s, const Units& u) {
    using From = FromLargest<T, Index>;
    pool_backward<T, From>(dx, s, u, [=](int64_t at) { return From{dy + at, static_cast<const Index*>(index) + at}; });
  }
};

// dx (N, H, W, C) | dy (N, OH, OW, C)
template <class T>
struct AveragePoolBackward : MaxPoolBackward<T> {
  static void run(T* dx, const T* dy, const PoolShape& s, const Units& u) {
    pool_backward<T, FromMean<T>>(dx, s, u, [=](int64_t at) { return FromMean<T>{dy + at}; });
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
