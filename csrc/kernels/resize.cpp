// Images made larger by a whole factor in each direction, and the way back.
//
// x (N, H, W, C), y (N, H·SH, W·SW, C). Nearest repeats pixels. Bilinear puts the centres of pixels at half-integers:
// pixel o of y lies at (o + ½) / S − ½ of x, between two pixels that count according to their nearness; outside,
// the pixel at the edge stands for both. With o = q·S + r all that depends on r alone, but for q itself.
#include "families.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

struct UpsampleShape {
  int64_t N, H, W, C;
  int64_t SH, SW;
  int64_t bilinear;

  static UpsampleShape of(const Call& call, int x) {
    int64_t size[2];
    call.integers("size", size, 2);
    const bool bilinear = __builtin_strcmp(call.text("interpolation"), "bilinear") == 0;
    return {call.dim(x, 0), call.dim(x, 1), call.dim(x, 2), call.dim(x, 3), size[0], size[1], bilinear};
  }

  int64_t OH() const { return H * SH; }
  int64_t OW() const { return W * SW; }
  double cost(int64_t bytes) const {
    const double x = static_cast<double>(N * H * W) * C, y = x * SH * SW;
    return cost_ns(bilinear ? 6 * y : y, (x + y) * bytes);
  }
};

// The two pixels of a line of `length` that pixel q·S + r of the larger line lies between; `near` is the share of `b`.
template <class T>
struct Between {
  int64_t a, b;
  T near;

  static Between of(int64_t q, int64_t r, int64_t S, int64_t length) {
    const int64_t shift = 2 * r + 1 - S, before = shift < 0;  // in units of 1 / 2S
    const int64_t at = q - before;
    const T near = static_cast<T>(shift + before * 2 * S) / static_cast<T>(2 * S);
    return {max(at, 0), min(at + 1, length - 1), near};
  }

  T share(int64_t i) const { return (a == i ? 1 - near : 0) + (b == i ? near : 0); }
};

// out = a·(1 − near) + b·near, n elements
template <class T>
GEMMULE_INLINE void mix(T* out, const T* a, const T* b, T near, int64_t n) {
  const Vec<T> share = splat(near), rest = splat(1 - near);
  for_each_vector<T>(
      {0, n}, [&](auto get, auto put) __attribute__((always_inline)) { put(out, fma(get(b), share, get(a) * rest)); });
}

// out = v·share, or out += v·share; n elements
template <class T>
GEMMULE_INLINE void gather(T* out, const T* v, T share, bool first, int64_t n) {
  const Vec<T> factor = splat(share);
  for_each_vector<T>({0, n}, [&](auto get, auto put) __attribute__((always_inline)) {
    put(out, first ? get(v) * factor : fma(get(v), factor, get(out)));
  });
}

template <class T>
GEMMULE_INLINE void copy(T* out, const T* v, int64_t n) {
  for_each_vector<T>({0, n}, [&](auto get, auto put) __attribute__((always_inline)) { put(out, get(v)); });
}

}  // namespace

// y (N, H·SH, W·SW, C) | x (N, H, W, C)
template <class T>
struct UpsampleForward {
  using Args = UpsampleShape;

  static Args prepare(const Call& call) { return UpsampleShape::of(call, 1); }
  static int64_t units(const Args& s) { return s.N * s.H; }
  static double cost(const Args& s) { return s.cost(sizeof(T)); }
  static int64_t local_bytes(const Args& s) { return s.bilinear ? s.W * s.C * static_cast<int64_t>(sizeof(T)) : 0; }

  static void run(T* y, const T* x, const Args& s, const Units& u) {
    const int64_t line = s.OW() * s.C;
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      T* const out = y + unit * s.SH * line;
      if (s.bilinear) {
        const T* const image = x + unit / s.H * s.H * s.W * s.C;
        for (int64_t r = 0; r < s.SH; ++r)
          blend(out + r * line, image, Between<T>::of(unit % s.H, r, s.SH, s.H), static_cast<T*>(u.local), s);
      } else {
        repeat(out, x + unit * s.W * s.C, s);
        for (int64_t r = 1; r < s.SH; ++r) copy(out + r * line, out, line);
      }
    }
  }

  static void repeat(T* y, const T* x, const Args& s) {
    for (int64_t w = 0; w < s.W; ++w)
      for (int64_t r = 0; r < s.SW; ++r) copy(y + (w * s.SW + r) * s.C, x + w * s.C, s.C);
  }

  static void blend(T* y, const T* image, const Between<T>& rows, T* row, const Args& s) {
    mix(row, image + rows.a * s.W * s.C, image + rows.b * s.W * s.C, rows.near, s.W * s.C);
    for (int64_t r = 0; r < s.SW; ++r)
      for (int64_t w = 0; w < s.W; ++w) {
        const Between<T> columns = Between<T>::of(w, r, s.SW, s.W);
        mix(y + (w * s.SW + r) * s.C, row + columns.a * s.C, row + columns.b * s.C, columns.near, s.C);
      }
  }
};

// dx (N, H, W, C) | dy (N, H·SH, W·SW, C); each pixel gathers what it was part of, first down, then across
template <class T>
struct UpsampleBackward {
  using Args = UpsampleShape;

  static Args prepare(const Call& call) { return UpsampleShape::of(call, 0); }
  static int64_t units(const Args& s) { return s.N * s.H; }
  static double cost(const Args& s) { return s.cost(sizeof(T)); }
  static int64_t local_bytes(const Args& s) { return s.OW() * s.C * static_cast<int64_t>(sizeof(T)); }

  static void run(T* dx, const T* dy, const Args& s, const Units& u) {
    const int64_t line = s.OW() * s.C;
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const T* const image = dy + unit / s.H * s.OH() * line;
      T* const row = static_cast<T*>(u.local);
      T* const out = dx + unit * s.W * s.C;
      along(row, image, unit % s.H, s.H, s.SH, line, s.bilinear);
      for (int64_t w = 0; w < s.W; ++w) along(out + w * s.C, row, w, s.W, s.SW, s.C, s.bilinear);
    }
  }

  // Element i of a line of `length`: what the elements of the larger line, n numbers each, give back to it.
  static void along(T* out, const T* larger, int64_t i, int64_t length, int64_t S, int64_t n, bool bilinear) {
    bool first = true;
    for (int64_t q = max(i - bilinear, 0); q < min(i + 1 + bilinear, length); ++q)
      for (int64_t r = 0; r < S; ++r) {
        const T share = bilinear ? Between<T>::of(q, r, S, length).share(i) : T(1);
        if (share == 0) continue;
        gather(out, larger + (q * S + r) * n, share, first, n);
        first = false;
      }
  }
};

namespace {

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<UpsampleForward<T>>("upsample2d_forward", dtype);
  table.add<UpsampleBackward<T>>("upsample2d_backward", dtype);
}

}  // namespace

void register_resize(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA
