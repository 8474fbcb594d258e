// Layer normalization over the last axis. Ba, Kiros and Hinton (2016). x (rows, C); mean and inv_std (rows).
//
// Four rows at a time: their sums do not wait for each other, and gamma, beta and the sums of their gradients are
// fetched once for the four. All passes but the first find the rows in cache.
#include "elementwise.h"
#include "norm.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int kRows = 4;
constexpr int64_t kChunkElements = 32768;  // of a partial sum of the backward

struct LayerNormArgs {
  int64_t rows, C;
  int64_t chunk;  // rows of a unit
  double epsilon;
  int64_t wants_sums, wants_dx;
  double bytes;

  int64_t chunks() const { return max(1, ceil_div(rows, chunk)); }
};

// total[k] = Σ term(j, lanes, k) over the C columns of row k. Long rows are summed in blocks: small terms would drown
// in a large sum. What the term says about lanes behind the end does not count.
template <class T, int R, class Term>
GEMMULE_INLINE void row_sums(T (&total)[R], int64_t C, const Term& term) {
  constexpr int64_t kBlock = 32 * kLanes<T>;
  Vec<T> outer[R] = {};
  for (int64_t begin = 0; begin < C; begin += kBlock) {
    const int64_t end = min(begin + kBlock, C);
    Vec<T> inner[R] = {};
    int64_t j = begin;
    for (; j + kLanes<T> <= end; j += kLanes<T>) {
#pragma GCC unroll 4
      for (int k = 0; k < R; ++k) inner[k] += term(j, kLanes<T>, k);
    }
    if (j < end) {
      const Mask<T> inside = lane_numbers<T>() < static_cast<T>(end - j);
#pragma GCC unroll 4
      for (int k = 0; k < R; ++k) inner[k] += select<T>(inside, term(j, end - j, k), zero<T>());
    }
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k) outer[k] += inner[k];
  }
#pragma GCC unroll 4
  for (int k = 0; k < R; ++k) total[k] = reduce_add<T>(outer[k]);
}

// y (rows, C), mean (rows), inv_std (rows) | x, gamma (C)?, beta (C)?
template <class T>
struct LayerNormForward {
  using Args = LayerNormArgs;

  static Args prepare(const Call& call) {
    const int64_t rows = call.leading(3, -1), C = call.dim(3, -1);
    return {rows, C, round_up(max(1, 4096 / max(C, 1)), kRows),      call.number("epsilon"),
            0,    0, 2.0 * static_cast<double>(rows * C) * sizeof(T)};
  }
  static int64_t units(const Args& args) { return args.chunks(); }
  static double cost(const Args& args) { return 20 + 5.0 * static_cast<double>(args.rows) + stream_ns(args.bytes); }

  static void run(T* y, T* mean, T* inv_std, const T* x, const T* gamma, const T* beta, const Args& args,
                  const Units& u) {
    const auto [begin, end] = covered(u, args.chunk, args.rows);
    const int64_t C = args.C;
    int64_t i = begin;
    for (; i + kRows <= end; i += kRows) forward<kRows>(y + i * C, mean + i, inv_std + i, x + i * C, gamma, beta, args);
    for (; i < end; ++i) forward<1>(y + i * C, mean + i, inv_std + i, x + i * C, gamma, beta, args);
  }

 private:
  template <int R>
  static void forward(T* y, T* mean, T* inv_std, const T* x, const T* gamma, const T* beta, const Args& args) {
    const int64_t C = args.C;
    const T share = T(1) / static_cast<T>(C), epsilon = static_cast<T>(args.epsilon);
    T total[R];
    Vec<T> first[R], center[R], inverse[R];
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k) first[k] = splat(C > 0 ? x[k * C] : T(0));
    // Distances from the first number of the row: numbers around 10000 that differ by 1 lose no digit.
    row_sums<T, R>(total, C, [&](int64_t j, int64_t lanes, int k) __attribute__((always_inline)) {
      return load_partial(x + k * C + j, lanes) - first[k];
    });
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k) center[k] = fma(splat(total[k]), splat(share), first[k]);
    row_sums<T, R>(total, C, [&](int64_t j, int64_t lanes, int k) __attribute__((always_inline)) {
      const Vec<T> d = load_partial(x + k * C + j, lanes) - center[k];
      return d * d;
    });
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k) {
      inverse[k] = T(1) / square_root<T>(fma(splat(total[k]), splat(share), splat(epsilon)));
      mean[k] = center[k][0];
      inv_std[k] = inverse[k][0];
    }
    for_each_vector<T>(Range{0, C}, [&](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> slope = gamma ? get(gamma) : splat(T(1)), shift = beta ? get(beta) : zero<T>();
#pragma GCC unroll 4
      for (int k = 0; k < R; ++k) {
        const Vec<T> z = (get(x + k * C) - center[k]) * inverse[k];
        put(y + k * C, fma(z, slope, shift));
      }
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
    const int64_t chunk = round_up(max(16, kChunkElements / max(C, 1)), kRows);
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
      int64_t i = chunk * args.chunk;
      for (; i + kRows <= end; i += kRows)
        backward<kRows>(dx ? dx + i * C : nullptr, sums, dy + i * C, x + i * C, mean + i, inv_std + i, gamma, C);
      for (; i < end; ++i)
        backward<1>(dx ? dx + i * C : nullptr, sums, dy + i * C, x + i * C, mean + i, inv_std + i, gamma, C);
    }
  }

 private:
  template <int R>
  static void backward(T* dx, T* sums, const T* dy, const T* x, const T* mean, const T* inv_std, const T* gamma,
                       int64_t C) {
    const T share = T(1) / static_cast<T>(C);
    Vec<T> center[R], inverse[R], tilt[R] = {}, lift[R] = {};
#pragma GCC unroll 4
    for (int k = 0; k < R; ++k) center[k] = splat(mean[k]), inverse[k] = splat(inv_std[k]);
    if (dx) {
      T whole[R], turned[R];
      const auto dz = [&](int64_t j, int64_t lanes, int k) __attribute__((always_inline)) {
        const Vec<T> d = load_partial(dy + k * C + j, lanes);
        return gamma ? d * load_partial(gamma + j, lanes) : d;
      };
      row_sums<T, R>(whole, C, dz);
      row_sums<T, R>(turned, C, [&](int64_t j, int64_t lanes, int k) __attribute__((always_inline)) {
        return dz(j, lanes, k) * (load_partial(x + k * C + j, lanes) - center[k]);
      });
#pragma GCC unroll 4
      for (int k = 0; k < R; ++k) {
        lift[k] = inverse[k] * (splat(whole[k]) * share);
        tilt[k] = inverse[k] * inverse[k] * inverse[k] * (splat(turned[k]) * share);
      }
    }
    for_each_vector<T>(Range{0, C}, [&](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> slope = gamma ? get(gamma) : splat(T(1));
      Vec<T> sum = zero<T>(), moment = zero<T>();
#pragma GCC unroll 4
      for (int k = 0; k < R; ++k) {
        const Vec<T> d = get(dy + k * C), distance = get(x + k * C) - center[k];
        sum += d;
        moment = fma(d, distance * inverse[k], moment);
        if (dx) put(dx + k * C, fma(d * slope, inverse[k], -fma(distance, tilt[k], lift[k])));
      }
      if (!sums) return;
      put(sums, get(sums) + sum);
      put(sums + C, get(sums + C) + moment);
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

void add_layer_norm(Table& table, bool doubles) {
  add_kernels<float>(table);
  if (doubles) add_kernels<double>(table);
}

}  // namespace gemmule::GEMMULE_ISA
