// Layer normalization over the last axis. Ba, Kiros and Hinton (2016). x (rows, C); mean and inv_std (rows).
//
// One row after the other: all passes over a row but the first find it in L1. (Forward, a few short rows: their sums,
// then their roots, then their results, or each would wait for its own.) Several rows at a time would hide the
// latency of sums, too, but the hardware's prefetchers follow one stream better than many: at 16 MB the backward took
// twice as long.
#include "elementwise.h"
#include "norm.h"
#include "streaming.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kChunkElements = 32768;  // of a partial sum of the backward
constexpr int64_t kBlockElements = 4096;   // of short rows whose roots and quotients are taken together
constexpr int64_t kShortRow = 800;
constexpr int64_t kNear = 1 << 22;  // elements that caches hold: beyond, the memory is what takes the time

struct LayerNormArgs {
  int64_t rows, C;
  int64_t chunk;  // rows of a unit
  double epsilon;
  int64_t wants_sums, wants_dx;
  double bytes;

  int64_t chunks() const { return max(1, ceil_div(rows, chunk)); }
};

template <class V>
struct Pair {
  V first, second;
};

// Two sums over the columns of a row: of term(j, lanes).first and .second, a vector from column j on at a time. Four
// vectors do not wait for each other; long rows are summed in blocks, since small terms would drown in a large sum.
// What the term says about lanes behind the end does not count.
template <class T, class Term>
GEMMULE_INLINE Pair<T> row_sums(int64_t C, const Term& term) {
  constexpr int64_t L = kLanes<T>, kBlock = 64 * L;
  Vec<T> first = zero<T>(), second = zero<T>();
  for (int64_t begin = 0; begin < C; begin += kBlock) {
    const int64_t end = min(begin + kBlock, C);
    Vec<T> a[4] = {}, b[4] = {};
    int64_t j = begin;
    for (; j + 4 * L <= end; j += 4 * L) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        const Pair<Vec<T>> terms = term(j + k * L, L);
        a[k] += terms.first;
        b[k] += terms.second;
      }
    }
    for (; j + L <= end; j += L) {
      const Pair<Vec<T>> terms = term(j, L);
      a[0] += terms.first;
      b[0] += terms.second;
    }
    if (j < end) {
      const Mask<T> inside = lane_numbers<T>() < static_cast<T>(end - j);
      const Pair<Vec<T>> terms = term(j, end - j);
      a[1] += select<T>(inside, terms.first, zero<T>());
      b[1] += select<T>(inside, terms.second, zero<T>());
    }
    first += (a[0] + a[1]) + (a[2] + a[3]);
    second += (b[0] + b[1]) + (b[2] + b[3]);
  }
  return {reduce_add<T>(first), reduce_add<T>(second)};
}

// y (rows, C), mean (rows), inv_std (rows) | x, gamma (C)?, beta (C)?
template <class T>
struct LayerNormForward {
  using Args = LayerNormArgs;

  static Args prepare(const Call& call) {
    const int64_t rows = call.leading(3, -1), C = call.dim(3, -1);
    return {rows,
            C,
            max(1, 4096 / max(C, 1)),
            call.number("epsilon"),
            0,
            0,
            2.0 * static_cast<double>(rows * C) * sizeof(T)};
  }
  static int64_t units(const Args& args) { return args.chunks(); }
  static double cost(const Args& args) { return 20 + 5.0 * static_cast<double>(args.rows) + stream_ns(args.bytes); }

  static void run(T* y, T* mean, T* inv_std, const T* x, const T* gamma, const T* beta, const Args& args,
                  const Units& u) {
    const Range all = covered(u, args.chunk, args.rows);
    const bool past = goes_past(y, args.rows * args.C, args.C);
    const bool blocks = args.C <= kShortRow && args.rows * args.C <= kNear;
    const int64_t together = blocks ? kBlockElements / max(args.C, 1) : 1;
    for (int64_t first = all.begin; first < all.end; first += together) {
      const Range rows{first, min(first + together, all.end)};
      for (int64_t i = rows.begin; i < rows.end; ++i) moments(mean + i, inv_std + i, x + i * args.C, args.C);
      const T epsilon = static_cast<T>(args.epsilon), share = T(1) / static_cast<T>(args.C);
      if (together == 1) {
        const T variance = fma(inv_std[first], share, epsilon);
        inv_std[first] = T(1) / (sizeof(T) == 4 ? __builtin_sqrtf(variance) : __builtin_sqrt(variance));
      } else {
        for_each_vector<T>(rows, [=](auto get, auto put) __attribute__((always_inline)) {
          put(inv_std, T(1) / square_root<T>(fma(get(inv_std), splat(share), splat(epsilon))));
        });
      }
      for (int64_t i = rows.begin; i < rows.end; ++i) {
        const int64_t at = i * args.C;
        if (past)
          map<true>(y + at, x + at, splat(mean[i]), splat(inv_std[i]), gamma, beta, args.C);
        else
          map<false>(y + at, x + at, splat(mean[i]), splat(inv_std[i]), gamma, beta, args.C);
      }
    }
    settle(past);
  }

 private:
  // The mean of a row and its sum of squared distances from that.
  static GEMMULE_INLINE void moments(T* mean, T* m2, const T* x, int64_t C) {
    const T share = T(1) / static_cast<T>(C), infinite = static_cast<T>(__builtin_inf());
    // Distances from the first number of the row: numbers around 10000 that differ by 1 lose no digit.
    const Vec<T> first = splat(C > 0 ? x[0] : T(0));
    const Pair<T> sums = row_sums<T>(C, [=](int64_t j, int64_t lanes) __attribute__((always_inline)) {
      const Vec<T> d = load_partial(x + j, lanes) - first;
      return Pair<Vec<T>>{d, d * d};
    });
    const T average = sums.first * share, rest = fma(-sums.first, average, sums.second);
    // An overflow stays infinite rather than becoming inf - inf, and what rounding leaves below zero is zero.
    *m2 = sums.second == infinite ? infinite : rest < T(0) ? T(0) : rest;
    *mean = first[0] + average;
  }

