// Group normalization: statistics of each example over all its positions and the channels of one group.
// Wu and He (2018). x (N, ..., C) seen as (N, S, C); G groups of C / G channels; mean and inv_std (N, G).
#include "elementwise.h"
#include "norm.h"
#include "norm_columns.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kSmallExample = 1 << 16;  // elements: half a megabyte of x and dy

struct GroupNormArgs {
  Columns x;
  int64_t G;
  double epsilon;
  int64_t wants_sums, wants_dx;
  double bytes;

  int64_t channels() const { return x.C / max(G, 1); }
  // Whether an example is so small that it stays in cache from its sums to its results: then it is one unit.
  bool is_small() const { return x.rows * x.C <= kSmallExample; }
  int64_t examples_or_chunks() const { return is_small() ? x.outer : x.units(); }
  double inverse_count() const { return 1 / static_cast<double>(x.rows * channels()); }
};

template <class T>
Columns by_example(const Call& call, int operand) {
  int64_t positions = 1;
  for (int axis = 1; axis < call.rank(operand) - 1; ++axis) positions *= call.dim(operand, axis);
  return Columns::of<T>(call.dim(operand, 0), positions, call.dim(operand, -1));
}

// Calls chunks(unit) for the units of all chunks, examples(n), and results(unit) for the same chunks, each in a phase
// of its own, or one example after the other where these are small. Only which units are done here differs.
template <class Chunks, class Examples, class Results>
GEMMULE_INLINE void by_phase(const GroupNormArgs& args, const Units& u, const Chunks& chunks, const Examples& examples,
                             const Results& results) {
  const bool small = args.is_small();
  const int64_t parts = args.x.chunks;
  for (int64_t i = u.first; i < u.last; ++i) {
    const int64_t first = small ? i * parts : i, last = small ? first + parts : i + 1;
    if (small || u.phase == 0)
      for (int64_t unit = first; unit < last; ++unit) chunks(unit);
    if (small || u.phase == 1) examples(i);
    if (small || u.phase == 2)
      for (int64_t unit = first; unit < last; ++unit) results(unit);
  }
}

// Each lane gets the sum of the `n` lanes, a power of two, that it lies among.
template <class T, int W = 1>
GEMMULE_INLINE Vec<T> segment_sums(Vec<T> v, int64_t n) {
  if constexpr (W < kLanes<T>) {
    if (n > W) return segment_sums<T, 2 * W>(v + swap_lanes<W>(v, typename MakeIndices<kLanes<T>>::type{}), n);
  }
  return v;
}

// y, mean (N, G), inv_std (N, G) | x, gamma (C)?, beta (C)?
template <class T>
struct GroupNormForward {
  using Args = GroupNormArgs;

  static Args prepare(const Call& call) {
    const Columns x = by_example<T>(call, 3);
    return {x, call.integer("groups"), call.number("epsilon"), 1, 1, 3.0 * static_cast<double>(x.size()) * sizeof(T)};
  }
  static int phases(const Args& args) { return args.is_small() ? 1 : 3; }
  static int64_t units(const Args& args, int phase) { return phase == 1 ? args.x.outer : args.examples_or_chunks(); }
  // For each example coefficients (3, width), then partial sums (chunks, 2, width); for a thread moments (2, C).
  static int64_t shared_bytes(const Args& args) { return args.x.outer * stride(args) * sizeof(T); }
  static int64_t local_bytes(const Args& args) { return 2 * args.x.C * sizeof(T); }
  static double cost(const Args& args) { return 50 + stream_ns(args.bytes); }

  static void run(T* y, T* mean, T* inv_std, const T* x, const T* gamma, const T* beta, const Args& args,
                  const Units& u) {
    const Columns& v = args.x;
    T* const shared = static_cast<T*>(u.shared);
    const auto moments = [&](int64_t unit) {
      T* const sums = shared + unit / v.chunks * stride(args) + (3 + unit % v.chunks * 2) * v.width;
      chunk_moments(sums, sums + v.width, x + v.start(unit), Walk::of(v, unit, {0, v.width}));
    };
    const auto combine = [&](int64_t n) {
      finish(mean + n * args.G, inv_std + n * args.G, shared + n * stride(args), x + n * v.rows * v.C, gamma, beta,
             args, static_cast<T*>(u.local));
    };
    const auto map = [&](int64_t unit) {
      const T* const coefficients = shared + unit / v.chunks * stride(args);
      const int64_t start = v.start(unit);
      map_rows<T, Activation::linear, true>(y + start, x + start, nullptr, coefficients, coefficients + v.width,
                                            coefficients + 2 * v.width, {}, Walk::of(v, unit, {0, v.width}));
    };
    by_phase(args, u, moments, combine, map);
  }

