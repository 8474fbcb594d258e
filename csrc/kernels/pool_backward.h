// The way back through pooling: each element of dx gathers from the windows it lies in, so it is written once, whoever
// does the work. Or, after a maximum, each window hands its gradient to the one element that it came from.
#pragma once
#include "pool_shape.h"
#include "simd_lanes.h"
#include "streaming.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

// dy where a window's largest element is this one.
template <class T>
struct FromLargest {
  using Index = uint8_t;
  const T* dy;         // dy[n]
  const Index* index;  // index[n]

  GEMMULE_INLINE Mask<T> place(int64_t at, int64_t n) const { return load_indices<T>(index + at, n); }
  GEMMULE_INLINE Vec<T> gradient(int64_t at, int64_t n, T) const { return load_partial(dy + at, n); }
  static GEMMULE_INLINE Vec<T> chosen(Vec<T> dy, Mask<T> place, Mask<T> number) {
    return select<T>(place == number, dy, zero<T>());
  }
  // The places of lanes that have moved, less the columns that those stand for.
  static GEMMULE_INLINE Mask<T> moved(Mask<T> place, Mask<T> lanes, Mask<T> column) {
    return reinterpret_cast<Mask<T>>(permute<T>(reinterpret_cast<Vec<T>>(place), lanes)) - column;
  }
  GEMMULE_INLINE void ask(int64_t at) const {
    __builtin_prefetch(dy + at, 0, 2);
    __builtin_prefetch(index + at, 0, 2);
  }
  static T share(int64_t) { return 0; }
  static constexpr bool kSpreads = false;  // few channels are scattered
};

// An equal share of dy for each element of a window.
template <class T>
struct FromMean {
  struct Nothing {};
  const T* dy;

