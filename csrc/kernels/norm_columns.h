// Statistics over the rows of a matrix and maps with other coefficients for each column: what batch and group
// normalization share.
//
// x (outer, rows, C): batch normalization has one outer part, group normalization one for each example. Rows are cut
// into chunks of a constant size; each chunk gives partial sums, which a later phase combines in order. Every pass
// walks through memory several whole rows at a time: so the hardware prefetches, and coefficients are loaded once for
// them all.
#pragma once
#include "activation.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

constexpr int64_t kChunkElements = 16384;   // of a partial sum: 64 KB, a small part of L2
constexpr int64_t kLeastRows = 32;          // fewer, and the partial sums themselves become work
constexpr int64_t kMostRows = 512;          // more, and sums of single precision lose digits
constexpr int64_t kBlockColumns = 64;       // of a unit where columns are divided
constexpr int64_t kNearElements = 1 << 21;  // of an array; beyond, reading ahead gains more than it costs
constexpr int64_t kAheadElements = 2048;

struct Columns {
  int64_t outer, rows, C;
  int64_t fold;   // rows that make up a wide row: a row of a few numbers would leave most lanes empty
  int64_t width;  // C * fold
  int64_t chunk, chunks;

  template <class T>
  static Columns of(int64_t outer, int64_t rows, int64_t C) {
    int64_t fold = 1;
    if (C > 0 && C < 2 * kLanes<T>)
      while (C * fold % kLanes<T> != 0) fold *= 2;
    if (rows < 2 * fold) fold = 1;
    const int64_t chunk = round_up(min(max(kChunkElements / max(C, 1), kLeastRows), kMostRows), 16);
    return {outer, rows, C, fold, C * fold, chunk, max(1, ceil_div(rows, chunk))};
  }

  int64_t size() const { return outer * rows * C; }
  int64_t units() const { return outer * chunks; }
  int64_t blocks() const { return fold > 1 ? 1 : max(1, ceil_div(C, kBlockColumns)); }
  Range block(int64_t number) const {
    return fold > 1 ? Range{0, width} : Range{number * kBlockColumns, min(C, (number + 1) * kBlockColumns)};
  }

  int64_t first_row(int64_t chunk_number) const { return chunk_number * chunk; }
  int64_t rows_of(int64_t chunk_number) const { return max(min(chunk, rows - first_row(chunk_number)), 0); }
  // Element that a chunk, numbered through all outer parts, begins with.
  int64_t start(int64_t unit) const { return (unit / chunks * rows + first_row(unit % chunks)) * C; }

  // Partial sums are kept by wide column. Part p of a column is what wide column p % fold of chunk p / fold has seen:
  // so many rows, and its sum lies so far behind that of part 0 when a chunk has `sums` of them.
  int64_t parts() const { return chunks * fold; }
  int64_t rows_of_part(int64_t part) const {
    const int64_t n = rows_of(part / fold);
    return n / fold + (part % fold < n % fold ? 1 : 0);
  }
  int64_t part_offset(int64_t part, int64_t sums) const { return part / fold * sums * width + part % fold * C; }
};

template <int N>
struct Count {
  static constexpr int value = N;
};

// The rows of one chunk, or some columns of them.
struct Walk {
  int64_t width, rows, rest;  // whole wide rows, and how many elements follow
  Range columns;
  int64_t total;  // elements of an array

  static Walk of(const Columns& x, int64_t unit, Range columns) {
    const int64_t n = x.rows_of(unit % x.chunks);
    return {x.width, n / x.fold, n % x.fold * x.C, columns, x.size()};
  }
};

