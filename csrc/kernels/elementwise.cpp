// Arithmetic, comparisons and choices, element by element; two or three operands broadcast as in NumPy.
//
// Most loops here are plain: every operation rounds once, so however the compiler vectorises them the bits are the
// same. Floating dtypes belong to the table entry of that dtype, integers and bools to the entry of float32.
#include "elementwise.h"

#include "broadcast.h"
#include "families.h"
#include "simd_math.h"
#include "vectors.h"

// Outputs may lie on an input, element on element, which does not keep a loop from being vectorised.
#define GEMMULE_INDEPENDENT _Pragma("GCC ivdep")

namespace gemmule::GEMMULE_ISA {

namespace {

// ---- Element types -------------------------------------------------------------------------------------------------

template <class T>
constexpr bool is_floating = std::is_floating_point_v<T>;

// Bools are bytes holding 0 or 1.
template <class T>
constexpr bool stands_for(DType dtype) {
  if (std::is_same_v<T, float>) return dtype == DType::float32;
  if (std::is_same_v<T, double>) return dtype == DType::float64;
  if (std::is_same_v<T, int32_t>) return dtype == DType::int32;
  if (std::is_same_v<T, int64_t>) return dtype == DType::int64;
  if (std::is_same_v<T, uint32_t>) return dtype == DType::uint32;
  if (std::is_same_v<T, uint64_t>) return dtype == DType::uint64;
  return dtype == DType::uint8 || dtype == DType::bool_;
}

template <class... T>
struct Types {};

// The types that a table entry for T also answers for.
template <class T>
using Numbers = std::conditional_t<std::is_same_v<T, float>, Types<float, int32_t, int64_t>, Types<double>>;
template <class T>
using AllTypes = std::conditional_t<std::is_same_v<T, float>, Types<float, int32_t, int64_t, uint8_t>, Types<double>>;

// Signed integers wrap around, as in NumPy.
template <class T>
struct Wrapping {
  using type = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
};
template <>
struct Wrapping<float> {
  using type = float;
};
template <>
struct Wrapping<double> {
  using type = double;
};
template <class T>
GEMMULE_INLINE typename Wrapping<T>::type wrapping(T x) {
  return static_cast<typename Wrapping<T>::type>(x);
}

// ---- Two operands --------------------------------------------------------------------------------------------------

#define GEMMULE_BINARY(Name, Out, expression)   \
  struct Name {                                 \
    template <class T>                          \
    using Result = Out;                         \
    template <class T>                          \
    static GEMMULE_INLINE Out apply(T a, T b) { \
      return static_cast<Out>(expression);      \
    }                                           \
  };
GEMMULE_BINARY(Add, T, wrapping(a) + wrapping(b))
GEMMULE_BINARY(Subtract, T, wrapping(a) - wrapping(b))
GEMMULE_BINARY(Multiply, T, wrapping(a) * wrapping(b))
GEMMULE_BINARY(Divide, T, a / b)
GEMMULE_BINARY(Maximum, T, (a > b) | (a != a) ? a : b)  // NaN wins
GEMMULE_BINARY(Minimum, T, (a < b) | (a != a) ? a : b)
GEMMULE_BINARY(Equal, uint8_t, a == b)
GEMMULE_BINARY(NotEqual, uint8_t, a != b)
GEMMULE_BINARY(Less, uint8_t, a < b)
GEMMULE_BINARY(LessEqual, uint8_t, a <= b)
GEMMULE_BINARY(Greater, uint8_t, a > b)
GEMMULE_BINARY(GreaterEqual, uint8_t, a >= b)
GEMMULE_BINARY(LogicalAnd, uint8_t, a& b)
GEMMULE_BINARY(LogicalOr, uint8_t, a | b)
#undef GEMMULE_BINARY

struct Power {
  template <class T>
  using Result = T;
  static float apply(float a, float b) { return __builtin_powf(a, b); }
  static double apply(double a, double b) { return __builtin_pow(a, b); }
};

template <class Op, class T, bool kWalkA, bool kWalkB>
void binary_loop(typename Op::template Result<T>* out, const T* a, const T* b, int64_t n) {
  const T first_a = a[0], first_b = b[0];
  GEMMULE_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = Op::apply(kWalkA ? a[i] : first_a, kWalkB ? b[i] : first_b);
}

template <class Op, class T>
void binary_span(void* out, const Source* sources, int64_t n) {
  auto* y = static_cast<typename Op::template Result<T>*>(out);
  const T *a = static_cast<const T*>(sources[0].data), *b = static_cast<const T*>(sources[1].data);
  if (sources[0].step && sources[1].step)
    binary_loop<Op, T, true, true>(y, a, b, n);
  else if (sources[0].step)
    binary_loop<Op, T, true, false>(y, a, b, n);
  else
    binary_loop<Op, T, false, true>(y, a, b, sources[1].step ? n : 1);
}

// By far the most frequent power is a square, which needs no logarithm.
template <class T>
void power_span(void* out, const Source* sources, int64_t n) {
  const bool square = sources[1].step == 0 && *static_cast<const T*>(sources[1].data) == T(2);
  if (!square) return binary_span<Power, T>(out, sources, n);
  const Source twice[] = {sources[0], sources[0]};
  binary_span<Multiply, T>(out, twice, n);
}

template <class Op, class T>
constexpr SpanFunction kBinarySpan = binary_span<Op, T>;
template <class T>
constexpr SpanFunction kBinarySpan<Power, T> = power_span<T>;

// The function for the type of operand 1; ops check dtypes, so to find none is a defect of theirs.
template <class Op, class... T>
SpanFunction binary_span_for(const Call& call, Types<T...>) {
  SpanFunction found = nullptr;
  ((stands_for<T>(call.dtype(1)) ? void(found = kBinarySpan<Op, T>) : void()), ...);
  if (!found) call.refuse("this element-by-element operation does not take arrays of this dtype");
  return found;
}

constexpr int bytes_of(DType dtype) {
  if (dtype == DType::uint8 || dtype == DType::bool_) return 1;
  return dtype == DType::float32 || dtype == DType::int32 || dtype == DType::uint32 ? 4 : 8;
}

struct BroadcastArgs {
  Broadcast plan;
  SpanFunction span;
  int8_t inputs;
  int8_t bytes[kMaxInputs];
  int8_t out_bytes;
  int8_t slow;  // calls the C library for each element