  GEMMULE_INLINE Nothing place(int64_t, int64_t) const { return {}; }
  GEMMULE_INLINE Vec<T> gradient(int64_t at, int64_t n, T share) const { return load_partial(dy + at, n) * share; }
  static GEMMULE_INLINE Vec<T> chosen(Vec<T> dy, Nothing, Mask<T>) { return dy; }
  static GEMMULE_INLINE Nothing moved(Nothing, Mask<T>, Mask<T>) { return {}; }
  GEMMULE_INLINE void ask(int64_t at) const { __builtin_prefetch(dy + at, 0, 2); }
  static constexpr bool kSpreads = kSwift<T>;
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
    if (!kSwift<T> || s.SW * s.C > kLanes<T>) return spread;
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
  bool past;     // whether to store past the caches

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
  // the window on, in kRows rows that look at the same windows. kStep and kWidth are those of the windows, or 1 and 0
  // when they are not known.
  template <int kStep, int kWidth, int kRows>
  GEMMULE_INLINE void run_of(T* at, int64_t ow, int64_t first, int64_t n) const {
    int64_t i = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) gathered<kStep, kWidth, kRows>(at + i, ow, first, i, kLanes<T>);
    if (i == n) return;
    i = max(0, n - kLanes<T>);  // rather twice the same than a part of a vector
    gathered<kStep, kWidth, kRows>(at + i, ow, first, i, min(n, kLanes<T>));
  }

  template <int kStep, int kWidth, int kRows>
  GEMMULE_INLINE void gathered(T* at, int64_t ow, int64_t first, int64_t i, int64_t n) const {
    const int64_t width = kWidth ? kWidth : s.KW, step = kWidth ? kStep : s.SW;
    if (far) {
      from.ask((rows.last * s.OW + ow) * s.C + i);
      if (!past)
#pragma GCC unroll 4
        for (int64_t k = 0; k < kStep * kRows; ++k)
          __builtin_prefetch(at + ((kRows + k / kStep) * s.W + k % kStep) * s.C, 1, 2);
    }
    Vec<T> sum[kRows * kStep] = {};
    for (int64_t oh = rows.first; oh < rows.last; ++oh) {
      const T part = share(oh);
      const int64_t number = tap_row(oh);
      int64_t source = (oh * s.OW + ow) * s.C + i;
#pragma GCC unroll 3
      for (int64_t tap = kWidth ? 0 : first; tap < width; tap += step, source -= s.C) {
        const auto place = from.place(source, n);
        const Vec<T> dy = from.gradient(source, n, part);
#pragma GCC unroll 4
        for (int64_t k = 0; k < kRows * kStep; ++k)
          if (tap + k % kStep < width)
            sum[k] += from.chosen(dy, place, numbers(number + k / kStep * width + tap + k % kStep));
      }
    }
#pragma GCC unroll 4
    for (int64_t k = 0; k < kRows * kStep; ++k) store_result(at + (k / kStep * s.W + k % kStep) * s.C, sum[k], n, past);
  }

  // Windows [ow0, ow1) and the pixels they begin with, in kRows rows that look at the same windows.
  template <int kRows>
  __attribute__((noinline)) static void spread_windows(const Backward& given, int64_t ow0, int64_t ow1) {
    const PoolShape s = given.s;
    const Spread<T> spread = given.spread;
    const From from = given.from;
    const Backward b{s,           spread,      from,      given.dx,  given.h, given.rows, given.within,
                     given.whole, given.level, given.far, given.past};
    const int64_t many = spread.windows, full = ow0 + (ow1 - ow0) / many * many;
    for (int64_t ow = ow0; ow < full; ow += many)
      b.template spread_group<kRows>(ow, many * s.C);  // masks are made once
    if (full < ow1) b.template spread_group<kRows>(full, (ow1 - full) * s.C);
  }

  // n elements of a row of windows from window `ow` on
  template <int kRows>
  GEMMULE_INLINE void spread_group(int64_t ow, int64_t n) const {
    Vec<T> sum{};
    for (int64_t oh = rows.first; oh < rows.last; ++oh) {
      const T part = share(oh);
      int64_t source = (oh * s.OW + ow) * s.C;
      for (int64_t tap = 0; tap < s.KW; tap += s.SW, source -= s.C) {
        const Vec<T> moved = permute<T>(from.gradient(source, n, part), spread.lanes);
        sum += select<T>(spread.column < static_cast<Int>(s.KW - tap), moved, zero<T>());
      }
    }
#pragma GCC unroll 2
    for (int64_t r = 0; r < kRows; ++r) store_partial<T>(dx + (r * s.W + ow * s.SW - s.PL) * s.C, sum, n * s.SW);
  }

  // Pixels that the windows [ow0, ow1) begin with, and the SW - 1 behind each of them. These windows and those that
  // overlap them from the left lie inside the image.
  template <int kRows>
  void inside(int64_t ow0, int64_t ow1) const {
    if constexpr (From::kSpreads)
      if (spread.windows) return spread_windows<kRows>(*this, ow0, ow1);
    if constexpr (kRows == 2) {
      windows<2, 2, 2>(*this, ow0, ow1);
    } else {
      if constexpr (kSwift<T>) {
        if (s.SW == 1 && s.KW == 3) return windows<1, 3, 1>(*this, ow0, ow1);
        if (s.SW == 2 && s.KW == 3) return windows<2, 3, 1>(*this, ow0, ow1);
        if (s.SW == 3 && s.KW == 3) return windows<3, 3, 1>(*this, ow0, ow1);
      }
      windows<1, 0, 1>(*this, ow0, ow1);
    }
  }

  template <int kStep, int kWidth, int kRows>
  __attribute__((noinline)) static void windows(const Backward& given, int64_t ow0, int64_t ow1) {
    // Copies, because what is written could be these for all the compiler knows.
    const PoolShape& s = given.s;
    const From from = given.from;
    const Backward b{s,           given.spread, from,      given.dx,  given.h, given.rows, given.within,
                     given.whole, given.level,  given.far, given.past};
    T* at = given.dx + (ow0 * s.SW - s.PL) * s.C;
    if (s.SW == 1) return b.template run_of<kStep, kWidth, kRows>(at, ow0, 0, (ow1 - ow0) * s.C);
    for (int64_t ow = ow0; ow < ow1; ++ow)
      for (int64_t first = 0; first < s.SW; first += kStep, at += kStep * s.C)
        b.template run_of<kStep, kWidth, kRows>(at, ow, first, s.C);
  }

  // Whether two rows at once look at the same windows, 2 × 2 ones side by side, and share what they load.
  static bool pairs(const PoolShape& s) {
    return kSwift<T> && s.KH == 2 && s.SH == 2 && s.PT == 0 && s.KW == 2 && s.SW == 2;
  }

  // Pixels [w0, w1) of kRows rows
  template <int kRows>
  void row(int64_t w0, int64_t w1) const {
    const int64_t begin = w0 == 0 ? within.first : max(within.first, ceil_div(w0 + s.PL, s.SW));
    const int64_t end = w1 == s.W ? within.last : min(within.last, floor_div(w1 + s.PL, s.SW));
    const int64_t left = begin < end ? begin * s.SW - s.PL : w1, right = begin < end ? end * s.SW - s.PL : w1;
    edges<kRows>(w0, left);
    if (begin < end) inside<kRows>(begin, end);
    edges<kRows>(right, w1);
  }

  template <int kRows>
  void edges(int64_t w0, int64_t w1) const {
    if (w0 >= w1) return;
    pixels(w0, w1);
    if constexpr (kRows == 1) return;
    Backward second = *this;
    second.h += 1;
    second.dx += s.W * s.C;
    second.pixels(w0, w1);
  }
};