// Calls body(get, put, at, Count<R>) for each vector of columns and R rows at a time, then for single rows: element
// `at + k * width` of an array belongs to row k; get and put add the column. Where arrays are large, what follows in
// those `asked` for is fetched ahead of time, vector by vector: of many requests at once most are dropped.
template <class T, int R, class Body, class... Asked>
GEMMULE_INLINE void for_rows(const Walk& walk, const Body& body, const Asked*... asked) {
  const int64_t ahead = max(R * walk.width, kAheadElements);
  [[maybe_unused]] int far = walk.total > kNearElements;
  int64_t row = 0;
  for (; row + R <= walk.rows; row += R) {
    const int64_t at = row * walk.width;
    int64_t next = at + walk.columns.begin + ahead;
    for_each_vector<T>(walk.columns, [&](auto get, auto put) __attribute__((always_inline)) {
      if constexpr (sizeof...(asked) > 0 && !kOneWay<T>) {
        asm("" : "+r"(far));  // or the compiler makes two of every loop, which costs room and gains no time
        if (far)
#pragma GCC unroll 8
          for (int k = 0; k < R; ++k) (__builtin_prefetch(asked + next + k * walk.width, 0, 3), ...);
      }
      next += kLanes<T>;
      body(get, put, at, Count<R>{});
    });
  }
  for (; row < walk.rows; ++row) {
    const int64_t at = row * walk.width;
    for_each_vector<T>(walk.columns,
                       [&](auto get, auto put) __attribute__((always_inline)) { body(get, put, at, Count<1>{}); });
  }
  if (walk.rest > 0) {
    const int64_t at = row * walk.width;
    for_each_vector<T>(Range{0, walk.rest},
                       [&](auto get, auto put) __attribute__((always_inline)) { body(get, put, at, Count<1>{}); });
  }
}

// Adds up R vectors as a tree.
template <class T, int R>
GEMMULE_INLINE Vec<T> tree_sum(Vec<T> (&v)[R]) {
#pragma GCC unroll 4
  for (int width = R / 2; width > 0; width /= 2)
#pragma GCC unroll 8
    for (int k = 0; k < width; ++k) v[k] += v[k + width];
  return v[0];
}

template <class T>
void clear(T* values, Range range) {
  for_each_vector<T>(range, [=](auto, auto put) __attribute__((always_inline)) { put(values, zero<T>()); });
}

// mean and m2 (width), by wide columns, of the rows of a chunk x: mean distance from the first row, and sum of squared
// distances from the mean.
//
// One pass, over distances from the first row: numbers around 10000 that differ by 1 lose no digit. A first row that
// lies far outside does little harm: it is among the numbers, so that m2 is of the size of what is subtracted.
template <class T>
void chunk_moments(T* mean, T* m2, const T* x, const Walk& walk) {
  clear(mean, walk.columns);
  clear(m2, walk.columns);
  for_rows<T, 8>(
      walk,
      [=](auto get, auto put, int64_t at, auto count) __attribute__((always_inline)) {
        constexpr int R = decltype(count)::value;
        const Vec<T> pivot = get(x);
        Vec<T> d[R], squares[R];
#pragma GCC unroll 8
        for (int k = 0; k < R; ++k) {
          d[k] = get(x + at + k * walk.width) - pivot;
          squares[k] = d[k] * d[k];
        }
        put(mean, get(mean) + tree_sum<T, R>(d));
        put(m2, get(m2) + tree_sum<T, R>(squares));
      },
      x);
  const auto finish = [=](Range range, int64_t rows) {
    if (rows == 0) return;
    const T inverse = T(1) / static_cast<T>(rows);
    for_each_vector<T>(range, [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> sum = get(mean), squares = get(m2), average = sum * inverse;
      const Vec<T> infinite = splat(static_cast<T>(__builtin_inf()));
      put(mean, average);
      // An overflow stays infinite rather than becoming inf - inf.
      put(m2, select<T>(squares == infinite, squares, maximum<T>(fma(-sum, average, squares), zero<T>())));
    });
  };
  finish({walk.columns.begin, min(walk.rest, walk.columns.end)}, walk.rows + 1);
  finish({max(walk.rest, walk.columns.begin), walk.columns.end}, walk.rows);
}

