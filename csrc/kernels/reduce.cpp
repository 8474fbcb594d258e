// Reductions along one axis, seen as (outer, axis, inner), and their gradients.
//
// The order of every sum is fixed by the shape. Long axes are cut into chunks of a constant length: a first phase
// reduces each chunk into shared scratch, a second one folds the chunks by the same routine. So threads help, never
// change a bit, and the rounding error grows with the logarithm of the length rather than with the length.
#include "families.h"
#include "vectors.h"

namespace gemmule::GEMMULE_ISA {

namespace {

constexpr int64_t kRunChunk = 4096;  // elements, when the axis is contiguous
constexpr int64_t kRowChunk = 512;   // rows, when it is not
constexpr int64_t kColumns = 1024;   // columns a unit then takes: accumulators that stay in L1

struct View {
  int64_t outer, axis, inner;

  // `axis` of the operand, or all elements as one axis when it is -1.
  static View of(const Call& call, int operand) {
    const int at = static_cast<int>(call.integer("axis"));
    if (at < 0) return {1, call.size(operand), 1};
    int64_t inner = 1;
    for (int i = at + 1; i < call.rank(operand); ++i) inner *= call.dim(operand, i);
    return {call.leading(operand, at), call.dim(operand, at), inner};
  }

  int64_t size() const { return outer * axis * inner; }
  int64_t column_blocks() const { return ceil_div(inner, kColumns); }
};

// ---- What to reduce with. `combine` takes scalars and vectors alike. ------------------------------------------------

template <class T>
constexpr T lowest() {
  if constexpr (std::is_floating_point_v<T>)
    return -static_cast<T>(__builtin_inf());
  else
    return static_cast<T>(uint64_t{1} << (sizeof(T) * 8 - 1));
}

template <class T>
constexpr T highest() {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(__builtin_inf());
  else
    return static_cast<T>(-1 - lowest<T>());
}

struct Add {
  template <class T>
  static constexpr T identity = 0;
  template <class V>
  static GEMMULE_INLINE V combine(V a, V b) {
    return a + b;
  }
};

struct Multiply {
  template <class T>
  static constexpr T identity = 1;
  template <class V>
  static GEMMULE_INLINE V combine(V a, V b) {
    return a * b;
  }
};

struct Maximum {
  template <class T>
  static constexpr T identity = lowest<T>();
  // The inner choice keeps a NaN in a (and is one maxps), the outer one takes a NaN from b; it does not wait for a,
  // the accumulator.
  template <class V>
  static GEMMULE_INLINE V combine(V a, V b) {
    const V larger = b > a ? b : a;
    return b != b ? b : larger;
  }
  // Whether v takes the place of `best`, met earlier: the first of equals stays, and so does the first NaN.
  template <class V>
  static GEMMULE_INLINE auto better(V v, V best) {
    return ((v > best) | (v != v)) & (best == best);
  }
};

struct Minimum {
  template <class T>
  static constexpr T identity = highest<T>();
  template <class V>
  static GEMMULE_INLINE V combine(V a, V b) {
    const V smaller = b < a ? b : a;
    return b != b ? b : smaller;
  }
  template <class V>
  static GEMMULE_INLINE auto better(V v, V best) {
    return ((v < best) | (v != v)) & (best == best);
  }
};

// ---- The two routines -----------------------------------------------------------------------------------------------

// Halves onto each other until one lane is left.
template <class Op, class T, int kWidth = kLanes<T> / 2>
GEMMULE_INLINE T fold_lanes(Vec<T> v) {
  if constexpr (kWidth == 0)
    return v[0];
  else
    return fold_lanes<Op, T, kWidth / 2>(
        Op::combine(v, swap_lanes<kWidth>(v, typename MakeIndices<kLanes<T>>::type{})));
}

// n contiguous elements: eight vectors of accumulators, which hide the latency of an addition, then a tree.
template <class Op, class T>
T reduce_run(const T* x, int64_t n) {
  constexpr int kWays = 8;
  constexpr int64_t kStep = kLanes<T>;
  const Vec<T> identity = splat(Op::template identity<T>);
  Vec<T> sum[kWays];
#pragma GCC unroll 8  // or GCC leaves the accumulators in memory
  for (int k = 0; k < kWays; ++k) sum[k] = identity;
  int64_t i = 0;
  for (; i + kWays * kStep <= n; i += kWays * kStep) {
#pragma GCC unroll 8
    for (int k = 0; k < kWays; ++k) sum[k] = Op::combine(sum[k], load(x + i + k * kStep));
  }
#pragma GCC unroll 8
  for (int k = 0; k < kWays - 1; ++k) {
    if (i + kStep > n) break;
    sum[k] = Op::combine(sum[k], load(x + i));
    i += kStep;
  }
  if (i < n) {
    const Vec<T> rest = load_partial(x + i, n - i);
    sum[kWays - 1] = Op::combine(sum[kWays - 1], lane_numbers<T>() < splat(static_cast<T>(n - i)) ? rest : identity);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) sum[k] = Op::combine(sum[k], sum[k + 4]);
  sum[0] = Op::combine(Op::combine(sum[0], sum[2]), Op::combine(sum[1], sum[3]));
  return fold_lanes<Op, T>(sum[0]);
}

// out[j] = x[0, j] ∘ x[1, j] ∘ ... for j < cols, rows `stride` apart: eight rows at a time as a tree, so that the
// accumulators in `out` are read and written once for eight rows of x.
template <class Op, class T>
void reduce_columns(T* out, const T* x, int64_t rows, int64_t stride, int64_t cols) {
  const Range columns{0, cols};
  for_each_vector<T>(columns,
                     [&](auto, auto put) __attribute__((always_inline)) { put(out, splat(Op::template identity<T>)); });
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8) {
    const T* first = x + r * stride;
    for_each_vector<T>(columns, [&](auto get, auto put) __attribute__((always_inline)) {
      Vec<T> row[8];
      for (int k = 0; k < 8; ++k) row[k] = get(first + k * stride);
      for (int width = 4; width > 0; width /= 2)
        for (int k = 0; k < width; ++k) row[k] = Op::combine(row[k], row[k + width]);
      put(out, Op::combine(get(out), row[0]));
    });
  }
  for (; r < rows; ++r) {
    const T* row = x + r * stride;
    for_each_vector<T>(
        columns, [&](auto get, auto put) __attribute__((always_inline)) { put(out, Op::combine(get(out), get(row))); });
  }
}

// ---- sum mean max min prod ------------------------------------------------------------------------------------------

struct ReduceArgs {
  View x;
  int64_t chunk, chunks;
  int64_t bytes;
  DType dtype;
};

// x (outer, axis, inner), out (outer, inner)
template <class Op, class T, bool kMean = false>
struct Reduce {
  using Args = ReduceArgs;
  static constexpr bool kIntegers = !kMean && !std::is_same_v<Op, Multiply>;