  static BroadcastArgs of(const Call& call, int inputs, SpanFunction span) {
    BroadcastArgs args{plan_broadcast(call, inputs), span, static_cast<int8_t>(inputs), {}, 0, 0};
    for (int i = 0; i < inputs; ++i) args.bytes[i] = static_cast<int8_t>(bytes_of(call.dtype(1 + i)));
    args.out_bytes = static_cast<int8_t>(bytes_of(call.dtype(0)));
    return args;
  }

  void run(void* out, const void* a, const void* b, const void* c, const Units& u) const {
    const BroadcastOperands m{out, {a, b, c}, {bytes[0], bytes[1], bytes[2]}, out_bytes, inputs};
    run_broadcast(plan, m, span, u);
  }
};

struct OverBroadcast {
  using Args = BroadcastArgs;

  static int64_t units(const Args& args) { return args.plan.units(); }
  static double cost(const Args& args) {
    const double size = static_cast<double>(args.plan.size);
    const bool tiles = args.plan.axes > 1 && args.plan.extents[0] <= kShortAxis;
    return size * (args.slow ? 8 : tiles ? 0.1 : 0) + stream_ns(size * (args.out_bytes + args.inputs * args.bytes[1]));
  }
};

// out = op(a, b), for the types in the list
template <class Op, class TypeList>
struct Binary : OverBroadcast {
  static Args prepare(const Call& call) {
    Args args = Args::of(call, 2, binary_span_for<Op>(call, TypeList{}));
    args.slow = std::is_same_v<Op, Power>;
    return args;
  }
  static void run(void* out, const void* a, const void* b, const Args& args, const Units& u) {
    args.run(out, a, b, nullptr, u);
  }
};

// ---- where: out = condition ? a : b --------------------------------------------------------------------------------

template <class T, bool kWalkA, bool kWalkB>
void where_loop(T* out, const uint8_t* condition, const T* a, const T* b, int64_t n) {
  const T first_a = a[0], first_b = b[0];
  GEMMULE_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const T yes = kWalkA ? a[i] : first_a, no = kWalkB ? b[i] : first_b;
    out[i] = condition[i] ? yes : no;
  }
}

template <class T>
void copy_or_fill(T* out, const Source& source, int64_t n) {
  const T* from = static_cast<const T*>(source.data);
  if (source.step) {
    __builtin_memmove(out, from, n * sizeof(T));
  } else {
    const T value = *from;
    for (int64_t i = 0; i < n; ++i) out[i] = value;
  }
}

template <class T>
void where_span(void* out, const Source* sources, int64_t n) {
  T* y = static_cast<T*>(out);
  const uint8_t* condition = static_cast<const uint8_t*>(sources[0].data);
  if (sources[0].step == 0) return copy_or_fill(y, sources[*condition ? 1 : 2], n);
  const T *a = static_cast<const T*>(sources[1].data), *b = static_cast<const T*>(sources[2].data);
  if (sources[1].step && sources[2].step)
    where_loop<T, true, true>(y, condition, a, b, n);
  else if (sources[1].step)
    where_loop<T, true, false>(y, condition, a, b, n);
  else if (sources[2].step)
    where_loop<T, false, true>(y, condition, a, b, n);
  else
    where_loop<T, false, false>(y, condition, a, b, n);
}

template <class... T>
SpanFunction where_span_for(const Call& call, Types<T...>) {
  SpanFunction found = nullptr;
  ((stands_for<T>(call.dtype(2)) ? void(found = where_span<T>) : void()), ...);
  if (!found) call.refuse("where does not take arrays of this dtype");
  return found;
}

template <class TypeList>
struct Where : OverBroadcast {
  static Args prepare(const Call& call) { return Args::of(call, 3, where_span_for(call, TypeList{})); }
  static void run(void* out, const void* condition, const void* a, const void* b, const Args& args, const Units& u) {
    args.run(out, condition, a, b, u);
  }
};

// ---- One operand ---------------------------------------------------------------------------------------------------

#define GEMMULE_UNARY(Name, operations, expression)   \
  struct Name {                                       \
    static constexpr double kOperations = operations; \
    template <class T>                                \
    static GEMMULE_INLINE T apply(T x) {              \
      return static_cast<T>(expression);              \
    }                                                 \
  };
GEMMULE_UNARY(Negative, 1, is_floating<T> ? -x : 0 - wrapping(x))
GEMMULE_UNARY(Square, 1, wrapping(x) * wrapping(x))
GEMMULE_UNARY(Sign, 3, x > T(0) ? T(1) : x < T(0) ? T(-1) : x)  // zero and NaN are their own signs
GEMMULE_UNARY(Reciprocal, 4, T(1) / x)
GEMMULE_UNARY(LogicalNot, 1, x ^ 1)
#undef GEMMULE_UNARY

struct Absolute {
  static constexpr double kOperations = 1;
  template <class T>
  static GEMMULE_INLINE T apply(T x) {
    if constexpr (is_floating<T>)
      return static_cast<T>(sizeof(T) == 4 ? __builtin_fabsf(static_cast<float>(x)) : __builtin_fabs(x));
    else
      return static_cast<T>(x < 0 ? 0 - wrapping(x) : wrapping(x));
  }
};

struct SquareRoot {
  static constexpr double kOperations = 6;
  static GEMMULE_INLINE float apply(float x) { return __builtin_sqrtf(x); }
  static GEMMULE_INLINE double apply(double x) { return __builtin_sqrt(x); }
};

struct Exponential {
  static constexpr double kOperations = 20;
  template <class V>
  static GEMMULE_INLINE V apply_vector(V x) {
    return exp(x);
  }
};

struct Logarithm {
  static constexpr double kOperations = 25;
  template <class V>
  static GEMMULE_INLINE V apply_vector(V x) {
    return log(x);
  }
};

template <class Op, class T>
void unary_range(void* out, const void* in, Range range) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  if constexpr (requires(Vec<T> v) { Op::apply_vector(v); }) {
    for_each_vector<T>(range,
                       [=](auto get, auto put) __attribute__((always_inline)) { put(y, Op::apply_vector(get(x))); });
  } else {
    GEMMULE_INDEPENDENT
    for (int64_t i = range.begin; i < range.end; ++i) y[i] = Op::apply(x[i]);
  }
}

