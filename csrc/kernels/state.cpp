// Writes to what outlives a step: metric sums, counters, the flag of the first non-finite array.
// (`assign` is a copy and lives with the copies in reshaping.cpp.)
#include "families.h"
#include "simd.h"

namespace gemmule::GEMMULE_ISA {

namespace {

// state (2): Σ w·v and Σ w; values, weights (N). Serial, in order and in float64: sums of an epoch run over millions.
struct Accumulate {
  struct Args {
    int64_t size;
    int64_t double_values, double_weights;
  };

  static Args prepare(const Call& call) {
    return {call.size(1), call.dtype(1) == DType::float64, call.present(2) && call.dtype(2) == DType::float64};
  }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args& args) { return 1.2 * static_cast<double>(args.size); }

  static void run(double* state, const void* values, const void* weights, const Args& args, const Units&) {
    if (args.double_values)
      add(state, static_cast<const double*>(values), weights, args);
    else
      add(state, static_cast<const float*>(values), weights, args);
  }

  template <class V>
  static void add(double* state, const V* values, const void* weights, const Args& args) {
    if (args.double_weights)
      add(state, values, static_cast<const double*>(weights), args.size);
    else
      add(state, values, static_cast<const float*>(weights), args.size);
  }

  template <class V, class W>
  static void add(double* state, const V* values, const W* weights, int64_t size) {
    double total = state[0], count = state[1];
    for (int64_t i = 0; i < size; ++i) {
      const double weight = weights ? static_cast<double>(weights[i]) : 1;
      total += weight * static_cast<double>(values[i]);
      count += weight;
    }
    state[0] = total;
    state[1] = count;
  }
};

// counter (k): the last element moves on, unless there is a gate (1) and it is 0. int64 and uint64 add alike in two's
// complement.
struct Advance {
  struct Args {
    int64_t last, by, gated;
  };

  static Args prepare(const Call& call) { return {call.size(0) - 1, call.integer("by"), call.count > 1}; }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args&) { return 1; }
  static void run_buffers(void* const* buffers, const Args& args, const Units&) {
    if (args.gated && *static_cast<const int32_t*>(buffers[1]) == 0) return;
    static_cast<uint64_t*>(buffers[0])[args.last] += static_cast<uint64_t>(args.by);
  }
};

// flag (1): set to `code` when x holds NaN or infinity and no earlier check has failed.
template <class T>
struct CheckFinite {
  struct Args {
    int64_t size, code;
  };
  static constexpr int64_t kChunk = 16384 / sizeof(T);

  static Args prepare(const Call& call) { return {call.size(1), call.integer("code")}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return cost_ns(0, static_cast<double>(args.size) * sizeof(T)); }

  // x - x is +0 for a finite x and NaN for any other, so one OR of bits remembers every failure. (+0 wants the
  // default rounding mode, in which all of gemmule runs.)
  static GEMMULE_INLINE Mask<T> suspect(Vec<T> x) { return reinterpret_cast<Mask<T>>(x - x); }

  static bool finite(const T* x, int64_t n) {
    constexpr int64_t kStep = kLanes<T>;
    Mask<T> bad[4] = {};
    int64_t i = 0;
    for (; i + 4 * kStep <= n; i += 4 * kStep)
      for (int k = 0; k < 4; ++k) bad[k] |= suspect(load(x + i + k * kStep));
    for (; i < n; i += kStep) bad[0] |= suspect(load_partial(x + i, min(kStep, n - i)));
    const Mask<T> all = (bad[0] | bad[1]) | (bad[2] | bad[3]);
    typename IntOf<T>::type bits = 0;
    for (int lane = 0; lane < kLanes<T>; ++lane) bits |= all[lane];
    return bits == 0;
  }

  static void run(int32_t* flag, const T* x, const Args& args, const Units& u) {
    const Range range = covered(u, kChunk, args.size);
    if (finite(x + range.begin, range.end - range.begin)) return;
    // Several threads may come here, all with the same code: relaxed atomics make that well defined.
    if (__atomic_load_n(flag, __ATOMIC_RELAXED) == 0)
      __atomic_store_n(flag, static_cast<int32_t>(args.code), __ATOMIC_RELAXED);
  }
};

}  // namespace

void register_state(Table& table) {
  add_any<Accumulate>(table, "accumulate");
  add_any<Advance>(table, "advance");
  for_floating_types([&]<class T>(DType dtype) { table.add<CheckFinite<T>>("check_finite", dtype); });
}

}  // namespace gemmule::GEMMULE_ISA