  static Args prepare(const Call& call) {
    const View x = View::of(call, 1);
    const int64_t chunk = x.inner == 1 ? kRunChunk : kRowChunk;
    const DType dtype = call.dtype(1);
    return {x, chunk, max(1, ceil_div(x.axis, chunk)), dtype == DType::float64 || dtype == DType::int64 ? 8 : 4, dtype};
  }
  static int phases(const Args& args) { return args.chunks > 1 ? 2 : 1; }
  static int64_t units(const Args& args, int phase) {
    return args.x.outer * args.x.column_blocks() * (phase == 0 ? args.chunks : 1);
  }
  static int64_t shared_bytes(const Args& args) {
    return args.chunks > 1 ? args.x.outer * args.chunks * args.x.inner * args.bytes : 0;
  }
  static double cost(const Args& args) {
    return cost_ns(0, static_cast<double>(args.x.size() * args.bytes)) + 10.0 * static_cast<double>(args.x.outer);
  }

  static void run(void* out, const void* x, const Args& args, const Units& u) {
    if constexpr (kIntegers) {
      if (args.dtype == DType::int32)
        return run_as(static_cast<int32_t*>(out), static_cast<const int32_t*>(x), args, u);
      if (args.dtype == DType::int64)
        return run_as(static_cast<int64_t*>(out), static_cast<const int64_t*>(x), args, u);
    }
    run_as(static_cast<T*>(out), static_cast<const T*>(x), args, u);
  }