using RangeFunction = void (*)(void* out, const void* x, Range range);

struct UnaryArgs {
  int64_t size;
  RangeFunction function;
  double cost;
};

template <class Op, class... T>
UnaryArgs unary_args(const Call& call, Types<T...>) {
  UnaryArgs args{call.size(0), nullptr, 0};
  const double size = static_cast<double>(args.size);
  ((stands_for<T>(call.dtype(1))
        ? void(args = {args.size, unary_range<Op, T>,
                       size * arithmetic_ns<T>(Op::kOperations) + stream_ns(2 * size * sizeof(T))})
        : void()),
   ...);
  if (!args.function) call.refuse("this element-by-element function does not take arrays of this dtype");
  return args;
}

// out = op(x), for the types in the list
template <class Op, class TypeList>
struct Unary {
  using Args = UnaryArgs;

  static Args prepare(const Call& call) { return unary_args<Op>(call, TypeList{}); }
  static int64_t units(const Args& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const Args& args) { return args.cost; }
  static void run(void* out, const void* x, const Args& args, const Units& u) {
    args.function(out, x, covered(u, kElementChunk, args.size));
  }
};

// ---- Limits, and gradients of the larger and the smaller -----------------------------------------------------------

template <class T>
struct LimitArgs {
  int64_t size;
  T low, high;
};

