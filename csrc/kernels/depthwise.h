// The geometry of a depthwise convolution, where its vectors come from, and the gradient of its kernel.
#pragma once
#include "simd_lanes.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t greatest_common_divisor(int64_t a, int64_t b) { return b ? greatest_common_divisor(b, a % b) : a; }

// One direction of a window. Tap t of position p looks at element origin + p·pitch + t·step, unless that lies outside
// [0, length), and at number w_first + t·w_step of the kernel.
struct Taps {
  int64_t count, origin, pitch, step, length;
  int64_t w_first, w_step;

  // The taps of position p that lie inside.
  Range inside(int64_t p) const {
    const int64_t at = origin + p * pitch;
    const int64_t first = at < 0 ? min(ceil_div(-at, step), count) : 0;
    const int64_t last = at < length ? min(ceil_div(length - at, step), count) : 0;
    return {first, max(first, last)};
  }

  // The positions in [p0, p1) all of whose taps lie inside.
  Range whole(int64_t p0, int64_t p1) const {
    const int64_t first = min(max(ceil_div(max(-origin, 0), pitch), p0), p1);
    const int64_t room = length - 1 - origin - (count - 1) * step;  // of the first tap of the last such position
    return {first, min(max(room < 0 ? first : room / pitch + 1, first), p1)};
  }

  // The taps that lead from pixels of dx back to dy: of pixels that lie r behind a multiple of the stride S, counted
  // from where the padding begins. Position p is pixel p·S + r. Only every (S / g)-th of K taps hits an element of dy.
  static Taps back(int64_t r, int64_t K, int64_t S, int64_t D, int64_t length) {
    const int64_t g = greatest_common_divisor(S, D), every = S / g;
    int64_t first = 0;
    while (first < every && first * D % S != r) ++first;
    if (first == every || first >= K) return {0, 0, 1, 1, length, 0, 0};
    const int64_t count = ceil_div(K - first, every), step = D / g, last = count - 1;
    return {count, -(first * D / S) - last * step, 1, step, length, first + last * every, -every};
  }
};

constexpr int64_t kNear = 1 << 20;  // elements that caches hold

struct DepthwiseShape {
  int64_t N, H, W, C, M;
  int64_t OH, OW;
  int64_t KH, KW;
  int64_t SH, SW;  // strides
  int64_t PT, PL;  // padding at the top and on the left
  int64_t DH, DW;  // dilation

  // `x` and `y` are the numbers of the operands with the shapes of the two images, `w` of the kernel (or of its
  // gradient), which may be absent: then `kernel` says its shape.
  static DepthwiseShape of(const Call& call, int x, int w, int y) {
    int64_t strides[2], padding[4], dilation[2];
    call.integers("strides", strides, 2);
    call.integers("padding", padding, 4);
    call.integers("dilation", dilation, 2);
    const bool known = call.present(w);
    return {call.dim(x, 0),
            call.dim(x, 1),
            call.dim(x, 2),
            call.dim(x, 3),
            call.dim(y, 3) / max(call.dim(x, 3), 1),
            call.dim(y, 1),
            call.dim(y, 2),
            known ? call.dim(w, 0) : 0,
            known ? call.dim(w, 1) : 0,
            strides[0],
            strides[1],
            padding[0],
            padding[2],
            dilation[0],
            dilation[1]};
  }

  int64_t O() const { return C * M; }
  bool far() const { return N * (H * W * C + OH * OW * O()) > kNear; }
  Taps down() const { return {KH, -PT, SH, DH, H, 0, 1}; }
  Taps across() const { return {KW, -PL, SW, DW, W, 0, 1}; }
  double cost(int64_t bytes) const {
    const double y = static_cast<double>(N * OH * OW) * O(), x = static_cast<double>(N * H * W) * C;
    return cost_ns(2 * y * KH * KW, (x + y) * bytes);
  }
};

// ---- The channels of x that belong to a vector of output channels -------------------------------------------------

// M is one: the same.
template <class T>
struct Same {
  int64_t channel(int64_t o) const { return o; }
  GEMMULE_INLINE Vec<T> operator()(const T* p, int64_t) const { return load(p); }
};

// The same, of which the last vector may have fewer than lanes.
template <class T>
struct Some {
  int64_t channel(int64_t o) const { return o; }
  GEMMULE_INLINE Vec<T> operator()(const T* p, int64_t n) const { return load_partial(p, n); }
};

// Each channel M times, for the output channels from `o` on.
template <class T>
struct Repeated {
  Mask<T> lanes;
  int64_t first, count;

  Repeated(int64_t o, int64_t C, int64_t M) : lanes{}, first(o / M) {
    count = min(kLanes<T>, C - first);
    for (int64_t i = 0; i < kLanes<T>; ++i)
      lanes[i] = static_cast<typename IntOf<T>::type>(min((o + i) / M - first, count - 1));
  }
  int64_t channel(int64_t) const { return first; }
  GEMMULE_INLINE Vec<T> operator()(const T* p, int64_t) const { return permute<T>(load_partial(p, count), lanes); }
};