  template <class E>
  static void run_as(E* out, const E* x, const Args& args, const Units& u) {
    const View& view = args.x;
    const int64_t blocks = view.column_blocks();
    E* partials = static_cast<E*>(u.shared);
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const int64_t column = unit % blocks * kColumns, row = unit / blocks;
      const int64_t columns = min(kColumns, view.inner - column);
      if (u.phase == 1) {  // row is an outer index: fold its chunks
        reduce(out + row * view.inner + column, partials + row * args.chunks * view.inner + column, args.chunks,
               columns, args, true);
        continue;
      }
      const int64_t outer = row / args.chunks, first = row % args.chunks * args.chunk;
      E* to = (args.chunks > 1 ? partials : out) + row * view.inner + column;
      reduce(to, x + (outer * view.axis + first) * view.inner + column, min(args.chunk, view.axis - first), columns,
             args, args.chunks == 1);
    }
  }

  template <class E>
  static void reduce(E* to, const E* from, int64_t rows, int64_t columns, const Args& args, bool last) {
    if (args.x.inner == 1)
      *to = reduce_run<Op>(from, rows);
    else
      reduce_columns<Op>(to, from, rows, args.x.inner, columns);
    if constexpr (kMean)
      if (last)
        for (int64_t j = 0; j < columns; ++j) to[j] /= static_cast<E>(args.x.axis);
  }
};

// ---- argmax argmin --------------------------------------------------------------------------------------------------

// out (outer, inner) int32: the place of the extremum along the axis, the first of equals; NaN wins.
template <class Op, class T>
struct ArgExtremum {
  struct Args {
    View x;
    int64_t bytes;
    DType dtype;
  };

  static Args prepare(const Call& call) {
    const DType dtype = call.dtype(1);
    return {View::of(call, 1), dtype == DType::float64 || dtype == DType::int64 ? 8 : 4, dtype};
  }
  static int64_t units(const Args& args) { return args.x.outer * args.x.column_blocks(); }
  static double cost(const Args& args) {
    return cost_ns(0, 2.0 * static_cast<double>(args.x.size() * args.bytes)) + 15.0 * static_cast<double>(args.x.outer);
  }

  static void run(int32_t* out, const void* x, const Args& args, const Units& u) {
    if (args.dtype == DType::int32)
      run_as(out, static_cast<const int32_t*>(x), args.x, u);
    else if (args.dtype == DType::int64)
      run_as(out, static_cast<const int64_t*>(x), args.x, u);
    else
      run_as(out, static_cast<const T*>(x), args.x, u);
  }

  template <class E>
  static void run_as(int32_t* out, const E* x, const View& view, const Units& u) {
    const int64_t blocks = view.column_blocks();
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const int64_t outer = unit / blocks, column = unit % blocks * kColumns;
      const E* from = x + outer * view.axis * view.inner + column;
      if (view.inner == 1)
        out[outer] = static_cast<int32_t>(find(from, view.axis));
      else
        columns(out + outer * view.inner + column, from, view, min(kColumns, view.inner - column));
    }
  }

  // One pass finds the extremum, a second one its place.
  template <class E>
  static int64_t find(const E* x, int64_t n) {
    const E value = reduce_run<Op>(x, n);
    if (value != value) return first_where(x, n, [](E v) { return v != v; });
    return first_where(x, n, [value](E v) { return v == value; });
  }

  template <class E, class Test>
  static GEMMULE_INLINE int64_t first_where(const E* x, int64_t n, const Test& test) {
    constexpr int64_t kBlock = 64;
    int64_t i = 0;
    for (; i + kBlock <= n; i += kBlock) {
      int hits = 0;
      for (int64_t k = 0; k < kBlock; ++k) hits |= test(x[i + k]);
      if (hits) break;
    }
    while (i < n - 1 && !test(x[i])) ++i;
    return i;
  }

  template <class E>
  static void columns(int32_t* out, const E* x, const View& view, int64_t count) {
    using Place = std::conditional_t<sizeof(E) == 4, int32_t, int64_t>;
    for (int64_t j = 0; j < count; j += kLanes<E>) {
      const int64_t lanes = min(kLanes<E>, count - j);
      Vec<E> best = load_partial(x + j, lanes);
      Vec<Place> place{};
      for (int64_t a = 1; a < view.axis; ++a) {
        const Vec<E> v = load_partial(x + a * view.inner + j, lanes);
        const auto better = Op::better(v, best);
        best = better ? v : best;
        place = better ? splat(static_cast<Place>(a)) : place;
      }
      for (int64_t lane = 0; lane < lanes; ++lane) out[j + lane] = static_cast<int32_t>(place[lane]);
    }
  }
};