 private:
  static int64_t stride(const Args& args) { return (args.x.chunks * 2 + 3) * args.x.width; }

  // Channels have been summed over positions; here they meet in groups.
  static void finish(T* mean, T* inv_std, T* coefficients, const T* x, const T* gamma, const T* beta, const Args& args,
                     T* local) {
    const int64_t C = args.x.C, channels = args.channels(), width = args.x.width;
    T *const average = local, *const variance = local + C;
    combine_moments(average, variance, coefficients + 3 * width, x, args.x, {0, C});
    const T share = T(1) / static_cast<T>(channels);
    for (int64_t g = 0; g < args.G; ++g) {
      const int64_t first = g * channels;
      T distance = 0, spread = 0;
      for (int64_t c = first; c < first + channels; ++c) distance += average[c] - average[first];
      const T center = average[first] + distance * share;
      for (int64_t c = first; c < first + channels; ++c) {
        const T d = average[c] - center;
        spread += fma(d, d, variance[c]);
      }
      const T root = spread * share + static_cast<T>(args.epsilon);
      mean[g] = center;
      inv_std[g] = T(1) / (sizeof(T) == 4 ? __builtin_sqrtf(root) : __builtin_sqrt(root));
      for (int64_t c = first; c < first + channels; ++c) {
        coefficients[c] = center;
        coefficients[width + c] = gamma ? gamma[c] * inv_std[g] : inv_std[g];
        coefficients[2 * width + c] = beta ? beta[c] : T(0);
      }
    }
    for (int k = 0; k < 3; ++k) repeat_columns(coefficients + k * width, args.x);
  }
};

// dx?, dgamma (C)?, dbeta (C)? | dy, x, mean (N, G), inv_std (N, G), gamma (C)?
// With z = (x - mean) inv_std and dz = gamma dy: dx = inv_std (dz - mean of dz - z mean of dz z), means over a group.
template <class T>
struct GroupNormBackward {
  using Args = GroupNormArgs;

  static Args prepare(const Call& call) {
    const Columns x = by_example<T>(call, 4);
    const bool sums = call.present(1) || call.present(2), dx = call.present(0);
    return {x, call.dim(5, 1), 0, sums, dx, 5.0 * static_cast<double>(x.size()) * sizeof(T)};
  }
  // The last phase sums over examples. The one before it writes dx.
  static int phases(const Args& args) { return args.is_small() ? 2 : 4; }
  static int64_t units(const Args& args, int phase) {
    if (phase == phases(args) - 1) return args.wants_sums ? args.x.blocks() : 0;
    if (phase == 2 && !args.wants_dx) return 0;
    return phase == 1 ? args.x.outer : args.examples_or_chunks();
  }
  // For each example slopes (4, width), totals (2, C) and partial sums (chunks, 2, width).
  static int64_t shared_bytes(const Args& args) { return args.x.outer * stride(args) * sizeof(T); }
  static int64_t local_bytes(const Args& args) { return args.x.width * sizeof(T); }
  static double cost(const Args& args) { return 50 + stream_ns(args.bytes); }

  static void run(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inv_std, const T* gamma,
                  const Args& args, const Units& u) {
    const Columns& v = args.x;
    T* const shared = static_cast<T*>(u.shared);
    if (u.phase == phases(args) - 1) {
      for (int64_t i = u.first; i < u.last; ++i) add_examples(dgamma, dbeta, shared, args, v.block(i));
      return;
    }
    int64_t example = -1;
    const auto gradients = [&](int64_t unit) {
      T* const center = static_cast<T*>(u.local);
      if (example != unit / v.chunks) {
        example = unit / v.chunks;
        spread_groups(center, mean + example * args.G, args);
      }
      T* const sums = shared + example * stride(args) + (Slopes<T>::kArrays + 2 + unit % v.chunks * 2) * v.width;
      const int64_t start = v.start(unit);
      chunk_gradients<T, Activation::linear>(sums, sums + v.width, dy + start, x + start, nullptr, center, {},
                                             Walk::of(v, unit, {0, v.width}));
    };
    const auto combine = [&](int64_t n) {
      finish(shared + n * stride(args), mean + n * args.G, inv_std + n * args.G, gamma, args);
    };
    const auto map = [&](int64_t unit) {
      if (!dx) return;
      const Slopes<T> slopes = Slopes<T>::at(shared + unit / v.chunks * stride(args), v.width);
      const int64_t start = v.start(unit);
      map_gradients<T, Activation::linear, false>(dx + start, dy + start, x + start, nullptr, slopes, {},
                                                  Walk::of(v, unit, {0, v.width}));
    };
    by_phase(args, u, gradients, combine, map);
  }

