// Depthwise convolution: every channel has M filters of its own.
//
//   y[n, oh, ow, c·M + m] = sum over kh, kw of x[n, oh·SH + kh·DH − PT, ow·SW + kw·DW − PL, c] · w[kh, kw, c, m]
//
// x (N, H, W, C), w (KH, KW, C, M), y (N, OH, OW, O) with O = C·M. What lies outside x counts as zero.
//
// Vectors hold neighbouring output channels, and several positions side by side share what they load of w. Going back
// to x is the same computation with dy in place of x and the taps in reverse: with strides, pixels of dx that
// lie a stride apart see the same taps, so each such class of pixels is a convolution of its own.
#include "depthwise.h"

#include "families.h"
#include "gemm_epilogue.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// ---- One row of outputs ---------------------------------------------------------------------------------------------

// What to ask the memory for ahead of time: of arrays that lie in caches nothing, of what was asked for already
// outputs.
enum class Ahead { none, outputs, all };

// What happens to a sum before it is stored.
template <class T>
struct Finish {
  const T* b = nullptr;
  const T* scale = nullptr;
  const T* shift = nullptr;
  int64_t relu = 0;

  // For P positions: channels [o, o + n).
  template <int P>
  GEMMULE_INLINE void operator()(Vec<T> (&sum)[P], int64_t o, int64_t n) const {
    if (b) {
      const Vec<T> bias = load_partial(b + o, n);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sum[p] += bias;
    }
    if (scale) {
      const Vec<T> factor = load_partial(scale + o, n), offset = load_partial(shift + o, n);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sum[p] = fma(sum[p], factor, offset);
    }
    if (!relu) return;
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p] = activate<T, Activation::relu>(sum[p], 0);
  }
};

// How to walk through the operands from the first tap of a position: strides in elements.
struct Walk {
  int64_t x_row, x_tap, x_pixel;
  int64_t w_row, w_tap;
  int64_t y_pixel;
  int64_t ahead;  // from the row of the first tap to the rows that the next row of outputs will be the first to need
  int64_t ahead_rows, ahead_pixels, ahead_row, ahead_pixel;
  int64_t y_ahead;
};

// The first `count` sums. With a pointer that goes from pixel to pixel: as many addresses would leave no registers.
template <int P, class T>
GEMMULE_INLINE void put(T* y, int64_t y_pixel, const Vec<T> (&sum)[P], int64_t count, int64_t n) {
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    if (p < count) store_partial<T>(y, sum[p], n);
    y += y_pixel;
    asm("" : "+r"(y));
  }
}

template <int P, class T>
GEMMULE_INLINE void fetch(const T* y, int64_t y_pixel) {
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    __builtin_prefetch(y, 1, 2);
    y += y_pixel;
    asm("" : "+r"(y));
  }
}

// P positions side by side, channels [o0, o1), the taps of `rows` and `columns`.
template <int P, class T, class Source>
GEMMULE_INLINE void tile(T* y, const T* x, const T* w, const Walk k, const Range rows, const Range columns, int64_t o0,
                         int64_t o1, const Source source, const Finish<T> finish) {
  for (int64_t o = o0; o < o1; o += kLanes<T>) {
    const int64_t n = min(o1 - o, kLanes<T>);
    const T* const xo = x + source.channel(o);
    for (int64_t i = 0; i < k.ahead_rows; ++i)
      for (int64_t j = 0; j < P * k.ahead_pixels; ++j)
        __builtin_prefetch(xo + k.ahead + i * k.ahead_row + j * k.ahead_pixel, 0, 2);
    if (k.y_ahead) fetch<P>(y + o + k.y_ahead, k.y_pixel);
    Vec<T> sum[P] = {};
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const T* xi = xo + i * k.x_row + columns.begin * k.x_tap;
      const T* wi = w + o + i * k.w_row + columns.begin * k.w_tap;
      for (int64_t j = columns.begin; j < columns.end; ++j, xi += k.x_tap, wi += k.w_tap) {
        const Vec<T> weight = load_partial(wi, n);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sum[p] = fma(source(xi + p * k.x_pixel, n), weight, sum[p]);
      }
    }
    finish(sum, o, n);
    put(y + o, k.y_pixel, sum, P, n);
  }
}

constexpr int64_t kMostColumns = 32;  // taps of a row for which positions at an edge are taken together