template <class T>
struct OverElements {
  static int64_t units(const auto& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const auto& args) { return stream_ns(3 * static_cast<double>(args.size) * sizeof(T)); }
};

// out = min(max(x, low), high)
template <class T>
struct Clip : OverElements<T> {
  using Args = LimitArgs<T>;

  static Args prepare(const Call& call) {
    return {call.size(0), static_cast<T>(call.number("low")), static_cast<T>(call.number("high"))};
  }
  static void run(T* out, const T* x, const Args& args, const Units& u) {
    const Vec<T> low = splat(args.low), high = splat(args.high);
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> raised = select<T>(get(x) < low, low, get(x));  // NaN stays
      put(out, select<T>(raised > high, high, raised));
    });
  }
};

// dx = dy where low <= x <= high, else 0
template <class T>
struct ClipBackward : OverElements<T> {
  using Args = LimitArgs<T>;

  static Args prepare(const Call& call) { return Clip<T>::prepare(call); }
  static void run(T* dx, const T* dy, const T* x, const Args& args, const Units& u) {
    const T low = args.low, high = args.high;
    for_each_vector<T>(covered(u, kElementChunk, args.size), [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> v = get(x);
      const Vec<T> outside = select<T>(v == v, zero<T>(), v);  // NaN comes out again
      put(dx, select<T>((v >= low) & (v <= high), get(dy), outside));
    });
  }
};

struct SizeArgs {
  int64_t size;
};

// da = dout where a is chosen, half of it at ties, and db the rest. kSign is 1 for the larger, -1 for the smaller.
template <class T, int kSign>
struct ExtremumOfTwoBackward : OverElements<T> {
  using Args = SizeArgs;

  static Args prepare(const Call& call) { return {call.size(2)}; }

  static void run(T* da, T* db, const T* dout, const T* a, const T* b, const Args& args, const Units& u) {
    const Range range = covered(u, kElementChunk, args.size);
    if (da != nullptr) give(da, dout, a, b, range);
    if (db != nullptr) give(db, dout, b, a, range);
  }

  static void give(T* d, const T* dout, const T* own, const T* other, Range range) {
    for_each_vector<T>(range, [=](auto get, auto put) __attribute__((always_inline)) {
      const Vec<T> mine = get(own), theirs = get(other), gradient = get(dout);
      const Mask<T> chosen = kSign > 0 ? mine > theirs : mine < theirs;
      const Vec<T> tie = select<T>(mine == theirs, gradient * T(0.5), zero<T>());
      const Vec<T> unordered = select<T>((mine != mine) | (theirs != theirs), mine + theirs, tie);  // NaN
      put(d, select<T>(chosen, gradient, unordered));
    });
  }
};

// ---- Constants -----------------------------------------------------------------------------------------------------

// out = x factor
template <class T>
struct Scale : OverElements<T> {
  using Args = SizeArgs;

  static Args prepare(const Call& call) { return {call.size(0)}; }
  static void run(T* out, const T* x, const T* factor, const Args& args, const Units& u) {
    const T by = *factor;
    for_each_vector<T>(covered(u, kElementChunk, args.size),
                       [=](auto get, auto put) __attribute__((always_inline)) { put(out, get(x) * by); });
  }
};

struct FillArgs {
  int64_t size;
  double value;
  DType dtype;
};