// dx (outer, axis, inner) | dy (outer, inner), x, y (outer, inner): the gradient of max and min, shared equally by all
// elements that attain it.
template <class T>
struct ExtremumBackward {
  using Args = View;

  static Args prepare(const Call& call) { return View::of(call, 2); }
  static int64_t units(const Args& x) { return x.outer * x.column_blocks(); }
  static double cost(const Args& x) { return cost_ns(0, 3.0 * static_cast<double>(x.size()) * sizeof(T)); }

  static void run(T* dx, const T* dy, const T* x, const T* y, const Args& view, const Units& u) {
    const int64_t blocks = view.column_blocks();
    for (int64_t unit = u.first; unit < u.last; ++unit) {
      const int64_t outer = unit / blocks, column = unit % blocks * kColumns;
      const int64_t at = outer * view.axis * view.inner + column, reduced = outer * view.inner + column;
      if (view.inner == 1)
        along_run(dx + at, dy[outer], x + at, y[outer], view.axis);
      else
        along_columns(dx + at, dy + reduced, x + at, y + reduced, view, min(kColumns, view.inner - column));
    }
  }

  static GEMMULE_INLINE Mask<T> attains(Vec<T> x, Vec<T> y) { return (x == y) | ((x != x) & (y != y)); }

  static void along_run(T* dx, T dy, const T* x, T y, int64_t n) {
    int64_t ties = 0;
    for (int64_t i = 0; i < n; ++i) ties += (x[i] == y) | ((x[i] != x[i]) & (y != y));
    const Vec<T> share = splat(dy / static_cast<T>(ties));
    for_each_vector<T>({0, n}, [&](auto get, auto put) __attribute__((always_inline)) {
      put(dx, select<T>(attains(get(x), splat(y)), share, zero<T>()));
    });
  }

  static void along_columns(T* dx, const T* dy, const T* x, const T* y, const View& view, int64_t columns) {
    constexpr int64_t kStep = 4 * kLanes<T>;
    const int64_t whole = columns / kStep * kStep;
    for (int64_t c = 0; c < whole; c += kStep) four_vectors(dx + c, dy + c, x + c, y + c, view);
    for_each_vector<T>({whole, columns}, [&](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> extremum = get(y);
      Mask<T> ties{};  // a true lane is -1
      for (int64_t a = 0; a < view.axis; ++a) ties -= attains(get(x + a * view.inner), extremum);
      const Vec<T> share = get(dy) / __builtin_convertvector(ties, Vec<T>);
      for (int64_t a = 0; a < view.axis; ++a)
        put(dx + a * view.inner, select<T>(attains(get(x + a * view.inner), extremum), share, zero<T>()));
    });
  }

  // Neighbouring vectors of columns together: memory gives whole lines, and asks for the next ones by itself.
  static void four_vectors(T* dx, const T* dy, const T* x, const T* y, const View view) {
    Vec<T> extremum[4], share[4];
    Mask<T> ties[4] = {};
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) extremum[k] = load(y + k * kLanes<T>);
    for (int64_t a = 0; a < view.axis; ++a)
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) ties[k] -= attains(load(x + a * view.inner + k * kLanes<T>), extremum[k]);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) share[k] = load(dy + k * kLanes<T>) / __builtin_convertvector(ties[k], Vec<T>);
    for (int64_t a = 0; a < view.axis; ++a)
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        const int64_t at = a * view.inner + k * kLanes<T>;
        store(dx + at, select<T>(attains(load(x + at), extremum[k]), share[k], zero<T>()));
      }
  }
};

// ---- broadcast ------------------------------------------------------------------------------------------------------

// out (outer, axis, inner) = scale * x (outer, inner), repeated along the axis: the gradient of sum and of mean.
template <class T>
struct Broadcast {
  static constexpr int64_t kChunk = 4096;
  struct Args {
    View out;
    double scale;
  };

  static Args prepare(const Call& call) { return {View::of(call, 0), call.number("scale")}; }
  static int64_t units(const Args& args) { return ceil_div(args.out.size(), kChunk); }
  static double cost(const Args& args) { return cost_ns(0, 1.5 * static_cast<double>(args.out.size()) * sizeof(T)); }

  static void run(T* out, const T* x, const Args& args, const Units& u) {
    const View& view = args.out;
    const Range range = covered(u, kChunk, view.size());
    const Vec<T> scale = splat(static_cast<T>(args.scale));
    const bool constant = view.inner == 1;  // a segment of out repeats one element, or is a row of x
    const int64_t length = constant ? view.axis : view.inner;
    int64_t segment = range.begin / length, position = range.begin % length;
    for (int64_t i = range.begin; i < range.end; ++segment, position = 0) {
      const int64_t n = min(length - position, range.end - i);
      if (constant) {
        const Vec<T> value = splat(x[segment]) * scale;
        for_each_vector<T>({0, n}, [&](auto, auto put) __attribute__((always_inline)) { put(out + i, value); });
      } else {
        const T* row = x + segment / view.axis * view.inner + position;
        for_each_vector<T>({0, n},
                           [&](auto get, auto put) __attribute__((always_inline)) { put(out + i, get(row) * scale); });
      }
      i += n;
    }
  }
};

// ---- weighted mean --------------------------------------------------------------------------------------------------

// out () = Σ w·v / N; values, weights (N)
template <class T>
struct WeightedMean {
  struct Args {
    int64_t size;
  };

  static Args prepare(const Call& call) { return {call.size(1)}; }
  static int64_t units(const Args&) { return 1; }
  static double cost(const Args& args) { return cost_ns(0, 2.0 * static_cast<double>(args.size) * sizeof(T)) + 10; }

  static void run(T* out, const T* values, const T* weights, const Args& args, const Units&) {
    const T sum = weights ? dot(values, weights, args.size) : reduce_run<Add>(values, args.size);
    *out = sum / static_cast<T>(args.size);
  }

  static T dot(const T* a, const T* b, int64_t n) {
    constexpr int64_t kStep = kLanes<T>;
    Vec<T> sum[4] = {};
    int64_t i = 0;
    for (; i + 4 * kStep <= n; i += 4 * kStep)
      for (int k = 0; k < 4; ++k) sum[k] = fma(load(a + i + k * kStep), load(b + i + k * kStep), sum[k]);
    for (; i < n; i += kStep) sum[0] = fma(load_partial(a + i, n - i), load_partial(b + i, n - i), sum[0]);
    return reduce_add<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
};

// dvalues (N) = dout / N * w | dout (), weights (N)?, values (N)
template <class T>
struct WeightedMeanBackward {
  static constexpr int64_t kChunk = 4096;
  struct Args {
    int64_t size;
  };

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kChunk); }
  static double cost(const Args& args) { return cost_ns(0, 2.0 * static_cast<double>(args.size) * sizeof(T)); }

  static void run(T* dvalues, const T* dout, const T* weights, const T*, const Args& args, const Units& u) {
    const Vec<T> share = splat(*dout / static_cast<T>(args.size));
    for_each_vector<T>(covered(u, kChunk, args.size), [&](auto get, auto put) __attribute__((always_inline)) {
      put(dvalues, weights ? share * get(weights) : share);
    });
  }
};

template <class T>
void register_for(Table& table, DType dtype) {
  table.add<Reduce<Add, T>>("sum", dtype);
  table.add<Reduce<Add, T, true>>("mean", dtype);
  table.add<Reduce<Maximum, T>>("max", dtype);
  table.add<Reduce<Minimum, T>>("min", dtype);
  table.add<Reduce<Multiply, T>>("prod", dtype);
  table.add<ArgExtremum<Maximum, T>>("argmax", dtype);
  table.add<ArgExtremum<Minimum, T>>("argmin", dtype);
  table.add<ExtremumBackward<T>>("extremum_backward", dtype);
  table.add<Broadcast<T>>("broadcast", dtype);
  table.add<WeightedMean<T>>("weighted_mean", dtype);
  table.add<WeightedMeanBackward<T>>("weighted_mean_backward", dtype);
}

}  // namespace

void register_reduce(Table& table) {
  for_floating_types([&]<class T>(DType dtype) { register_for<T>(table, dtype); });
}

}  // namespace gemmule::GEMMULE_ISA