// The same at an edge: `count` <= P positions, from position `first` on; tap j of position p is left out where it lies
// outside.
template <int P, class T, class Source>
void edge_tile(T* y, const T* x, const T* w, const Walk k, const Range rows, const Taps& taps, int64_t first,
               int64_t count, int64_t o0, int64_t o1, const Source source, const Finish<T> finish) {
  constexpr int64_t kAll = (int64_t{1} << P) - 1;
  int64_t inside[kMostColumns];  // bit p of each tap
  for (int64_t j = 0; j < taps.count; ++j) {
    const int64_t at = taps.origin + first * taps.pitch + j * taps.step;
    int64_t begin = 0, end = count;
    while (begin < end && at + begin * taps.pitch < 0) ++begin;
    while (begin < end && at + (end - 1) * taps.pitch >= taps.length) --end;
    inside[j] = (int64_t{1} << end) - (int64_t{1} << begin);
  }
  for (int64_t o = o0; o < o1; o += kLanes<T>) {
    const int64_t n = min(o1 - o, kLanes<T>);
    const T* const xo = x + source.channel(o);
    Vec<T> sum[P] = {};
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const T* xi = xo + i * k.x_row;
      const T* wi = w + o + i * k.w_row;
      for (int64_t j = 0; j < taps.count; ++j, xi += k.x_tap, wi += k.w_tap) {
        const Vec<T> weight = load_partial(wi, n);
        const int64_t bits = inside[j];
        if (bits == kAll) {
#pragma GCC unroll 8
          for (int p = 0; p < P; ++p) sum[p] = fma(source(xi + p * k.x_pixel, n), weight, sum[p]);
          continue;
        }
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p)
          if (bits >> p & 1) sum[p] = fma(source(xi + p * k.x_pixel, n), weight, sum[p]);
      }
    }
    finish(sum, o, n);
    put(y + o, k.y_pixel, sum, count, n);
  }
}

// Positions [p0, p1) of a row, channels [o0, o1). x and w point to the first tap of position 0. Seven or eight chains
// keep the multipliers busy.
template <class T, class Source>
struct Positions {
  T* y;
  const T* x;
  const T* w;
  const Walk& k;
  const Range& rows;
  const Taps& taps;
  int64_t o0, o1;
  const Source source;
  const Finish<T>& finish;

  void run(int64_t p0, int64_t p1) const {
    const int64_t n = p1 - p0;
    if constexpr (kOneWay<T>)
      one_by_one(p0, p1);
    else if (n <= 4)
      tiles<4>(p0, p1);
    else if (ceil_div(n, 7) == ceil_div(n, 8))
      tiles<7>(p0, p1);
    else
      tiles<8>(p0, p1);
  }

  // The last tile begins so early that it is a whole one: what is computed twice is the same.
  template <int P>
  void tiles(int64_t p0, int64_t p1) const {
    const Range whole = taps.whole(p0, p1);
    for (int64_t p = p0; p < p1; p += P) {
      const int64_t first = max(p0, min(p, p1 - P));
      if (first >= whole.begin && first + P <= whole.end)
        inside<P>(first, {0, taps.count});
      else if (taps.count > kMostColumns)
        one_by_one(first, min(p1, first + P));
      else
        edge_tile<P>(y + first * k.y_pixel, x + first * k.x_pixel, w, k, rows, taps, first, min(P, p1 - first), o0, o1,
                     source, finish);
    }
  }

  void one_by_one(int64_t p0, int64_t p1) const {
    for (int64_t p = p0; p < p1; ++p) inside<1>(p, taps.inside(p));
  }

  template <int P>
  void inside(int64_t p, Range columns) const {
    tile<P>(y + p * k.y_pixel, x + p * k.x_pixel, w, k, rows, columns, o0, o1, source, finish);
  }
};

// A row of outputs: position `row` of `down`, positions [p0, p1) of `across`. `image` is x[n] or dy[n], of `width`
// pixels of C channels a row.
template <class T>
void correlate(T* y, int64_t y_pixel, const T* image, int64_t width, int64_t C, int64_t M, const T* w, int64_t KW,
               const Taps& down, int64_t row, const Taps& across, int64_t p0, int64_t p1, const Finish<T>& finish,
               Ahead ahead) {
  const int64_t O = C * M;
  const Walk k{.x_row = down.step * width * C,
               .x_tap = across.step * C,
               .x_pixel = across.pitch * C,
               .w_row = down.w_step * KW * O,
               .w_tap = across.w_step * O,
               .y_pixel = y_pixel,
               .ahead = ((down.count - 1) * down.step + 1) * width * C,
               .ahead_rows = ahead == Ahead::all ? down.pitch : 0,
               .ahead_pixels = across.pitch,
               .ahead_row = width * C,
               .ahead_pixel = C,
               .y_ahead = ahead == Ahead::none ? 0 : y_pixel * p1};
  const T* const x = image + ((down.origin + row * down.pitch) * width + across.origin) * C;
  const T* const kernel = w + (down.w_first * KW + across.w_first) * O;
  const Range rows = down.inside(row);
  if (M == 1 && O % kLanes<T> == 0 && !kOneWay<T>)
    return Positions<T, Same<T>>{y, x, kernel, k, rows, across, 0, O, {}, finish}.run(p0, p1);
  if (M == 1) return Positions<T, Some<T>>{y, x, kernel, k, rows, across, 0, O, {}, finish}.run(p0, p1);
  for (int64_t o = 0; o < O; o += kLanes<T>) {
    const int64_t end = min(O, o + kLanes<T>);
    Positions<T, Repeated<T>>{y, x, kernel, k, rows, across, o, end, Repeated<T>(o, C, M), finish}.run(p0, p1);
  }
}

