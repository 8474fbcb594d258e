// Optimizer steps: every array of parameters, gradients and slots is read once and written once.
#include "update.h"

#include "families.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kChunk = 4096;  // parameters a unit: a multiple of 64 bytes, so that no two threads share a line

struct UpdateArgs {
  int64_t size;
  int64_t arrays;  // passes over memory, reads and writes
  int64_t item;    // bytes
  int64_t variant;
};

struct Update {
  using Args = UpdateArgs;

  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return cost_ns(0, static_cast<double>(args.size * args.arrays * args.item)); }
};

// A step that several small kernels share is done in one of them only: `gate` (1) is 0 while gradients accumulate.
bool closed(const int32_t* gate) { return gate != nullptr && *gate == 0; }

// w (n), slots (n)?…, average (n)? | dw (n), hyper, rules (kRules), step (1), gate (1)?
template <class T, class Formula>
struct Step : Update {
  static constexpr int kSlots = Formula::kSlots, kOutputs = kSlots + 2;

  static Args prepare(const Call& call) {
    int64_t arrays = 1;
    for (int i = 0; i < kOutputs; ++i) arrays += 2 * call.present(i);
    return {call.size(0), arrays, sizeof(T), call.integer("variant")};
  }

  static void run_buffers(void* const* buffers, const Args& args, const Units& u) {
    if (closed(static_cast<const int32_t*>(buffers[kOutputs + 4]))) return;
    T* const w = static_cast<T*>(buffers[0]);
    T* const average = static_cast<T*>(buffers[kSlots + 1]);
    T* slots[kSlots];
    for (int i = 0; i < kSlots; ++i) slots[i] = static_cast<T*>(buffers[i + 1]);
    const T* const dw = static_cast<const T*>(buffers[kOutputs]);
    const double* const hyper = static_cast<const double*>(buffers[kOutputs + 1]);
    const double* const rules = static_cast<const double*>(buffers[kOutputs + 2]);
    const int64_t step = *static_cast<const int64_t*>(buffers[kOutputs + 3]);
    const Formula formula(hyper, rules[kMultiplier], step, args.variant);
    const Around<T> around(hyper, rules, step);
    for_each_vector<T>(covered(u, kChunk, args.size), [&](auto get, auto put) __attribute__((always_inline)) {
      Vec<T> s[kSlots];
      for (int i = 0; i < kSlots; ++i) s[i] = slots[i] ? get(slots[i]) : zero<T>();
      const Vec<T> updated = formula(around.before(get(w)), around.gradient(get(dw)), s);
      for (int i = 0; i < kSlots; ++i)
        if (slots[i]) put(slots[i], s[i]);
      put(w, around.after(updated));
      if (average) put(average, around.average(get(average), updated));
    });
  }
};

// hyper (7) of Nadam: [4…6] = u_t, u_{t+1}, u_1·…·u_t with u_t = beta_1·(1 - 0.96^t / 2) | step (1), gate (1)?
struct NadamSchedule {
  struct Args {};
  static Args prepare(const Call&) { return {}; }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args&) { return 100; }
  static void run(double* hyper, const int64_t* step, const int32_t* gate, const Args&, const Units&) {
    if (closed(gate)) return;
    const double t = static_cast<double>(*step + 1);
    hyper[4] = hyper[1] * (1 - 0.5 * __builtin_pow(0.96, t));
    hyper[5] = hyper[1] * (1 - 0.5 * __builtin_pow(0.96, t + 1));
    hyper[6] = (*step == 0 ? 1 : hyper[6]) * hyper[4];
  }
};

// sums (n) += dw (n), or = dw at the first of `every` calls | dw, count (1): calls before this one
template <class T>
struct AccumulateGradient : Update {
  static Args prepare(const Call& call) { return {call.size(0), 3, sizeof(T), call.integer("every")}; }
  static void run(T* sums, const T* dw, const int64_t* count, const Args& args, const Units& u) {
    const bool first = *count % args.variant == 0;
    for_each_vector<T>(covered(u, kChunk, args.size), [&](auto get, auto put) __attribute__((always_inline)) {
      put(sums, first ? get(dw) : get(sums) + get(dw));
    });
  }
};

// gate (1) = whether this is the last of `every` calls | count (1): calls before this one
struct OpenGate {
  struct Args {
    int64_t every;
  };
  static Args prepare(const Call& call) { return {call.integer("every")}; }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args&) { return 10; }
  static void run(int32_t* gate, const int64_t* count, const Args& args, const Units&) {
    *gate = (*count + 1) % args.every == 0;
  }
};