template <class T>
void fill_range(void* out, double value, Range range) {
  T* y = static_cast<T*>(out);
  const T element = static_cast<T>(value);
  for (int64_t i = range.begin; i < range.end; ++i) y[i] = element;
}

// out = value, of any dtype
struct Fill {
  using Args = FillArgs;

  static Args prepare(const Call& call) { return {call.size(0), call.number("value"), call.dtype(0)}; }
  static int64_t units(const Args& args) { return ceil_div(args.size, kElementChunk); }
  static double cost(const Args& args) { return stream_ns(static_cast<double>(args.size) * bytes_of(args.dtype)); }

  static void run(void* out, const Args& args, const Units& u) {
    const Range range = covered(u, kElementChunk, args.size);
    switch (args.dtype) {
      case DType::float32:
        return fill_range<float>(out, args.value, range);
      case DType::float64:
        return fill_range<double>(out, args.value, range);
      case DType::int32:
        return fill_range<int32_t>(out, args.value, range);
      case DType::int64:
        return fill_range<int64_t>(out, args.value, range);
      case DType::uint8:
        return fill_range<uint8_t>(out, args.value, range);
      case DType::bool_:
        return fill_range<uint8_t>(out, args.value != 0, range);
      case DType::uint32:
        return fill_range<uint32_t>(out, args.value, range);
      case DType::uint64:
        return fill_range<uint64_t>(out, args.value, range);
    }
  }
};

// ---- Registration --------------------------------------------------------------------------------------------------

template <class T>
void add_arithmetic(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
  table.add<Binary<Add, Numbers<T>>>("add", dtype);
  table.add<Binary<Subtract, Numbers<T>>>("subtract", dtype);
  table.add<Binary<Multiply, Numbers<T>>>("multiply", dtype);
  table.add<Binary<Divide, Types<T>>>("divide", dtype);
  table.add<Binary<Power, Types<T>>>("power", dtype);
  table.add<Binary<Maximum, Numbers<T>>>("maximum", dtype);
  table.add<Binary<Minimum, Numbers<T>>>("minimum", dtype);
  table.add<Unary<Negative, Numbers<T>>>("negative", dtype);
  table.add<Unary<Absolute, Numbers<T>>>("abs", dtype);
  table.add<Unary<Square, Numbers<T>>>("square", dtype);
  table.add<Unary<Sign, Numbers<T>>>("sign", dtype);
  table.add<Unary<Exponential, Types<T>>>("exp", dtype);
  table.add<Unary<Logarithm, Types<T>>>("log", dtype);
  table.add<Unary<SquareRoot, Types<T>>>("sqrt", dtype);
  table.add<Unary<Reciprocal, Types<T>>>("reciprocal", dtype);
  table.add<ExtremumOfTwoBackward<T, 1>>("maximum_backward", dtype);
  table.add<ExtremumOfTwoBackward<T, -1>>("minimum_backward", dtype);
  table.add<Scale<T>>("scale", dtype);
}

template <class T>
void add_choices(Table& table) {
  constexpr DType dtype = DTypeOf<T>::value;
  table.add<Binary<Equal, AllTypes<T>>>("equal", dtype);
  table.add<Binary<NotEqual, AllTypes<T>>>("not_equal", dtype);
  table.add<Binary<Less, AllTypes<T>>>("less", dtype);
  table.add<Binary<LessEqual, AllTypes<T>>>("less_equal", dtype);
  table.add<Binary<Greater, AllTypes<T>>>("greater", dtype);
  table.add<Binary<GreaterEqual, AllTypes<T>>>("greater_equal", dtype);
  table.add<Where<AllTypes<T>>>("where", dtype);
  table.add<Clip<T>>("clip", dtype);
  table.add<ClipBackward<T>>("clip_backward", dtype);
  table.add<Fill>("fill", dtype);
}

}  // namespace

void register_elementwise(Table& table) {
  for_floating_types([&]<class T>(DType) {
    add_arithmetic<T>(table);
    add_choices<T>(table);
  });
  table.add<Binary<LogicalAnd, Types<uint8_t>>>("logical_and", DType::float32);
  table.add<Binary<LogicalOr, Types<uint8_t>>>("logical_or", DType::float32);
  table.add<Unary<LogicalNot, Types<uint8_t>>>("logical_not", DType::float32);
}

}  // namespace gemmule::GEMMULE_ISA