// ---- The gradient of the kernel -------------------------------------------------------------------------------------

// dw (KH, KW, C, M)?, db (O)? | x (N, H, W, C), dy (N, OH, OW, O)
//
// Rows of dy are cut into chunks by their number alone. A first phase sums over each chunk into shared scratch, a
// second one adds the chunks in order. Within a chunk a chain runs over a group of rows of about 128 positions.
template <class T>
struct DepthwiseBackwardWeights {
  static constexpr int64_t kBlock = 8 * kLanes<T>;  // channels of a unit
  static constexpr int64_t kGroup = 128;            // positions of a chain
  static constexpr int64_t kUnits = 64;             // about so many pieces of work
  static constexpr int64_t kFold = 1024;            // elements of a unit of the second phase

  struct Args {
    DepthwiseShape s;
    int64_t has_dw, has_db;
    int64_t group, chunk, chunks;  // rows, rows, number

    int64_t taps() const { return has_dw ? s.KH * s.KW : 0; }
    int64_t size() const { return (taps() + has_db) * s.O(); }
    int64_t blocks() const { return ceil_div(s.O(), kBlock); }
  };

  static Args prepare(const Call& call) {
    Args args{DepthwiseShape::of(call, 2, 0, 3), call.present(0), call.present(1), 0, 0, 0};
    const int64_t rows = max(args.s.N * args.s.OH, 1);
    args.group = max(1, kGroup / max(args.s.OW, 1));
    args.chunk = round_up(max(ceil_div(rows, max(1, kUnits / max(args.blocks(), 1))), args.group), args.group);
    args.chunks = ceil_div(rows, args.chunk);
    return args;
  }
  static int phases(const Args&) { return 2; }
  static int64_t units(const Args& args, int phase) {
    return phase == 0 ? args.chunks * args.blocks() : ceil_div(args.size(), kFold);
  }
  static int64_t shared_bytes(const Args& args) { return args.chunks * args.size() * static_cast<int64_t>(sizeof(T)); }
  static double cost(const Args& args) { return args.s.cost(sizeof(T)); }

  static void run(T* dw, T* db, const T* x, const T* dy, const Args& args, const Units& u) {
    T* const partial = static_cast<T*>(u.shared);
    if (u.phase == 1) return fold(dw, db, partial, args, covered(u, kFold, args.size()));
    const DepthwiseShape& s = args.s;
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const int64_t chunk = unit / args.blocks(), o0 = unit % args.blocks() * kBlock, o1 = min(s.O(), o0 + kBlock);
      const Range rows{chunk * args.chunk, min(s.N * s.OH, (chunk + 1) * args.chunk)};
      T* const out = partial + chunk * args.size();
      for (int64_t row = rows.begin; row < max(rows.end, 1); row += args.group)
        sum_group(out, x, dy, args, {row, min(rows.end, row + args.group)}, {o0, o1}, row == rows.begin);
    }
  }

  // What a group of rows adds to channels [block.begin, block.end).
  static void sum_group(T* out, const T* x, const T* dy, const Args& args, Range group, Range block, bool first) {
    const DepthwiseShape& s = args.s;
    for (int64_t o = block.begin; o < block.end; o += kLanes<T>) {
      const int64_t n = min(block.end - o, kLanes<T>);
      if (s.M > 1)
        channels(out + o, x, dy + o, args, group, o, n, Repeated<T>(o, s.C, s.M), first);
      else if (n == kLanes<T> && !kOneWay<T>)
        channels(out + o, x, dy + o, args, group, o, n, Same<T>{}, first);
      else
        channels(out + o, x, dy + o, args, group, o, n, Some<T>{}, first);
    }
  }

  static void fold(T* dw, T* db, const T* partial, const Args& args, Range range) {
    const int64_t border = args.taps() * args.s.O();  // dw lies before it, db behind
    const auto add = [&](T* out, Range part, int64_t offset) {
      for_each_vector<T>(part, [&](auto get, auto put) __attribute__((always_inline)) {
        Vec<T> sum = get(partial + offset);
        for (int64_t c = 1; c < args.chunks; ++c) sum += get(partial + offset + c * args.size());
        put(out, sum);
      });
    };
    if (range.begin < border) add(dw, {range.begin, min(range.end, border)}, 0);
    if (range.end > border) add(db, {max(range.begin, border) - border, range.end - border}, border);
  }

  // The same for a vector of channels.
  template <class Source>
  static void channels(T* out, const T* x, const T* dy, const Args& args, Range group, int64_t o, int64_t n,
                       const Source source, bool first) {
    const DepthwiseShape& s = args.s;
    if (!kOneWay<T> && args.has_dw && s.KH == 3 && s.KW == 3)
      taps<3, 3>(out, x, dy, s, group, 0, 0, o, n, source, first);
    else
      for (int64_t kh = 0; kh < s.KH * args.has_dw; ++kh)
        for (int64_t kw = 0; kw < s.KW;) {
          T* const at = out + (kh * s.KW + kw) * s.O();
          const int64_t left = kOneWay<T> ? 1 : s.KW - kw;
          if (left >= 7)
            taps<1, 7>(at, x, dy, s, group, kh, kw, o, n, source, first), kw += 7;
          else if (left >= 5)
            taps<1, 5>(at, x, dy, s, group, kh, kw, o, n, source, first), kw += 5;
          else if (left >= 3)
            taps<1, 3>(at, x, dy, s, group, kh, kw, o, n, source, first), kw += 3;
          else
            taps<1, 1>(at, x, dy, s, group, kh, kw, o, n, source, first), kw += 1;
        }
    if (args.has_db) {
      Vec<T> sum{};
      for (int64_t p = group.begin * s.OW; p < group.end * s.OW; ++p) sum += load_partial(dy + p * s.O(), n);
      put(out + args.taps() * s.O(), sum, n, first);
    }
  }

  static bool inside(int64_t at, int64_t length) { return static_cast<uint64_t>(at) < static_cast<uint64_t>(length); }

  static GEMMULE_INLINE void put(T* at, Vec<T> sum, int64_t n, bool first) {
    store_partial<T>(at, first ? sum : load_partial(at, n) + sum, n);
  }

  // Taps (kh, kw) to (kh + R - 1, kw + K - 1). Few taps need two chains each: one alone would wait for itself.
  template <int R, int K, class Source>
  static void taps(T* out, const T* x, const T* dy, const DepthwiseShape& s, Range rows, int64_t kh, int64_t kw,
                   int64_t o, int64_t n, const Source source, bool first) {
    constexpr int kChains = R * K < 8 ? 2 : 1;
    const int64_t O = s.O();
    // Pixels whose next vector of channels is asked for ahead of time: it is what comes after this pass.
    const int64_t ahead =
        (kh == 0 || kh == s.KH - R) && kw == 0 && (o + kLanes<T>) % kBlock && o + kLanes<T> < O ? kChains * s.SW : 0;
    const int64_t x_row = s.DH * s.W * s.C, x_tap = s.DW * s.C, x_pixel = s.SW * s.C, OH = s.OH, OW = s.OW;
    const Taps down{R, kh * s.DH - s.PT, s.SH, s.DH, s.H, 0, 1}, across{K, kw * s.DW - s.PL, s.SW, s.DW, s.W, 0, 1};
    const Range whole = across.whole(0, OW);
    Vec<T> sum[kChains][R][K] = {};
    int64_t image = rows.begin / OH, oh = rows.begin % OH;
    for (int64_t row = rows.begin; row < rows.end; ++row, ++oh) {
      if (oh == OH) oh = 0, ++image;
      const int64_t h = down.origin + oh * down.pitch;
      const bool all = h >= 0 && h + (R - 1) * down.step < down.length;
      if (R == 1 && !all) continue;
      const T* const pixels = x + ((image * s.H + h) * s.W + across.origin) * s.C + source.channel(o);
      const T* const gradients = dy + row * OW * O;
      const auto some = [&](int64_t p) __attribute__((always_inline)) {
        const Vec<T> d = load_partial(gradients + p * O, n);
        const int64_t w = across.origin + p * across.pitch;
#pragma GCC unroll 7
        for (int k = 0; k < K; ++k)
          if (inside(w + k * across.step, s.W))
#pragma GCC unroll 3
            for (int r = 0; r < R; ++r)
              if (inside(h + r * down.step, s.H))
                sum[0][r][k] = fma(source(pixels + r * x_row + p * x_pixel + k * x_tap, n), d, sum[0][r][k]);
      };
      const int64_t begin = all ? whole.begin : OW;
      for (int64_t p = 0; p < begin; ++p) some(p);
      int64_t p = begin;
      for (; p + kChains <= whole.end; p += kChains) {
        for (int64_t i = 0; i < ahead; ++i)
          __builtin_prefetch(pixels + (R - 1) * x_row + p * x_pixel + i * s.C + kLanes<T>, 0, 2);
        for (int64_t i = 0; i < min(ahead, kChains); ++i) __builtin_prefetch(gradients + (p + i) * O + kLanes<T>, 0, 2);
#pragma GCC unroll 2
        for (int c = 0; c < kChains; ++c) {
          const Vec<T> d = load_partial(gradients + (p + c) * O, n);
#pragma GCC unroll 3
          for (int r = 0; r < R; ++r)
#pragma GCC unroll 7
            for (int k = 0; k < K; ++k)
              sum[c][r][k] = fma(source(pixels + r * x_row + (p + c) * x_pixel + k * x_tap, n), d, sum[c][r][k]);
        }
      }
      for (; p < OW; ++p) some(p);
    }
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 7
      for (int k = 0; k < K; ++k) {
        Vec<T> total = sum[0][r][k];
        if (kChains == 2) total += sum[kChains - 1][r][k];
        put(out + (r * s.KW + k) * O, total, n, first);
      }
  }
};

}  // namespace gemmule::GEMMULE_ISA