  template <bool kPast>
  static GEMMULE_INLINE void map(T* y, const T* x, Vec<T> center, Vec<T> inverse, const T* gamma, const T* beta,
                                 int64_t C) {
    int64_t j = 0;
    for_each_vector<T>(Range{0, C}, [=, &j](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> z = (get(x) - center) * inverse, scaled = gamma ? z * get(gamma) : z;
      const Vec<T> result = beta ? scaled + get(beta) : scaled;
      if constexpr (kPast)
        store_past(y + j, result);
      else
        put(y, result);
      j += kLanes<T>;
    });
  }
};

// dx?, dgamma (C)?, dbeta (C)? | dy, x, mean (rows), inv_std (rows), gamma (C)?
// With z = (x - mean) inv_std and dz = gamma dy: dx = inv_std (dz - mean of dz - z mean of dz z), means over a row;
// dgamma = Σ dy z and dbeta = Σ dy over rows: each chunk sums its rows, a second phase the chunks.
template <class T>
struct LayerNormBackward {
  using Args = LayerNormArgs;

  static Args prepare(const Call& call) {
    const int64_t rows = call.leading(4, -1), C = call.dim(4, -1);
    const int64_t chunk = max(16, kChunkElements / max(C, 1));
    return {rows,
            C,
            chunk,
            0,
            call.present(1) || call.present(2),
            call.present(0),
            3.0 * static_cast<double>(rows * C) * sizeof(T)};
  }
  static int phases(const Args& args) { return args.wants_sums ? 2 : 1; }
  static int64_t units(const Args& args, int phase) { return phase == 0 ? args.chunks() : ceil_div(args.C, 256); }
  static int64_t shared_bytes(const Args& args) { return args.wants_sums ? args.chunks() * 2 * args.C * sizeof(T) : 0; }
  static double cost(const Args& args) { return 20 + 10.0 * static_cast<double>(args.rows) + stream_ns(args.bytes); }

  static void run(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inv_std, const T* gamma,
                  const Args& args, const Units& u) {
    const int64_t C = args.C;
    T* const shared = static_cast<T*>(u.shared);
    const bool past = dx && goes_past(dx, args.rows * C, C);
    if (u.phase == 1) {
      const Range columns = covered(u, 256, C);
      if (dbeta) add_chunks(dbeta, shared, columns, args);
      if (dgamma) add_chunks(dgamma, shared + C, columns, args);
      return;
    }
    for (int64_t chunk = u.first; chunk < u.last; ++chunk) {
      T* const sums = args.wants_sums ? shared + chunk * 2 * C : nullptr;
      if (sums)
        for_each_vector<T>(Range{0, 2 * C},
                           [=](auto, auto put) __attribute__((always_inline)) { put(sums, zero<T>()); });
      const int64_t end = min(args.rows, (chunk + 1) * args.chunk);
      for (int64_t i = chunk * args.chunk; i < end; ++i) {
        const int64_t at = i * C;
        (past ? backward<true> : backward<false>)(dx ? dx + at : nullptr, sums, dy + at, x + at, mean[i], inv_std[i],
                                                  gamma, C);
      }
    }
    settle(past);
  }

 private:
  template <bool kPast>
  static void backward(T* dx, T* sums, const T* dy, const T* x, T mean, T inv_std, const T* gamma, int64_t C) {
    const T share = T(1) / static_cast<T>(C);
    const Vec<T> center = splat(mean), inverse = splat(inv_std);
    Vec<T> tilt = zero<T>(), lift = zero<T>();
    if (dx) {
      const Pair<T> totals = row_sums<T>(C, [=](int64_t j, int64_t lanes) __attribute__((always_inline)) {
        const Vec<T> d = load_partial(dy + j, lanes), dz = gamma ? d * load_partial(gamma + j, lanes) : d;
        return Pair<Vec<T>>{dz, dz * (load_partial(x + j, lanes) - center)};
      });
      lift = inverse * (totals.first * share);
      tilt = inverse * inverse * inverse * (totals.second * share);
    }
    int64_t j = 0;
    for_each_vector<T>(Range{0, C}, [=, &j](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> d = get(dy), distance = get(x) - center;
      if (dx) {
        const Vec<T> result = fma(gamma ? d * get(gamma) : d, inverse, -fma(distance, tilt, lift));
        if constexpr (kPast)
          store_past(dx + j, result);
        else
          put(dx, result);
      }
      j += kLanes<T>;
      if (!sums) return;
      put(sums, get(sums) + d);
      put(sums + C, fma(d, distance * inverse, get(sums + C)));
    });
  }

  static void add_chunks(T* out, const T* sums, Range columns, const Args& args) {
    for_each_vector<T>(columns, [=, &args](auto get, auto put) __attribute__((always_inline)) {
      Vec<T> total = zero<T>();
      for (int64_t chunk = 0; chunk < args.chunks(); ++chunk) total += get(sums + chunk * 2 * args.C);
      put(out, total);
    });
  }
};

template <class T>
void add_kernels(Table& table) {
  table.add<LayerNormForward<T>>("layer_norm_forward", DTypeOf<T>::value);
  table.add<LayerNormBackward<T>>("layer_norm_backward", DTypeOf<T>::value);
}

}  // namespace

void add_layer_norm(Table& table) {
  for_floating_types([&]<class T>(DType) { add_kernels<T>(table); });
}

}  // namespace gemmule::GEMMULE_ISA