// of_image(at) tells what the windows of an image say, whose first one has number `at`.
template <class T, class OfImage>
void pool_backward(T* dx, const PoolShape& s, const Units& u, const OfImage& of_image) {
  using From = decltype(of_image(0));
  const T whole = From::share(s.KH * s.KW);
  const bool far = s.far(), past = goes_past(dx, s.N * s.H * s.W * s.C, s.C);
  const Spread<T> spread = Spread<T>::of(s);
  // Windows that begin with SW pixels inside and, like those that overlap them from the left, look at no padding.
  const Reach inside = Reach::inside(s.PL, s.KW, s.SW, s.W);
  const Reach within{inside.first + ceil_div(s.KW, s.SW) - 1, min(min(inside.last, s.OW), floor_div(s.W + s.PL, s.SW))};
  const bool pairs = Backward<T, From>::pairs(s);
  for_each_row(u, s.x_blocks(), s.x_rows(), [&](int64_t n, int64_t unit, int64_t block) {
    const From from = of_image(n * s.OH * s.OW * s.C);
    for (int64_t h = unit * kRowsOfUnit; h < min(s.H, (unit + 1) * kRowsOfUnit); ++h) {
      const Reach rows = Reach::around(h + s.PT, s.KH, s.SH, s.OH);
      const bool level = rows.first * s.SH >= s.PT && (rows.last - 1) * s.SH - s.PT + s.KH <= s.H;
      T* const row = dx + (n * s.H + h) * s.W * s.C;
      const Backward<T, From> backward{s, spread, from, row, h, rows, within, whole, level, far, past};
      const int64_t begin = block * s.columns, end = min(s.W, begin + s.columns);
      if constexpr (kSwift<T>)
        if (pairs && level && rows.first < rows.last) {
          backward.template row<2>(begin, end);
          break;  // a unit has no more
        }
      backward.template row<1>(begin, end);
    }
  });
}

template <class T>
void clear(T* values, Range range) {
  for_each_vector<T>(range, [=](auto, auto put) __attribute__((always_inline)) { put(values, zero<T>()); });
}

constexpr int64_t kClear = 4096;  // elements

// dx (N, H, W, C) of a maximum whose places in the windows are `index`: a window adds its gradient where the place
// says. One number at a time, but with no work for the other elements of a window, nor for lanes that hold no channel.
template <class T, class Index>
void scatter_to_places(T* dx, const T* dy, const Index* index, const PoolShape& s, const Units& u) {
  int64_t offsets[256];  // of the places from the element the window begins with
  for (int64_t place = 0; place < 256; ++place) offsets[place] = (place / s.KW * s.W + place % s.KW) * s.C;
  const auto offset = [&](Index place) {
    return sizeof(Index) == 1 ? offsets[place] : (place / s.KW * s.W + place % s.KW) * s.C;
  };
  const uint64_t size = static_cast<uint64_t>(s.H * s.W * s.C);
  for (int64_t unit = u.first; unit < u.last; ++unit) {
    const int64_t n = unit / s.scatter_blocks(), begin = unit % s.scatter_blocks() * s.scatter_channels();
    const int64_t channels = min(s.scatter_channels(), s.C - begin);
    T* const image = dx + n * s.H * s.W * s.C;
    int64_t pixels = 0;  // that have been cleared: those below only when their windows come, while they are in cache
    for (int64_t oh = 0; oh < s.OH; ++oh) {
      const int64_t top = oh * s.SH - s.PT, end = oh + 1 < s.OH ? min(s.H, max(0, top + s.KH)) * s.W : s.H * s.W;
      if (channels == s.C && pixels < end) {  // many at a time: what a masked store wrote is slow to be read at once
        const int64_t far = min(s.H * s.W, max(end, pixels + kClear / s.C));
        clear(image, {pixels * s.C, far * s.C});
        pixels = far;
      }
      for (; pixels < end; ++pixels) clear(image + pixels * s.C, {begin, begin + channels});
      const int64_t from = (n * s.OH + oh) * s.OW * s.C + begin, at = (top * s.W - s.PL) * s.C + begin;
      const auto walk = [&](int64_t outer, int64_t inner, int64_t step, int64_t stride,
                            auto along) __attribute__((always_inline)) {
        for (int64_t i = 0; i < outer; ++i)
#pragma GCC unroll kVectorBytes == 64 ? 4 : 1
          for (int64_t k = 0; k < inner; ++k) {
            const int64_t source = from + i * step + k * along(s.C), to = at + i * stride + k * along(s.SW * s.C);
            const int64_t here = to + offset(index[source]);
            if (static_cast<uint64_t>(here) < size) image[here] += dy[source];  // always, but for nonsense
          }
      };
      if (channels < 4)  // the inner loop walks through the windows
        walk(channels, s.OW, 1, 1, [](int64_t step) { return step; });
      else
        walk(s.OW, channels, s.C, s.SW * s.C, [](int64_t) { return int64_t{1}; });
    }
  }
}

}  // namespace gemmule::GEMMULE_ISA