 private:
  static int64_t stride(const Args& args) { return (Slopes<T>::kArrays + 2 + args.x.chunks * 2) * args.x.width; }

  // A number of each group for each of its channels (width).
  static void spread_groups(T* values, const T* of_group, const Args& args) {
    const int64_t channels = args.channels();
    for (int64_t g = 0; g < args.G; ++g)
      for (int64_t c = g * channels; c < (g + 1) * channels; ++c) values[c] = of_group[g];
    repeat_columns(values, args.x);
  }

  static void finish(T* memory, const T* mean, const T* inv_std, const T* gamma, const Args& args) {
    const int64_t C = args.x.C, width = args.x.width, channels = args.channels();
    const Slopes<T> slopes = Slopes<T>::at(memory, width);
    T *const sum = memory + Slopes<T>::kArrays * width, *const moment = sum + width, *const sums = moment + width;
    combine_sums(sum, sums, args.x, {0, C});
    combine_sums(moment, sums + width, args.x, {0, C});
    spread_groups(slopes.mean, mean, args);
    spread_groups(slopes.slope, inv_std, args);
    const T share = static_cast<T>(args.inverse_count());
    const auto scaled = [=](auto get, Vec<T> v) __attribute__((always_inline)) { return gamma ? get(gamma) * v : v; };
    if ((channels & (channels - 1)) == 0 && channels <= kLanes<T>) {  // vectors of whole groups
      for_each_vector<T>(Range{0, C}, [=](auto get, auto put) __attribute__((always_inline)) {
        const Vec<T> inverse = get(slopes.slope), m = get(moment) * inverse;
        put(moment, m);  // its share of dgamma
        put(slopes.slope, scaled(get, inverse));
        put(slopes.tilt, inverse * inverse * (segment_sums<T>(scaled(get, m), channels) * share));
        put(slopes.lift, inverse * (segment_sums<T>(scaled(get, get(sum)), channels) * share));
      });
    } else {
      for (int64_t g = 0; g < args.G; ++g) {
        const Range columns{g * channels, (g + 1) * channels};
        Vec<T> whole = zero<T>(), turned = zero<T>();  // lanes behind the end add nothing
        for_each_vector<T>(columns, [=, &whole, &turned](auto get, auto put) __attribute__((always_inline)) {
          const Vec<T> inverse = get(slopes.slope), m = get(moment) * inverse;
          put(moment, m);
          put(slopes.slope, scaled(get, inverse));
          turned += scaled(get, m);
          whole += scaled(get, get(sum));
        });
        const T tilt = inv_std[g] * inv_std[g] * (reduce_add<T>(turned) * share);
        const T lift = inv_std[g] * (reduce_add<T>(whole) * share);
        for (int64_t c = columns.begin; c < columns.end; ++c) slopes.tilt[c] = tilt, slopes.lift[c] = lift;
      }
    }
    slopes.repeat(args.x);
  }

  static void add_examples(T* dgamma, T* dbeta, const T* shared, const Args& args, Range block) {
    const int64_t width = args.x.width;
    for (int which = 0; which < 2; ++which) {
      T* const out = which == 0 ? dbeta : dgamma;
      if (!out) continue;
      const T* const totals = shared + (Slopes<T>::kArrays + which) * width;
      for_each_vector<T>(Range{block.begin, min(block.end, args.x.C)},
                         [=, &args](auto get, auto put) __attribute__((always_inline)) {
                           Vec<T> sum = zero<T>();
                           for (int64_t n = 0; n < args.x.outer; ++n) sum += get(totals + n * stride(args));
                           put(out, sum);
                         });
    }
  }
};

template <class T>
void add_kernels(Table& table) {
  table.add<GroupNormForward<T>>("group_norm_forward", DTypeOf<T>::value);
  table.add<GroupNormBackward<T>>("group_norm_backward", DTypeOf<T>::value);
}

}  // namespace

void add_group_norm(Table& table) {
  for_floating_types([&]<class T>(DType) { add_kernels<T>(table); });
}

}  // namespace gemmule::GEMMULE_ISA