// w (n) = average (n) after each `every` updates | average, step (1): updates before this one, gate (1)?
template <class T>
struct TakeAverage : Update {
  static Args prepare(const Call& call) { return {call.size(0), 2, sizeof(T), call.integer("every")}; }
  static void run(T* w, const T* average, const int64_t* step, const int32_t* gate, const Args& args, const Units& u) {
    if (closed(gate) || (*step + 1) % args.variant != 0) return;
    for_each_vector<T>(covered(u, kChunk, args.size),
                       [&](auto get, auto put) __attribute__((always_inline)) { put(w, get(average)); });
  }
};

// sum (1) of the squares of x (n), added up in float64 | x
template <class T>
struct SumSquares {
  struct Args {
    int64_t size;
  };
  static constexpr int64_t kBlock = 1024, kUnit = 16;  // numbers summed as vectors; blocks a unit

  static Args prepare(const Call& call) { return {call.size(1)}; }
  static int64_t blocks(const Args& args) { return ceil_div(args.size, kBlock); }
  static int phases(const Args&) { return 2; }
  static int64_t units(const Args& args, int phase) { return phase == 0 ? ceil_div(blocks(args), kUnit) : 1; }
  static int64_t shared_bytes(const Args& args) { return (blocks(args) + 1) * static_cast<int64_t>(sizeof(double)); }
  static double cost(const Args& args) { return cost_ns(0, static_cast<double>(args.size) * sizeof(T)); }

  static double of_block(const T* x, int64_t n) {
    Vec<T> sums[4] = {};
    for (int64_t i = 0; i < n; i += 4 * kLanes<T>)
      for (int k = 0; k < 4; ++k) {
        const Vec<T> v = load_partial(x + i + k * kLanes<T>, max(n - i - k * kLanes<T>, 0));
        sums[k] = fma(v, v, sums[k]);
      }
    return static_cast<double>(reduce_add<T>((sums[0] + sums[1]) + (sums[2] + sums[3])));
  }

  static void run(T* sum, const T* x, const Args& args, const Units& u) {
    double* const parts = static_cast<double*>(u.shared);
    if (u.phase == 0) {
      const Range range = covered(u, kUnit, blocks(args));
      for (int64_t b = range.begin; b < range.end; ++b)
        parts[b] = of_block(x + b * kBlock, min(kBlock, args.size - b * kBlock));
      return;
    }
    double total = 0;
    for (int64_t b = 0; b < blocks(args); ++b) total += parts[b];
    *sum = static_cast<T>(total);
  }
};

// rules (groups, kRules): [:, kScale] = share · min(1, limit / (share · norm)) | sums of squares (groups), limits (2):
// share, limit. The norm is each group's own, or of all sums `together`, of which there may be any number.
struct ClipScale {
  struct Args {
    int64_t groups, sums, together;
  };
  static Args prepare(const Call& call) { return {call.dim(0, 0), call.size(1), call.flag("together")}; }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args& args) { return 20.0 * static_cast<double>(args.groups + args.sums); }
  static void run(double* rules, const double* sums, const double* limits, const Args& args, const Units&) {
    double all = 0;
    for (int64_t i = 0; i < args.sums; ++i) all += sums[i];
    for (int64_t i = 0; i < args.groups; ++i) {
      const double norm = limits[0] * __builtin_sqrt(args.together ? all : sums[i]);
      rules[i * kRules + kScale] = norm > limits[1] ? limits[0] * limits[1] / norm : limits[0];
    }
  }
};

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<Step<T, Sgd<T>>>("sgd_step", dtype);
  table.add<Step<T, Adam<T>>>("adam_step", dtype);
  table.add<Step<T, Adamax<T>>>("adamax_step", dtype);
  table.add<Step<T, Nadam<T>>>("nadam_step", dtype);
  table.add<Step<T, Adagrad<T>>>("adagrad_step", dtype);
  table.add<Step<T, Adadelta<T>>>("adadelta_step", dtype);
  table.add<Step<T, RmsProp<T>>>("rmsprop_step", dtype);
  table.add<Step<T, Lion<T>>>("lion_step", dtype);
  table.add<AccumulateGradient<T>>("accumulate_gradient", dtype);
  table.add<TakeAverage<T>>("take_average", dtype);
  table.add<SumSquares<T>>("sum_squares", dtype);
}

}  // namespace

void register_update(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
  add_any<NadamSchedule>(table, "nadam_schedule");
  add_any<OpenGate>(table, "open_gate");
  add_any<ClipScale>(table, "clip_scale");
}

}  // namespace gemmule::GEMMULE_ISA