// Mean and variance (C) of all rows of one outer part x, from what its chunks found: `sums` holds a mean distance from
// the chunk's first row and a sum of squares for each wide column. Columns [begin, end) of C.
// Chan et al., "Updating formulae and a pairwise algorithm for computing sample variances" (1979)
template <class T>
void combine_moments(T* mean, T* variance, const T* sums, const T* x, const Columns& shape, Range columns) {
  const T inverse = T(1) / static_cast<T>(shape.rows);
  for_each_vector<T>(columns, [=, &shape](auto get, auto put) __attribute__((always_inline)) {
    const Vec<T> anchor = shape.rows > 0 ? get(x) : zero<T>();
    // Distances from the very first row, so that means of numbers around 10000 keep digits enough to be compared.
    const auto distance = [=, &shape](int64_t part) __attribute__((always_inline)) {
      const int64_t row = shape.first_row(part / shape.fold) + part % shape.fold;
      return (get(x + row * shape.C) - anchor) + get(sums + shape.part_offset(part, 2));
    };
    Vec<T> center = zero<T>(), m2 = zero<T>();
    for (int64_t p = 0; p < shape.parts(); ++p)
      if (const int64_t rows = shape.rows_of_part(p); rows > 0)
        center = fma(distance(p), splat(static_cast<T>(rows)), center);
    center *= inverse;
    for (int64_t p = 0; p < shape.parts(); ++p)
      if (const int64_t rows = shape.rows_of_part(p); rows > 0) {
        const Vec<T> d = distance(p) - center;
        m2 += fma(d * static_cast<T>(rows), d, get(sums + shape.part_offset(p, 2) + shape.width));
      }
    put(mean, anchor + center);
    put(variance, m2 * inverse);
  });
}

// The activation of a call. A is the same one, or `unknown` where it is to be looked up.
template <class T>
struct Chosen {
  Activation activation;
  T alpha;

  template <Activation A>
  GEMMULE_INLINE Vec<T> forward(Vec<T> x) const {
    if constexpr (A == Activation::unknown)
      return look_up(x);
    else
      return activate<T, A>(x, alpha);
  }
  template <Activation A>
  GEMMULE_INLINE Vec<T> backward(Vec<T> dy, Vec<T> y) const {
    if constexpr (A == Activation::unknown)
      return look_up_backward(dy, y);
    else
      return activate_backward<T, A>(dy, y, alpha);
  }

 private:
  __attribute__((noinline)) Vec<T> look_up(Vec<T> x) const { return apply_activation<T>(x, activation, alpha); }
  __attribute__((noinline)) Vec<T> look_up_backward(Vec<T> dy, Vec<T> y) const {
    return apply_activation_backward<T>(dy, y, activation, alpha);
  }
};

// y = act((x - center) scale + shift + residual) for the rows of a chunk; center, scale and shift (width).
//
// Without a center the product and the sum are one multiply-add of x: as a convolution does it to what it stores.
template <class T, Activation A, bool kCentered>
void map_rows(T* y, const T* x, const T* residual, const T* center, const T* scale, const T* shift,
              const Chosen<T>& chosen, const Walk& walk) {
  const auto body = [=](auto get, auto put, int64_t at, auto count, auto add) __attribute__((always_inline)) {
    const Vec<T> a = get(scale), b = get(shift), c = kCentered ? get(center) : a;
#pragma GCC unroll 4
    for (int k = 0; k < decltype(count)::value; ++k) {
      const int64_t here = at + k * walk.width;
      Vec<T> v = get(x + here);
      if constexpr (kCentered) v -= c;
      v = fma(v, a, b);
      if constexpr (add.value) v += get(residual + here);
      put(y + here, chosen.template forward<A>(v));
    }
  };
  if (residual)
    for_rows<T, 4>(
        walk,
        [=](auto get, auto put, int64_t at, auto count)
            __attribute__((always_inline)) { body(get, put, at, count, Count<1>{}); },
        x, residual, y);
  else
    for_rows<T, 4>(
        walk,
        [=](auto get, auto put, int64_t at, auto count)
            __attribute__((always_inline)) { body(get, put, at, count, Count<0>{}); },
        x, y);
}

// The gradient that arrives at the normalized value: dy itself, or what the activation lets through.
template <class T, Activation A, class Get>
GEMMULE_INLINE Vec<T> through_activation(const Get& get, const T* dy, const T* y, int64_t here,
                                         const Chosen<T>& chosen) {
  if constexpr (A == Activation::linear)
    return get(dy + here);
  else
    return chosen.template backward<A>(get(dy + here), get(y + here));
}