// ---- Kernels --------------------------------------------------------------------------------------------------------

// y (N, OH, OW, O) | x (N, H, W, C), w (KH, KW, C, M), b (O)?, scale (O)?, shift (O)?
template <class T>
struct DepthwiseForward {
  struct Args {
    DepthwiseShape s;
    Activation activation;
    double alpha;
  };

  static Args prepare(const Call& call) {
    return {DepthwiseShape::of(call, 1, 2, 0), activation_from(call.text("activation")), call.number("alpha")};
  }
  static int64_t units(const Args& args) { return args.s.N * args.s.OH; }
  static double cost(const Args& args) { return args.s.cost(sizeof(T)); }

  static void run(T* y, const T* x, const T* w, const T* b, const T* scale, const T* shift, const Args& args,
                  const Units& u) {
    const DepthwiseShape& s = args.s;
    const Finish<T> finish{b, scale, shift, args.activation == Activation::relu};
    const Epilogue<T> rest{.bias = nullptr,
                           .residual = nullptr,
                           .activation = finish.relu ? Activation::linear : args.activation,
                           .alpha = static_cast<T>(args.alpha)};
    for (int64_t row = u.first; row < u.last; ++row) {
      const T* const image = x + row / s.OH * s.H * s.W * s.C;
      T* const out = y + row * s.OW * s.O();
      correlate(out, s.O(), image, s.W, s.C, s.M, w, s.KW, s.down(), row % s.OH, s.across(), 0, s.OW, finish,
                s.far() ? Ahead::all : Ahead::none);
      rest.finish(out, s.O(), 0, s.OW, 0, s.O());
    }
  }
};

// dx (N, H, W, C) | dy (N, OH, OW, O), w (KH, KW, C, M)
template <class T>
struct DepthwiseBackwardInput {
  using Args = DepthwiseShape;

  static Args prepare(const Call& call) { return DepthwiseShape::of(call, 0, 2, 1); }
  static int64_t units(const Args& s) { return s.N * s.H; }
  static double cost(const Args& s) { return s.cost(sizeof(T)); }
  static int64_t local_bytes(const Args& s) { return s.M == 1 ? 0 : s.W * s.O() * static_cast<int64_t>(sizeof(T)); }

  // The taps of each remainder: finding them takes longer than a short row does.
  struct Remainders {
    static constexpr int64_t kKept = 4;
    int64_t K, S, D, length;
    Taps kept[kKept];

    Remainders(int64_t K, int64_t S, int64_t D, int64_t length) : K(K), S(S), D(D), length(length) {
      for (int64_t r = 0; r < min(S, kKept); ++r) kept[r] = Taps::back(r, K, S, D, length);
    }
    Taps of(int64_t r) const { return r < kKept ? kept[r] : Taps::back(r, K, S, D, length); }
  };

  static void run(T* dx, const T* dy, const T* w, const Args& s, const Units& u) {
    const Remainders down(s.KH, s.SH, s.DH, s.OH), across(s.KW, s.SW, s.DW, s.OW);
    for (int64_t row = u.first; row < u.last; ++row) {
      const T* const image = dy + row / s.H * s.OH * s.OW * s.O();
      T* const out = dx + row * s.W * s.C;
      T* const each = s.M == 1 ? out : static_cast<T*>(u.local);  // the sums of each filter apart
      const int64_t h = row % s.H + s.PT;
      for (int64_t r = 0; r < s.SW; ++r) {  // pixels with (w + PL) % SW == r
        const Ahead inputs = r == 0 && h % s.SH == 0 ? Ahead::all : Ahead::outputs;
        const Ahead ahead = s.far() ? inputs : Ahead::none;
        const int64_t p0 = ceil_div(max(s.PL - r, 0), s.SW), p1 = ceil_div(max(s.W + s.PL - r, 0), s.SW);
        T* const at = each + (r - s.PL) * s.O();
        correlate(at, s.SW * s.O(), image, s.OW, s.O(), 1, w, s.KW, down.of(h % s.SH), h / s.SH, across.of(r), p0, p1,
                  Finish<T>{}, ahead);
      }
      if (s.M > 1) fold(out, each, s.W * s.C, s.M);
    }
  }

  static void fold(T* dx, const T* each, int64_t n, int64_t M) {
    for (int64_t i = 0; i < n; ++i) {
      T sum = each[i * M];
      for (int64_t m = 1; m < M; ++m) sum += each[i * M + m];
      dx[i] = sum;
    }
  }
};

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<DepthwiseForward<T>>("depthwise_conv2d_forward", dtype);
  table.add<DepthwiseBackwardInput<T>>("depthwise_conv2d_backward_input", dtype);
  table.add<DepthwiseBackwardWeights<T>>("depthwise_conv2d_backward_weights", dtype);
}

}  // namespace

void register_depthwise(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA
