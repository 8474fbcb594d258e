// The steps that softmax and the losses built on it share, for one row of C numbers.
#pragma once
#include "simd_math.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

// The first n lanes of memory, the others `rest`.
template <class T>
GEMMULE_INLINE Vec<T> load_row_end(const T* p, int64_t n, T rest) {
  return select<T>(lane_numbers<T>() < static_cast<T>(n), load_partial(p, n), splat(rest));
}

// The largest of x (C), or NaN when there is one. Four at a time, since a maximum has to wait for the one before it.
template <class T>
GEMMULE_INLINE T row_max(const T* x, int64_t C) {
  constexpr int64_t L = kLanes<T>;
  const T kLowest = -static_cast<T>(__builtin_inf());
  Vec<T> best = splat(kLowest);
  int64_t j = 0;
  if (C >= 4 * L) {
    Vec<T> b0 = best, b1 = best, b2 = best, b3 = best;
    for (; j + 4 * L <= C; j += 4 * L) {
      b0 = maximum<T>(b0, load(x + j));
      b1 = maximum<T>(b1, load(x + j + L));
      b2 = maximum<T>(b2, load(x + j + 2 * L));
      b3 = maximum<T>(b3, load(x + j + 3 * L));
    }
    best = maximum<T>(maximum<T>(b0, b1), maximum<T>(b2, b3));
  }
  for (; j + L <= C; j += L) best = maximum<T>(best, load(x + j));
  if (j < C) best = maximum<T>(best, load_row_end(x + j, C - j, kLowest));
  return reduce_max<T>(best);
}

// Adds up body(j, lanes) over the vectors of a row of C numbers. Lanes behind the end count as zero. Long rows are
// summed in blocks first: small terms would drown in a large sum.
template <class T, class Body>
GEMMULE_INLINE T row_sum(int64_t C, const Body& body) {
  constexpr int64_t kBlockLanes = 32 * kLanes<T>;
  Vec<T> sum = zero<T>();
  for (int64_t begin = 0; begin < C; begin += kBlockLanes) {
    const int64_t end = min(begin + kBlockLanes, C);
    Vec<T> block = zero<T>();
    int64_t j = begin;
    for (; j + kLanes<T> <= end; j += kLanes<T>) block += body(j, kLanes<T>);
    if (j < end) block += select<T>(lane_numbers<T>() < static_cast<T>(end - j), body(j, end - j), zero<T>());
    sum += block;
  }
  return reduce_add<T>(sum);
}

// Sum of exp(x - shift) over x (C); the terms go to `terms` (C) when it is given.
template <class T>
GEMMULE_INLINE T row_sum_exp(const T* x, int64_t C, T shift, T* terms = nullptr) {
  return row_sum<T>(C, [=](int64_t j, int64_t lanes) __attribute__((always_inline)) {
    const Vec<T> term = exp(load_partial(x + j, lanes) - shift);
    if (terms) store_partial(terms + j, term, lanes);
    return term;
  });
}

// Logarithms of a few numbers at once: a vector costs as much as one of them.
template <class T>
GEMMULE_INLINE void log_in_place(T* values, int64_t n) {
  for_each_vector<T>({0, n}, [=](auto get, auto put) __attribute__((always_inline)) { put(values, log(get(values))); });
}

// y (C) = exp(x - max) / sum
template <class T>
GEMMULE_INLINE void row_softmax(T* y, const T* x, int64_t C) {
  const T inverse = T(1) / row_sum_exp(x, C, row_max(x, C), y);
  for_each_vector<T>({0, C}, [=](auto get, auto put) __attribute__((always_inline)) { put(y, get(y) * inverse); });
}

// How rows (N, C) divide into units: about a thousand numbers each.
struct Rows {
  int64_t rows, columns;
  int64_t rows_a_unit;

  static Rows of(const Call& call, int operand) {
    const int64_t columns = call.rank(operand) == 0 ? 1 : call.dim(operand, -1);
    return {call.leading(operand, -1), columns, max(1, 1024 / max(columns, 1))};
  }

  int64_t units() const { return ceil_div(rows, rows_a_unit); }
  Range covered_by(const Units& u) const { return covered(u, rows_a_unit, rows); }
};

}  // namespace gemmule::GEMMULE_ISA