// sum (width) = Σ dz and moment (width) = Σ dz (x - mean) over the rows of a chunk; mean (width).
template <class T, Activation A>
void chunk_gradients(T* sum, T* moment, const T* dy, const T* x, const T* y, const T* mean, const Chosen<T>& chosen,
                     const Walk& walk) {
  clear(sum, walk.columns);
  clear(moment, walk.columns);
  for_rows<T, 4>(walk, [=](auto get, auto put, int64_t at, auto count) __attribute__((always_inline)) {
    constexpr int R = decltype(count)::value;
    const Vec<T> center = get(mean);
    Vec<T> dz[R], products[R];
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k) {
      const int64_t here = at + k * walk.width;
      dz[k] = through_activation<T, A>(get, dy, y, here, chosen);
      products[k] = dz[k] * (get(x + here) - center);
    }
    put(sum, get(sum) + tree_sum<T, R>(dz));
    put(moment, get(moment) + tree_sum<T, R>(products));
  });
}

// Total over the parts for columns [begin, end) of C; `sums` holds two for each chunk.
template <class T>
void combine_sums(T* total, const T* sums, const Columns& x, Range columns) {
  for_each_vector<T>(columns, [=, &x](auto get, auto put) __attribute__((always_inline)) {
    Vec<T> sum = zero<T>();
    for (int64_t chunk = 0; chunk < x.chunks; ++chunk)  // in the order of parts, without dividing
      for (int64_t wide = 0; wide < x.fold; ++wide) sum += get(sums + chunk * 2 * x.width + wide * x.C);
    put(total, sum);
  });
}

// Repeats the first C of `width` entries, so that wide rows find coefficients for all their columns.
template <class T>
void repeat_columns(T* values, const Columns& x) {
  for (int64_t j = x.C; j < x.width; ++j) values[j] = values[j - x.C];
}

// Coefficients (width) of the gradient with respect to x: dx = slope dz - ((x - mean) tilt + lift)
template <class T>
struct Slopes {
  T *mean, *slope, *tilt, *lift;

  static constexpr int kArrays = 4;
  static Slopes at(T* memory, int64_t width) {
    return {memory, memory + width, memory + 2 * width, memory + 3 * width};
  }
  void repeat(const Columns& x) const {
    for (int k = 0; k < kArrays; ++k) repeat_columns(mean + k * x.width, x);
  }
};

template <class T, Activation A, bool kFixed>
void map_gradients(T* dx, const T* dy, const T* x, const T* y, const Slopes<T>& s, const Chosen<T>& chosen,
                   const Walk& walk) {
  for_rows<T, 4>(walk, [=](auto get, auto put, int64_t at, auto count) __attribute__((always_inline)) {
    const Vec<T> slope = get(s.slope);
    const Vec<T> mean = kFixed ? slope : get(s.mean), tilt = kFixed ? slope : get(s.tilt);
    const Vec<T> lift = kFixed ? slope : get(s.lift);
#pragma GCC unroll 4
    for (int k = 0; k < decltype(count)::value; ++k) {
      const int64_t here = at + k * walk.width;
      const Vec<T> dz = through_activation<T, A>(get, dy, y, here, chosen);
      if constexpr (kFixed)
        put(dx + here, dz * slope);
      else
        put(dx + here, fma(dz, slope, -fma(get(x + here) - mean, tilt, lift)));
    }
  });
}

// An operand from element `start` on, if it is there.
template <class T>
GEMMULE_INLINE T* from(T* operand, int64_t start) {
  return operand ? operand + start : nullptr;
}

// Calls body with the activation as a compile-time constant where it is one of the two that cost next to nothing;
// the others are `unknown` to the compiler and called vector by vector: their code would fill half a megabyte. The
// level that carries float64 is not there for speed and knows one of them only.
template <class Body>
GEMMULE_INLINE void with_activation(Activation activation, const Body& body) {
  if (activation == Activation::linear) return body.template operator()<Activation::linear>();
  if constexpr (!kCarriesDoubles)
    if (activation == Activation::relu) return body.template operator()<Activation::relu>();
  body.template operator()<Activation::unknown>();
}

// The activation a call names.
inline Activation required_activation(const Call& call) {
  const Activation activation = activation_from(call.text("activation"));
  if (activation == Activation::unknown) call.refuse("it can apply only activations whose gradient follows from y");
  return activation;
}

}  // namespace gemmule::GEMMULE_ISA
